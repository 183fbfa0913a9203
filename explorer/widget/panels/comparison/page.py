"""Two networks side by side: what differs, by how much, and which of them is faster."""

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import ipywidgets as widgets
import traitlets

from explorer.core.analysis.comparison import (
    CONSEQUENCES,
    BlockMatch,
    Change,
    Comparison,
    Figure,
    LayerMatch,
    State,
)
from explorer.core.formatting import duration
from explorer.core.network.parameters import describe
from explorer.widget.controls.form import plain, plain_layout
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget

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


class Tables(FrontWidget):
    """Tables that can be scrolled to by keyboard where they are too wide.

    Attributes:
        html: What is shown; nothing if empty.
        label: What it is called where it cannot be seen.
    """

    _esm = module(Path(__file__).with_name("panel.js"))
    _css = Path(__file__).with_name("panel.css")

    html = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)


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
        self._said = plain(widgets.HTML)
        self._result = plain(widgets.HTML)
        self._times = Tables(label="Times of A and B", layout=plain_layout())
        self._tables = Tables(label="Differences of A and B", layout=plain_layout())
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
        self._said.value = _line("muted", NOTHING_PINNED)
        self._tables.html = ""

    def show(
        self,
        comparison: Comparison,
        figures: Sequence[Figure],
        changes: Sequence[Change],
        note: str = "",
    ) -> None:
        """Show how B differs from A.

        Args:
            comparison: Their layers and blocks.
            figures: Their figures.
            changes: The settings that differ.
            note: What is to be known of the comparison; may be empty.
        """
        self._show_buttons(pinned=True)
        names = _names(comparison.a.name, comparison.b.name, changes)
        self._said.value = _line("muted", names) + (
            _line("status explorer-busy", note, role="status") if note else ""
        )
        self._tables.html = (
            _figure_table(figures) + _change_table(changes) + _layer_table(comparison)
        )

    def _show_buttons(self, pinned: bool) -> None:
        self.pin.description = "Pin again" if pinned else "Pin as A"
        for button in (self.unpin, self.swap, self.time):
            button.layout.display = "" if pinned else "none"

    def show_running(self, message: str) -> None:
        """Say that both are being timed."""
        self._show_result("status explorer-busy", message, "status")
        self.stop.layout.display = ""

    def show_no_timing(self) -> None:
        """Take the times away: they are about other networks than those shown."""
        self._show_result("muted", "")

    def show_failure(self, message: str) -> None:
        """Say why there are no times."""
        self._show_result("status explorer-bad", message, "alert")

    def show_timing(self, timing: "PairTiming") -> None:
        """Show the times of both, and how they compare."""
        self._show_result("status explorer-good", speed_text(timing), "status")
        self._times.html = _timing_table(timing)

    def _show_result(self, mark: str, text: str, role: str = "") -> None:
        self.stop.layout.display = "none"
        self._result.value = _line(mark, text, role) if text else ""
        self._times.html = ""


def _button(description: str, tooltip: str) -> Any:
    layout = plain_layout(shared=False)
    return widgets.Button(description=description, tooltip=tooltip, layout=layout)


def _line(mark: str, text: str, role: str = "") -> str:
    attribute = f' role="{role}"' if role else ""
    return f'<div class="explorer-{mark}"{attribute}>{escape(text)}</div>'


@attrs.frozen
class _Row:
    """A row of a table: what it is about, its cells, and whether it stands out (None: neither)."""

    name: str
    cells: tuple[str, ...]
    differs: bool | None = None

    @property
    def mark(self) -> str:
        """The row's attribute for the style sheet."""
        if self.differs is None:
            return ""
        return f' class="explorer-{"differs" if self.differs else "same"}"'


