"""Networks trained from a notebook: the Keras process is asked, a little at a time."""

from collections.abc import Sequence
from math import inf
from numbers import Integral, Real
from typing import Any

from explorer.core.asking.keras_file import KerasFile
from explorer.core.asking.questions import SaveTrained, Train, TrainTwins
from explorer.core.asking.training import (
    LearningCurve,
    Learnt,
    Training,
    TrainingResult,
    TrainingSettings,
)
from explorer.core.asking.twins import TwinRun, Twins, check_differ
from explorer.core.families import Architecture
from explorer.core.network.errors import ParameterError
from explorer.core.network.tracing import trace
from explorer.core.training.fitting import SIDE, output_strides
from explorer.worker.timing_functions import asked, checked

#: Seconds of a question.
SLICE = 1.0


def train(
    architecture: Architecture,
    task: str = "masks",
    input_shape: Sequence[int] = (SIDE, SIDE, 1),
    seconds: float = 60.0,
    seed: int = 0,
    *,
    steps: int | None = None,
    learning_rate: float = TrainingSettings().learning_rate,
    batch_size: int = TrainingSettings().batch_size,
) -> TrainingResult:
    """Train a network on a small task whose pictures are drawn on the spot, in the Keras process.

    The same seed gives the same weights to begin with, also for layers that two designs share, and
    the same pictures, so that designs can be compared.

    Args:
        architecture: The architecture.
        task: "masks" (IoU), "dots" (position error in px), "denoise" (PSNR in dB) or "edges"
            (boundary F1); see `explorer.core.training.tasks`.
        input_shape: `(height, width, channels)` of the pictures.
        seconds: When it stops, making and compiling the model included; a step is finished.
        seed: Decides the weights to begin with, and the pictures of each step.
        steps: After how many steps it stops, if its time is not up; None: only time counts.
        learning_rate: Of the Adam optimiser.
        batch_size: Pictures in a step.

    Raises:
        ParameterError: If the shape, the time or a choice cannot be used.
        Refusal: If the design can't learn the task, with what to do.
        TypeError: If it is no architecture.
        MemoryError: If the memory that is free is less than a step needs.
        WorkerDied: If the process ended, or gave no answer.
    """
    if not isinstance(seconds, Real) or not seconds > 0 or (seconds == inf and steps is None):
        remedy = "give a number above 0, and how many steps if that is infinite"
        raise ParameterError("Training", "seconds", seconds, "is no time", remedy)
    if steps is not None:
        _check_steps(steps)
    settings = TrainingSettings(
        task=task, seed=seed, learning_rate=learning_rate, batch_size=batch_size
    )
    shape = checked(input_shape, batch_size)
    output_strides(trace(architecture, shape))
    training = Training(architecture, shape, settings)
    learnt: Learnt = asked(Train(training, None, 0.0))
    curve = LearningCurve().extended(learnt)
    while learnt.seconds < seconds and (steps is None or learnt.step < steps):
        pause = min(SLICE, seconds - learnt.seconds)
        learnt = asked(Train(training, learnt.step, pause, steps))
        curve = curve.extended(learnt)
    file: KerasFile = asked(SaveTrained(training, "weights"))
    return TrainingResult(training, curve, file.content)


def train_twins(
    a: Architecture,
    b: Architecture,
    task: str = "masks",
    input_shape: Sequence[int] = (SIDE, SIDE, 1),
    steps: int = 200,
    seeds: int | Sequence[int] = 3,
    *,
    names: tuple[str, str] = ("A", "B"),
    learning_rate: float = TrainingSettings().learning_rate,
    batch_size: int = TrainingSettings().batch_size,
) -> Twins:
    """Train two networks side by side on the same pictures, with one seed after the other.

    They take turns after each step, in the Keras process, and make the same number of steps; how
    long each took is told. See `Twins` for what is alike in both.

    Args:
        a: The one architecture.
        b: The other.
        task: As in `train`.
        input_shape: `(height, width, channels)` of the pictures, which both take.
        steps: How many steps each makes.
        seeds: How many seeds, from 0 on; or which.
        names: What the two are called where the difference is told.
        learning_rate: Of the Adam optimiser.
        batch_size: Pictures in a step.

    Raises:
        ParameterError: If the shape or a choice cannot be used.
        Refusal: If a design can't learn the task, or both are the same.
        TypeError: If one is no architecture.
        MemoryError: If the memory that is free is less than a step needs.
        WorkerDied: If the process ended, or gave no answer.
    """
    chosen = tuple(range(seeds) if isinstance(seeds, int) else seeds)
    if not chosen:
        raise ParameterError("Training", "seeds", seeds, "are none", "give 1 or more")
    if len(set(chosen)) < len(chosen):
        raise ParameterError(
            "Training", "seeds", seeds, "names one twice", "give each once, or how many"
        )
    _check_steps(steps)
    shape = checked(input_shape, batch_size)
    pairs = []
    for seed in chosen:
        settings = TrainingSettings(
            task=task, seed=seed, learning_rate=learning_rate, batch_size=batch_size
        )
        pairs.append((Training(a, shape, settings), Training(b, shape, settings)))
    check_differ(*pairs[0])
    for architecture in (a, b):
        output_strides(trace(architecture, shape))
    return Twins(*pairs[0], tuple(_run(*pair, steps) for pair in pairs), names)


def _check_steps(steps: Any) -> None:
    """Refuse what is no number of steps.

    Raises:
        ParameterError: If it is none.
    """
    if not isinstance(steps, Integral) or steps < 1:
        remedy = "give a whole number of at least 1"
        raise ParameterError("Training", "steps", steps, "are none", remedy)


def _run(a: Training, b: Training, steps: int) -> TwinRun:
    """Let two networks learn with their seed."""
    curves = LearningCurve(), LearningCurve()
    after: int | None = None
    pause = 0.0
    while True:
        learnt: tuple[Learnt, Learnt] = asked(TrainTwins(a, b, after, pause, steps))
        curves = curves[0].extended(learnt[0]), curves[1].extended(learnt[1])
        after, pause = learnt[0].step, SLICE
        if after >= steps:
            return TwinRun(a.settings.seed, *curves)
