// @ts-check
// A network that learns: its loss and its metric as curves, and what it says of pictures held out.

const [WIDE, HIGH] = [190, 116]; // of a chart, and its margins
const [LEFT, RIGHT, TOP, BOTTOM] = [28, 6, 8, 28];
// Widths of a digit and a point in the widest of usual fonts, and how far labels are from the grid.
const [DIGIT, POINT, APART] = [7, 3.5, 5];

// Milliseconds for which answers are shown: a frame of the screen at least, and what comes together
// for this long at most. No more of them wait, where they come faster than the screen shows them.
const [FRAME, TOGETHER, MOST_WAITING] = [16, 500, 40];

/**
 * Returns a round number that is at least as large.
 * @param {number} value above 0
 */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const found = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= value * (1 - 1e-9));
  return (found ?? 10) * power;
}

/**
 * Writes values of an axis, very large and small ones with a power of ten.
 * @param {number[]} values the largest one last
 */
function axisLabels(values) {
  const most = values[values.length - 1];
  return values.map((value) => {
    const rounded = Number(value.toPrecision(3));
    const isShort = !rounded || (most >= 1e-3 && most < 1e5);
    return isShort ? String(rounded) : rounded.toExponential().replace("+", "");
  });
}

/**
 * Returns the width that a label may have.
 * @param {string} label
 */
function widthOf(label) {
  const points = label.split(".").length - 1;
  return DIGIT * (label.length - points) + POINT * points;
}

/**
 * Draws a curve, and what is beside it, with axes from 0 on.
 * @param {SVGSVGElement} svg
 * @param {Curve} curve
 */
function drawCurve(svg, curve) {
  svg.replaceChildren();
  const curves = [...curve.beside, { name: /** @type {const} */ ("B"), points: curve.points, now: curve.now }];
  const all = curves.flatMap(({ points }) => points);
  const steps = roundUp(Math.max(10, ...all.map((point) => point.step)));
  const most = curve.highest ?? roundUp(Math.max(1e-9, ...all.map((point) => point.value)));
  const parts = [0, 0.5, 1];
  const labels = axisLabels(parts.map((part) => part * most));
  const left = Math.max(LEFT, APART + Math.max(...labels.map(widthOf)));
  const x = (/** @type {number} */ step) => left + ((WIDE - left - RIGHT) * step) / steps;
  const y = (/** @type {number} */ value) => HIGH - BOTTOM - ((HIGH - TOP - BOTTOM) * Math.max(0, value)) / most;

  /** @type {(place: { x: number, y: number }, content: string, anchor: string) => void} */
  function write(place, content, anchor) {
    makeSvg("text", { ...place, "text-anchor": anchor }, svg).textContent = content;
  }
  for (const [index, part] of parts.entries()) {
    const at = y(part * most);
    makeSvg("line", { x1: left, x2: WIDE - RIGHT, y1: at, y2: at, class: "explorer-grid" }, svg);
    write({ x: left - APART, y: at + 4 }, labels[index], "end");
  }
  for (const part of parts) {
    const anchor = ["start", "middle", "end"][2 * part];
    write({ x: x(part * steps), y: HIGH - BOTTOM + 13 }, (part * steps).toLocaleString("en"), anchor);
  }
  write({ x: (left + WIDE - RIGHT) / 2, y: HIGH - 3 }, "training steps", "middle");
  for (const { name, points, now } of curves) {
    const line = points.map((point) => `${x(point.step)},${y(point.value)}`).join(" ");
    const group = makeSvg("g", { class: `explorer-of-${name.toLowerCase()}${now ? "" : " explorer-earlier"}` }, svg);
    makeSvg("polyline", { points: line, class: "explorer-curve" }, group);
    const end = points[points.length - 1];
    if (end && now) makeSvg("circle", { cx: x(end.step), cy: y(end.value), r: 3, class: "explorer-curve-end" }, group);
  }
}

/**
 * Writes the last values, of two with the lines that they belong to.
 * @param {Element} parent
 * @param {Curve} curve
 */
function writeNow(parent, curve) {
  parent.replaceChildren();
  const a = curve.beside.filter(({ now }) => now);
  if (!a.length) parent.textContent = curve.now;
  else {
    for (const { name, now } of [...a, { name: "B", now: curve.now }]) {
      const svg = makeSvg("svg", { viewBox: "0 0 22 6", class: `explorer-of-${name.toLowerCase()}` }, parent);
      makeSvg("polyline", { points: "0,3 22,3", class: "explorer-curve" }, svg);
      parent.append(`${name} ${now}`);
    }
  }
}

