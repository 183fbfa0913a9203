// @ts-check
// A table of layers; a click on a column's heading sorts by it, a second one reverses. A narrow table
// hides some columns; a list sorts by those, too. A click on a row selects its layer.

/**
 * How a layer is shown in a column, and by what it is sorted.
 * @typedef {object} LayerColumn
 * @property {string} label
 * @property {string} title
 * @property {(row: LayerRow, totals: LayerTotals) => string} text
 * @property {(row: LayerRow) => string | number} sort
 * @property {(row: LayerRow) => string} [exact] Its title, where it is shown in short.
 * @property {LayerQuantity} [quantity] What it shows, if that is counted.
 */

/** @typedef {Record<string, LayerTotal>} LayerTotals */

const inGroups = new Intl.NumberFormat("en-US");

/** @type {Record<LayerQuantity["unit"], (value: number) => string>} */
const writers = {
  count: (value) => short(value, 1000, ["", "k", "M", "G", "T"]),
  bytes: (value) => short(value, 1024, ["B", "KiB", "MiB", "GiB"]),
  seconds: (value) => short(value * 1e9, 1000, ["ns", "µs", "ms", "s"]),
};

/** @type {(value: number, base: number, units: string[]) => string} */
function short(value, base, units) {
  let rest = value;
  let unit = 0;
  while (rest >= 0.9995 * base && unit < units.length - 1) {
    rest /= base;
    unit += 1;
  }
  const digits = unit === 0 || rest >= 99.95 ? rest.toFixed(0) : rest.toPrecision(3);
  return `${digits} ${units[unit]}`.trim();
}

/**
 * Writes a figure of a quantity.
 * @param {LayerQuantity} quantity
 * @param {number} value
 */
function written({ in_full, unit }, value) {
  return in_full ? inGroups.format(value) : writers[unit](value);
}

/**
 * Of a sum that lacks some layers there are no shares.
 * @param {number} value
 * @param {LayerTotal | undefined} total
 */
function share(value, total) {
  return total?.is_all && total.sum ? ` (${Math.round((100 * value) / total.sum)} %)` : "";
}

/** @param {number | number[] | null} value */
const sizes = (value) => (value === null ? "unknown" : [value].flat().join(" × "));

/** @param {number | number[] | null} value */
const product = (value) => (value === null ? -1 : [value].flat().reduce((a, b) => a * b, 1));

/** @type {LayerColumn[]} */
const basics = [
  { label: "layer", title: "Name of the layer", text: (row) => row.name, sort: (row) => row.name },
  {
    label: "kind",
    title: "Class of the Keras layer",
    text: (row) => row.kind,
    sort: (row) => row.kind,
  },
  {
    label: "shape",
    title: "Height × width × channels of the output",
    text: (row) => sizes(row.shape),
    sort: (row) => product(row.shape),
  },
  {
    label: "stride",
    title: "Step of the output in input pixels",
    text: (row) => sizes(row.stride),
    sort: (row) => product(row.stride),
  },
];
/** @type {LayerColumn} */
const field = {
  label: "receptive field",
  title: "Height × width in input pixels of what one pixel can see",
  text: (row) => sizes(row.receptive_field),
  sort: (row) => product(row.receptive_field),
};

/**
 * The column of a quantity.
 * @param {LayerQuantity} quantity
 * @returns {LayerColumn}
 */
function counted(quantity) {
  const { name, title, in_full, is_measured } = quantity;
  /** @type {LayerColumn["text"]} */
  const timed = ({ figures }, totals) => {
    const value = figures[name];
    return value ? written(quantity, value) + share(value, totals[name]) : "";
  };
  /** @param {(value: number) => string} write @returns {(row: LayerRow) => string} */
  const known = (write) => (row) => {
    const value = row.figures[name];
    return value === null ? "unknown" : write(value);
  };
  return {
    label: name,
    title,
    text: is_measured ? timed : known((value) => written(quantity, value)),
    sort: ({ figures }) => figures[name] ?? -1,
    exact: in_full || is_measured ? undefined : known((value) => inGroups.format(value)),
    quantity,
  };
}

/**
 * The columns in their order: what is measured stands last.
 * @param {LayerQuantity[]} quantities
 */
function columnsOf(quantities) {
  const all = quantities.map(counted);
  const [measured, computed] = [true, false].map((wanted) =>
    all.filter((column) => column.quantity?.is_measured === wanted),
  );
  return { columns: [...basics, ...computed, field, ...measured], measured };
}

