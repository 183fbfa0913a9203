// Shows the tables that the kernel writes; where they are too wide, they scroll.

function render({ model, el }) {
  el.classList.add("explorer-comparison");
  el.tabIndex = 0;
  el.setAttribute("role", "region");
  el.setAttribute("aria-label", model.get("label"));

  function draw() {
    el.innerHTML = model.get("html");
    el.hidden = !model.get("html");
  }

  model.on("change:html", draw);
  draw();
  return () => model.off("change:html", draw);
}

export default { initialize, render };
