"""What a network can learn here: four tasks, in values that need no NumPy."""

from math import isfinite
from typing import Literal

import attrs

from explorer.core.network.errors import ParameterError

#: Standard deviation of a dot's Gaussian in a heat map, in pixels of the input.
HEAT_SIGMA = 2.0
#: Standard deviation of the noise that is to be taken away; the values lie between 0 and 1.
NOISE = 0.2
#: Pixels by which an edge may be off.
EDGE_TOLERANCE = 1
#: Pictures that are shown, and those that the metric is computed of, the former among them. They
#: are the same for all seeds, and none of them is learnt from.
SHOWN, HELD_OUT = 4, 16


@attrs.frozen
class Metric:
    """How good a network's answers are.

    Attributes:
        name: What it is called.
        unit: Its unit; empty: none.
        higher_is_better: Whether more of it is better.
        bounds: The smallest and the largest value; None where there is none.
        about: How it is computed, and the source.
    """

    name: str
    unit: str
    higher_is_better: bool
    bounds: tuple[float, float | None]
    about: str

    def text(self, value: float) -> str:
        """Return a value as it is written."""
        if not isfinite(value):
            return "no number"
        if self.unit:
            return f"{value:.1f} {self.unit}"
        return f"{value:.2f}"


@attrs.frozen
class Task:
    """What is learnt.

    Attributes:
        name: What it is called in Python.
        title: What it is called on screen.
        about: What is in the pictures, and what is wanted.
        channels: Channels of the answer.
        channel_names: What each is, where there are several.
        loss: "BCE + Dice" or "MSE", which is minimised.
        about_loss: What that is, and the source.
        metric: How good the answers are, on the held-out pictures.
    """

    name: str
    title: str
    about: str
    channels: int
    loss: Literal["BCE + Dice", "MSE"]
    about_loss: str
    metric: Metric
    channel_names: tuple[str, ...] = ()

    @property
    def is_mask(self) -> bool:
        """Whether the answer is a probability for each pixel."""
        return self.loss == "BCE + Dice"


_MASK_LOSS = (
    "binary cross-entropy plus 1 − soft Dice coefficient of the batch (Milletari et al. 2016, "
    "arXiv 1606.04797; added as in nnU-Net)"
)
_MSE = "mean squared error over all pixels and channels"

MASKS = Task(
    name="masks",
    title="Shapes → masks",
    about="Discs, rings and lines, the thinnest 2 px wide, lighter or darker than what is around "
    "them, among soft blobs that do not count: which pixels belong to a shape?",
    channels=1,
    loss="BCE + Dice",
    about_loss=_MASK_LOSS,
    metric=Metric(
        "IoU",
        "",
        True,
        (0.0, 1.0),
        "intersection over union (Jaccard index) of the pixels with a probability of at least 0.5 "
        "and the true ones, of all held-out pictures together",
    ),
)
DOTS = Task(
    name="dots",
    title="Dots → positions",
    about="A disc, a ring and a cross in each picture, among lines: where is the middle of each?",
    channels=3,
    channel_names=("disc", "ring", "cross"),
    loss="MSE",
    about_loss=f"{_MSE}, of heat maps with a Gaussian of σ = {HEAT_SIGMA:g} px at each position "
    "(Tompson et al. 2014, arXiv 1406.2984)",
    metric=Metric(
        "position error",
        "px",
        False,
        (0.0, None),
        "mean Euclidean distance, in pixels of the input, from each heat map's highest value to "
        "the true position",
    ),
)
DENOISE = Task(
    name="denoise",
    title="Noisy → clean",
    about=f"Shapes under Gaussian noise of σ = {NOISE:g} (black is 0, white 1): what was the "
    "picture without it?",
    channels=1,
    loss="MSE",
    about_loss=_MSE,
    metric=Metric(
        "PSNR",
        "dB",
        True,
        (0.0, None),
        "peak signal-to-noise ratio, 10 log₁₀(1 / mean squared error) for values from 0 to 1, "
        "averaged over the held-out pictures",
    ),
)
EDGES = Task(
    name="edges",
    title="Edges",
    about="Shapes that hide each other: which pixels lie on the border between two?",
    channels=1,
    loss="BCE + Dice",
    about_loss=_MASK_LOSS,
    metric=Metric(
        "boundary F1",
        "",
        True,
        (0.0, 1.0),
        "harmonic mean of precision and recall of the pixels with a probability of at least 0.5, "
        f"where {EDGE_TOLERANCE} px off still counts (Csurka et al. 2013)",
    ),
)

#: The tasks, by name.
TASKS = {task.name: task for task in (MASKS, DOTS, DENOISE, EDGES)}


def task_of(name: str) -> Task:
    """Return the task of a name.

    Raises:
        ParameterError: If there is none.
    """
    if name not in TASKS:
        raise ParameterError(
            "Training", "task", name, "is no task", f"choose one of {', '.join(TASKS)}"
        )
    return TASKS[name]