/** @type {(row: HTMLTableRowElement, text: string, isNumeric: boolean) => HTMLTableCellElement} */
function cell(row, text, isNumeric) {
  return make("td", { textContent: text, className: isNumeric ? "explorer-numeric" : "" }, row);
}

/** The rows' order: by which column, and which way; null is the order of the network. */
class Sorting {
  /** @param {LayerColumn[]} columns */
  constructor(columns) {
    this.columns = columns;
    /** @type {number | null} */
    this.sorted = null;
    this.descending = false;
  }

  /** @param {number | null} index */
  choose(index) {
    [this.sorted, this.descending] = [index, index !== null && index > 1];
  }

  /** @param {number} index */
  click(index) {
    if (this.sorted !== index) {
      this.choose(index);
    } else if (this.descending === index > 1) {
      this.descending = !this.descending;
    } else {
      this.choose(null); // a third click returns to the order of the network
    }
  }

  /** @param {number} index */
  stateOf(index) {
    if (this.sorted !== index) return "none";
    return this.descending ? "descending" : "ascending";
  }

  /** @param {LayerRow[]} rows */
  inOrder(rows) {
    const { sorted } = this;
    if (sorted === null) return rows;
    const key = this.columns[sorted].sort;
    const direction = this.descending ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      return left === right ? 0 : left > right ? direction : -direction;
    });
  }
}

/**
 * Makes the list of columns to sort by, and the button that reverses the order; returns what shows
 * the order in them.
 * @param {Element} parent
 * @param {Sorting} sorting
 * @param {() => void} draw
 */
function makeSorter(parent, sorting, draw) {
  const sorter = make("span", { className: "explorer-sorter" }, parent);
  const select = make("select", { title: "Sort by" }, sorter);
  make("option", { value: "", textContent: "in order", title: "The network's order" }, select);
  const options = sorting.columns.map(({ label }, index) =>
    make("option", { value: String(index), textContent: `by ${label}` }, select),
  );
  const reverse = makeButton(sorter, "", "Reverse the order", () => {
    sorting.descending = !sorting.descending;
    draw();
  }, { label: "Reverse the order" });
  select.addEventListener("change", () => {
    sorting.choose(select.value ? Number(select.value) : null);
    draw();
  });
  /** @param {number} shown How many columns there are now. */
  return (shown) => {
    options.forEach((option, index) => {
      option.hidden = option.disabled = index >= shown;
    });
    select.value = String(sorting.sorted ?? "");
    reverse.hidden = sorting.sorted === null;
    reverse.textContent = sorting.descending ? "▼" : "▲";
  };
}

/**
 * Shows a layer in a row. Most edits leave most cells as they were: to make all anew takes the
 * browser far longer.
 * @param {HTMLTableRowElement} row
 * @param {LayerRow} layer
 * @param {LayerColumn[]} columns
 * @param {LayerTotals} totals
 */
function fill(row, layer, columns, totals) {
  [row.dataset.id, row.dataset.block] = [layer.id, layer.block];
  columns.forEach((column, index) => {
    const made = row.cells[index] ?? cell(row, "", index > 1);
    if (!index && !made.firstElementChild) {
      make("bdi", {}, make("span", {}, make("button", { tabIndex: -1 }, made)));
    }
    const place = index ? made : required(made.querySelector("bdi"), "name of the layer");
    const text = column.text(layer, totals);
    if (place.textContent !== text) place.textContent = text;
    const title = index ? column.exact?.(layer) : text; // a narrow window cuts the name off
    if (title && made.title !== title) made.title = title;
  });
  while (row.cells.length > columns.length) row.lastChild?.remove();
}

/**
 * Writes the totals below the columns.
 * @param {HTMLTableRowElement} foot
 * @param {LayerColumn[]} columns
 * @param {LayerTotals} totals
 * @param {number} layers
 */
function sumUp(foot, columns, totals, layers) {
  foot.replaceChildren();
  columns.forEach(({ quantity }, index) => {
    const text = quantity && !quantity.is_measured ? sumOf(quantity, totals[quantity.name]) : "";
    cell(foot, index === 0 ? `total of ${layers} layers` : text, index > 1);
  });
}

/**
 * Writes a total: where not all is known, the sum of what is.
 * @param {LayerQuantity} quantity
 * @param {LayerTotal | undefined} total
 */
function sumOf(quantity, total) {
  if (!total) return "";
  return (total.is_all ? quantity.prefix : "≥ ") + written(quantity, total.sum ?? 0);
}

