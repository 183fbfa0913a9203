"""What a trustworthy measurement of a forward pass or a training step is.

Compilation and the first call are timed apart; then the run is repeated on several inputs that
already lie on the device, which is waited for after each repeat, until the median is steady.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from time import perf_counter
from typing import Any

import attrs
import numpy as np

from explorer.backends import Compiled, Device, XlaAnalysis, backend, find_device
from explorer.keras_model import dtype_policy, import_keras
from explorer.measurement import Measurement
from explorer.parameters import ParameterError

#: Half width of the median's 95 % confidence interval, relative to the median, that is enough.
STEADY = 0.02
MINIMUM_RUNS = 5
WARMUP_RUNS = 3
#: Seconds after which no further run of a measurement is started.
TIME_LIMIT = 3.0


class GivenUp(Exception):
    """A measurement ended early, because nobody waits for it any more."""


@attrs.frozen(kw_only=True)
class Timing:
    """A measured forward pass, or training step.

    Copies between the host and the device are not part of a run: inputs lie on the device, and
    outputs stay there.

    Attributes:
        median: Median time of a run, in seconds.
        p10: 10th percentile, in seconds.
        p90: 90th percentile, in seconds.
        runs: Number of measured runs.
        warmup_runs: Runs before them, not counted.
        is_steady: Whether the median's 95 % confidence interval came to within 2 % of it, before
            the time was up.
        compile_time: Time to compile, in seconds. TensorFlow's XLA compiles in the first call.
        first_call_time: Time of the compiled function's first call, in seconds.
        batch_size: Images in each run.
        input_shape: `(height, width, channels)` of an image.
        dtype: Type in which the model computes.
        step: "forward pass" or "training step".
        device: What it ran on.
        device_name: Keras' name of that, such as "GPU:0".
        device_memory_bytes: Memory that the device has, or None where that is not known.
        backend: Keras' backend, with its version.
        compiler: "graph" or "XLA".
        flops: Floating-point operations of a run, two for each multiply-accumulate, or None where
            they are not known. A training step counts three times the forward pass: its
            gradients take a pass for the features and one for the weights.
        peak_flops_per_second: What a large matrix product of this dtype reached on the device.
        peak_memory_bytes: Most memory that the process had on the device, where it is counted
            (on GPUs) and this run set the mark.
        xla: XLA's own account, where the backend gives it (JAX).
    """

    median: float
    p10: float
    p90: float
    runs: int
    warmup_runs: int
    is_steady: bool
    compile_time: float
    first_call_time: float
    batch_size: int
    input_shape: tuple[int, int, int]
    dtype: str
    step: str
    device: str
    device_name: str
    device_memory_bytes: int | None
    backend: str
    compiler: str
    flops: int | None
    peak_flops_per_second: float
    peak_memory_bytes: int | None
    xla: XlaAnalysis | None

    @property
    def images_per_second(self) -> float:
        """Throughput at the median time."""
        return self.batch_size / self.median

    @property
    def flops_per_second(self) -> float | None:
        """Floating-point operations in a second, at the median time."""
        return None if self.flops is None else self.flops / self.median

    @property
    def peak_share(self) -> float | None:
        """The part of the device's peak that was reached."""
        reached = self.flops_per_second
        return None if reached is None else reached / self.peak_flops_per_second


@attrs.frozen
class LayerTime:
    """The time of a layer that runs alone, on the input that it has in the model.

    Attributes:
        name: Name of the layer.
        seconds: Median time of a run.
    """

    name: str
    seconds: float


