"""The whole network in a few figures, and what the last edit did to each."""

from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.analysis.design import Design
from explorer.core.analysis.expected_memory import (
    FORWARD,
    TRAINING,
    Expected,
    expected_bytes,
    expected_forward_bytes,
)
from explorer.core.analysis.quantities import MACS, MEMORY, PARAMETERS, Quantity, of_networks
from explorer.core.families import ReadModel
from explorer.core.formatting import (
    byte_size,
    counted,
    grid_text,
    listed,
    percent_change,
    product,
    short_count,
)
from explorer.core.network.graph import BYTES_PER_VALUE
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import Figure, OpenFigure

if TYPE_CHECKING:
    from explorer.core.analysis.budgets import Budget
    from explorer.core.analysis.device_profile import DeviceProfile

#: What the time is called before there is one.
TIME = "time"

#: The tab that shows more of the time.
RUN = "Run and time"

#: Most outputs that are named one by one.
MOST_OUTPUTS = 10

#: Before anything was measured.
UNTIMED = Figure(TIME, "–", "", "", "Time of a forward pass\nNot measured: press Run.", RUN, True)


class Totals(FrontWidget):
    """A place for each figure, and for the time.

    Attributes:
        figures: Those of the network.
        time: The measured time.
    """

    _esm = module(Path(__file__).with_name("panel.js"))
    _css = Path(__file__).with_name("panel.css")
    sends = OpenFigure

    figures = shared(tuple[Figure, ...], ())
    time = shared(Figure, UNTIMED)

    def __init__(self, opened: Callable[[str], None], **options: Any) -> None:
        """Begin with no network.

        Args:
            opened: Called with the title of the tab that shows more of a figure.
            **options: Of the widget.
        """
        super().__init__(**options)
        # With its report, which dragging asks for again; the history's own keeps none.
        self._before: Design | None = None
        self._shown: tuple[object, ...] = ()
        self.on_sent(lambda message, _: opened(message.open))

    def show(
        self,
        design: Design,
        before: Design | None,
        pinned: Design | None,
        trains: bool = False,
        budgets: "tuple[Budget, ...]" = (),
        profile: "DeviceProfile | None" = None,
    ) -> None:
        """Show a network.

        Args:
            design: The network.
            before: What was shown before the last edit, if there was one.
            pinned: What it is compared with, if anything.
            trains: Whether memory is that of a training step, and not of a forward pass.
            budgets: What it is to keep to.
            profile: Of the device that its time is told for, if one is known.
        """
        shown = design, before, pinned, trains, budgets, profile
        if shown == self._shown:
            return
        if before != self._before:
            self._before = attrs.evolve(before) if before else None
        before = self._before
        makers: list[Callable[[Design], _Told]] = [
            _training if trains and of is MEMORY else partial(_counted, of) for of in of_networks()
        ]
        self.figures = tuple(
            _figure(make(design), *(make(other) if other else None for other in (before, pinned)))
            for make in (*makers, _sight, _output)
        ) + ((_kept(design, budgets, profile),) if budgets else ())
        self._shown = shown  # at last: what is broken off is shown again


@attrs.frozen
class _Told:
    """A figure in words.

    Attributes:
        name: What it is.
        value: How it is written.
        number: The same as a number, where it can be told in percent by how much it differs; None:
            it is unknown, or no number.
        lines: Returns what it means, which is asked of what is shown alone: it can take long.
        opens: Title of the tab that shows more of it.
        whole: The value with what is left out of it; empty: nothing is.
    """

    name: str
    value: str
    number: float | None
    lines: Callable[[], tuple[str, ...]]
    opens: str
    whole: str = ""

    def told_beside(self, now: "_Told") -> str:
        """Return by how much another figure differs from this one."""
        if (self.value, self.whole, self.number) == (now.value, now.whole, now.number):
            return "="
        if self.number is None or now.number is None or self.number == now.number:
            return f"was {self.whole or self.value}"
        return percent_change(self.number, now.number)


def _figure(told: _Told, before: _Told | None, a: _Told | None) -> Figure:
    """Return what is shown of a figure, given the same before the last edit, and of A."""
    changes = [other.told_beside(told) if other else "" for other in (before, a)]
    lines = list(told.lines())
    for name, change in zip(("Last edit", "Beside A"), changes, strict=True):
        if change:
            lines.append(f"{name}: {'no change' if change == '=' else change}")
    last, beside_a = ["changed" if text.startswith("was ") else text for text in changes]
    return Figure(told.name, told.value, last, beside_a, "\n".join(lines), told.opens)


def _counted(quantity: Quantity, design: Design) -> _Told:
    total = quantity.in_network(design.report, design.input.batch_size)
    lines = _LINES.get(quantity, lambda _: (quantity.doc,))
    known = () if total.is_all else ("That of some layers is not known",)
    opens = _OPENS.get(quantity, "Layers")
    value = total.written(quantity.short)
    return _Told(quantity.headline, value, total.exact, lambda: (*lines(design), *known), opens)


