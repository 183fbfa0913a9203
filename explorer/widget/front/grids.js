// @ts-check
// Grids of numbers: of cells that can be marked one by one, and as still pictures in colours.

const BESIDE = 0.64; // width of a sign, in heights of the type
const [LARGE, SMALL] = [0.46, 0.34]; // type of a cell's number and of its note, in cells
const HATCHED = 0.2; // distance of the lines in cells that are none of the grid's

let hatches = 0; // patterns are referred to by ids

/**
 * What a grid has in one of its places.
 * @typedef {{ group: SVGGElement, value: SVGTextElement, note: SVGTextElement }} GridCell
 */

/**
 * Writes a text as large as its cell has room for.
 * @param {SVGTextElement} element
 * @param {string} text
 * @param {number} largest
 */
function write(element, text, largest) {
  element.textContent = text;
  element.setAttribute("font-size", String(Math.min(largest, 0.94 / (BESIDE * Math.max(1, text.length)))));
}

/**
 * Makes what fills cells around a grid, and returns how it is referred to.
 * @param {SVGSVGElement} svg
 */
function makeHatch(svg) {
  hatches += 1;
  const id = `explorer-hatch-${hatches}`;
  const size = { width: HATCHED, height: HATCHED, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" };
  const pattern = makeSvg("pattern", { id, ...size }, makeSvg("defs", {}, svg));
  makeSvg("line", { x1: 0, y1: 0, x2: 0, y2: HATCHED, class: "explorer-grid-hatch" }, pattern);
  return `url(#${id})`;
}

/**
 * Makes a grid under its caption. Its unit is a cell; the first of the grid's own is at 0, 0.
 * @param {Element} parent
 * @param {string} caption
 * @param {{ height: number, width: number, border?: Border, hasNotes?: boolean }} look
 */
function makeGrid(parent, caption, { height, width, border, hasNotes = false }) {
  const { top, left, bottom, right } = border ?? { top: 0, left: 0, bottom: 0, right: 0 };
  const figure = make("figure", { className: "explorer-grid" }, parent);
  const [across, down] = [left + width + right, top + height + bottom];
  figure.style.setProperty("--cells", String(across));
  make("figcaption", { textContent: caption }, figure);
  const edge = 0.06; // marks reach a little beyond
  const viewBox = [-left - edge, -top - edge, across + 2 * edge, down + 2 * edge].join(" ");
  const svg = makeSvg("svg", { viewBox, role: "img", "aria-label": caption }, figure);
  const hatch = makeHatch(svg);
  /** @type {Map<string, GridCell>} */
  const cells = new Map();
  for (let row = -top; row < height + bottom; row += 1) {
    for (let column = -left; column < width + right; column += 1) {
      const isOwn = row >= 0 && row < height && column >= 0 && column < width;
      const name = `explorer-grid-cell${isOwn ? "" : " explorer-grid-outside"}`;
      const group = makeSvg("g", { class: name, transform: `translate(${column} ${row})` }, svg);
      const rect = makeSvg("rect", { width: 1, height: 1 }, group);
      if (!isOwn) makeSvg("rect", { width: 1, height: 1, class: "explorer-grid-hatched" }, group).style.fill = hatch;
      rect.dataset.place = `${row} ${column}`;
      const value = makeSvg("text", { x: 0.5, y: hasNotes ? 0.34 : 0.53 }, group);
      const note = makeSvg("text", { x: 0.5, y: 0.77, class: "explorer-grid-note" }, group);
      cells.set(`${row} ${column}`, { group, value, note });
    }
  }
  const frame = makeSvg("rect", { class: "explorer-grid-window", width: 1, height: 1 }, svg);
  frame.toggleAttribute("hidden", true);
  /** @type {(row: number, column: number) => GridCell} */
  const cell = (row, column) => required(cells.get(`${row} ${column}`), `cell ${row}, ${column}`);
  return { figure, svg, cells, cell, frame };
}

/**
 * Marks some of a grid's cells, and frames them.
 * @param {ReturnType<typeof makeGrid>} grid
 * @param {SlidingCell[]} marked
 */
function markCells({ cells, cell, frame }, marked) {
  for (const { group, note } of cells.values()) {
    group.classList.remove("explorer-grid-marked");
    note.textContent = "";
  }
  for (const { row, column, note } of marked) {
    const found = cell(row, column);
    found.group.classList.add("explorer-grid-marked");
    write(found.note, note, SMALL);
  }
  const [rows, columns] = [marked.map((each) => each.row), marked.map((each) => each.column)];
  const [top, left] = [Math.min(...rows), Math.min(...columns)];
  frame.toggleAttribute("hidden", !marked.length);
  frame.style.transform = `translate(${left}px, ${top}px)`;
  const size = { width: Math.max(...columns) - left + 1, height: Math.max(...rows) - top + 1 };
  if (marked.length) setAttributes(frame, size);
}

/**
 * Returns a colour among others, as its parts of red, green and blue.
 * @param {string[]} ramp As "#rrggbb".
 * @param {number} place From 0 to 1.
 */
function colourAt(ramp, place) {
  const at = place * (ramp.length - 1);
  const below = Math.min(Math.floor(at), ramp.length - 2);
  const parts = [ramp[below], ramp[below + 1]].map((colour) =>
    [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16)),
  );
  return parts[0].map((part, index) => Math.round(part + (at - below) * (parts[1][index] - part)));
}

