"""Photographs on their way into a network, and features on their way out, as small pictures."""

import io
import warnings

import numpy as np
from PIL import Image

from explorer.layers import Shape

MAX_PIXELS = 50_000_000
PICTURE_SIZE = 128


class ImageError(ValueError):
    """An upload that is not a picture that can be used."""


def default_photograph() -> Image.Image:
    """Return the photograph of an astronaut (NASA, public domain) that scikit-image carries."""
    from skimage.data import astronaut

    return Image.fromarray(astronaut())  # type: ignore[no-untyped-call]


def read_image(content: bytes) -> Image.Image:
    """Return the picture in a file's content.

    Raises:
        ImageError: If it isn't a picture, or too large a one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content))
            if image.width * image.height > MAX_PIXELS:
                raise ImageError(
                    f"The picture has {image.width} × {image.height} pixels: "
                    f"use one of at most {MAX_PIXELS // 1_000_000} million."
                )
            return image.convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageError(
            f"The picture is too large: use at most {MAX_PIXELS // 1_000_000} million pixels."
        ) from error
    except ImageError:
        raise
    except Exception as error:  # decoders raise many kinds of errors on broken files
        raise ImageError(
            "The file is not a picture that can be read: use a PNG, JPEG, WebP, GIF, TIFF or BMP."
        ) from error


def to_input(image: Image.Image, shape: Shape) -> np.ndarray:
    """Return the picture as a network's input.

    It is resized to the height and width, without keeping its proportions; one channel is grey,
    three are colour, and further channels repeat the colours.

    Args:
        image: The picture, in RGB.
        shape: `(height, width, channels)`.

    Returns:
        `(height, width, channels)`, float32 from 0 to 1.
    """
    height, width, channels = shape
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(resized.convert("L" if channels == 1 else "RGB"), dtype=np.float32) / 255
    pixels = pixels.reshape(height, width, -1)
    return pixels[:, :, np.arange(channels) % pixels.shape[2]]


def strongest_channels(feature: np.ndarray, count: int) -> list[int]:
    """Return the channels of the largest mean absolute value, the strongest first.

    Args:
        feature: `(height, width, channels)`.
        count: How many channels at most.
    """
    strength = np.abs(feature).mean(axis=(0, 1))
    return [int(channel) for channel in np.argsort(-strength, kind="stable")[:count]]


def to_png(values: np.ndarray) -> bytes:
    """Return an array as a PNG of at most 128 pixels, stretched from black to white.

    Args:
        values: `(height, width)` grey, or `(height, width, 3)` colour; values that aren't
            finite are drawn black.
    """
    finite = np.where(np.isfinite(values), values, 0.0)
    low, high = float(finite.min()), float(finite.max())
    scaled = (finite - low) / (high - low) if high > low else np.zeros_like(finite)
    image = Image.fromarray(np.round(scaled * 255).astype(np.uint8))
    image.thumbnail((PICTURE_SIZE, PICTURE_SIZE))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
