// @ts-check
// Runs in a Web Worker, with the files beside this one: a network as a program of layers under Keras'
// names, by TensorFlow.js, on WebGPU where there is one and else on WebAssembly. What it computes is
// what Keras does. This is what it runs on.

/** @typedef {any} Tensor One of TensorFlow.js. */
/** @typedef {{ [name: string]: any }} Settings */

const scope = /** @type {any} */ (globalThis);
/** @type {any} TensorFlow.js. */
let tf;
let backend = "";
let device = "";
let webAssembly = ""; // its address

/**
 * @param {string[]} scripts
 * @param {string} wasm
 */
async function begin(scripts, wasm) {
  scope.importScripts(...scripts);
  tf = scope.tf;
  webAssembly = wasm;
  const adapter = await scope.navigator.gpu?.requestAdapter().catch(() => null);
  if (adapter && (await tf.setBackend("webgpu").catch(() => false))) {
    const { vendor = "", architecture = "", description = "" } = adapter.info ?? {};
    device = description || [vendor, architecture].filter(Boolean).join(" ") || "a GPU";
    backend = "WebGPU";
  } else {
    await useWasm();
  }
  await tf.ready();
}

async function useWasm() {
  // Threads need pages that are isolated, which notebooks are not.
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
  const names = ["", "-simd", "-threaded-simd"].map((kind) => `tfjs-backend-wasm${kind}.wasm`);
  tf.wasm.setWasmPaths(Object.fromEntries(names.map((name) => [name, webAssembly])));
  if (!(await tf.setBackend("wasm"))) throw new Error("WebAssembly with SIMD isn't there");
  device = "CPU, one core";
  backend = "WebAssembly";
}
