// Undo, redo, reset, and a list of all steps. Ctrl+Z and Ctrl+Shift+Z (or Ctrl+Y) work while the
// focus is anywhere in the explorer, except in text that is typed and not entered yet.

function render({ model, el }) {
  el.classList.add("explorer-history");
  const moveTo = (position) => model.send({ to: position });
  // By how much, not to where: the kernel may know of edits that have not been shown here yet.
  const moveBy = (steps) => model.send({ by: steps });
  const button = (text, title, act) => {
    const made = document.createElement("button");
    made.className = "jupyter-button";
    made.textContent = text;
    made.title = title;
    made.setAttribute("aria-label", title);
    made.addEventListener("click", act);
    el.append(made);
    return made;
  };
  const undo = button("↶", "Undo (Ctrl+Z)", () => moveBy(-1));
  const redo = button("↷", "Redo (Ctrl+Shift+Z)", () => moveBy(1));
  const reset = button("Reset", "Go back to the start", () => moveTo(0));
  const list = document.createElement("select");
  list.title = "All steps: choose one to go there";
  list.setAttribute("aria-label", "history");
  list.addEventListener("change", () => moveTo(Number(list.value)));
  el.append(list);

  function draw() {
    const [steps, position] = [model.get("steps"), model.get("position")];
    undo.disabled = reset.disabled = position === 0 && !model.get("refused");
    redo.disabled = position >= steps.length - 1;
    list.replaceChildren(...steps.map((label, index) => new Option(`${index}. ${label}`, index)));
    list.value = position;
  }

  let typed = null; // where the keys are the browser's own
  const typing = (event) => { typed = event.target; };
  const entered = () => { typed = null; };

  function pressed(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target === typed) return;
    const key = event.key.toLowerCase();
    const back = key === "z" && !event.shiftKey;
    const forth = key === "y" || (key === "z" && event.shiftKey);
    if (!back && !forth) return;
    event.preventDefault();
    event.stopPropagation();
    (back ? undo : redo).click();
  }

  // Heard on their way down: the fields of ipywidgets let no key come up again.
  const heard = [["keydown", pressed], ["input", typing], ["change", entered]];
  // The explorer is there only once this view has been put into it.
  let root = null;
  const waiting = requestAnimationFrame(() => {
    root = el.closest(".explorer");
    for (const [kind, act] of heard) root?.addEventListener(kind, act, true);
  });
  model.on("change", draw);
  draw();
  return () => {
    cancelAnimationFrame(waiting);
    for (const [kind, act] of heard) root?.removeEventListener(kind, act, true);
    model.off("change", draw);
  };
}

export default { initialize, render };
