// @ts-check
// Shows the parts that the kernel has put together.

/** @param {View<PageState>} view */
function render({ model, el }) {
  el.classList.add("explorer-page");
  if (model.get("label")) {
    el.tabIndex = 0;
    el.setAttribute("role", "region");
    el.setAttribute("aria-label", model.get("label"));
  }

  function draw() {
    el.replaceChildren();
    addParts(el, model.get("parts"));
    markTerms(el);
    el.hidden = !model.get("parts").length;
  }

  draw();
  return listen(model, { "change:parts": draw });
}

export default { initialize, render };
