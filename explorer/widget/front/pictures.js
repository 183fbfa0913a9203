// @ts-check
// Small pictures of what terms mean, drawn from plain numbers: squares are positions, slabs are
// channels, and what a picture is about has the accent's colour.

/** Side of a position, in the picture's units. */
const SIDE = 12;

/** Height of a picture that doesn't say another one; its width is always the same. */
const HEIGHT = 66;

/** @typedef {(svg: SVGSVGElement) => number | void} Draw Returns the height. */

/** @type {(svg: Element, x: number, y: number, look?: string, text?: string | number, side?: number) => void} */
function cell(svg, x, y, look = "", text = "", side = SIDE) {
  makeSvg("rect", { x, y, width: side - 1, height: side - 1, class: look }, svg);
  if (text !== "") label(svg, x + side / 2 - 0.5, y + side / 2 + 2.5, String(text));
}

/** @type {(svg: Element, x: number, y: number, text: string, anchor?: string) => void} */
function label(svg, x, y, text, anchor = "middle") {
  makeSvg("text", { x, y, "text-anchor": anchor }, svg).textContent = text;
}

/** @type {(svg: Element, d: string, look?: string) => void} */
const stroke = (svg, d, look = "") => void makeSvg("path", { d, class: look }, svg);

/** @type {(svg: Element, x: number, y: number, length?: number) => void} */
const arrow = (svg, x, y, length = 14) =>
  stroke(svg, `M${x} ${y}h${length}m-4 -3l4 3l-4 3`);

/**
 * Draws a grid, some of whose positions stand out.
 * @param {Element} svg
 * @param {[number, number]} corner
 * @param {[number, number]} size Rows and columns.
 * @param {(row: number, column: number) => string} [look]
 * @param {(row: number, column: number) => string | number} [text]
 */
function grid(svg, [x, y], [rows, columns], look = () => "", text = () => "") {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      cell(svg, x + column * SIDE, y + row * SIDE, look(row, column), text(row, column));
    }
  }
}

/** @type {(places: number[]) => (row: number, column: number) => string} */
const lit = (places) => (_, column) => (places.includes(column) ? "explorer-lit" : "");

/**
 * Draws two rows, with lines from what is read to where it goes.
 * @param {SVGSVGElement} svg
 * @param {number} above Positions of the upper row.
 * @param {number[]} below Where the positions of the lower row lie, in columns of the upper one.
 * @param {[number, number][]} links From a column to a place of the lower row.
 * @param {[number[], number[]]} chosen Those that stand out.
 * @param {number} [y]
 */
function rows(svg, above, below, links, chosen, y = 4) {
  const x = 8;
  const middle = (/** @type {number} */ column) => x + column * SIDE + SIDE / 2 - 0.5;
  for (const [from, to] of links) {
    stroke(svg, `M${middle(from)} ${y + SIDE}L${middle(below[to])} ${y + 30}`, "explorer-link");
  }
  grid(svg, [x, y], [1, above], lit(chosen[0]));
  below.forEach((column, place) => {
    cell(svg, x + column * SIDE, y + 30, chosen[1].includes(place) ? "explorer-lit" : "");
  });
}

/** @type {(svg: Element, x: number, y: number, looks: string[]) => void} */
function slabs(svg, x, y, looks) {
  looks.forEach((look, place) => {
    makeSvg("rect", { x: x + place * 7, y, width: 6, height: 34, class: look }, svg);
  });
}

/** @type {(count: number, look: string) => string[]} */
const times = (count, look) => Array.from({ length: count }, () => look);

/**
 * Draws the levels of an encoder and a decoder.
 * @param {Element} svg
 * @param {boolean} hasSkips
 */
