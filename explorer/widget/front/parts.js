// @ts-check
// Lays out the parts that texts are made of.

/** Lines that say how something went, with a mark before them. */
const STATES = ["good", "bad", "busy"];

/**
 * Lays parts out at the end of an element.
 * @param {Element} parent
 * @param {Part[]} parts
 */
function addParts(parent, parts) {
  for (const part of parts) addPart(parent, part);
}

/** @type {(parent: Element, part: Part) => void} */
function addPart(parent, part) {
  switch (part.kind) {
    case "line":
      return addLine(parent, part);
    case "paragraph":
      return addRuns(make("p", { className: classOf(part.mark) }, parent), part.runs);
    case "items": {
      const list = make("ul", { className: classOf(part.mark) }, parent);
      for (const item of part.items) addRuns(make("li", {}, list), item);
      return;
    }
    case "facts":
      return addFacts(parent, part.facts);
    case "table":
      return addTable(parent, part);
    case "measured":
      return addMeasured(parent, part);
    case "pictures":
      return addPictures(parent, part);
    case "section": {
      const section = make("section", {}, parent);
      make("h3", { textContent: part.title }, section);
      return addParts(section, part.parts);
    }
    case "fold": {
      const fold = make("details", {}, parent);
      fold.dataset.fold = part.name;
      const line = make("summary", {}, fold);
      make("b", { textContent: part.title }, line);
      line.append(" ");
      make("small", { textContent: part.note }, line);
      return addParts(fold, part.parts);
    }
  }
}

/** @param {string} mark */
const classOf = (mark) => (mark ? `explorer-${mark}` : "");

/** @type {(parent: Element, line: Line) => void} */
function addLine(parent, { text, mark, detail, code }) {
  const isState = STATES.includes(mark);
  const className = `${isState ? "explorer-status " : ""}explorer-${mark}`;
  const line = make("div", { className, textContent: text }, parent);
  if (mark === "bad") line.setAttribute("role", "alert");
  else if (isState) line.setAttribute("role", "status");
  if (detail) make("small", { textContent: detail }, line);
  if (code) make("pre", { textContent: code }, line);
}

/** @type {(parent: Element, runs: Run[]) => void} */
function addRuns(parent, runs) {
  runs.forEach((run, index) => {
    if (index) parent.append(" ");
    addRun(parent, run);
  });
}

/** @type {(parent: Element, run: Run) => void} */
function addRun(parent, run) {
  switch (run.kind) {
    case "words":
      if (!run.mark) parent.append(run.text);
      else if (run.mark === "strong") make("b", { textContent: run.text }, parent);
      else make("span", { className: classOf(run.mark), textContent: run.text }, parent);
      return;
    case "link":
      make("button", { type: "button", textContent: run.text }, parent).dataset.select = run.select;
      return;
    case "edit":
      addAction(parent, "Edit this block").dataset.edit = run.edit;
      return;
    case "time":
      addAction(parent, "Time every layer").dataset.time = "";
      return;
    case "move": {
      const button = addAction(parent, run.text || run.move);
      button.dataset.move = run.move;
      if (!run.title) return;
      button.title = run.title;
      return button.setAttribute("aria-label", run.title);
    }
    case "swatch": {
      const swatch = make("span", { className: "explorer-swatch" }, parent);
      const attributes = { width: 11, height: 11, "aria-hidden": "true" };
      const look = { width: 11, height: 11, rx: 2, fill: run.colour, stroke: run.frame };
      makeSvg("rect", look, makeSvg("svg", attributes, swatch));
      swatch.append(` ${run.text}`);
    }
  }
}

/** @type {(parent: Element, text: string) => HTMLButtonElement} */
const addAction = (parent, textContent) =>
  make("button", { type: "button", className: "jupyter-button", textContent }, parent);

/** @type {(parent: Element, facts: Fact[]) => void} */
function addFacts(parent, facts) {
  const list = make("dl", {}, parent);
  for (const { name, value, note } of facts) {
    make("dt", { textContent: name }, list);
    const told = make("dd", { textContent: value }, list);
    if (note) make("small", { textContent: note }, told);
  }
}

/** @type {(parent: Element, table: Table) => void} */
function addTable(parent, { caption, heads, rows }) {
  const table = make("table", {}, parent);
  make("caption", { textContent: caption }, table);
  const look = heads.map((head) => (head.is_numeric ? "explorer-numeric" : ""));
  const head = table.createTHead().insertRow();
  heads.forEach(({ text, button }, place) => {
    const cell = make("th", { scope: "col", textContent: text, className: look[place] }, head);
    if (button) addRun(cell, button);
  });
  const body = table.createTBody();
  for (const { name, cells, differs } of rows) {
    const row = body.insertRow();
    if (differs !== null) row.className = differs ? "explorer-differs" : "explorer-same";
    make("th", { scope: "row", textContent: name }, row);
    cells.forEach((text, place) => {
      make("td", { textContent: text, className: look[place + 1] }, row);
    });
  }
}

/** @type {(parent: Element, card: Card) => void} */
function addCard(parent, { name, value, note, title }) {
  const card = make("div", { className: "explorer-card", title }, parent);
  make("span", { textContent: name }, card);
  make("b", { textContent: value }, card);
  make("small", { textContent: note }, card);
}

/** @type {(parent: Element, measured: Measured) => void} */
function addMeasured(parent, { card, facts }) {
  const measured = make("div", { className: "explorer-timing" }, parent);
  addCard(measured, card);
  const list = make("div", { className: "explorer-facts" }, measured);
  for (const { name, value } of facts) {
    make("span", { textContent: name }, list);
    make("b", { textContent: value }, list);
  }
}

/** @type {(parent: Element, pictures: Pictures) => void} */
function addPictures(parent, { image, results }) {
  const row = make("div", { className: "explorer-pictures" }, parent);
  addFigure(row, image);
  const arrow = make("span", { className: "explorer-arrow", textContent: "→" }, row);
  arrow.setAttribute("aria-hidden", "true");
  for (const result of results) addFigure(row, result);
}

/** @type {(parent: Element, picture: Picture) => void} */
function addFigure(parent, { png, caption }) {
  const figure = make("figure", {}, parent);
  showPng(make("img", { alt: caption }, figure), png);
  make("figcaption", { textContent: caption }, figure);
}
