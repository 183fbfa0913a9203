"""What is trained, and how far it is."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from explorer.core.families import Architecture
from explorer.core.formatting import counted
from explorer.core.network.errors import Refusal
from explorer.core.network.layers import Shape
from explorer.core.network.parameters import parameter
from explorer.core.training.tasks import TASKS, Task

if TYPE_CHECKING:
    import pandas


@attrs.frozen(kw_only=True)
class TrainingSettings:
    """How a network is trained: by Adam (Kingma and Ba 2015, arXiv 1412.6980), on one task."""

    task: str = parameter(
        "masks",
        doc="What the network learns, from pictures that are drawn on the spot.",
        choices=tuple(TASKS),
        words={name: task.title for name, task in TASKS.items()},
    )
    seed: int = parameter(
        0,
        doc="Decides the weights to begin with and the pictures of each step: the same seed gives "
        "the same curve.",
        minimum=0,
        maximum=2**31 - 1,
        slider=(0, 0),
    )
    learning_rate: float = parameter(
        0.002, doc="Adam’s step size.", minimum=1e-6, maximum=1.0, slider=(0.002, 0.002)
    )
    batch_size: int = parameter(
        2, doc="Pictures in a training step.", minimum=1, maximum=1024, slider=(2, 2)
    )


@attrs.frozen
class Training:
    """A network that learns a task: all that its curve depends on, but for the machine.

    Attributes:
        architecture: The architecture.
        input_shape: `(height, width, channels)` of the pictures.
        settings: What it learns, and how.
    """

    architecture: Architecture
    input_shape: Shape
    settings: TrainingSettings = TrainingSettings()

    @property
    def task(self) -> Task:
        """What it learns."""
        return TASKS[self.settings.task]


@attrs.frozen
class Score:
    """How good the network's answers to the held-out pictures were.

    Attributes:
        step: How many steps it had made.
        seconds: How long it had trained.
        value: The task's metric, over all of them; NaN if an answer was no number.
    """

    step: int
    seconds: float
    value: float


@attrs.frozen
class HeldOut:
    """A picture that is not learnt from, and its true answer, as PNGs."""

    image: bytes = attrs.field(repr=False)
    truth: bytes = attrs.field(repr=False)


@attrs.frozen
class Answered:
    """What a network says of the held-out pictures that are shown.

    Attributes:
        step: After how many steps.
        answers: A PNG for each of them.
    """

    step: int
    answers: tuple[bytes, ...] = attrs.field(repr=False)


@attrs.frozen
class Looks:
    """What the middle of a network's last answer looks at: its effective receptive field.

    As in Luo et al. 2016 (arXiv 1701.04128); the gradients for some held-out pictures together.

    Attributes:
        step: After how many steps.
        side: Of the square around it that holds 95 % of the gradient, in pixels; 0: there is none.
    """

    step: int
    side: int


@attrs.frozen
class Learnt:
    """How far a network is.

    Attributes:
        step: How many steps it has made.
        seconds: How long it has trained, making and compiling it included.
        losses: The loss of each step since the one that was asked about, before it changed weights.
        scores: What the metric was since then.
        held_out: The pictures that are shown, in the first answer alone.
        answered: What it says of them, after each step since it was last told; see `Train`.
        looks: What it looked at when that was first asked, and looks at now; see `Train`.
        strides: Of each output that learns.
        adds_convolution: Whether outputs got one to the task's channels.
    """

    step: int
    seconds: float
    losses: tuple[float, ...]
    scores: tuple[Score, ...]
    held_out: tuple[HeldOut, ...] = ()
    answered: tuple[Answered, ...] = attrs.field(default=(), kw_only=True)
    looks: tuple[Looks, ...] = attrs.field(default=(), kw_only=True)
    strides: tuple[int, ...] = ()
    adds_convolution: bool = True


@attrs.frozen
class LearningCurve:
    """How a network learnt.

    Attributes:
        seconds: How long it took, making and compiling the model included.
        losses: The loss of each step, before it changed the weights.
        scores: The task's metric on the held-out pictures, at some steps.
    """

    seconds: float = 0.0
    losses: tuple[float, ...] = attrs.field(default=(), repr=False)
    scores: tuple[Score, ...] = attrs.field(default=(), repr=False)

    def extended(self, learnt: Learnt) -> "LearningCurve":
        """Return it with what was learnt since."""
        losses, scores = (*self.losses, *learnt.losses), (*self.scores, *learnt.scores)
        return LearningCurve(learnt.seconds, losses, scores)

    @property
    def metric(self) -> float:
        """The task's metric at the last look; NaN if an answer was no number."""
        return self.scores[-1].value

    @property
    def looked_after(self) -> str:
        """After how many steps that was, in words, and of how many if others followed."""
        step, made = self.scores[-1].step, len(self.losses)
        return counted(made, "step") if step == made else f"{step:,} of {counted(made, 'step')}"


@attrs.frozen
class TrainingResult:
    """What came of a training.

    Attributes:
        training: What learnt, and how.
        curve: How it learnt.
        weights: What a file of Keras' `save_weights` holds, of the design alone.
    """

    training: Training
    curve: LearningCurve
    weights: bytes = attrs.field(repr=False)

    @property
    def seconds(self) -> float:
        """How long it took, making and compiling the model included."""
        return self.curve.seconds

    @property
    def losses(self) -> tuple[float, ...]:
        """The loss of each step, before it changed the weights."""
        return self.curve.losses

    @property
    def scores(self) -> tuple[Score, ...]:
        """The task's metric on the held-out pictures, at some steps."""
        return self.curve.scores

    @property
    def metric(self) -> float:
        """The task's metric at the last look: IoU, error in px, PSNR in dB or boundary F1."""
        return self.curve.metric

    def __str__(self) -> str:
        """Task, metric, steps and time in a line."""
        metric = self.training.task.metric
        return (
            f"{self.training.task.title}: {metric.name} {metric.text(self.metric)} after "
            f"{self.curve.looked_after} in {self.seconds:.0f} s"
        )

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the curve: a row for each step, with the loss of the one that led to it.

        The metric is there where it was computed.
        """
        import pandas

        losses = pandas.Series((math.nan, *self.losses), name="loss")
        values = {score.step: score.value for score in self.scores}
        metric = pandas.Series(values, name=self.training.task.metric.name, dtype=float)
        frame = pandas.concat([losses, metric.reindex(losses.index)], axis=1)
        frame.index.name = "step"
        return frame

    def save(self, path: str | Path) -> None:
        """Save the design's weights, which `build(...)` of it takes by Keras' `load_weights`.

        Args:
            path: Where to; its name ends with `.weights.h5`.

        Raises:
            Refusal: If the name ends otherwise.
        """
        path = Path(path)
        if not path.name.endswith(".weights.h5"):
            raise Refusal(f"{path.name} must end with .weights.h5: choose such a name.")
        path.write_bytes(self.weights)
