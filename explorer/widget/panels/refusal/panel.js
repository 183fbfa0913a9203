// @ts-check
// Puts what was refused beside the control that it is about, which the kernel has marked by a class:
// over the other panes, so that nothing moves. Who has hidden it sees it again by turning to the control.

const MARKED = ".explorer-refused";
const INPUTS = "input, select, [role=slider]";
/** What one may want to click next, from the top: the note lies below it. */
const BARS =
  ".explorer-stage > .widget-tab > :not(.widget-tab-contents), .explorer-stage :is(.explorer-tools, .explorer-row)";
/** Pixels that the note is wide at least, beside the controls. */
const LEAST = 200;
/** Between the note and what is around it, in pixels. */
const GAP = 8;
let notes = 0;

/** @param {View<RefusalState, RefusalSends>} view */
function render({ model, el }) {
  el.classList.add("explorer-refusal");
  el.hidden = true;
  el.setAttribute("role", "alert");
  const text = make("p", { id: `explorer-refusal-${++notes}` }, el);
  const buttons = make("div", { className: "explorer-row" }, el);
  const close = makeButton(el, "×", "Hide this message (Escape)", hide, {
    className: "jupyter-button",
    label: "Hide this message",
  });
  let isClosed = false;

  /** @type {Element[]} */
  let described = [];

  /** @param {Element | null | undefined} control */
  function describe(control) {
    const inputs = control ? [...control.querySelectorAll(INPUTS)] : [];
    for (const input of described) {
      if (inputs.includes(input)) continue;
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
    for (const input of inputs) setAttributes(input, { "aria-invalid": "true", "aria-describedby": text.id });
    described = inputs;
  }

  function place() {
    const root = el.parentElement;
    const control = model.get("text") ? root?.querySelector(MARKED) : null;
    describe(control);
    if (el.hidden || !root) return;
    const frame = root.getBoundingClientRect();
    const pane = (root.querySelector(".explorer-controls") ?? root).getBoundingClientRect();
    // What is folded away, or has not been marked yet, has no size.
    const at = control?.getBoundingClientRect();
    const isSeen = at !== undefined && at.height > 0 && at.bottom > pane.top && at.top < pane.bottom;
    const beside = pane.right - frame.left + GAP;
    const room = frame.width - beside - GAP;
    const hasRoom = room >= LEAST;
    el.style.maxWidth = hasRoom ? `min(calc(340 * var(--px)), ${room}px)` : "";
    let top = (at?.height ? at.top : pane.bottom) - frame.top - GAP;
    if (!hasRoom && at) {
      const below = at.bottom - frame.top + GAP;
      top = below + el.offsetHeight <= frame.height - GAP ? below : at.top - frame.top - el.offsetHeight - GAP;
    }
    const lowest = Math.min(pane.bottom - frame.top, frame.height) - el.offsetHeight - GAP;
    let held = Math.max(GAP, Math.min(top, lowest));
    for (const bar of hasRoom ? root.querySelectorAll(BARS) : []) {
      const { top: above, bottom: under, height } = bar.getBoundingClientRect();
      const isBelow = above - frame.top >= held + el.offsetHeight;
      const isAbove = under - frame.top + GAP <= held;
      if (height && !isBelow && !isAbove) held = Math.max(GAP, Math.min(under - frame.top + GAP, lowest));
    }
    el.style.left = `${hasRoom ? beside : GAP}px`;
    el.style.top = `${held}px`;
    const tip = Math.min((at?.top ?? 0) - frame.top - held + 8, el.offsetHeight - 16);
    el.style.setProperty("--tip", `${Math.max(6, tip)}px`);
    const isBeside = isSeen && at.bottom - frame.top > held;
    el.classList.toggle("explorer-apart", !hasRoom || !isBeside);
  }

  /** @param {boolean} closed */
  function show(closed) {
    isClosed = closed;
    el.hidden = isClosed || !model.get("text");
    follow();
    place();
  }

  function hide() {
    const [input] = described;
    if (el.contains(document.activeElement) && input instanceof HTMLElement) input.focus({ preventScroll: true });
    show(true);
  }

  /** @param {KeyboardEvent} event */
  function leave(event) {
    if (event.key !== "Escape" || el.hidden || close.hidden) return;
    hide();
    event.preventDefault();
    event.stopPropagation(); // nobody else closes anything
  }

  /** @param {FocusEvent | PointerEvent} event */
  function turn(event) {
    const control = isClosed && targetOf(event)?.closest(MARKED);
    const from = event.relatedTarget;
    if (control && from instanceof Node && !control.contains(from)) show(false);
  }

  function draw() {
    const isSame = text.textContent === model.get("text");
    text.textContent = model.get("text");
    buttons.replaceChildren();
    for (const remedy of model.get("remedies")) {
      makeButton(buttons, remedy, "", () => model.send({ remedy }), { className: "jupyter-button" });
    }
    buttons.hidden = !model.get("remedies").length;
    close.hidden = model.get("is_waiting");
    el.classList.toggle("explorer-waiting", model.get("is_waiting"));
    show(isClosed && isSame);
  }

  // The mark may come after the words; panes scroll, and change their size.
  const moved = new ResizeObserver(place);
  const marked = new MutationObserver(place);
  const ends = new AbortController();
  /** @type {HTMLElement | null} */
  let followed = null;
  function follow() {
    if (el.hidden || followed || !el.parentElement) return;
    followed = el.parentElement;
    const options = { signal: ends.signal };
    followed.addEventListener("scroll", place, { ...options, capture: true });
    // Heard on its way down: the fields of ipywidgets let no key come up again.
    followed.addEventListener("keydown", leave, { ...options, capture: true });
    followed.addEventListener("focusin", turn, options);
    followed.addEventListener("pointerover", turn, options);
    moved.observe(followed);
    const controls = followed.querySelector(".explorer-controls");
    if (controls) {
      moved.observe(controls);
      marked.observe(controls, { subtree: true, attributeFilter: ["class"] });
    }
  }

  const ignore = listen(model, { change: draw });
  const waiting = requestAnimationFrame(draw); // once it is part of the page
  return () => {
    cancelAnimationFrame(waiting);
    ends.abort();
    moved.disconnect();
    marked.disconnect();
    describe(null);
    ignore();
  };
}

export default { initialize, render };
