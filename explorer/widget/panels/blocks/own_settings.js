// @ts-check
// Names the blocks that have settings of their own; a click opens one, or gives its settings up.

/** @param {View<OwnSettingsViewState, OwnSettingsViewSends>} view */
function render({ model, el }) {
  el.classList.add("explorer-own");
  setAttributes(el, { role: "group", "aria-label": "Blocks with own settings" });

  function draw() {
    el.replaceChildren();
    el.hidden = !model.get("blocks").length;
    make("b", { textContent: "own settings" }, el);
    for (const { name, text, rests } of model.get("blocks")) {
      const className = rests ? "explorer-rests" : "";
      const block = make("span", { className, title: text }, el);
      makeButton(block, rests ? `${name} (rests)` : name, text, () => model.send({ open: name }));
      const label = `Remove the own settings of ${name}`;
      makeButton(block, "✕", label, () => model.send({ remove: name }), { label });
    }
  }

  draw();
  return listen(model, { "change:blocks": draw });
}

export default { initialize, render };
