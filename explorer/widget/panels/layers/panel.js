// @ts-check
// A table of layers; a click on a column's heading sorts by it, a second one reverses. A click on a
// row selects its layer.

/**
 * How a value is shown, and by what its column is sorted.
 * @typedef {object} LayerColumn
 * @property {string} label
 * @property {string} title
 * @property {(value: LayerValue, total?: LayerTotal) => string} show
 * @property {(value: LayerValue) => string | number} sort
 * @property {(value: LayerValue) => string} [exact] Its title, where it is shown in short.
 * @property {CountedColumn} [counted] Of a quantity.
 */

/**
 * @typedef {object} CountedColumn
 * @property {number} place Of the total among the totals.
 * @property {(value: number) => string} write
 * @property {string} prefix
 * @property {boolean} isMeasured
 */

const inGroups = new Intl.NumberFormat("en-US");

/** @param {LayerValue} value */
const product = (value) =>
  value === null ? -1 : [value].flat().map(Number).reduce((a, b) => a * b, 1);

/** @param {LayerValue} value */
const inFull = (value) => inGroups.format(Number(value));

/** @type {Record<LayerQuantity["unit"], (value: number) => string>} */
const writers = {
  count: (value) => short(value, 1000, ["", "k", "M", "G", "T"]),
  bytes: (value) => short(value, 1024, ["B", "KiB", "MiB", "GiB"]),
  seconds: (value) => short(value * 1e9, 1000, ["ns", "µs", "ms", "s"]),
};

/** @param {LayerValue} value */
const sizes = (value) => (value ? [value].flat().join(" × ") : "unknown");

/** @param {LayerValue} value */
const step = (value) => (value === null ? "unknown" : [value].flat().join(" × "));

/**
 * Of a sum that lacks some layers there are no shares.
 * @param {number} value
 * @param {LayerTotal | undefined} total
 */
const share = (value, total) =>
  total?.[1] && total[0] ? ` (${Math.round((100 * value) / total[0])} %)` : "";

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

/** @type {LayerColumn[]} */
const basics = [
  { label: "layer", title: "Name of the layer", show: String, sort: String },
  { label: "kind", title: "Class of the Keras layer", show: String, sort: String },
  {
    label: "shape",
    title: "Height × width × channels of the output",
    show: sizes,
    sort: product,
  },
  { label: "stride", title: "Step of the output in input pixels", show: step, sort: product },
];
/** @type {LayerColumn} */
const field = {
  label: "receptive field",
  title: "Height × width in input pixels of what one pixel can see",
  show: sizes,
  sort: product,
};

/**
 * The column of a quantity, whose total has this place among the totals.
 * @param {LayerQuantity} quantity
 * @param {number} place
 * @returns {LayerColumn}
 */
function counted({ label, title, unit, inFull: isInFull, prefix, isMeasured }, place) {
  const write = isInFull ? inFull : writers[unit];
  /** @param {LayerValue} value */
  const exact = (value) => (value === null ? "unknown" : inFull(value));
  /** @type {LayerColumn["show"]} */
  const timed = (value, total) =>
    value ? write(Number(value)) + share(Number(value), total) : "";
  /** @type {LayerColumn["show"]} */
  const computed = (value) => (value === null ? "unknown" : write(Number(value)));
  return {
    label,
    title,
    show: isMeasured ? timed : computed,
    exact: isInFull || isMeasured ? undefined : exact,
    sort: (value) => (value === null ? -1 : Number(value)),
    counted: { place, write, prefix, isMeasured },
  };
}

/**
 * The columns in their order: what is measured stands last.
 * @param {LayerQuantity[]} quantities
 */
function columnsOf(quantities) {
  const all = quantities.map(counted);
  const [measured, computed] = [true, false].map((wanted) =>
    all.filter((column) => column.counted?.isMeasured === wanted),
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

  /** @param {number} index */
  click(index) {
    if (this.sorted !== index) {
      [this.sorted, this.descending] = [index, index > 1];
    } else if (this.descending === index > 1) {
      this.descending = !this.descending;
    } else {
      this.sorted = null; // a third click returns to the order of the network
    }
  }

  /** @param {number} index */
  stateOf(index) {
    if (this.sorted !== index) return "none";
    return this.descending ? "descending" : "ascending";
  }

  /** @param {LayerValue[][]} rows */
  inOrder(rows) {
    const { sorted } = this;
    if (sorted === null) return rows;
    const key = this.columns[sorted].sort;
    const direction = this.descending ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [left, right] = [key(a[sorted]), key(b[sorted])];
      return left === right ? 0 : left > right ? direction : -direction;
    });
  }
}

