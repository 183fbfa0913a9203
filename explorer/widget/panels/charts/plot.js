// @ts-check
// A plot of plotly's, whose code comes apart from it.

/**
 * What plotly makes of a model.
 * @typedef {{ initialize(context: object): unknown, render(context: object): unknown }} Plotting
 */

/** @type {WeakMap<object, Promise<Plotting>>} Of each model that has a view. */
const plottings = new WeakMap();

/** @param {object} model */
async function plottingOf(model) {
  const [address] = await codeOf("plotly").coming;
  /** @type {Plotting} */
  const plotting = (await import(address)).default();
  await plotting.initialize({ model });
  return plotting;
}

/** @param {{ model: object, el: HTMLElement }} view */
function render({ model, el }) {
  el.textContent = "What draws the charts comes from the kernel. If none runs, run the cell.";
  const waiting = plottings.get(model) ?? plottingOf(model);
  plottings.set(model, waiting);
  let isGone = false;
  /** @type {unknown} */
  let end;
  waiting.then((plotting) => {
    if (isGone) return;
    el.textContent = "";
    end = plotting.render({ model, el });
  });
  return () => {
    isGone = true;
    if (typeof end === "function") end();
  };
}

export default { initialize, render };
