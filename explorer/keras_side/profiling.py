"""What kinds of work take on a device: small networks and layers are timed there, and fitted."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from math import nan, prod
from random import Random
from time import perf_counter
from typing import Any

import attrs
import numpy as np

from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.device_profile import (
    PROFILE_SECONDS,
    DeviceProfile,
    Work,
    seconds_of,
    work_of,
)
from explorer.core.asking.failures import GivenUp
from explorer.core.asking.measurement import Measurement
from explorer.core.families import (
    FCDenseNet,
    Hourglass,
    LeapCNN,
    PlainConvUNet,
    ResidualEncoderUNet,
    ResidualHourglass,
    ResNet,
    UNet,
)
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Feature, Graph, input_feature
from explorer.core.network.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    GroupNormalization,
    Layer,
    LeakyReLU,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
)
from explorer.core.network.layers.normalisation import EACH_CHANNEL
from explorer.keras_side.backends import backend, find_device
from explorer.keras_side.build import build, dtype_policy, forget_builds, import_keras
from explorer.keras_side.timing import time_model

#: Seconds that the runs of a network take, once it is compiled.
SECONDS_EACH = 0.2
#: Chains of layers that are timed beside the networks.
CHAINS = 80
#: Fewest of both that a fit is made to.
FEWEST = 40
#: Most multiply-adds of a chain, and values of a feature, on a CPU.
MOST_MACS, MOST_VALUES = 1.5e9, 4e6
#: What networks count as, relative to chains: what is to be told is networks.
NETWORKS_COUNT = 3.0
#: How many times as many images a GPU is given: a single small one keeps it idle.
GPU_IMAGES = 16
#: Parts of the networks of which each is left out once to know the error.
PARTS = 5
#: How often a fit is made anew with other weights, and what is as good as no slope in one.
REWEIGHTED, TOLERANCE = 6, 1e-10

_SMALL: tuple[tuple[EncoderDecoder, int, int], ...] = (
    (UNet(filters=8, down_blocks=3, up_blocks=3), 192, 1),
    (UNet(filters=16, down_blocks=2, up_blocks=2, kernel_size=5), 128, 1),
    (UNet(filters=32, down_blocks=3, up_blocks=3, up_interpolate=True), 96, 2),
    (UNet(filters=4, down_blocks=4, up_blocks=4, convs_per_block=3), 256, 1),
    (UNet(filters=12, down_blocks=5, up_blocks=3, skips="add"), 256, 2),
    (LeapCNN(filters=16), 128, 1),
    (LeapCNN(filters=48, up_interpolate=True), 96, 2),
    (LeapCNN(filters=4, down_blocks=4, up_blocks=4), 320, 4),
    (LeapCNN(filters=32, stacks=2, down_convs_per_block=2), 64, 1),
    (Hourglass(filters=32, filter_increase=16, stem_filters=16, stacks=2), 192, 1),
    (Hourglass(filters=64, filter_increase=32, stem_filters=32, stacks=1), 256, 1),
    (Hourglass(filters=16, filter_increase=0, stem_filters=8, stem_stride=2, stacks=1), 128, 4),
    (Hourglass(filters=96, stem_filters=32, stacks=1, interp_method="bilinear"), 128, 1),
    (ResidualHourglass(filters=64, stem_filters=16, stacks=1), 128, 2),
    (ResidualHourglass(filters=32, stem_filters=8, down_blocks=3, stacks=2), 256, 1),
    (FCDenseNet(layers_per_block=(2, 3, 4), bottleneck_layers=4, first_filters=16), 96, 1),
    (FCDenseNet(layers_per_block=(2, 2), bottleneck_layers=3, growth_rate=4), 192, 2),
    (ResNet(encoder_stride=16, filters=16), 96, 1),
    (PlainConvUNet(stages=4, filters=8), 192, 1),
    (PlainConvUNet(stages=5, filters=16, normalisation="batch"), 128, 2),
    (PlainConvUNet(stages=3, filters=32, convs_per_stage=(1,)), 96, 1),
    (PlainConvUNet(stages=6, filters=4, kernel_size=1), 320, 1),
    (ResidualEncoderUNet(stages=4, filters=8), 160, 2),
    (ResidualEncoderUNet(stages=5, filters=16, normalisation="batch"), 128, 1),
    (ResidualEncoderUNet(stages=3, filters=24, units_per_stage=(1, 2)), 96, 1),
)


@attrs.frozen
class _Timed:
    """A network with its work and its time in seconds."""

    work: Work
    seconds: float
    is_network: bool


def measure_profile(
    how: Measurement, seconds: float = PROFILE_SECONDS, *, is_stale: Callable[[], bool] = bool
) -> DeviceProfile:
    """Time small networks on a device, and return what their kinds of work take.

    Args:
        how: On which device, in which precision and by which compiler.
        seconds: After which no further network is begun.
        is_stale: Asked between runs; once it is true, the measurement is given up.

    Raises:
        ParameterError: If the device is not there.
        Refusal: If so few could be timed that nothing can be told.
        GivenUp: If `is_stale` became true.
    """
    device = find_device(how.device)
    images = 1 if device.kind == "CPU" else GPU_IMAGES
    end = perf_counter() + seconds
    timed: list[_Timed] = []
    compilers = set()
    for graph, batch_size, is_network in _to_time(images):
        if perf_counter() > end:
            break
        if is_stale():
            raise GivenUp
        work = work_of(graph, batch_size)
        assert work is not None  # of their kinds all is known
        with import_keras().device(device.name.lower()), dtype_policy(how.precision):
            model = build(graph)
            batch = np.random.default_rng(0).random(
                (batch_size, *graph.input_shape), dtype=np.float32
            )
            timing, _ = time_model(model, batch, how, time_limit=SECONDS_EACH, is_stale=is_stale)
        compilers.add(timing.compiler)
        timed.append(_Timed(work, timing.median, is_network))
        forget_builds()
    if len(timed) < FEWEST:
        raise Refusal(
            f"In {seconds:g} s only {len(timed)} small networks could be timed on {device}, and "
            f"{FEWEST} are needed: give more seconds, or let the machine do less meanwhile."
        )
    names = sorted({name for each in timed for name in each.work})
    found = _fitted(timed, names)
    return DeviceProfile(
        device=str(device),
        backend=backend().name,
        compiler=" or ".join(sorted(compilers, reverse=True)),
        precision=how.precision,
        seconds=dict(zip(names, map(float, found), strict=True)),
        error=_error(timed, names),
    )


def _to_time(images: int) -> Iterator[tuple[Graph, int, bool]]:
    """Yield networks and chains by turns with their batch sizes, always the same ones."""
    random = Random(0)
    every = CHAINS // len(_SMALL)
    for number in range(CHAINS):
        graph, batch_size = _chain(random)
        # Half of them as they are: of them the calls take most.
        yield graph, batch_size * (images if number % 2 else 1), False
        if number % every == 0 and number // every < len(_SMALL):
            architecture, side, batch_size = _SMALL[number // every]
            design = Design(architecture, Input(side, side, 1 + 2 * (number % 2), batch_size))
            yield design.graph, batch_size * images, True


def _chain(random: Random) -> tuple[Graph, int]:
    """Return some layers one after the other, as networks have them, and a batch size."""
    while True:
        side = random.choice((8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 320, 512))
        channels = random.choice((1, 2, 3, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256))
        batch_size = random.choice((1, 1, 2, 4))
        chain = _Chain(random, input_feature((side, side, channels)))
        for step in random.choices(_STEPS, k=random.randint(2, 7)):
            step(chain)
        graph = Graph([chain.end])
        largest = max(prod(node.shape) for node in graph) * batch_size
        macs = sum(node.macs or 0 for node in graph) * batch_size
        if largest <= MOST_VALUES and macs <= MOST_MACS:
            return graph, batch_size


class _Chain:
    """Layers that are put one after the other, with settings at random."""

    def __init__(self, random: Random, image: Feature) -> None:
        self.random = random
        self.end = image
        self._names = (f"layer{number}" for number in count())

    def put(self, kind: type[Layer], *settings: Any, **more: Any) -> None:
        """Put a layer at the end."""
        self.end = kind(*settings, **more, name=next(self._names))(self.end)

    def merge(self, kind: type[Layer], other: Feature) -> None:
        """Merge the end with another feature."""
        self.end = kind(name=next(self._names))([other, self.end])

    @property
    def channels(self) -> int:
        """How many channels there are at the end."""
        return self.end.node.shape[-1]

    @property
    def filters(self) -> int:
        """A number of filters such as networks have there."""
        channels = self.channels
        few = self.random.choice((1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256))
        twice = min(512, 2 * channels)
        return self.random.choice((channels, channels, max(1, channels // 2), twice, twice, few))

    @property
    def size(self) -> int:
        """A size of a kernel; large ones are for few channels."""
        return self.random.choice((3, 3, 3, 3, 5, 7) if self.channels <= 64 else (3,))

    def convolve(self, size: int | None = None, filters: int = 0, **settings: Any) -> None:
        """Put a convolution."""
        settings.setdefault("activation", self.random.choice(("relu", "relu", "linear")))
        self.put(Conv2D, filters or self.filters, size or self.size, **settings)

    def convolve_normalised(self) -> None:
        """Put a convolution, batch normalisation and an activation."""
        self.convolve(activation="linear")
        self.put(BatchNormalization)
        self.put(Activation, "relu")

    def convolve_by_instance(self) -> None:
        """Put a convolution, instance normalisation and a leaky activation."""
        self.convolve(activation="linear")
        self.put(GroupNormalization, groups=EACH_CHANNEL)
        self.put(LeakyReLU)

    def normalise_groups(self) -> None:
        """Put a normalisation of groups of channels."""
        channels = self.channels
        self.put(GroupNormalization, groups=channels // 2 if channels % 2 == 0 else 1)

    def convolve_transposed(self) -> None:
        """Put a transposed convolution."""
        self.put(Conv2DTranspose, self.filters, self.random.choice((2, 3, 4)), 2)

    def concatenate(self) -> None:
        """Concatenate with what a 1×1 convolution makes of it."""
        before = self.end
        self.convolve(1, filters=self.random.choice((self.channels, max(1, self.channels // 2))))
        self.merge(Concatenate, before)

    def add(self) -> None:
        """Add what a convolution makes of it."""
        before = self.end
        self.convolve(3, filters=self.channels)
        self.merge(Add, before)


#: What chains are made of; what networks have most of is there several times.
_STEPS: tuple[Callable[[_Chain], None], ...] = (
    *[_Chain.convolve] * 4,
    *[_Chain.convolve_normalised] * 3,
    *[_Chain.convolve_by_instance] * 2,
    lambda chain: chain.convolve(1),
    lambda chain: chain.convolve(3, strides=2),
    lambda chain: chain.put(DepthwiseConv2D, 3),
    _Chain.convolve_transposed,
    _Chain.concatenate,
    _Chain.add,
    _Chain.normalise_groups,
    lambda chain: chain.put(BatchNormalization),
    lambda chain: chain.put(GroupNormalization, groups=EACH_CHANNEL),
    lambda chain: chain.put(Activation, "relu"),
    lambda chain: chain.put(LeakyReLU),
    lambda chain: chain.put(MaxPooling2D, 2, 2),
    lambda chain: chain.put(AveragePooling2D, 2, 2),
    lambda chain: chain.put(UpSampling2D, 2),
    lambda chain: chain.put(UpSampling2D, 2, interpolation="bilinear"),
    lambda chain: chain.put(ZeroPadding2D, 1),
)


def _error(timed: Sequence[_Timed], names: Sequence[str]) -> float:
    """Return the median relative error of the networks' times, each told by a fit without it."""
    networks = [each for each in timed if each.is_network]
    errors = []
    for part in range(PARTS):
        left_out = networks[part::PARTS]
        found = _fitted([each for each in timed if each not in left_out], names)
        seconds = dict(zip(names, found, strict=True))
        errors += [abs(seconds_of(each.work, seconds) / each.seconds - 1) for each in left_out]
    return float(np.median(errors)) if errors else nan


