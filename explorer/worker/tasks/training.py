"""Networks that learn in this process, a little at a time, so that other questions are answered."""

import gc

from explorer.core.asking.failures import GivenUp
from explorer.core.asking.keras_file import KerasFile
from explorer.core.asking.training import Learnt, Training
from explorer.core.asking.weights import Weights
from explorer.core.formatting import counted
from explorer.core.network.errors import Refusal
from explorer.core.network.tracing import trace
from explorer.core.training.fitting import output_strides
from explorer.keras_side.backends import find_device, free_bytes
from explorer.keras_side.build import import_keras
from explorer.keras_side.machine_memory import check_fits
from explorer.keras_side.rebuild import Trained
from explorer.keras_side.saving import model_file
from explorer.keras_side.training import Learner, learn_in_turns
from explorer.worker.in_process import is_overtaken
from explorer.worker.tasks import forward
from explorer.worker.tasks.saving import check_size

#: Networks that are kept to go on with, such as two that are compared.
MOST = 2

_learners: dict[Training, Learner] = {}  # the one that was asked about last comes last


def train(
    training: Training,
    after: int | None,
    seconds: float,
    until: int | None = None,
    shows: bool = False,
) -> Learnt:
    """Let a network learn for a while; runs in the worker.

    From then on, each model of its architecture has its weights.

    Args:
        training: What is trained.
        after: What took place after this step is told; None: begin anew.
        seconds: For how long; a step or a look at the held-out pictures is finished.
        until: The step to which it learns at the most; None: there is no such.
        shows: Whether what it says of the pictures that are shown is told, after each step.

    Raises:
        Refusal: If the design can't learn the task, or what is to go on is lost.
        MemoryError: If a step takes more memory than is free.
        GivenUp: If nobody waits for it any more; what was learnt by then is kept.
    """
    learner = _begun(training) if after is None else _kept(training, after)
    learner.learn(seconds, is_overtaken, until, shows)
    _give(learner)
    return learner.told(after)


def train_twins(
    a: Training,
    b: Training,
    after: int | None,
    seconds: float,
    until: int | None = None,
    shows: bool = False,
) -> tuple[Learnt, Learnt]:
    """Let two networks learn in turns; runs in the worker.

    From then on, each model of B's architecture has its weights. Arguments and errors are those of
    `train`.
    """
    learners = [_begun(each) if after is None else _kept(each, after) for each in (a, b)]
    learn_in_turns(learners, seconds, is_overtaken, until, shows)
    _give(learners[1])
    return learners[0].told(after), learners[1].told(after)


def _give(learner: Learner) -> None:
    """Have models of its architecture get its weights.

    Raises:
        GivenUp: If nobody waits for it any more.
    """
    trained = Trained(learner.training.architecture, learner.design, _told(learner))
    forward.give_trained(trained)
    if is_overtaken():
        raise GivenUp


def save_trained(training: Training, kind: str) -> KerasFile:
    """Write the design with what it has learnt as a file; runs in the worker.

    Args:
        training: What was trained.
        kind: "weights", of the design alone, or "keras-file", with what answers the task.

    Raises:
        Refusal: If it is lost, or the file would be too large.
    """
    learner = _kept(training)
    model = learner.design if kind == "weights" else learner.model
    with import_keras().device(find_device().name.lower()):
        content = model_file(model, kind)
    check_size(len(content))
    layers = sum(bool(layer.weights) for layer in model.layers)
    return KerasFile(content, Weights(training.settings.seed, _told(learner), layers, layers))


def _told(learner: Learner) -> str:
    """Return where a network's weights come from, in words that follow "from"."""
    task = learner.training.task.title
    return f"training here ({task}, {counted(learner.step, 'step')})"


def _begun(training: Training) -> Learner:
    """Return a network that has learnt nothing yet, if training it fits the memory."""
    _learners.pop(training, None)
    while len(_learners) >= MOST:
        del _learners[next(iter(_learners))]
    gc.collect()  # models hold themselves in circles
    graph = trace(training.architecture, training.input_shape)
    output_strides(graph)  # before anything is made
    device = find_device()
    size = training.settings.batch_size

    def check() -> None:
        check_fits(
            training.architecture,
            training.input_shape,
            size,
            free=free_bytes(device),
            device=device.kind,
            step="training step",
        )

    forward.check_or_give_back(check)
    forward.expect_run([graph], size, forward.TRAINING)
    learner = _learners[training] = Learner(training)
    return learner


def _kept(training: Training, after: int = 0) -> Learner:
    """Return a network that has begun to learn.

    Raises:
        Refusal: If it is no longer there, or has not come to this step: then it began anew since,
            such as for another explorer.
    """
    learner = _learners.pop(training, None)
    if learner is not None and learner.step < after:
        _learners[training] = learner  # whoever lets it learn goes on
        learner = None
    if learner is None:
        raise Refusal(
            "What this network had learnt is lost, since Keras was started again or others have "
            "learnt since: reset it, and train again."
        )
    _learners[training] = learner
    return learner
