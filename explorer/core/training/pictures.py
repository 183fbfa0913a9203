"""A task's pictures, true answers and a network's, as PNGs."""

import numpy as np
from PIL import Image

from explorer.core.pictures.images import png
from explorer.core.training.metrics import repeated

#: Colours of the dots' kinds, which people who tell few colours apart can tell (Okabe and Ito).
DOT_COLOURS = ("#e69f00", "#56b4e9", "#f0e442")


def answer_png(answer: np.ndarray, height: int) -> bytes:
    """Return an answer as a PNG: 0 and below black, 1 and above white; dots each in its colour.

    Args:
        answer: `(rows, columns, channels)`; values that are no number are drawn black.
        height: Of the picture; each value is a square.
    """
    values = np.nan_to_num(answer, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
    values = repeated(values[None], height // len(values))[0]
    if values.shape[2] > 1:
        colours = [[int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in DOT_COLOURS]
        shown = (values[..., None] * np.array(colours, np.float32)).max(axis=2)
    else:
        shown = 255 * values[..., 0]
    return png(Image.fromarray(np.round(shown).astype(np.uint8)))
