r"""Whether what is said of measurements holds on this machine's GPU; prints the guide's table.

    make bench-gpu                             TensorFlow with CUDA, in an environment of its own
    make bench-gpu BACKEND=jax                 JAX with CUDA
    make bench-gpu BACKEND=jax WHEELS=folder   the same from a folder of wheels, without a network

where the folder was filled, with a network and on the same kind of machine, by
`python -m pip wheel -w folder '.[jax-cuda]' hatchling` (or '.[cuda]').
Any Python that has TensorFlow or JAX will do as well. What else is needed goes into a folder:

    python -m pip install --target packages \
        keras attrs cattrs graphviz loky nvidia-ml-py pillow psutil
    KERAS_BACKEND=jax PYTHONPATH=.:packages python tests/benchmarks/bench_gpu.py

Each claim gets a line: PASS, FAIL or unknown, with the numbers; one that fails makes the exit
status 1. Without a GPU, and with --dry-run, the same steps are gone through with a small network,
and what a busy machine may disturb is printed but does not count.
"""

import argparse
import ctypes
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable
from functools import partial
from math import prod
from statistics import median
from time import perf_counter
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "KERAS_BACKEND" not in os.environ:
    tensorflow = importlib.util.find_spec("tensorflow")
    os.environ["KERAS_BACKEND"] = "tensorflow" if tensorflow else "jax"

import attrs
from benchmarking import print_machine

from explorer import (
    EncoderDecoder,
    ParameterError,
    Timing,
    UNet,
    analyze,
    time_each_layer,
    time_forward,
    trace,
)
from explorer.core.analysis.memory_need import needed_bytes
from explorer.core.asking.failures import WorkerDied
from explorer.core.asking.measurement import Measurement
from explorer.core.formatting import byte_size
from explorer.keras_side.backends import Device
from explorer.keras_side.machine_memory import gpu_memory
from explorer.worker.process import shared_worker
from explorer.worker.timing_functions import asked

STEPS = ("forward pass", "training step")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
#: How far the median may be from that of an independent loop.
AGREEMENT = 0.03
#: How far the estimate of the memory may be from what was measured, as on CPUs.
ESTIMATE = 0.3
#: Values that a tensor can have and be indexed in 32 bits, as kernels do.
INDEXED = 2**31


@attrs.frozen
class Plan:
    """What is measured.

    Attributes:
        device: Where.
        devices: All that there are.
        compilers: Those of the backend.
        dry: Whether this is a dry run.
    """

    device: Device
    devices: tuple[Device, ...]
    compilers: tuple[str, ...]
    dry: bool

    @property
    def net(self) -> EncoderDecoder:
        return UNet(filters=2, down_blocks=1, up_blocks=1) if self.dry else UNet()

    @property
    def shape(self) -> tuple[int, int, int]:
        return (16, 16, 1) if self.dry else (256, 256, 1)

    @property
    def batches(self) -> tuple[int, ...]:
        return (2,) if self.dry else (1, 16)

    @property
    def seconds(self) -> float:
        return 0.05 if self.dry else 3.0

    @property
    def on_gpu(self) -> bool:
        return self.device.kind != "CPU"


class Verdicts:
    """Prints a line for each claim.

    Attributes:
        failed: How many failed and count.
    """

    def __init__(self, dry: bool) -> None:
        self.dry = dry
        self.failed = 0

    def say(self, claim: str, holds: bool | None, numbers: str, is_time: bool = False) -> None:
        """Print a verdict.

        Args:
            claim: What is claimed.
            holds: Whether it is so, or None where that cannot be known.
            numbers: What was found.
            is_time: Whether a busy machine can make it fail: then a dry run does not count it.
        """
        verdict = {True: "PASS", False: "FAIL", None: "unknown"}[holds]
        if holds is False and self.dry and is_time:
            verdict = "FAIL (of a time, so not counted in a dry run)"
        elif holds is False:
            self.failed += 1
        print(f"{verdict}: {claim}: {numbers}", flush=True)


# What follows runs in the Keras process.


