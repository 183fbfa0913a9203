// @ts-check
// The design as text. Lines that the last edit changed have a bar at the edge, and those that tell of
// the selected block are tinted; the first of either is scrolled into view.

const MOST_SEEN = 5; // lines after the first that are brought into view with it

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
 * Scrolls to lines that are out of sight, unless the user is in the text; the page stays.
 * @param {HTMLElement} el
 * @param {number} first
 * @param {number} last
 */
function seeLines(el, first, last = first) {
  const [line, end] = [el.children[first], el.children[last]];
  if (!(line instanceof HTMLElement && end instanceof HTMLElement)) return;
  if (el.contains(document.activeElement)) return;
  const [top, bottom] = [line.offsetTop - el.offsetTop, end.offsetTop + end.offsetHeight - el.offsetTop];
  if (top < el.scrollTop || bottom > el.scrollTop + el.clientHeight) {
    el.scrollTop = top - el.clientHeight / 4;
  }
}

/**
 * Returns the block of each line that tells of one block alone.
 * @param {HTMLElement} el
 * @param {CodeText["blocks"]} blocks
 */
function blocksOfLines(el, blocks) {
  /** @type {Map<Element, string>} */
  const found = new Map();
  for (const [block, places] of Object.entries(blocks)) {
    for (const line of places.map((place) => el.children[place])) {
      found.set(line, found.has(line) ? "" : block);
    }
  }
  return found;
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

  let blocks = blocksOfLines(lines, {});
  const hover = new Hover(lines, "pre > span", (line) => {
    const block = blocks.get(line);
    return block ? { id: block, block } : undefined;
  });

  function mark() {
    const places = model.get("code").blocks[model.get("selected")] ?? [];
    const selected = new Set(places.map((place) => lines.children[place]));
    for (const line of lines.children) {
      line.classList.toggle("explorer-line-selected", selected.has(line));
    }
    hover.mark();
    return places;
  }

  function showSelected() {
    const [first, ...others] = mark();
    if (first === undefined) return;
    const after = others.findIndex((place, k) => place !== first + 1 + k);
    const together = after < 0 ? others.length : after; // how many follow it without a gap
    seeLines(lines, first, first + Math.min(together, MOST_SEEN));
  }

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
    blocks = blocksOfLines(lines, code.blocks);
    if (code.first === null) {
      showSelected();
    } else {
      mark();
      seeLines(lines, code.first);
    }
  }

  draw();
  const ignore = listen(model, { "change:code": draw, "change:selected": showSelected });
  return () => {
    ignore();
    hover.end();
  };
}

export default { initialize, render };
