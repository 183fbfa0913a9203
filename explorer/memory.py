"""What running a model needs, and what is free: by the machine, its container and its GPU.

The estimate is for a process that has already run something. Its factors were fitted to the memory
that passes and training steps of the presets took with TensorFlow on a CPU, and JAX takes less;
`tests/test_memory.py` holds it against new measurements.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path

import attrs
import psutil

from explorer.analysis import Report, analyze
from explorer.architectures import Architecture
from explorer.formatting import byte_size
from explorer.graph import trace
from explorer.layers import Shape
from explorer.parameters import ParameterError

#: What the weights take, relative to their own size: initial values need room to be made.
WEIGHTS_FACTOR = 1.4
#: What features take, relative to those alive at the peak: convolutions copy what they read.
FEATURES_FACTOR = 2.0
#: What a layer takes beside its weights and features: its part of the compiled function.
BYTES_PER_LAYER = 120_000
#: Inputs of a measurement: four that differ, and what they are made from.
INPUT_COPIES = 6
#: For training: gradients and the optimiser's two averages, relative to the weights.
TRAINING_WEIGHTS = 3.0
#: For training: what is kept for the gradients, relative to the sum of all features.
TRAINING_FACTOR = 1.0
#: For training: what a layer takes beside its weights and features.
TRAINING_BYTES_PER_LAYER = 1_200_000


class NotEnoughMemory(MemoryError):
    """More memory is needed than is free; says how much, and what would make it fit."""


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
    machine = psutil.virtual_memory()
    found = [Memory(machine.total, machine.available)]
    found += filter(None, map(_group_memory, _groups(root)))
    return min(found, key=lambda memory: memory.free)


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
    for limit_name, used_name, cache_name in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            limit = int((folder / limit_name).read_text(encoding="ascii"))
            used = int((folder / used_name).read_text(encoding="ascii"))
            stat = (folder / "memory.stat").read_text(encoding="ascii")
        except (OSError, ValueError):  # not there, or "max"
            continue
        # Files that were read count as used until somebody needs the room.
        cache = dict(line.split() for line in stat.splitlines() if line).get(cache_name, "0")
        return Memory(limit, max(0, limit - used + int(cache)))
    return None


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


def needed_bytes(
    report: Report, batch_size: int, *, precision: str = "float32", trains: bool = False
) -> int:
    """Return an estimate of the memory that running a model takes at its peak, weights included.

    Args:
        report: The model's analysis.
        batch_size: Images in a run.
        precision: Keras' dtype policy; of a mixed one, features take half of float32's room.
        trains: Whether it is a training step instead of a forward pass.
    """
    weights = report.weights_bytes * (WEIGHTS_FACTOR + (TRAINING_WEIGHTS if trains else 0))
    features = (
        TRAINING_FACTOR * sum(row.memory_bytes for row in report.layers)
        if trains
        else FEATURES_FACTOR * report.peak_activation_bytes
    )
    if precision != "float32":
        features /= 2
    features += INPUT_COPIES * report.layers[0].memory_bytes
    per_layer = TRAINING_BYTES_PER_LAYER if trains else BYTES_PER_LAYER
    return int(weights + features * batch_size + per_layer * len(report.layers))


def check_weights_fit(report: Report) -> None:
    """Raise an error when a model's weights take more memory than this machine has free.

    Raises:
        NotEnoughMemory: With the numbers, and what would make it fit.
    """
    needed, free = int(WEIGHTS_FACTOR * report.weights_bytes), machine_memory().free
    if needed > free:
        raise NotEnoughMemory(
            f"The weights of this model need about {byte_size(needed)}, and {byte_size(free)} of "
            "memory is free: use fewer filters or blocks."
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
    trains: bool = False,
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
        trains: Whether it is a training step instead of a forward pass.

    Raises:
        NotEnoughMemory: With the numbers, and the changes that would make it fit.
    """
    if free is None:
        return

    def needed(shape: Shape, images: int) -> float:
        report = analyze(trace(architecture, shape))
        return needed_bytes(report, images, precision=precision, trains=trains) - held

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
    step = architecture.maximum_stride
    height, width, _ = input_shape
    smaller = _largest(
        min(height, width) // step - 1,
        lambda count: needed_if_taken(_scaled(input_shape, step, count)) <= free,
    )
    if smaller:
        height, width, _ = _scaled(input_shape, step, smaller)
        remedies.append(f"images of at most {height} × {width} pixels")
    remedies.append("fewer filters or blocks")
    what = "A training step" if trains else "A forward pass"
    where = "memory of the GPU" if device == "GPU" else "memory"
    raise NotEnoughMemory(
        f"{what} of this model with a batch of {batch_size} needs about {byte_size(wanted)}, "
        f"and {byte_size(free)} of {where} is free: use {', or '.join(remedies)}."
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
