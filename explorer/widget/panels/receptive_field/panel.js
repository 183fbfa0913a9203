// The picture that a network sees, with what one position of a layer sees of it drawn upon it.
// A click or an arrow key moves the position, and a drag draws a box around an object.

const SVG = "http://www.w3.org/2000/svg";
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const CLICK = 5; // screen pixels that the pointer may move in a click

let count = 0; // of views: labels refer to ids

function make(parent, tag, attributes = {}, text = "") {
  const isDrawn = parent instanceof SVGElement || tag === "svg";
  const made = isDrawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.append(text);
  parent.append(made);
  return made;
}

function place(element, [top, left, height, width]) {
  const values = { x: left, y: top, width, height };
  for (const [name, value] of Object.entries(values)) element.setAttribute(name, value);
}

function render({ model, el }) {
  const id = `explorer-field-${(count += 1)}`;
  el.classList.add("explorer-field");
  let draft = null; // the box while it is drawn, until the kernel has it
  let drag = null;
  let frame = 0;
  let waiting = null; // what is sent in the next frame

  // The picture.

  const left = make(el, "div", { class: "explorer-field-picture" });
  const svg = make(left, "svg", {
    role: "application",
    tabindex: 0,
    "aria-label": "The network's input. Arrow keys move the position in the layer's output.",
    "aria-describedby": `${id}-lines`,
    "data-lm-suppress-shortcuts": "true", // else JupyterLab takes keys as commands for the cell
  });
  const picture = make(svg, "image", { preserveAspectRatio: "none" });
  const heat = make(svg, "image", { preserveAspectRatio: "none" });
  const drawn = {};
  for (const name of ["whole", "inside", "most", "object", "position"]) {
    const tag = name === "position" ? "path" : "rect";
    const look = `explorer-field-mark explorer-field-${name}`;
    drawn[name] = [`${look} explorer-field-under`, look].map((cls) => make(svg, tag, { class: cls }));
  }

  const urls = new Map();
  function showImage(element, name) {
    URL.revokeObjectURL(urls.get(name));
    const content = model.get(name);
    const there = content?.byteLength > 0;
    if (there) {
      urls.set(name, URL.createObjectURL(new Blob([content], { type: "image/png" })));
      element.setAttribute("href", urls.get(name));
    }
    element.toggleAttribute("hidden", !there);
  }

  // The controls.

  const side = make(el, "div", { class: "explorer-field-side" });
  const toggle = make(side, "label");
  const effective = make(toggle, "input", { type: "checkbox" });
  toggle.append("effective receptive field (runs the model)");
  effective.addEventListener("change", () => {
    model.set("effective", effective.checked);
    model.save_changes();
  });

  function numbers(legend, names, act) {
    const group = make(side, "fieldset");
    const title = make(group, "legend", {}, legend);
    const inputs = names.map((name) => {
      const label = make(group, "label", {}, name);
      const input = make(label, "input", { type: "number", step: 1 });
      input.addEventListener("change", () => act(name, inputs));
      // JupyterLab keeps the Enter key from what it would do here.
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter") act(name, inputs);
      });
      return input;
    });
    return { group, title, inputs };
  }
  // What is being typed is left alone, also when it was refused.
  function fill(input, number, least, most) {
    [input.min, input.max] = [least, most];
    const isNew = input.dataset.shown !== String(number);
    if (isNew || document.activeElement !== input) input.value = number ?? "";
    input.dataset.shown = number;
  }
  const value = (input) => (input.value === "" ? null : Number(input.value));
  const position = numbers("", ["row", "column"], (name, [row, column]) =>
    model.send({ [name]: value(name === "row" ? row : column) }),
  );
  const box = numbers("Object", ["top", "left", "height", "width"], (_, inputs) =>
    model.send({ object: inputs.map(value) }),
  );
  const button = make(box.group, "button", { class: "jupyter-button" });
  button.addEventListener("click", () => {
    const size = model.get("size");
    const middle = [...size.map((of) => Math.floor(of / 4)), ...size.map((of) => Math.ceil(of / 2))];
    model.send({ object: model.get("object").length ? null : middle });
  });

  const lines = make(side, "div", { id: `${id}-lines`, role: "status" });
  const key = make(left, "ul", { class: "explorer-field-key", "aria-label": "Key" });
  const keys = {};
  for (const [name, text] of [
    ["inside", "theoretical window"],
    ["whole", "its part in the padding"],
    ["object", "object"],
    ["most", "95 % of the gradient"],
    ["heat", "gradient, from 1/10,000 of the strongest pixel's to that (logarithmic)"],
  ]) {
    keys[name] = make(key, "li");
    make(keys[name], "span", { "data-key": name });
    keys[name].append(text);
  }
  keys.heat.firstElementChild.style.background = `linear-gradient(to right, ${model.get("ramp").join(", ")})`;

  // From the kernel to the screen.

  function draw() {
    const [height, width] = model.get("size");
    if (!height) return;
    const margin = 0.08 * Math.max(height, width); // room for what a window has outside
    svg.setAttribute("viewBox", [-margin, -margin, width + 2 * margin, height + 2 * margin].join(" "));
    for (const element of [picture, heat]) place(element, [0, 0, height, width]);
    const [whole, inside] = [model.get("whole"), model.get("inside")];
    const object = draft ?? model.get("object");
    const isCut = whole.length > 0 && String(whole) !== String(inside);
    const shown = { whole: isCut ? whole : [], inside, most: model.get("most"), object };
    for (const [name, at] of Object.entries(shown)) {
      for (const element of [...drawn[name], keys[name]]) element.toggleAttribute("hidden", !at.length);
      if (at.length) drawn[name].forEach((element) => place(element, at));
    }
    keys.heat.hidden = !(model.get("heat")?.byteLength > 0);
    const [rows, columns] = model.get("grid");
    drawn.position.forEach((element) => element.toggleAttribute("hidden", !rows));
    if (rows) {
      const [row, column] = model.get("position");
      const arm = 0.03 * Math.max(height, width);
      const [down, across] = [height / rows, width / columns];
      const [y, x] = [(row + 0.5) * down, (column + 0.5) * across];
      const [gapX, gapY] = [across / 2 + arm / 2, down / 2 + arm / 2]; // what lies there stays visible
      const cross = `M${x - gapX} ${y}h${-arm}M${x + gapX} ${y}h${arm}M${x} ${y - gapY}v${-arm}M${x} ${y + gapY}v${arm}`;
      const cell = `M${x - across / 2} ${y - down / 2}h${across}v${down}h${-across}z`;
      drawn.position.forEach((element) => element.setAttribute("d", across > 4 ? cross + cell : cross));
      fill(position.inputs[0], row, 0, rows - 1);
      fill(position.inputs[1], column, 0, columns - 1);
    }
    position.group.hidden = !rows;
    position.title.textContent = `Position in the layer's ${rows} × ${columns} output`;
    const most = [height - 1, width - 1, height, width];
    box.inputs.forEach((input, index) => {
      input.parentElement.hidden = !object.length;
      fill(input, object[index], index < 2 ? 0 : 1, most[index]);
    });
    button.textContent = object.length ? "Remove box" : "Add box";
    effective.checked = model.get("effective");
  }

  function write() {
    lines.replaceChildren();
    for (const [text, mark] of model.get("lines")) make(lines, "p", { "data-mark": mark }, text);
  }

  // From the pointer and the keyboard to the kernel.

  function soon(message) {
    waiting = message;
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      model.send(waiting);
    });
  }

  function at(event) {
    const inverse = svg.getScreenCTM().inverse();
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(inverse);
    const [height, width] = model.get("size");
    const clip = (value, size) => Math.min(size, Math.max(0, value));
    return [clip(point.y, height), clip(point.x, width)];
  }

  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !model.get("size").length) return;
    svg.setPointerCapture(event.pointerId);
    drag = { start: at(event), x: event.clientX, y: event.clientY, isBox: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return;
    drag.isBox ||= Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > CLICK;
    if (!drag.isBox) return;
    const [height, width] = model.get("size");
    const [[y0, x0], [y1, x1]] = [drag.start, at(event)];
    const first = [Math.min(y0, y1, height - 1), Math.min(x0, x1, width - 1)].map(Math.floor);
    const end = [Math.max(y0, y1), Math.max(x0, x1)].map(Math.ceil);
    draft = [...first, ...end.map((last, axis) => Math.max(1, last - first[axis]))];
    soon({ object: draft });
    draw();
  });
  svg.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const [height, width] = model.get("size");
    const [y, x] = at(event);
    if (!drag.isBox) model.send({ at: [y / height, x / width] });
    drag = null;
    if (String(draft) === String(model.get("object"))) draft = null;
  });
  svg.addEventListener("pointercancel", () => {
    drag = draft = null;
    draw();
  });
  svg.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ move: step.map((by) => by * (event.shiftKey ? 10 : 1)) });
  });

  const changed = () => {
    if (!drag) draft = null;
    draw();
  };
  const listeners = {
    "change:picture": () => showImage(picture, "picture"),
    "change:heat": () => showImage(heat, "heat"),
    "change:lines": write,
    change: draw,
    "change:object": changed,
  };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  showImage(picture, "picture");
  showImage(heat, "heat");
  draw();
  write();
  return () => {
    cancelAnimationFrame(frame);
    urls.forEach((url) => URL.revokeObjectURL(url));
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
  };
}

export default { initialize, render };
