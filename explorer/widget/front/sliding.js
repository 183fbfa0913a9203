// @ts-check
// Plays what a layer does to a small grid; buttons, keys and a slider step through it. It needs `grids`.

/** What the buttons show, in a square of 16. */
const ICONS = {
  restart: "M3 3h2v10H3z M13 3v10L6 8z",
  back: "M11 3h2v10h-2z M9.5 3v10L3 8z",
  play: "M4 3v10l9-5z",
  pause: "M4 3h3v10H4z M9 3h3v10H9z",
  forward: "M3 3h2v10H3z M6.5 3v10L13 8z",
};
/** Milliseconds for each step. */
const SPEEDS = { slow: 1600, normal: 800, fast: 250 };
/** Where keys have a meaning of their own. */
const HEARS_ARROWS = "input, select";
const HEARS_SPACE = "button, input, select";

/**
 * @param {Element} parent
 * @param {keyof typeof ICONS} icon
 * @param {string} label
 * @param {() => void} act
 */
function makeIconButton(parent, icon, label, act) {
  const button = makeButton(parent, "", label, act, { className: "jupyter-button", label });
  const path = makeSvg("path", {}, makeSvg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, button));
  /** @type {(icon: keyof typeof ICONS, label: string) => void} */
  const show = (icon, label) => {
    path.setAttribute("d", ICONS[icon]);
    button.title = label;
    button.setAttribute("aria-label", label);
  };
  show(icon, label);
  return { button, show };
}

/** @type {(height: number, width: number, border: Border, what: string) => string} */
function sizeText(height, width, border, what) {
  const isWider = Object.values(border).some((count) => count > 0);
  return `${height}×${width}${isWider ? `, hatched: ${what}` : ""}`;
}

/**
 * Makes the grids, and returns what shows a step on them.
 * @param {HTMLElement} row
 * @param {Sliding} sliding
 */
function makeGrids(row, sliding) {
  const { values, kernel, height, width, padding, cut, steps } = sliding;
  const isNoted = steps.some((step) => step.reads.some((cell) => cell.note));
  const size = { height: values.length, width: values[0].length };
  const captionOf = { input: sizeText(size.height, size.width, padding, "padding"), output: sizeText(height, width, cut, "cut off") };
  const input = makeGrid(row, `Input ${captionOf.input}`, { ...size, border: padding, hasNotes: isNoted });
  for (const [place, { value }] of input.cells) {
    const [y, x] = place.split(" ").map(Number);
    const number = values[y]?.[x];
    write(value, number === undefined ? sliding.padding_text : String(number).replace("-", "−"), LARGE);
  }
  if (kernel.length) {
    const weights = makeGrid(row, `Kernel ${kernel.length}×${kernel[0].length}`, { height: kernel.length, width: kernel[0].length });
    kernel.forEach((numbers, y) => {
      numbers.forEach((number, x) => {
        write(weights.cell(y, x).value, String(number).replace("-", "−"), LARGE);
      });
    });
  }
  const hasNotes = steps.some((step) => step.writes.some(({ cell }) => cell.note));
  const output = makeGrid(row, `Output ${captionOf.output}`, { height, width, border: cut, hasNotes });
  output.figure.classList.add("explorer-grid-written");
  /** @param {number} at */
  return (at) => {
    for (const { value } of output.cells.values()) value.textContent = "";
    for (const { writes } of steps.slice(0, at + 1)) {
      for (const { cell, text } of writes) {
        const found = output.cell(cell.row, cell.column);
        if (!found.group.classList.contains("explorer-grid-outside")) write(found.value, text, LARGE);
      }
    }
    markCells(input, steps[at].reads);
    markCells(output, steps[at].writes.map(({ cell }) => cell));
  };
}

/**
 * Shows a layer at work; returns what steps to a place, and what ends it.
 * @param {Element} parent
 * @param {Sliding} sliding
 * @param {{ step?: number, plays?: boolean }} [first] The step that is shown first, and whether it
 *   plays once it is in view. Who wants less motion starts it by hand.
 */
