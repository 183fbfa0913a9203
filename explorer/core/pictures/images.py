"""Photographs on their way into a network, and features on their way out, as small pictures."""

import io
import math
import re
import warnings
from typing import Any

import numpy as np
from PIL import Image

from explorer.core.network.layers import Shape
from explorer.core.pictures.seen import PHOTOGRAPH, ImageError, Seen

#: What is decoded, by Pillow's names. Others of its decoders start programs (EPS) or follow paths.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
MAX_PIXELS = 50_000_000
#: Most pixels of a side: Pillow takes memory for each row, however short.
MAX_SIDE = 20_000
PICTURE_SIZE = 128
#: Longest side of a picture that the receptive field is drawn upon.
LONGEST = 512
#: What lies below and above of 16-bit and float values is drawn black and white, in percent.
_CUT = 0.1
#: Values that are enough to know the percentiles.
_SAMPLE = 1_000_000
#: TIFF's tags: what the file says of itself; the smallest and the largest value, twice.
_DESCRIPTION, _BITS, _RANGES = 270, 258, ((340, 341), (280, 281))
#: Key of the words in `Image.info` on how a picture's values are shown.
_NOTE = "explorer_note"


def default_photograph() -> Image.Image:
    """Return the photograph of an astronaut."""
    return Image.open(PHOTOGRAPH).convert("RGB")


def chosen(content: bytes | None) -> Image.Image:
    """Return the user's picture, or the photograph where there is none."""
    return default_photograph() if content is None else read_image(content)


def note_of(image: Image.Image) -> str:
    """Return what to say of how the values in a picture's file are shown; mostly nothing."""
    return str(image.info.get(_NOTE, ""))


