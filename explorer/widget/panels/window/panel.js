// @ts-check
// Buttons that hide or bring a pane, fill the window, and say how keys and arrows are meant. Says,
// too, when the kernel has gone: nothing else here can.

const HELP = [
  ["Solid arrows", "data flow"],
  ["Dashed arrows", "skip connections"],
  ["Drag, Ctrl+wheel", "move and zoom the diagram"],
  ["Click, double click", "select; show or hide a block's layers"],
  ["→ ←", "along the data flow, in the diagram and the strip"],
  ["↓ ↑", "along a branch, such as a skip connection"],
  ["Home, End", "the first and the last, in the diagram and the strip"],
  ["Page up, page down", "pan the diagram"],
  ["Enter, Escape", "a block's layers; back to the block"],
  ["Escape", "close what is open; leave the full window"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["Dotted words", "explained: point at one, or tap it"],
];
/** What the buttons show: the strokes of each, in a square of 16. */
const ICONS = {
  controls: "M2 3h12v10H2z M6 3v10 M3.5 6h1 M3.5 8h1",
  side: "M2 3h12v10H2z M10 3v10 M11.5 6h1 M11.5 8h1",
  window: "M2 6V2h4 M10 2h4v4 M14 10v4h-4 M6 14H2v-4",
  lessons: "M2 3.5c2.5-1 4.5-.7 6 .6 1.5-1.3 3.5-1.6 6-.6v9c-2.5-1-4.5-.7-6 .6-1.5-1.3-3.5-1.6-6-.6z M8 4.1v9",
  help: "M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.8 M8 12.4v.4",
};
/** Where Escape may mean something else than to leave the full window: what takes it stops it. */
const HEARS_ESCAPE =
  ".explorer-canvas, .explorer-diagram.explorer-more, .explorer-window, .explorer-totals, .explorer-exchange-pane, dialog";
/** Fields with text that is not entered yet, or that Escape clears. */
const TYPED = "[data-typed]:not([type=search]), [type=search]:not(:placeholder-shown)";
/** What it closes first, wherever the focus is. */
const OPEN = ".explorer-glossary > :not([hidden]), .explorer-refusal:not([hidden], .explorer-waiting)";
/** Milliseconds within which what is to be seen is there. */
const PATIENCE = 500;
const GONE = "The kernel has gone: run the cell again.";
const SAVED = "As it was saved, without a kernel: run the cell to edit it.";
/** What nobody hears without a kernel. */
const NEEDS_KERNEL =
  ".explorer-family, .explorer-history, .explorer-bar > .mod-primary, .explorer-exchange, .explorer-controls, .explorer-lesson, .explorer-window > [aria-label='Lessons'], .explorer-tools > :is(input, select)";

/**
 * Returns the explorer's workspace, once this is part of it.
 * @param {HTMLElement} el
 */
const workspaceOf = (el) => {
  const found = el.closest(".explorer-workspace");
  return found instanceof HTMLElement ? found : null;
};

/**
 * Fills the window with an element, above all else, or puts it back.
 * @param {HTMLElement} workspace
 * @param {boolean} isFull
 */
function fill(workspace, isFull) {
  if (isFull) {
    workspace.popover = "manual";
    workspace.showPopover?.();
  } else {
    workspace.hidePopover?.();
    workspace.removeAttribute("popover");
  }
  workspace.classList.toggle("explorer-full", isFull);
}

/**
 * Makes the list of keys.
 * @param {HTMLElement} parent
 */
function addHelp(parent) {
  const help = make("dl", { className: "explorer-hint explorer-help", hidden: true }, parent);
  for (const [name, meaning] of HELP) {
    make("dt", { textContent: name }, help);
    make("dd", { textContent: meaning }, help);
  }
  makeButton(make("dd", {}, help), "Glossary", "All words that are explained", () => {
    help.dispatchEvent(new CustomEvent("explorer-glossary", { bubbles: true }));
  }, { className: "jupyter-button" });
  return help;
}

/**
 * Says so on the explorer when the kernel goes, or when there was none; returns what ends that.
 * @param {object} model
 * @param {HTMLElement} line
 */
function watchKernel(model, line) {
  const own = ownOf(/** @type {StandIn} */ (model));
  const wasThere = Boolean(own?.comm); // else it comes from a notebook that was saved
  const check = () => {
    const isGone = own?.comm_live === false;
    const text = isGone ? (wasThere ? GONE : SAVED) : "";
    if (line.textContent !== text) line.textContent = text; // the same text would be read out again
    line.closest(".explorer")?.classList.toggle("explorer-gone", isGone);
  };
  const reading = wasThere || !own ? undefined : setInterval(() => {
    const root = /** @type {HTMLElement | null} */ (line.closest(".explorer"));
    if (!root) return;
    check();
    root.classList.add("explorer-read-only");
    /** @type {NodeListOf<HTMLElement>} */
    const idle = root.querySelectorAll(NEEDS_KERNEL);
    for (const each of idle) each.inert = true;
  }, 200);
  own?.on?.("comm_live_update", check);
  return () => {
    clearInterval(reading);
    own?.off?.("comm_live_update", check);
  };
}

/**
 * Scrolls a pane to a part of it, once that and what is below are there; the page stays where it is.
 * @param {Element} pane
 * @param {string} part
 * @param {number} until
 */
function scrollTo(pane, part, until) {
  const found = pane.querySelector(part);
  const away = found ? found.getBoundingClientRect().top - pane.getBoundingClientRect().top : 0;
  if (found) pane.scrollTop += away;
  if (performance.now() < until && (!found || Math.abs(away) > 1)) {
    requestAnimationFrame(() => scrollTo(pane, part, until));
  }
}

/** @param {View<WindowState, never, WindowGets>} view */
function render({ model, el }) {
  el.classList.add("explorer-window");
  const gone = make("div", { className: "explorer-gone-line" }, el);
  gone.setAttribute("role", "alert");
  const help = addHelp(el);
  /** @type {(icon: keyof ICONS, label: string, act: (isPressed: boolean) => void) => HTMLButtonElement} */
  const toggle = (icon, label, act) => {
    const button = makeButton(el, "", label, () => {
      const isPressed = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(isPressed));
      act(isPressed);
    }, { className: "jupyter-button", label });
    button.setAttribute("aria-pressed", "false");
    button.dataset.name = icon;
    const svg = makeSvg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, button);
    makeSvg("path", { d: ICONS[icon] }, svg);
    return button;
  };
  /** @type {(name: string, other: string) => (isPressed: boolean) => void} */
  const pane = (name, other) => () => {
    const workspace = workspaceOf(el);
    const controls = workspace?.querySelector(":scope > .explorer-controls");
    workspace?.classList.toggle(`explorer-toggled-${name}`);
    // Where both lie over the stage, one does.
    if (controls && getComputedStyle(controls).position === "absolute") {
      workspace?.classList.remove(`explorer-toggled-${other}`);
    }
    showPanes();
  };
  const panes = {
    controls: toggle("controls", "Hide or show the controls", pane("controls", "side")),
    side: toggle("side", "Hide or show explanation and tables", pane("side", "controls")),
  };
  // A pane that is toggled is hidden in a wide window, and shown in a narrow one.
  const showPanes = () => {
    for (const [name, button] of Object.entries(panes)) {
      const found = workspaceOf(el)?.querySelector(`:scope > .explorer-${name}`);
      const isShown = found ? getComputedStyle(found).visibility !== "hidden" : false;
      button.setAttribute("aria-pressed", String(isShown));
    }
  };
  /** @type {HTMLElement | null} */
  let watched = null;
  const resized = new ResizeObserver(() => {
    if (watched !== workspaceOf(el)) {
      watched = workspaceOf(el);
      if (watched) resized.observe(watched);
    }
    showPanes();
  });
  resized.observe(el);
  const full = toggle("window", "Fill the window", (isPressed) => {
    const workspace = workspaceOf(el);
    if (workspace) fill(workspace, isPressed);
    full.title = isPressed ? "Leave the full window (Esc)" : "Fill the window";
  });
  // Heard on its way down, as the fields of ipywidgets let no key come up again, and on its way up.
  /** @param {KeyboardEvent} event */
  const leave = (event) => {
    const workspace = workspaceOf(el);
    const isFull = workspace?.classList.contains("explorer-full");
    const theirs = event.eventPhase === Event.CAPTURING_PHASE ? `${HEARS_ESCAPE}, ${TYPED}` : TYPED;
    const isTheirs = targetOf(event)?.closest(theirs) ?? workspace?.querySelector(OPEN);
    if (isFull && event.key === "Escape" && !isTheirs) full.click();
  };
  for (const isDown of [true, false]) window.addEventListener("keydown", leave, isDown);
  /** @param {Reveal} message */
  const reveal = ({ reveal: name, part }) => {
    const wanted = workspaceOf(el)?.querySelector(`:scope > .explorer-${name}`);
    if (!wanted) return;
    if (getComputedStyle(wanted).visibility === "hidden") panes[name].click();
    if (part) scrollTo(wanted, `.${part}`, performance.now() + PATIENCE);
  };
  model.on("msg:custom", reveal);
  const lessons = toggle("lessons", "Lessons", (isPressed) => {
    model.set("lessons", isPressed);
    model.save_changes();
  });
  const showLessons = () => {
    lessons.setAttribute("aria-pressed", String(model.get("lessons")));
  };
  showLessons();
  const forget = listen(model, { "change:lessons": showLessons });
  const question = toggle("help", "Keys, and what arrows mean", (isPressed) => {
    help.hidden = !isPressed;
  });
  el.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || help.hidden) return;
    question.click();
    question.focus();
    event.stopPropagation(); // nobody else closes anything
  });
  const ignore = watchKernel(model, gone);
  return () => {
    resized.disconnect();
    for (const isDown of [true, false]) window.removeEventListener("keydown", leave, isDown);
    model.off("msg:custom", reveal);
    forget();
    ignore();
  };
}

export default { initialize, render };