/**
 * Returns which of black and white can be read on a colour.
 * @param {number[]} colour
 */
function inkOn(colour) {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  // Where both have the same contrast.
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/** @param {number[]} colour */
const asCss = (colour) => `rgb(${colour.join(" ")})`;

/**
 * Shows a picture whose colours are numbers, with what they mean.
 * @param {Element} parent
 * @param {GridPicture} picture
 */
function addGridPicture(parent, { title, text, rows, texts, legend, unit, ramp, row_names }) {
  const { figure, svg, cell } = makeGrid(parent, title, { height: rows.length, width: rows[0].length });
  figure.classList.add("explorer-grid-picture");
  svg.setAttribute("aria-label", `${title}. ${text}`);
  rows.forEach((places, row) => {
    places.forEach((place, column) => {
      const { group, value } = cell(row, column);
      const colour = colourAt(ramp, place);
      required(group.querySelector("rect"), "cell").style.fill = asCss(colour);
      if (texts.length) write(value, texts[row][column], LARGE);
      value.style.fill = inkOn(colour);
    });
  });
  if (row_names.length) nameRows(figure, svg, row_names, !texts.length);
  const key = make("ul", { className: "explorer-grid-key" }, figure);
  key.setAttribute("aria-label", unit ? `Key: ${unit}` : "Key");
  for (const each of legend) {
    const entry = make("li", {}, key);
    make("span", {}, entry).style.background = asCss(colourAt(ramp, each.place));
    entry.append(each.text);
  }
  if (unit) make("li", { textContent: unit }, key);
  make("p", { textContent: text }, figure);
}

/**
 * Puts names before the rows of a grid.
 * @param {Element} figure
 * @param {SVGSVGElement} svg
 * @param {string[]} names
 * @param {boolean} areFlat Whether cells are narrower than high, where nothing is written in them.
 */
function nameRows(figure, svg, names, areFlat) {
  const both = make("div", { className: "explorer-grid-named" }, figure);
  const list = make("div", { className: "explorer-grid-names" }, both);
  for (const name of names) make("span", { textContent: name }, list);
  both.append(svg);
  if (!areFlat) return;
  svg.setAttribute("preserveAspectRatio", "none");
  svg.style.height = `calc(${names.length} * 18 * var(--px, 1px))`;
}

/**
 * Shows such pictures side by side, where there is room.
 * @param {Element} parent
 * @param {GridPicture[]} pictures
 */
function addGridPictures(parent, pictures) {
  const row = make("div", { className: "explorer-grids-row" }, make("div", { className: "explorer-grids" }, parent));
  for (const picture of pictures) addGridPicture(row, picture);
}
