// @ts-check
// Figures side by side. One of them is a tab stop, arrows go to the others; what a figure means is
// shown for the one that the pointer or the focus is on. A click opens what stands behind it.

/**
 * Writes a figure.
 * @param {HTMLElement} parent
 * @param {Figure} figure
 */
function addFigureTo(parent, { name, value, change, beside_a, unsettled }) {
  const made = make("button", { type: "button", className: "explorer-total" }, parent);
  made.dataset.name = name;
  made.classList.toggle("explorer-unsettled", unsettled);
  make("span", { textContent: name }, made);
  make("b", { textContent: value }, made);
  if (change) make("small", { textContent: change }, made);
  if (beside_a) make("i", { textContent: `A ${beside_a}` }, made);
  return made;
}

/** @param {View<TotalsState, TotalsSends>} view */
function render({ model, el }) {
  el.classList.add("explorer-totals");
  const row = make("div", { className: "explorer-figures", role: "toolbar" }, el);
  row.setAttribute("aria-label", "Figures of the network");
  const hint = make("div", { className: "explorer-hint", role: "tooltip", hidden: true }, el);
  let current = 0; // the figure that the tab key reaches

  const figures = () => [...model.get("figures"), model.get("time")];
  /** @returns {HTMLButtonElement[]} */
  const buttons = () => [...row.querySelectorAll("button")];

  function draw() {
    const isFocused = row.contains(document.activeElement);
    row.replaceChildren();
    figures().forEach((figure, place) => {
      const made = addFigureTo(row, figure);
      made.tabIndex = place === current ? 0 : -1;
      const words = [figure.name, figure.value, figure.change, ...figure.text.split("\n")];
      made.setAttribute("aria-label", words.filter(Boolean).join(", "));
    });
    hint.hidden = true;
    if (isFocused) buttons()[current]?.focus({ preventScroll: true });
  }

  /** @param {Event} event */
  const placeOf = (event) => {
    const found = targetOf(event)?.closest("button");
    return found ? buttons().indexOf(found) : -1;
  };
  /** @param {number} wanted */
  function reach(wanted) {
    current = wanted;
    buttons().forEach((button, place) => {
      button.tabIndex = place === current ? 0 : -1;
    });
  }
  /** @param {Event} event */
  function show(event) {
    const place = placeOf(event);
    const button = buttons()[place];
    hint.hidden = !button;
    if (!button) return;
    hint.textContent = figures()[place].text;
    const [box, frame] = [button.getBoundingClientRect(), el.getBoundingClientRect()];
    const edge = (el.closest(".explorer-workspace") ?? document.body).getBoundingClientRect().right;
    const most = edge - hint.offsetWidth - 8;
    hint.style.left = `${Math.min(box.left, most) - frame.left}px`;
  }
  const hide = () => {
    hint.hidden = true;
  };
  row.addEventListener("pointerover", show);
  row.addEventListener("pointerleave", hide);
  row.addEventListener("focusin", (event) => {
    reach(placeOf(event));
    show(event);
  });
  row.addEventListener("focusout", hide);
  row.addEventListener("click", (event) => {
    const figure = figures()[placeOf(event)];
    if (figure) model.send({ open: figure.opens });
  });
  row.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !hint.hidden) {
      hide();
      event.stopPropagation(); // nobody else closes anything
    }
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = buttons();
    all[(placeOf(event) + way + all.length) % all.length].focus();
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to the next cell
  });
  draw();
  return listen(model, { change: draw });
}

export default { initialize, render };