function levels(svg, hasSkips) {
  const heights = [44, 26, 14, 26, 44];
  heights.forEach((height, place) => {
    const look = hasSkips ? "" : place < 2 ? "explorer-lit" : place > 2 ? "explorer-other" : "";
    const x = 10 + place * 40;
    makeSvg("rect", { x, y: 42 - height / 2, width: 8, height, class: look }, svg);
    if (place) arrow(svg, x - 28, 42, 24);
  });
  if (!hasSkips) {
    label(svg, 34, 10, "encoder");
    label(svg, 154, 10, "decoder");
    return;
  }
  stroke(svg, "M14 18V5H174V16m-3 -4l3 4l3 -4", "explorer-way");
  stroke(svg, "M54 27V16H134V25m-3 -4l3 4l3 -4", "explorer-way");
}

/** @type {Record<Exclude<Term["picture"], "">, Draw>} */
const PICTURES = {
  add: (svg) => {
    slabs(svg, 14, 14, times(3, "explorer-lit"));
    label(svg, 46, 35, "+");
    slabs(svg, 56, 14, times(3, "explorer-other"));
    arrow(svg, 86, 31);
    slabs(svg, 110, 14, times(3, "explorer-both"));
    label(svg, 119, 60, "3 channels");
  },
  channels: (svg) => {
    for (const place of [2, 1, 0]) {
      grid(svg, [20 + place * 16, 14 - place * 5], [3, 4], () => (place ? "" : "explorer-lit"));
    }
    label(svg, 112, 30, "3 channels", "start");
    label(svg, 112, 42, "of 3×4 positions", "start");
  },
  concatenate: (svg) => {
    slabs(svg, 14, 14, times(2, "explorer-lit"));
    label(svg, 39, 35, "and");
    slabs(svg, 52, 14, times(3, "explorer-other"));
    arrow(svg, 82, 31);
    slabs(svg, 106, 14, [...times(2, "explorer-lit"), ...times(3, "explorer-other")]);
    label(svg, 123, 60, "5 channels");
  },
  dilation: (svg) => {
    rows(svg, 9, [4], [[2, 0], [4, 0], [6, 0]], [[2, 4, 6], [0]]);
    label(svg, 126, 14, "3 weights", "start");
    label(svg, 126, 26, "span 5", "start");
    return 48;
  },
  "encoder and decoder": (svg) => levels(svg, false),
  field: (svg) => {
    const x = 8;
    const middle = (/** @type {number} */ column) => x + column * SIDE + SIDE / 2 - 0.5;
    stroke(svg, `M${middle(2) - 6} 16L${middle(4) - 6} 52H${middle(4) + 6}L${middle(6) + 6} 16z`, "explorer-cone");
    [[2, 3, 4, 5, 6], [3, 4, 5], [4]].forEach((places, row) => {
      grid(svg, [x, 4 + row * 24], [1, 9], lit(places));
    });
    for (const [row, text] of ["sees 5", "sees 3", "one position"].entries()) {
      label(svg, 124, 13 + row * 24, text, "start");
    }
  },
  interpolation: (svg) => {
    const heights = [12, 32, 20];
    const bars = (/** @type {number} */ x, /** @type {number[]} */ all, /** @type {number} */ width) =>
      all.forEach((height, place) => {
        const look = width > 8 || place % 2 === 0 ? "explorer-lit" : "explorer-other";
        makeSvg("rect", { x: x + place * width, y: 48 - height, width: width - 1, height, class: look }, svg);
      });
    bars(8, heights, 14);
    arrow(svg, 54, 34, 10);
    bars(70, heights.flatMap((height) => [height, height]), 8);
    bars(134, heights.flatMap((height, place) => [height, (height + (heights[place + 1] ?? height)) / 2]), 8);
    label(svg, 94, 60, "nearest");
    label(svg, 158, 60, "bilinear");
  },
  padding: (svg) => {
    const isEdge = (/** @type {number} */ row, /** @type {number} */ column) => [0, 5].includes(column) || [0, 4].includes(row);
    const isRead = (/** @type {number} */ row, /** @type {number} */ column) => row < 3 && column < 3;
    grid(svg, [20, 4], [5, 6],
      (row, column) => `${isEdge(row, column) ? "explorer-void" : ""} ${isRead(row, column) ? "explorer-lit" : ""}`,
      (row, column) => (isEdge(row, column) ? 0 : ""));
    label(svg, 104, 26, "the window fits", "start");
    label(svg, 104, 38, "at the corner, too", "start");
  },
  pooling: (svg) => {
    const values = [[1, 3, 0, 2], [7, 4, 5, 1], [0, 2, 6, 3], [4, 1, 2, 8]];
    const isLeft = (/** @type {number} */ row, /** @type {number} */ column) => row < 2 && column < 2;
    grid(svg, [20, 8], [4, 4], (row, column) => (isLeft(row, column) ? "explorer-lit" : ""), (row, column) => values[row][column]);
    arrow(svg, 78, 31);
    const most = (/** @type {number} */ row, /** @type {number} */ column) =>
      Math.max(...[0, 1].flatMap((down) => [0, 1].map((across) => values[2 * row + down][2 * column + across])));
    grid(svg, [104, 20], [2, 2], (row, column) => (row + column ? "" : "explorer-lit"), most);
    label(svg, 142, 35, "the largest", "start");
  },
  residual: (svg) => {
    arrow(svg, 6, 44, 30);
    for (const x of [40, 88]) {
      makeSvg("rect", { x, y: 34, width: 28, height: 20 }, svg);
      arrow(svg, x + 30, 44, 16);
    }
    makeSvg("circle", { cx: 144, cy: 44, r: 8 }, svg);
    label(svg, 144, 47.5, "+");
    arrow(svg, 154, 44, 22);
    stroke(svg, "M20 42V14H144V34m-3 -4l3 4l3 -4", "explorer-way");
  },
  skip: (svg) => levels(svg, true),
  stride: (svg) => {
    rows(svg, 8, [0, 2, 4, 6], [[0, 0], [2, 1], [4, 2], [6, 3]], [[0, 2, 4, 6], [0, 1, 2, 3]]);
    label(svg, 112, 14, "8 positions", "start");
    label(svg, 112, 44, "stride 2: 4", "start");
    return 48;
  },
  transposed: (svg) => {
    const overlaps = [1, 1, 2, 1, 2, 1, 1];
    [1, 3, 5].forEach((column) => {
      cell(svg, 20 + column * SIDE, 4, "explorer-lit");
      for (const side of [-1, 2]) stroke(svg, `M${25.5 + column * SIDE} 16L${20 + (column + side) * SIDE - (side > 0 ? 1 : 0)} 32`, "explorer-link");
    });
    for (const [column, count] of overlaps.entries()) {
      cell(svg, 20 + column * SIDE, 33, count > 1 ? "explorer-both" : "explorer-lit", count);
    }
    label(svg, 112, 13, "kernel 3, stride 2", "start");
    label(svg, 112, 42, "every second one", "start");
    label(svg, 112, 53, "gets twice as much", "start");
  },
  window: (svg) => {
    const isRead = (/** @type {number} */ row, /** @type {number} */ column) => row < 3 && column > 0 && column < 4;
    grid(svg, [14, 4], [5, 6], (row, column) => (isRead(row, column) ? "explorer-lit" : ""));
    arrow(svg, 92, 34, 16);
    grid(svg, [116, 4], [5, 6], (row, column) => (row === 1 && column === 2 ? "explorer-lit" : ""));
  },
};

/**
 * Draws what a term means.
 * @param {Element} parent
 * @param {Term["picture"]} name
 */
function addTermPicture(parent, name) {
  if (!name) return;
  const svg = makeSvg("svg", { class: "explorer-term-picture", "aria-hidden": "true" }, parent);
  svg.setAttribute("viewBox", `0 0 216 ${PICTURES[name](svg) ?? HEIGHT}`);
}