def look() -> tuple[str, tuple[Device, ...], tuple[str, ...]]:
    from explorer.keras_side.backends import backend, environment

    return environment(), backend().devices(), backend().compilers


def free_on(device: str) -> int | None:
    from explorer.keras_side.backends import find_device, free_bytes

    return free_bytes(find_device(device))


def places(net: EncoderDecoder, shape: tuple, device: str) -> set[str]:
    """On which devices the weights and the output of a pass lie, as the backend names them."""
    from explorer.keras_side.backends import backend
    from explorer.keras_side.build import import_keras
    from explorer.worker.tasks.forward import noise, ready_model

    keras = import_keras()
    model = ready_model(net, shape, 1, Measurement(device=device)).model
    with keras.device(device.lower()):
        batch = [keras.ops.convert_to_tensor(noise(1, shape))]
        output = backend().forward(model, batch, backend().compilers[0]).run(*batch)
    tensors = [output, *(variable.value for variable in model.variables)]
    if keras.backend.backend() == "jax":
        found = [device for tensor in tensors for device in tensor.devices()]
        return {f"{device.platform}:{device.id}".upper() for device in found}
    return {tensor.device.rpartition("device:")[2] for tensor in tensors}


class DeviceClock:
    """Times a call by CUDA's events, once the whole device has nothing left to do.

    The events are the driver's, and so is the waiting: nothing of the backend takes part.
    """

    name = "CUDA's events"

    def __init__(self, index: int) -> None:
        """Find the context that the backend uses.

        Raises:
            OSError: If there is no CUDA driver, or it refuses.
        """
        self._cuda = ctypes.CDLL("libcuda.so.1")
        self._call("cuInit", 0)
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self._call("cuDeviceGet", ctypes.byref(device), index)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self._call("cuCtxSetCurrent", context)
        self._events = ctypes.c_void_p(), ctypes.c_void_p()
        for event in self._events:
            self._call("cuEventCreate", ctypes.byref(event), 0)

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._cuda, name)(*arguments)
        if code:
            raise OSError(f"{name} returned {code}")

    def __call__(self, run: Callable[[], Any]) -> float:
        """Seconds that a call takes until the device has done all of it."""
        start, end = self._events
        self._call("cuCtxSynchronize")
        self._call("cuEventRecord", start, None)
        run()
        self._call("cuCtxSynchronize")
        self._call("cuEventRecord", end, None)
        self._call("cuEventSynchronize", end)
        milliseconds = ctypes.c_float()
        self._call("cuEventElapsedTime", ctypes.byref(milliseconds), start, end)
        return milliseconds.value / 1000


class HostClock:
    """Times a call that waits for the device itself."""

    name = "the host's clock"

    def __call__(self, run: Callable[[], Any]) -> float:
        start = perf_counter()
        run()
        return perf_counter() - start


def clock_of(device: str) -> DeviceClock | HostClock:
    kind, _, index = device.partition(":")
    if kind == "CPU":
        return HostClock()
    try:
        return DeviceClock(int(index))
    except (OSError, AttributeError) as error:
        clock = HostClock()
        clock.name = f"the host's clock, since CUDA's events cannot be had ({error})"
        return clock


def plain_loop(model: Any, images: Any, trains: bool) -> Callable[[], Any]:
    """What somebody who wants to know a model's time writes, without the explorer."""
    import keras

    if keras.backend.backend() == "jax":
        return _plain_jax(keras, model, images, trains)
    import tensorflow as tf

    data, targets = tf.constant(images), tf.zeros((len(images), *model.output.shape[1:]))
    weights = [variable.value for variable in model.trainable_variables]
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def forward(x, y):
        return model(x, training=False)

    @tf.function(autograph=False)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
        optimizer.apply(tape.gradient(loss, weights), model.trainable_variables)
        return loss

    function = step if trains else forward

    def run() -> None:
        function(data, targets)
        tf.test.experimental.sync_devices()

    return run


