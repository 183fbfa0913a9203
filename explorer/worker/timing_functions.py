"""Networks timed from a notebook: the Keras process is asked, and its answer waited for."""

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from statistics import median
from typing import Any

import attrs

from explorer.core.analysis.design import Design
from explorer.core.analysis.device_profile import PROFILE_SECONDS, DeviceProfile
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import (
    PAIR_TIME_LIMIT,
    TIME_LIMIT,
    ProfileDevice,
    Question,
    TimeLayers,
    TimeModel,
    TimePair,
)
from explorer.core.asking.timing import LayerTimes, PairTiming, Timing
from explorer.core.families import Architecture
from explorer.core.network.errors import ParameterError
from explorer.core.network.layers import Shape
from explorer.core.network.tracing import check_input_shape
from explorer.searching.found import Found
from explorer.worker import elsewhere, shared_worker

#: Turns in which the best of a search are timed, and seconds of each of them in a turn.
TURNS, TURN_SECONDS = 3, 0.5

_callers = itertools.count()


def time_forward(
    architecture: Architecture,
    input_shape: Sequence[int],
    batch_size: int = 1,
    *,
    device: str = "auto",
    precision: str = "float32",
    compiler: str = "auto",
    step: str = "forward pass",
    time_limit: float = TIME_LIMIT,
) -> Timing:
    """Time a forward pass, or a training step, on random images, in the worker process.

    Args:
        architecture: The architecture; its weights are random.
        input_shape: `(height, width, channels)`.
        batch_size: Images in each run.
        device: Where to run, such as "CPU:0" or "GPU:1"; "auto": on a GPU, if there is one.
        precision: "float32", "mixed_bfloat16" or "mixed_float16".
        compiler: "graph", "XLA", "fastest" of the two, or "auto" (see `Measurement`).
        step: "forward pass", or "training step": forward, backward and the Adam optimiser.
        time_limit: Seconds after which no further run is started; at least 5 runs are made.

    Raises:
        ParameterError: If the shape or one of the choices cannot be used.
        MemoryError: If the device's free memory is less than is needed.
        WorkerDied: If the process ended, or gave no answer.
    """
    how = Measurement(device=device, precision=precision, compiler=compiler, step=step)
    shape = checked(input_shape, batch_size)
    timing: Timing = asked(TimeModel(architecture, shape, batch_size, how, time_limit))
    return timing


def time_each_layer(
    architecture: Architecture,
    input_shape: Sequence[int],
    batch_size: int = 1,
    *,
    device: str = "auto",
    precision: str = "float32",
    compiler: str = "auto",
) -> LayerTimes:
    """Time every layer alone, compiled, on the input that it has in the model.

    Arguments and errors are those of `time_forward`.
    """
    how = Measurement(device=device, precision=precision, compiler=compiler)
    shape = checked(input_shape, batch_size)
    times: LayerTimes = asked(TimeLayers(architecture, shape, batch_size, how))
    return times


def time_pair(
    architecture_a: Architecture,
    architecture_b: Architecture,
    input_shape: Sequence[int],
    batch_size: int = 1,
    *,
    device: str = "auto",
    precision: str = "float32",
    compiler: str = "auto",
    step: str = "forward pass",
    time_limit: float = PAIR_TIME_LIMIT,
) -> PairTiming:
    """Time two architectures in turns on random images, in the worker process.

    What slows the machine down slows both, so their ratio is known better than from two separate
    measurements.

    Args:
        architecture_a: The one architecture; its weights are random.
        architecture_b: The other.
        input_shape: `(height, width, channels)`, of both.
        batch_size: Images in each run.
        device: Where to run, such as "CPU:0" or "GPU:1"; "auto": on a GPU, if there is one.
        precision: "float32", "mixed_bfloat16" or "mixed_float16".
        compiler: "graph", "XLA", "fastest" of the two, or "auto" (see `Measurement`).
        step: "forward pass", or "training step": forward, backward and the Adam optimiser.
        time_limit: Seconds after which no further run is started; at least 6 of each are made.

    Raises:
        ParameterError: If the shape or one of the choices cannot be used.
        MemoryError: If the device's free memory is less than both need together.
        WorkerDied: If the process ended, or gave no answer.
    """
    how = Measurement(device=device, precision=precision, compiler=compiler, step=step)
    shape = checked(input_shape, batch_size)
    timing: PairTiming = asked(
        TimePair(architecture_a, shape, architecture_b, shape, batch_size, how, time_limit)
    )
    return timing


