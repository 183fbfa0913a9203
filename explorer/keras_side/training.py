"""A network that learns a task, step by step."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from explorer.core.analysis.memory_need import needed_bytes
from explorer.core.analysis.report import Report, analyze
from explorer.core.asking.position import center, signs
from explorer.core.asking.training import Answered, HeldOut, Learnt, Looks, Score, Training
from explorer.core.network.errors import Refusal
from explorer.core.pictures.effective_field import EffectiveField
from explorer.core.pictures.images import picture_png
from explorer.core.training.examples import averaged, batch, held_out
from explorer.core.training.fitting import output_strides
from explorer.core.training.metrics import score
from explorer.core.training.pictures import answer_png
from explorer.core.training.tasks import SHOWN, Task
from explorer.keras_side.backends import Compiled, backend, find_device
from explorer.keras_side.build import import_keras
from explorer.keras_side.rebuild import Rebuilder
from explorer.keras_side.transposed import avoid_fault

#: Name of the layer that tells a task's channels from the features of a design's output.
ANSWER = "task_answer"
#: How many steps lie between two looks at all held-out pictures, and the first few of them, in
#: which most happens. They depend on nothing else, so that a seed gives the same curve.
LOOK_EVERY, FIRST_LOOKS = 10, (0, 2, 5)
#: Share of the gradient that is within what it looks at.
WITHIN = 0.95
#: Keeps the Dice coefficient a number where nothing is to be found.
_SMOOTH = 1.0


class Learner:
    """A model that learns.

    Each output of the design gets a 1×1 convolution to the task's channels, unless it has these
    already, as a linear head. Of several outputs all learn, as in stacked hourglasses (Newell et
    al. 2016, arXiv 1603.06937), by the mean of their losses, and the last one counts.

    Attributes:
        design: The model of the design, without what was added to it.
        model: The model that learns.
        step: How many steps it has made.
        seconds: How long it has taken.
    """

    def __init__(self, training: Training) -> None:
        """Make the model; its random weights depend on the seed and their names alone.

        Args:
            training: What is to be trained.

        Raises:
            Refusal: If the design can't learn the task.
        """
        start = perf_counter()
        keras = import_keras()
        self.training = training
        self._device = find_device().name.lower()
        settings = training.settings
        keras.utils.set_random_seed(settings.seed)  # which dropout draws by
        rebuilder = Rebuilder()
        rebuilder.seed = settings.seed
        self.design = rebuilder.rebuild(
            training.architecture, training.input_shape, device=find_device().name
        )
        assert rebuilder.graph is not None
        self.strides = output_strides(rebuilder.graph)
        rebuilder.give_weights()
        with keras.device(self._device):
            self.model = _answering(self.design, training.task, settings.seed)
            self._optimizer = backend().adam(settings.learning_rate)
            self._optimizer.build(self.model.trainable_variables)
        if not self.model.trainable_variables:
            raise Refusal(
                "This network has no weights that are trained, so it can’t learn: add a "
                "convolution, or set its layers to trainable."
            )
        avoid_fault(self.model)
        self._examples = held_out(training.task, training.input_shape)
        self._at_once = _at_once(analyze(rebuilder.graph), settings.batch_size)
        self._answered: list[Answered] = []  # what is to be told
        self._looks: list[Looks] = []
        self._gradient: Compiled | None = None
        self._compiled: Compiled | None = None
        self._inference: Compiled | None = None
        self.step = 0
        self.losses: list[float] = []
        self.scores: list[Score] = []
        self.seconds = perf_counter() - start

    def learn(
        self,
        seconds: float,
        is_stale: Callable[[], bool] = bool,
        until: int | None = None,
        shows: bool = False,
    ) -> None:
        """Go on for so many seconds, or a step if that takes longer; first there is but a look.

        A look at the held-out pictures follows a step at once, so that it is told with it.

        Args:
            seconds: How long.
            is_stale: Asked between steps; once it is true, nothing more is done.
            until: The step to which it goes at the most; None: there is no such.
            shows: Whether the pictures that are shown are answered after each step; see `Train`.
        """
        start = last = perf_counter()
        while not is_stale():
            if until is not None and self.step >= until and self.scores:
                return
            with import_keras().device(self._device):
                if self.scores:
                    self._make_step()
                if self.step in FIRST_LOOKS or self.step % LOOK_EVERY == 0:
                    answers = self._look(self.seconds + perf_counter() - last)
                    if shows:
                        self._looks.append(self._looked())
                elif shows:
                    answers = self._answer(self._examples.images[:SHOWN])
                if shows:
                    self._answered.append(Answered(self.step, self._pngs(answers[:SHOWN])))
            now = perf_counter()
            self.seconds += now - last
            last = now
            if now - start >= seconds:
                return

    @property
    def progress(self) -> tuple[int, int]:
        """How many steps it has made, and how often it has looked at the held-out pictures."""
        return self.step, len(self.scores)

    def told(self, after: int | None) -> Learnt:
        """Return how far it is.

        Args:
            after: What happened after this step is told; None: all, and the held-out pictures.
        """
        since = 0 if after is None else after
        scores = tuple(each for each in self.scores if after is None or each.step > since)
        pictures = self._held_out() if after is None else ()
        adds = any(layer.name.startswith(ANSWER) for layer in self.model.layers)
        losses = tuple(self.losses[since:])
        answered, self._answered = tuple(self._answered), []
        return Learnt(
            self.step,
            self.seconds,
            losses,
            scores,
            pictures,
            self.strides,
            adds,
            answered=answered,
            looks=(self._looks[0], self._looks[-1]) if self._looks else (),
        )

    def _make_step(self) -> None:
        keras = import_keras()
        training = self.training
        settings = training.settings
        drawn = batch(
            training.task, training.input_shape, settings.batch_size, settings.seed, self.step
        )
        targets = [averaged(drawn.answers, stride) for stride in self.strides]
        x = keras.ops.convert_to_tensor(drawn.images)
        y = [keras.ops.convert_to_tensor(target) for target in targets]
        if self._compiled is None:
            loss = partial(_mean_loss, training.task)
            self._compiled = backend().learning_step(self.model, self._optimizer, loss, x, y)
        self.losses.append(float(np.asarray(self._compiled.run(x, y))))
        self.step += 1

    def _look(self, seconds: float) -> np.ndarray:
        """Answer the held-out pictures, and judge that."""
        answers = self._answer(self._examples.images)
        value = score(self.training.task, self._examples, answers)
        self.scores.append(Score(self.step, seconds, value))
        return answers

    def _looked(self) -> Looks:
        """Return what the middle of the last answer looks at, over as many pictures as a step."""
        keras = import_keras()
        images = self._examples.images[: min(SHOWN, self.training.settings.batch_size)]
        _, height, width, channels = self.model.outputs[-1].shape
        position = height // 2, width // 2
        x = keras.ops.convert_to_tensor(images)
        weights = keras.ops.convert_to_tensor(np.array(signs(channels), np.float32))
        if self._gradient is None:
            part = keras.Model(self.model.inputs[0], self.model.outputs[-1])
            self._gradient = backend().input_gradient(part, x, position, weights)
        strength = np.abs(np.asarray(self._gradient.run(x, weights))).sum(axis=(0, 3))
        middle = center(position, (height, width), images.shape[1:3])
        field = EffectiveField(strength, middle, "", is_untrained=not self.step)
        return Looks(self.step, field.side(WITHIN))

    def _answer(self, images: np.ndarray) -> np.ndarray:
        """Return the last output for pictures: probabilities, or values as they are."""
        keras = import_keras()
        answers = []
        for start in range(0, len(images), self._at_once):
            x = keras.ops.convert_to_tensor(images[start : start + self._at_once])
            self._inference = self._inference or backend().inference(self.model, x)
            outputs = self._inference.run(x)
            last = outputs[-1] if isinstance(outputs, (list, tuple)) else outputs
            answer = keras.ops.sigmoid(last) if self.training.task.is_mask else last
            answers.append(np.asarray(answer))
        return np.concatenate(answers)

    def _held_out(self) -> tuple[HeldOut, ...]:
        images, truths = self._examples.images[:SHOWN], self._pngs(self._examples.answers[:SHOWN])
        return tuple(
            HeldOut(picture_png(image), truth) for image, truth in zip(images, truths, strict=True)
        )

    def _pngs(self, answers: np.ndarray) -> tuple[bytes, ...]:
        height = self._examples.images.shape[1]
        return tuple(answer_png(answer, height) for answer in answers)


def learn_in_turns(
    learners: Sequence[Learner],
    seconds: float,
    is_stale: Callable[[], bool] = lambda: False,
    until: int | None = None,
    shows: bool = False,
) -> None:
    """Let several go on for so many seconds, at least a step each.

    They take turns after each step, so that what slows the machine down slows all. In the end each
    has made the same steps and looks, unless nobody waits any more.

    Args:
        learners: What learns.
        seconds: How long, all together.
        is_stale: Asked between steps; once it is true, nothing more is done.
        until: The step to which they go at the most; None: there is no such.
        shows: As of `Learner.learn`.
    """
    start = perf_counter()
    began = min(each.progress for each in learners)
    while not is_stale():
        behind = min(learners, key=lambda each: each.progress)
        are_level = all(each.progress == behind.progress for each in learners)
        if are_level and behind.scores:
            if until is not None and behind.step >= until:
                return
            if behind.progress > began and perf_counter() - start >= seconds:
                return
        behind.learn(0.0, shows=shows)


def _at_once(report: Report, batch_size: int) -> int:
    """Return how many held-out pictures are answered in a pass.

    More are faster; they may take no more memory than a step, which was checked.
    """
    shown = needed_bytes(report, SHOWN, step="forward pass")
    return SHOWN if shown <= needed_bytes(report, batch_size, step="training step") else 1


def _answering(design: Any, task: Task, seed: int) -> Any:
    """Return the model whose outputs have a task's channels; logits where these are masks."""
    keras = import_keras()
    outputs = []
    for index, output in enumerate(design.outputs):
        if _is_fitting(output, task):
            outputs.append(output)
            continue
        name = f"{ANSWER}{index}" if len(design.outputs) > 1 else ANSWER
        initial = keras.initializers.GlorotUniform(seed=seed + index)
        outputs.append(
            keras.layers.Conv2D(task.channels, 1, kernel_initializer=initial, name=name)(output)
        )
    return keras.Model(design.inputs[0], outputs if len(outputs) > 1 else outputs[0])


def _is_fitting(output: Any, task: Task) -> bool:
    """Return whether an output has a task's channels as they are, of a linear convolution."""
    layer = output._keras_history.operation
    is_linear = getattr(layer, "activation", None) is import_keras().activations.linear
    is_convolution = isinstance(layer, import_keras().layers.Conv2D)
    return is_convolution and is_linear and output.shape[-1] == task.channels


def _mean_loss(task: Task, outputs: Any, targets: Sequence[Any]) -> Any:
    """Return the loss, averaged over the outputs."""
    given = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    loss = _mask_loss if task.is_mask else _squared_error
    losses = [loss(output, target) for output, target in zip(given, targets, strict=True)]
    return sum(losses[1:], losses[0]) / len(losses)


def _squared_error(output: Any, target: Any) -> Any:
    return import_keras().ops.mean((output - target) ** 2)


def _mask_loss(logits: Any, target: Any) -> Any:
    ops = import_keras().ops
    entropy = ops.mean(ops.binary_crossentropy(target, logits, from_logits=True))
    found = ops.sigmoid(logits)
    both, sizes = ops.sum(found * target), ops.sum(found) + ops.sum(target)
    return entropy + 1 - (2 * both + _SMOOTH) / (sizes + _SMOOTH)