def _plain_jax(keras: Any, model: Any, images: Any, trains: bool) -> Callable[[], Any]:
    import jax

    data = jax.numpy.asarray(images)
    targets = jax.numpy.zeros((len(images), *model.output.shape[1:]))
    state = (
        [variable.value for variable in model.trainable_variables],
        [variable.value for variable in model.non_trainable_variables],
    )
    if not trains:
        forward = jax.jit(lambda state, x: model.stateless_call(*state, x, training=False)[0])
        return lambda: forward(state, data).block_until_ready()
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    averages = [variable.value for variable in optimizer.variables]

    def loss(weights, others, x, y):
        output, others = model.stateless_call(weights, others, x, training=True)
        return ((output - y) ** 2).mean(), others

    @jax.jit
    def step(weights, others, averages, x, y):
        (_, others), gradients = jax.value_and_grad(loss, has_aux=True)(weights, others, x, y)
        weights, averages = optimizer.stateless_apply(averages, gradients, weights)
        return weights, others, averages

    now = (*state, averages)

    def run() -> None:
        nonlocal now
        now = jax.block_until_ready(step(*now, data, targets))

    return run


def both_times(
    net: EncoderDecoder,
    shape: tuple,
    batch_size: int,
    how: Measurement,
    seconds: float,
    rounds: int,
) -> tuple[list[float], list[float], str]:
    """Medians of ours and of an independent loop, in turns, and what the loop was timed by."""
    from explorer import build
    from explorer.keras_side.build import import_keras
    from explorer.keras_side.timing import time_model
    from explorer.worker.tasks.forward import noise, ready_model

    model = ready_model(net, shape, batch_size, how).model
    images = noise(batch_size, shape)
    ours, theirs = [], []
    with import_keras().device(how.device.lower()):
        run = plain_loop(build(net, shape), images, how.trains)
        clock = clock_of(how.device)
        for _ in range(rounds):
            found, _ = time_model(model, images, how, time_limit=seconds)
            ours.append(found.median)
            for _ in range(5):
                run()
            theirs.append(median(clock(run) for _ in range(found.runs)))
    return ours, theirs, clock.name


def first_pass(net: EncoderDecoder, shape: tuple, batch_size: int, how: Measurement) -> Timing:
    """Time a pass in a new process, without the matrices that the peak speed is looked for with."""
    from explorer.keras_side import timing
    from explorer.worker.tasks import forward as keras_tasks

    real, timing._peak_flops = timing._peak_flops, lambda *_: 1.0
    try:
        return keras_tasks.run_noise(net, shape, batch_size, how, 0)
    finally:
        timing._peak_flops = real


def with_free(
    net: EncoderDecoder, shape: tuple, batch_size: int, how: Measurement, free: int | None
) -> Timing:
    """Time a pass, as if so much memory were free."""
    from explorer.worker.tasks import forward as keras_tasks

    real = keras_tasks.free_bytes
    if free is not None:
        keras_tasks.free_bytes = lambda device: free
    try:
        return keras_tasks.run_noise(net, shape, batch_size, how, 0)
    finally:
        keras_tasks.free_bytes = real


def exhaust(
    net: EncoderDecoder, shape: tuple, batch_size: int, how: Measurement, dry: bool
) -> Timing:
    """Take all of the device's memory, then time a pass without looking at what is free."""
    from explorer.keras_side.build import import_keras
    from explorer.worker.tasks import forward as keras_tasks

    keras = import_keras()
    held = []
    with keras.device(how.device.lower()):
        if dry:  # more than a processor can address: its own memory is needed by others
            held.append(keras.ops.zeros((2**23, 2**23)))
        for size in (2**28, 2**25, 2**22):
            try:
                while True:
                    held.append(keras.ops.zeros((size,)))
                    float(held[-1][0])  # waits
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                if not re.search(r"resource.?exhausted|out of memory", text, re.IGNORECASE):
                    raise
    check, keras_tasks.check_fits = keras_tasks.check_fits, lambda *_, **__: None
    try:
        return keras_tasks.run_noise(net, shape, batch_size, how, 0)
    finally:
        keras_tasks.check_fits = check


