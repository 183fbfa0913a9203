"""What a page is asked of a network that it runs, and what its answers mean."""

import math
import statistics
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

import attrs

from explorer.core.analysis.design import Design
from explorer.core.analysis.report import analyze
from explorer.core.asking.feature_maps import Channel, FeatureMap, FeatureMaps, LayerChannels
from explorer.core.asking.forward_pass import ForwardPass, Picture
from explorer.core.asking.measurement import IN_BROWSER, Measurement
from explorer.core.asking.position import FieldFound, center, signs
from explorer.core.asking.program import Program, program_of
from explorer.core.asking.questions import TIME_LIMIT
from explorer.core.asking.timing import Timing, is_steady
from explorer.core.asking.weights import Weights
from explorer.core.formatting import product, short_count
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.graph import Graph
from explorer.core.pictures.heat_map import DECADES, OPACITY, RAMP
from explorer.widget.messages import FieldHere, FoundHere, LookedHere, LookHere, RanHere, RunHere

if TYPE_CHECKING:
    from explorer.core.asking.pretrained import Pretrained

#: Most channels of the selected layer, and most pixels along a side, as Keras' feature maps have.
_CHANNELS, _SIDE = 16, 256
#: Most values of features for a gradient, which a page keeps before and after the activation.
_GRADIENT_VALUES = 125 * 10**6
#: Most multiply-adds of a pass before it: a minute or so on a core.
_GRADIENT_MACS = 100 * 10**9

Message = TypeVar("Message", contravariant=True)
Result = TypeVar("Result", covariant=True)


class Asked(Protocol[Message, Result]):
    """Something that a page is asked of a network."""

    @property
    def weights(self) -> bytes:
        """All weights in turn, as little-endian float16; empty: the page draws them."""

    def question(self, number: int) -> RunHere | LookHere | FieldHere:
        """Return what the page is sent.

        Args:
            number: Of the question.

        Raises:
            ParameterError: If it is to be measured in a way that a page can't.
            Refusal: If the network has a layer that no page runs, or is too large for one.
        """

    def read(self, answer: Message, buffers: Sequence[bytes]) -> Result:
        """Return what an answer means."""


@attrs.frozen
class Pass:
    """A measured forward pass, with weights that the page draws.

    Attributes:
        design: The network, and its input.
        how: How it is measured.
    """

    design: Design
    how: Measurement
    weights = b""

    def question(self, number: int) -> RunHere:
        """Return what the page is sent."""
        for name, usual in (("step", "forward pass"), ("precision", "float32")):
            if (value := getattr(self.how, name)) != usual:
                raise ParameterError(
                    "Measurement",
                    name,
                    value,
                    f"isn’t measured in {IN_BROWSER}",
                    f"choose {usual}, or another device",
                )
        program = program_of(self.design.graph)
        return RunHere(number, program, self.design.input.batch_size, TIME_LIMIT)

    def read(self, answer: RanHere, buffers: Sequence[bytes]) -> ForwardPass:
        """Return what was measured."""
        image, *channels = buffers
        return ForwardPass(
            built=None,
            timing=_timing(answer, self.design),
            image=Picture("input", image),
            channels=tuple(
                Picture(f"channel {channel}", png)
                for channel, png in zip(answer.channels, channels, strict=True)
            ),
            weights="random, drawn in the browser",
        )


@attrs.frozen(slots=False)
class _Weighed:
    """A network with its weights.

    Attributes:
        graph: The network.
        given: A trained network, whose weights it has, or the seed of random ones.
    """

    graph: Graph
    given: "Pretrained | int"

    @cached_property
    def program(self) -> Program:
        """The network, step by step."""
        return program_of(self.graph)

    @cached_property
    def weights(self) -> bytes:
        """All weights in turn, as little-endian float16; empty: the page draws them."""
        if isinstance(self.given, int):
            return b""
        given = self.given.weights(self.graph)
        steps = self.program.steps
        return b"".join(values for step in steps for _, values in given.get(step.name, ()))

    @property
    def source(self) -> Weights:
        """Where the weights come from."""
        layers = sum(bool(step.weights) for step in self.program.steps)
        if isinstance(self.given, int):
            return Weights(self.given, layers=layers, note="drawn in the browser")
        return Weights(file=self.given.about, loaded=layers, layers=layers)

    def place(self, name: str) -> int:
        """Return the place of a layer among the program's steps."""
        return [step.name for step in self.program.steps].index(name)


