// @ts-check
// What comes back to the input of a layer, by what came back to its output. In this TensorFlow.js are
// some of the kernels for it, and no derivatives.

/** @typedef {(back: Tensor, x: Tensor, y: Tensor) => Tensor} Returned Of an activation y of x. */

/** @type {Returned} */
const silu = (back, x, y) => {
  const part = tf.sigmoid(x);
  return tf.mul(back, tf.add(part, tf.mul(y, tf.sub(1, part))));
};

/** @type {Returned} */
const hardSilu = (back, x) =>
  tf.mul(back, tf.add(hardSigmoid(x), tf.mul(x, tf.div(within(x, -3, 3), 6))));

/** @type {Record<string, Returned>} */
const RETURNED = {
  linear: (back) => tf.clone(back),
  relu: (back, x) => tf.mul(back, tf.step(x)),
  relu6: (back, x) => tf.mul(back, within(x, 0, 6)),
  leaky_relu: (back, x) => leaked(back, x, 0.2),
  elu: (back, _, y) => tf.mul(back, tf.add(tf.minimum(y, 0), 1)),
  selu: (back, x, y) =>
    tf.mul(back, tf.where(tf.less(x, 0), tf.add(y, 1.7580993408473766), tf.fill(x.shape, 1.0507009873554805))),
  gelu: (back, x) => {
    const below = tf.mul(0.5, tf.add(1, erf(tf.mul(x, Math.SQRT1_2))));
    const density = tf.mul(1 / Math.sqrt(2 * Math.PI), tf.exp(tf.mul(-0.5, tf.square(x))));
    return tf.mul(back, tf.add(below, tf.mul(x, density)));
  },
  sigmoid: (back, _, y) => tf.mul(back, tf.mul(y, tf.sub(1, y))),
  hard_sigmoid: (back, x) => tf.mul(back, tf.div(within(x, -3, 3), 6)),
  silu,
  swish: silu,
  hard_silu: hardSilu,
  hard_swish: hardSilu,
  tanh: (back, _, y) => tf.mul(back, tf.sub(1, tf.square(y))),
  softplus: (back, x) => tf.mul(back, tf.sigmoid(x)),
  softsign: (back, x) => tf.div(back, tf.square(tf.add(1, tf.abs(x)))),
  softmax: (back, _, y) => tf.mul(y, tf.sub(back, tf.sum(tf.mul(back, y), -1, true))),
  exponential: (back, _, y) => tf.mul(back, y),
  mish: (back, x) => {
    const part = tf.tanh(softplus(x));
    const rest = tf.mul(tf.mul(x, tf.sigmoid(x)), tf.sub(1, tf.square(part)));
    return tf.mul(back, tf.add(part, rest));
  },
};

/**
 * @param {Tensor} x
 * @param {number} low
 * @param {number} high
 * @returns {Tensor} 1 between the two, and else 0.
 */
function within(x, low, high) {
  return tf.mul(tf.step(tf.sub(x, low)), tf.step(tf.sub(high, x)));
}

/**
 * @param {Tensor} back
 * @param {Tensor} x
 * @param {number} slope
 */
function leaked(back, x, slope) {
  return tf.mul(back, tf.add(slope, tf.mul(1 - slope, tf.step(x))));
}

/**
 * @param {Settings} settings
 * @param {Tensor} back
 * @param {Tensor} filter
 * @param {number[]} shape Of the convolution's input.
 * @returns {Tensor}
 */
function unconvolved({ strides, padding, dilation_rate: rate }, back, filter, shape) {
  if (strides.some((/** @type {number} */ stride) => stride > 1)) {
    return tf.conv2dTranspose(back, filter, shape, strides, padding);
  }
  // Of stride 1: a convolution with the turned kernel, which is faster, and may be dilated.
  const beyond = [0, 1].map((axis) => {
    const most = (filter.shape[axis] - 1) * rate[axis];
    const before = padding === "same" ? Math.floor(most / 2) : 0;
    return [most - before, padding === "same" ? before : most];
  });
  const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
  return tf.conv2d(tf.pad(back, [[0, 0], ...beyond, [0, 0]]), turned, 1, "valid", "NHWC", rate);
}

