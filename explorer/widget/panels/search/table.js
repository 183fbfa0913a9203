// @ts-check
// The networks that a search found, a row each: a click shows one.

/** @param {View<FoundTableState, FoundTableSends, FoundTableGets>} view */
function render({ model, el }) {
  el.classList.add("explorer-found-table");
  const head = make("div", { className: "explorer-found-head" }, el);
  const caption = make("b", {}, head);
  const old = make("span", { className: "explorer-muted", textContent: "of what was wanted before" }, head);
  const saves = ["csv", "json"].map((kind) =>
    makeButton(head, kind.toUpperCase(), `Save the networks as ${kind.toUpperCase()}`, () =>
      model.send({ save_found: kind === "csv" ? "csv" : "json" }), { className: "jupyter-button" }),
  );
  const frame = make("div", { className: "explorer-found-rows" }, el);
  const table = make("table", {}, frame);
  const heads = table.createTHead().insertRow();
  const body = table.createTBody();

  function drawHeads() {
    heads.replaceChildren();
    for (const text of model.get("heads")) make("th", { scope: "col", textContent: text }, heads);
  }

  function draw() {
    const rows = model.get("rows");
    el.hidden = !rows.length;
    caption.textContent = model.get("caption");
    old.hidden = !model.get("is_old");
    for (const save of saves) save.hidden = !model.get("can_save");
    const focused = [...body.rows].findIndex((row) => row.contains(document.activeElement));
    body.replaceChildren();
    for (const { number, cells, is_shown } of rows) {
      const row = body.insertRow();
      row.classList.toggle("explorer-selected", is_shown);
      cells.forEach((text, place) => {
        const cell = row.insertCell();
        if (place) cell.textContent = text;
        else {
          const button = makeButton(cell, text, "Show this network", () => {});
          button.setAttribute("aria-pressed", String(is_shown));
        }
      });
      row.addEventListener("click", () => model.send({ take: number }));
    }
    body.rows[focused]?.querySelector("button")?.focus({ preventScroll: true });
  }

  model.on("msg:custom", download);
  drawHeads();
  draw();
  const ignore = listen(model, {
    "change:heads": drawHeads,
    "change:rows": draw,
    "change:caption": draw,
    "change:can_save": draw,
    "change:is_old": draw,
  });
  return () => {
    model.off("msg:custom", download);
    ignore();
  };
}

export default { initialize, render };
