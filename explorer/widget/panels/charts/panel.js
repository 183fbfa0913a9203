// @ts-check
// What the plot beside it needs to be told. plotly draws before its place on the page is known, and
// from then on follows the window alone; and anywidget drops every update of a plot that took the
// browser more than two seconds to load. What is hovered in other views is marked over the plot.

const WAIT = 4000; // ms in which an update must have arrived

/**
 * plotly's element, once it has drawn.
 * @typedef {HTMLElement & { layout?: { meta?: number, xaxis?: { range?: [number, number] } } }} Plot
 */

/**
 * Makes the marks over the plot: a rectangle for each step, from the first chart to the last.
 * @param {HTMLElement} el
 * @param {() => Plot | null | undefined} plot
 */
function makeSteps(el, plot) {
  const svg = makeSvg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" }, el);
  /** @type {ChartStep[]} */
  let steps = [];
  /** @type {PointerEvent | null} The last one over the charts. */
  let pointer = null;

  /** Puts the marks where the charts are now, and returns the step at a place on screen. */
  const stepAt = (/** @type {{ clientX: number, clientY: number } | null} */ place) => {
    const areas = [...(plot()?.querySelectorAll(".nsewdrag") ?? [])].map((area) =>
      area.getBoundingClientRect(),
    );
    const [first, last] = plot()?.layout?.xaxis?.range ?? [0, 0];
    if (!areas.length || first === last) return undefined;
    const [{ left, top, width }, { bottom }] = [areas[0], areas[areas.length - 1]];
    const frame = el.getBoundingClientRect();
    setAttributes(svg, { viewBox: `${first} 0 ${last - first} 1` });
    svg.style.left = `${left - frame.left}px`;
    svg.style.top = `${top - frame.top}px`;
    svg.style.width = `${width}px`;
    svg.style.height = `${bottom - top}px`;
    if (!place || place.clientX < left || place.clientX > left + width) return undefined;
    if (place.clientY < top || place.clientY > bottom) return undefined;
    return steps[Math.round(first + ((place.clientX - left) / width) * (last - first))];
  };
  const put = () => stepAt(null);
  window.addEventListener("explorer-hover", put);
  const hover = new Hover(
    el,
    ".explorer-chart-step",
    (mark) => steps[Number(mark.getAttribute("data-place"))],
  );
  /** @param {PointerEvent} event */
  const follow = (event) => {
    pointer = event.type === "pointerleave" ? null : event;
    hover.tell(stepAt(pointer));
  };
  return {
    /** @param {ChartStep[]} now */
    draw(now) {
      steps = now;
      svg.replaceChildren();
      steps.forEach((_, place) => {
        const at = { x: place - 0.5, y: 0, width: 1, height: 1, "data-place": place };
        makeSvg("rect", { ...at, class: "explorer-chart-step" }, svg);
      });
      if (pointer) hover.tell(stepAt(pointer));
      hover.mark();
    },
    /** Takes the marks from where the charts no longer are. */
    clear() {
      svg.style.width = svg.style.height = "0";
    },
    /** @param {HTMLElement} charts */
    follow(charts) {
      charts.addEventListener("pointermove", follow);
      charts.addEventListener("pointerleave", follow);
    },
    end() {
      window.removeEventListener("explorer-hover", put);
      hover.end();
    },
  };
}

/** @param {View<FrameState, FrameSends, FrameGets>} view */
function render({ model, el }) {
  /** @type {HTMLElement | null} */
  let charts = null;
  let width = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  /** @returns {Plot | null | undefined} */
  const plot = () => charts?.querySelector(".js-plotly-plot");
  el.classList.add("explorer-chart-frame");
  const steps = makeSteps(el, plot);

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
      if (charts) {
        observer.observe(charts); // it grows when the plot comes
        steps.follow(charts);
      }
    }
    const now = plot()?.clientWidth;
    if (!now || now === width) return;
    width = now;
    steps.clear();
    window.dispatchEvent(new Event("resize"));
    check();
  });
  observer.observe(el);
  const endRequest = requestCode(model, "plotly");
  const ignore = listen(model, {
    "change:drawing": check,
    "change:steps": () => steps.draw(model.get("steps")),
  });
  steps.draw(model.get("steps"));
  return () => {
    steps.end();
    observer.disconnect();
    clearTimeout(waiting);
    endRequest();
    ignore();
  };
}

export default { initialize, render };