def profile_device(
    *,
    device: str = "auto",
    precision: str = "float32",
    compiler: str = "auto",
    seconds: float = PROFILE_SECONDS,
    executor: Executor | None = None,
) -> DeviceProfile:
    """Time small networks on a device, in the worker process, to tell the time of others.

    It is best done while nothing else runs. The profile can be saved, and used where there is no
    such device: see `DeviceProfile.to_json`.

    Args:
        device: Such as "CPU:0" or "GPU:1"; "auto": a GPU, if there is one.
        precision: "float32", "mixed_bfloat16" or "mixed_float16".
        compiler: "graph", "XLA", "fastest" of the two, or "auto" (see `Measurement`).
        seconds: After which no further network is begun; fewer of them tell less well.
        executor: On whose worker's machine; None: on this one. See `time_best`.

    Raises:
        ParameterError: If one of the choices cannot be used.
        Refusal: If in so many seconds too few could be timed, or no worker of the executor can.
        WorkerDied: If the process ended, or gave no answer.
    """
    how = Measurement(device=device, precision=precision, compiler=compiler)
    profile: DeviceProfile = done(partial(asked, ProfileDevice(how, seconds)), executor)
    return profile


def time_best(
    found: Found,
    count: int = 5,
    *,
    device: str = "auto",
    precision: str = "float32",
    compiler: str = "auto",
    executor: Executor | None = None,
) -> Found:
    """Return what a search found, with the measured times of the best, in the worker process.

    They are built and timed in turns, so that what slows the machine down slows all of them; the
    median over the turns is kept. One that does not fit into memory has no time.

    Args:
        found: What a search found.
        count: How many of its best are timed.
        device: Where to run; see `time_forward`.
        precision: "float32", "mixed_bfloat16" or "mixed_float16".
        compiler: "graph", "XLA", "fastest" of the two, or "auto".
        executor: On whose worker's machine, all of them on one; None: on this one. It is any of
            `concurrent.futures`' kind, such as Dask's
            `client.get_executor(resources={"GPU": 1})`: where each worker was started with as many
            of this resource as it has GPUs, a GPU is asked for one measurement at a time.

    Raises:
        ParameterError: If one of the choices cannot be used.
        Refusal: If no worker of the executor can do it.
        WorkerDied: If the process ended, or gave no answer.
    """
    how = Measurement(device=device, precision=precision, compiler=compiler)
    best = found.best[:count]
    times = dict(
        zip(
            (each.number for each in best),
            done(partial(_in_turns, [_question(each.design, how) for each in best]), executor),
            strict=True,
        )
    )
    return attrs.evolve(
        found,
        candidates=tuple(
            attrs.evolve(each, measured=median(times[each.number]))
            if times.get(each.number)
            else each
            for each in found.candidates
        ),
    )


def _question(design: Design, how: Measurement) -> TimeModel:
    given = design.input
    return TimeModel(design.architecture, given.shape, given.batch_size, how, TURN_SECONDS)


def _in_turns(questions: Sequence[TimeModel]) -> list[list[float]]:
    """Return the seconds that each took in each turn; none in those without enough memory."""
    seconds: list[list[float]] = [[] for _ in questions]
    for _ in range(TURNS):
        for question, taken in zip(questions, seconds, strict=True):
            with suppress(MemoryError):
                taken.append(asked(question).median)
    return seconds


def done(work: Callable[[], Any], executor: Executor | None) -> Any:
    """Return what comes of work that asks the worker: this machine's, or one of an executor."""
    return work() if executor is None else elsewhere.result(work, executor)


def checked(input_shape: Sequence[int], batch_size: int) -> Shape:
    """Return the shape, if it and the batch size are such.

    Raises:
        ParameterError: If not.
    """
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ParameterError(
            "Input", "batch_size", batch_size, "is not a number of images", "give 1 or more"
        )
    return check_input_shape(input_shape)


def asked(work: Question | Callable[[], Any]) -> Any:
    """Return what the worker answers; interrupted, it is told that nobody waits."""
    result: Future[Any] = Future()
    owner = next(_callers)
    shared_worker().submit(owner, work, result.set_result, result.set_exception)
    try:
        return result.result()
    except BaseException:
        shared_worker().cancel(owner)
        raise
