"""How long a network takes on a device, told from how long its kinds of work take there.

The model is a roofline whose parts are added: each kind of layer has a time for each call, for the
values that it moves and for its arithmetic, and these were fitted to small networks and layers that
were timed on the device. It needs neither the device nor Keras.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cached_property
from math import prod
from typing import Any

import attrs

from explorer.core.analysis.design import Design
from explorer.core.formatting import duration
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph, Node
from explorer.core.network.layers import along

#: Channels that processors compute side by side: what is no multiple of it costs as the next one.
LANES = 16
#: Seconds that timing takes, for a profile that tells times well.
PROFILE_SECONDS = 55.0
#: Most seconds that anything takes, a day: a layer takes far less.
LARGEST = 86_400
#: Most characters of a profile's JSON: many times what one has.
LONGEST = 100_000

Work = defaultdict[str, float]


@attrs.frozen(slots=False)
class DeviceProfile:
    """What the kinds of work that networks are made of take on a device.

    Attributes:
        device: What it is, such as "CPU (AMD EPYC)".
        backend: Keras' backend, with its version.
        compiler: "graph" or "XLA"; "graph or XLA" where the faster was taken of each.
        precision: Keras' dtype policy.
        seconds: For one of each kind of work, by its name: see `work_of`.
        error: Median error, relative to what was measured, of the times told of the timed networks,
            each by a fit without it.
    """

    device: str
    backend: str
    compiler: str
    precision: str
    seconds: Mapping[str, float]
    error: float

    def predict(self, design: Design) -> float | None:
        """Return the seconds of a forward pass of the design's batch, as told by this profile.

        None: that is not known, since it has layers of a kind that was not timed.
        """
        work = work_of(design.graph, design.input.batch_size)
        if work is None or not work.keys() <= self.seconds.keys():
            return None
        return seconds_of(work, self.seconds)

    @cached_property
    def words(self) -> str:
        """What it is of, and how well it tells times, in a line."""
        return (
            f"{self.device}, {self.backend}, {self.compiler}, {self.precision}: "
            f"half of the times told of known networks were within {self.error:.0%}"
        )

    def __repr__(self) -> str:
        """Return what it is of, with the time of a call."""
        return f"<profile of {self.words}; a call {duration(self.seconds.get('calls', 0.0))}>"

    def to_json(self) -> str:
        """Return the profile as JSON, to be carried to another machine."""
        return json.dumps(attrs.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "DeviceProfile":
        """Return the profile that `to_json` wrote.

        Raises:
            Refusal: If the text is none.
        """
        if len(text) > LONGEST:
            raise Refusal(f"This is no device profile: it has over {LONGEST:,} characters.")
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Refusal(f"This is no device profile: it is no JSON ({error}).") from None
        names = [field.name for field in attrs.fields(cls)]
        if not isinstance(fields, dict) or sorted(fields) != sorted(names):
            raise Refusal(f"This is no device profile: give an object with {', '.join(names)}.")
        for name in names[:4]:
            if not isinstance(fields[name], str):
                raise Refusal(f"Device profile: {name}={fields[name]!r} is no text.")
        if not _is_amount(fields["error"]):
            raise Refusal(f"Device profile: error={fields['error']!r} is no share.")
        seconds = fields["seconds"]
        if not isinstance(seconds, dict):
            raise Refusal(f"Device profile: seconds={seconds!r} is no object.")
        for name, value in seconds.items():
            if not _is_amount(value):
                raise Refusal(
                    f"Device profile: seconds[{name!r}]={value!r} is no number of seconds."
                )
        return cls(**fields)


def _is_amount(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and 0 <= value <= LARGEST


def work_of(graph: Graph, batch_size: int) -> Work | None:
    """Return how much of each kind of work a forward pass is; None: a layer's is not known.

    Args:
        graph: The network.
        batch_size: Images in a pass.
    """
    work: Work = defaultdict(float)
    work["calls"] = 1.0
    for node in graph.nodes:
        add = _KINDS.get(node.kind)
        if add is None or node.layer.is_told:
            return None
        add(work, node, batch_size)
    return work


def seconds_of(work: Work, seconds: Mapping[str, float]) -> float:
    """Return how long work takes of which one of each kind takes so many seconds."""
    return sum(amount * seconds[name] for name, amount in work.items())


def _values(node: Node, images: int) -> int:
    return prod(node.shape) * images


def _places(node: Node, images: int) -> int:
    return prod(node.shape[:-1]) * images


def _in_lanes(channels: int) -> int:
    return -(-channels // LANES) * LANES


def _nothing(work: Work, node: Node, images: int) -> None:
    pass


def _kernel(node: Node) -> int:
    """Return how many positions a kernel covers."""
    size = node.layer.kernel_size  # type: ignore[attr-defined]
    return along(size, axis=0) * along(size, axis=1)


def _moved(work: Work, node: Node, images: int) -> None:
    """Add what a convolution reads and writes."""
    work["convolutions: values in"] += _values(node.inputs[0], images)
    work["convolutions: positions out"] += _places(node, images)
    work["weights"] += node.params


def _convolution(work: Work, node: Node, images: int) -> None:
    layer: Any = node.layer
    kernel = _kernel(node)
    kind = "1×1 convolutions" if kernel == 1 else "convolutions"
    taps = _places(node, images) * kernel * (node.inputs[0].shape[-1] // layer.groups)
    work[kind] += 1
    work[f"{kind}: multiply-adds"] += taps * _in_lanes(layer.filters)
    _moved(work, node, images)


def _transposed(work: Work, node: Node, images: int) -> None:
    given = node.inputs[0]
    spread = _places(given, images) * _kernel(node) * node.shape[-1]
    work["transposed convolutions"] += 1
    work["transposed convolutions: multiply-adds"] += spread * given.shape[-1]
    work["transposed convolutions: values spread"] += spread
    _moved(work, node, images)


def _depthwise(work: Work, node: Node, images: int) -> None:
    work["depthwise convolutions"] += 1
    work["depthwise convolutions: multiply-adds"] += (node.macs or 0) * images
    _moved(work, node, images)


def _separable(work: Work, node: Node, images: int) -> None:
    """Add a depthwise and a 1×1 convolution."""
    layer: Any = node.layer
    between = _places(node, images) * node.inputs[0].shape[-1] * layer.depth_multiplier
    work["depthwise convolutions"] += 1
    work["depthwise convolutions: multiply-adds"] += between * _kernel(node)
    work["1×1 convolutions"] += 1
    work["1×1 convolutions: multiply-adds"] += between * _in_lanes(layer.filters)
    _moved(work, node, images)


def _dense(work: Work, node: Node, images: int) -> None:
    """Add what a 1×1 convolution does; of a single position, it is the weights that take time."""
    layer: Any = node.layer
    if len(node.shape) == 1:
        work["other layers"] += 1
        work["weights"] += node.params
        return
    taps = _places(node, images) * node.inputs[0].shape[-1]
    work["1×1 convolutions"] += 1
    work["1×1 convolutions: multiply-adds"] += taps * _in_lanes(layer.units)
    _moved(work, node, images)


def _simple(work: Work, node: Node, images: int) -> None:
    """Add what a layer does that moves values and computes little."""
    work["other layers"] += 1
    work["other layers: values"] += _values(node, images) + sum(
        _values(source, images) for source in node.inputs
    )


def _costly(name: str) -> Callable[[Work, Node, int], None]:
    """Return what adds the work of layers whose values take a time of their own."""

    def add(work: Work, node: Node, images: int) -> None:
        _simple(work, node, images)
        work[f"{name}: values"] += _values(node, images)
        work[f"{name}: positions"] += _places(node, images)

    return add


def _group_normalization(work: Work, node: Node, images: int) -> None:
    layer: Any = node.layer
    is_of_each = layer.groups in (-1, node.shape[-1])
    _costly("instance normalisation" if is_of_each else "group normalisation")(work, node, images)


def _upsampling(work: Work, node: Node, images: int) -> None:
    layer: Any = node.layer
    is_nearest = layer.interpolation == "nearest"
    _costly("nearest upsampling" if is_nearest else "smooth upsampling")(work, node, images)


#: What adds the work of each kind of layer. Dropout does nothing in a forward pass.
_KINDS: Mapping[str, Callable[[Work, Node, int], None]] = {
    "InputLayer": _nothing,
    "Dropout": _nothing,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "Dense": _dense,
    "BatchNormalization": _costly("batch normalisation"),
    "GroupNormalization": _group_normalization,
    "MaxPooling2D": _costly("pooling"),
    "AveragePooling2D": _costly("pooling"),
    "UpSampling2D": _upsampling,
    "ZeroPadding2D": _costly("padding"),
    "Concatenate": _costly("concatenation"),
    "Activation": _simple,
    "LeakyReLU": _simple,
    "Add": _simple,
    "Multiply": _simple,
    "Cropping2D": _simple,
    "GlobalAveragePooling2D": _simple,
    "GlobalMaxPooling2D": _simple,
}
