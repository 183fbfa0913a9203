// Shows the drawing that the kernel sends: fitted to the window's width, or at a chosen zoom.

function button(label, title, onClick) {
  const made = document.createElement("button");
  made.textContent = label;
  made.title = title;
  made.setAttribute("aria-label", title);
  made.addEventListener("click", onClick);
  return made;
}

function render({ model, el }) {
  let zoom = null; // null: fit to the width
  let space = 0; // the canvas' width; asking for it after a change would cost a layout of the page

  const tools = document.createElement("div");
  tools.className = "explorer-tools";
  const canvas = document.createElement("div");
  canvas.className = "explorer-canvas";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Diagram of the network; the layer table has the same facts");
  el.classList.add("explorer-diagram");
  el.append(tools, canvas);

  function scale() {
    const svg = canvas.querySelector("svg");
    if (!svg) return;
    const width = svg.viewBox.baseVal.width * (96 / 72); // Graphviz draws in points
    const fitting = Math.min(1, space / width);
    svg.style.width = `${width * (zoom ?? fitting)}px`;
    svg.style.height = "auto";
  }

  function enlarge(factor) {
    const svg = canvas.querySelector("svg");
    const width = svg.viewBox.baseVal.width * (96 / 72);
    const present = svg.getBoundingClientRect().width / width;
    zoom = Math.min(4, Math.max(0.1, present * factor));
    scale();
  }

  tools.append(
    button("−", "Zoom out", () => enlarge(1 / 1.25)),
    button("+", "Zoom in", () => enlarge(1.25)),
    button("Fit", "Fit to the width", () => { zoom = null; scale(); }),
  );

  function draw() {
    canvas.innerHTML = model.get("svg");
    scale();
    mark();
  }

  function mark() {
    for (const node of canvas.querySelectorAll("g.node")) {
      node.classList.toggle("explorer-selected", node.id === model.get("selected"));
    }
  }

  canvas.addEventListener("click", (event) => {
    const node = event.target.closest?.("g.node");
    if (!node?.id.startsWith("block-")) return;
    model.set("selected", node.id);
    model.save_changes();
  });

  const observer = new ResizeObserver(() => {
    space = canvas.clientWidth;
    scale();
  });
  observer.observe(canvas);
  model.on("change:svg", draw);
  model.on("change:selected", mark);
  draw();
  return () => {
    observer.disconnect();
    model.off("change:svg", draw);
    model.off("change:selected", mark);
  };
}

export default { render };
