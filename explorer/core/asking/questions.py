"""What Keras can be asked: each question is a value that holds all that its answer depends on.

`input_shape` is `(height, width, channels)`, and `upload` is the content of an image file, or None
for the default photograph.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from explorer.core.asking.measurement import Measurement
from explorer.core.families import Architecture, ReadModel
from explorer.core.network.layers import Shape

if TYPE_CHECKING:
    from explorer.core.asking.training import Training

#: Seconds after which no further run is started: of one model, and of two in turns.
TIME_LIMIT, PAIR_TIME_LIMIT = 3.0, 6.0


@attrs.frozen
class Rebuild:
    """Make the model. The answer is `Built`."""

    architecture: Architecture
    input_shape: Shape


@attrs.frozen
class RunForward:
    """Run a picture through the model, and time that. The answer is a `ForwardPass`."""

    architecture: Architecture
    input_shape: Shape
    batch_size: int
    upload: bytes | None = attrs.field(repr=False)
    how: Measurement


@attrs.frozen
class TimeLayers:
    """Time every layer alone. The answer is `LayerTimes`."""

    architecture: Architecture
    input_shape: Shape
    batch_size: int
    how: Measurement


@attrs.frozen
class TimeModel:
    """Time the model on random images, for so many seconds. The answer is a `Timing`."""

    architecture: Architecture
    input_shape: Shape
    batch_size: int
    how: Measurement
    time_limit: float = TIME_LIMIT


@attrs.frozen
class TimePair:
    """Time two models in turns, for so many seconds. The answer is a `PairTiming`."""

    architecture_a: Architecture
    shape_a: Shape
    architecture_b: Architecture
    shape_b: Shape
    batch_size: int
    how: Measurement
    time_limit: float = PAIR_TIME_LIMIT


@attrs.frozen
class ProfileDevice:
    """Time small networks for so many seconds. The answer is a `DeviceProfile`."""

    how: Measurement
    seconds: float


@attrs.frozen
class Gradient:
    """Say what a row and column of a layer's output looks at. The answer is an `EffectiveField`."""

    architecture: Architecture
    input_shape: Shape
    layer: str
    position: tuple[int, int]
    upload: bytes | None = attrs.field(repr=False)


@attrs.frozen
class Features:
    """Show what layers make of a picture, and the channels of one. The answer is `FeatureMaps`."""

    architecture: Architecture
    input_shape: Shape
    upload: bytes | None = attrs.field(repr=False)
    strip: tuple[str, ...]
    selected: str


@attrs.frozen
class LoadWeights:
    """Give the model the weights of a file, by its absolute path. The answer is `Weights`."""

    architecture: Architecture
    input_shape: Shape
    path: str


@attrs.frozen
class DrawWeights:
    """Draw random weights anew. The answer is None."""

    seed: int


@attrs.frozen
class UsePretrained:
    """Have models of a tiny trained network's architecture get its weights. The answer is None."""

    name: str


@attrs.frozen
class Train:
    """Let a network learn for so many seconds, at least a step. The answer is `Learnt`.

    What took place `after` this step is told; None begins anew. It learns no further than to the
    step `until`, if there is one. One asks again and again, so that others are answered in between.
    If it `shows`, what it says of the pictures that are shown is told, as it is after each step,
    and what it looks at.
    """

    training: "Training"
    after: int | None
    seconds: float
    until: int | None = None
    shows: bool = False


@attrs.frozen
class TrainTwins:
    """Let two networks learn in turns, a step each. The answer is a `Learnt` of each.

    What both learn from is the same; else it is as in `Train`.
    """

    a: "Training"
    b: "Training"
    after: int | None
    seconds: float
    until: int | None = None
    shows: bool = False


@attrs.frozen
class SaveTrained:
    """Write what has learnt: "weights", or "keras-file". The answer is a `KerasFile`."""

    training: "Training"
    kind: str


@attrs.frozen
class SaveFile:
    """Write the model as a file of a kind that `export` knows. The answer is a `KerasFile`."""

    architecture: Architecture
    input_shape: Shape
    kind: str


@attrs.frozen
class ReadFile:
    """Read a model of Keras or ONNX, given answers to what it leaves open.

    The answer is `LoadedThere`; `is_pasted`: it is text, which came without a file's name.
    """

    path: str
    answers: tuple[tuple[str, Any], ...]
    is_pasted: bool = False


@attrs.frozen
class ReadAt:
    """Read a model for another size than that at which it is shown.

    The answer is a dictionary: of this shape, and of those that remedies lead to if it is refused,
    the `Graph`, or the `ParameterError`.
    """

    model: ReadModel
    shown_shape: Shape
    input_shape: Shape


@attrs.frozen
class See:
    """Decode a file as a network of this input shape sees it. The answer is `Seen`."""

    content: bytes | None = attrs.field(repr=False)
    shape: Shape


Question: TypeAlias = (
    Rebuild
    | RunForward
    | TimeLayers
    | TimeModel
    | TimePair
    | ProfileDevice
    | Gradient
    | Features
    | LoadWeights
    | DrawWeights
    | UsePretrained
    | Train
    | TrainTwins
    | SaveTrained
    | SaveFile
    | ReadFile
    | ReadAt
    | See
)
