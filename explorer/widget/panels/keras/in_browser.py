"""The forward pass in the page, by TensorFlow.js: on the visitor's GPU, without Keras."""

import statistics
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import attrs
import traitlets

from explorer.core.analysis.design import Design
from explorer.core.asking.forward_pass import ForwardPass, Picture
from explorer.core.asking.measurement import IN_BROWSER, Measurement
from explorer.core.asking.program import program_of
from explorer.core.asking.questions import TIME_LIMIT
from explorer.core.asking.timing import Timing, is_steady
from explorer.core.guard import guarded
from explorer.core.network.errors import ParameterError
from explorer.core.pictures.seen import PHOTOGRAPH
from explorer.widget import front
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import Code, NotRunHere, RanHere, RunHere, WantsCode

_LIBRARY = front.STYLE.parent / "tensorflow_js"
#: What a page runs networks with: TensorFlow.js with its backends, and the worker that calls it.
RUNNER_CODE = (
    _LIBRARY / "tf-core.min.js",
    _LIBRARY / "tf-backend-webgpu.min.js",
    _LIBRARY / "tf-backend-wasm.min.js",
    _LIBRARY / "tfjs-backend-wasm-simd.wasm",
    Path(__file__).with_name("browser_worker.js"),
)


@attrs.frozen
class _Waits:
    """Who waits for an answer."""

    design: Design
    done: Callable[[ForwardPass], None]
    failed: Callable[[str], None]


class InBrowser(FrontWidget):
    """Has the page run a network; the last question counts.

    Attributes:
        asked: What is to be run; None: nothing.
        picture: The content of a picture's file, on which it is run.
    """

    _esm = module(Path(__file__).with_name("in_browser.js"), "code")
    sends = WantsCode | RanHere | NotRunHere
    gets = Code

    asked = shared(RunHere | None, None)
    picture = traitlets.Bytes().tag(sync=True)

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
        self._waits = _Waits(design, done, failed)
        with self.hold_sync():
            self.picture = PHOTOGRAPH.read_bytes() if picture is None else picture
            self.asked = RunHere(self._number, program, design.input.batch_size, TIME_LIMIT)

    def stop(self) -> None:
        """End what runs."""
        self._waits = None
        with self.hold_sync():
            self.asked = None
            self.picture = b""  # else a notebook that keeps its widgets' state would have it

    @guarded
    def _receive(
        self, message: WantsCode | RanHere | NotRunHere, buffers: Sequence[memoryview]
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
            image, *channels = (bytes(buffer) for buffer in buffers)
            result = ForwardPass(
                built=None,
                timing=_timing(message, waits.design),
                image=Picture("input", image),
                channels=tuple(
                    Picture(f"channel {channel}", png)
                    for channel, png in zip(message.channels, channels, strict=True)
                ),
                weights="random, drawn in the browser",
            )
            waits.done(result)


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