# What follows runs here.


def devices(plan: Plan, say: Callable[..., None]) -> None:
    names = [device.name for device in plan.devices]
    known = [gpu_memory(index) for index in range(16)]
    driver = sum(memory is not None for memory in known)
    gpus = [name for name in names if not name.startswith("CPU")]
    numbers = f"{', '.join(f'{d.name} {d.model}' for d in plan.devices)}; NVML knows {driver} GPUs"
    right = names[: len(gpus)] == gpus and len(gpus) == driver
    say("all GPUs are listed, first", right if driver else None, numbers)
    for device in plan.devices:
        found = asked(partial(places, plan.net, plan.shape, device.name))
        say(f"what is to run on {device.name} lies there", found == {device.name}, f"{found}")
        total = byte_size(device.memory_bytes) if device.memory_bytes else "unknown"
        free = asked(partial(free_on, device.name))
        text = f"{byte_size(free) if free is not None else 'unknown'} free of {total}"
        say(f"the memory of {device.name} is known", free is not None or None, text)
    refusal = _refusal(ParameterError, device="GPU:99", plan=plan)
    say("a device that is not there is refused", all(n in refusal for n in names), refusal)


def _refusal(kind: type[Exception], plan: Plan, **choices: Any) -> str:
    try:
        time_forward(plan.net, plan.shape, time_limit=0, **choices)
    except kind as error:
        return str(error)
    return ""


def times(plan: Plan, say: Callable[..., None]) -> None:
    found: list[Timing] = []
    wrong = []
    medians: dict[tuple, float] = {}
    print("\n| choice | median | 10th to 90th percentile | GFLOP/s | of the peak |")
    print("|---|---|---|---|---|")
    for step in STEPS:
        for batch_size in plan.batches:
            for precision in PRECISIONS:
                for compiler in plan.compilers:
                    how = Measurement(
                        device=plan.device.name, precision=precision, compiler=compiler, step=step
                    )
                    timing = time_forward(
                        plan.net,
                        plan.shape,
                        batch_size,
                        time_limit=plan.seconds,
                        **attrs.asdict(how),
                    )
                    got = (timing.device_name, timing.compiler, timing.step, timing.batch_size)
                    dtype = precision.removeprefix("mixed_")
                    if (*got, timing.dtype) != (how.device, compiler, step, batch_size, dtype):
                        wrong.append(f"{how}: {got}, {timing.dtype}")
                    found.append(timing)
                    medians[step, batch_size, precision, compiler] = timing.median
                    print(_row(timing), flush=True)
    print()
    for how_wrong in wrong:
        print(how_wrong)
    say("what was chosen was measured", not wrong, f"{len(found) - len(wrong)} of {len(found)}")
    steady = sum(timing.is_steady for timing in found)
    say(
        "medians are known within 2 %",
        None if steady < len(found) else True,
        f"{steady} of {len(found)}",
        is_time=True,
    )
    top = max(timing.peak_share or 0 for timing in found)
    say("none is much faster than a matrix product", 0 < top < 1.5, f"at most {top:.0%}", True)
    if len(plan.compilers) == 1:
        refusal = _refusal(ParameterError, plan, compiler="graph", device=plan.device.name)
        say("a compiler that the backend lacks is refused", bool(refusal), refusal)
        return
    batch_size = plan.batches[-1]
    fastest = time_forward(
        plan.net,
        plan.shape,
        batch_size,
        device=plan.device.name,
        compiler="fastest",
        time_limit=plan.seconds,
    )
    both = {c: medians[STEPS[0], batch_size, "float32", c] for c in plan.compilers}
    numbers = ", ".join(f"{name} {_ms(seconds)}" for name, seconds in both.items())
    say(
        "the faster compiler is kept",
        not fastest.problem and fastest.median <= 1.1 * min(both.values()),
        f"{numbers}; kept {fastest.compiler}, {_ms(fastest.median)} {fastest.problem}",
        is_time=True,
    )


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"


