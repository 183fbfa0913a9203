// @ts-check
// Saves and shares the design, and opens another one. Each of the two buttons opens a pane over the
// others; what became of an opened file stands there until it is closed.

/** What the buttons show: the strokes of each, in a square of 16. */
const SIGNS = {
  share: "M8 10V2 M5 5l3-3 3 3 M3 8v5h10V8",
  open: "M2 13V3h4l1.5 2H13v2 M2 13l2-6h10.5l-2 6z",
};

/**
 * Makes a button of the bar, and the pane that it opens.
 * @param {HTMLElement} el
 * @param {keyof SIGNS} sign
 * @param {string} name
 * @param {string} title
 * @param {(isOpen: boolean) => void} toggled
 * @param {() => void} [closed] Called when it is closed for good, and not only out of the way.
 */
function makePane(el, sign, name, title, toggled, closed = () => {}) {
  /** @param {boolean} isOpen */
  const set = (isOpen) => {
    if (isOpen === !pane.hidden) return;
    pane.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    toggled(isOpen);
  };
  const button = makeButton(el, "", title, () => set(pane.hidden), {
    className: "jupyter-button",
    label: name,
  });
  const svg = makeSvg("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, button);
  makeSvg("path", { d: SIGNS[sign] }, svg);
  make("span", { textContent: name }, button);
  const pane = make("div", { className: "explorer-exchange-pane", hidden: true }, el);
  setAttributes(pane, { role: "region", "aria-label": name });
  button.setAttribute("aria-expanded", "false");
  const head = make("div", { className: "explorer-exchange-head" }, pane);
  make("b", { textContent: name }, head);
  const close = () => {
    set(false);
    closed();
    button.focus();
  };
  makeButton(head, "×", "Close (Escape)", close, { className: "jupyter-button", label: "Close" });
  pane.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close();
    event.stopPropagation(); // nobody else closes anything
  });
  return { button, pane, set };
}

/** @typedef {Model<ExchangeState, ExchangeSends, ExchangeGets>} ExchangeModel */

/**
 * Returns a link in full where the page is of a site that opens such links, by `make site`.
 * @param {string} fragment Of the link.
 */
function addressOf(fragment) {
  const root = document.getElementById("jupyter-config-data")?.dataset.jupyterLiteRoot;
  if (!root || !fragment) return fragment;
  return new URL(`${root}/index.html${fragment}`, location.href).href;
}

/**
 * Fills the pane that saves and shares; returns what draws its parts.
 * @param {HTMLElement} pane
 * @param {ExchangeModel} model
 */
function fillShare(pane, model) {
  const row = make("div", { className: "explorer-row" }, pane);
  const link = make("input", { type: "text", readOnly: true }, row);
  link.setAttribute("aria-label", "Link to this design");
  const said = make("p", { className: "explorer-muted" }, pane);
  said.setAttribute("role", "status");
  makeButton(row, "Copy link", "", async () => {
    said.textContent = await copied(link.value, () => link.select());
  }, { className: "jupyter-button" });
  make("h3", { textContent: "Save as a file" }, pane);
  const kinds = make("div", { className: "explorer-exchange-kinds" }, pane);
  make("h3", { textContent: "With the weights" }, pane);
  const withWeights = make("div", { className: "explorer-exchange-kinds" }, pane);
  const saving = make("div", { className: "explorer-exchange-saving" }, pane);
  function drawLink() {
    link.value = addressOf(model.get("link"));
    row.hidden = !link.value;
    said.textContent =
      model.get("about_link") || "It holds the design. “Open…” and Explorer.from_link(…) take it.";
  }
  function drawKinds() {
    kinds.replaceChildren();
    withWeights.replaceChildren();
    for (const { kind, label, has_weights } of model.get("kinds")) {
      const save = () => model.send({ save_as: kind });
      makeButton(has_weights ? withWeights : kinds, label, "", save, { className: "jupyter-button" });
    }
    drawSaving();
  }
  function drawSaving() {
    saving.replaceChildren();
    addParts(saving, model.get("saving"));
    const isBusy = model.get("saving").some(({ mark }) => mark === "busy");
    // A button that can't have the focus would lose it to the notebook, and so close the pane.
    for (const button of withWeights.children) button.setAttribute("aria-disabled", String(isBusy));
  }
  return { drawLink, drawKinds, drawSaving };
}

/**
 * Fills the pane that opens; returns what draws its parts.
 * @param {HTMLElement} pane
 * @param {ExchangeModel} model
 */