@attrs.frozen
class LayerTimes:
    """Every layer's own time, beside that of the whole.

    Alone, each layer is a call of its own and nothing is fused or run side by side, so the sum is
    usually more than the whole.

    Attributes:
        whole: The model's median time, in seconds, measured the same way.
        layers: The layers' times.
        call: Time of a call that does nothing, which is part of each layer's time.
    """

    whole: float
    layers: tuple[LayerTime, ...]
    call: float

    @property
    def total(self) -> float:
        """Sum of the layers' times, in seconds."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def calls(self) -> float:
        """What of the sum is the calls themselves, in seconds."""
        return self.call * len(self.layers)


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
    keras = import_keras()
    with keras.device(device.name.lower()), _unchanged(model, how.trains):
        batches = [[keras.ops.convert_to_tensor(batch)] for batch in _variants(images)]
        before = backend().used(device)
        tried = []
        for compiler in _compilers(how.compiler, device):
            prepare = _training_step if how.trains else _forward
            start = perf_counter()
            compiled, more = prepare(model, batches[0], how, compiler)
            compile_time = perf_counter() - start
            start = perf_counter()
            result = compiled.run(*batches[0], *more)
            first_call_time = perf_counter() - start
            run = _alternating(compiled.run, [[*batch, *more] for batch in batches])
            trial = min(_repeat(run, WARMUP_RUNS, is_stale))
            tried.append((trial, compiler, compiled, run, result, compile_time, first_call_time))
        _, compiler, compiled, run, result, compile_time, first_call_time = min(
            tried, key=lambda candidate: candidate[0]
        )
        times = _until_steady(run, time_limit, is_stale)
        after = backend().used(device)
        peak_flops = _peak_flops(device.name, model.compute_dtype)
    p10, median, p90 = np.percentile(times, [10, 50, 90])
    timing = Timing(
        median=float(median),
        p10=float(p10),
        p90=float(p90),
        runs=len(times),
        warmup_runs=WARMUP_RUNS + 1,
        is_steady=is_steady(times),
        compile_time=compile_time,
        first_call_time=first_call_time,
        batch_size=len(images),
        input_shape=(images.shape[1], images.shape[2], images.shape[3]),
        dtype=model.compute_dtype,
        step=how.step,
        device=str(device),
        device_name=device.name,
        device_memory_bytes=device.memory_bytes,
        backend=backend().name,
        compiler=compiler,
        flops=None if flops is None else flops * len(images) * (3 if how.trains else 1),
        peak_flops_per_second=peak_flops,
        peak_memory_bytes=after.peak if after and before and after.peak > before.peak else None,
        xla=compiled.analysis,
    )
    if how.trains:
        return timing, []
    outputs = result if isinstance(result, (list, tuple)) else [result]
    return timing, [np.asarray(keras.ops.cast(output, "float32")) for output in outputs]


def time_layers(
    model: Any,
    images: np.ndarray,
    measurement: Measurement | None = None,
    *,
    time_limit: float = TIME_LIMIT,
    is_stale: Callable[[], bool] = bool,
) -> LayerTimes:
    """Measure each layer of a model alone, compiled, on the input that it has in the model.

    Args:
        model: A functional `keras.Model` with one input, each of whose layers is called once.
        images: `(batch, height, width, channels)`, float32.
        measurement: How; the faster compiler is tried on the whole model, and training is not
            taken apart.
        time_limit: Seconds for the whole model; the layers together have as much again.
        is_stale: Asked between repeats; once it is true, the measurement is given up.
    """
    how = attrs.evolve(measurement or Measurement(), step="forward pass")
    keras = import_keras()
    whole, _ = time_model(model, images, how, time_limit=time_limit, is_stale=is_stale)
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    share = time_limit / max(1, len(layers))
    with keras.device(whole.device_name.lower()):
        values: dict[int, Any] = {id(model.inputs[0]): keras.ops.convert_to_tensor(images)}
        last_use = {id(tensor): layer for layer in layers for tensor in _inputs(layer)}
        nothing = backend().function(lambda x: x, [values[id(model.inputs[0])]], whole.compiler)
        call = _median(_alternating(nothing.run, [list(values.values())]), share, is_stale)
        times = []
        for layer in layers:
            inputs = [values[id(tensor)] for tensor in _inputs(layer)]
            compiled = backend().forward(layer, inputs, whole.compiler)
            values[id(layer.output)] = compiled.run(*inputs)
            seconds = _median(_alternating(compiled.run, [inputs]), share, is_stale)
            times.append(LayerTime(layer.name, seconds))
            for tensor in _inputs(layer):
                if last_use[id(tensor)] is layer:
                    values.pop(id(tensor), None)
    return LayerTimes(whole.median, tuple(times), call)


def _inputs(layer: Any) -> Sequence[Any]:
    return layer.input if isinstance(layer.input, (list, tuple)) else [layer.input]


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
def _unchanged(model: Any, trains: bool) -> Iterator[None]:
    """Give the model its weights back after training."""
    kept = [np.asarray(v.value).copy() for v in model.variables] if trains else []
    try:
        yield
    finally:
        for variable, value in zip(model.variables, kept, strict=False):
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
    with keras.device(device.lower()):
        while True:
            matrix = keras.ops.ones((size, size), dtype)
            product = backend().function(keras.ops.matmul, [matrix, matrix], compiler)
            product.run(matrix, matrix)
            seconds = min(_timed(lambda: product.run(matrix, matrix)) for _ in range(3))  # noqa: B023
            best = max(best, 2 * size**3 / seconds)
            if seconds > 0.02 or size >= 16384:
                return best
            size *= 2


def _alternating(run: Callable[..., Any], inputs: list[list[Any]]) -> Callable[[], Any]:
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


def _median(run: Callable[[], Any], time_limit: float, is_stale: Callable[[], bool]) -> float:
    run()
    return float(np.median(_until_steady(run, time_limit, is_stale)))


def is_steady(times: list[float]) -> bool:
    """Return whether the median's 95 % confidence interval is within 2 % of the median.

    The interval is that of order statistics (ranks n/2 ± 1.96·√n/2), which assumes nothing about
    how the times are distributed.
    """
    count = len(times)
    half_width = 0.98 * math.sqrt(count)
    first, last = math.floor(count / 2 - half_width), math.ceil(count / 2 + half_width)
    if first < 0 or last >= count:
        return False
    ranked = sorted(times)
    return ranked[last] - ranked[first] <= 2 * STEADY * ranked[count // 2]
