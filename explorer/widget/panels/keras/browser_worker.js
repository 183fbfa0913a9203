// @ts-check
// Runs in a Web Worker: a network as a program of layers under Keras' names, by TensorFlow.js, on
// WebGPU where there is one and else on WebAssembly. What it computes is what Keras does.
{
  /** @typedef {any} Tensor One of TensorFlow.js. */
  /** @typedef {{ [name: string]: any }} Settings */

  const scope = /** @type {any} */ (globalThis);
  const WARMUP_RUNS = 3;
  const LEAST_RUNS = 5;
  const STEADY = 0.02;
  const CHANNELS = 8;
  const PICTURE_SIZE = 128; // pixels
  const LONGEST = 512; // pixels along a side of a picture of the gradient
  /** @type {any} TensorFlow.js. */
  let tf;
  let backend = "";
  let device = "";
  let webAssembly = ""; // its address

  // Backends.

  /**
   * @param {string[]} scripts
   * @param {string} wasm
   */
  async function begin(scripts, wasm) {
    scope.importScripts(...scripts);
    tf = scope.tf;
    webAssembly = wasm;
    const adapter = await scope.navigator.gpu?.requestAdapter().catch(() => null);
    if (adapter && (await tf.setBackend("webgpu").catch(() => false))) {
      const { vendor = "", architecture = "", description = "" } = adapter.info ?? {};
      device = description || [vendor, architecture].filter(Boolean).join(" ") || "a GPU";
      backend = "WebGPU";
    } else {
      await useWasm();
    }
    await tf.ready();
  }

  async function useWasm() {
    // Threads need pages that are isolated, which notebooks are not.
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    const names = ["", "-simd", "-threaded-simd"].map((kind) => `tfjs-backend-wasm${kind}.wasm`);
    tf.wasm.setWasmPaths(Object.fromEntries(names.map((name) => [name, webAssembly])));
    if (!(await tf.setBackend("wasm"))) throw new Error("WebAssembly with SIMD isn't there");
    device = "CPU, one core";
    backend = "WebAssembly";
  }

  // Layers.

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

  // Gradients: what comes back to the input of a layer, by what came back to its output. In this
  // TensorFlow.js are some of the kernels for it, and no derivatives.

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

  // Weights.

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

  // Runs.

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
    const png = await pngOfPixels(new ImageData(heat, width, height), LONGEST);
    return { field: { half, most: all }, strength, pngs: [png] };
  }

  /**
   * Returns the sides of the smallest squares around a centre that hold shares of all values.
   * @param {Float32Array} values
   * @param {number} width
   * @param {number[]} center Row and column.
   * @param {number[]} shares
   */
  function sidesOf(values, width, [row, column], shares) {
    const distance = Float64Array.from(values, (_, i) =>
      Math.max(Math.abs(Math.floor(i / width) - row), Math.abs((i % width) - column)),
    );
    const order = Uint32Array.from(values.keys()).sort((a, b) => distance[a] - distance[b]);
    let sum = 0;
    const held = Float64Array.from(order, (i) => {
      sum += values[i];
      return sum;
    });
    return shares.map((share) => {
      const last = held.findIndex((each) => each >= share * sum * (1 - 1e-9));
      return Math.ceil(2 * distance[order[last]] + 1 - 1e-6);
    });
  }

  /**
   * Returns red, green, blue and opacity of each pixel, by the logarithm of its strength.
   * @param {Float32Array} strength
   * @param {number} most
   * @param {string[]} ramp Colours of the weakest to the strongest: #rrggbb.
   * @param {number} decades Powers of ten from the strongest to the weakest.
   * @param {number[]} opacity Of the weakest and the strongest, from 0 to 255.
   */
  function heatOf(strength, most, ramp, decades, [clear, opaque]) {
    const stops = ramp.map((colour) => [1, 3, 5].map((i) => Number.parseInt(colour.slice(i, i + 2), 16)));
    const heat = new Uint8ClampedArray(4 * strength.length);
    for (const [i, value] of strength.entries()) {
      const exponent = Math.log10(Math.max(value / most, 10 ** -decades));
      const level = Math.round(255 * (1 + exponent / decades)) / 255;
      const at = level * (stops.length - 1);
      const below = Math.min(Math.floor(at), stops.length - 2);
      const part = at - below;
      for (let c = 0; c < 3; c++) {
        heat[4 * i + c] = Math.round((1 - part) * stops[below][c] + part * stops[below + 1][c]);
      }
      heat[4 * i + 3] = Math.floor(clear + (opaque - clear) * level);
    }
    return heat;
  }

  /** @param {number} value Returns null in the place of what JSON has not. */
  const orNull = (value) => (Number.isFinite(value) ? value : null);

  /** @param {number[]} shape Returns height, width and channels, also of an output without pixels. */
  const sizeOf = (shape) => [...Array(Math.max(0, 3 - shape.length)).fill(1), ...shape];

  // Pictures.

  /**
   * Returns the colours of an image, or its first channel.
   * @param {Float32Array} values `(height, width, channels)`.
   * @param {number} channels
   */
  const pictureOf = (values, channels) => values.filter((_, i) => i % channels < (channels === 3 ? 3 : 1));

  /**
   * Returns a picture's file as a network's input, from 0 to 1.
   * @param {Blob} file
   * @param {number[]} shape `(height, width, channels)`.
   */
  async function inputOf(file, [height, width, channels]) {
    const values = new Float32Array(height * width * channels);
    const bitmap = await createImageBitmap(file, {
      resizeWidth: width,
      resizeHeight: height,
      resizeQuality: "medium",
    });
    const pixels = drawnOn(width, height, (context) => context.drawImage(bitmap, 0, 0)).getImageData(
      0,
      0,
      width,
      height,
    ).data;
    for (let i = 0; i < height * width; i++) {
      const [red, green, blue] = pixels.subarray(4 * i, 4 * i + 3);
      const grey = 0.299 * red + 0.587 * green + 0.114 * blue;
      const colours = channels === 1 ? [grey] : [red, green, blue];
      for (let c = 0; c < channels; c++) values[i * channels + c] = colours[c % colours.length] / 255;
    }
    return values;
  }

  /**
   * @param {number} width
   * @param {number} height
   * @param {(context: OffscreenCanvasRenderingContext2D) => void} draw
   */
  function drawnOn(width, height, draw) {
    const context = new OffscreenCanvas(width, height).getContext("2d");
    if (!context) throw new Error("the browser can't draw pictures");
    draw(context);
    return context;
  }

  /**
   * Returns the channels of the largest mean absolute value of the first image.
   * @param {Tensor} output `(batch, height, width, channels)`, or without height and width.
   * @param {number} [most] How many.
   * @param {number} [side] Most pixels along a side of their pictures.
   * @returns {Promise<{ channel: number, strength: number, png: ArrayBuffer }[]>}
   */
  async function strongestOf(output, most = CHANNELS, side = PICTURE_SIZE) {
    const shape = output.shape.slice(1);
    const [height, width, channels] = sizeOf(shape);
    const first = tf.slice(output, output.shape.map(() => 0), [1, ...shape]);
    const values = await first.data();
    first.dispose();
    const strength = new Float64Array(channels);
    for (let i = 0; i < values.length; i++) strength[i % channels] += Math.abs(values[i]);
    const ranked = [...strength.keys()].sort((a, b) => strength[b] - strength[a]).slice(0, most);
    return Promise.all(
      ranked.map(async (channel) => ({
        channel,
        strength: strength[channel] / (height * width),
        png: await pngOf(
          values.filter((/** @type {number} */ _, /** @type {number} */ i) => i % channels === channel),
          width,
          height,
          1,
          side,
        ),
      })),
    );
  }

  /**
   * Returns values as a PNG, stretched from black to white.
   * @param {Float32Array} values
   * @param {number} width
   * @param {number} height
   * @param {number} colours 1: grey; 3: red, green and blue.
   * @param {number} [side] Most pixels along a side.
   */
  async function pngOf(values, width, height, colours = 1, side = PICTURE_SIZE) {
    const finite = values.map((value) => (Number.isFinite(value) ? value : 0));
    const low = finite.reduce((least, value) => Math.min(least, value), Infinity);
    const high = finite.reduce((most, value) => Math.max(most, value), -Infinity);
    const pixels = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) {
        const value = finite[i * colours + (c % colours)];
        pixels.data[4 * i + c] = high > low ? Math.round((255 * (value - low)) / (high - low)) : 0;
      }
      pixels.data[4 * i + 3] = 255;
    }
    return pngOfPixels(pixels, side);
  }

  /**
   * @param {ImageData} pixels
   * @param {number} side Most pixels along a side.
   */
  async function pngOfPixels(pixels, side) {
    const { width, height } = pixels;
    const whole = drawnOn(width, height, (context) => context.putImageData(pixels, 0, 0)).canvas;
    const scale = Math.min(1, side / Math.max(width, height));
    const size = [width, height].map((each) => Math.max(1, Math.round(each * scale)));
    const small = drawnOn(size[0], size[1], (context) => context.drawImage(whole, 0, 0, size[0], size[1])).canvas;
    return (await small.convertToBlob({ type: "image/png" })).arrayBuffer();
  }

  // Questions.

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
}
