// @ts-check
// Runs the network in the page: TensorFlow.js in a Web Worker, and the page keeps answering. The code
// comes from the kernel when it is first wanted. There is nothing to see: another view has the result.

/** A Web Worker that runs networks, one after the other. */
class Runner {
  /** @param {string[]} addresses Of TensorFlow.js, its backends, its WebAssembly, and the worker. */
  constructor([core, webgpu, wasmBackend, wasm, own]) {
    /** @type {Map<number, (answer: any) => void>} Those who wait for an answer. */
    this.waiting = new Map();
    this.count = 0;
    this.worker = new Worker(own);
    this.worker.addEventListener("message", ({ data }) => {
      this.waiting.get(data.number)?.(data);
      this.waiting.delete(data.number);
    });
    this.worker.addEventListener("error", (event) => {
      for (const answer of this.waiting.values()) answer({ error: event.message ?? "no Web Worker" });
      this.waiting.clear();
    });
    /** @type {Promise<{ backend: string, device: string, version: string, error?: string }>} */
    this.ready = this.ask({ scripts: [core, webgpu, wasmBackend], wasm });
  }

  /**
   * @param {object} question
   * @returns {Promise<any>}
   */
  ask(question) {
    this.count += 1;
    const number = this.count;
    return new Promise((resolve) => {
      this.waiting.set(number, resolve);
      this.worker.postMessage({ number, ...question });
    });
  }

  end() {
    this.worker.terminate();
  }
}

/** @param {{ model: Model<InBrowserState, InBrowserSends, InBrowserGets> }} given */
function serve({ model }) {
  const code = codeOf("runner");
  /** @type {(() => void) | undefined} Set once the code was asked for. */
  let endRequest;
  /** @type {Runner | undefined} */
  let runner;
  let isBusy = false;

  const stop = () => {
    runner?.end(); // what it holds of memory goes with it
    runner = undefined;
    isBusy = false;
  };

  /**
   * @param {number} number
   * @param {unknown} problem
   */
  const fail = (number, problem) => {
    stop();
    model.send({ number, problem: String(problem) });
  };

  const run = async () => {
    const asked = model.get("asked");
    if (isBusy || !asked) stop(); // what runs is out of date
    if (!asked) return;
    if (!code.addresses) {
      if (!endRequest) code.coming.then(run);
      endRequest ??= requestCode(model, "runner");
      return;
    }
    isBusy = true;
    const { number, ...question } = asked;
    const file = new Blob([model.get("picture")]);
    const given = model.get("weights");
    const halves = given.buffer.slice(given.byteOffset, given.byteOffset + given.byteLength);
    try {
      runner ??= new Runner(code.addresses);
    } catch (error) {
      fail(number, error); // the page may start no Web Worker
      return;
    }
    const own = runner;
    const { backend, device, version, error } = await own.ready;
    const found = error ? { error } : await own.ask({ ...question, file, halves });
    if (own !== runner || model.get("asked")?.number !== number) return;
    isBusy = false;
    if (found.error) {
      fail(number, found.error);
      return;
    }
    if ("looked" in found) {
      const { strip, channels } = found.looked;
      model.send({ number, strip, channels }, undefined, found.pngs);
      return;
    }
    if ("field" in found) {
      const { half, most } = found.field;
      model.send({ number, half, most }, undefined, found.pngs);
      return;
    }
    /** @type {{ times: number[], first: number, warmups: number, strongest: { channel: number, png: ArrayBuffer }[], image: ArrayBuffer }} */
    const { times, first, warmups, strongest, image } = found;
    const channels = strongest.map(({ channel }) => channel);
    model.send({ number, times, first, warmups, backend, device, version, channels }, undefined, [
      image,
      ...strongest.map(({ png }) => png),
    ]);
  };

  const forget = listen(model, { "change:asked": run });
  run();
  return () => {
    forget();
    endRequest?.();
    stop();
  };
}

/** @param {any} given */
function begin(given) {
  initialize(given);
  return serve(given);
}

export default { initialize: begin };
