"""What a trustworthy measurement of a forward pass is, on each backend of Keras.

Compilation and the first call are timed apart; then the pass is repeated on data that already
lies on the device, and after each repeat the device is waited for, until the median is steady.
Whatever a backend must do differently stands in this file alone.
"""

import math
import os
import platform
from collections.abc import Callable
from time import perf_counter
from typing import Any

import attrs
import numpy as np

from explorer.keras_model import import_keras

#: Half width of the median's 95 % confidence interval, relative to the median, that is enough.
STEADY = 0.02
MINIMUM_RUNS = 5
WARMUP_RUNS = 3


@attrs.frozen(kw_only=True)
class Timing:
    """A measured forward pass.

    Attributes:
        median: Median time of a run, in seconds.
        p10: 10th percentile, in seconds.
        p90: 90th percentile, in seconds.
        runs: Number of measured runs.
        warmup_runs: Runs before them, not counted.
        compile_time: Time to turn the model into a compiled function, in seconds.
        first_call_time: Time of that function's first call, in seconds.
        batch_size: Images in each run.
        input_shape: `(height, width, channels)` of an image.
        dtype: Type in which the model computes.
        device: What it ran on.
        backend: Keras' backend, with its version.
        compiler: "graph" or "XLA".
    """

    median: float
    p10: float
    p90: float
    runs: int
    warmup_runs: int
    compile_time: float
    first_call_time: float
    batch_size: int
    input_shape: tuple[int, int, int]
    dtype: str
    device: str
    backend: str
    compiler: str

    @property
    def images_per_second(self) -> float:
        """Throughput at the median time."""
        return self.batch_size / self.median


class _TensorFlow:
    """How TensorFlow compiles, synchronises and names its device."""

    def __init__(self) -> None:
        import tensorflow

        self._tf = tensorflow
        self.name = f"TensorFlow {tensorflow.__version__}"
        self._gpus = tensorflow.config.list_physical_devices("GPU")
        # XLA lost to TensorFlow's own graphs on every CPU that was tried; on a GPU it depends.
        self.compilers = ("graph", "XLA") if self._gpus else ("graph",)

    def device(self) -> str:
        if not self._gpus:
            return f"CPU ({cpu_name()})"
        details = self._tf.config.experimental.get_device_details(self._gpus[0])
        return f"GPU ({details.get('device_name', 'unknown model')})"

    def compile(self, model: Any, images: np.ndarray, compiler: str) -> Callable[[], Any]:
        tf = self._tf
        device = "/GPU:0" if self._gpus else "/CPU:0"
        with tf.device(device):
            data = tf.constant(images)
            function = tf.function(
                lambda x: model(x, training=False), jit_compile=compiler == "XLA"
            ).get_concrete_function(tf.TensorSpec(data.shape, data.dtype))

        def run() -> Any:
            result = function(data)
            tf.test.experimental.sync_devices()
            return result

        return run


class _Jax:
    """How JAX compiles, synchronises and names its device."""

    compilers = ("XLA",)

    def __init__(self) -> None:
        import jax

        self._jax = jax
        self.name = f"JAX {jax.__version__}"

    def device(self) -> str:
        device = self._jax.devices()[0]
        if device.platform == "cpu":
            return f"CPU ({cpu_name()})"
        return f"{device.platform.upper()} ({device.device_kind})"

    def compile(self, model: Any, images: np.ndarray, compiler: str) -> Callable[[], Any]:
        jax = self._jax
        data = jax.device_put(images)
        trained = [variable.value for variable in model.trainable_variables]
        frozen = [variable.value for variable in model.non_trainable_variables]

        def forward(trained: Any, frozen: Any, x: Any) -> Any:
            return model.stateless_call(trained, frozen, x, training=False)[0]

        function = jax.jit(forward).lower(trained, frozen, data).compile()
        return lambda: jax.block_until_ready(function(trained, frozen, data))


_BACKENDS: dict[str, Callable[[], Any]] = {"tensorflow": _TensorFlow, "jax": _Jax}


def _backend() -> Any:
    name = import_keras().backend.backend()
    if name not in _BACKENDS:
        raise NotImplementedError(
            f"Keras runs on {name}, whose passes are not timed here: set the environment variable "
            f"KERAS_BACKEND to {' or '.join(_BACKENDS)} before Keras is imported."
        )
    return _BACKENDS[name]()


def environment() -> str:
    """Return the versions of Keras and its backend, and the device, in a line."""
    backend = _backend()
    return f"Keras {import_keras().__version__} on {backend.name}, {backend.device()}"


def cpu_name() -> str:
    """Return the model of this machine's processor and the number of its cores to use."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            named = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    except OSError:
        named = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{named[0] if named else name}, {cores} core{'' if cores == 1 else 's'}"


def time_model(
    model: Any, images: np.ndarray, time_limit: float = 3.0
) -> tuple[Timing, list[np.ndarray]]:
    """Measure a model's forward pass.

    Args:
        model: A `keras.Model` with one input.
        images: `(batch, height, width, channels)`, float32.
        time_limit: Seconds after which no further run is started; at least 5 runs are made.

    Returns:
        The timing, and the model's outputs for the images.
    """
    backend = _backend()
    candidates = []
    for compiler in backend.compilers:
        start = perf_counter()
        run = backend.compile(model, images, compiler)
        compile_time = perf_counter() - start
        start = perf_counter()
        result = run()
        first_call_time = perf_counter() - start
        trial = min(_timed(run) for _ in range(WARMUP_RUNS))
        candidates.append((trial, compiler, run, result, compile_time, first_call_time))
    _, compiler, run, result, compile_time, first_call_time = min(candidates, key=lambda c: c[0])
    times = _repeat(run, time_limit)
    p10, median, p90 = np.percentile(times, [10, 50, 90])
    timing = Timing(
        median=float(median),
        p10=float(p10),
        p90=float(p90),
        runs=len(times),
        warmup_runs=WARMUP_RUNS + 1,
        compile_time=compile_time,
        first_call_time=first_call_time,
        batch_size=len(images),
        input_shape=(images.shape[1], images.shape[2], images.shape[3]),
        dtype=model.compute_dtype,
        device=backend.device(),
        backend=backend.name,
        compiler=compiler,
    )
    outputs = result if isinstance(result, (list, tuple)) else [result]
    return timing, [np.asarray(output) for output in outputs]


def _timed(run: Callable[[], Any]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def _repeat(run: Callable[[], Any], time_limit: float) -> list[float]:
    """Return the times of repeated runs: until the median is steady or the time is up."""
    end = perf_counter() + time_limit
    times: list[float] = []
    while len(times) < MINIMUM_RUNS or (perf_counter() < end and not is_steady(times)):
        times.append(_timed(run))
    return times


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