def _row(timing: Timing) -> str:
    speed = (timing.flops_per_second or 0) / 1e9
    choice = f"{timing.step}, batch {timing.batch_size}, {timing.dtype}, {timing.compiler}"
    return (
        f"| {choice} | {_ms(timing.median)} | {1000 * timing.p10:.3g} to {_ms(timing.p90)} "
        f"| {speed:,.0f} | {timing.peak_share or 0:.0%} |"
    )


def agreement(plan: Plan, say: Callable[..., None]) -> None:
    for step in STEPS:
        for batch_size in plan.batches:
            how = Measurement(device=plan.device.name, compiler=plan.compilers[0], step=step)
            work = partial(both_times, plan.net, plan.shape, batch_size, how)
            ours, theirs, clock = asked(partial(work, plan.seconds, 1 if plan.dry else 3))
            ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
            say(
                f"{step}, batch {batch_size}: within {AGREEMENT:.0%} of an independent loop",
                abs(ratio - 1) <= AGREEMENT,
                f"{_ms(median(ours))} and {_ms(median(theirs))} by {clock}, ratio {ratio:.3f}",
                is_time=True,
            )


def layers(plan: Plan, say: Callable[..., None]) -> None:
    names = [node.name for node in trace(plan.net, plan.shape)][1:]
    for batch_size in plan.batches:
        found = time_each_layer(plan.net, plan.shape, batch_size, device=plan.device.name)
        slowest = sorted(found.layers, key=lambda layer: -layer.seconds)[:5]
        print("slowest:", ", ".join(f"{x.name} {_ms(x.seconds)}" for x in slowest))
        timed = [layer.name for layer in found.layers if layer.seconds > 0]
        say(f"batch {batch_size}: every layer is timed", timed == names, f"{len(timed)} layers")
        own = found.total - found.calls
        # Much less would say that the device was not waited for.
        say(
            f"batch {batch_size}: the layers without their calls take at least half of the whole",
            own >= 0.5 * found.whole,
            f"{_ms(own)} of {_ms(found.whole)}; a call {_ms(found.call)}",
            is_time=True,
        )


def memory(plan: Plan, say: Callable[..., None]) -> None:
    report = analyze(trace(plan.net, plan.shape))
    index = int(plan.device.name.partition(":")[2])
    for step in STEPS:
        for batch_size in plan.batches:
            if plan.on_gpu:  # a process remembers its highest peak for life
                shared_worker().stop()
            how = Measurement(device=plan.device.name, compiler=plan.compilers[0], step=step)
            before = gpu_memory(index) if plan.on_gpu else None
            timing = asked(partial(first_pass, plan.net, plan.shape, batch_size, how))
            after = gpu_memory(index) if plan.on_gpu else None
            estimate = needed_bytes(report, batch_size, step=how.step)
            numbers = f"estimated {byte_size(estimate)}"
            holds = None
            if timing.peak_memory_bytes is not None:
                ratio = estimate / timing.peak_memory_bytes
                holds = abs(ratio - 1) < ESTIMATE
                peak = byte_size(timing.peak_memory_bytes)
                numbers += f", measured {peak}, ratio {ratio:.2f}"
            else:
                numbers += ", which the backend does not count here"
            if before and after:
                taken = byte_size(max(0, before.free - after.free))
                numbers += f"; NVML: the process took {taken}, CUDA's own with it"
            if timing.xla:
                numbers += f"; XLA plans {byte_size(timing.xla.memory_bytes)}"
            claim = f"{step}, batch {batch_size}: the memory is estimated within {ESTIMATE:.0%}"
            say(claim, holds, numbers)


