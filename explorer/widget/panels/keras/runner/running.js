// @ts-check
// A program is run: to be measured, or for what its layers make of an image or look at.

const WARMUP_RUNS = 3;
const LEAST_RUNS = 5;
const STEADY = 0.02;
const HEAT_SIZE = 512; // pixels along a side of a picture of the gradient

/**
 * Runs the program on images; what no later step needs is given back at once.
 * @param {Program} program
 * @param {Tensor[][]} weights
 * @param {Tensor} images `(batch, height, width, channels)`.
 * @param {(place: number, output: Tensor) => void} [seen] Called with each step's output.
 * @returns {Tensor[]} The outputs.
 */
function run({ steps, outputs }, weights, images, seen) {
  const uses = steps.map(() => 0);
  for (const place of [...outputs, ...steps.flatMap(({ inputs }) => inputs)]) uses[place] += 1;
  /** @type {Tensor[]} */
  const made = [];
  for (const [place, { kind, inputs, settings }] of steps.entries()) {
    made.push(
      kind === "InputLayer"
        ? tf.clone(images)
        : tf.tidy(() => KINDS[kind](settings, inputs.map((input) => made[input]), weights[place])),
    );
    seen?.(place, made[place]);
    for (const input of inputs) {
      uses[input] -= 1;
      if (!uses[input]) made[input].dispose();
    }
    if (!uses[place]) made[place].dispose();
  }
  return outputs.map((place) => made[place]);
}

/**
 * Waits until tensors are computed: reads one value of each.
 * @param {Tensor[]} tensors
 */
async function computed(tensors) {
  for (const tensor of tensors) {
    const first = tf.slice(tensor, tensor.shape.map(() => 0), tensor.shape.map(() => 1));
    await first.data();
    first.dispose();
  }
}

/**
 * Returns whether the median's 95 % confidence interval, by order statistics, is within 2 % of it.
 * @param {number[]} times
 */
function isSteady(times) {
  if (times.length < 6) return false;
  const ranked = [...times].sort((a, b) => a - b);
  const half = 0.98 * Math.sqrt(times.length);
  const low = ranked[Math.max(0, Math.floor(times.length / 2 - half))];
  const high = ranked[Math.min(times.length - 1, Math.ceil(times.length / 2 + half))];
  return high - low <= 2 * STEADY * ranked[Math.floor(times.length / 2)];
}

/**
 * @param {Program} program
 * @param {Float32Array} image `(height, width, channels)`.
 * @param {number} batch
 * @param {number} limit Seconds after which no further run is started.
 */
async function measure(program, image, batch, limit) {
  const [, height, width, channels] = [0, ...program.steps[0].shape];
  const weights = weightsOf(program);
  const single = tf.tensor(image, [1, height, width, channels]);
  // Inputs that differ, so that no result can be kept from run to run.
  const images = [single, tf.reverse(single, 1), tf.reverse(single, 2), tf.reverse(single, [1, 2])].map(
    (each) => tf.tile(each, [batch, 1, 1, 1]),
  );
  await computed(images);
  let turn = 0;
  const once = async () => {
    const start = performance.now();
    const outputs = run(program, weights, images[turn % images.length]);
    turn += 1;
    await computed(outputs);
    const seconds = (performance.now() - start) / 1000;
    return { outputs, seconds };
  };
  const first = await once();
  const pictured = first.outputs.filter((output) => output.shape.length === 4);
  const strongest = pictured.length ? await strongestOf(pictured[pictured.length - 1]) : [];
  tf.dispose(first.outputs);
  for (let i = 0; i < WARMUP_RUNS; i++) tf.dispose((await once()).outputs);
  /** @type {number[]} */
  const times = [];
  let spent = 0;
  while (times.length < LEAST_RUNS || (spent < limit && !isSteady(times))) {
    const { outputs, seconds } = await once();
    tf.dispose(outputs);
    times.push(seconds);
    spent += seconds;
  }
  tf.dispose([weights, images, single]);
  return { times, first: first.seconds, warmups: 1 + WARMUP_RUNS, strongest };
}

