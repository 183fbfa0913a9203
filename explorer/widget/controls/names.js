// @ts-check
// Gives the controls that ipywidgets leaves without an accessible name the name of their parameter:
// slider handles, number boxes beside a slider, and the list of blocks. Checkboxes get their tooltip,
// which comes as a class: ipywidgets would show the label as a tooltip, too. And keys pressed in the
// explorer stay in it: JupyterLab has no shortcuts for what has the attribute set here. The tooltip of
// a number tells, below what the number is, what its next steps would do.

// What is drawn anew with each edit, and has no controls of ipywidgets.
const DRAWN = ".explorer-canvas, .explorer-table, .js-plotly-plot";
const TOOLTIP = "explorer-tooltip-";
const CONTROL = "explorer-control-";
/** Milliseconds that the pointer rests on a control before its steps are asked for. */
const REST = 150;

/** @param {View<NamesState, NamesSends>} view */
function render({ model, el }) {
  el.hidden = true;
  // What the notebook keeps for pages without this.
  if (model.get("hides")) make("style", { textContent: `.${model.get("hides")} { display: none; }` }, el);
  /** @type {MutationObserver | null} */
  let observer = null;

  // A slider with stops says which of them it is at: it is to say what stands there.
  /** @param {Node} handle */
  function tell(handle) {
    if (!(handle instanceof Element)) return;
    const text = handle.closest(".widget-slider")?.querySelector(".widget-readout")?.textContent ?? "";
    if (handle.getAttribute("aria-valuetext") !== text) handle.setAttribute("aria-valuetext", text);
  }
  const told = new MutationObserver((changes) => {
    for (const { target } of changes) tell(target);
  });

  /** @param {Element} root */
  function name(root) {
    for (const handle of root.querySelectorAll(".explorer-stops [role=slider]")) {
      tell(handle);
      told.observe(handle, { attributeFilter: ["aria-valuetext"] });
    }
    root.querySelector(".explorer-blocks select")?.setAttribute("aria-label", "blocks and heads");
    for (const control of root.querySelectorAll(".explorer-control")) {
      const label = control.querySelector(".widget-label")?.textContent;
      if (!label) continue;
      for (const input of control.querySelectorAll("[role=slider], input[type=number]")) {
        if (input.getAttribute("aria-label") !== label) input.setAttribute("aria-label", label);
      }
    }
    for (const box of root.querySelectorAll(".widget-checkbox")) {
      const found = [...box.classList].find((name) => name.startsWith(TOOLTIP));
      if (!found) continue;
      const tooltip = decodeURIComponent(found.slice(TOOLTIP.length));
      for (const part of box.querySelectorAll("input, label span")) {
        if (part instanceof HTMLElement) part.title = tooltip;
      }
    }
  }

  // What is asked of the kernel: the steps of the parameter that the pointer or the focus is on.
  let lookedAt = "";
  let resting = 0;
  /** @param {Event} event */
  function look(event) {
    const control = [targetOf(event), document.activeElement]
      .map((part) => part?.closest(".explorer-parameters .explorer-control"))
      .find((part) => part && el.closest(".explorer")?.contains(part));
    const classes = control?.querySelector(".explorer-number") ? [...control.classList] : [];
    const name = classes.find((each) => each.startsWith(CONTROL))?.slice(CONTROL.length) ?? "";
    if (name === lookedAt) return;
    lookedAt = name;
    clearTimeout(resting);
    resting = setTimeout(() => model.send({ steps_of: name }), REST);
  }

  function tellSteps() {
    const root = el.closest(".explorer");
    const { of, words } = model.get("steps");
    for (const part of root?.querySelectorAll("[data-doc]") ?? []) {
      if (!(part instanceof HTMLElement)) continue;
      part.title = part.dataset.doc ?? "";
      delete part.dataset.doc;
    }
    for (const input of root?.querySelectorAll("[aria-description]") ?? []) input.removeAttribute("aria-description");
    if (!words.length) return;
    const control = `.explorer-parameters .${CONTROL}${of}`;
    for (const part of root?.querySelectorAll(`${control} :is([title], .slider-container, input)`) ?? []) {
      if (!(part instanceof HTMLElement)) continue;
      part.dataset.doc = part.title;
      part.title = [part.title, ...words].join("\n").trim();
    }
    for (const input of root?.querySelectorAll(`${control} :is(input, [role=slider])`) ?? []) {
      input.setAttribute("aria-description", words.join("\n"));
    }
  }

  // The explorer is there only once this view has been put into it, which may take a slow browser
  // many frames.
  let waiting = requestAnimationFrame(begin);

  function begin() {
    const root = /** @type {HTMLElement | null} */ (el.closest(".explorer"));
    if (!root) {
      waiting = requestAnimationFrame(begin);
      return;
    }
    // Of what has the focus, too: most shortcuts are for that itself, wherever it is.
    /** @param {Event} event */
    const keep = (event) => targetOf(event)?.setAttribute("data-lm-suppress-shortcuts", "true");
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    for (const kind of ["pointerover", "focusin"]) root.addEventListener(kind, look);
    model.on("change:steps", tellSteps);
    root.addEventListener("focusin", keep);
    // A click on what takes no focus would give it to the cell, which keys then cut.
    root.tabIndex = -1;
    const hold = () => setTimeout(() => {
      if (!root.contains(document.activeElement)) root.focus({ preventScroll: true });
    });
    for (const kind of ["pointerdown", "pointerup"]) root.addEventListener(kind, hold, true);
    observer = new MutationObserver((changes) => {
      if (changes.some(({ target }) => target instanceof Element && !target.closest(DRAWN))) name(root);
    });
    observer.observe(root, { childList: true, subtree: true });
    name(root);
  }

  return () => {
    cancelAnimationFrame(waiting);
    clearTimeout(resting);
    model.off("change:steps", tellSteps);
    observer?.disconnect();
    told.disconnect();
  };
}

export default { initialize, render };