def _fitted(timed: Sequence[_Timed], names: Sequence[str]) -> np.ndarray:
    """Return the seconds of one of each kind of work, none negative: `(names,)`.

    Relative errors are made small, in absolute value rather than squared, so that a few networks
    that something disturbed count little.
    """
    rows = np.array([[each.work.get(name, 0.0) / each.seconds for name in names] for each in timed])
    weights = np.array([NETWORKS_COUNT if each.is_network else 1.0 for each in timed])
    counts = weights
    found = np.zeros(len(names))
    for _ in range(REWEIGHTED):
        found = non_negative(rows * counts[:, None], counts)
        counts = weights / np.sqrt(np.maximum(np.abs(rows @ found - 1), 0.1))
    return found


def non_negative(rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the x of non-negative numbers for which `rows @ x` is nearest to what is wanted.

    The way of Lawson and Hanson (1974): what is not zero is let in one after the other.

    Args:
        rows: `(count, axes)`.
        wanted: `(count,)`.
    """
    scale = np.linalg.norm(rows, axis=0)
    unit = rows / np.where(scale, scale, 1.0)
    found, is_free = np.zeros(rows.shape[1]), scale < 0
    while True:
        slope = np.where(is_free, 0.0, unit.T @ (wanted - unit @ found))
        if slope.max() <= TOLERANCE * np.linalg.norm(wanted):
            return found / np.where(scale, scale, 1.0)
        is_free[slope.argmax()] = True
        while True:
            nearest = np.zeros_like(found)
            nearest[is_free] = np.linalg.lstsq(unit[:, is_free], wanted)[0]
            ends = is_free & (nearest <= 0)
            if not ends.any():
                break
            # As far towards it as none becomes negative; the first that would is zero from now on.
            shares = np.full_like(found, np.inf)
            shares[ends] = found[ends] / (found[ends] - nearest[ends])
            found += shares.min() * (nearest - found)
            is_free &= shares > shares.min()
            found[~is_free] = 0.0
        found = nearest
