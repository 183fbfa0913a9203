// @ts-check
// What a design has to keep to, what of it may be varied, and the search for the best.

const MEASURE =
  "Time small networks for about a minute, so that the time of any other can be told; best while nothing else runs";

/**
 * Keeps an element for each item, so that nobody loses what is being typed; returns what shows items.
 * @template Item
 * @param {Element} parent
 * @param {(item: Item) => string | number} keyOf
 * @param {(item: Item) => { element: Element, update: (item: Item) => void }} makeRow
 * @returns {(items: Item[]) => void}
 */
function keepRows(parent, keyOf, makeRow) {
  /** @type {Map<string | number, { element: Element, update: (item: Item) => void }>} */
  const rows = new Map();
  return (items) => {
    const keys = new Set(items.map(keyOf));
    for (const [key, { element }] of rows) {
      if (keys.has(key)) continue;
      element.remove();
      rows.delete(key);
    }
    for (const item of items) {
      const row = rows.get(keyOf(item)) ?? makeRow(item);
      if (!row.element.isConnected) parent.append(row.element);
      rows.set(keyOf(item), row);
      row.update(item);
    }
  };
}

/**
 * Makes a field that sends what was typed, and shows what the kernel makes of it.
 * @param {Element} parent
 * @param {string} label
 * @param {() => void} changed
 * @param {Partial<HTMLInputElement>} [properties]
 */
function makeField(parent, label, changed, properties = {}) {
  const input = make("input", { type: "text", autocomplete: "off", spellcheck: false, ...properties }, parent);
  input.setAttribute("aria-label", label);
  /** @type {string | null} */
  let shown = null;
  input.addEventListener("change", () => {
    shown = null;
    changed();
  });
  return {
    input,
    /** @param {string} text */
    show(text) {
      if (text !== shown) input.value = shown = text;
    },
  };
}

/**
 * @param {Element} parent
 * @param {string} label
 * @param {readonly string[]} values
 */
function makeSelect(parent, label, values) {
  const select = make("select", {}, parent);
  select.setAttribute("aria-label", label);
  for (const value of values) make("option", { value, textContent: value }, select);
  return select;
}

/** @type {(parent: Element) => (text: string) => void} */
function makeProblem(parent) {
  const line = make("p", { className: "explorer-search-problem", hidden: true }, parent);
  line.setAttribute("role", "alert");
  return (text) => {
    if (line.textContent !== text) line.textContent = text;
    line.hidden = !text;
  };
}

/** @type {(parent: Element, title: string) => HTMLElement} */
function makeSection(parent, title) {
  const section = make("section", {}, parent);
  make("h4", { textContent: title }, section);
  return section;
}

