// @ts-check
// Files to and from the kernel. Those from the user go in parts: the connection breaks when more than
// some megabytes come at once.

/** Most bytes of a file that is sent as it is. */
const MOST_BYTES = 100_000_000;
/** Bytes of a message. */
const PART_BYTES = 1_000_000;

/** @type {(message: SavedFile, buffers: DataView<ArrayBuffer>[]) => void} */
function download(message, buffers) {
  const link = make("a", { download: message.file });
  link.href = URL.createObjectURL(new Blob([buffers[0]], { type: message.type }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Most pixels to a side of a picture: not all browsers draw larger ones. */
const MOST_PIXELS = 8192;

/**
 * Saves an SVG as a PNG.
 * @param {SavedPicture} message
 * @param {DataView<ArrayBuffer>[]} buffers
 */
async function downloadPicture(message, buffers) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([buffers[0]], { type: "image/svg+xml" }));
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const scale = Math.min(message.dpi / 96, MOST_PIXELS / Math.max(width, height));
  const canvas = make("canvas", { width: Math.ceil(width * scale), height: Math.ceil(height * scale) });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  canvas.toBlob(async (png) => {
    const content = new DataView(await /** @type {Blob} */ (png).arrayBuffer());
    download({ file: message.picture, type: "image/png" }, [content]);
  }, "image/png");
}

/**
 * Returns what is in a file, unless it is too large.
 * @param {File} file
 * @param {string} kind What it should be.
 */
function contentOf(file, kind) {
  if (file.size <= MOST_BYTES) return file.arrayBuffer();
  const size = Math.ceil(file.size / 1e6);
  throw new Error(`${file.name} has ${size} MB: use a ${kind} of at most ${MOST_BYTES / 1e6} MB.`);
}

/**
 * @param {{ send(message: FilePart, callbacks?: undefined, buffers?: ArrayBuffer[]): void }} model
 * @param {string} name
 * @param {ArrayBuffer} buffer
 */
function sendFile(model, name, buffer) {
  const parts = Math.max(1, Math.ceil(buffer.byteLength / PART_BYTES));
  for (let part = 0; part < parts; part++) {
    const piece = buffer.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
    model.send({ name, part, parts }, undefined, [piece]);
  }
}
