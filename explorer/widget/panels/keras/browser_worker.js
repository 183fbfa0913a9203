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
  /** @type {any} TensorFlow.js. */
  let tf;
  let backend = "";
  let device = "";

  // Backends.

  /**
   * @param {string[]} scripts
   * @param {string} wasm
   */
  async function begin(scripts, wasm) {
    scope.importScripts(...scripts);
    tf = scope.tf;
    const adapter = await scope.navigator.gpu?.requestAdapter().catch(() => null);
    if (adapter && (await tf.setBackend("webgpu").catch(() => false))) {
      const { vendor = "", architecture = "", description = "" } = adapter.info ?? {};
      device = description || [vendor, architecture].filter(Boolean).join(" ") || "a GPU";
      backend = "WebGPU";
    } else {
      await useWasm(wasm);
    }
    await tf.ready();
  }

  /** @param {string} wasm */
  async function useWasm(wasm) {
    // Threads need pages that are isolated, which notebooks are not.
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    const names = ["", "-simd", "-threaded-simd"].map((kind) => `tfjs-backend-wasm${kind}.wasm`);
    tf.wasm.setWasmPaths(Object.fromEntries(names.map((name) => [name, wasm])));
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
   * @param {Program} program
   * @param {Float32Array[]} [given] All weights in turn; else they are drawn.
   */
  function weightsOf({ steps }, given) {
    const rest = given && [...given];
    /** @type {Tensor[][]} */
    const made = [];
    for (const [place, step] of steps.entries()) {
      const draw = drawing(place);
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
   * @returns {Tensor[]} The outputs.
   */
  function run({ steps, outputs }, weights, images) {
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
      for (const input of inputs) {
        uses[input] -= 1;
        if (!uses[input]) made[input].dispose();
      }
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

  // Pictures.

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
   * @param {Tensor} output `(batch, height, width, channels)`.
   * @returns {Promise<{ channel: number, png: ArrayBuffer }[]>}
   */
  async function strongestOf(output) {
    const [, height, width, channels] = output.shape;
    const first = tf.slice(output, [0, 0, 0, 0], [1, height, width, channels]);
    const values = await first.data();
    first.dispose();
    const strength = new Float64Array(channels);
    for (let i = 0; i < values.length; i++) strength[i % channels] += Math.abs(values[i]);
    const ranked = [...strength.keys()].sort((a, b) => strength[b] - strength[a]).slice(0, CHANNELS);
    return Promise.all(
      ranked.map(async (channel) => ({
        channel,
        png: await pngOf(values.filter((/** @type {number} */ _, /** @type {number} */ i) => i % channels === channel), width, height),
      })),
    );
  }

  /**
   * Returns values as a PNG, stretched from black to white.
   * @param {Float32Array} values
   * @param {number} width
   * @param {number} height
   * @param {number} colours 1: grey; 3: red, green and blue.
   */
  async function pngOf(values, width, height, colours = 1) {
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
    const whole = drawnOn(width, height, (context) => context.putImageData(pixels, 0, 0)).canvas;
    const scale = Math.min(1, PICTURE_SIZE / Math.max(width, height));
    const size = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
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
    const { program, batch, limit, file, weights, image } = question;
    if (weights) {
      const [height, width, channels] = program.steps[0].shape;
      const outputs = run(program, weightsOf(program, weights), tf.tensor(image, [1, height, width, channels]));
      return { outputs: await Promise.all(outputs.map((output) => output.data())) };
    }
    const input = await inputOf(file, program.steps[0].shape);
    const found = await measure(program, input, batch, limit);
    const [height, width, channels] = program.steps[0].shape;
    const colours = channels === 3 ? 3 : 1;
    const shown = input.filter((_, i) => i % channels < colours);
    return { ...found, image: await pngOf(shown, width, height, colours) };
  }

  scope.addEventListener("message", async (/** @type {MessageEvent<any>} */ { data }) => {
    try {
      scope.postMessage({ number: data.number, ...(await answer(data)) });
    } catch (error) {
      scope.postMessage({ number: data.number, error: error instanceof Error ? error.message : String(error) });
    }
  });
}