function addSliding(parent, sliding, { step = 0, plays = true } = {}) {
  const el = make("div", { className: "explorer-grids explorer-sliding", tabIndex: 0 }, parent);
  // Else JupyterLab takes keys as commands for the cell.
  setAttributes(el, { role: "group", "aria-label": sliding.title, "data-lm-suppress-shortcuts": "true" });
  const last = sliding.steps.length - 1;
  make("b", { textContent: sliding.title }, el);
  const row = make("div", { className: "explorer-grids-row" }, el);
  const showGrids = makeGrids(row, sliding);
  const bar = make("div", { className: "explorer-sliding-bar" }, el);
  const text = make("p", { className: "explorer-sliding-text" }, el);
  let at = 0;
  let timer = 0; // 0: paused

  /** @param {number} step */
  function go(step) {
    at = Math.min(last, Math.max(0, step));
    showGrids(at);
    text.textContent = sliding.steps[at].text;
    slider.value = String(at);
    place.textContent = `step ${at + 1} of ${last + 1}`;
    slider.setAttribute("aria-valuetext", place.textContent);
  }

  function pause() {
    clearTimeout(timer);
    timer = 0;
    play.show("play", "Play (space)");
    text.setAttribute("aria-live", "polite");
  }

  function goOn() {
    go(at + 1);
    if (at === last) pause();
    else timer = window.setTimeout(goOn, SPEEDS[speedNow()]);
  }

  function start() {
    if (timer) return;
    if (at === last) go(0);
    play.show("pause", "Pause (space)");
    text.setAttribute("aria-live", "off"); // nobody could listen to it in that time
    timer = window.setTimeout(goOn, SPEEDS[speedNow()]);
  }

  /** @param {number} step */
  const stepTo = (step) => {
    pause();
    go(step);
  };
  const toggle = () => (timer ? pause() : start());

  makeIconButton(bar, "restart", "Restart (Home)", () => stepTo(0));
  makeIconButton(bar, "back", "Step back (←)", () => stepTo(at - 1));
  const play = makeIconButton(bar, "play", "Play (space)", toggle);
  makeIconButton(bar, "forward", "Step forward (→)", () => stepTo(at + 1));
  const slider = make("input", { type: "range", min: "0", max: String(last) }, bar);
  slider.setAttribute("aria-label", "Step");
  slider.addEventListener("input", () => stepTo(Number(slider.value)));
  const place = make("span", { className: "explorer-sliding-place" }, bar);
  const speed = make("select", { title: "Speed" }, bar);
  speed.setAttribute("aria-label", "Speed");
  for (const name of Object.keys(SPEEDS)) make("option", { value: name, textContent: name, selected: name === "normal" }, speed);
  const speedNow = () => /** @type {keyof typeof SPEEDS} */ (speed.value);
  const setSlide = () => el.style.setProperty("--slide", `${Math.min(300, SPEEDS[speedNow()] / 2)}ms`);
  speed.addEventListener("change", setSlide);
  make("p", { className: "explorer-sliding-note", textContent: sliding.note }, el);

  el.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = targetOf(event);
    /** @type {Record<string, () => void>} */
    const acts = {
      ArrowRight: () => stepTo(at + 1),
      ArrowLeft: () => stepTo(at - 1),
      Home: () => stepTo(0),
      End: () => stepTo(last),
      " ": toggle,
    };
    const act = acts[event.key];
    event.stopPropagation(); // JupyterLab would go to another cell
    if (!act || target?.closest(event.key === " " ? HEARS_SPACE : HEARS_ARROWS)) return;
    event.preventDefault();
    act();
  });

  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    start();
  });
  setSlide();
  stepTo(step);
  if (plays && !matchMedia("(prefers-reduced-motion: reduce)").matches) seen.observe(row);
  return {
    stepTo,
    end: () => {
      clearTimeout(timer);
      seen.disconnect();
    },
  };
}