function fillOpen(pane, model) {
  const text = make("textarea", { rows: 3, placeholder: "Paste a link, or what a file says" }, pane);
  text.setAttribute("aria-label", "A link, or what a file says");
  const row = make("div", { className: "explorer-row" }, pane);
  const openText = () => model.send({ open_text: text.value });
  makeButton(row, "Open", "", openText, { className: "jupyter-button mod-primary" });
  const input = make("input", { type: "file", hidden: true }, pane);
  makeButton(row, "Choose a file…", "", () => input.click(), { className: "jupyter-button" });

  /** @param {File | undefined} file */
  const openFile = async (file) => {
    if (!file) return;
    try {
      sendFile(model, file.name, await contentOf(file, "file"));
    } catch (error) {
      model.set("problem", error instanceof Error ? error.message : String(error));
      model.save_changes();
    }
  };
  input.addEventListener("change", () => {
    openFile(input.files?.[0]);
    input.value = ""; // so that the same file can be chosen again
  });
  pane.addEventListener("dragover", (event) => event.preventDefault());
  pane.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    openFile(event.dataTransfer.files[0]);
  });

  const reading = make("div", {}, pane);
  function drawReading() {
    reading.replaceChildren();
    addParts(reading, model.get("reading"));
  }

  const which = make("label", { className: "explorer-exchange-which" }, pane);
  make("span", { textContent: "configuration" }, which);
  const select = make("select", {}, which);
  select.addEventListener("change", () => model.send({ configure: select.value }));
  function drawConfigurations() {
    const configurations = model.get("configurations");
    which.hidden = !configurations.length;
    select.replaceChildren();
    for (const { name, because } of configurations) {
      const textContent = because ? `${name}: ${because}` : name;
      make("option", { value: name, textContent, disabled: Boolean(because) }, select);
    }
    select.value = model.get("configuration");
  }

  const form = make("form", { className: "explorer-exchange-questions" }, pane);
  const page = make("div", { className: "explorer-page" }, pane);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fields = [...form.querySelectorAll("input")].filter((field) => field.value);
    const given = fields.map((field) => [field.name, field.valueAsNumber]);
    if (given.length) model.send({ answers: Object.fromEntries(given) });
  });
  function drawQuestions() {
    const questions = model.get("questions");
    form.hidden = !questions.length;
    form.replaceChildren();
    if (form.hidden) return;
    make("p", { textContent: "The file leaves open:" }, form);
    for (const { name, label } of questions) {
      const line = make("label", { textContent: label }, form);
      make("input", { type: "number", name, min: "1", step: "1" }, line);
    }
    make("button", { type: "submit", className: "jupyter-button", textContent: "Use" }, form);
  }
  function drawAccount() {
    page.replaceChildren();
    addParts(page, model.get("account"));
    if (model.get("account").length) text.value = "";
  }
  return { drawReading, drawQuestions, drawAccount, drawConfigurations };
}

/** @param {View<ExchangeState, ExchangeSends, ExchangeGets>} view */
function render({ model, el }) {
  el.classList.add("explorer-exchange");
  const share = makePane(el, "share", "Save and share", "A link, and files", (isOpen) => {
    if (isOpen) {
      open.set(false);
      model.send({ share: true });
    }
  });
  const open = makePane(el, "open", "Open…", "A link, or a file of another program", (isOpen) => {
    if (isOpen) share.set(false);
  }, () => model.send({ close: true }));
  const { drawLink, drawKinds, drawSaving } = fillShare(share.pane, model);
  const { drawReading, drawQuestions, drawAccount, drawConfigurations } = fillOpen(open.pane, model);
  const problems = [share, open].map(({ pane }) => {
    const line = make("div", { className: "explorer-status explorer-bad" });
    line.setAttribute("role", "alert");
    pane.children[0].after(line);
    return line;
  });

  function drawProblem() {
    drawConfigurations(); // of one that could not be read, the choice goes back
    for (const line of problems) {
      line.textContent = model.get("problem");
      line.hidden = !line.textContent;
    }
  }
  // What is shared is what was on screen: whoever goes on with that closes it.
  /** @param {Event} event */
  const outside = (event) => {
    if (!el.contains(targetOf(event))) share.set(false);
  };
  for (const kind of ["pointerdown", "focusin"]) window.addEventListener(kind, outside, true);
  model.on("msg:custom", download);
  const ignore = listen(model, {
    "change:link": drawLink,
    "change:about_link": drawLink,
    "change:kinds": drawKinds,
    "change:saving": drawSaving,
    "change:reading": drawReading,
    "change:account": drawAccount,
    "change:questions": drawQuestions,
    "change:configuration": drawConfigurations,
    "change:configurations": drawConfigurations,
    "change:problem": drawProblem,
  });
  for (const draw of [drawLink, drawKinds, drawReading, drawAccount, drawQuestions, drawProblem]) draw();
  const told = [model.get("account"), model.get("reading"), model.get("problem")];
  open.set(told.some(({ length }) => length > 0));
  return () => {
    for (const kind of ["pointerdown", "focusin"]) window.removeEventListener(kind, outside, true);
    model.off("msg:custom", download);
    ignore();
  };
}

export default { initialize, render };
