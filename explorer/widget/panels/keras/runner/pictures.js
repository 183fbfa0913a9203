// @ts-check
// Pictures in, and pictures of what was computed.

const CHANNELS = 8;
const PICTURE_SIZE = 128; // pixels

/** @param {number[]} shape Returns height, width and channels, also of an output without pixels. */
const sizeOf = (shape) => [...Array(Math.max(0, 3 - shape.length)).fill(1), ...shape];

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