def _parameters(design: Design) -> tuple[str, ...]:
    report = design.report
    frozen = report.total_params - report.trainable_params
    kinds = f"{report.trainable_params:,} trainable, {frozen:,} not" if frozen else "all trainable"
    heads = (f"{report.head_params:,} of all in heads",) if report.head_params else ()
    return (PARAMETERS.meaning, f"{report.total_params:,}, {kinds}", *heads)


def _compute(design: Design) -> tuple[str, ...]:
    total = MACS.in_network(design.report)
    return (
        "Multiply-adds (MACs) of convolutions and dense layers for one image",
        f"{total.written(short_count)} multiply-adds, two FLOPs each",
    )


def _memory(design: Design) -> tuple[str, ...]:
    report, count = design.report, design.input.batch_size
    features = byte_size(report.peak_activation_bytes * count)
    lines = [
        f"Most that a forward pass of {counted(count, 'image')} needs at once, in float32",
        f"{byte_size(report.weights_bytes)} weights, {features} features; libraries need more",
    ]
    size = expected_forward_bytes(design)
    if size is not None:
        lines.append(f"In all {byte_size(size)}: {_nearness(FORWARD)}")
    return tuple(lines)


def _nearness(run: Expected) -> str:
    least, most = run.within
    return f"expected of TensorFlow on a CPU; networks took {least} to {most} times that"


def _training(design: Design) -> _Told:
    report = design.report
    images = counted(design.input.batch_size, "image")
    what = f"What a training step of {images} with Adam takes at its peak, in float32"
    name, opens, size = f"{MEMORY.headline}, training", _OPENS[MEMORY], expected_bytes(design)
    if size is None:
        unknown = "What some layers keep for their gradient is not known"
        return _Told(name, "unknown", None, lambda: (what, unknown), opens)
    weights = report.weights_bytes + 3 * report.trainable_params * BYTES_PER_VALUE
    lines = (
        what,
        f"{byte_size(weights)} weights, their gradients and moments; the rest is features, their "
        "gradients and what libraries need",
        f"In all {_nearness(TRAINING)}",
    )
    return _Told(name, byte_size(size), size, lambda: lines, opens)


#: What a figure means, and more of it; for those that need more words than they have.
_LINES = {PARAMETERS: _parameters, MACS: _compute, MEMORY: _memory}
#: The tab that shows more of a figure, where that is not the table of layers.
_OPENS = {MEMORY: "Charts"}


def _sight(design: Design) -> _Told:
    field = design.report.receptive_field
    what = "Input pixels that one output pixel can see at most (receptive field)"
    opens = "Receptive field"
    if field is None:
        return _Told(
            "sees up to", "unknown", None, lambda: (what, "Some layers do not tell"), opens
        )
    is_square = len(set(field)) == 1 and len(field) > 1
    value = f"{field[0] if is_square else product(*field)} px"
    lines = what, product(*field)
    return _Told("sees up to", value, prod(field) ** (1 / len(field)), lambda: lines, opens)


def _output(design: Design) -> _Told:
    architecture, outputs = design.architecture, design.graph.outputs
    told = [product(*node.shape) or "a number" for node in outputs]
    shape, value, whole = outputs[-1].shape, told[-1], ""
    lines = ["Height × width × channels of the output"]
    if more := len(told) - 1:
        value, whole = f"{value} +{more}", listed(told)
        lines = [f"Height × width × channels of {len(told)} outputs"]
        each = [f"{node.name}: {size}" for node, size in zip(outputs, told, strict=True)]
        lines += each[:MOST_OUTPUTS]
        lines += [f"and {len(told) - MOST_OUTPUTS} more"] * (len(told) > MOST_OUTPUTS)
    if prod(shape[:-1]) != 1:
        output = grid_text(architecture.output_stride)
        lines.append(f"Coarsest grid {grid_text(architecture.maximum_stride)} · output {output}")
    if not isinstance(architecture, ReadModel):
        steps = " and ".join(map(str, dict.fromkeys(architecture.size_steps)))
        lines.append(f"Height and width of the input must be multiples of {steps}")
    return _Told("output", value, None, lambda: tuple(lines), "Diagram", whole)


def _kept(design: Design, budgets: "tuple[Budget, ...]", profile: "DeviceProfile | None") -> Figure:
    """Return how many of the budgets are kept; which are not stands first of what it means."""
    found = (budget.check(design, profile) for budget in budgets)
    checks = sorted(found, key=lambda each: each.is_met)
    kept = sum(each.is_met for each in checks)
    lines = [f"{kept} of {len(checks)} budgets kept"]
    lines += [f"{'✓' if c.is_met else '✗'} {c.budget.words}: {c.verdict}" for c in checks]
    value = f"{kept} of {len(checks)}"
    return Figure("budgets", value, "", "", "\n".join(lines), "Design", kept < len(checks))


def time_figure(
    value: str,
    name: str = TIME,
    change: str = "",
    text: str = "",
    unsettled: bool = False,
    step: str = "forward pass",
) -> Figure:
    """Return what is said of the time of a step."""
    text = f"Time of a {step}\n{text}"
    return Figure(name, value, change, "", text, RUN, unsettled)
