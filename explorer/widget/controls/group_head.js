// @ts-check
// A group's heading: a click folds the controls that stand beneath it in their box. Where a control
// can follow others, a chain beside it says whether it does.

const LINKS = [
  "M7 4.6 8.7 2.9a3 3 0 0 1 4.3 4.3L11.3 8.9",
  "M9 11.4 7.3 13.1a3 3 0 0 1-4.3-4.3L4.7 7.1",
];
const JOINT = "M6 10 10 6";

/** @param {View<GroupHeadState>} view */
function render({ model, el }) {
  el.classList.add("explorer-group-head");
  const title = makeButton(el, model.get("title"), "", () => {
    model.set("folded", !model.get("folded"));
    model.save_changes();
  });
  title.hidden = !model.get("title");
  const chain = makeButton(el, "", "", () => {
    model.set("closed", !model.get("closed"));
    model.save_changes();
  }, { className: "explorer-chain" });
  const svg = makeSvg("svg", { viewBox: "0 0 16 16" }, chain);
  for (const d of LINKS) makeSvg("path", { d }, svg);
  const joint = makeSvg("path", { d: JOINT }, svg);
  const note = make("small", {}, el);

  function draw() {
    el.classList.toggle("explorer-folded", model.get("folded"));
    title.setAttribute("aria-expanded", String(!model.get("folded")));
    title.disabled = model.get("off");
    note.textContent = model.get("note");
    chain.hidden = !model.get("chain");
    chain.title = model.get("chain");
    chain.setAttribute("aria-label", model.get("chain"));
    chain.setAttribute("aria-pressed", String(model.get("closed")));
    joint.style.display = model.get("closed") ? "" : "none";
  }

  draw();
  return listen(model, {
    "change:folded": draw,
    "change:note": draw,
    "change:off": draw,
    "change:chain": draw,
    "change:closed": draw,
  });
}

export default { initialize, render };
