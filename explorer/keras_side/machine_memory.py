"""What memory is free, by the machine, its container and its GPU, and whether a model fits."""

import ctypes
import math
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import attrs

from explorer.core.analysis.memory_need import WEIGHTS_FACTOR, least_bytes, needed_bytes
from explorer.core.analysis.report import Report, analyze
from explorer.core.families import Architecture
from explorer.core.formatting import byte_size
from explorer.core.network.errors import ParameterError
from explorer.core.network.layers import Shape
from explorer.core.network.tracing import trace


class NotEnoughMemory(MemoryError):
    """More memory is needed than is free; says how much, and what would make it fit.

    Attributes:
        missing: By how many bytes.
        is_certain: Whether it cannot fit; else only trying tells.
    """

    def __init__(self, message: str, missing: int = 0, is_certain: bool = True) -> None:
        super().__init__(message)
        self.missing = missing
        self.is_certain = is_certain

    def __reduce__(self) -> tuple[type, tuple[str, int, bool]]:
        return type(self), (str(self), self.missing, self.is_certain)


#: Where Linux says which control groups this process is in.
_MEMBERSHIP = Path("/proc/self/cgroup")


@attrs.frozen
class Memory:
    """Memory of a processor, in bytes.

    Attributes:
        total: All that may be used.
        free: What of it is free.
    """

    total: int
    free: int


def machine_memory(root: Path = Path("/sys/fs/cgroup")) -> Memory:
    """Return the memory of this machine, or of the container or group that limits this process.

    Args:
        root: Where Linux shows its control groups.
    """
    import psutil

    machine = psutil.virtual_memory()
    found = [Memory(machine.total, machine.available)]
    found += filter(None, map(_group_memory, _groups(root)))
    return min(found, key=lambda memory: memory.free)


def is_shared_fate(root: Path = Path("/sys/fs/cgroup")) -> bool:
    """Return whether all processes of a control group end when its memory runs out.

    Kubernetes sets its containers so.

    Args:
        root: Where Linux shows its control groups.
    """
    return any(_number(folder / "memory.oom.group") == 1 for folder in _groups(root))


def _groups(root: Path) -> list[Path]:
    """Return the folders of the control groups that this process is in, outer ones too."""
    try:
        lines = _MEMBERSHIP.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            base = root / controllers
            inner = base / path.lstrip("/")
            # In a container the path may be the host's, and the root is the container's own.
            folders += [f for f in (inner, *inner.parents) if f.is_relative_to(base)]
    return folders


def _group_memory(folder: Path) -> Memory | None:
    """Return what a control group may use, of either version; None if it sets no limit."""
    for limit_names, used_name, prefix in (
        (("memory.max", "memory.high"), "memory.current", ""),
        (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_"),
    ):
        limits = [limit for name in limit_names if (limit := _number(folder / name)) is not None]
        used = _number(folder / used_name)
        if not limits or used is None:
            continue
        try:
            stat = (folder / "memory.stat").read_text(encoding="ascii")
        except OSError:
            continue
        # Files that were read count as used until somebody needs the room.
        found = dict(line.split() for line in stat.splitlines() if line)
        cache = sum(int(found.get(f"{prefix}{kind}_file", 0)) for kind in ("inactive", "active"))
        limit = min(limits)
        return Memory(limit, max(0, limit - used + min(cache, used)))
    return None


def _number(file: Path) -> int | None:
    """Return the number in a file; None if there is none, or "max"."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def trim_heap() -> None:
    """Give what C's library keeps of freed memory back to the system, where it can be asked to."""
    with suppress(OSError, AttributeError, TypeError):  # another library, or system
        ctypes.CDLL(None).malloc_trim(0)


def gpu_memory(index: int) -> Memory | None:
    """Return the memory of a GPU from NVIDIA, or None where it cannot be asked for.

    Args:
        index: Its place among the GPUs that this process may use.
    """
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        name = visible.split(",")[index].strip() if visible else str(index)
        handle = (
            pynvml.nvmlDeviceGetHandleByIndex(int(name))
            if name.isdigit()
            else pynvml.nvmlDeviceGetHandleByUUID(name)
        )
        found = pynvml.nvmlDeviceGetMemoryInfo(handle)
    except (pynvml.NVMLError, IndexError):
        return None
    return Memory(found.total, found.free)


def check_weights_fit(report: Report) -> None:
    """Raise an error when a model's weights take more memory than this machine has free.

    Raises:
        NotEnoughMemory: With the numbers, and what would make it fit.
    """
    needed, free = int(WEIGHTS_FACTOR * report.weights_bytes), machine_memory().free
    if needed > free:
        raise NotEnoughMemory(
            f"The weights of this model need about {byte_size(needed)}, and {byte_size(free)} of "
            "memory is free: use fewer filters or blocks.",
            needed - free,
        )


def check_fits(
    architecture: Architecture,
    input_shape: Shape,
    batch_size: int,
    *,
    free: int | None,
    held: int = 0,
    device: str = "CPU",
    precision: str = "float32",
    step: str = "forward pass",
    compiler: str = "graph",
) -> None:
    """Raise an error when running a model would take more memory than is free.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
        batch_size: Images in a run.
        free: Bytes that are free on the device; None, where that is not known, is enough.
        held: Bytes of the weights that are already there.
        device: "CPU" or "GPU", for the message.
        precision: Keras' dtype policy.
        step: "forward pass", "training step", or "gradient" for that of the input.
        compiler: "graph", "XLA", or "both" where both are tried.

    Raises:
        NotEnoughMemory: With the numbers, and the changes that would make it fit.
    """
    if free is None:
        return

    @cache
    def report_at(shape: Shape) -> Report:
        return analyze(trace(architecture, shape))

    def needed(shape: Shape, images: int) -> int:
        return (
            needed_bytes(
                report_at(shape), images, precision=precision, step=step, compiler=compiler
            )
            - held
        )

    def needed_if_taken(shape: Shape) -> float:
        try:
            return needed(shape, batch_size)
        except ParameterError:  # a model that was read may take no such images
            return math.inf

    wanted = needed(input_shape, batch_size)
    if wanted <= free:
        return
    remedies = []
    # Bisected, since the need grows with the batch and with the size.
    fitting = _largest(batch_size - 1, lambda images: needed(input_shape, images) <= free)
    if fitting:
        remedies.append(f"a batch of at most {fitting}")
    stride = architecture.maximum_stride
    height, width, _ = input_shape
    smaller = _largest(
        min(height, width) // stride - 1,
        lambda count: needed_if_taken(_scaled(input_shape, stride, count)) <= free,
    )
    if smaller:
        height, width, _ = _scaled(input_shape, stride, smaller)
        remedies.append(f"images of at most {height} × {width} pixels")
    remedies.append("fewer filters or blocks")
    least = least_bytes(report_at(input_shape), wanted + held, step=step, compiler=compiler)
    where = "memory of the GPU" if device == "GPU" else "memory"
    raise NotEnoughMemory(
        f"A {step} of this model with a batch of {batch_size} needs about {byte_size(wanted)}, "
        f"and {byte_size(free)} of {where} is free: use {', or '.join(remedies)}.",
        wanted - free,
        is_certain=least - held > free,
    )


def _scaled(shape: Shape, step: int, count: int) -> Shape:
    """Return a shape whose shorter side is `count` steps, and whose longer side keeps up."""
    height, width, channels = shape
    scale = count * step / min(height, width)
    return (
        max(step, int(height * scale) // step * step),
        max(step, int(width * scale) // step * step),
        channels,
    )


def _largest(high: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number from 1 to `high` that fits, or 0."""
    low = 0
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