/**
 * Marks the rows of what is selected, and scrolls to the first of them.
 * @param {HTMLElement} el
 * @param {HTMLTableSectionElement} body
 * @param {HTMLTableRowElement} head Lies over the rows.
 * @param {string[]} ids
 */
function markRows(el, body, head, ids) {
  const selected = new Set(ids);
  /** @type {HTMLTableRowElement[]} */
  const marked = [];
  for (const row of body.rows) {
    const isSelected = selected.has(row.dataset.id ?? "");
    row.classList.toggle("explorer-selected", isSelected);
    row.querySelector("button")?.setAttribute("aria-pressed", String(isSelected));
    if (isSelected) marked.push(row);
  }
  // Only the table scrolls: the page stays where its reader is.
  const [first] = marked;
  if (!first || el.contains(document.activeElement)) return;
  // Asking for it after a change costs a layout of the page.
  const above = head.offsetHeight;
  const end = el.scrollTop + el.clientHeight - 60;
  if (first.offsetTop < el.scrollTop + above || first.offsetTop > end) {
    el.scrollTop = first.offsetTop - above;
  }
}

/** @param {View<LayerTableState, LayerTableSends>} view */
function render({ model, el }) {
  const { columns, measured } = columnsOf(model.get("quantities"));
  const sorting = new Sorting(columns);
  el.classList.add("explorer-table");
  const table = make("table", {}, el);
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  const foot = table.createTFoot().insertRow();

  const headings = columns.map((column, index) => {
    const heading = make("th", { scope: "col" }, head);
    if (index > 1) heading.className = "explorer-numeric";
    makeButton(heading, column.label, `${column.title}. Click to sort`, () => {
      sorting.click(index);
      draw();
    });
    return heading;
  });

  headings[0].ariaLabel = columns[0].label; // not that of what it holds
  const showOrder = makeSorter(headings[0], sorting, draw);

  function draw() {
    const totals = model.get("totals");
    // Only once it is measured.
    const isThere = measured.some(({ quantity }) => quantity && totals[quantity.name]?.sum);
    const shown = columns.slice(0, columns.length - (isThere ? 0 : measured.length));
    headings.forEach((heading, index) => {
      heading.hidden = index >= shown.length;
      heading.setAttribute("aria-sort", sorting.stateOf(index));
    });
    showOrder(shown.length);
    table.dataset.sorted = String(sorting.sorted); // a narrow table shows it
    const rows = sorting.inOrder(model.get("rows"));
    rows.forEach((layer, place) => {
      fill(body.rows[place] ?? body.insertRow(), layer, shown, totals);
    });
    while (body.rows.length > rows.length) body.lastChild?.remove();
    sumUp(foot, shown, totals, rows.length);
    if (!buttons().some((button) => button.tabIndex === 0)) reach(buttons()[0]);
    markSelected();
    hover.drawn();
  }
  const hover = new Hover(el, "tbody tr", (row) => {
    const { id = "", block = "" } = /** @type {HTMLElement} */ (row).dataset;
    return { id, block };
  });
  const markSelected = () => markRows(el, body, head, model.get("selected"));

  // The rows are one tab stop; arrows go from row to row.
  const buttons = () => [...body.querySelectorAll("button")];
  /** @param {HTMLButtonElement | undefined} reached */
  function reach(reached) {
    for (const button of buttons()) button.tabIndex = button === reached ? 0 : -1;
  }
  body.addEventListener("focusin", (event) => {
    reach(targetOf(event)?.closest("button") ?? undefined);
  });
  body.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.findIndex((button) => button.tabIndex === 0);
    /** @type {Record<string, number>} */
    const ways = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
    const next = ways[event.key];
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    all[Math.min(all.length - 1, Math.max(0, next))]?.focus();
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to the next cell
  });

  body.addEventListener("click", (event) => {
    const id = targetOf(event)?.closest("tr")?.dataset.id;
    if (id) model.send({ select: id });
  });

  // What belongs together comes in one message: "change" follows once all of it is set.
  /** @type {[LayerRow[] | null, LayerTotals | null]} */
  let [rows, totals] = [null, null];
  const update = () => {
    if (rows === model.get("rows") && totals === model.get("totals")) return markSelected();
    [rows, totals] = [model.get("rows"), model.get("totals")];
    draw();
  };
  update();
  const ignore = listen(model, { change: update });
  return () => {
    ignore();
    hover.end();
  };
}

export default { initialize, render };
