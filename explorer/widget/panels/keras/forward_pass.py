"""The timed forward pass: what starts it, the picture that it takes, and what came out."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs
import ipywidgets as widgets

from explorer.core.analysis.design import Design
from explorer.core.analysis.report import Report
from explorer.core.asking.measurement import IN_BROWSER, Measurement
from explorer.core.editing.snapshot import Scene
from explorer.core.formatting import (
    byte_size,
    counted,
    duration,
    percent_change,
    short_count,
    size_text,
)
from explorer.core.network.errors import ParameterError
from explorer.core.network.parameters import parameters_of
from explorer.core.words.arithmetic import Fact
from explorer.widget.controls.form import Form, page, plain_layout, with_tooltip
from explorer.widget.messages import Figure
from explorer.widget.panels.keras.picture import PictureUpload
from explorer.widget.panels.tab_view import TabView
from explorer.widget.panels.totals.panel import UNTIMED, time_figure
from explorer.widget.parts import Card, Line, Measured, Part, Pictures
from explorer.worker import IN_PAGE

if TYPE_CHECKING:
    from explorer.core.asking.forward_pass import ForwardPass
    from explorer.core.asking.timing import LayerTimes, Timing


#: Most earlier times that are kept, for one that is pinned.
MOST_TIMED = 20

#: What can be chosen before it is known which devices there are.
_DEVICES = () if IN_PAGE else ("auto",)


class ForwardView(widgets.VBox, TabView):
    """Controls of the forward pass, and its result.

    Attributes:
        button: Starts a pass; it stands where it can always be seen, and not in here.
        stop: Ends what is running.
        layers: Starts timing every layer.
        after_every_change: Whether each change of the design starts a pass.
        upload: The user's picture.
    """

    def __init__(self, on_choice: Callable[[], None], show_time: Callable[[Figure], None]) -> None:
        """Make the view.

        Args:
            on_choice: Called when the user has chosen another way to measure.
            show_time: Shows the measured time, or why there is none.
        """
        self._show_time = show_time
        self._timed: list[tuple[Timing, Design]] = []  # the last one last
        self._pinned: Design | None = None
        self.button = widgets.Button(
            description="▶ Run",
            button_style="primary",
            tooltip="Run the picture through the network and time it",
            layout=plain_layout(),
        )
        self.stop = widgets.Button(
            description="Stop", tooltip="End what is running", layout=plain_layout()
        )
        self.layers = widgets.Button(
            description="Time every layer",
            tooltip="Run each layer alone, compiled, on the input that it has in the model",
            layout=plain_layout(),
        )
        self.after_every_change = with_tooltip(
            widgets.Checkbox(
                description="after every change",
                indent=False,
                tooltip="Run and time the model after every change of the design",
                layout=plain_layout(),
            )
        )
        self.upload = PictureUpload(layout=plain_layout())
        self._source = page()
        self._said = page()
        self._result = page()
        self._on_choice = on_choice
        # Which devices there are is known only later.
        parameters = [
            attrs.evolve(found, choices=(*_DEVICES, IN_BROWSER))
            if found.name == "device"
            else found
            for found in parameters_of(Measurement)
        ]
        how = Measurement(device=IN_BROWSER) if IN_PAGE else Measurement()
        self._form = Form(parameters, how, self._chosen)
        self._form.widget.add_class("explorer-choices")
        row = widgets.Box(
            [
                self.layers,
                self.stop,
                self.after_every_change,
                self.upload,
                self._source,
            ],
            layout=plain_layout(),
        )
        row.add_class("explorer-row")
        parts = [row, self._form.widget, self._said, self._result]
        super().__init__(parts, layout=plain_layout())
        self._notes: tuple[Part, ...] = ()
        self.show_source("")
        self.show_nothing()

    def show(self, scene: Scene) -> None:
        """Show nothing of a scene: what is measured comes by itself."""

    @property
    def measurement(self) -> Measurement:
        """What the user chose to measure, and how."""
        return Measurement(**self._form.values)

    def show_devices(self, names: Sequence[str]) -> None:
        """Offer these devices."""
        self._form.controls["device"].set_choices((*_DEVICES, *names, IN_BROWSER))

    def _chosen(self, _: str) -> None:
        if self.stop.disabled:  # what was refused was another choice
            self.show_nothing_runs()
        self._on_choice()

    def show_source(self, name: str) -> None:
        """Say which picture the next pass takes; an empty name is the default photograph."""
        self.upload.is_own = bool(name)
        text = name or "photograph: an astronaut (NASA)"
        self._source.parts = (Line(text, "muted"),)

    def note(self, message: str) -> None:
        """Say what went wrong with a picture: beside what runs, or was measured, with another."""
        self._notes += (Line(message, "bad"),)
        self._said.parts = self._notes + self._state

    def forget_notes(self) -> None:
        """Take away what was said of pictures."""
        self._notes = ()
        self._said.parts = self._state

    def show_running(self, message: str, layers: bool = False) -> None:
        """Say how far a measurement is, of the whole model or of its layers."""
        self.stop.disabled = False
        running = time_figure("…", text=message, unsettled=True)
        self._show_time(self._figure(UNTIMED) if layers else running)
        self._write((Line(message, "busy"),), self._pass if layers else self._layers)

    def show_nothing(self) -> None:
        """Take the results away: they are about another design than the one shown."""
        self._pass: tuple[Part, ...] = ()
        self._layers: tuple[Part, ...] = ()
        self._time: Figure | None = None
        self.show_nothing_runs()

    def show_nothing_runs(self, *problems: Part, instead: Figure = UNTIMED) -> None:
        """Show what was measured of the design shown, beneath what went wrong since.

        Args:
            *problems: What went wrong.
            instead: What is said of the time where none was measured.
        """
        self._write(problems, self._pass + self._layers)
        self._show_time(self._figure(instead))
        self.stop.disabled = True

    def _write(self, state: tuple[Part, ...], results: tuple[Part, ...]) -> None:
        self._state = state
        self._said.parts = self._notes + state
        self._result.parts = results  # pictures are not sent again where they stay

    def show_refusal(self, error: ParameterError) -> None:
        """Say that what was chosen cannot be measured here."""
        text = self._form.told(error)
        refused = time_figure("refused", text=text, unsettled=True)
        self.show_nothing_runs(Line(text, "bad"), instead=refused)

    def show_failure(self, message: str) -> None:
        """Say what went wrong, above what was measured before."""
        failed = time_figure("failed", text=message, unsettled=True)
        self.show_nothing_runs(Line(message, "bad"), instead=failed)

    def show_beside(self, pinned: Design | None) -> None:
        """Tell the time beside that of another network; None: of none."""
        if pinned != self._pinned:
            self._pinned = pinned
            if self._time:
                self._show_time(self._time_beside(self._time))

    def _figure(self, instead: Figure) -> Figure:
        """Return the time as the bar shows it; where none was measured, what is said instead."""
        return self._time_beside(self._time) if self._time else instead

    def _time_beside(self, time: Figure) -> Figure:
        """Return a measured time with its difference to A, if that was measured so, too."""
        (now, design), pinned = self._timed[-1], self._pinned
        alike = (
            "=" if other == design else percent_change(timing.median, now.median)
            for timing, other in reversed(self._timed)
            if other == pinned and _how(timing) == _how(now)
        )
        if not (beside_a := next(alike, "")):
            return time
        told = "no change" if beside_a == "=" else beside_a
        return attrs.evolve(time, beside_a=beside_a, text=f"{time.text}\nBeside A: {told}")

    def show_result(self, result: "ForwardPass", design: Design) -> None:
        """Show a result.

        Args:
            result: The pass.
            design: What was run.
        """
        timing, report = result.timing, design.report
        self._pass = (_timing(timing, report),)
        change, text = "", f"{timing.step} of {_count(timing)}, {timing.compiler}, {timing.dtype}"
        if self._timed:
            last, before = self._timed[-1]
            if before != design and _how(last) == _how(timing):
                change = percent_change(last.median, timing.median)
                text += f"\nBeside the run before: {change}"
        # Without what was worked out of it.
        self._timed = [*self._timed[-MOST_TIMED:], (timing, attrs.evolve(design))]
        device = timing.device.partition(" (")[0]
        name = f"{device}, {timing.step.split()[0]}"  # memory beside it may be that of the other
        took = duration(timing.median)
        self._time = time_figure(took, name, change, f"Median, {text}", step=timing.step)
        if result.channels:
            legend = (
                "The strongest channels of the output (largest mean absolute value), each "
                f"stretched from black to white. Weights: {result.weights}."
            )
            self._pass += (Pictures(result.image, result.channels), Line(legend, "muted"))
        self.show_nothing_runs()

    def show_layers(self, times: "LayerTimes") -> None:
        """Show what the layers' times add up to; each one's own stands in the table."""
        slowest = sorted(times.layers, key=lambda layer: -layer.seconds)[:3]
        named = ", ".join(
            f"{layer.name} ({duration(layer.seconds)}, {layer.seconds / times.total:.0%})"
            for layer in slowest
        )
        text = (
            f"{len(times.layers)} layers, each alone, take {duration(times.total)} together; the "
            f"whole model takes {duration(times.whole)}. Slowest (of the sum): {named}."
            f"{_left_out(times)}"
        )
        detail = (
            f"{duration(times.calls)} of the sum are the calls themselves ({duration(times.call)} "
            "each). What else the two differ by is what the whole model gains by fusing layers and "
            "running them side by side, or loses to its larger memory. The table of layers has "
            "each one's time, and its share of the sum."
        )
        self._layers = (Line(text, "good", detail),)
        self.show_nothing_runs()


def _left_out(times: "LayerTimes") -> str:
    """Return a sentence on what was not timed, if anything."""
    if not times.left_out:
        return ""
    names = ", ".join(times.left_out[:3]) + (" and more" if len(times.left_out) > 3 else "")
    return f" Not timed, since they can't be compiled by themselves: {names}."


def _how(timing: "Timing") -> tuple[object, ...]:
    """Return how a time was measured: those of equal ways can be compared."""
    return timing.step, timing.compiler, timing.dtype, timing.device, timing.batch_size


def _count(timing: "Timing") -> str:
    return counted(timing.batch_size, "image")


def _timing(timing: "Timing", report: Report) -> Measured:
    rate = timing.images_per_second
    rows = [
        ("10th to 90th percentile", f"{duration(timing.p10)} to {duration(timing.p90)}"),
        ("throughput", f"{rate:,.0f} images/s" if rate >= 10 else f"{rate:.2f} images/s"),
        ("speed", _speed(timing)),
        ("measured runs", _runs(timing)),
        ("input", f"{_count(timing)} of {size_text(timing.input_shape)}"),
        *_compiled(timing),
        ("first call", f"{duration(timing.first_call_time)}, not counted"),
        ("device", _device(timing)),
        ("backend", f"{timing.backend}, {timing.dtype}"),
    ]
    if timing.problem:
        rows.append(("not compared", timing.problem))
    if timing.peak_memory_bytes is not None:
        rows.append(("most memory used", byte_size(timing.peak_memory_bytes)))
    if timing.xla is not None:
        ours = "" if timing.flops is None else f", {short_count(timing.flops)}FLOPs by our count"
        memory = byte_size(report.peak_memory(timing.batch_size))
        rows += [
            ("XLA counts", f"{short_count(timing.xla.flops)}FLOPs{ours}"),
            ("XLA plans", f"{byte_size(timing.xla.memory_bytes)} of memory, {memory} by our count"),
        ]
    return Measured(
        Card(timing.step, duration(timing.median), "median"),
        tuple(Fact(name, value) for name, value in rows),
    )


def _compiled(timing: "Timing") -> list[tuple[str, str]]:
    """Return how long compiling took, where that is a step of its own."""
    if not timing.compile_time:
        return []
    return [("compiled in", f"{duration(timing.compile_time)} ({timing.compiler}), not counted")]


def _speed(timing: "Timing") -> str:
    if timing.flops_per_second is None:
        return "unknown: the model has layers whose operations are not known"
    speed = f"{short_count(timing.flops_per_second)}FLOP/s"
    if timing.peak_flops_per_second is None or timing.peak_share is None:
        return speed
    peak = f"{short_count(timing.peak_flops_per_second)}FLOP/s"
    if timing.peak_share > 1:
        return f"{speed}, faster than a large matrix product, which reached {peak}"
    return f"{speed}, {timing.peak_share:.0%} of the {peak} that a matrix product reaches"


def _runs(timing: "Timing") -> str:
    steady = (
        "the median is known within 2 %"
        if timing.is_steady
        else "the time was up before the median was known within 2 %"
    )
    return f"{timing.runs} after {timing.warmup_runs} for warming up; {steady}"


def _device(timing: "Timing") -> str:
    memory = timing.device_memory_bytes
    return timing.device if memory is None else f"{timing.device}, {byte_size(memory)} of memory"