/**
 * Makes a chart, which is hidden while there is no curve.
 * @param {Element} parent
 * @returns {(curve: Curve | null) => void}
 */
function makeChart(parent) {
  const figure = make("figure", { hidden: true }, parent);
  const caption = make("figcaption", {}, figure);
  const name = make("span", {}, caption);
  const now = make("b", {}, caption);
  const svg = makeSvg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img" }, figure);
  return (curve) => {
    figure.hidden = !curve;
    if (!curve) return;
    figure.title = curve.about;
    name.textContent = curve.unit ? `${curve.name} (${curve.unit})` : curve.name;
    writeNow(now, curve);
    svg.setAttribute("aria-label", `${curve.name}: ${now.textContent}`);
    drawCurve(svg, curve);
  };
}

/**
 * Plays what comes several at a time: one after the other, until the next ones are due.
 * @template Item
 * @param {(item: Item) => void} show
 */
function makePlayer(show) {
  /** @type {Item[]} */
  let waiting = [];
  let [came, pause, timer] = [0, 0, 0];

  function next() {
    const item = waiting.shift();
    if (item === undefined) return;
    show(item);
    timer = setTimeout(next, pause);
  }

  return {
    /** @param {Item[]} items None: what waits is not shown any more. */
    take(items) {
      const now = performance.now();
      waiting = items.length ? [...waiting, ...items].slice(-MOST_WAITING) : [];
      pause = Math.max(FRAME, Math.min(now - came, TOGETHER) / waiting.length);
      came = now;
      clearTimeout(timer);
      next();
    },
    end: () => clearTimeout(timer),
  };
}

/** @param {View<LearningState, never, LearningGets>} view */
function render({ model, el }) {
  el.classList.add("explorer-learning", "explorer-themed");
  const all = make("div", {}, el);
  const charts = make("div", { className: "explorer-curves" }, all);
  const [showLoss, showMetric] = [makeChart(charts), makeChart(charts)];
  const table = make("div", { className: "explorer-held-out" }, all);
  /** @type {HTMLImageElement[]} */
  let answers = [];
  /** @type {HTMLImageElement[]} */
  let answersOfA = [];

  function drawHeldOut() {
    table.replaceChildren();
    answers = answersOfA = [];
    const pictures = model.get("held_out");
    const last = model.get("answers").at(-1);
    if (!pictures.length) return;
    /** @type {(head: string, what: string) => HTMLImageElement[]} */
    function addRow(head, what) {
      make("b", { textContent: head }, table);
      return pictures.map((_, index) => make("img", { alt: `held-out picture ${index + 1}: ${what}` }, table));
    }
    const [given, truths] = [addRow("given", "given"), addRow("true", "the true answer")];
    pictures.forEach(({ image, truth }, index) => {
      showPng(given[index], image);
      showPng(truths[index], truth);
    });
    if (!last) return;
    const areTwo = last.of_a.length > 0;
    if (areTwo) answersOfA = addRow("A", "A’s answer");
    answers = addRow(areTwo ? "B" : "network", areTwo ? "B’s answer" : "the network’s answer");
    drawAnswers(last);
  }

  /** @param {StepAnswers} step */
  function drawAnswers({ own, of_a: ofA }) {
    for (const [index, image] of answers.entries()) showPng(image, own[index]);
    if (!ofA.length) return; // A did not make this step
    for (const [index, image] of answersOfA.entries()) showPng(image, ofA[index]);
  }

  const player = makePlayer(drawAnswers);
  function playAnswers() {
    const all = model.get("answers");
    if (all.length && !answers.length) drawHeldOut();
    player.take(all);
  }

  const drawLoss = () => showLoss(model.get("loss"));
  const drawMetric = () => showMetric(model.get("metric"));
  const mark = () => el.classList.toggle("explorer-old", model.get("is_old"));
  for (const draw of [drawLoss, drawMetric, drawHeldOut, mark]) draw();
  model.on("msg:custom", download);
  const ignore = listen(model, {
    "change:loss": drawLoss,
    "change:metric": drawMetric,
    "change:held_out": drawHeldOut,
    "change:answers": playAnswers,
    "change:is_old": mark,
  });
  return () => {
    model.off("msg:custom", download);
    player.end();
    ignore();
  };
}

export default { initialize, render };
