// @ts-check
// Buttons to use a picture of one's own and to go back. The browser makes large pictures small where
// nothing is lost by that.

const LONGEST = 1024; // pixels

// The browser would cut 16 bits to 8, and would not say that a GIF has further pictures.
/** @param {File} file */
async function isForTheKernel(file) {
  const start = new Uint8Array(await file.slice(0, 25).arrayBuffer());
  /** @type {(text: string, at: number) => boolean} */
  const is = (text, at) => [...text].every((c, i) => start[at + i] === c.charCodeAt(0));
  return is("GIF8", 0) || (is("PNG", 1) && start[24] === 16);
}

/** @param {File} file */
async function content(file) {
  const image = (await isForTheKernel(file))
    ? null
    : await createImageBitmap(file).catch(() => null); // which the kernel may read
  if (!image) return contentOf(file, "picture");
  const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  required(canvas.getContext("2d"), "context to draw in").drawImage(image, 0, 0, canvas.width, canvas.height);
  /** @type {Blob | null} */
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return required(blob, "picture in small").arrayBuffer();
}

/** @param {View<PictureUploadState, PictureUploadSends>} view */
function render({ model, el }) {
  /** @type {(text: string, title: string, act: () => void) => HTMLButtonElement} */
  const button = (text, title, act) =>
    makeButton(el, text, title, act, { className: "jupyter-button" });
  const input = make("input", { type: "file", accept: "image/*", hidden: true }, el);
  button("Use own picture", "It is resized to the input's size", () => input.click());
  // A large picture takes longer than the small one that is chosen after it, which must come last.
  let sent = Promise.resolve();
  /** @param {() => void | Promise<void>} task */
  const inTurn = (task) => {
    sent = sent.then(task).catch((error) => {
      model.set("problem", error.message);
      model.save_changes();
    });
  };
  const back = button("Use the photograph again", "Go back to the first picture", () => {
    inTurn(() => model.send({ name: "", part: 0, parts: 0 }));
  });

  input.addEventListener("change", () => {
    const file = input.files?.[0];
    input.value = ""; // so that the same file can be chosen again
    if (!file) return;
    inTurn(async () => sendFile(model, file.name, await content(file)));
  });

  const update = () => {
    back.hidden = !model.get("is_own");
  };
  update();
  return listen(model, { "change:is_own": update });
}

export default { initialize, render };
