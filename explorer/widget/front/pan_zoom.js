// @ts-check
// Looking around in a drawing that may be larger than its place: zoom, pan, and what fits. It stands
// before each view's own module.

// Text of a smaller drawing has fewer than 9 pixels.
const SMALLEST = 0.62;
// Text of a larger one would be larger than all around it, but for a lecture's.
const LARGEST = 1.3;
// What a search found in a drawing that is smaller is shown in this size.
const READABLE = 0.75;
// Who zooms beyond these wants to see more or less, not just larger or smaller.
const [FAR, NEAR] = [0.5, 1.5];

/**
 * Holds for every drawing and place: "all": fit to width and height; "readable": the same, but not
 * below SMALLEST; "width": fit to the width.
 * @typedef {"readable" | "width" | "all"} ZoomMode
 */

/** Zooms and pans the SVG that is in a canvas, which scrolls. */
class PanZoom {
  /**
   * @param {HTMLElement} canvas
   * @param {(fits: { width: boolean, all: boolean }) => void} showFits
   * @param {(steps: number, at: MouseEvent | null) => void} [comeNearer] Called when more is to be
   *   seen, or less.
   */
  constructor(canvas, showFits, comeNearer = () => {}) {
    this.comeNearer = comeNearer;
    this.canvas = canvas;
    this.showFits = showFits;
    /** @type {ZoomMode} */
    this.mode = "readable";
    /** @type {number | null} By hand or for a search; null: as the mode says. */
    this.zoom = null;
    /** @type {{ width: number, height: number } | null} The drawing's for which it was chosen. */
    this.zoomedFor = null;
    this.bySearch = false; // whether a search zoomed
    // The canvas' width and height: asking for them after a change would cost a layout of the page.
    this.space = 0;
    this.room = 0;
    this.frame = ""; // both, with scroll bars
    this.hasMoved = false; // since the pointer went down
    this.followWheel();
    this.followPointer();
  }

  get drawing() {
    return this.canvas.querySelector("svg");
  }

  /** The drawing's size in pixels, at a zoom of 1. */
  get natural() {
    const box = required(this.drawing, "drawing").viewBox.baseVal;
    return { width: box.width * (96 / 72), height: box.height * (96 / 72) }; // Graphviz: points
  }

  /** The drawing's size in pixels as it is zoomed. */
  get size() {
    const { width, height } = this.natural;
    return { width: width * this.present, height: height * this.present };
  }

  /**
   * How large all of a drawing can be.
   * @param {{ width: number, height: number }} natural Its size at a zoom of 1.
   */
  wholeOf({ width, height }) {
    return Math.min(this.space / width, this.room / height);
  }

  get fitting() {
    const across = this.space / this.natural.width;
    const whole = Math.min(LARGEST, this.wholeOf(this.natural));
    if (this.mode === "all") return whole;
    if (this.mode === "width") return Math.min(1, across);
    return Math.max(SMALLEST, whole);
  }

  get present() {
    return this.zoom ?? this.fitting;
  }

  scale() {
    const { drawing, space } = this;
    if (!drawing || !space) return;
    drawing.style.width = `${this.size.width}px`;
    drawing.style.height = "auto";
    const isFitted = this.zoom === null;
    this.showFits({
      width: isFitted && this.mode === "width",
      all: isFitted && this.mode === "all",
    });
  }

  /** @param {ZoomMode} mode */
  hold(mode) {
    [this.mode, this.zoom] = [mode, null];
    this.scale();
  }

  /**
   * @param {number} wanted
   * @param {MouseEvent | null} at
   */
  zoomTo(wanted, at = null) {
    if (!this.drawing) return;
    const { canvas, present: before } = this;
    this.zoom = Math.min(4, Math.max(0.05, wanted));
    [this.zoomedFor, this.bySearch] = [this.natural, false];
    this.scale();
    const steps = this.zoom > before ? Number(this.zoom > NEAR) : -Number(this.zoom < FAR);
    if (steps) {
      this.mode = "readable";
      this.comeNearer(steps, at);
    }
    if (!at) return;
    // What is under the pointer stays there.
    const box = canvas.getBoundingClientRect();
    const [x, y] = [at.clientX - box.left, at.clientY - box.top];
    canvas.scrollLeft = ((canvas.scrollLeft + x) * this.present) / before - x;
    canvas.scrollTop = ((canvas.scrollTop + y) * this.present) / before - y;
  }

  /** Scales another drawing: a zoom is for a network, also while it is edited, but no longer. */
  drawn() {
    const [now, then] = [this.natural, this.zoomedFor];
    if (this.zoom !== null && then) {
      const ratios = [now.width / then.width, now.height / then.height];
      if (ratios.some((ratio) => Math.abs(Math.log2(ratio)) > 1)) this.zoom = null;
    }
    this.scale();
  }

  /** Makes what a search found readable. */
  zoomForSearch() {
    if (!this.space || this.present >= SMALLEST) return;
    this.zoomTo(READABLE);
    this.bySearch = true;
  }

  endSearch() {
    if (this.zoom !== null && this.bySearch) this.hold(this.mode);
  }

  /**
   * Scrolls to an element, to its start if it is too large. Only the canvas scrolls: the page stays where its reader is.
   * @param {Element} element
   */
  scrollTo(element) {
    const { canvas } = this;
    const [box, frame] = [element.getBoundingClientRect(), canvas.getBoundingClientRect()];
    if (box.top < frame.top || box.bottom > frame.bottom) {
      canvas.scrollTop += box.top - frame.top - Math.max(0, frame.height - box.height) / 2;
    }
    if (box.left < frame.left || box.right > frame.right) {
      canvas.scrollLeft += box.left - frame.left - Math.max(0, frame.width - box.width) / 2;
    }
  }

  /**
   * Zooms, if a wheel was turned that is meant so; returns whether it was.
   * @param {WheelEvent} event
   */
  turned(event) {
    if (!event.ctrlKey && !event.metaKey) return false;
    event.preventDefault();
    const isHere = this.canvas.contains(targetOf(event));
    this.zoomTo(this.present * Math.exp(-event.deltaY / 300), isHere ? event : null);
    return true;
  }

  followWheel() {
    this.canvas.addEventListener("wheel", (event) => this.turned(event), { passive: false });
  }

  followPointer() {
    const { canvas } = this;
    /** @type {{ x: number, y: number, left: number, top: number } | null} Where a pan began. */
    let grip = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return; // a finger pans by itself
      const [left, top] = [canvas.scrollLeft, canvas.scrollTop];
      grip = { x: event.clientX, y: event.clientY, left, top };
      this.hasMoved = false;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const [x, y] = [event.clientX - grip.x, event.clientY - grip.y];
      if (!this.hasMoved && Math.hypot(x, y) < 5) return;
      if (!this.hasMoved) canvas.setPointerCapture(event.pointerId);
      this.hasMoved = true;
      canvas.scrollLeft = grip.left - x;
      canvas.scrollTop = grip.top - y;
    });
    const release = () => {
      // After the click that follows.
      setTimeout(() => {
        grip = null;
        this.hasMoved = false;
      });
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
  }

  /** Follows the size of the canvas; returns what ends that. */
  followSize() {
    const observer = new ResizeObserver(() => {
      const { canvas } = this;
      [this.space, this.room] = [canvas.clientWidth, canvas.clientHeight];
      this.frame = `${canvas.offsetWidth} ${canvas.offsetHeight}`;
      this.scale();
    });
    observer.observe(this.canvas);
    return () => observer.disconnect();
  }
}
