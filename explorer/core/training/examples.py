"""Pictures of a task with their answers, drawn by a seed.

All lengths are pixels. Shapes grow with the picture; what is fine stays as fine.
"""

from collections.abc import Callable

import attrs
import numpy as np

from explorer.core.network.layers import Shape
from explorer.core.training.tasks import HEAT_SIGMA, HELD_OUT, NOISE, Task

#: Begins the seeds of pictures that are learnt from, and of those that are held out.
_LEARNT, _KEPT = 1, 2
#: Width of what is fine.
FINE = 2.0
#: Standard deviation of the noise in pictures that are not about noise.
GRAIN = 0.02


@attrs.frozen(eq=False)
class Examples:
    """Pictures with their answers.

    Attributes:
        images: `(count, height, width, channels)` from 0 to 1, float32; all channels are the same.
        answers: `(count, height, width, channels of the task)` from 0 to 1, float32: a mask, heat
            maps, the clean picture, or the edges.
        positions: Of dots, row and column of each, `(count, dots, 2)`; else empty.
    """

    images: np.ndarray
    answers: np.ndarray
    positions: np.ndarray


def batch(task: Task, shape: Shape, count: int, seed: int, step: int) -> Examples:
    """Return what is learnt from in a step: the same for each network, by the seed.

    Args:
        task: The task.
        shape: `(height, width, channels)` of a network's input.
        count: How many pictures.
        seed: Of the training.
        step: Which step it is.
    """
    return _drawn(task, shape, count, np.random.default_rng((_LEARNT, seed, step)))


def held_out(task: Task, shape: Shape) -> Examples:
    """Return the pictures that are not learnt from, which are the same for all seeds.

    Args:
        task: The task.
        shape: `(height, width, channels)` of a network's input.
    """
    return _drawn(task, shape, HELD_OUT, np.random.default_rng((_KEPT,)))


