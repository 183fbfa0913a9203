// @ts-check
// Undo, redo, and a list of all steps. Ctrl+Z and Ctrl+Shift+Z (or Ctrl+Y) work while the
// focus is anywhere in the explorer, except in text that is typed and not entered yet.

/** @param {View<HistoryViewState, HistoryViewSends>} view */
function render({ model, el }) {
  el.classList.add("explorer-history");
  /** @param {number} position */
  const moveTo = (position) => model.send({ to: position });
  // By how much, not to where: the kernel may know of edits that have not been shown here yet.
  /** @param {number} steps */
  const moveBy = (steps) => model.send({ by: steps });
  /** @type {(text: string, title: string, act: () => void) => HTMLButtonElement} */
  const button = (text, title, act) =>
    makeButton(el, text, title, act, { className: "jupyter-button", label: title });
  const undo = button("↶", "Undo (Ctrl+Z)", () => moveBy(-1));
  const redo = button("↷", "Redo (Ctrl+Shift+Z)", () => moveBy(1));
  const list = make("select", { title: "All steps: choose one to go there" }, el);
  list.setAttribute("aria-label", "history");
  list.addEventListener("change", () => moveTo(Number(list.value)));

  function draw() {
    const [steps, position] = [model.get("steps"), model.get("position")];
    undo.disabled = position === 0 && !model.get("refused");
    redo.disabled = position >= steps.length - 1;
    // Chromium looks through all fields of a page once a list has another choice, if only for a moment.
    while (list.options.length > steps.length) list.lastChild?.remove();
    steps.forEach((label, index) => {
      const text = `${index}. ${label}`;
      const option = list.options[index];
      if (!option) list.add(new Option(text, String(index)));
      else if (option.text !== text) option.text = text;
    });
    if (list.selectedIndex !== position) list.selectedIndex = position;
  }

  // Where the keys are the browser's own.
  /** @param {Event} event */
  const typing = (event) => {
    targetOf(event)?.toggleAttribute("data-typed", event.type === "input");
  };

  /** @param {Event} event */
  function pressed(event) {
    if (!(event instanceof KeyboardEvent)) return;
    if (!(event.ctrlKey || event.metaKey) || event.altKey || targetOf(event)?.matches("[data-typed]")) return;
    const key = event.key.toLowerCase();
    const back = key === "z" && !event.shiftKey;
    const forth = key === "y" || (key === "z" && event.shiftKey);
    if (!back && !forth) return;
    event.preventDefault();
    event.stopPropagation();
    (back ? undo : redo).click();
  }

  // Heard on their way down: the fields of ipywidgets let no key come up again.
  /** @type {[string, (event: Event) => void][]} */
  const heard = [["keydown", pressed], ["input", typing], ["change", typing], ["focusout", typing]];
  // The explorer is there only once this view has been put into it.
  /** @type {Element | null} */
  let root = null;
  const waiting = requestAnimationFrame(() => {
    root = el.closest(".explorer");
    for (const [kind, act] of heard) root?.addEventListener(kind, act, true);
  });
  const ignore = listen(model, { change: draw });
  draw();
  return () => {
    cancelAnimationFrame(waiting);
    for (const [kind, act] of heard) root?.removeEventListener(kind, act, true);
    ignore();
  };
}

export default { initialize, render };
