// @ts-check
// The design as text. Lines that the last edit changed have a bar at the edge; the first of them is
// scrolled into view.

/**
 * Shows the lines of a text. Most edits leave most lines as they were.
 * @param {HTMLElement} parent
 * @param {CodeText} code
 */
function showLines(parent, { text, changed, cut }) {
  const [isChanged, isCut] = [new Set(changed), new Set(cut)];
  const lines = text ? text.replace(/\n$/, "").split("\n") : [];
  lines.forEach((line, place) => {
    const made = parent.children[place] ?? make("span", {}, parent);
    if (made.textContent !== `${line}\n`) {
      made.textContent = `${line}\n`;
      // What has no room goes on further right than it began.
      const indent = line.length - line.trimStart().length + 4;
      /** @type {HTMLElement} */ (made).style.setProperty("--indent", `${indent}ch`);
    }
    made.classList.toggle("explorer-line-changed", isChanged.has(place));
    made.classList.toggle("explorer-line-cut", isCut.has(place));
  });
  while (parent.children.length > lines.length) parent.lastChild?.remove();
}

/**
 * Scrolls to a line that is out of sight, unless the user is in the text; the page stays.
 * @param {HTMLElement} el
 * @param {number} place
 */
function seeLine(el, place) {
  const line = el.children[place];
  if (!(line instanceof HTMLElement) || el.contains(document.activeElement)) return;
  const top = line.offsetTop - el.offsetTop;
  if (top < el.scrollTop || top + line.offsetHeight > el.scrollTop + el.clientHeight) {
    el.scrollTop = top - el.clientHeight / 4;
  }
}

/** @param {View<CodeViewState, CodeViewSends>} view */
function render({ model, el }) {
  el.classList.add("explorer-code");
  const head = make("div", { className: "explorer-row" }, el);
  const select = make("select", {}, head);
  select.setAttribute("aria-label", "Written as");
  for (const { kind, label } of model.get("kinds")) {
    make("option", { value: kind, textContent: label }, select);
  }
  select.addEventListener("change", () => model.send({ write_as: select.value }));
  const copy = makeButton(head, "Copy", "Copy all of it", async () => {
    said.textContent = await copied(model.get("code").text, () => {
      getSelection()?.selectAllChildren(lines);
    });
  }, { className: "jupyter-button" });
  const said = make("span", { className: "explorer-muted" }, head);
  said.setAttribute("role", "status");
  const note = make("p", { className: "explorer-muted" }, el);
  const problem = make("p", {}, el);
  const lines = make("pre", { tabIndex: 0 }, el);
  lines.setAttribute("role", "region");

  function draw() {
    const code = model.get("code");
    select.value = code.kind;
    said.textContent = "";
    copy.disabled = lines.hidden = !code.text;
    note.textContent = code.note;
    note.hidden = !code.note;
    problem.textContent = code.problem;
    problem.hidden = !code.problem;
    lines.setAttribute("aria-label", select.selectedOptions[0]?.textContent ?? "");
    showLines(lines, code);
    if (code.first !== null) seeLine(lines, code.first);
  }

  draw();
  return listen(model, { "change:code": draw });
}

export default { initialize, render };
