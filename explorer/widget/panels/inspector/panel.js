// Shows what the kernel says of the selected layer or block. Its buttons select another, or ask to
// edit a block.

function render({ model, el }) {
  el.classList.add("explorer-inspector");
  el.setAttribute("role", "region");
  el.setAttribute("aria-label", "Inspector");
  const head = document.createElement("div");
  head.className = "explorer-inspector-head";
  const heading = document.createElement("h2");
  heading.tabIndex = -1; // it gets the focus when what had it is gone
  heading.setAttribute("aria-live", "polite");
  const clear = document.createElement("button");
  clear.type = "button";
  clear.className = "jupyter-button";
  clear.textContent = "×";
  clear.title = "Clear the selection";
  clear.setAttribute("aria-label", clear.title);
  clear.dataset.select = "";
  const body = document.createElement("div");
  body.className = "explorer-inspector-body";
  head.append(heading, clear);
  el.append(head, body);
  let shown = null;

  function draw() {
    const focused = el.getRootNode().activeElement;
    const inside = focused !== el && el.contains(focused);
    const isNew = heading.textContent !== model.get("heading");
    if (isNew) heading.textContent = model.get("heading"); // the same text would be read out again
    clear.hidden = !model.get("selected");
    if (model.get("html") !== shown) {
      shown = model.get("html");
      body.innerHTML = shown;
    }
    const time = body.querySelector("button[data-time]");
    if (time) {
      time.disabled = model.get("running");
      time.textContent = time.disabled ? "Running …" : "Time every layer";
    }
    if (isNew) el.scrollTop = 0;
    if (!inside || (!isNew && focused.isConnected && !focused.hidden)) return;
    const same = [...body.querySelectorAll("button")].find(
      ({ dataset }) =>
        dataset.select === focused.dataset.select && dataset.edit === focused.dataset.edit,
    );
    ((!isNew && same) || heading).focus({ preventScroll: true });
  }

  el.addEventListener("click", (event) => {
    const { select, edit, time } = event.target.closest("button")?.dataset ?? {};
    if (select !== undefined) model.send({ select });
    else if (time !== undefined) model.send({ time });
    else if (edit !== undefined) model.send({ edit });
  });
  model.on("change", draw); // heading and text come in one message
  draw();
  return () => model.off("change", draw);
}

export default { initialize, render };