@attrs.frozen(slots=False)
class Look(_Weighed):
    """What layers make of a picture.

    Attributes:
        strip: Names of the layers to show in one picture each.
        selected: Name of the layer to show channels of.
    """

    strip: Sequence[str]
    selected: str

    def question(self, number: int) -> LookHere:
        """Return what the page is sent."""
        strip = tuple(map(self.place, self.strip))
        selected, seed = self.place(self.selected), self.source.seed
        return LookHere(number, self.program, seed, strip, selected, _CHANNELS, _SIDE)

    def read(self, answer: LookedHere, buffers: Sequence[bytes]) -> FeatureMaps:
        """Return the pictures."""
        maps = tuple(
            FeatureMap(
                name,
                self.graph[name].shape,
                _known(each.lowest),
                _known(each.highest),
                _known(each.mean),
                png,
            )
            for name, each, png in zip(self.strip, answer.strip, buffers, strict=False)
        )
        channels = tuple(
            Channel(each.channel, _known(each.strength), png)
            for each, png in zip(answer.channels, buffers[len(self.strip) :], strict=True)
        )
        shape = self.graph[self.selected].shape
        return FeatureMaps(maps, LayerChannels(self.selected, shape, channels), self.source)


@attrs.frozen(slots=False)
class Field(_Weighed):
    """What a position of a layer's output looks at.

    Attributes:
        layer: Name of the layer, whose output has pixels.
        position: Row and column in its output.
    """

    layer: str
    position: tuple[int, int]

    @property
    def _middle(self) -> tuple[float, float]:
        return center(self.position, self.graph[self.layer].shape[:2], self.graph.input_shape[:2])

    def question(self, number: int) -> FieldHere:
        """Return what the page is sent."""
        place = self.place(self.layer)
        _check_size(self.graph, self.program, place)
        return FieldHere(
            number,
            self.program,
            self.source.seed,
            place,
            self.position,
            signs(self.graph[self.layer].shape[-1]),
            self._middle,
            RAMP,
            DECADES,
            OPACITY,
        )

    def read(self, answer: FoundHere, buffers: Sequence[bytes]) -> FieldFound:
        """Return what was found."""
        return FieldFound(
            answer.half or 0,
            answer.most,
            b"".join(buffers),  # one at most
            self._middle,
            answer.half is not None,
            str(self.source),
            self.source.are_random,
        )


def _check_size(graph: Graph, program: Program, place: int) -> None:
    """Refuse a gradient for which a page has not the memory, or would take minutes.

    Raises:
        Refusal: If they are too many.
    """
    steps = program.steps[: place + 1]
    report = analyze(graph)
    for needed, most, what in (
        (sum(math.prod(step.shape) for step in steps), _GRADIENT_VALUES, "values of features"),
        (sum(report[step.name].macs or 0 for step in steps), _GRADIENT_MACS, "multiply-adds"),
    ):
        if needed > most:
            size = product(*graph.input_shape[:2])
            raise Refusal(
                f"The gradient takes {short_count(needed)} {what}, and in a browser at most "
                f"{short_count(most)}: use an image that is smaller than {size} pixels, fewer "
                "filters, or an earlier layer."
            )


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _timing(ran: RanHere, design: Design) -> Timing:
    """Return the times of runs in a page."""
    times, report, batch_size = ran.times, design.report, design.input.batch_size
    height, width, channels = design.input.shape
    tenths = statistics.quantiles(times, n=10, method="inclusive")
    return Timing(
        median=statistics.median(times),
        p10=tenths[0],
        p90=tenths[-1],
        runs=len(times),
        warmup_runs=ran.warmups,
        is_steady=is_steady(times),
        compile_time=0.0,
        first_call_time=ran.first,
        batch_size=batch_size,
        input_shape=(height, width, channels),
        dtype="float32",
        step="forward pass",
        device=f"browser ({ran.device}, {ran.backend})",
        device_name=IN_BROWSER,
        device_memory_bytes=None,
        backend=f"TensorFlow.js {ran.version}",
        compiler=ran.backend,
        flops=report.flops * batch_size if report.macs_are_known else None,
        peak_flops_per_second=None,
        peak_memory_bytes=None,
        xla=None,
    )
