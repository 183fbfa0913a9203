// @ts-check
// Shows what the kernel says of the selected layer or block. Its buttons select another, or ask to
// edit a block.

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
      body.replaceChildren();
      addParts(body, shown);
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
    if (isNew) el.scrollTop = 0;
    if (!focused || (!isNew && focused.isConnected && !focused.hidden)) return;
    /** @type {NodeListOf<HTMLElement>} */
    const reachable = body.querySelectorAll("button, .explorer-term");
    const same = [...reachable].find(
      ({ dataset }) =>
        dataset.select === focused.dataset.select &&
        dataset.edit === focused.dataset.edit &&
        dataset.term === focused.dataset.term &&
        dataset.move === focused.dataset.move,
    );
    ((!isNew && same) || heading).focus({ preventScroll: true });
  }

  el.addEventListener("click", (event) => {
    const { select, edit, time, move } = targetOf(event)?.closest("button")?.dataset ?? {};
    if (select !== undefined) model.send({ select });
    else if (time !== undefined) model.send({ time: true });
    else if (edit !== undefined) model.send({ edit });
    else if (move !== undefined) model.send({ move });
  });
  draw();
  const ignore = listen(model, { change: draw }); // heading and text come in one message
  return () => {
    ignore();
    hover.end();
  };
}

export default { initialize, render };
