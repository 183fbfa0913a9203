// Shows the drawing that the kernel sends, and lets a user look around in it: zoom, pan, search,
// hover, select, and walk along the graph with the arrow keys.

const HELP =
  "Arrow right and left: along the way of the image. Down and up: the other way where it branches, " +
  "such as a skip connection. Enter: show or hide a block's layers. Escape: from a layer to its block.";
// A long network that is fitted to the width would be too small to read.
const SMALLEST = 0.45;
// What a search found in a drawing that is smaller is shown in this size.
const READABLE = 0.75;

function make(tag, properties = {}, parent = null) {
  const made = Object.assign(document.createElement(tag), properties);
  parent?.append(made);
  return made;
}

function render({ model, el }) {
  // What holds for every drawing and width. "readable": fit to the width, but not below SMALLEST;
  // "width": fit to the width; "all": fit to width and height.
  let mode = "readable";
  let zoom = null; // by hand or for a search; null: as the mode says
  let zoomedFor = null; // size of the drawing for which the zoom was chosen
  let bySearch = false; // whether a search zoomed
  let space = 0; // the canvas' width; asking for it after a change would cost a layout of the page
  let elements = new Map(); // of each item, by its id
  let comesFrom = new Map();
  let current = ""; // the item that the tab key reaches

  el.classList.add("explorer-canvas-view");
  const tools = make("div", { className: "explorer-tools" }, el);
  const canvas = make("div", { className: "explorer-canvas" }, el);
  canvas.setAttribute("role", "group");
  const hint = make("div", { className: "explorer-hint", role: "tooltip", hidden: true }, el);

  const button = (label, title, onClick) => {
    const made = make("button", { type: "button", textContent: label, title }, tools);
    made.setAttribute("aria-label", title);
    made.addEventListener("click", onClick);
    return made;
  };
  const search = make("input", { type: "search", placeholder: "find a layer" }, tools);
  search.setAttribute("aria-label", "find a layer; Enter goes to the next");
  const found = make("span", { className: "explorer-found", role: "status" }, tools);
  button("−", "Zoom out", () => zoomTo(present() / 1.25));
  button("+", "Zoom in", () => zoomTo(present() * 1.25));
  const fit = button("Fit", "Fit to the width", () => hold("width"));
  const all = button("All", "Show the whole diagram", () => hold("all"));
  const save = make("select", { title: "Save the diagram" }, tools);
  save.setAttribute("aria-label", "Save the diagram");
  for (const name of ["Save…", "SVG", "PDF", "PNG", "DOT"]) make("option", { textContent: name }, save);

  // Size and place.

  const drawing = () => canvas.querySelector("svg");
  const natural = () => {
    const box = drawing().viewBox.baseVal;
    return { width: box.width * (96 / 72), height: box.height * (96 / 72) }; // Graphviz: points
  };
  function fitting() {
    const { width, height } = natural();
    if (mode === "all") return Math.min(1, space / width, (0.78 * window.innerHeight) / height);
    return Math.min(1, Math.max(mode === "readable" ? SMALLEST : 0, space / width));
  }
  const present = () => zoom ?? fitting();

  function scale() {
    if (!drawing() || !space) return;
    const width = natural().width * present();
    drawing().style.width = `${width}px`;
    drawing().style.height = "auto";
    const fits = zoom === null && mode !== "all" && width < space + 1;
    fit.setAttribute("aria-pressed", fits);
    all.setAttribute("aria-pressed", zoom === null && mode === "all");
  }

  function hold(wanted) {
    [mode, zoom] = [wanted, null];
    scale();
  }

  function zoomTo(wanted, at = null) {
    const before = present();
    zoom = Math.min(4, Math.max(0.05, wanted));
    [zoomedFor, bySearch] = [natural(), false];
    scale();
    if (!at) return;
    // What is under the pointer stays there.
    const box = canvas.getBoundingClientRect();
    const [x, y] = [at.clientX - box.left, at.clientY - box.top];
    canvas.scrollLeft = ((canvas.scrollLeft + x) * present()) / before - x;
    canvas.scrollTop = ((canvas.scrollTop + y) * present()) / before - y;
  }

  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomTo(present() * Math.exp(-event.deltaY / 300), event);
  }, { passive: false });

  let grip = null; // where a pan began
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return; // a finger pans by itself
    grip = { x: event.clientX, y: event.clientY, left: canvas.scrollLeft, top: canvas.scrollTop };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const [x, y] = [event.clientX - grip.x, event.clientY - grip.y];
    if (!grip.moved && Math.hypot(x, y) < 5) return;
    if (!grip.moved) canvas.setPointerCapture(event.pointerId);
    grip.moved = true;
    canvas.scrollLeft = grip.left - x;
    canvas.scrollTop = grip.top - y;
  });
  const release = () => { setTimeout(() => { grip = null; }); }; // after the click that follows
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);

  // What is drawn.

  const items = () => model.get("items");
  const itemOf = (id) => items().find((item) => item.id === id);

  function draw() {
    const focused = canvas.contains(document.activeElement);
    canvas.innerHTML = model.get("svg");
    hint.hidden = true;
    if (!drawing()) return;
    // A zoom is for a network, also while it is edited, but not for quite another one.
    const ratio = (side) => natural()[side] / zoomedFor[side];
    if (zoom !== null && ["width", "height"].some((side) => Math.abs(Math.log2(ratio(side))) > 1)) zoom = null;
    scale();
    for (const title of canvas.querySelectorAll("title")) title.remove(); // the hint says more
    findElements();
    comesFrom = new Map(items().map((item) => [item.id, []]));
    for (const item of items()) {
      for (const place of item.feeds) comesFrom.get(items()[place].id).push(item.id);
    }
    const blocks = items().filter((item) => !item.parent).length;
    canvas.setAttribute("aria-label", `Diagram of the network: ${blocks} boxes. ${HELP}`);
    for (const id of model.get("changed")) elements.get(id)?.classList.add("explorer-changed");
    mark();
    if (focused) elements.get(current)?.focus({ preventScroll: true });
  }

  function findElements() {
    elements = new Map();
    const known = new Map(items().map((item) => [item.id, item]));
    const add = (element, id) => {
      const item = known.get(id);
      if (!item || elements.has(id)) return;
      elements.set(id, element);
      element.dataset.item = id;
      element.setAttribute("role", "button");
      element.setAttribute("aria-label", item.text.replaceAll("\n", ", "));
    };
    const places = model.get("places");
    for (const node of canvas.querySelectorAll("g.node")) add(node, places[node.id]);
    // A layer's row is found by its first cell; what is clicked lies over all of the row.
    const graph = canvas.querySelector("g.graph");
    for (const cell of graph.querySelectorAll('g[id^="a_box"]')) {
      const id = places[cell.id.slice(2)];
      if (!id) continue; // a handle
      const corners = pointsOf(cell.querySelector("polygon"));
      const [left, top, right, bottom] = corners;
      const card = pointsOf([...cell.closest("g.node").querySelectorAll(":scope > polygon")].at(-1));
      const isRow = cell.querySelector("a").getAttribute("xlink:title") === "row";
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const [from, to] = isRow ? [card[0], card[2]] : [left, right];
      rect.setAttribute("x", from);
      rect.setAttribute("y", top);
      rect.setAttribute("width", to - from);
      rect.setAttribute("height", bottom - top);
      rect.setAttribute("class", "explorer-layer");
      rect.dataset.item = id; // slabs of a closed card are no items of their own
      graph.append(rect);
      add(rect, id);
    }
  }

  function pointsOf(polygon) {
    const numbers = polygon.getAttribute("points").split(/[ ,]/).map(Number);
    const [xs, ys] = [0, 1].map((odd) => numbers.filter((_, index) => index % 2 === odd));
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  }

  function mark() {
    const [selected, shown] = [model.get("selected"), model.get("shown")];
    if (elements.has(shown)) current = shown;
    else if (!elements.has(current)) current = elements.keys().next().value ?? "";
    for (const [id, element] of elements) {
      element.classList.toggle("explorer-selected", id === shown || id === selected);
      element.setAttribute("aria-pressed", id === shown);
      element.setAttribute("tabindex", id === current ? "0" : "-1");
    }
    for (const rect of canvas.querySelectorAll("rect.explorer-layer")) {
      rect.classList.toggle("explorer-selected", rect.dataset.item === selected);
    }
    found.textContent = model.get("found");
  }

  // What the user does.

  const select = (id) => model.send({ select: id });
  const toggle = (id) => model.send({ toggle: itemOf(id)?.parent || id });

  canvas.addEventListener("click", (event) => {
    if (grip?.moved) return;
    const handle = event.target.closest?.('g[id$="_toggle"]');
    if (handle) return toggle(model.get("places")[handle.closest("g.node").id]);
    const id = event.target.closest?.("[data-item]")?.dataset.item;
    if (id) select(id);
  });
  canvas.addEventListener("dblclick", (event) => {
    const id = event.target.closest?.("[data-item]")?.dataset.item;
    if (itemOf(id)?.parent === "") toggle(id);
  });

  canvas.addEventListener("keydown", (event) => {
    const item = itemOf(event.target.dataset?.item);
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = item.feeds.map((place) => items()[place].id);
    const last = comesFrom.get(item.id);
    const wanted = {
      ArrowRight: next.at(0),
      ArrowDown: next.at(-1),
      ArrowLeft: last.at(-1),
      ArrowUp: last.at(0),
      Escape: item.parent,
    }[event.key];
    if (event.key === "Enter" || event.key === " ") toggle(item.id);
    else if (wanted) go(wanted);
    else if (event.key === "Escape") hint.hidden = true;
    else if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to the next cell
  });

  function go(id) {
    current = id;
    const element = elements.get(id);
    element?.setAttribute("tabindex", "0");
    element?.focus();
    element?.scrollIntoView({ block: "nearest", inline: "nearest" });
    select(id);
  }

  function showHint(event) {
    const element = event.target.closest?.("[data-item]");
    const item = element && itemOf(element.dataset.item);
    hint.hidden = !item || Boolean(grip?.moved);
    if (hint.hidden) return;
    const help = "→ ← the way of the image, ↓ ↑ a branch of it, Enter: layers";
    hint.textContent = event.type === "focusin" ? `${item.text}\n${help}` : item.text;
    const [box, frame] = [element.getBoundingClientRect(), el.getBoundingClientRect()];
    const [x, y] = event.clientX ? [event.clientX, event.clientY] : [box.left, box.bottom];
    hint.style.left = `${Math.max(0, Math.min(x - frame.left + 14, frame.width - hint.offsetWidth - 4))}px`;
    hint.style.top = `${y - frame.top + 16}px`;
  }
  canvas.addEventListener("pointermove", showHint);
  canvas.addEventListener("pointerleave", () => { hint.hidden = true; });
  canvas.addEventListener("focusin", showHint);
  canvas.addEventListener("focusout", () => { hint.hidden = true; });

  search.addEventListener("input", () => {
    if (!search.value && zoom !== null && bySearch) hold(mode);
    model.send({ find: search.value, step: 0 });
  });
  search.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") model.send({ find: search.value, step: event.shiftKey ? -1 : 1 });
  });

  save.addEventListener("change", () => {
    model.send({ save: save.value.toLowerCase() });
    save.selectedIndex = 0;
  });
  function receive(message, buffers) {
    const link = make("a", { download: message.file });
    link.href = URL.createObjectURL(new Blob([buffers[0]], { type: message.type }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  function reveal() {
    mark();
    const element = elements.get(model.get("shown"));
    if (!element || canvas.contains(document.activeElement)) return;
    const searched = document.activeElement === search && /^\d/.test(model.get("found"));
    if (searched && space && present() < SMALLEST) {
      zoomTo(READABLE);
      bySearch = true;
    }
    // Only the canvas scrolls: the page stays where its reader is.
    const [box, frame] = [element.getBoundingClientRect(), canvas.getBoundingClientRect()];
    if (box.top < frame.top || box.bottom > frame.bottom) {
      canvas.scrollTop += box.top - frame.top - (frame.height - box.height) / 2;
    }
    if (box.left < frame.left || box.right > frame.right) {
      canvas.scrollLeft += box.left - frame.left - (frame.width - box.width) / 2;
    }
  }

  const observer = new ResizeObserver(() => {
    space = canvas.clientWidth;
    scale();
  });
  observer.observe(canvas);
  window.addEventListener("resize", scale); // of its height
  // Several traits come in one message; the drawing needs all of them.
  let [drawn, before] = [null, ""];
  const update = () => {
    const shown = model.get("shown");
    if (drawn !== model.get("svg")) {
      drawn = model.get("svg");
      draw();
      // What was scrolled to has gone with its network.
      if (before && !shown) canvas.scrollTo(0, 0);
    }
    before = shown;
    reveal();
  };
  model.on("change", update);
  model.on("msg:custom", receive);
  update();
  return () => {
    observer.disconnect();
    window.removeEventListener("resize", scale);
    model.off("change", update);
    model.off("msg:custom", receive);
  };
}

export default { initialize, render };
