// @ts-check
// What each kind of layer makes of its inputs.

/** @type {Record<string, (x: Tensor) => Tensor>} */
const ACTIVATIONS = {
  linear: (x) => tf.clone(x),
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.clipByValue(x, 0, 6),
  leaky_relu: (x) => tf.leakyRelu(x, 0.2),
  elu: (x) => tf.elu(x),
  selu: (x) =>
    tf.mul(1.0507009873554805, tf.where(tf.greater(x, 0), x, tf.mul(1.6732632423543772, expm1(x)))),
  // By the error function, as Keras' is unless it is told to approximate.
  gelu: (x) => tf.mul(tf.mul(0.5, x), tf.add(1, erf(tf.mul(x, Math.SQRT1_2)))),
  sigmoid: (x) => tf.sigmoid(x),
  hard_sigmoid: hardSigmoid,
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
  swish: (x) => tf.mul(x, tf.sigmoid(x)),
  hard_silu: (x) => tf.mul(x, hardSigmoid(x)),
  hard_swish: (x) => tf.mul(x, hardSigmoid(x)),
  tanh: (x) => tf.tanh(x),
  softplus,
  softsign: (x) => tf.div(x, tf.add(1, tf.abs(x))),
  softmax: (x) => tf.softmax(x, -1),
  exponential: (x) => tf.exp(x),
  mish: (x) => tf.mul(x, tf.tanh(softplus(x))),
};

/** @param {Tensor} x */
function expm1(x) {
  return tf.sub(tf.exp(tf.minimum(x, 0)), 1);
}

/** @param {Tensor} x */
function hardSigmoid(x) {
  return tf.clipByValue(tf.add(tf.mul(x, 1 / 6), 0.5), 0, 1);
}

/** @param {Tensor} x */
function softplus(x) {
  return tf.add(tf.relu(x), tf.log(tf.add(1, tf.exp(tf.neg(tf.abs(x))))));
}

/**
 * The error function, to 1.5e-7: Abramowitz and Stegun 1964, formula 7.1.26.
 * @param {Tensor} x
 */
function erf(x) {
  const size = tf.abs(x);
  const t = tf.div(1, tf.add(1, tf.mul(0.3275911, size)));
  /** @type {Tensor} */
  let sum = tf.zerosLike(t);
  for (const factor of [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]) {
    sum = tf.mul(t, tf.add(factor, sum));
  }
  return tf.mul(tf.sign(x), tf.sub(1, tf.mul(sum, tf.exp(tf.neg(tf.square(size))))));
}

/**
 * @param {Settings} settings
 * @param {Tensor} x
 * @param {Tensor | undefined} bias
 */
function finished({ activation }, x, bias) {
  const shifted = bias ? tf.add(x, bias) : x;
  return activation === "linear" ? shifted : ACTIVATIONS[activation](shifted);
}

/**
 * @param {Settings} settings
 * @param {Tensor} x
 * @param {Tensor[]} weights
 */
function convolved(settings, x, [kernel, bias]) {
  const { strides, padding, dilation_rate: rate, groups } = settings;
  /** @type {(x: Tensor, filter: Tensor) => Tensor} */
  const conv = (x, filter) => tf.conv2d(x, filter, strides, padding, "NHWC", rate);
  if (groups > 1) {
    const filters = tf.split(kernel, groups, 3);
    const parts = tf.split(x, groups, 3).map((/** @type {Tensor} */ part, /** @type {number} */ i) =>
      conv(part, filters[i]),
    );
    return finished(settings, tf.concat(parts, 3), bias);
  }
  const fused = ["linear", "relu", "relu6", "elu", "sigmoid"].includes(settings.activation);
  if (!fused) return finished(settings, conv(x, kernel), bias);
  return tf.fused.conv2d({
    x,
    filter: kernel,
    strides,
    pad: padding,
    dilations: rate,
    bias,
    activation: settings.activation,
  });
}

/**
 * @param {Settings} settings
 * @param {Tensor} x
 * @param {Tensor} kernel
 */
function byChannel({ strides, padding, dilation_rate: rate }, x, kernel) {
  return tf.depthwiseConv2d(x, kernel, strides, padding, "NHWC", rate);
}

/**
 * @param {Settings} settings
 * @param {Tensor} x
 * @param {Tensor[]} weights
 */
