"""Times: of a model, of two in turns, of each layer."""

import math
from collections.abc import Sequence

import attrs

#: Half width of the median's 95 % confidence interval, relative to the median, that is enough.
STEADY = 0.02
#: Values of which the smallest and the largest are a 95 % confidence interval of the median.
FEWEST_FOR_INTERVAL = 6


@attrs.frozen
class XlaAnalysis:
    """XLA's own account of what it compiled.

    Attributes:
        flops: Floating-point operations of a run.
        temporary_bytes: Memory for what is computed on the way.
        argument_bytes: Memory of weights and inputs.
        output_bytes: Memory of the outputs.
    """

    flops: float
    temporary_bytes: int
    argument_bytes: int
    output_bytes: int

    @property
    def memory_bytes(self) -> int:
        """Memory that a run needs."""
        return self.temporary_bytes + self.argument_bytes + self.output_bytes


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
        peak_flops_per_second: What a large matrix product of this dtype reached on the device, or
            None where that was not measured.
        peak_memory_bytes: Most memory that the process had on the device, where it is counted
            (on GPUs) and this run set the mark; None where two models took turns.
        xla: XLA's own account, where the backend gives it (JAX).
        problem: Why the faster compiler could not be looked for: one that was tried failed.
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
    peak_flops_per_second: float | None
    peak_memory_bytes: int | None
    xla: XlaAnalysis | None
    problem: str = ""

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
        """The part of the device's peak that was reached; None where one of them isn't known."""
        reached = self.flops_per_second
        peak = self.peak_flops_per_second
        return None if reached is None or peak is None else reached / peak


@attrs.frozen(kw_only=True)
class PairTiming:
    """Two models, measured in turns.

    Attributes:
        a: The one model's timing.
        b: The other's.
        speedup: How many times as fast as A B is: the median, over all pairs of runs that follow
            each other, of A's time ÷ B's. It can differ a little from the ratio of the medians,
            which slow changes of the machine's speed disturb more.
        low: Lower end of the speedup's 95 % confidence interval.
        high: Its upper end.
    """

    a: Timing
    b: Timing
    speedup: float
    low: float
    high: float


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
        left_out: Names of layers that cannot be compiled by themselves, and were not timed.
    """

    whole: float
    layers: tuple[LayerTime, ...]
    call: float
    left_out: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """Sum of the layers' times, in seconds."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def calls(self) -> float:
        """What of the sum is the calls themselves, in seconds."""
        return self.call * len(self.layers)


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return a 95 % confidence interval of the median of what the values were drawn from.

    It is that of order statistics (ranks n/2 ± 1.96·√n/2, or all values where these are too few),
    which assumes nothing about how the values are distributed.

    Args:
        values: At least 6; fewer cannot tell, and give None.
    """
    count = len(values)
    if count < FEWEST_FOR_INTERVAL:
        return None
    half_width = 0.98 * math.sqrt(count)
    ranked = sorted(values)
    first, last = math.floor(count / 2 - half_width), math.ceil(count / 2 + half_width)
    return ranked[max(first, 0)], ranked[min(last, count - 1)]


def is_steady(times: Sequence[float]) -> bool:
    """Return whether the median's 95 % confidence interval is within 2 % of the median."""
    interval = median_interval(times)
    if interval is None:
        return False
    return interval[1] - interval[0] <= 2 * STEADY * sorted(times)[len(times) // 2]