/** @param {Tensor} kernel Of a convolution by channel; returns that of one which does the same. */
function acrossChannels(kernel) {
  const [height, width, channels, times] = kernel.shape;
  const own = tf.reshape(kernel, [height * width, channels, 1, times]);
  const wide = tf.mul(own, tf.reshape(tf.eye(channels), [1, channels, channels, 1]));
  return tf.reshape(wide, [height, width, channels, channels * times]);
}

/**
 * @param {Tensor} x
 * @param {number[]} shape
 * @returns {Tensor} Sums where the shape was stretched.
 */
function fitted(x, shape) {
  const axes = [...shape.keys()].filter((axis) => shape[axis] === 1 && x.shape[axis] > 1);
  return axes.length ? tf.sum(x, axes, true) : tf.clone(x);
}

/**
 * @param {number} from
 * @param {number} to
 * @returns {Tensor} What interpolates along an axis.
 */
function interpolation(from, to) {
  const rows = tf.reshape(tf.eye(from), [1, from, from, 1]);
  return tf.reshape(tf.image.resizeBilinear(rows, [to, from], false, true), [to, from]);
}

/**
 * Returns what comes back through windows that are pooled: a sum over the places in a window.
 * @param {Settings} settings
 * @param {Tensor} x
 * @param {number[]} shape Of the output.
 * @param {(taken: (values: Tensor, beyond: number) => Tensor) => Tensor} part Called for each place
 *   with what takes it out of each window of values, and returns what comes back to it.
 * @returns {Tensor}
 */
function unpooled({ pool_size: size, strides, padding }, x, [, rows, columns, channels], part) {
  const before = [0, 1].map((axis) => {
    const [count, stride] = [x.shape[1 + axis], strides[axis]];
    const all = Math.max((Math.ceil(count / stride) - 1) * stride + size[axis] - count, 0);
    return padding === "same" ? Math.floor(all / 2) : 0;
  });
  const whole = [0, 1].map((axis) =>
    Math.max(x.shape[1 + axis] + before[axis], [rows, columns][axis] * strides[axis] + size[axis] - 1),
  );
  /** @type {Tensor | undefined} */
  let sum;
  for (let row = 0; row < size[0]; row++) {
    for (let column = 0; column < size[1]; column++) {
      const back = part((values, beyond) => {
        const around = before.map((first, axis) => [first, whole[axis] - first - x.shape[1 + axis]]);
        const end = [1, row + rows * strides[0], column + columns * strides[1], channels];
        const wide = tf.pad(values, [[0, 0], ...around, [0, 0]], beyond);
        return tf.stridedSlice(wide, [0, row, column, 0], end, [1, ...strides, 1]);
      });
      // As far apart as the windows are.
      const across = tf.pad(tf.reshape(back, [rows, columns, 1, channels]), [[0, 0], [0, 0], [0, strides[1] - 1], [0, 0]]);
      const apart = tf.pad(tf.reshape(across, [rows, 1, -1]), [[0, 0], [0, strides[0] - 1], [0, 0]]);
      const [height, width] = [rows * strides[0], columns * strides[1]];
      const placed = tf.pad(tf.reshape(apart, [1, height, width, channels]), [
        [0, 0],
        [row, whole[0] - row - height],
        [column, whole[1] - column - width],
        [0, 0],
      ]);
      sum = sum ? tf.add(sum, placed) : placed;
    }
  }
  return tf.slice(sum, [0, ...before, 0], x.shape);
}

/**
 * @param {Settings} settings
 * @param {Tensor} back
 * @param {Tensor} x
 * @param {Tensor[]} weights
 */
