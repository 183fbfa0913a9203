"""Networks that the page runs, by TensorFlow.js: on the visitor's GPU, without Keras."""

import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import traitlets

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
from explorer.core.guard import guarded
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.graph import Graph
from explorer.core.pictures.heat_map import DECADES, OPACITY, RAMP
from explorer.core.pictures.seen import PHOTOGRAPH
from explorer.widget import front
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import (
    Code,
    FieldHere,
    FoundHere,
    LookedHere,
    LookHere,
    NotRunHere,
    RanHere,
    RunHere,
    WantsCode,
)

if TYPE_CHECKING:
    from explorer.core.asking.pretrained import Pretrained

_LIBRARY = front.STYLE.parent / "tensorflow_js"
#: What a page runs networks with: TensorFlow.js with its backends, and the worker that calls it.
RUNNER_CODE = (
    _LIBRARY / "tf-core.min.js",
    _LIBRARY / "tf-backend-webgpu.min.js",
    _LIBRARY / "tf-backend-wasm.min.js",
    _LIBRARY / "tfjs-backend-wasm-simd.wasm",
    Path(__file__).with_name("browser_worker.js"),
)


#: Most channels of the selected layer, and most pixels along a side, as Keras' feature maps have.
_CHANNELS, _SIDE = 16, 256
#: Most values of features for a gradient, which a page keeps before and after the activation.
_GRADIENT_VALUES = 125 * 10**6
#: Most multiply-adds of a pass before it: a minute or so on a core.
_GRADIENT_MACS = 100 * 10**9


@attrs.frozen
class _Waits:
    """Who waits for an answer."""

    answered: Callable[[Any, Sequence[bytes]], None]
    failed: Callable[[str], None]


