"""How good a network's answers are, counted at the resolution of its input.

An answer of a lower resolution is repeated: what it cannot tell apart counts against it, so that
networks of different output strides can be compared.
"""

import numpy as np

from explorer.core.training.examples import Examples
from explorer.core.training.tasks import EDGE_TOLERANCE, Task

#: From which probability on a pixel counts as found.
THRESHOLD = 0.5


def score(task: Task, examples: Examples, answers: np.ndarray) -> float:
    """Return the task's metric; NaN if an answer is no number.

    Args:
        task: The task.
        examples: What was to be answered.
        answers: `(count, height, width, channels)`: probabilities of masks and edges, else values;
            height and width divide those of the pictures.
    """
    if not np.isfinite(answers).all():
        return float("nan")
    stride = examples.answers.shape[1] // answers.shape[1]
    if task.name == "dots":
        return position_error(answers, examples.positions, stride)
    whole = repeated(answers, stride)
    if task.name == "denoise":
        return psnr(whole.clip(0, 1), examples.answers)
    found, true = whole >= THRESHOLD, examples.answers >= THRESHOLD
    return boundary_f1(found, true) if task.name == "edges" else iou(found, true)


def repeated(answers: np.ndarray, stride: int) -> np.ndarray:
    """Return each pixel as a square of this side."""
    return answers.repeat(stride, axis=1).repeat(stride, axis=2)


def iou(found: np.ndarray, true: np.ndarray) -> float:
    """Return the intersection over union, 1 where both are empty.

    Args:
        found: Truth values of any shape.
        true: Of the same shape.
    """
    union = np.count_nonzero(found | true)
    return float(np.count_nonzero(found & true) / union) if union else 1.0


def position_error(maps: np.ndarray, positions: np.ndarray, stride: int) -> float:
    """Return the mean distance of heat maps' highest values from the true positions, in pixels.

    Args:
        maps: `(count, height, width, dots)`.
        positions: Row and column in pixels of the input, `(count, dots, 2)`.
        stride: Pixels of the input in one of the maps', whose middle is where it is.
    """
    count, height, width, dots = maps.shape
    highest = maps.reshape(count, height * width, dots).argmax(axis=1)
    found = np.stack(np.divmod(highest, width), axis=2)
    found = (found + 0.5) * stride - 0.5
    return float(np.hypot(*np.moveaxis(found - positions, 2, 0)).mean())


def psnr(answers: np.ndarray, true: np.ndarray) -> float:
    """Return the mean peak signal-to-noise ratio in dB of pictures with values from 0 to 1.

    Args:
        answers: `(count, height, width, channels)`.
        true: Of the same shape.
    """
    errors = ((answers - true) ** 2).mean(axis=(1, 2, 3))
    # An error of 0 has no ratio; float32 of values up to 1 can't tell less than this.
    return float((-10 * np.log10(np.maximum(errors, 1e-12))).mean())


def boundary_f1(found: np.ndarray, true: np.ndarray, tolerance: int = EDGE_TOLERANCE) -> float:
    """Return the F1 score of edges, where some pixels off still count; 1 where both are empty.

    Args:
        found: Truth values, `(count, height, width, 1)`.
        true: Of the same shape.
        tolerance: How far off, in rows and columns.
    """
    if not found.any() or not true.any():
        return float(not found.any() and not true.any())
    precision = np.count_nonzero(found & _widened(true, tolerance)) / np.count_nonzero(found)
    recall = np.count_nonzero(true & _widened(found, tolerance)) / np.count_nonzero(true)
    both = precision + recall
    return float(2 * precision * recall / both) if both else 0.0


def _widened(marked: np.ndarray, by: int) -> np.ndarray:
    """Return what lies within a square around each marked pixel."""
    _, height, width, _ = marked.shape
    padded = np.pad(marked, ((0, 0), (by, by), (by, by), (0, 0)))
    sides = range(2 * by + 1)
    parts = [padded[:, i : i + height, j : j + width] for i in sides for j in sides]
    return np.asarray(np.logical_or.reduce(parts))