function ungrouped({ epsilon, groups, scale }, back, x, [gamma]) {
  const [batch, height, width, channels] = x.shape;
  const count = groups === -1 ? channels : groups;
  const parted = (/** @type {Tensor} */ each) =>
    tf.reshape(each, [batch, height * width, count, channels / count]);
  const mean = (/** @type {Tensor} */ each) => tf.mean(each, [1, 3], true);
  const apart = tf.sub(parted(x), mean(parted(x)));
  const factor = tf.rsqrt(tf.add(mean(tf.square(apart)), epsilon));
  const normal = tf.mul(apart, factor);
  const given = parted(scale ? tf.mul(back, gamma) : back);
  const along = tf.add(mean(given), tf.mul(normal, mean(tf.mul(given, normal))));
  return tf.reshape(tf.mul(factor, tf.sub(given, along)), x.shape);
}

/** @type {Record<string, (settings: Settings, back: Tensor, inputs: Tensor[], weights: Tensor[], y: Tensor) => Tensor[]>} */
const BACK = {
  Conv2D: (settings, back, [x], [kernel]) => {
    const { groups } = settings;
    if (groups === 1) return [unconvolved(settings, back, kernel, x.shape)];
    const filters = tf.split(kernel, groups, 3);
    const shape = [...x.shape.slice(0, 3), x.shape[3] / groups];
    const parts = tf.split(back, groups, 3).map((/** @type {Tensor} */ part, /** @type {number} */ i) =>
      unconvolved(settings, part, filters[i], shape),
    );
    return [tf.concat(parts, 3)];
  },
  DepthwiseConv2D: (settings, back, [x], [kernel]) => [
    unconvolved(settings, back, acrossChannels(kernel), x.shape),
  ],
  SeparableConv2D: (settings, back, [x], [kernel, across]) => {
    const between = tf.conv2d(back, tf.transpose(across, [0, 1, 3, 2]), 1, "valid");
    return [unconvolved(settings, between, acrossChannels(kernel), x.shape)];
  },
  Conv2DTranspose: ({ strides, padding }, back, _, [kernel]) => [
    tf.conv2d(back, kernel, strides, padding),
  ],
  Dense: (_, back, [x], [kernel]) => [
    tf.reshape(tf.matMul(tf.reshape(back, [-1, kernel.shape[1]]), kernel, false, true), x.shape),
  ],
  BatchNormalization: ({ epsilon, scale }, back, _, weights) => {
    const factor = tf.rsqrt(tf.add(weights[weights.length - 1], epsilon));
    return [tf.mul(back, scale ? tf.mul(factor, weights[0]) : factor)];
  },
  GroupNormalization: (settings, back, [x], weights) => [ungrouped(settings, back, x, weights)],
  Activation: (_, back) => [tf.clone(back)],
  LeakyReLU: ({ negative_slope: slope }, back, [x]) => [leaked(back, x, slope)],
  Dropout: (_, back) => [tf.clone(back)],
  Add: (_, back, inputs) => inputs.map((x) => fitted(back, x.shape)),
  Multiply: (_, back, inputs) =>
    inputs.map((x, place) => {
      const others = inputs.filter((_, other) => other !== place);
      return fitted(others.reduce((all, other) => tf.mul(all, other), back), x.shape);
    }),
  Concatenate: (_, back, inputs) =>
    inputs.length > 1 ? tf.split(back, inputs.map((x) => x.shape[x.shape.length - 1]), -1) : [tf.clone(back)],
  MaxPooling2D: (settings, back, [x], _, y) => {
    let rest = back; // the first of equal values has it
    const part = (/** @type {any} */ taken) => {
      const found = tf.mul(rest, tf.cast(tf.equal(taken(x, -3.4e38), y), "float32"));
      rest = tf.sub(rest, found);
      return found;
    };
    return [unpooled(settings, x, back.shape, part)];
  },
  AveragePooling2D: (settings, back, [x]) => {
    let count = tf.zerosLike(back); // of the pixels in each window that lie within the border
    unpooled(settings, x, back.shape, (taken) => {
      count = tf.add(count, taken(tf.onesLike(x), 0));
      return back;
    });
    return [unpooled(settings, x, back.shape, () => tf.div(back, count))];
  },
  GlobalMaxPooling2D: (_, back, [x]) => {
    const most = tf.cast(tf.equal(x, tf.max(x, [1, 2], true)), "float32");
    const shared = tf.div(most, tf.sum(most, [1, 2], true));
    return [tf.mul(tf.reshape(back, [x.shape[0], 1, 1, x.shape[3]]), shared)];
  },
  GlobalAveragePooling2D: (_, back, [x]) => {
    const whole = tf.reshape(back, [x.shape[0], 1, 1, x.shape[3]]);
    return [tf.mul(tf.div(whole, x.shape[1] * x.shape[2]), tf.onesLike(x))];
  },
  ZeroPadding2D: ({ padding: [[top], [left]] }, back, [x]) => [
    tf.slice(back, [0, top, left, 0], x.shape),
  ],
  Cropping2D: ({ cropping }, back) => [tf.pad(back, [[0, 0], ...cropping, [0, 0]])],
  UpSampling2D: ({ size, interpolation: kind }, back, [x]) => {
    const [, height, width, channels] = x.shape;
    if (kind === "nearest") return [tf.mul(size[0] * size[1], tf.avgPool(back, size, size, "valid"))];
    const [rows, columns] = [height * size[0], width * size[1]];
    const down = tf.matMul(interpolation(height, rows), tf.reshape(back, [rows, -1]), true);
    const across = tf.reshape(interpolation(width, columns), [1, columns, width]);
    const both = tf.matMul(across, tf.reshape(down, [height, columns, channels]), true);
    return [tf.reshape(both, x.shape)];
  },
};

