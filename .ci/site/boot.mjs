// Starts Python in the page, in the place of Pyodide's own `loadPyodide`: with all packages that the
// site has, and with the memory of a Python that has imported them. That saves the time that Python
// takes to start, and to compile and import some 700 modules.

import { loadPyodide as load } from "./pyodide.mjs";
import createModule from "./pyodide.asm.mjs";

/** Bytes by which a memory grows. */
const PAGE = 65_536;

/**
 * Fetches a compressed file that lies beside this one.
 * @param {string} name
 */
async function fetched(name) {
  const { ok, status, body } = await fetch(new URL(name, import.meta.url));
  if (!ok) throw new Error(`${name}: ${status}`);
  const inflated = body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(inflated).arrayBuffer());
}

/**
 * Lays the packages into Python's file system.
 * @param {object} python
 * @param {Uint8Array} packages The size of a list (32 bits, the lowest byte first), the list of the files'
 *   paths and sizes as JSON, and the files' content.
 */
export function unpack(python, packages) {
  const start = 4 + new DataView(packages.buffer, packages.byteOffset).getUint32(0, true);
  const files = JSON.parse(new TextDecoder().decode(packages.subarray(4, start)));
  let at = start;
  for (const [path, size] of files) {
    python.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    python.FS.writeFile(path, packages.subarray(at, at + size));
    at += size;
  }
}

/**
 * Returns the options by which Pyodide starts with a memory that `snapshot.mjs` has kept.
 * @param {Uint8Array} memory
 * @param {(path: string[]) => any} found Returns what has such a path in Pyodide's own interface, once
 *   it has started.
 */
function remembering(memory, found) {
  return {
    _loadSnapshot: memory,
    // What Python had of Pyodide's own interface.
    _snapshotDeserializer: (path) =>
      new Proxy(() => {}, {
        get: (_, name) => Reflect.get(found(path), name),
        apply: (_, self, given) => found(path)(...given),
      }),
    // Pyodide doesn't see that a memory may be larger than the one that Python starts with.
    createPyodideModule(settings) {
      const { instantiateWasm } = settings;
      const grown = (imports, receive) =>
        instantiateWasm(imports, (instance, module) => {
          const present = instance.exports.memory;
          present.grow(Math.ceil(Math.max(0, memory.length - present.buffer.byteLength) / PAGE));
          receive(instance, module);
        });
      return createModule({ ...settings, instantiateWasm: grown });
    },
  };
}

/**
 * Has Python lay drawings out when it needs them itself: for files, and for what a cell shows.
 * @param {Uint8Array} module Graphviz.
 */
async function bringGraphviz(module) {
  const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
  const { Graphviz } = await import(address);
  URL.revokeObjectURL(address);
  let graphviz = await Graphviz.load();
  globalThis.explorerLayOut = (dot) => {
    try {
      return graphviz.dot(dot);
    } catch (error) {
      Graphviz.load().then((loaded) => {
        graphviz = loaded; // one that has failed can't be used again
      });
      throw error;
    }
  };
}

/**
 * Puts null in the place of undefined, which Pyodide makes of None where other kernels' JSON has null.
 * @param {any} value What Python gave: it is changed.
 */
function withNulls(value) {
  if (value === undefined) return null;
  if (Array.isArray(value)) value.forEach((part, at) => (value[at] = withNulls(part)));
  else if (value instanceof Map) value.forEach((part, key) => value.set(key, withNulls(part)));
  else if (value && Object.getPrototypeOf(value) === Object.prototype)
    for (const key in value) value[key] = withNulls(value[key]);
  return value;
}

/** @param {object} options Pyodide's. */
export async function loadPyodide(options) {
  const packages = fetched("packages.bin");
  const plain = { ...options, packages: [] }; // they are there without being installed
  let python;
  try {
    const memory = fetched("memory.bin");
    const found = (path) => path.reduce((object, name) => object[name], python);
    python = await load({ ...plain, ...remembering(await memory, found) });
  } catch (error) {
    console.error(`Python starts without its memory, which takes longer: ${error}`);
    python = await load(plain);
  }
  const { prototype } = python.ffi.PyProxy;
  const { toJs } = prototype;
  prototype.toJs = function (given) {
    return withNulls(toJs.call(this, given));
  };
  unpack(python, await packages);
  // The visitor's files are asked last: each question takes tens of milliseconds.
  const folder = python.runPython(`
    import importlib.util, random, sys
    sys.path[:] = [*filter(None, sys.path), ""]
    importlib.invalidate_caches()
    random.seed()
    importlib.util.find_spec("explorer").submodule_search_locations[0]
  `);
  try {
    await bringGraphviz(python.FS.readFile(`${folder}/widget/front/graphviz/index.js`));
  } catch (error) {
    console.error(`Python can't lay drawings out by itself, only the page can: ${error}`);
  }
  return python;
}
