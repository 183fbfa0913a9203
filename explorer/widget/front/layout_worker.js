// @ts-check
// Runs in a Web Worker: lays out the drawings that a page sends, one after the other.

/**
 * Graphviz, as its module has it. After an error it has to be loaded anew, else it is there at once.
 * @typedef {{ Graphviz: { load(): Promise<{ dot(dot: string, format: string): string }> } }} Module
 */

/** @type {Module["Graphviz"]} */
let graphviz;

/**
 * First comes the address of Graphviz' module, then drawings in Graphviz' language.
 * @param {MessageEvent<{ address?: string, dot?: string }>} message
 */
async function answer({ data }) {
  try {
    if (data.address) graphviz = /** @type {Module} */ (await import(data.address)).Graphviz;
    const svg = (await graphviz.load()).dot(data.dot ?? "graph {}", "svg");
    postMessage({ svg: svg.slice(svg.indexOf("<svg")) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
}

addEventListener("message", answer);
