// @ts-check
// The picture that a network sees, with what one position of a layer sees of it drawn upon it.
// A click or an arrow key moves the position, and a drag draws a box around an object.

/** @typedef {Model<ReceptiveFieldViewState, ReceptiveFieldViewSends>} FieldModel */
/** @typedef {(message: ReceptiveFieldViewSends) => void} FieldSend */

/** @type {Record<string, [number, number]>} */
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
/** @type {(keyof Rectangle)[]} */
const SIDES = ["top", "left", "height", "width"];
const CLICK = 5; // screen pixels that the pointer may move in a click
/** @type {("whole" | "inside" | "most" | "object")[]} */
const BOXES = ["whole", "inside", "most", "object"];

let count = 0; // of views: labels refer to ids

/** @type {(element: Element, box: Rectangle) => void} */
function place(element, { top, left, height, width }) {
  setAttributes(element, { x: left, y: top, width, height });
}

/**
 * Makes what is drawn upon the picture: each mark twice, the lower one as its outline.
 * @param {SVGSVGElement} svg
 */
function makeMarks(svg) {
  /** @type {(tag: "rect" | "path", name: string) => SVGElement[]} */
  const mark = (tag, name) => {
    const look = `explorer-field-mark explorer-field-${name}`;
    return [`${look} explorer-field-under`, look].map((cls) => makeSvg(tag, { class: cls }, svg));
  };
  return {
    whole: mark("rect", "whole"),
    inside: mark("rect", "inside"),
    most: mark("rect", "most"),
    object: mark("rect", "object"),
    position: mark("path", "position"),
  };
}

/**
 * Makes the picture with all that is drawn upon it.
 * @param {HTMLElement} parent
 * @param {string} linesId
 */
function makePicture(parent, linesId) {
  const attributes = {
    role: "application",
    tabindex: 0,
    "aria-label": "The network's input. Arrow keys move the position in the layer's output.",
    "aria-describedby": linesId,
    "data-lm-suppress-shortcuts": "true", // else JupyterLab takes keys as commands for the cell
  };
  const svg = makeSvg("svg", attributes, parent);
  const picture = makeSvg("image", { preserveAspectRatio: "none" }, svg);
  const heat = makeSvg("image", { preserveAspectRatio: "none" }, svg);
  return { svg, picture, heat, marks: makeMarks(svg) };
}

/**
 * Makes the key to what is drawn.
 * @param {HTMLElement} parent
 * @param {string[]} ramp
 */
function makeKey(parent, ramp) {
  const list = make("ul", { className: "explorer-field-key" }, parent);
  list.setAttribute("aria-label", "Key");
  /** @type {(name: string, text: string) => HTMLElement} */
  const entry = (name, text) => {
    const made = make("li", {}, list);
    make("span", {}, made).dataset.key = name;
    made.append(text);
    return made;
  };
  const key = {
    inside: entry("inside", "theoretical window"),
    whole: entry("whole", "its part in the padding"),
    object: entry("object", "object"),
    most: entry("most", "95 % of the gradient"),
    heat: entry(
      "heat",
      "gradient strength (log)",
    ),
  };
  const sample = required(key.heat.querySelector("span"), "sample of the gradient");
  sample.style.background = `linear-gradient(to right, ${ramp.join(", ")})`;
  return key;
}

/**
 * Makes a group of fields for numbers.
 * @param {HTMLElement} parent
 * @param {string} legend
 * @param {string[]} names
 * @param {(name: string, inputs: HTMLInputElement[]) => void} act
 */
function makeNumbers(parent, legend, names, act) {
  const group = make("fieldset", {}, parent);
  const title = make("legend", { textContent: legend }, group);
  const inputs = names.map((name) => {
    const label = make("label", { textContent: name }, group);
    const input = make("input", { type: "number", step: "1" }, label);
    input.addEventListener("change", () => act(name, inputs));
    // JupyterLab keeps the Enter key from what it would do here.
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") act(name, inputs);
    });
    return input;
  });
  return { group, title, inputs };
}

/** @param {Size} size @returns {Rectangle} */
const middleOf = ({ height, width }) => ({
  top: Math.floor(height / 4),
  left: Math.floor(width / 4),
  height: Math.ceil(height / 2),
  width: Math.ceil(width / 2),
});

/** @param {HTMLInputElement} input */
const numberIn = (input) => (input.value === "" ? null : Number(input.value));

/**
 * Shows a number; what is being typed is left alone, also when it was refused.
 * @param {HTMLInputElement} input
 * @param {number | undefined} number
 * @param {number} least
 * @param {number} most
 */
function showNumber(input, number, least, most) {
  [input.min, input.max] = [String(least), String(most)];
  const isNew = input.dataset.shown !== String(number);
  if (isNew || document.activeElement !== input) input.value = String(number ?? "");
  input.dataset.shown = String(number);
}

/**
 * Makes the controls beneath the picture.
 * @param {HTMLElement} left
 * @param {FieldModel} model
 */
