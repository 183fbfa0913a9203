// What the plot beside it needs to be told. plotly draws before its place on the page is known, and
// from then on follows the window alone; and anywidget drops every update of a plot that took the
// browser more than two seconds to load.

const WAIT = 4000; // ms in which an update must have arrived

function render({ model, el }) {
  let charts = null;
  let width = 0;
  let waiting = 0;
  const plot = () => charts?.querySelector(".js-plotly-plot");

  function check() {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const drawing = model.get("drawing");
      if (plot()?.layout && plot().layout.meta !== drawing) model.send({ missed: drawing });
    }, WAIT);
  }

  const observer = new ResizeObserver(() => {
    if (charts !== el.parentElement) {
      charts = el.parentElement;
      observer.observe(charts); // it grows when the plot comes
    }
    const now = plot()?.clientWidth;
    if (!now || now === width) return;
    width = now;
    window.dispatchEvent(new Event("resize"));
    check();
  });
  observer.observe(el);
  model.on("change:drawing", check);
  return () => {
    observer.disconnect();
    clearTimeout(waiting);
    model.off("change:drawing", check);
  };
}

export default { initialize, render };
