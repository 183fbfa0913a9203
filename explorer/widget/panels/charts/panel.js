// @ts-check
// What the plot beside it needs to be told. plotly draws before its place on the page is known, and
// from then on follows the window alone; and anywidget drops every update of a plot that took the
// browser more than two seconds to load.

const WAIT = 4000; // ms in which an update must have arrived

/**
 * plotly's element, once it has drawn.
 * @typedef {HTMLElement & { layout?: { meta?: number } }} Plot
 */

/** @param {View<FrameState, FrameSends>} view */
function render({ model, el }) {
  /** @type {HTMLElement | null} */
  let charts = null;
  let width = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  /** @returns {Plot | null | undefined} */
  const plot = () => charts?.querySelector(".js-plotly-plot");

  function check() {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const drawing = model.get("drawing");
      const layout = plot()?.layout;
      if (layout && layout.meta !== drawing) model.send({ missed: drawing });
    }, WAIT);
  }

  const observer = new ResizeObserver(() => {
    if (charts !== el.parentElement) {
      charts = el.parentElement;
      if (charts) observer.observe(charts); // it grows when the plot comes
    }
    const now = plot()?.clientWidth;
    if (!now || now === width) return;
    width = now;
    window.dispatchEvent(new Event("resize"));
    check();
  });
  observer.observe(el);
  const ignore = listen(model, { "change:drawing": check });
  return () => {
    observer.disconnect();
    clearTimeout(waiting);
    ignore();
  };
}

export default { initialize, render };
