// A table of layers; a click on a column's heading sorts by it, a second one reverses. A click on a
// row selects its layer.

const inGroups = new Intl.NumberFormat("en-US");
const product = (values) => (values === null ? -1 : [values].flat().reduce((a, b) => a * b, 1));
const whole = (value) => value === null ? "unknown" : inGroups.format(value);
const count = (value) => value === null ? "unknown" : short(value, 1000, ["", "k", "M", "G", "T"]);
const memory = (value) => short(value, 1024, ["B", "KiB", "MiB", "GiB"]);
const duration = (value) => short(value * 1e9, 1000, ["ns", "µs", "ms", "s"]);
const sizes = (values) => (values ? values.join(" × ") : "unknown");
const step = (value) => (value === null ? "unknown" : [value].flat().join(" × "));

// Of a sum that lacks some layers there are no shares.
const share = (value, whole) => (whole ? ` (${Math.round((100 * value) / whole)} %)` : "");

function short(value, base, units) {
  let unit = 0;
  while (value >= 0.9995 * base && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toPrecision(3);
  return `${digits} ${units[unit]}`.trim();
}

const columns = [
  { label: "layer", title: "Name of the layer", show: String },
  { label: "kind", title: "Class of the Keras layer", show: String },
  { label: "shape", title: "Height × width × channels of the output", show: sizes, sort: product },
  { label: "stride", title: "Step of the output in input pixels", show: step, sort: product },
  { label: "parameters", title: "Parameters, trainable or not", show: whole, total: 0 },
  {
    label: "MACs",
    title:
      "Multiply-accumulates of convolutions and dense layers for one image; a multiply-add is one",
    show: count,
    exact: whole,
    sort: (value) => value ?? -1,
    total: 1,
  },
  {
    label: "memory",
    title: "Size of the output for one image, in float32. Total: the peak of one pass, with weights",
    show: memory,
    exact: whole,
    total: 2,
    totalPrefix: "peak ",
  },
  {
    label: "receptive field",
    title: "Height × width in input pixels of what one pixel can see",
    show: sizes,
    sort: product,
  },
  {
    label: "time",
    title: "Median time of the layer alone, and its share of all layers' times",
    show: (value, whole) => (value === null ? "" : duration(value) + share(value, whole)),
    sort: (value) => value ?? -1,
  },
];

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
    const whole = model.get("whole");
    const shown = whole ? columns.length : columns.length - 1; // times only once there are some
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
      fill(row, values.slice(0, shown), model.get("total")[4] ? whole : 0);
    });
    while (body.rows.length > rows.length) body.lastChild.remove();
    foot.replaceChildren();
    const total = model.get("total");
    columns.slice(0, shown).forEach((column, index) => {
      const known = column.total !== undefined && total.length;
      // The sum of what is known, where not all is.
      const prefix = column.total === 1 && !total[3] ? "≥ " : (column.totalPrefix ?? "");
      const text = known ? prefix + column.show(total[column.total]) : "";
      cell(foot, "td", index === 0 ? `total of ${rows.length} layers` : text, index > 1);
    });
    mark();
  }

  // Most edits leave most cells as they were: to make all anew takes the browser far longer.
  function fill(row, values, whole) {
    values.forEach((value, index) => {
      const column = columns[index];
      const made = row.cells[index] ?? cell(row, "td", "", index > 1);
      if (!index && !made.firstChild) made.append(document.createElement("button"));
      const place = index ? made : made.firstChild;
      const text = column.show(value, whole);
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
  let [rows, whole] = [null, null];
  const update = () => {
    if (rows === model.get("rows") && whole === model.get("whole")) return mark();
    [rows, whole] = [model.get("rows"), model.get("whole")];
    draw();
  };
  model.on("change", update);
  update();
  return () => model.off("change", update);
}

export default { initialize, render };
