// @ts-check
// Weights: drawn, or as they come from the kernel.

/** @param {number} seed Returns what draws numbers from 0 to 1: mulberry32. */
function drawing(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Returns weights as Keras begins with: kernels by Glorot's rule, offsets and means 0, scales and
 * variances 1.
 * @param {Step} step
 * @param {number} place Of the weight among the layer's.
 * @param {() => number} draw
 */
function drawn({ kind, settings, weights }, place, draw) {
  const shape = weights[place];
  const size = shape.reduce((all, each) => all * each, 1);
  if (shape.length > 1) {
    const read = shape.slice(0, -2).reduce((all, each) => all * each, 1);
    const limit = Math.sqrt(6 / (read * (shape[shape.length - 1] + shape[shape.length - 2])));
    return Float32Array.from({ length: size }, () => (2 * draw() - 1) * limit);
  }
  const isVariance = kind === "BatchNormalization" && place === weights.length - 1;
  const isScale = kind.endsWith("Normalization") && settings.scale && place === 0;
  return new Float32Array(size).fill(isVariance || isScale ? 1 : 0);
}

/**
 * Returns the values of half-precision floats (IEEE 754 binary16, little-endian).
 * @param {ArrayBuffer} content
 */
function valuesOf(content) {
  return Float32Array.from(new Uint16Array(content), (bits) => {
    const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
  });
}

/**
 * Returns values as the weights of a program, in turn.
 * @param {Program} program
 * @param {Float32Array} values
 */
function parted({ steps }, values) {
  let place = 0;
  return steps.flatMap(({ calls, weights }) =>
    (calls >= 0 ? [] : weights).map((shape) => {
      const first = place;
      place += shape.reduce((all, each) => all * each, 1);
      return values.subarray(first, place);
    }),
  );
}

/**
 * @param {Program} program
 * @param {Float32Array[]} [given] All weights in turn; else they are drawn.
 * @param {number} [seed] What they are drawn with.
 */
function weightsOf({ steps }, given, seed = 0) {
  const rest = given && [...given];
  /** @type {Tensor[][]} */
  const made = [];
  for (const [place, step] of steps.entries()) {
    const draw = drawing(place + 65536 * seed);
    made.push(
      step.calls >= 0
        ? made[step.calls]
        : step.weights.map((shape, i) => tf.tensor(rest?.shift() ?? drawn(step, i, draw), shape)),
    );
  }
  return made;
}