function batchNormalised({ epsilon, scale, center }, x, weights) {
  const rest = [...weights];
  const gamma = scale ? rest.shift() : undefined;
  const beta = center ? rest.shift() : undefined;
  const [mean, variance] = rest;
  const factor = tf.rsqrt(tf.add(variance, epsilon));
  const scaled = gamma ? tf.mul(factor, gamma) : factor;
  const offset = tf.neg(tf.mul(mean, scaled));
  return tf.add(tf.mul(x, scaled), beta ? tf.add(offset, beta) : offset);
}

/**
 * @param {Settings} settings
 * @param {Tensor} x
 * @param {Tensor[]} weights
 */
function groupNormalised({ epsilon, groups, scale, center }, x, weights) {
  const [batch, height, width, channels] = x.shape;
  const count = groups === -1 ? channels : groups;
  const parted = tf.reshape(x, [batch, height * width, count, channels / count]);
  const mean = tf.mean(parted, [1, 3], true);
  const apart = tf.sub(parted, mean);
  const variance = tf.mean(tf.square(apart), [1, 3], true);
  let result = tf.reshape(tf.mul(apart, tf.rsqrt(tf.add(variance, epsilon))), x.shape);
  const rest = [...weights];
  if (scale) result = tf.mul(result, rest.shift());
  return center ? tf.add(result, rest.shift()) : result;
}

/** @type {Record<string, (settings: Settings, inputs: Tensor[], weights: Tensor[]) => Tensor>} */
const KINDS = {
  Conv2D: (settings, [x], weights) => convolved(settings, x, weights),
  DepthwiseConv2D: (settings, [x], [kernel, bias]) =>
    finished(settings, byChannel(settings, x, kernel), bias),
  SeparableConv2D: (settings, [x], [kernel, across, bias]) =>
    finished(settings, tf.conv2d(byChannel(settings, x, kernel), across, 1, "valid"), bias),
  Conv2DTranspose: (settings, [x], [kernel, bias]) => {
    const { strides, padding, kernel_size: size, filters } = settings;
    const beyond = (/** @type {number} */ axis) =>
      padding === "valid" ? Math.max(size[axis] - strides[axis], 0) : 0;
    const shape = [
      x.shape[0],
      x.shape[1] * strides[0] + beyond(0),
      x.shape[2] * strides[1] + beyond(1),
      filters,
    ];
    return finished(settings, tf.conv2dTranspose(x, kernel, shape, strides, padding), bias);
  },
  Dense: (settings, [x], [kernel, bias]) => {
    const rows = tf.reshape(x, [-1, kernel.shape[0]]);
    const made = tf.reshape(tf.matMul(rows, kernel), [...x.shape.slice(0, -1), kernel.shape[1]]);
    return finished(settings, made, bias);
  },
  BatchNormalization: (settings, [x], weights) => batchNormalised(settings, x, weights),
  GroupNormalization: (settings, [x], weights) => groupNormalised(settings, x, weights),
  Activation: ({ activation }, [x]) => ACTIVATIONS[activation](x),
  LeakyReLU: ({ negative_slope: slope }, [x]) => tf.leakyRelu(x, slope),
  Dropout: (_, [x]) => tf.clone(x),
  Add: (_, inputs) => inputs.reduce((sum, x) => tf.add(sum, x)),
  Multiply: (_, inputs) => inputs.reduce((all, x) => tf.mul(all, x)),
  Concatenate: (_, inputs) => tf.concat(inputs, -1),
  MaxPooling2D: ({ pool_size: size, strides, padding }, [x]) =>
    tf.maxPool(x, size, strides, padding),
  AveragePooling2D: ({ pool_size: size, strides, padding }, [x]) =>
    tf.avgPool(x, size, strides, padding),
  GlobalMaxPooling2D: ({ keepdims }, [x]) => tf.max(x, [1, 2], keepdims),
  GlobalAveragePooling2D: ({ keepdims }, [x]) => tf.mean(x, [1, 2], keepdims),
  ZeroPadding2D: ({ padding }, [x]) => tf.pad(x, [[0, 0], ...padding, [0, 0]]),
  Cropping2D: ({ cropping: [[top, bottom], [left, right]] }, [x]) => {
    const [batch, height, width, channels] = x.shape;
    const size = [batch, height - top - bottom, width - left - right, channels];
    return tf.slice(x, [0, top, left, 0], size);
  },
  UpSampling2D: ({ size, interpolation }, [x]) => {
    const shape = [x.shape[1] * size[0], x.shape[2] * size[1]];
    return interpolation === "nearest"
      ? tf.image.resizeNearestNeighbor(x, shape)
      : tf.image.resizeBilinear(x, shape, false, true);
  },
};