def read_image(content: bytes) -> Image.Image:
    """Return the picture in a file's content, in RGB; `note_of` tells how its values are shown.

    Of several pictures in a file it is the first. Values of more than 8 bits are stretched: from
    what the file says, or else between their 0.1th and 99.9th percentile.

    Raises:
        ImageError: If it isn't a picture, or too large a one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            _check_size(image)
            notes = [_depth_note(image, content)]
            if getattr(image, "is_animated", False):
                notes.append("the first of several pictures in the file")
                image.seek(0)
            if image.mode == "F" or image.mode.startswith("I"):
                image, note = _stretched(image)
                notes.insert(0, note)
            shown = image.convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageError(
            f"The picture is too large: use at most {MAX_PIXELS // 1_000_000} million pixels."
        ) from error
    except ImageError:
        raise
    except Exception as error:  # decoders raise many kinds of errors on broken files
        raise ImageError(
            "The file is not a picture that can be read: use a PNG, JPEG, WebP, GIF, BMP or TIFF "
            "of at most 32 bits a value."
        ) from error
    shown.info = {_NOTE: "; ".join(filter(None, notes))}
    return shown


def _check_size(image: Image.Image) -> None:
    """Raise an error, before anything is unpacked, if a picture is too large."""
    size = f"The picture has {image.width:,} × {image.height:,} pixels: use one of at most "
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(f"{size}{MAX_PIXELS // 1_000_000} million.")
    if max(image.size) > MAX_SIDE:
        raise ImageError(f"{size}{MAX_SIDE:,} to a side.")


def _depth_note(image: Image.Image, content: bytes) -> str:
    """Return what to say of colours of more than 8 bits, of which Pillow gives the upper 8."""
    if image.mode not in ("RGB", "RGBA"):
        return ""
    # In a PNG, the bit depth follows the width and height in the first chunk.
    bits = content[24] if image.format == "PNG" else max(_tags(image).get(_BITS, (8,)))
    return f"{bits} bit a colour, of which the upper 8 are shown" if bits > 8 else ""


def _tags(image: Image.Image) -> dict[int, Any]:
    return dict(getattr(image, "tag_v2", {}))


def _stretched(image: Image.Image) -> tuple[Image.Image, str]:
    """Return a picture of numbers in grey, and how it was stretched."""
    values = np.asarray(image)
    kind = "float" if image.mode == "F" else "16 bit" if image.mode != "I" else _bits(image)
    is_number = np.isfinite(values)
    numbers = values[is_number]
    if not numbers.size:
        raise ImageError("The picture has no value to show: each is infinite or no number.")
    lowest, highest = float(numbers.min()), float(numbers.max())
    if lowest == highest:
        low, high, note = lowest, lowest + 1, f"{kind}, each value is {_number(lowest)}"
    else:
        low, high = _said_range(image, lowest, highest) or _percentiles(numbers, lowest, highest)
        note = f"{kind}, shown from {_number(low)} to {_number(high)}"
    missing = values.size - numbers.size
    if missing:
        note += f"; {missing:,} pixels that are infinite or no number are black"
        values = np.where(is_number, values, low)
    del numbers, is_number
    # Row by row: another copy in float64 would be the largest of all.
    grey = np.empty(values.shape, np.uint8)
    for row, into in zip(values, grey, strict=True):
        part = (np.clip(row.astype(np.float64), low, high) - low) / (high - low)
        into[:] = np.round(255 * part)
    return Image.fromarray(grey), note


def _bits(image: Image.Image) -> str:
    """Return the depth of a picture that Pillow unpacks to 32 bits."""
    bits = max(_tags(image).get(_BITS, (16,)))
    return f"{bits} bit"


def _said_range(image: Image.Image, lowest: float, highest: float) -> tuple[float, float] | None:
    """Return the range to show that a TIFF names, as ImageJ or in its tags; None if none fits."""
    tags = _tags(image)
    said = dict(re.findall(r"^(min|max)=(\S+)$", str(tags.get(_DESCRIPTION, "")), re.MULTILINE))
    pairs: list[tuple[Any, Any]] = [(said.get("min"), said.get("max"))]
    pairs += [(tags.get(low), tags.get(high)) for low, high in _RANGES]
    for pair in pairs:
        try:
            low, high = (float(v[0] if isinstance(v, tuple) else v) for v in pair if v is not None)
        except (TypeError, ValueError, LookupError):  # not said, or not a number
            continue
        # Many programs write the whole range of the type, which says nothing of this picture.
        is_telling = low < high and math.isfinite(high - low) and high - low < 65_535
        if is_telling and low < highest and high > lowest:
            return low, high
    return None


def _percentiles(numbers: np.ndarray, lowest: float, highest: float) -> tuple[float, float]:
    """Return the range of nearly all numbers, or of all where nearly all are the same."""
    step = max(1, numbers.size // _SAMPLE)
    sample = numbers[::step].astype(np.float64)
    low, high = (float(v) for v in np.percentile(sample, (_CUT, 100 - _CUT)))
    return (low, high) if low < high else (lowest, highest)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value.is_integer() else f"{value:.4g}"


def see(content: bytes | None, shape: Shape) -> Seen:
    """Return a picture as a network sees it; a user's file is only ever decoded in the worker.

    Args:
        content: The file's content, or None for the photograph.
        shape: `(height, width, channels)` of the network's input.

    Raises:
        ImageError: If the content is not a picture that can be used.
    """
    image = chosen(content)
    # An input's sizes have no bound; of its channels three are shown at most.
    height, width, channels = shape
    scale = min(1.0, LONGEST / max(height, width))
    small = max(1, round(height * scale)), max(1, round(width * scale)), min(channels, 4)
    return Seen(picture_png(to_input(image, small)), note_of(image))


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


def to_png(values: np.ndarray, longest: int = PICTURE_SIZE) -> bytes:
    """Return an array as a PNG, stretched from black to white.

    Args:
        values: `(height, width)` grey, or `(height, width, 3)` colour; values that aren't
            finite are drawn black.
        longest: Most pixels along a side.
    """
    finite = np.where(np.isfinite(values), values, 0.0)
    low, high = float(finite.min()), float(finite.max())
    scaled = (finite - low) / (high - low) if high > low else np.zeros_like(finite)
    image = Image.fromarray(np.round(scaled * 255).astype(np.uint8))
    image.thumbnail((longest, longest))
    return png(image)


def picture_png(values: np.ndarray) -> bytes:
    """Return what a network is given, as the content of a PNG.

    Args:
        values: `(height, width, channels)` from 0 to 1; of channels other than three, or more,
            the first is shown.
    """
    shown = values[:, :, :3] if values.shape[2] >= 3 else values[:, :, 0]
    image = Image.fromarray(np.round(255 * shown).astype(np.uint8))
    image.thumbnail((LONGEST, LONGEST))
    return png(image)


def png(image: Image.Image, **options: Any) -> bytes:
    """Return the content of a PNG; sent within the machine, it need not be small, but soon there.

    Args:
        image: The picture.
        **options: Of Pillow's `save`.
    """
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1, **options)
    return buffer.getvalue()
