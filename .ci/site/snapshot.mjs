// Keeps the memory of a Python that has imported what the explorer needs: see `boot.mjs`. Run by
// Node.js when the site is built, with the folder that holds Pyodide and the packages.

import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";

const folder = pathToFileURL(`${process.argv[2]}/`);
const { loadPyodide } = await import(new URL("pyodide.mjs", folder));
const { unpack } = await import(new URL("boot.mjs", folder));

/** What packages keep of Pyodide's own interface; the first is itself. */
const KEPT = [
  [],
  ["loadPackage"],
  ["loadPackagesFromImports"],
  ["_api", "install"],
  ["_api", "loadBinaryFile"],
];

const python = await loadPyodide({ _makeSnapshot: true });
unpack(python, new Uint8Array(gunzipSync(readFileSync(new URL("packages.bin", folder)))));
// One explorer is made, too: what it imports, reads and prepares then need not be done in the page.
python.runPython(`
  import gc, importlib.metadata, sys
  importlib.invalidate_caches()
  sys.path[:] = filter(None, sys.path)
  import piplite.piplite
  import pyodide_kernel
  from explorer.widget.address import shown_at
  pyodide_kernel.ipython_shell.send_comm = lambda *message: None
  shown_at("").close()
  del pyodide_kernel.ipython_shell.send_comm
  del shown_at, pyodide_kernel, piplite
  importlib.metadata.MetadataPathFinder.invalidate_caches()  # holds a file open, which no page has
  gc.collect()
`);

/** @param {string[]} path */
const found = (path) => path.reduce((object, name) => object[name], python);
const serializer = (object) => {
  const path = KEPT.find((kept) => found(kept) === object);
  if (!path) throw new Error(`a package keeps what a page may not have: ${object}`);
  return path;
};
const memory = python.makeMemorySnapshot({ serializer });
writeFileSync(new URL("memory.bin", folder), gzipSync(memory, { level: 9 }));