function makeControls(left, model) {
  const toggle = make("label", {}, left);
  const effective = make("input", { type: "checkbox" }, toggle);
  toggle.append("effective field (runs the model)");
  effective.addEventListener("change", () => {
    model.set("effective", effective.checked);
    model.save_changes();
  });
  const position = makeNumbers(left, "", ["row", "column"], (name, [row, column]) =>
    model.send(name === "row" ? { row: numberIn(row) } : { column: numberIn(column) }),
  );
  const box = makeNumbers(left, "Object", SIDES, (_, inputs) => {
    const [top, left, height, width] = inputs.map(numberIn);
    model.send({ object: { top, left, height, width } });
  });
  const changeBox = () => {
    model.send({ object: model.get("object") ? null : middleOf(required(model.get("size"), "size")) });
  };
  const button = makeButton(box.group, "", "", changeBox, { className: "jupyter-button" });
  return { effective, position, box, button };
}

/** @type {(image: SVGImageElement, png: DataView<ArrayBuffer>) => void} */
function showImage(image, png) {
  const isThere = png?.byteLength > 0;
  if (isThere) showPng(image, png);
  image.toggleAttribute("hidden", !isThere);
}

/** @type {(a: Rectangle | null, b: Rectangle | null) => boolean} */
const isSame = (a, b) => SIDES.every((side) => a?.[side] === b?.[side]);

/**
 * Shows the boxes, and the key to those that are there.
 * @param {FieldModel} model
 * @param {Rectangle | null} object
 * @param {ReturnType<typeof makeMarks>} marks
 * @param {ReturnType<typeof makeKey>} key
 */
function drawBoxes(model, object, marks, key) {
  const [whole, inside] = [model.get("whole"), model.get("inside")];
  const shown = { whole: isSame(whole, inside) ? null : whole, inside, most: model.get("most"), object };
  for (const name of BOXES) {
    const at = shown[name];
    for (const element of [...marks[name], key[name]]) {
      element.toggleAttribute("hidden", !at);
    }
    if (at) for (const element of marks[name]) place(element, at);
  }
  key.heat.hidden = !(model.get("heat")?.byteLength > 0);
}

/**
 * Shows the position: a cross, and its pixel of the output where that is large enough.
 * @param {FieldModel} model
 * @param {SVGElement[]} marks
 */
function drawPosition(model, marks) {
  const [size, grid, position] = [model.get("size"), model.get("grid"), model.get("position")];
  for (const element of marks) element.toggleAttribute("hidden", !grid);
  if (!size || !grid || !position) return;
  const { height, width } = size;
  const arm = 0.03 * Math.max(height, width);
  const [down, across] = [height / grid.height, width / grid.width];
  const [y, x] = [(position.row + 0.5) * down, (position.column + 0.5) * across];
  const [gapX, gapY] = [across / 2 + arm / 2, down / 2 + arm / 2]; // what lies there stays visible
  const cross =
    `M${x - gapX} ${y}h${-arm}M${x + gapX} ${y}h${arm}` +
    `M${x} ${y - gapY}v${-arm}M${x} ${y + gapY}v${arm}`;
  const cell = `M${x - across / 2} ${y - down / 2}h${across}v${down}h${-across}z`;
  for (const element of marks) element.setAttribute("d", across > 4 ? cross + cell : cross);
}

/**
 * Shows in the controls what the kernel has.
 * @param {FieldModel} model
 * @param {Size} size
 * @param {Rectangle | null} object
 * @param {ReturnType<typeof makeControls>} controls
 */
function fillControls(model, size, object, { effective, position, box, button }) {
  const [grid, at] = [model.get("grid"), model.get("position")];
  if (grid && at) {
    showNumber(position.inputs[0], at.row, 0, grid.height - 1);
    showNumber(position.inputs[1], at.column, 0, grid.width - 1);
    position.title.textContent = `Pixel of the ${grid.height}×${grid.width} output`;
  }
  position.group.hidden = !grid;
  const most = [size.height - 1, size.width - 1, size.height, size.width];
  box.inputs.forEach((input, index) => {
    if (input.parentElement) input.parentElement.hidden = !object;
    showNumber(input, object?.[SIDES[index]], index < 2 ? 0 : 1, most[index]);
  });
  button.textContent = object ? "Remove box" : "Add box";
  effective.checked = model.get("effective");
}

/**
 * Returns what sends a message in the next frame, of several the last; and what drops it.
 * @param {FieldSend} send
 */
function sendInFrames(send) {
  let frame = 0;
  /** @type {ReceptiveFieldViewSends} */
  let waiting;
  /** @type {FieldSend} */
  const soon = (message) => {
    waiting = message;
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      send(waiting);
    });
  };
  return { soon, drop: () => cancelAnimationFrame(frame) };
}

/**
 * Returns the box of whole pixels, at least one, between two places.
 * @param {Point} a
 * @param {Point} b
 * @param {Size} size Of the picture.
 * @returns {Rectangle}
 */