/**
 * Returns what layers make of an image, and PNGs of it: of the strip, and then of the channels.
 * @param {LookHere} question
 * @param {Float32Array} image `(height, width, channels)`.
 * @param {ArrayBuffer} halves The weights; empty: they are drawn.
 */
async function look({ program, seed, strip, selected, most, side }, image, halves) {
  const steps = program.steps.slice(0, 1 + Math.max(...strip, selected));
  const given = halves.byteLength ? parted(program, valuesOf(halves)) : undefined;
  /** @type {Map<number, { [name: string]: Tensor }>} */
  const found = new Map();
  const seen = (/** @type {number} */ place, /** @type {Tensor} */ output) => {
    if (place !== selected && !strip.includes(place)) return;
    const values = tf.tidy(() => ({
      lowest: tf.min(output),
      highest: tf.max(output),
      mean: tf.mean(output),
      shown: place ? tf.mean(tf.abs(output), -1) : tf.clone(output),
      ...(place === selected && { whole: tf.clone(output) }),
    }));
    found.set(place, values);
  };
  const weights = weightsOf({ ...program, steps }, given, seed);
  run({ steps, outputs: [] }, weights, tf.tensor(image, [1, ...steps[0].shape]), seen);

  const pngs = [];
  const ranges = [];
  for (const place of strip) {
    const { lowest, highest, mean, shown } = /** @type {any} */ (found.get(place));
    const [[least], [greatest], [middle]] = await Promise.all([lowest, highest, mean].map((each) => each.data()));
    ranges.push({ lowest: orNull(least), highest: orNull(greatest), mean: orNull(middle) });
    const [height, width, channels] = sizeOf(steps[place].shape);
    const colours = !place && channels === 3 ? 3 : 1;
    const values = await shown.data();
    const picture = place ? values : pictureOf(values, channels);
    pngs.push(await pngOf(picture, width, height, colours, side));
  }
  if (selected < 0) return { looked: { strip: ranges, channels: [] }, pngs };
  const strongest = await strongestOf(/** @type {any} */ (found.get(selected)).whole, most, side);
  const channels = strongest.map(({ channel, strength }) => ({ channel, strength: orNull(strength) }));
  pngs.push(...strongest.map(({ png }) => png));
  return { looked: { strip: ranges, channels }, pngs };
}

/**
 * Returns what a position of a layer's output looks at: for each pixel of the image the gradient's
 * absolute value, summed over the image's channels.
 * @param {FieldHere} question
 * @param {Float32Array} image `(height, width, channels)`.
 * @param {ArrayBuffer} halves The weights; empty: they are drawn.
 */
async function field({ program, seed, place, position, signs, center, ramp, decades, opacity }, image, halves) {
  const steps = program.steps.slice(0, place + 1);
  const given = halves.byteLength ? parted(program, valuesOf(halves)) : undefined;
  const weights = weightsOf({ ...program, steps }, given, seed);
  const [height, width, channels] = steps[0].shape;
  const input = tf.tensor(image, [1, height, width, channels]);
  const gradient = gradientOf(steps, weights, input, position, signs);
  const total = tf.sum(tf.abs(gradient), -1);
  /** @type {Float32Array} */
  const strength = await total.data();
  const finite = strength.every(Number.isFinite);
  const most = strength.reduce((one, other) => Math.max(one, other), 0);
  if (!finite || !most) return { field: { half: finite ? 0 : null, most: 0 }, strength, pngs: [] };
  const [half, all] = sidesOf(strength, width, center, [0.5, 0.95]);
  const heat = heatOf(strength, most, ramp, decades, opacity);
  const png = await pngOfPixels(new ImageData(heat, width, height), HEAT_SIZE);
  return { field: { half, most: all }, strength, pngs: [png] };
}

/** @param {number} value Returns null in the place of what JSON has not. */
const orNull = (value) => (Number.isFinite(value) ? value : null);