/**
 * Returns the gradient, for an image, of a weighed sum of a step's channels at a position.
 * @param {Step[]} steps The last is that step.
 * @param {Tensor[][]} weights
 * @param {Tensor} image `(1, height, width, channels)`.
 * @param {number[]} position Row and column.
 * @param {number[]} signs Of the channels.
 * @returns {Tensor}
 */
function gradientOf(steps, weights, image, position, signs) {
  const last = steps.length - 1;
  const needed = new Set([last]);
  for (let place = last; place; place--) {
    if (needed.has(place)) for (const input of steps[place].inputs) needed.add(input);
  }
  /** @type {Tensor[]} Before the activation, and after it. */
  const before = [image];
  const made = [image];
  for (let place = 1; place <= last; place++) {
    if (!needed.has(place)) continue;
    const { kind, inputs, settings } = steps[place];
    const { activation = "linear" } = /** @type {Settings} */ (settings);
    const given = inputs.map((input) => made[input]);
    before[place] = tf.tidy(() => KINDS[kind]({ ...settings, activation: "linear" }, given, weights[place]));
    made[place] = activation === "linear" ? before[place] : tf.tidy(() => ACTIVATIONS[activation](before[place]));
  }
  const [, height, width, channels] = made[last].shape;
  const [row, column] = position;
  const around = [[0, 0], [row, height - 1 - row], [column, width - 1 - column], [0, 0]];
  /** @type {Tensor[]} */
  const back = [];
  back[last] = tf.pad(tf.tensor(signs, [1, 1, 1, channels]), around);
  for (let place = last; place; place--) {
    if (!back[place]) continue;
    const { kind, inputs, settings } = steps[place];
    const { activation = "linear" } = /** @type {Settings} */ (settings);
    const given = inputs.map((input) => made[input]);
    const found = tf.tidy(() => {
      const own = RETURNED[activation](back[place], before[place], made[place]);
      return BACK[kind](settings, own, given, weights[place], before[place]);
    });
    tf.dispose([back[place], before[place], made[place]]); // all who take it have had their turn
    for (const [i, input] of inputs.entries()) {
      const other = back[input];
      back[input] = other ? tf.add(other, found[i]) : found[i];
      if (other) tf.dispose([other, found[i]]);
    }
  }
  return back[0];
}
