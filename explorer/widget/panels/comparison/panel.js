// @ts-check
// Shows the tables that the kernel writes; where they are too wide, they scroll.

/** @param {View<TablesState>} view */
function render({ model, el }) {
  el.classList.add("explorer-comparison");
  el.tabIndex = 0;
  el.setAttribute("role", "region");
  el.setAttribute("aria-label", model.get("label"));

  function draw() {
    el.innerHTML = model.get("html");
    el.hidden = !model.get("html");
  }

  draw();
  return listen(model, { "change:html": draw });
}

export default { initialize, render };
