// @ts-check
// Code that a page gets from the kernel on request, once for all its views: it has megabytes, more
// than a view, or a notebook that keeps its state, should hold. It stands before the modules that need it.

// Milliseconds after which the kernel is asked again: JupyterLite loses what waits when a cell raises an
// error.
const AGAIN = 10_000;

/** The files of a page that serve a purpose, once they have come. */
class PageCode {
  constructor() {
    /** @type {string[] | undefined} */
    this.addresses = undefined;
    /** @type {(addresses: string[]) => void} */
    this.resolve = () => {};
    /** @type {Promise<string[]>} */
    this.coming = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  /** @param {BlobPart[]} files */
  take(files) {
    if (this.addresses) return; // of another view, which asked for it, too
    this.addresses = files.map((file) => {
      const type = isWasm(file) ? "application/wasm" : "text/javascript";
      return URL.createObjectURL(new Blob([file], { type }));
    });
    this.resolve(this.addresses);
  }
}

/** @param {BlobPart} file */
function isWasm(file) {
  if (!ArrayBuffer.isView(file) || file.byteLength <= 4) return false; // Colab has no DataViews
  return new DataView(file.buffer, file.byteOffset).getUint32(0) === 0x00_61_73_6d; // "\0asm"
}

/**
 * Returns the code that the page has for a purpose, or will have.
 * @param {Code["code"]} name
 */
function codeOf(name) {
  ofPage.explorerCode ??= new Map();
  const code = ofPage.explorerCode.get(name) ?? new PageCode();
  ofPage.explorerCode.set(name, code);
  return code;
}

/**
 * Asks the kernel for code until the page has it; returns what ends that.
 * @param {Model<any, any, any>} model
 * @param {Code["code"]} name
 */
function requestCode(model, name) {
  const code = codeOf(name);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again;
  const ask = () => {
    if (code.addresses) return;
    model.send({ wants: name });
    again = setTimeout(ask, AGAIN);
  };
  /** @type {(message: Code, buffers: DataView<ArrayBuffer>[]) => void} */
  const take = (message, buffers) => {
    if (message.code === name) code.take(buffers);
  };
  model.on("msg:custom", take);
  ask();
  return () => {
    clearTimeout(again);
    model.off("msg:custom", take);
  };
}
