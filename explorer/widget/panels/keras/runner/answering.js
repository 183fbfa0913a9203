// @ts-check
// Answers the page's questions, one after the other.

/** @param {any} question */
async function answer(question) {
  if (question.scripts) {
    await begin(question.scripts, question.wasm);
    return { backend, device, version: tf.version_core };
  }
  const { program, batch, limit, file, weights, image, halves } = question;
  if (weights) {
    const [height, width, channels] = program.steps[0].shape;
    const outputs = run(program, weightsOf(program, weights), tf.tensor(image, [1, height, width, channels]));
    return { outputs: await Promise.all(outputs.map((output) => output.data())) };
  }
  const input = image ?? (await inputOf(file, program.steps[0].shape));
  if (question.strip) return look(question, input, halves);
  if (question.signs) {
    if (backend !== "WebAssembly") await useWasm(); // on which gradients are right
    return field(question, input, halves);
  }
  const found = await measure(program, input, batch, limit);
  const [height, width, channels] = program.steps[0].shape;
  const colours = channels === 3 ? 3 : 1;
  return { ...found, image: await pngOf(pictureOf(input, channels), width, height, colours) };
}

scope.addEventListener("message", async (/** @type {MessageEvent<any>} */ { data }) => {
  try {
    scope.postMessage({ number: data.number, ...(await answer(data)) });
  } catch (error) {
    scope.postMessage({ number: data.number, error: error instanceof Error ? error.message : String(error) });
  }
});