def refusal(plan: Plan, say: Callable[..., None]) -> None:
    report = analyze(trace(plan.net, plan.shape))
    largest = max(prod(row.shape) for row in report.layers)
    for step in STEPS:
        how = Measurement(device=plan.device.name, compiler=plan.compilers[0], step=step)
        free = needed_bytes(report, 3, step=how.step) if plan.dry else None
        work = partial(with_free, plan.net, plan.shape, how=how, free=free)
        try:
            asked(partial(work, batch_size=10**6))
            text = ""
        except MemoryError as error:
            text = str(error)
        where = "memory of the GPU is free" if plan.on_gpu else "memory is free"
        say(f"a {step} that does not fit is refused", where in text, text)
        named = re.search(r"batch of at most ([\d,]+)", text)
        if not named:
            continue
        batch_size = int(named[1].replace(",", ""))
        claim = f"a {step} with the batch named instead runs"
        if batch_size * largest >= INDEXED:
            say(claim, None, f"batch {batch_size:,}: tensors too large to be indexed in 32 bits")
            continue
        try:
            timing = asked(partial(work, batch_size=batch_size))
        except (MemoryError, WorkerDied) as error:
            say(claim, False, f"batch {batch_size:,}: {error}")
        else:
            say(claim, True, f"batch {batch_size:,}: {_ms(timing.median)}")


def exhaustion(plan: Plan, say: Callable[..., None]) -> None:
    how = Measurement(device=plan.device.name, compiler=plan.compilers[0], step=STEPS[1])
    process = asked(os.getpid)
    asked(partial(free_on, plan.device.name))  # the backend has started
    free = asked(partial(free_on, plan.device.name))
    work = partial(exhaust, plan.net, plan.shape, plan.batches[-1], how, not plan.on_gpu)
    try:
        asked(work)
        text = "it ran all the same"
    except (MemoryError, WorkerDied, RuntimeError) as error:
        text = f"{type(error).__name__}: {error}"
    told = text.startswith(("MemoryError", "WorkerDied"))
    say("when the device's memory runs out, that is said", told and "memory" in text, text)
    now = asked(partial(free_on, plan.device.name))
    if free is not None and now is not None:
        numbers = f"{byte_size(free)} free before, {byte_size(now)} after"
        say("its memory is free again", now > 0.9 * free, numbers, is_time=True)
    timing = time_forward(plan.net, plan.shape, device=plan.device.name, time_limit=0)
    same = "the same process" if asked(os.getpid) == process else "a new process"
    say("the next pass runs", True, f"{_ms(timing.median)}, in {same}")


PARTS = (devices, times, agreement, layers, memory, refusal, exhaustion)


def main() -> int:
    names = [part.__name__ for part in PARTS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dry-run", action="store_true", help="small sizes, also on a GPU")
    parser.add_argument("--device", default="auto", help="such as GPU:1; default: the first GPU")
    parser.add_argument("--parts", nargs="+", choices=names, default=names, help="these alone")
    chosen = parser.parse_args()
    print_machine()
    environment, found, compilers = asked(look)
    device = next((d for d in found if chosen.device in ("auto", d.name)), None)
    if device is None:
        parser.error(f"--device is one of {', '.join(d.name for d in found)}")
    dry = chosen.dry_run or device.kind == "CPU"
    plan = Plan(device, found, compilers, dry)
    print(environment)
    if dry:
        why = "as asked for" if chosen.dry_run else "no GPU was found"
        print(f"A DRY RUN, {why}: a small network on {device}; its numbers say nothing.")
    params = analyze(trace(plan.net, plan.shape)).total_params
    size = " × ".join(map(str, plan.shape))
    print(f"A U-Net of {params:,} parameters, images of {size}, on {plan.device}")
    verdicts = Verdicts(dry)
    for part in PARTS:
        if part.__name__ not in chosen.parts:
            continue
        start = perf_counter()
        print(f"\n== {part.__name__}", flush=True)
        try:
            part(plan, verdicts.say)
        except Exception as error:  # the other parts are to be had all the same
            traceback.print_exc(file=sys.stdout)
            verdicts.say(part.__name__, False, f"{type(error).__name__}: {error}")
        print(f"({perf_counter() - start:.0f} s)")
    shared_worker().stop()
    print(f"\n{verdicts.failed} failed")
    return 1 if verdicts.failed else 0


if __name__ == "__main__":
    sys.exit(main())
