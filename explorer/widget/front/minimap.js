// @ts-check
// A small overview of a drawing that is far larger than its place, with a frame around what is seen
// of it. It stands before the module of the diagram, and after what zooms.

// Pixels that an overview is wide and high: at most, and at least, to be held by a pointer.
const [MOST, LEAST] = [120, 28];
// And at most so much of its place, or it would cover what one looks at.
const PART = 0.3;
// A drawing that is more than so many times as wide or as high as its place has one.
const FAR_LARGER = 2;

/**
 * Returns the corners of a polygon: left, top, right, bottom.
 * @param {Element | null | undefined} polygon
 */
function cornersOf(polygon) {
  const numbers = (polygon?.getAttribute("points") ?? "").split(/[ ,]/).map(Number);
  const [xs, ys] = [0, 1].map((odd) => numbers.filter((_, index) => index % 2 === odd));
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Shows where in a drawing one is, and scrolls to where one points. */
class Minimap {
  /**
   * @param {HTMLElement} parent
   * @param {PanZoom} zoom
   */
  constructor(parent, zoom) {
    this.zoom = zoom;
    const look = { class: "explorer-minimap", "aria-hidden": "true", hidden: "" };
    this.map = makeSvg("svg", { ...look, preserveAspectRatio: "none" }, parent);
    this.boxes = makeSvg("g", {}, this.map);
    this.frame = makeSvg("rect", { class: "explorer-frame" }, this.map);
    /** @type {SVGSVGElement | null} What it is an overview of. */
    this.shown = null;
    this.request = 0;
    // Where the canvas is scrolled to: asking for it after a change would cost a layout of the page.
    this.left = 0;
    this.top = 0;
    zoom.canvas.addEventListener("scroll", () => {
      [this.left, this.top] = [zoom.canvas.scrollLeft, zoom.canvas.scrollTop];
      this.follow();
    });
    this.map.addEventListener("pointerdown", (event) => {
      this.map.setPointerCapture(event.pointerId);
      this.go(event);
    });
    this.map.addEventListener("pointermove", (event) => {
      if (this.map.hasPointerCapture(event.pointerId)) this.go(event);
    });
    // It lies over the canvas, not in it: what is not done here, the page would do.
    this.map.addEventListener("wheel", (event) => {
      if (!zoom.turned(event)) zoom.canvas.scrollBy(event.deltaX, event.deltaY);
      event.preventDefault();
    }, { passive: false });
  }

  /** Follows the drawing, its zoom and what is seen of it, before the page is painted next. */
  follow() {
    cancelAnimationFrame(this.request);
    this.request = requestAnimationFrame(() => this.show());
  }

  show() {
    const { drawing, space, room } = this.zoom;
    const { width, height } = drawing ? this.zoom.size : { width: 0, height: 0 };
    const isLarge = width > FAR_LARGER * space || height > FAR_LARGER * room;
    const isNeeded = space > 0 && isLarge; // without a size, the canvas is in a hidden tab
    this.map.toggleAttribute("hidden", !isNeeded);
    if (!isNeeded || !drawing) return;
    if (this.shown !== drawing) this.draw(drawing);
    const small = Math.min(MOST, PART * space, PART * room) / Math.max(width, height);
    this.map.style.width = `${Math.max(LEAST, width * small)}px`;
    this.map.style.height = `${Math.max(LEAST, height * small)}px`;
    const scale = width / drawing.viewBox.baseVal.width;
    setAttributes(this.frame, {
      x: this.left / scale,
      y: this.top / scale,
      width: Math.min(space, width) / scale,
      height: Math.min(room, height) / scale,
    });
  }

  /**
   * Draws the boxes of a drawing, in the colours of their titles.
   * @param {SVGSVGElement} drawing
   */
  draw(drawing) {
    this.shown = drawing;
    const graph = required(drawing.querySelector("g.graph"), "graph");
    this.map.setAttribute("viewBox", drawing.getAttribute("viewBox") ?? "");
    this.boxes.setAttribute("transform", graph.getAttribute("transform") ?? "");
    this.boxes.replaceChildren();
    for (const node of graph.querySelectorAll('g.node[id^="box"]')) {
      const [body, ...others] = node.querySelectorAll(":scope > polygon");
      const [x, y, right, bottom] = cornersOf(body);
      const fills = others.map((polygon) => polygon.getAttribute("fill") ?? "none");
      const fill = fills.find((each) => each !== "none") ?? "none";
      makeSvg("rect", { x, y, width: right - x, height: bottom - y, fill }, this.boxes);
    }
  }

  /**
   * Scrolls so that what one points at is in the middle.
   * @param {PointerEvent} event
   */
  go(event) {
    const { canvas, size, space, room } = this.zoom;
    const { left, top, width, height } = this.map.getBoundingClientRect();
    canvas.scrollLeft = ((event.clientX - left) / width) * size.width - space / 2;
    canvas.scrollTop = ((event.clientY - top) / height) * size.height - room / 2;
  }
}