/**
 * Shows a row's values. Most edits leave most cells as they were: to make all anew takes the browser
 * far longer.
 * @param {HTMLTableRowElement} row
 * @param {LayerValue[]} values
 * @param {LayerColumn[]} columns
 * @param {LayerTotal[]} totals
 */
function fill(row, values, columns, totals) {
  values.forEach((value, index) => {
    const column = columns[index];
    const made = row.cells[index] ?? cell(row, "", index > 1);
    if (!index && !made.firstElementChild) make("button", {}, made);
    const place = index ? made : required(made.firstElementChild, "button of the layer");
    const text = column.show(value, column.counted && totals[column.counted.place]);
    if (place.textContent !== text) place.textContent = text;
    const title = index ? column.exact?.(value) : text; // a narrow window cuts the name off
    if (title && made.title !== title) made.title = title;
  });
  while (row.cells.length > values.length) row.lastChild?.remove();
}

/**
 * Writes the totals below the columns.
 * @param {HTMLTableRowElement} foot
 * @param {LayerColumn[]} columns
 * @param {LayerTotal[]} totals
 * @param {number} layers
 */
function sumUp(foot, columns, totals, layers) {
  foot.replaceChildren();
  columns.forEach(({ counted: quantity }, index) => {
    const total = quantity && !quantity.isMeasured ? totals[quantity.place] : undefined;
    // The sum of what is known, where not all is.
    const text =
      quantity && total ? (total[1] ? quantity.prefix : "≥ ") + quantity.write(total[0]) : "";
    cell(foot, index === 0 ? `total of ${layers} layers` : text, index > 1);
  });
}

/**
 * Marks the rows of what is selected, and scrolls to the first of them.
 * @param {HTMLElement} el
 * @param {HTMLTableSectionElement} body
 * @param {number} above Height of what lies over the rows.
 * @param {string[]} ids
 */
function markRows(el, body, above, ids) {
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
  const end = el.scrollTop + el.clientHeight - 60;
  if (first.offsetTop < el.scrollTop + above || first.offsetTop > end) {
    el.scrollTop = first.offsetTop - above;
  }
}

/** @param {View<LayerTableState, LayerTableMessage>} view */
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

  function draw() {
    const totals = model.get("totals");
    // Only once it is measured.
    const isThere = measured.some(({ counted: quantity }) => quantity && totals[quantity.place]?.[0]);
    const shown = columns.slice(0, columns.length - (isThere ? 0 : measured.length));
    headings.forEach((heading, index) => {
      heading.hidden = index >= shown.length;
      heading.setAttribute("aria-sort", sorting.stateOf(index));
    });
    const ids = new Map(model.get("rows").map((values, place) => [values, model.get("ids")[place]]));
    const rows = sorting.inOrder(model.get("rows"));
    rows.forEach((values, place) => {
      const row = body.rows[place] ?? body.insertRow();
      row.dataset.id = ids.get(values);
      fill(row, values.slice(0, shown.length), columns, totals);
    });
    while (body.rows.length > rows.length) body.lastChild?.remove();
    sumUp(foot, shown, totals, rows.length);
    mark();
  }
  const mark = () => markRows(el, body, head.offsetHeight, model.get("selected"));

  body.addEventListener("click", (event) => {
    const id = targetOf(event)?.closest("tr")?.dataset.id;
    if (id) model.send({ select: id });
  });

  // What belongs together comes in one message: "change" follows once all of it is set.
  /** @type {[LayerValue[][] | null, LayerTotal[] | null]} */
  let [rows, totals] = [null, null];
  const update = () => {
    if (rows === model.get("rows") && totals === model.get("totals")) return mark();
    [rows, totals] = [model.get("rows"), model.get("totals")];
    draw();
  };
  update();
  return listen(model, { change: update });
}

export default { initialize, render };
