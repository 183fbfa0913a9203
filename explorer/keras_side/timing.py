"""What a trustworthy measurement of a forward pass or a training step is.

Compilation and the first call are timed apart; then the run is repeated on several inputs that
already lie on the device, which is waited for after each repeat, until the median is steady.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from time import perf_counter
from typing import Any

import attrs
import numpy as np

from explorer.core.asking.failures import GivenUp
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import PAIR_TIME_LIMIT, TIME_LIMIT
from explorer.core.asking.timing import (
    FEWEST_FOR_INTERVAL,
    PairTiming,
    Timing,
    XlaAnalysis,
    is_steady,
    median_interval,
)
from explorer.core.network.errors import ParameterError
from explorer.keras_side.backends import Compiled, Device, backend, find_device, free_bytes
from explorer.keras_side.build import dtype_policy, import_keras
from explorer.keras_side.transposed import fault_avoided

MINIMUM_RUNS = 5
WARMUP_RUNS = 3


def time_model(
    model: Any,
    images: np.ndarray,
    measurement: Measurement | None = None,
    *,
    flops: int | None = None,
    time_limit: float = TIME_LIMIT,
    is_stale: Callable[[], bool] = bool,
) -> tuple[Timing, list[np.ndarray]]:
    """Measure a model's forward pass or training step; its weights stay as they are.

    Args:
        model: A `keras.Model` with one input, whose weights lie on the device.
        images: `(batch, height, width, channels)`, float32.
        measurement: What is to be measured, and how.
        flops: Floating-point operations of a forward pass of one image.
        time_limit: Seconds after which no further run is started; at least 5 runs are made.
        is_stale: Asked between repeats; once it is true, the measurement is given up.

    Returns:
        The timing, and the model's outputs for the images as float32 (none after a training step).

    Raises:
        ParameterError: If the device is not there, or the backend lacks the compiler.
        GivenUp: If `is_stale` became true.
    """
    how = measurement or Measurement()
    device = find_device(how.device)
    with import_keras().device(device.name.lower()), _unchanged(model, how, device):
        before = backend().used(device)
        ready = _prepared(model, images, how, device, is_stale)
        times = _until_steady(ready.run, time_limit, is_stale)
        after = backend().used(device)
    peak = after.peak if after and before and after.peak > before.peak else None
    timing = attrs.evolve(_timing(ready, times, how, device, flops), peak_memory_bytes=peak)
    if how.trains:
        return timing, []
    result = ready.result
    outputs = result if isinstance(result, (list, tuple)) else [result]
    return timing, [np.asarray(import_keras().ops.cast(output, "float32")) for output in outputs]


def time_interleaved(
    models: tuple[Any, Any],
    images: tuple[np.ndarray, np.ndarray],
    measurement: Measurement | None = None,
    *,
    flops: tuple[int | None, int | None] = (None, None),
    time_limit: float = PAIR_TIME_LIMIT,
    is_stale: Callable[[], bool] = bool,
) -> PairTiming:
    """Measure two models in turns (A, B, A, B, ...), so that what disturbs the one disturbs both.

    Each run follows one of the other model, so small models, whose data a cache could hold from
    run to run, can take longer than they do in `time_model`.

    Args:
        models: A and B, each as `time_model` takes it; they may share nothing that training
            changes.
        images: The images of each.
        measurement: What is to be measured of both, and how.
        flops: Of each, the floating-point operations of a forward pass of one image.
        time_limit: Seconds after which no further pair of runs is started; at least 6 are made.
        is_stale: Asked between pairs; once it is true, the measurement is given up.

    Raises:
        ParameterError: If the device is not there, or the backend lacks the compiler.
        GivenUp: If `is_stale` became true.
    """
    how = measurement or Measurement()
    device = find_device(how.device)
    with (
        import_keras().device(device.name.lower()),
        _unchanged(models[0], how, device),
        _unchanged(models[1], how, device),
    ):
        a, b = (
            _prepared(model, batch, how, device, is_stale)
            for model, batch in zip(models, images, strict=True)
        )
        a.run()  # what it had in the caches, compiling B has replaced
        b.run()
        times_a, times_b, ratios = _turns_until_steady(a.run, b.run, time_limit, is_stale)
    interval = median_interval(ratios)
    assert interval is not None  # there are enough pairs
    return PairTiming(
        a=_timing(a, times_a, how, device, flops[0], warmup_runs=WARMUP_RUNS + 2),
        b=_timing(b, times_b, how, device, flops[1], warmup_runs=WARMUP_RUNS + 2),
        speedup=float(np.median(ratios)),
        low=interval[0],
        high=interval[1],
    )


def _compilers(wanted: str, device: Device) -> tuple[str, ...]:
    """Return the compilers to try.

    Raises:
        ParameterError: If the backend lacks the one that is wanted.
    """
    there = backend().compilers
    if wanted == "fastest" or (wanted == "auto" and device.kind != "CPU"):
        return there
    if wanted == "auto":
        return there[:1]
    if wanted not in there:
        raise ParameterError(
            "Measurement",
            "compiler",
            wanted,
            f"is not a compiler of {backend().name}",
            f"choose {' or '.join(there)}",
        )
    return (wanted,)


def compiler_for_memory(how: Measurement, device: Device) -> str:
    """Return by what the need of memory is told: "graph", "XLA", or "both" where both are tried.

    On CPUs TensorFlow's XLA takes the most, by far: it writes out each convolution's input.
    """
    tried = _compilers(how.compiler, device)
    is_costly = device.kind == "CPU" and "graph" in backend().compilers
    if not is_costly or "XLA" not in tried:
        return "graph"
    return "both" if "graph" in tried else "XLA"


@attrs.frozen
class _Ready:
    """A model, compiled and warm.

    Attributes:
        model: The model.
        images: What it runs on.
        run: Runs it on the next variant of the images, and waits for the device.
        result: What its first call returned.
        compiler: Which compiled it.
        compile_time: Seconds that this took.
        first_call_time: Seconds that the first call took.
        xla: XLA's account of it, where there is one.
        trial: Seconds of the fastest run so far.
        problem: Why another compiler could not be used, if one was tried.
    """

    model: Any
    images: np.ndarray
    run: Callable[[], Any]
    result: Any
    compiler: str
    compile_time: float
    first_call_time: float
    xla: XlaAnalysis | None
    trial: float
    problem: str = ""


def _prepared(
    model: Any, images: np.ndarray, how: Measurement, device: Device, is_stale: Callable[[], bool]
) -> _Ready:
    """Return a model compiled by the fastest of the compilers to try, after its warm-up runs."""
    keras = import_keras()
    batches = [[keras.ops.convert_to_tensor(batch)] for batch in _variants(images)]
    prepare = _training_step if how.trains else _forward

    def attempt(compiler: str) -> _Ready:
        start = perf_counter()
        compiled, more = prepare(model, batches[0], how, compiler)
        compile_time = perf_counter() - start
        start = perf_counter()
        result = compiled.run(*batches[0], *more)
        first_call_time = perf_counter() - start
        run = alternating(compiled.run, [[*batch, *more] for batch in batches])
        trial = min(_repeat(run, WARMUP_RUNS, is_stale))
        return _Ready(
            model,
            images,
            run,
            result,
            compiler,
            compile_time,
            first_call_time,
            compiled.analysis,
            trial,
        )

    compilers = _compilers(how.compiler, device)
    tried, problem = [], ""
    for compiler in compilers:
        try:
            tried.append(attempt(compiler))
        except GivenUp:
            raise
        except Exception as error:  # XLA, say, needs more memory, or a part of CUDA
            if compiler == compilers[-1] and not tried:
                raise
            problem = f"{compiler} failed: {str(error).partition(chr(10))[0][:200]}"
    return attrs.evolve(min(tried, key=lambda ready: ready.trial), problem=problem)


def _timing(
    ready: _Ready,
    times: Sequence[float],
    how: Measurement,
    device: Device,
    flops: int | None,
    warmup_runs: int = WARMUP_RUNS + 1,
) -> Timing:
    p10, median, p90 = np.percentile(times, [10, 50, 90])
    images = ready.images
    return Timing(
        median=float(median),
        p10=float(p10),
        p90=float(p90),
        runs=len(times),
        warmup_runs=warmup_runs,
        is_steady=is_steady(times),
        compile_time=ready.compile_time,
        first_call_time=ready.first_call_time,
        batch_size=len(images),
        input_shape=(images.shape[1], images.shape[2], images.shape[3]),
        dtype=ready.model.compute_dtype,
        step=how.step,
        device=str(device),
        device_name=device.name,
        device_memory_bytes=device.memory_bytes,
        backend=backend().name,
        compiler=ready.compiler,
        flops=None if flops is None else flops * len(images) * (3 if how.trains else 1),
        peak_flops_per_second=_peak_flops(device.name, ready.model.compute_dtype),
        peak_memory_bytes=None,
        xla=ready.xla,
        problem=ready.problem,
    )


def _variants(images: np.ndarray) -> list[np.ndarray]:
    """Return inputs that differ, so that no result can be kept from run to run."""
    return [images, images[:, ::-1], images[:, :, ::-1], images[:, ::-1, ::-1]]


def _forward(
    model: Any, batch: list[Any], how: Measurement, compiler: str
) -> tuple[Compiled, list[Any]]:
    return backend().forward(model, batch, compiler), []


def _training_step(
    model: Any, batch: list[Any], how: Measurement, compiler: str
) -> tuple[Compiled, list[Any]]:
    """Compile a step of Adam on the mean squared error; also returns the targets, which are 0."""
    keras = import_keras()
    with dtype_policy(how.precision):  # which float16 scales its loss by
        trainer = keras.Model(model.inputs, model.outputs)
        trainer.compile(optimizer="adam", loss="mse", jit_compile=False)
        trainer.optimizer.build(trainer.trainable_variables)
    targets = [keras.ops.zeros((len(batch[0]), *output.shape[1:])) for output in model.outputs]
    given = targets if len(targets) > 1 else targets[0]
    return backend().training_step(trainer, batch[0], given, compiler), targets


@contextmanager
def _unchanged(model: Any, how: Measurement, device: Device) -> Iterator[None]:
    """Give the model its weights back after training; its gradients overwrite no memory."""
    if not how.trains:
        yield
        return
    kept = [np.asarray(v.value).copy() for v in model.variables]
    try:
        has_fault = device.kind == "CPU" and backend().name.startswith("TensorFlow")
        with fault_avoided(model) if has_fault else nullcontext():
            yield
    finally:
        for variable, value in zip(model.variables, kept, strict=True):
            variable.assign(value)


@lru_cache
def _peak_flops(device: str, dtype: str) -> float:
    """Return the most floating-point operations in a second that a matrix product reaches.

    Args:
        device: Keras' name of the device.
        dtype: Type of the matrices' values.
    """
    keras = import_keras()
    compiler = backend().compilers[0]
    size, best = 512, 0.0
    room = free_bytes(find_device(device))
    with keras.device(device.lower()):
        while True:
            matrix = keras.ops.ones((size, size), dtype)
            product = backend().function(keras.ops.matmul, [matrix, matrix], compiler)
            product.run(matrix, matrix)
            seconds = min(_timed(lambda: product.run(matrix, matrix)) for _ in range(3))  # noqa: B023
            best = max(best, 2 * size**3 / seconds)
            size *= 2
            needed = 3 * 4 * size**2  # a matrix, the product, and the one before it
            if seconds > 0.02 or size > 16384 or (room is not None and needed > room // 2):
                return best


def alternating(run: Callable[..., Any], inputs: list[list[Any]]) -> Callable[[], Any]:
    """Return a call that takes the next of several inputs each time."""
    place = 0

    def next_run() -> Any:
        nonlocal place
        place += 1
        return run(*inputs[place % len(inputs)])

    return next_run


def _timed(run: Callable[[], Any]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def _repeat(run: Callable[[], Any], count: int, is_stale: Callable[[], bool]) -> list[float]:
    times = []
    for _ in range(count):
        if is_stale():
            raise GivenUp
        times.append(_timed(run))
    return times


def _until_steady(
    run: Callable[[], Any], time_limit: float, is_stale: Callable[[], bool]
) -> list[float]:
    """Return the times of repeated runs: until the median is steady or the time is up."""
    end = perf_counter() + time_limit
    times = _repeat(run, MINIMUM_RUNS, is_stale)
    while perf_counter() < end and not is_steady(times):
        times += _repeat(run, 1, is_stale)
    return times


def _turns_until_steady(
    run_a: Callable[[], Any],
    run_b: Callable[[], Any],
    time_limit: float,
    is_stale: Callable[[], bool],
) -> tuple[list[float], list[float], list[float]]:
    """Return the times of runs in turns, and their ratios.

    They go on until the ratio and both medians are steady, or the time is up. That is looked at
    now and then only: looking takes time, after which the next run is slower.
    """
    end = perf_counter() + time_limit
    times_a: list[float] = []
    times_b: list[float] = []
    count = FEWEST_FOR_INTERVAL
    while True:
        while len(times_b) < count:
            for run, times in ((run_a, times_a), (run_b, times_b)):
                times += _repeat(run, 1, is_stale)
        ratios = [a / b for a, b in zip(times_a, times_b, strict=True)]
        if perf_counter() >= end or all(map(is_steady, (ratios, times_a, times_b))):
            return times_a, times_b, ratios
        count += max(1, count // 10)


def median_time(run: Callable[[], Any], time_limit: float, is_stale: Callable[[], bool]) -> float:
    """Return the median time of a run in seconds, once one run is over."""
    run()
    return float(np.median(_until_steady(run, time_limit, is_stale)))
