// @ts-check
// Lays drawings out in the page: Graphviz runs in a Web Worker, and the page keeps answering. One
// worker serves all explorers of a page. It stands before the module of the diagram.

// Milliseconds that the other views wait for a drawing.
const LONGEST = 100;

/** @typedef {{ svg: string } | { error: string }} LaidOut */

/** A Web Worker that lays drawings out, one after the other. */
class LayoutWorker {
  /** @param {string[]} addresses Of Graphviz' module, and that of the worker. */
  constructor([graphviz, own]) {
    /** @type {((answer: LaidOut) => void)[]} Those who wait for an answer, the next one first. */
    this.waiting = [];
    this.worker = new Worker(own, { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.waiting.shift()?.(data));
    this.worker.addEventListener("error", (event) => {
      const answer = { error: event.message ?? "no Web Worker" };
      for (const waiting of this.waiting.splice(0)) waiting(answer);
    });
    /** @type {Promise<boolean>} Whether it can lay anything out. */
    this.works = this.send({ address: graphviz }).then((answer) => "svg" in answer);
  }

  /**
   * @param {{ address: string } | { dot: string }} question
   * @returns {Promise<LaidOut>}
   */
  send(question) {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.worker.postMessage(question);
    });
  }
}

/** Waits until a frame is on its way to the screen; of a page that is not seen there is none. */
const nextFrame = () =>
  Promise.race([
    new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))),
    new Promise((resolve) => setTimeout(resolve, LONGEST)),
  ]);

/** Has drawings laid out; one that comes while another is laid out waits, and only the last does. */
class Layout {
  /** @param {Model<CanvasState, CanvasSends, CanvasGets>} model */
  constructor(model) {
    this.model = model;
    /** @type {LayoutWorker | undefined} Undefined while nothing can be laid out here. */
    this.worker = undefined;
    /** @type {(() => void) | undefined} What has to be done next. */
    this.next = undefined;
    this.isBusy = false;
    this.dropped = 0; // how often what was asked for was given up
    this.end = () => {}; // asks no more for the code
  }

  /** Asks the kernel for the code, unless the page has it. */
  async begin() {
    if (typeof Worker === "undefined") {
      this.model.send({ lays_out: false });
      return;
    }
    this.end = requestCode(this.model, "graphviz");
    const addresses = await codeOf("graphviz").coming;
    let works = false;
    try {
      ofPage.explorerLayout ??= new LayoutWorker(addresses);
      works = await ofPage.explorerLayout.works;
    } catch {
      // The page may start no Web Worker.
    }
    if (works) this.worker = ofPage.explorerLayout;
    this.model.send({ lays_out: works });
    if (this.next) this.goOn();
    else this.worker?.send({ dot: this.model.get("dot") }); // which the kernel has drawn: for practice
  }

  /**
   * @param {string} dot
   * @param {(answer: LaidOut) => void} show
   * @param {() => boolean} write Shows it without that, if it can.
   */
  ask(dot, show, write) {
    const { dropped } = this;
    this.next = async () => {
      if (write()) return;
      const answer = await this.worker?.send({ dot });
      if (answer && dropped === this.dropped) show(answer);
    };
    this.goOn();
  }

  /** Gives up what was asked for, also what is laid out just now. */
  drop() {
    this.next = undefined;
    this.dropped += 1;
  }

  async goOn() {
    if (this.isBusy || !this.worker) return;
    this.isBusy = true;
    waiting.layouts += 1;
    let isHeld = true;
    const release = () => {
      if (isHeld) waiting.layouts -= 1;
      isHeld = false;
      showAll();
    };
    const timer = setTimeout(release, LONGEST);
    try {
      while (this.next) {
        const { next } = this;
        this.next = undefined;
        await next();
        await nextFrame(); // shows the drawing
        showAll();
      }
    } finally {
      clearTimeout(timer);
      this.isBusy = false;
      release();
    }
  }
}