/** @param {View<SearchFormState, SearchFormSends>} view */
function render({ model, el }) {
  el.classList.add("explorer-search-form", "explorer-page");

  const image = make("div", { className: "explorer-search-image" }, el);
  make("b", { textContent: "Images of" }, image);
  const sendImage = () => {
    const [image_height, image_width] = [height, width].map(({ input }) => (input.value === "" ? null : input.valueAsNumber));
    model.send({ image_height, image_width });
  };
  const height = makeField(image, "image height in px", sendImage, { type: "number", min: "1" });
  image.append("×");
  const width = makeField(image, "image width in px", sendImage, { type: "number", min: "1" });
  image.append("px");
  const showProblem = makeProblem(el);

  const limits = makeSection(el, "Budgets");
  const rows = make("div", { className: "explorer-budgets" }, limits);
  const showBudgets = keepRows(rows, (/** @type {BudgetRow} */ { row }) => row, ({ row, of, hint }) => {
    const element = make("div", { className: "explorer-budget" });
    const head = make("span", { textContent: of }, element);
    const verdict = make("output", {}, head);
    const send = () => model.send({ budget: row, limit: limit.value === "at least" ? "at least" : "at most", amount: amount.input.value });
    const limit = makeSelect(element, `limit of ${of}`, ["at least", "at most"]);
    limit.addEventListener("change", send);
    const amount = makeField(element, `amount of ${of}`, send, { placeholder: hint });
    makeButton(element, "×", `Remove this budget of ${of}`, () => model.send({ remove_budget: row }), {
      label: `Remove the budget of ${of}`,
    });
    const tell = makeProblem(element);
    return {
      element,
      update(item) {
        limit.value = item.limit;
        amount.show(item.amount);
        verdict.textContent = item.verdict;
        verdict.className = item.verdict ? `explorer-status explorer-${item.is_kept ? "good" : "bad"}` : "";
        tell(item.problem);
      },
    };
  });
  const add = makeSelect(limits, "Add a budget", ["Add a budget …", ...model.get("measures")]);
  add.addEventListener("change", () => {
    model.send({ add_budget: add.value });
    add.selectedIndex = 0;
  });

  const held = make("details", { className: "explorer-search-objects" }, limits);
  make("summary", { textContent: "A field that holds objects" }, held);
  const share = make("div", {}, held);
  share.append("It holds");
  const percent = makeField(share, "percent of the objects", () => {
    model.send({ hold_percent: percent.input.value === "" ? null : percent.input.valueAsNumber });
  }, { type: "number", min: "1", max: "100" });
  share.append("% of the objects");
  const chooser = make("input", { type: "file", accept: ".json,.slp", hidden: true }, share);
  makeButton(share, "Choose a file…", "COCO’s JSON, or SLEAP’s labels (.slp)", () => chooser.click(), {
    className: "jupyter-button",
  });
  const sizes = makeField(held, "sizes of objects in px", () => model.send({ object_sizes: sizes.input.value }), {
    placeholder: "or their sizes in px: 30, 45, 60 × 40",
  });
  const toldObjects = make("p", { className: "explorer-muted" }, held);
  toldObjects.setAttribute("role", "status");
  const tellObjects = makeProblem(held);
  chooser.addEventListener("change", async () => {
    const file = chooser.files?.[0];
    chooser.value = ""; // so that the same file can be chosen again
    if (!file) return;
    try {
      sendFile(model, file.name, await contentOf(file, "file"));
    } catch (error) {
      tellObjects(error instanceof Error ? error.message : String(error));
    }
  });

  const device = make("div", { className: "explorer-row" }, limits);
  const toldDevice = make("div", {}, device);
  const measure = makeButton(
    device,
    "Measure this device",
    MEASURE,
    () => model.send({ measure_device: !model.get("measures_device") }),
    { className: "jupyter-button" },
  );

  const vary = makeSection(el, "May vary");
  const first = make("div", { className: "explorer-variables" }, vary);
  const others = make("details", {}, vary);
  const summary = make("summary", {}, others);
  const more = make("div", { className: "explorer-variables" }, others);
  /** @param {VariableRow} item */
  const makeVariable = ({ name, label, doc, is_free }) => {
    const element = make("div", { className: "explorer-variable", title: doc });
    const head = make("label", {}, element);
    const box = make("input", { type: "checkbox" }, head);
    head.append(label);
    const send = () => model.send({ vary: name, on: box.checked, values: values.input.value });
    box.addEventListener("change", send);
    const values = makeField(element, `values of ${label}`, send, { readOnly: !is_free, tabIndex: is_free ? 0 : -1 });
    const tell = makeProblem(element);
    return {
      element,
      /** @param {VariableRow} item */
      update(item) {
        box.checked = item.is_on;
        values.input.disabled = !item.is_on;
        values.show(item.values);
        tell(item.is_on ? item.problem : "");
      },
    };
  };
  const nameOf = (/** @type {VariableRow} */ { name }) => name;
  const [showFirst, showOthers] = [first, more].map((parent) => keepRows(parent, nameOf, makeVariable));

  const aims = make("div", { className: "explorer-search-aims" }, el);
  make("b", { textContent: "Smallest in" }, aims);
  const selects = ["to be small first", "to be small, too"].map((label) => makeSelect(aims, label, model.get("measures")));
  for (const select of selects) {
    select.addEventListener("change", () => model.send({ minimise: selects[0].value, and_then: selects[1].value }));
  }

  const buttons = make("div", { className: "explorer-row" }, el);
  const start = makeButton(buttons, "▶ Search", "Judge the combinations, and keep the best", () => model.send({ start_search: true }), {
    className: "jupyter-button mod-primary",
  });
  const stop = makeButton(buttons, "Stop", "Stop, and keep what was found", () => model.send({ stop_search: true }), {
    className: "jupyter-button",
  });
  const outlook = make("span", { className: "explorer-muted" }, buttons);
  const progress = make("progress", {}, buttons);
  progress.setAttribute("aria-label", "combinations judged");
  const told = make("div", {}, el);

  function drawImage() {
    const size = model.get("image");
    height.show(String(size.height));
    width.show(String(size.width));
    showProblem(model.get("problem"));
  }
  const drawBudgets = () => showBudgets(model.get("budgets"));
  function drawObjects() {
    const found = model.get("objects");
    percent.show(found.percent);
    sizes.show(found.sizes);
    toldObjects.textContent = found.told;
    toldObjects.hidden = !found.told;
    tellObjects(found.problem);
    if (found.told || found.problem) held.open = true;
  }
  function drawDevice() {
    toldDevice.replaceChildren();
    addParts(toldDevice, model.get("device"));
    showDevice();
  }
  function showDevice() {
    const runs = model.get("measures_device");
    const isWanted = [...model.get("budgets").map(({ of }) => of), ...model.get("minimised")].includes("time");
    device.hidden = !isWanted && !runs;
    measure.textContent = runs ? "Stop" : "Measure this device";
    measure.title = runs ? "Measure no longer" : MEASURE;
  }
  function drawVariables() {
    const all = model.get("variables");
    const rest = all.filter((each) => !each.comes_first);
    showFirst(all.filter((each) => each.comes_first));
    showOthers(rest);
    vary.hidden = !all.length;
    others.hidden = !rest.length;
    summary.textContent = `${rest.length} more`;
  }
  function drawAims() {
    model.get("minimised").forEach((name, place) => {
      selects[place].value = name;
    });
  }
  function drawState() {
    const [runs, count] = [model.get("runs"), model.get("count")];
    outlook.textContent = model.get("outlook");
    start.disabled = !model.get("ready");
    stop.disabled = !runs;
    progress.hidden = !runs;
    outlook.hidden = runs;
    progress.max = count || 1;
    progress.value = model.get("done");
  }
  /** Has what came of a search in view: it may lie beneath what is wanted. */
  function scroll() {
    const pane = el.closest(".widget-tab-contents > *");
    if (!pane || model.get("runs")) return;
    const below = buttons.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    // After the table has its rows; only the pane scrolls: the page stays where its reader is.
    requestAnimationFrame(() => {
      pane.scrollTop += below - 6;
    });
  }
  function drawTold() {
    told.replaceChildren();
    addParts(told, model.get("told"));
  }
  for (const draw of [drawImage, drawBudgets, drawObjects, drawDevice, drawVariables, drawAims, drawState, drawTold]) draw();
  return listen(model, {
    "change:image": drawImage,
    "change:problem": drawImage,
    "change:budgets": () => {
      drawBudgets();
      showDevice();
    },
    "change:device": drawDevice,
    "change:measures_device": showDevice,
    "change:objects": drawObjects,
    "change:variables": drawVariables,
    "change:minimised": () => {
      drawAims();
      showDevice();
    },
    "change:outlook": drawState,
    "change:ready": drawState,
    "change:runs": () => {
      drawState();
      scroll();
    },
    "change:done": drawState,
    "change:count": drawState,
    "change:told": drawTold,
  });
}

export default { initialize, render };
