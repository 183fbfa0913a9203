"""The best networks as points: each axis is something that is to be small."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from explorer.core.analysis.budgets import MEASURES
from explorer.core.drawing.palette import LIGHT
from explorer.core.guard import guarded
from explorer.searching.found import Candidate
from explorer.widget.panels.charts.figure import ACCENT, AXIS, GREY, LOOK, Drawing, new_figure
from explorer.widget.panels.charts.plot import Plot
from explorer.widget.panels.search.page import cells_of, heads_of

HEIGHT = 230
#: How many times the least the most is where an axis grows by factors.
WIDE = 20


class FrontPlot(Plot):
    """A scatter plot, made once there is something in it; a click on a point shows its network."""

    def __init__(
        self, chosen: Callable[[float, float], None], alert: Callable[[str], None]
    ) -> None:
        """Make the plot.

        Args:
            chosen: Called with the place of a point that was clicked.
            alert: Shows the text of an unforeseen error.
        """
        super().__init__()
        self._chosen = chosen
        self._show_error = alert
        self._wanted: Drawing | None = None

    def show(self, drawing: Drawing) -> None:
        """Show some networks; the first time it takes a while."""
        with self._lock:
            self._wanted = drawing
            self._begin_to_load()
            self._draw_again()

    def _draw_again(self) -> None:
        if self._wanted and self._loaded:
            self._send_changes(self._wanted)

    def _new_figure(self, drawing: Drawing) -> Any:
        return new_figure(_TRACES, _LAYOUT, drawing)

    def _alert(self, message: str) -> None:
        self._show_error(message)

    @guarded
    def _clicked(self, _: Any, points: Any, __: Any) -> None:
        if points.xs:
            self._chosen(points.xs[0], points.ys[0])


def drawing_of(
    candidates: Sequence[Candidate],
    names: tuple[str, str],
    shown: tuple[float, float] | None,
) -> Drawing:
    """Return what is drawn of some networks.

    Args:
        candidates: The networks.
        names: Of the measures of the axes.
        shown: The place of the design on screen; None: it is not known.
    """
    points = [place_of(each, names) for each in candidates]
    drawing: Drawing = {
        ("found", "x"): [x for x, _ in points],
        ("found", "y"): [y for _, y in points],
        ("found", "hovertext"): [_text(each) for each in candidates],
        ("shown", "x"): [shown[0]] if shown else [],
        ("shown", "y"): [shown[1]] if shown else [],
    }
    both = [*points, *([shown] if shown else [])]
    for axis, name, place in (("xaxis", names[0], 0), ("yaxis", names[1], 1)):
        values = [point[place] for point in both]
        is_wide = bool(values) and min(values) > 0 and max(values) > WIDE * min(values)
        drawing["layout", f"{axis}.type"] = "log" if is_wide else "linear"
        units = MEASURES[name].units
        unit = " (bytes)" if "B" in units else " (seconds)" if "s" in units else ""
        drawing["layout", f"{axis}.title.text"] = f"{name}{unit}"
    return drawing


def place_of(candidate: Candidate, names: tuple[str, str]) -> tuple[float, float]:
    """Return where a network stands, whose measures are known."""
    x, y = (candidate.values[name] for name in names)
    assert x is not None
    assert y is not None
    return x, y


def _text(candidate: Candidate) -> str:
    told = zip(heads_of(candidate.task), cells_of(candidate), strict=True)
    return "<br>".join(escape(f"{head}: {cell}") for head, cell in told)


_POINTS = {"type": "scatter", "hoverinfo": "text"}
_TRACES: list[dict[str, Any]] = [
    _POINTS
    | {
        "meta": "found",
        "name": "best networks",
        "mode": "lines+markers",
        "line": {"color": GREY, "width": 1, "shape": "hv"},
        "marker": {"color": ACCENT, "size": 10},
    },
    _POINTS
    | {
        "meta": "shown",
        "name": "on screen",
        "mode": "markers",
        "hovertext": "on screen",
        "marker": {
            "symbol": "diamond-open",
            "size": 14,
            "color": LIGHT.text,
            "line": {"width": 2},
        },
    },
]
_AXIS = AXIS | {"exponentformat": "SI", "title": {"font": {"size": 12}, "standoff": 6}}
_LAYOUT: dict[str, Any] = {
    **LOOK,
    "height": HEIGHT,
    "margin": {"l": 62, "r": 12, "t": 28, "b": 44, "autoexpand": False},
    "hovermode": "closest",
    "showlegend": True,
    "legend": {
        "orientation": "h",
        "x": 0,
        "y": 1.02,
        "yanchor": "bottom",
        "bgcolor": "rgba(0,0,0,0)",
        "itemclick": False,
        "itemdoubleclick": False,
    },
    "xaxis": _AXIS,
    "yaxis": _AXIS,
}