def _table(
    caption: str, heads: Sequence[str], rows: Iterable[_Row], numeric: Sequence[int] = ()
) -> str:
    """Return a table whose first column says what its rows are about.

    Args:
        caption: What the table shows.
        heads: The columns' names.
        rows: The rows.
        numeric: Places of the columns of numbers, which are aligned at their ends.
    """

    def kind(place: int) -> str:
        return ' class="explorer-numeric"' if place in numeric else ""

    head = "".join(
        f'<th scope="col"{kind(place)}>{escape(name)}</th>' for place, name in enumerate(heads)
    )
    body = "".join(
        f'<tr{row.mark}><th scope="row">{escape(row.name)}</th>'
        + "".join(
            f"<td{kind(place)}>{escape(cell)}</td>" for place, cell in enumerate(row.cells, start=1)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _figure_table(figures: Sequence[Figure]) -> str:
    rows = [
        _Row(figure.name, (figure.a, figure.b, ratio_text(figure)), figure.differs)
        for figure in figures
    ]
    return _table("Figures, for one image", ("figure", "A", "B", "B ÷ A"), rows, numeric=(1, 2))


def ratio_text(figure: Figure) -> str:
    """Return how B's figure compares with A's, in a number and in words."""
    if not figure.differs:
        return "same"
    if figure.ratio is None:
        return "differs"
    if figure.ratio >= 10:
        return f"{_factor(figure.ratio)} times as much"
    change = abs(figure.ratio - 1)
    size = "under 1 %" if change < 0.01 else f"{100 * change:.0f} %"
    return f"{_factor(figure.ratio)} ({size} {'more' if figure.ratio > 1 else 'less'})"


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


def _change_table(changes: Sequence[Change]) -> str:
    if not changes:
        return "<p>A and B have the same settings.</p>"
    rows = [_Row(change.field, _texts(change)) for change in changes]
    return _table("Settings that differ", ("parameter", "A", "B"), rows[:MOST_ROWS]) + _more(
        len(rows)
    )


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


def _more(count: int) -> str:
    return f"<p>… and {count - MOST_ROWS} more.</p>" if count > MOST_ROWS else ""


def _layer_table(comparison: Comparison) -> str:
    layers = Counter(layer.state for layer in comparison.layers)
    blocks = Counter(block.state for block in comparison.blocks)
    rows = [
        _Row(state, (f"{blocks[state]:,}", f"{layers[state]:,}"))
        for state in STATES
        if layers[state]
    ]
    counts = _table("Blocks and layers", ("state", "blocks", "layers"), rows, numeric=(1, 2))
    others = [block for block in comparison.blocks if block.state != "same"]
    if not others:
        return counts
    listed = [_Row(block.name, (block.state, _what_changed(block))) for block in others[:MOST_ROWS]]
    table = _table("Blocks that differ", ("block", "state", "what differs"), listed)
    return counts + table + _more(len(others))


def _what_changed(block: BlockMatch) -> str:
    """Return what differs in a block: settings, else layers, else what follows from its input."""
    if block.state != "changed":
        return _count(len(block.layers), "layer")
    changes = [change for layer in block.layers for change in layer.changes]
    settings = [change for change in changes if change.field not in CONSEQUENCES]
    parts = [_change_text(change) for change in dict.fromkeys(settings)]
    for state in STATES[2:]:
        count = sum(layer.state == state for layer in block.layers)
        if count:
            parts.append(f"{_count(count, 'layer')} {state}")
    if not parts:
        parts = [_change_text(change) for change in _last_change(block.layers).changes]
    more = f"; and {len(parts) - MOST_IN_A_ROW} more" if len(parts) > MOST_IN_A_ROW else ""
    return "; ".join(parts[:MOST_IN_A_ROW]) + more


def _last_change(layers: Sequence[LayerMatch]) -> LayerMatch:
    return next(layer for layer in reversed(layers) if layer.changes)


def _change_text(change: Change) -> str:
    was, now = _texts(change)
    return f"{change.field.replace('_', ' ')} {was} → {now}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


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


def _timing_table(timing: "PairTiming") -> str:
    a, b = timing.a, timing.b
    rows = [
        _Row(name, (text(a), text(b)), True if name == "median" else None)
        for name, text in (
            ("median", lambda t: duration(t.median)),
            ("10th to 90th percentile", lambda t: f"{duration(t.p10)} to {duration(t.p90)}"),
            ("throughput", lambda t: f"{t.images_per_second:,.1f} images/s"),
            ("median known within 2 %", lambda t: "yes" if t.is_steady else "no"),
            ("compiled by", lambda t: t.compiler),
            ("input", lambda t: " × ".join(map(str, (t.batch_size, *t.input_shape)))),
        )
    ]
    caption = f"{a.step.capitalize()}, in turns"
    return (
        _table(caption, ("measured", "A", "B"), rows, numeric=(1, 2))
        + f"<p>{a.runs} runs of each in turns after {a.warmup_runs} for warming up, on "
        f"{escape(_where(a))}. In brackets above: the ratio's 95 % confidence interval.</p>"
    )


def _where(timing: "Timing") -> str:
    return f"{timing.device}, {timing.backend}, {timing.dtype}"
