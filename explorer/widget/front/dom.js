// @ts-check
// What several views make their part of the page with. It stands before each view's own module.

/**
 * Makes an element, and puts it at the end of another one.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Partial<HTMLElementTagNameMap[Tag]>} [properties]
 * @param {Element | null} [parent]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function make(tag, properties = {}, parent = null) {
  const made = Object.assign(document.createElement(tag), properties);
  parent?.append(made);
  return made;
}

/**
 * Makes an element of an SVG, and puts it at the end of another one.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {Element} parent
 * @returns {SVGElementTagNameMap[Tag]}
 */
function makeSvg(tag, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(made, attributes);
  parent.append(made);
  return made;
}

/**
 * @param {Element} element
 * @param {Record<string, string | number>} attributes
 */
function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

/**
 * Makes a button. Where its text does not say what it does, `label` does.
 * @param {Element} parent
 * @param {string} text
 * @param {string} title
 * @param {() => void} act
 * @param {{ className?: string, label?: string }} [options]
 */
function makeButton(parent, text, title, act, { className = "", label = "" } = {}) {
  const made = make("button", { type: "button", className, textContent: text, title }, parent);
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

/**
 * Shows the content of a PNG.
 * @param {HTMLImageElement | SVGImageElement} image
 * @param {DataView<ArrayBuffer>} png
 */
function showPng(image, png) {
  const url = URL.createObjectURL(new Blob([png], { type: "image/png" }));
  const name = image instanceof SVGImageElement ? "href" : "src";
  URL.revokeObjectURL(image.getAttribute(name) ?? ""); // of one that was not loaded yet
  image.onload = image.onerror = () => URL.revokeObjectURL(url);
  image.setAttribute(name, url);
}

/**
 * Returns the element that an event is about.
 * @param {Event} event
 */
function targetOf(event) {
  return event.target instanceof Element ? event.target : null;
}

/**
 * Returns what must be there.
 * @template Value
 * @param {Value | null | undefined} value
 * @param {string} name
 * @returns {Value}
 */
function required(value, name) {
  if (value === null || value === undefined) throw new Error(`The view has no ${name}.`);
  return value;
}

/**
 * What waits for a drawing that is laid out, on this page: a frame shows the drawing, and the next one
 * all else that an edit changes. A frame of its own for each view would keep the picture waiting for
 * the browser's painting, and what all of them make of it would do so in one frame with it.
 * @typedef {{ layouts: number, listeners: Set<() => void> }} Waiting
 */

/** What the views of a page share. */
const ofPage =
  /** @type {{ explorerLayout?: LayoutWorker, explorerWaiting?: Waiting, explorerCode?: Map<string, PageCode> }} */ (
    /** @type {unknown} */ (globalThis)
  );
ofPage.explorerWaiting ??= { layouts: 0, listeners: new Set() };
const waiting = ofPage.explorerWaiting;

/** Has every view show what it heard of meanwhile. */
function showAll() {
  for (const listener of waiting.listeners) {
    waiting.listeners.delete(listener);
    try {
      listener();
    } catch (error) {
      reportError(error); // of one view: the others, and the drawing, go on
    }
  }
}

/**
 * Connects listeners to a model, and returns what disconnects them. They wait for a drawing that is
 * laid out just now.
 * @template State
 * @param {Listened<State>} model
 * @param {Partial<Record<ModelEvent<State>, () => void>>} listeners
 */
function listen(model, listeners) {
  const all = /** @type {[ModelEvent<State>, () => void][]} */ (Object.entries(listeners));
  const connected = all.map(([event, listener]) => {
    const hear = () => (waiting.layouts ? waiting.listeners.add(listener) : listener());
    model.on(event, hear);
    return () => {
      model.off(event, hear);
      waiting.listeners.delete(listener);
    };
  });
  return () => {
    for (const disconnect of connected) disconnect();
  };
}
