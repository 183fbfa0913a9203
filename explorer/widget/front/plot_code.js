// @ts-check
// plotly's code, once for all plots of a page: it has 5 MB, more than a plot, or a notebook that
// keeps its state, should hold. It stands before the modules of a plot and of what is beside it.

/**
 * What plotly makes of a model.
 * @typedef {{ initialize(context: object): unknown, render(context: object): unknown }} Plotting
 */

class PlotLoader {
  constructor() {
    this.isThere = false;
    /** @type {(made: () => Plotting) => void} */
    this.resolve = () => {};
    /** @type {Promise<() => Plotting>} What makes one for each model. */
    this.made = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  /** @param {BlobPart} code */
  async take(code) {
    if (this.isThere) return; // of another view, which asked for it, too
    this.isThere = true;
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const made = await import(address);
    URL.revokeObjectURL(address);
    this.resolve(made.default);
  }
}

const withPlots = /** @type {{ explorerPlots?: PlotLoader }} */ (/** @type {unknown} */ (globalThis));
withPlots.explorerPlots ??= new PlotLoader();
const plotCode = withPlots.explorerPlots;