class InBrowser(FrontWidget):
    """Has the page run a network; the last question counts.

    Attributes:
        asked: What is to be run; None: nothing.
        picture: The content of a picture's file, on which it is run.
        weights: All weights in turn, as little-endian float16; empty: the page draws them.
    """

    _esm = module(Path(__file__).with_name("in_browser.js"), "code")
    sends = WantsCode | RanHere | LookedHere | FoundHere | NotRunHere
    gets = Code

    asked = shared(RunHere | LookHere | FieldHere | None, None)
    picture = traitlets.Bytes().tag(sync=True)
    weights = traitlets.Bytes().tag(sync=True)

    def __init__(
        self, lock: AbstractContextManager[Any], alert: Callable[[str], None], **options: Any
    ) -> None:
        """Begin with nothing asked.

        Args:
            lock: The lock under which the screen changes.
            alert: Shows the text of an unforeseen error.
            **options: Of the widget.
        """
        super().__init__(**options)
        self._lock = lock
        self._alert = alert
        self._number = 0
        self._waits: _Waits | None = None
        self.on_sent(self._receive)

    def run(
        self,
        design: Design,
        picture: bytes | None,
        how: Measurement,
        done: Callable[[ForwardPass], None],
        failed: Callable[[str], None],
    ) -> None:
        """Have a network run, in the place of what runs.

        Args:
            design: The network, and its input.
            picture: The content of a picture's file; None: the photograph.
            how: How it is measured.
            done: Called with what was measured.
            failed: Called with why nothing was.

        Raises:
            ParameterError: If it is to be measured in a way that a page can't.
            Refusal: If it has a layer that no page runs.
        """
        self.stop()
        for name, usual in (("step", "forward pass"), ("precision", "float32")):
            if (value := getattr(how, name)) != usual:
                raise ParameterError(
                    "Measurement",
                    name,
                    value,
                    f"isn’t measured in {IN_BROWSER}",
                    f"choose {usual}, or another device",
                )
        program = program_of(design.graph)
        self._number += 1

        def answered(message: RanHere, buffers: Sequence[bytes]) -> None:
            image, *channels = buffers
            result = ForwardPass(
                built=None,
                timing=_timing(message, design),
                image=Picture("input", image),
                channels=tuple(
                    Picture(f"channel {channel}", png)
                    for channel, png in zip(message.channels, channels, strict=True)
                ),
                weights="random, drawn in the browser",
            )
            done(result)

        question = RunHere(self._number, program, design.input.batch_size, TIME_LIMIT)
        self._ask(question, picture, b"", _Waits(answered, failed))

    def look(
        self,
        graph: Graph,
        picture: bytes | None,
        strip: Sequence[str],
        selected: str,
        weights: "Pretrained | int",
        done: Callable[[FeatureMaps], None],
        failed: Callable[[str], None],
    ) -> None:
        """Have a network show what its layers make of a picture, in the place of what runs.

        Args:
            graph: The network.
            picture: The content of a picture's file; None: the photograph.
            strip: Names of the layers to show in one picture each.
            selected: Name of the layer to show channels of.
            weights: Those of a trained network, or the seed of random ones.
            done: Called with the pictures.
            failed: Called with why there are none.

        Raises:
            Refusal: If the network has a layer that no page runs.
        """
        self.stop()
        program = program_of(graph)
        places = {step.name: place for place, step in enumerate(program.steps)}
        halves, source = _weights(graph, program, weights)
        self._number += 1

        def answered(message: LookedHere, buffers: Sequence[bytes]) -> None:
            maps = tuple(
                FeatureMap(
                    name,
                    graph[name].shape,
                    _known(each.lowest),
                    _known(each.highest),
                    _known(each.mean),
                    png,
                )
                for name, each, png in zip(strip, message.strip, buffers, strict=False)
            )
            channels = tuple(
                Channel(each.channel, _known(each.strength), png)
                for each, png in zip(message.channels, buffers[len(strip) :], strict=True)
            )
            done(
                FeatureMaps(maps, LayerChannels(selected, graph[selected].shape, channels), source)
            )

        wanted = tuple(places[name] for name in strip)
        question = LookHere(
            self._number, program, source.seed, wanted, places[selected], _CHANNELS, _SIDE
        )
        self._ask(question, picture, halves, _Waits(answered, failed))

    def find_field(
        self,
        graph: Graph,
        picture: bytes | None,
        layer: str,
        position: tuple[int, int],
        weights: "Pretrained | int",
        done: Callable[[FieldFound], None],
        failed: Callable[[str], None],
    ) -> None:
        """Have it said what a position of a layer's output looks at, in the place of what runs.

        Args:
            graph: The network.
            picture: The content of a picture's file; None: the photograph.
            layer: Name of the layer, whose output has pixels.
            position: Row and column in its output.
            weights: Those of a trained network, or the seed of random ones.
            done: Called with what was found.
            failed: Called with why nothing was.

        Raises:
            Refusal: If the network has a layer that no page runs, or is too large for it.
        """
        self.stop()
        program = program_of(graph)
        node = graph[layer]
        place = [step.name for step in program.steps].index(layer)
        _check_size(graph, program, place)
        halves, source = _weights(graph, program, weights)
        middle = center(position, node.shape[:2], graph.input_shape[:2])
        self._number += 1

        def answered(message: FoundHere, buffers: Sequence[bytes]) -> None:
            heat = b"".join(buffers)  # one at most
            done(
                FieldFound(
                    message.half or 0,
                    message.most,
                    heat,
                    middle,
                    message.half is not None,
                    str(source),
                    source.are_random,
                )
            )

        question = FieldHere(
            self._number,
            program,
            source.seed,
            place,
            position,
            signs(node.shape[-1]),
            middle,
            RAMP,
            DECADES,
            OPACITY,
        )
        self._ask(question, picture, halves, _Waits(answered, failed))

    @property
    def is_busy(self) -> bool:
        """Whether an answer is waited for."""
        return self._waits is not None

    def _ask(
        self,
        question: RunHere | LookHere | FieldHere,
        picture: bytes | None,
        halves: bytes,
        waits: _Waits,
    ) -> None:
        self._waits = waits
        with self.hold_sync():
            self.picture = PHOTOGRAPH.read_bytes() if picture is None else picture
            self.weights = halves
            self.asked = question

    def stop(self) -> None:
        """End what runs."""
        self._waits = None
        with self.hold_sync():
            self.asked = None
            # Else a notebook that keeps its widgets' state would have them.
            self.picture = self.weights = b""

    @guarded
    def _receive(
        self,
        message: WantsCode | RanHere | LookedHere | FoundHere | NotRunHere,
        buffers: Sequence[memoryview],
    ) -> None:
        if isinstance(message, WantsCode):
            self.send_message(Code("runner"), [file.read_bytes() for file in RUNNER_CODE])
            return
        with self._lock:
            waits = self._waits
            if not waits or message.number != self._number:
                return
            self.stop()
            if isinstance(message, NotRunHere):
                waits.failed(
                    f"The browser could not run it: {message.problem}. Use a smaller batch or "
                    "image, another picture, or another device."
                )
                return
            waits.answered(message, [bytes(buffer) for buffer in buffers])


def _weights(graph: Graph, program: Program, weights: "Pretrained | int") -> tuple[bytes, Weights]:
    """Return the weights as float16, or nothing for random ones, and where they come from."""
    layers = sum(bool(step.weights) for step in program.steps)
    if isinstance(weights, int):
        return b"", Weights(weights, layers=layers, note="drawn in the browser")
    given = weights.weights(graph)
    halves = b"".join(values for step in program.steps for _, values in given.get(step.name, ()))
    return halves, Weights(file=weights.about, loaded=layers, layers=layers)


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
