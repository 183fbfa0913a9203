// @ts-check
// Draws a bar for each step of the network: its channels, over them the height of the feature as a
// line, and behind both what is in memory. A click selects; with the focus, arrows walk along.

const HIGH = 100; // units from the lowest to the highest

/**
 * Returns the corners of a line that has each value for one unit of width.
 * @param {number[]} values from 0 to 1
 */
const stairs = (values) =>
  values.map((value, x) => `${x},${HIGH * (1 - value)} ${x + 1},${HIGH * (1 - value)}`).join(" ");

/** @param {number[]} values */
const area = (values) => `0,${HIGH} ${stairs(values)} ${values.length},${HIGH}`;

/** Draws the steps. An edit changes what is drawn, and few elements are faster than one for each bar. */
class Drawing {
  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.svg = svg;
    this.total = makeSvg("polygon", { class: "explorer-strip-memory" }, svg);
    this.held = makeSvg("polygon", { class: "explorer-strip-held" }, svg);
    this.bars = makeSvg("g", {}, svg); // a path for each colour
    this.height = makeSvg("polyline", { class: "explorer-strip-height" }, svg);
    this.targets = makeSvg("g", {}, svg); // of the pointer, one for each step
  }

  /** @param {StripStep[]} steps */
  show(steps) {
    /** @param {number[]} values */
    const most = (values) => Math.max(1, ...values);
    const [channels, height, total] = [
      most(steps.map((step) => step.channels)),
      most(steps.map((step) => step.height)),
      most(steps.map((step) => step.total)),
    ];
    this.total.setAttribute("points", area(steps.map((step) => step.total / total)));
    this.held.setAttribute("points", area(steps.map((step) => step.held / total)));
    const heights = steps.map((step) => 0.04 + (0.92 * Math.log2(1 + step.height)) / Math.log2(1 + height));
    this.height.setAttribute("points", stairs(heights));
    /** @type {Map<string, string>} */
    const bars = new Map();
    steps.forEach((step, x) => {
      const high = Math.max(2, (HIGH * 0.9 * step.channels) / channels);
      const bar = `M${x + 0.12},${HIGH}v${-high}h0.76v${high}z`;
      bars.set(step.colour, (bars.get(step.colour) ?? "") + bar);
    });
    const paths = [...bars].map(([fill, d], place) => {
      const path = this.bars.children[place] ?? makeSvg("path", {}, this.bars);
      setAttributes(path, { fill, d });
      return path;
    });
    if (this.bars.children.length > paths.length) this.bars.replaceChildren(...paths);
    setAttributes(this.svg, { viewBox: `0 0 ${Math.max(1, steps.length)} ${HIGH}` });
    if (this.targets.children.length === steps.length) return;
    this.targets.replaceChildren();
    steps.forEach((_, x) => {
      const target = { x, y: 0, width: 1, height: HIGH, class: "explorer-strip-step" };
      makeSvg("rect", target, this.targets).dataset.place = String(x);
    });
  }
}

/** @param {View<StripState, StripSends>} view */
function render({ model, el }) {
  el.classList.add("explorer-strip-view", "explorer-themed");
  const attributes = { preserveAspectRatio: "none", tabindex: 0, role: "slider" };
  const svg = makeSvg("svg", attributes, el);
  svg.setAttribute("aria-label", "Place in the network");
  const drawing = new Drawing(svg);
  const hint = make("div", { className: "explorer-hint", hidden: true }, el);
  let place = 0; // where the keys are
  let wanted = ""; // what was selected here, until the kernel says so

  const hover = new Hover(el, ".explorer-strip-step", (target) =>
    model.get("steps")[Number(/** @type {SVGElement} */ (target).dataset.place)],
  );

  function mark() {
    const [steps, selected] = [model.get("steps"), new Set(model.get("selected"))];
    const first = steps.findIndex((step) => selected.has(step.id));
    if (!wanted) place = first < 0 ? Math.min(place, steps.length - 1) : first;
    if (selected.has(wanted)) wanted = "";
    for (const target of svg.querySelectorAll(".explorer-strip-step")) {
      const step = steps[Number(/** @type {SVGElement} */ (target).dataset.place)];
      target.classList.toggle("explorer-selected", selected.has(step.id));
    }
    setAttributes(svg, {
      "aria-valuemin": 1,
      "aria-valuemax": Math.max(1, steps.length),
      "aria-valuenow": place + 1,
      "aria-valuetext": (steps[place]?.text ?? "").replaceAll("\n", ", "),
    });
  }

  /** @type {StripStep[] | null} */
  let drawn = null;
  // Steps and selection come in one message; marks need both.
  function draw() {
    if (drawn !== model.get("steps")) {
      drawn = model.get("steps");
      drawing.show(drawn);
      hint.hidden = true;
      hover.drawn();
    }
    mark();
  }

  /** @param {number} chosen */
  function select(chosen) {
    const step = model.get("steps")[chosen];
    wanted = "";
    if (!step) return;
    model.send({ select: step.id });
    place = chosen;
    if (!model.get("selected").includes(step.id)) wanted = step.id;
  }

  /** @param {Event} event */
  const placeAt = (event) => {
    const { place: found } = /** @type {SVGElement | null} */ (
      targetOf(event)?.closest("[data-place]")
    )?.dataset ?? {};
    return found === undefined ? null : Number(found);
  };
  svg.addEventListener("click", (event) => select(placeAt(event) ?? -1));
  svg.addEventListener("pointermove", (event) => {
    const found = placeAt(event);
    const step = found === null ? undefined : model.get("steps")[found];
    hint.hidden = !step;
    if (!step) return;
    hint.textContent = step.text;
    const frame = el.getBoundingClientRect();
    const left = Math.min(event.clientX - frame.left + 12, frame.width - hint.offsetWidth - 4);
    hint.style.left = `${Math.max(0, left)}px`;
  });
  svg.addEventListener("pointerleave", () => {
    hint.hidden = true;
  });
  svg.addEventListener("keydown", (event) => {
    const last = model.get("steps").length - 1;
    /** @type {Record<string, number>} */
    const ways = {
      ArrowRight: place + 1,
      ArrowUp: place + 1,
      ArrowLeft: place - 1,
      ArrowDown: place - 1,
      Home: 0,
      End: last,
    };
    const next = ways[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    select(Math.min(last, Math.max(0, next)));
    hover.tell(model.get("steps")[place]);
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to the next cell
  });
  svg.addEventListener("focus", () => {
    if (svg.matches(":focus-visible")) hover.tell(model.get("steps")[place]);
  });
  svg.addEventListener("blur", () => {
    wanted = "";
  });
  draw();
  const ignore = listen(model, { change: draw });
  return () => {
    ignore();
    hover.end();
  };
}

export default { initialize, render };