def averaged(answers: np.ndarray, stride: int) -> np.ndarray:
    """Return the mean of each square, which an output of this stride is to tell.

    Args:
        answers: `(count, height, width, channels)`; the stride divides height and width.
        stride: Side of the squares.
    """
    count, height, width, channels = answers.shape
    squares = answers.reshape(count, height // stride, stride, width // stride, stride, channels)
    return np.asarray(squares.mean(axis=(2, 4)))


def _drawn(task: Task, shape: Shape, count: int, rng: np.random.Generator) -> Examples:
    height, width, channels = shape
    drawn = [_DRAW[task.name](rng, height, width) for _ in range(count)]
    grey = np.stack([image for image, _, _ in drawn]).clip(0, 1).astype(np.float32)
    return Examples(
        np.repeat(grey[..., None], channels, axis=3),
        np.stack([answer for _, answer, _ in drawn]).astype(np.float32),
        np.stack([positions for _, _, positions in drawn]),
    )


_Drawn = tuple[np.ndarray, np.ndarray, np.ndarray]
_NO_POSITIONS = np.zeros((0, 2))


def _masks(rng: np.random.Generator, height: int, width: int) -> _Drawn:
    scale = min(height, width) / 64
    image, mask = _ground(rng, height, width), np.zeros((height, width), bool)
    shapes = [_disc(rng, height, width, rng.uniform(3, 9) * scale) for _ in range(3)]
    shapes += [_ring(rng, height, width, rng.uniform(5, 11) * scale) for _ in range(2)]
    shapes += [_line(rng, height, width, rng.uniform(20, 40) * scale) for _ in range(3)]
    for shape in shapes:
        image = np.where(shape, image + _contrast(rng), image)
        mask |= shape
    return image + rng.normal(0, GRAIN, image.shape), mask[..., None], _NO_POSITIONS


def _dots(rng: np.random.Generator, height: int, width: int) -> _Drawn:
    image = _ground(rng, height, width)
    for _ in range(2):
        line = _line(rng, height, width, min(height, width) / 3)
        image = np.where(line, image + _contrast(rng), image)
    rows, columns = np.ogrid[:height, :width]
    positions: list[tuple[float, float]] = []
    maps = []
    for kind in range(3):
        at = _apart(rng, height, width, positions)
        positions.append(at)
        down, right = rows - at[0], columns - at[1]
        distance = np.hypot(down, right)
        marks = (
            distance < 3,
            abs(distance - 3.5) < FINE / 2,
            (np.minimum(abs(down), abs(right)) < FINE / 2) & (distance < 4.5),
        )
        image = np.where(marks[kind], image + _contrast(rng), image)
        maps.append(np.exp(-(distance**2) / (2 * HEAT_SIGMA**2)))
    return image + rng.normal(0, GRAIN, image.shape), np.stack(maps, axis=2), np.array(positions)


def _apart(
    rng: np.random.Generator, height: int, width: int, others: list[tuple[float, float]]
) -> tuple[float, float]:
    """Return a position apart from others, as far as there is room."""
    best, most = (0.0, 0.0), -1.0
    border = min(5.0, height / 4, width / 4)
    for _ in range(20):
        at = rng.uniform(border, height - 1 - border), rng.uniform(border, width - 1 - border)
        nearest = min((np.hypot(at[0] - r, at[1] - c) for r, c in others), default=np.inf)
        if nearest >= 10:
            return at
        if nearest > most:
            best, most = at, nearest
    return best


def _denoise(rng: np.random.Generator, height: int, width: int) -> _Drawn:
    _, clean = _covering(rng, height, width)
    noisy = clean + rng.normal(0, NOISE, clean.shape)
    return noisy, clean[..., None], _NO_POSITIONS


def _edges(rng: np.random.Generator, height: int, width: int) -> _Drawn:
    labels, image = _covering(rng, height, width)
    edges = np.zeros((height, width), bool)
    edges[:-1] |= labels[:-1] != labels[1:]
    edges[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    return image + rng.normal(0, GRAIN, image.shape), edges[..., None], _NO_POSITIONS


def _covering(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which of several shapes that hide each other is seen where, and their picture."""
    scale = min(height, width) / 64
    labels = np.zeros((height, width), int)
    image = _ground(rng, height, width)
    shapes = [_disc(rng, height, width, rng.uniform(5, 12) * scale) for _ in range(4)]
    shapes += [_ring(rng, height, width, rng.uniform(6, 11) * scale, 3.0) for _ in range(2)]
    shapes += [_line(rng, height, width, rng.uniform(20, 40) * scale, 3.0) for _ in range(2)]
    for label, shape in enumerate(shapes, 1):
        # Apart from what lies beneath, so that there is an edge to be seen.
        beneath = image[shape].mean() if shape.any() else 0.5
        shade = rng.uniform(0.2, 0.45)
        image = np.where(shape, beneath + (shade if beneath < 0.5 else -shade), image)
        labels[shape] = label
    return labels, image.clip(0, 1)


def _ground(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return what lies behind the shapes: uneven light, and soft blobs."""
    rows, columns = np.ogrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    down, right = rng.uniform(-0.15, 0.15, 2)
    image: np.ndarray = 0.5 + down * (rows - 0.5) + right * (columns - 0.5)
    for _ in range(4):
        row, column, size = rng.uniform((0, 0, 0.08), (1, 1, 0.15))
        distance = (rows - row) ** 2 + (columns - column) ** 2
        image = image + rng.uniform(-0.2, 0.2) * np.exp(-distance / (2 * size**2))
    return image


def _contrast(rng: np.random.Generator) -> float:
    """Return by how much a shape is lighter or darker than its ground."""
    return float(rng.choice((-1, 1)) * rng.uniform(0.3, 0.5))


def _disc(rng: np.random.Generator, height: int, width: int, radius: float) -> np.ndarray:
    return _distance(rng, height, width) < radius


def _ring(
    rng: np.random.Generator, height: int, width: int, radius: float, thick: float = FINE
) -> np.ndarray:
    return abs(_distance(rng, height, width) - radius) < thick / 2


def _distance(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return how far each pixel is from a point somewhere in the picture."""
    rows, columns = np.ogrid[:height, :width]
    row, column = rng.uniform(0, height), rng.uniform(0, width)
    return np.asarray(np.hypot(rows - row, columns - column))


def _line(
    rng: np.random.Generator, height: int, width: int, length: float, thick: float = FINE
) -> np.ndarray:
    """Return a straight piece of line through a point somewhere in the picture."""
    rows, columns = np.ogrid[:height, :width]
    row, column, angle = rng.uniform(0, height), rng.uniform(0, width), rng.uniform(0, np.pi)
    along = (rows - row) * np.sin(angle) + (columns - column) * np.cos(angle)
    across = (rows - row) * np.cos(angle) - (columns - column) * np.sin(angle)
    return np.asarray((abs(along) < length / 2) & (abs(across) < thick / 2))


_DRAW: dict[str, Callable[[np.random.Generator, int, int], _Drawn]] = {
    "masks": _masks,
    "dots": _dots,
    "denoise": _denoise,
    "edges": _edges,
}
