// @ts-check
// Runs in a Web Worker: lays out the drawings that a page sends, one after the other.

/**
 * Graphviz, as its module has it. After an error it has to be loaded anew, else it is there at once.
 * @typedef {{ Graphviz: { load(): Promise<{ dot(dot: string, format: string): string }> } }} Module
 */

/** @type {Module["Graphviz"]} */
let graphviz;

// A browser compiles code once more, for speed, after that has run for a while; till then the first
// edits would take twice as long. So what was laid out is laid out again while nobody waits: for so
// many milliseconds in all, with pauses in which others come first.
let practice = 200;
const PAUSE = 30;
const EMPTY = "graph {}"; // of which nothing is to be learnt

/** @param {string} dot */
async function layOut(dot) {
  const loaded = await graphviz.load();
  const begun = performance.now();
  const svg = loaded.dot(dot, "svg");
  if (dot === EMPTY) return svg;
  practice -= performance.now() - begun;
  if (practice > 0) setTimeout(layOut, PAUSE, dot);
  return svg;
}

/**
 * First comes the address of Graphviz' module, then drawings in Graphviz' language.
 * @param {MessageEvent<{ address?: string, dot?: string }>} message
 */
async function answer({ data }) {
  try {
    if (data.address) graphviz = /** @type {Module} */ (await import(data.address)).Graphviz;
    const svg = await layOut(data.dot || EMPTY);
    postMessage({ svg: svg.slice(svg.indexOf("<svg")) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
}

addEventListener("message", answer);
