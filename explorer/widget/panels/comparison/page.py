"""Two networks side by side: what differs, by how much, and which of them is faster."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from explorer.core.analysis.comparison import (
    CONSEQUENCES,
    BlockMatch,
    Change,
    Comparison,
    Figure,
    LayerMatch,
    State,
)
from explorer.core.analysis.connections import wiring_of
from explorer.core.formatting import counted, duration, percent_change
from explorer.core.network.parameters import describe
from explorer.widget.controls.form import page, plain_layout
from explorer.widget.parts import Head, Line, Part, Table, TableRow, words

if TYPE_CHECKING:
    from explorer.core.asking.timing import PairTiming, Timing

#: Rows of a list, and differences in a row, that are shown; the rest is counted.
MOST_ROWS = 12
MOST_IN_A_ROW = 4
MOST_IN_A_NAME = 3
#: Characters of a value that are shown.
MOST_CHARACTERS = 80

STATES: tuple[State, ...] = ("same", "changed", "only in A", "only in B")

NOTHING_PINNED = (
    "Pin the network shown as A and go on editing: what the controls then show is B, and the two "
    "are compared here and in the diagram."
)


class ComparisonView(widgets.VBox):
    """Buttons for A and B, what differs between the two, and their times.

    Attributes:
        pin: Makes the network shown A.
        unpin: Gives A up.
        swap: Exchanges A and B.
        time: Times both.
        stop: Ends that.
    """

    def __init__(self) -> None:
        self.pin = _button("Pin as A", "Keep the network shown as A, to compare later edits with")
        self.unpin = _button("Unpin", "Give A up")
        self.swap = _button("Swap", "Edit A, and compare it with what is shown now")
        self.time = _button("Time both", "Run A and B in turns and compare their times")
        self.time.button_style = "primary"
        self.stop = _button("Stop", "End the measurement")
        self._said = page()
        self._result = page()
        self._times = page(label="Times of A and B")
        self._tables = page(label="Differences of A and B")
        for tables in (self._times, self._tables):
            tables.add_class("explorer-comparison")
        row = widgets.Box(
            [self.pin, self.unpin, self.swap, self.time, self.stop], layout=plain_layout()
        )
        row.add_class("explorer-row")
        parts = [row, self._said, self._result, self._times, self._tables]
        super().__init__(parts, layout=plain_layout())
        self.show_no_timing()
        self.show_nothing()

    def show_nothing(self) -> None:
        """Say what pinning is for: nothing is pinned."""
        self._show_buttons(pinned=False)
        self._said.parts = (Line(NOTHING_PINNED, "muted"),)
        self._tables.parts = ()

    def show(
        self,
        names: tuple[str, str],
        comparison: Comparison,
        figures: Sequence[Figure],
        changes: Sequence[Change],
        note: str = "",
    ) -> None:
        """Show how B differs from A.

        Args:
            names: What A and B are called.
            comparison: Their layers and blocks.
            figures: Their figures.
            changes: The settings that differ.
            note: What is to be known of the comparison; may be empty.
        """
        self._show_buttons(pinned=True)
        told = _names(*names, changes)
        self._said.parts = (Line(told, "muted"), *((Line(note, "busy"),) if note else ()))
        self._tables.parts = (
            _figure_table(figures),
            *_change_table(changes),
            *_layer_table(comparison),
        )

    def _show_buttons(self, pinned: bool) -> None:
        self.pin.description = "Pin again" if pinned else "Pin as A"
        for button in (self.unpin, self.swap, self.time):
            button.layout.display = "" if pinned else "none"

    def show_running(self, message: str) -> None:
        """Say that both are being timed."""
        self._show_result(Line(message, "busy"))
        self.stop.layout.display = ""

    def show_no_timing(self) -> None:
        """Take the times away: they are about other networks than those shown."""
        self._show_result()

    def show_failure(self, message: str) -> None:
        """Say why there are no times."""
        self._show_result(Line(message, "bad"))

    def show_timing(self, timing: "PairTiming") -> None:
        """Show the times of both, and how they compare."""
        self._show_result(Line(speed_text(timing), "good"))
        self._times.parts = _timing_table(timing)

    def _show_result(self, *lines: Line) -> None:
        self.stop.layout.display = "none"
        self._result.parts = lines
        self._times.parts = ()


def _button(description: str, tooltip: str) -> Any:
    layout = plain_layout(shared=False)
    return widgets.Button(description=description, tooltip=tooltip, layout=layout)


def _heads(first: str, *others: str, numeric: bool = False) -> tuple[Head, ...]:
    """Return the heads of a table; whether all but the first column have numbers."""
    return (Head(first), *(Head(text, numeric) for text in others))


def _figure_table(figures: Sequence[Figure]) -> Table:
    rows = tuple(
        TableRow(figure.name, (figure.a, figure.b, _beside_a(figure)), figure.differs)
        for figure in figures
    )
    heads = (*_heads("figure", "A", "B", numeric=True), Head("change"))
    return Table("Figures, for one image", heads, rows)


def _beside_a(figure: Figure) -> str:
    """Return by how much B's figure differs from A's."""
    if not figure.differs:
        return "same"
    return "differs" if figure.ratio is None else percent_change(1, figure.ratio)


def _factor(ratio: float) -> str:
    """Return a ratio in two or three digits."""
    if ratio >= 100:
        return f"{ratio:,.0f}"
    if ratio >= 10:
        return f"{ratio:.1f}"
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def _names(a: str, b: str, changes: Sequence[Change]) -> str:
    """Return the names of A and B, with what tells them apart where the names do not."""
    if a == b and changes:
        told = [(change.field, *_texts(change)) for change in changes[:MOST_IN_A_NAME]]
        more = ", …" if len(changes) > len(told) else ""
        a += " with " + ", ".join(f"{field} {value}" for field, value, _ in told) + more
        b += " with " + ", ".join(f"{field} {value}" for field, _, value in told) + more
    return f"A, pinned: {a}. B, shown: {b}."


def _change_table(changes: Sequence[Change]) -> tuple[Part, ...]:
    if not changes:
        return (words("A and B have the same settings."),)
    rows = tuple(TableRow(change.field, _texts(change)) for change in changes[:MOST_ROWS])
    heads = _heads("parameter", "A", "B")
    return (Table("Settings that differ", heads, rows), *_more(len(changes)))


def _texts(change: Change) -> tuple[str, str]:
    """Return the two values of a change as people say them."""
    between = " × " if change.field == "output" else ", "
    return _text(change.a, between), _text(change.b, between)


def _text(value: Any, between: str) -> str:
    if isinstance(value, tuple):
        text = between.join(map(str, value)) or "none"
    else:
        text = f"{value:,}" if type(value) is int else describe(value)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _more(count: int) -> tuple[Part, ...]:
    return (words(f"… and {count - MOST_ROWS} more."),) if count > MOST_ROWS else ()


def _layer_table(comparison: Comparison) -> tuple[Part, ...]:
    layers = Counter(layer.state for layer in comparison.layers)
    blocks = Counter(block.state for block in comparison.blocks)
    rows = tuple(
        TableRow(state, (f"{blocks[state]:,}", f"{layers[state]:,}"))
        for state in STATES
        if layers[state]
    )
    heads = _heads("state", "blocks", "layers", numeric=True)
    counts = Table("Blocks and layers", heads, rows)
    others = [block for block in comparison.blocks if block.state != "same"]
    if not others:
        return (counts,)
    a, b = wiring_of(comparison.a), wiring_of(comparison.b)
    listed = tuple(
        TableRow(
            (a if block.state == "only in A" else b).title(block.node),
            (block.state, _what_changed(block)),
        )
        for block in others[:MOST_ROWS]
    )
    table = Table("Blocks that differ", _heads("block", "state", "what differs"), listed)
    return (counts, table, *_more(len(others)))


def _what_changed(block: BlockMatch) -> str:
    """Return what differs in a block: settings, else layers, else what follows from its input."""
    if block.state != "changed":
        return counted(len(block.layers), "layer")
    changes = [change for layer in block.layers for change in layer.changes]
    settings = [change for change in changes if change.field not in CONSEQUENCES]
    parts = [_change_text(change) for change in dict.fromkeys(settings)]
    for state in STATES[2:]:
        count = sum(layer.state == state for layer in block.layers)
        if count:
            parts.append(f"{counted(count, 'layer')} {state}")
    if not parts:
        parts = [_change_text(change) for change in _last_change(block.layers).changes]
    more = f"; and {len(parts) - MOST_IN_A_ROW} more" if len(parts) > MOST_IN_A_ROW else ""
    return "; ".join(parts[:MOST_IN_A_ROW]) + more


def _last_change(layers: Sequence[LayerMatch]) -> LayerMatch:
    return next(layer for layer in reversed(layers) if layer.changes)


def _change_text(change: Change) -> str:
    was, now = _texts(change)
    return f"{change.field.replace('_', ' ')} {was} → {now}"


def speed_text(timing: "PairTiming") -> str:
    """Return which of the two is faster, with the interval in which their ratio lies."""
    fast = f"B is {_factor(timing.speedup)} times as fast as A"
    interval = f"({_range(timing.low, timing.high)})"
    if timing.low <= 1 <= timing.high:
        return f"No difference was measured: {fast} {interval}."
    if timing.speedup > 1:
        return f"{fast} {interval}."
    interval = f"({_range(1 / timing.high, 1 / timing.low)})"
    return f"B takes {_factor(1 / timing.speedup)} times as long as A {interval}."


def _range(low: float, high: float) -> str:
    return f"{_factor(low)} to {_factor(high)}"


def _timing_table(timing: "PairTiming") -> tuple[Part, ...]:
    a, b = timing.a, timing.b
    rows = tuple(
        TableRow(name, (text(a), text(b)), True if name == "median" else None)
        for name, text in (
            ("median", lambda t: duration(t.median)),
            ("10th to 90th percentile", lambda t: f"{duration(t.p10)} to {duration(t.p90)}"),
            ("throughput", lambda t: f"{t.images_per_second:,.1f} images/s"),
            ("median known within 2 %", lambda t: "yes" if t.is_steady else "no"),
            ("compiled by", lambda t: t.compiler),
            ("input", lambda t: " × ".join(map(str, (t.batch_size, *t.input_shape)))),
        )
    )
    heads = _heads("measured", "A", "B", numeric=True)
    note = (
        f"{a.runs} runs of each in turns after {a.warmup_runs} for warming up, on {_where(a)}. In "
        "brackets above: the ratio's 95 % confidence interval."
    )
    return Table(f"{a.step.capitalize()}, in turns", heads, rows), words(note)


def _where(timing: "Timing") -> str:
    return f"{timing.device}, {timing.backend}, {timing.dtype}"
