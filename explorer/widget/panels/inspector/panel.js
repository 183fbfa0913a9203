// @ts-check
// Shows what the kernel says of the selected layer or block. Its buttons select another, or ask to
// edit a block.

/** @param {Element | null} element */
const foldOf = (element) => element?.closest("details")?.dataset.fold;

/** @param {View<InspectorState, InspectorSends>} view */
function render({ model, el }) {
  el.classList.add("explorer-inspector");
  el.setAttribute("role", "region");
  el.setAttribute("aria-label", "Inspector");
  const head = make("div", { className: "explorer-inspector-head" }, el);
  // It gets the focus when what had it is gone.
  const heading = make("h2", { tabIndex: -1 }, head);
  heading.setAttribute("aria-live", "polite");
  const prefix = make("small", { title: "The names of its layers begin with it" }, head);
  const title = "Clear the selection";
  const clear = make("button", { type: "button", className: "jupyter-button", title }, head);
  clear.textContent = "×";
  clear.setAttribute("aria-label", title);
  clear.dataset.select = "";
  const body = make("div", { className: "explorer-inspector-body" }, el);
  const hover = new Hover(body, "button[data-select]", (link) => {
    const { select = "" } = /** @type {HTMLElement} */ (link).dataset;
    return { id: select, block: "" };
  });
  /** @type {Part[] | null} */
  let shown = null;
  /** @type {Set<string>} */
  const open = new Set(); // names of folds, which stay open with another network
  let shownOf = "";
  let left = ""; // name of the fold in which a step was made

  function draw() {
    const root = el.getRootNode();
    const active = root instanceof Document || root instanceof ShadowRoot ? root.activeElement : null;
    const focused = active instanceof HTMLElement && active !== el && el.contains(active) ? active : null;
    const isNew = heading.textContent !== model.get("heading");
    if (isNew) heading.textContent = model.get("heading"); // the same text would be read out again
    prefix.textContent = model.get("prefix");
    clear.hidden = !model.get("selected");
    if (model.get("parts") !== shown) {
      shown = model.get("parts");
      for (const { dataset, open: isOpen } of body.querySelectorAll("details")) {
        if (isOpen) open.add(dataset.fold ?? "");
        else open.delete(dataset.fold ?? "");
      }
      body.replaceChildren();
      addParts(body, shown);
      for (const fold of body.querySelectorAll("details")) fold.open = open.has(fold.dataset.fold ?? "");
      markTerms(body);
      hover.drawn();
    }
    const time = /** @type {HTMLButtonElement | null} */ (
      body.querySelector("button[data-time]")
    );
    if (time) {
      time.disabled = model.get("running");
      time.textContent = time.disabled ? "Running …" : "Time every layer";
    }
    const isElsewhere = shownOf !== model.get("selected");
    shownOf = model.get("selected");
    if (isElsewhere) {
      el.scrollTop = 0;
      left = "";
    }
    if (isElsewhere || body.querySelector("[data-move]")) body.style.minHeight = "";
    /** @type {HTMLElement | null} */
    const back = left ? body.querySelector(`details[data-fold="${left}"] summary`) : null;
    if (back && focused && (focused === heading || !focused.isConnected)) {
      left = "";
      return back.focus({ preventScroll: true });
    }
    if (!focused || (!isNew && focused.isConnected && !focused.hidden)) return;
    /** @type {NodeListOf<HTMLElement>} */
    const reachable = body.querySelectorAll("button, summary, .explorer-term");
    const same = [...reachable].find(
      (each) =>
        each.dataset.select === focused.dataset.select &&
        each.dataset.edit === focused.dataset.edit &&
        each.dataset.term === focused.dataset.term &&
        each.dataset.move === focused.dataset.move &&
        foldOf(each) === foldOf(focused),
    );
    ((!isNew && same) || heading).focus({ preventScroll: true });
  }

  el.addEventListener("click", (event) => {
    const { select, edit, time, move } = targetOf(event)?.closest("button")?.dataset ?? {};
    if (select !== undefined) model.send({ select });
    else if (time !== undefined) model.send({ time: true });
    else if (edit !== undefined) model.send({ edit });
    else if (move !== undefined) {
      // What comes in place of what is offered comes in a moment: nothing is scrolled until then.
      body.style.minHeight = `${body.offsetHeight}px`;
      left = foldOf(targetOf(event)) ?? "";
      model.send({ move });
    }
  });
  draw();
  const ignore = listen(model, { change: draw }); // heading and text come in one message
  return () => {
    ignore();
    hover.end();
  };
}

export default { initialize, render };