function boxBetween(a, b, { height, width }) {
  const top = Math.floor(Math.min(a.y, b.y, height - 1));
  const left = Math.floor(Math.min(a.x, b.x, width - 1));
  const [bottom, right] = [Math.ceil(Math.max(a.y, b.y)), Math.ceil(Math.max(a.x, b.x))];
  return { top, left, height: Math.max(1, bottom - top), width: Math.max(1, right - left) };
}

/**
 * Has the pointer move the position, or draw a box.
 * @param {FieldModel} model
 * @param {SVGSVGElement} svg
 * @param {FieldSend} soon
 * @param {() => void} draw
 */
function followPointer(model, svg, soon, draw) {
  /** @type {{ draft: Rectangle | null }} The box while it is drawn, until the kernel has it. */
  const drawn = { draft: null };
  /** @type {{ start: Point, x: number, y: number, isBox: boolean } | null} */
  let drag = null;

  const sizeNow = () => required(model.get("size"), "size");

  /** @type {(event: PointerEvent) => Point} */
  function at(event) {
    const inverse = required(svg.getScreenCTM(), "place on the screen").inverse();
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(inverse);
    const { height, width } = sizeNow();
    /** @type {(value: number, size: number) => number} */
    const clip = (value, size) => Math.min(size, Math.max(0, value));
    return { y: clip(point.y, height), x: clip(point.x, width) };
  }

  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !model.get("size")) return;
    svg.setPointerCapture(event.pointerId);
    drag = { start: at(event), x: event.clientX, y: event.clientY, isBox: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    drag.isBox ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > CLICK;
    if (!drag.isBox) return;
    drawn.draft = boxBetween(drag.start, at(event), sizeNow());
    soon({ object: drawn.draft });
    draw();
  });
  svg.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const { height, width } = sizeNow();
    const { y, x } = at(event);
    if (!drag.isBox) model.send({ at: { y: y / height, x: x / width } });
    drag = null;
    if (isSame(drawn.draft, model.get("object"))) drawn.draft = null;
  });
  svg.addEventListener("pointercancel", () => {
    drag = drawn.draft = null;
    draw();
  });
  const objectChanged = () => {
    if (!drag) drawn.draft = null;
    draw();
  };
  return { object: () => drawn.draft ?? model.get("object"), objectChanged };
}

/**
 * Has the arrow keys move the position.
 * @param {SVGSVGElement} svg
 * @param {FieldSend} send
 */
function followKeys(svg, send) {
  svg.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const [rows, columns] = step.map((by) => by * (event.shiftKey ? 10 : 1));
    send({ rows, columns });
  });
}

/** @param {View<ReceptiveFieldViewState, ReceptiveFieldViewSends>} view */
function render({ model, el }) {
  count += 1;
  const linesId = `explorer-field-${count}-lines`;
  el.classList.add("explorer-field");
  const left = make("div", { className: "explorer-field-picture" }, el);
  const { svg, picture, heat, marks } = makePicture(left, linesId);
  const key = makeKey(left, model.get("ramp"));
  const controls = makeControls(left, model);
  const lines = make("div", { className: "explorer-field-lines", id: linesId, role: "status" }, el);
  const frames = sendInFrames((message) => model.send(message));
  const pointer = followPointer(model, svg, frames.soon, draw);
  followKeys(svg, (message) => model.send(message));

  function draw() {
    const size = model.get("size");
    if (!size) return;
    const { height, width } = size;
    const margin = 0.08 * Math.max(height, width); // room for what a window has outside
    const view = [-margin, -margin, width + 2 * margin, height + 2 * margin];
    svg.setAttribute("viewBox", view.join(" "));
    for (const element of [picture, heat]) place(element, { top: 0, left: 0, height, width });
    const object = pointer.object();
    drawBoxes(model, object, marks, key);
    drawPosition(model, marks.position);
    fillControls(model, size, object, controls);
  }

  function write() {
    lines.replaceChildren();
    for (const { text, mark, offers } of model.get("lines")) {
      make("p", { textContent: text }, lines).dataset.mark = mark;
      if (!offers.length) continue;
      const list = make("ul", { className: "explorer-field-offers" }, lines);
      for (const { words, cost } of offers) {
        const offer = make("li", {}, list);
        makeButton(offer, words, "", () => model.send({ remedy: words }), { className: "jupyter-button" });
        make("small", { textContent: cost }, offer);
      }
    }
    markTerms(lines);
  }

  const showPicture = () => showImage(picture, model.get("picture"));
  const showHeat = () => showImage(heat, model.get("heat"));
  for (const show of [showPicture, showHeat, draw, write]) show();
  const ignore = listen(model, {
    "change:picture": showPicture,
    "change:heat": showHeat,
    "change:lines": write,
    change: draw,
    "change:object": pointer.objectChanged,
  });
  return () => {
    ignore();
    frames.drop();
  };
}

export default { initialize, render };
