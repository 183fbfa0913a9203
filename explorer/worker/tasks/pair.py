"""What the worker process does to compare two networks: run both in turns.

`run_pair` runs in the worker; `time_pair` asks it from the notebook kernel.
"""

import gc
from bisect import bisect_right
from collections.abc import Sequence

from explorer.core.analysis.memory_need import least_bytes, needed_bytes
from explorer.core.analysis.report import Report, analyze
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import PAIR_TIME_LIMIT
from explorer.core.asking.timing import PairTiming
from explorer.core.families import Architecture
from explorer.core.formatting import byte_size
from explorer.core.network.layers import Shape
from explorer.core.network.tracing import trace
from explorer.keras_side.backends import free_bytes
from explorer.keras_side.build import build, dtype_policy, forget_builds, import_keras
from explorer.keras_side.machine_memory import NotEnoughMemory
from explorer.keras_side.timing import compiler_for_memory, time_interleaved
from explorer.worker.in_process import is_overtaken
from explorer.worker.tasks.forward import (
    DEFAULT,
    KeptModel,
    check_or_give_back,
    expect_run,
    noise,
    ready_model,
)

# What follows runs in the worker process.


def run_pair(
    architecture_a: Architecture,
    shape_a: Shape,
    architecture_b: Architecture,
    shape_b: Shape,
    batch_size: int,
    how: Measurement = DEFAULT,
    time_limit: float = PAIR_TIME_LIMIT,
) -> PairTiming:
    """Time two models in turns on random images; runs in the worker.

    B is the model that the worker keeps; A, which shares no layer with it, is given up afterwards.

    Args:
        architecture_a: The one architecture.
        shape_a: `(height, width, channels)` of its images.
        architecture_b: The other architecture.
        shape_b: Shape of its images.
        batch_size: Images in each run of either.
        how: What is measured of both, and how.
        time_limit: Seconds after which no further pair of runs is started.

    Raises:
        ParameterError: If a choice cannot be used here.
        NotEnoughMemory: If the free memory does not hold both.
        GivenUp: If nobody waits any more.
    """
    kept = ready_model(architecture_b, shape_b, batch_size, how)
    try:
        return _run_beside(kept, architecture_a, shape_a, shape_b, batch_size, how, time_limit)
    finally:
        forget_builds()
        gc.collect()  # models hold themselves in circles


def _run_beside(
    kept: KeptModel,
    architecture: Architecture,
    shape_a: Shape,
    shape_b: Shape,
    batch_size: int,
    how: Measurement,
    time_limit: float,
) -> PairTiming:
    graph = trace(architecture, shape_a)
    reports = analyze(graph), analyze(kept.graph)

    def check() -> None:
        check_both_fit(
            reports,
            batch_size,
            free=free_bytes(kept.device),
            held=reports[1].weights_bytes,
            device=kept.device.kind,
            how=how,
            compiler=compiler_for_memory(how, kept.device),
        )

    check_or_give_back(check)
    expect_run([graph, kept.graph], batch_size, how)
    with dtype_policy(how.precision), import_keras().device(kept.device.name.lower()):
        model = build(architecture, shape_a)
    flops_a, flops_b = (report.flops if report.macs_are_known else None for report in reports)
    return time_interleaved(
        (model, kept.model),
        (noise(batch_size, shape_a), noise(batch_size, shape_b)),
        how,
        flops=(flops_a, flops_b),
        time_limit=time_limit,
        is_stale=is_overtaken,
    )


def check_both_fit(
    reports: Sequence[Report],
    batch_size: int,
    *,
    free: int | None,
    held: int = 0,
    device: str = "CPU",
    how: Measurement = DEFAULT,
    compiler: str = "graph",
) -> None:
    """Raise an error when running models beside each other would take more memory than is free.

    Args:
        reports: The analysis of each.
        batch_size: Images in a run of each.
        free: Bytes that are free on the device; None, where that is not known, is enough.
        held: Bytes of the weights that are already there.
        device: "CPU" or "GPU", for the message.
        how: What is measured.
        compiler: "graph", "XLA", or "both" where both are tried.

    Raises:
        NotEnoughMemory: With the numbers, and what would make it fit.
    """
    if free is None:
        return

    def needed_by_each(images: int) -> list[int]:
        return [
            needed_bytes(report, images, precision=how.precision, step=how.step, compiler=compiler)
            for report in reports
        ]

    def needed_by_both(images: int) -> int:
        return sum(needed_by_each(images)) - held

    wanted = needed_by_both(batch_size)
    if wanted <= free:
        return
    # The need grows with the batch.
    fitting = bisect_right(range(1, batch_size), free, key=needed_by_both)
    remedies = [f"a batch of at most {fitting}"] if fitting else []
    remedies += ["smaller images", "fewer filters or blocks"]
    # They run one after the other, and the one may leave to the other what it took.
    least = max(
        least_bytes(report, needed, step=how.step, compiler=compiler)
        for report, needed in zip(reports, needed_by_each(batch_size), strict=True)
    )
    where = "memory of the GPU" if device == "GPU" else "memory"
    raise NotEnoughMemory(
        f"Timing both models in turns with a batch of {batch_size} needs about "
        f"{byte_size(wanted)}, since both stay in memory, and {byte_size(free)} of {where} is "
        f"free: use {', or '.join(remedies)}.",
        wanted - free,
        is_certain=least - held > free,
    )


# What follows runs in the notebook kernel.
