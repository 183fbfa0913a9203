// A table of layers; a click on a column's heading sorts by it, a second one reverses. A click on a
// row selects its layer.

const inGroups = new Intl.NumberFormat("en-US");
const product = (values) => (values === null ? -1 : [values].flat().reduce((a, b) => a * b, 1));
const inFull = (value) => inGroups.format(value);
const writers = {
  count: (value) => short(value, 1000, ["", "k", "M", "G", "T"]),
  bytes: (value) => short(value, 1024, ["B", "KiB", "MiB", "GiB"]),
  seconds: (value) => short(value * 1e9, 1000, ["ns", "µs", "ms", "s"]),
};
const sizes = (values) => (values ? values.join(" × ") : "unknown");
const step = (value) => (value === null ? "unknown" : [value].flat().join(" × "));

// Of a sum that lacks some layers there are no shares.
const share = (value, [sum, isAll]) =>
  isAll && sum ? ` (${Math.round((100 * value) / sum)} %)` : "";

function short(value, base, units) {
  let unit = 0;
  while (value >= 0.9995 * base && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toPrecision(3);
  return `${digits} ${units[unit]}`.trim();
}

const basics = [
  { label: "layer", title: "Name of the layer", show: String },
  { label: "kind", title: "Class of the Keras layer", show: String },
  { label: "shape", title: "Height × width × channels of the output", show: sizes, sort: product },
  { label: "stride", title: "Step of the output in input pixels", show: step, sort: product },
];
const field = {
  label: "receptive field",
  title: "Height × width in input pixels of what one pixel can see",
  show: sizes,
  sort: product,
};

// The column of a quantity, whose total has this place among the totals.
function counted(quantity, place) {
  const write = quantity.inFull ? inFull : writers[quantity.unit];
  const exact = (value) => (value === null ? "unknown" : inFull(value));
  const timed = (value, total) => (value ? write(value) + share(value, total) : "");
  return {
    ...quantity,
    place,
    write,
    show: quantity.isMeasured ? timed : (value) => (value === null ? "unknown" : write(value)),
    exact: quantity.inFull || quantity.isMeasured ? undefined : exact,
    sort: (value) => value ?? -1,
  };
}

function cell(row, tag, text, numeric) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (numeric) made.className = "explorer-numeric";
  row.append(made);
  return made;
}

function render({ model, el }) {
  let sorted = null; // a column, or null for the order of the network
  let descending = false;

  const quantities = model.get("quantities").map(counted);
  const measured = quantities.filter((column) => column.isMeasured);
  const computed = quantities.filter((column) => !column.isMeasured);
  const columns = [...basics, ...computed, field, ...measured];

  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  const foot = table.createTFoot().insertRow();
  el.classList.add("explorer-table");
  el.append(table);

  const headings = columns.map((column, index) => {
    const heading = cell(head, "th", "", index > 1);
    heading.scope = "col";
    const button = document.createElement("button");
    button.textContent = column.label;
    button.title = `${column.title}. Click to sort`;
    button.addEventListener("click", () => {
      if (sorted !== index) {
        [sorted, descending] = [index, index > 1];
      } else if (descending === index > 1) {
        descending = !descending;
      } else {
        sorted = null; // a third click returns to the order of the network
      }
      draw();
    });
    heading.append(button);
    return heading;
  });

  function inOrder(rows) {
    if (sorted === null) return rows;
    const key = columns[sorted].sort ?? ((value) => value);
    const direction = descending ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [left, right] = [key(a[sorted]), key(b[sorted])];
      return left === right ? 0 : left > right ? direction : -direction;
    });
  }

  function draw() {
    const totals = model.get("totals");
    const isThere = measured.some((column) => totals[column.place]?.[0]); // only once it is measured
    const shown = columns.length - (isThere ? 0 : measured.length);
    headings.forEach((heading, index) => {
      const state = descending ? "descending" : "ascending";
      heading.hidden = index >= shown;
      heading.setAttribute("aria-sort", sorted === index ? state : "none");
    });
    const rows = inOrder(model.get("rows"));
    const ids = new Map(model.get("rows").map((values, place) => [values, model.get("ids")[place]]));
    rows.forEach((values, place) => {
      const row = body.rows[place] ?? body.insertRow();
      row.dataset.id = ids.get(values);
      fill(row, values.slice(0, shown), totals);
    });
    while (body.rows.length > rows.length) body.lastChild.remove();
    foot.replaceChildren();
    columns.slice(0, shown).forEach((column, index) => {
      const [sum, isAll] = (column.isMeasured ? null : totals[column.place]) ?? [];
      // The sum of what is known, where not all is.
      const text = sum === undefined ? "" : (isAll ? column.prefix : "≥ ") + column.write(sum);
      cell(foot, "td", index === 0 ? `total of ${rows.length} layers` : text, index > 1);
    });
    mark();
  }

  // Most edits leave most cells as they were: to make all anew takes the browser far longer.
  function fill(row, values, totals) {
    values.forEach((value, index) => {
      const column = columns[index];
      const made = row.cells[index] ?? cell(row, "td", "", index > 1);
      if (!index && !made.firstChild) made.append(document.createElement("button"));
      const place = index ? made : made.firstChild;
      const text = column.show(value, totals[column.place]);
      if (place.textContent !== text) place.textContent = text;
      const title = index ? column.exact?.(value) : text; // a narrow window cuts the name off
      if (title && made.title !== title) made.title = title;
    });
    while (row.cells.length > values.length) row.lastChild.remove();
  }

  function mark() {
    const selected = new Set(model.get("selected"));
    let first = null;
    for (const row of body.rows) {
      const isSelected = selected.has(row.dataset.id);
      row.classList.toggle("explorer-selected", isSelected);
      row.querySelector("button").setAttribute("aria-pressed", isSelected);
      if (isSelected) first ??= row;
    }
    // Only the table scrolls: the page stays where its reader is.
    if (!first || el.contains(document.activeElement)) return;
    const above = head.offsetHeight;
    if (first.offsetTop < el.scrollTop + above || first.offsetTop > el.scrollTop + el.clientHeight - 60) {
      el.scrollTop = first.offsetTop - above;
    }
  }

  body.addEventListener("click", (event) => {
    const id = event.target.closest("tr")?.dataset.id;
    if (id) model.send({ select: id });
  });

  // What belongs together comes in one message: "change" follows once all of it is set.
  let [rows, totals] = [null, null];
  const update = () => {
    if (rows === model.get("rows") && totals === model.get("totals")) return mark();
    [rows, totals] = [model.get("rows"), model.get("totals")];
    draw();
  };
  model.on("change", update);
  update();
  return () => model.off("change", update);
}

export default { initialize, render };
