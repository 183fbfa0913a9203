"""The charts as plotly wants them: the properties of its figure, and colours that follow the theme.

plotly is imported only inside functions: it takes seconds.
"""

from pathlib import Path
from typing import Any

from explorer.core.drawing.palette import LIGHT
from explorer.widget.front.modules import module
from explorer.widget.panels.charts.data import ChartData

ACCENT, GRID, GREY = "#0b62a6", "#d0d7de", "#8b949e"
#: Colours of what is in memory, from the bottom up, and what it is.
MEMORY = {
    "held": (LIGHT.skip, "held for later"),
    "inputs": (GREY, "inputs"),
    "own": (LIGHT.line, "output"),
}
#: Share of white in the colours on a dark background, where most are too dark by themselves.
LIGHTENED = 0.45

#: Pixels: above a panel for its title and legend, a panel, under the last one for block names.
HEAD, PANEL, FOOT = 60, 168, 72
PANELS = 3 * (HEAD + PANEL)
MARGIN = 62

CLEAR = "rgba(0,0,0,0)"
#: What can be done with the charts besides a click: no more buttons than that.
BUTTONS = [["toImage", "zoom2d", "pan2d", "resetScale2d"]]

#: Properties of the plot by the part of it (a trace, or "layout") and the path within.
Drawing = dict[tuple[str, str], Any]


def style_sheet() -> str:
    """Return the rules for the charts; plotly's own colours know nothing of the theme.

    plotly writes them on each element, so that only `!important` outranks them.
    """
    rules = [Path(__file__).with_name("panel.css").read_text(encoding="utf-8")]
    themed = {LIGHT.text: "var(--jp-ui-font-color1)", GRID: "var(--jp-border-color2)"}
    for selector, colours in (
        (".explorer-charts", {old: f"{new[:-1]}, {old})" for old, new in themed.items()}),
        ('body[data-jp-theme-light="false"] .explorer-charts', dark_theme()),
    ):
        for old, new in colours.items():
            rgb = ", ".join(map(str, bytes.fromhex(old[1:])))
            rules += [
                f'{selector} [style*="{kind}: rgb({rgb})"] {{ {kind}: {new} !important; }}'
                for kind in ("fill", "stroke")
            ]
    return "\n".join(rules)


def dark_theme() -> dict[str, str]:
    """Return for each colour of bars, areas and lines the one on a dark background."""
    drawn = [ACCENT, *(colour for colour, _ in (*MEMORY.values(), *LIGHT.cards.values()))]
    return {
        colour: "#"
        + bytes(round(p + LIGHTENED * (255 - p)) for p in bytes.fromhex(colour[1:])).hex()
        for colour in drawn
    }


def drawing_of(data: ChartData) -> Drawing:
    """Return every property of the figure that changes with the data, by part and path."""
    named = [(name, points) for name, points in data.traces().items()]
    drawing = {(name, path): value for name, points in named for path, value in points.items()}
    for axis, settings in data.axes().items():
        drawing |= {("layout", f"{axis}.{path}"): value for path, value in settings.items()}
    drawing["layout", "annotations"] = [
        *(_title(text, panel) for panel, text in enumerate(data.titles())),
        _peak(data),
    ]
    return drawing


def _title(text: str, panel: int) -> dict[str, Any]:
    return {
        "text": f"<b>{text}</b>",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "xshift": -MARGIN,
        "y": _height(panel, HEAD - 10),
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
    }


def _peak(data: ChartData) -> dict[str, Any]:
    peak = data.peak
    x = data.place[peak.node]
    # The text stands on the side where there is room.
    side = "left" if x < len(data.steps) / 2 else "right"
    return {
        "text": data.peak_text(),
        "xref": "x",
        "yref": "y2",
        "x": x,
        "y": data.bytes(peak.total_bytes),
        "ax": 10 if side == "left" else -10,
        "ay": -12,
        "xanchor": side,
        "arrowhead": 0,
        "arrowcolor": LIGHT.text,
        "arrowwidth": 1,
    }


def bands(runs: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Return the marks of what is selected: a band through each panel for each run of steps."""
    return [
        {
            "type": "rect",
            "layer": "below",
            "xref": "x",
            "yref": f"{axis} domain",
            "x0": first - 0.5,
            "x1": last + 0.5,
            "y0": 0,
            "y1": 1,
            "fillcolor": ACCENT,
            "opacity": 0.3,
            "line": {"width": 1, "color": ACCENT},
        }
        for first, last in runs
        for axis in ("y", "y2", "y3")
    ]


def _height(panel: int, pixels: int = 0) -> float:
    """Return a height above the top of a panel as a share of the height of all panels."""
    return 1 - (panel * (HEAD + PANEL) + HEAD - pixels) / PANELS


def apply(figure: Any, drawing: Drawing) -> None:
    """Show a drawing, or what changed of it, in a figure; the browser gets one message.

    Past the attributes of figure and traces, which check each number and take twice as long; what
    holds several things (shapes, annotations) they show as it was.
    """
    from plotly.basedatatypes import Undefined

    parts = [trace.meta for trace in figure.data]
    traces: dict[str, list[Any]] = {}
    layout = {}
    for (part, path), value in drawing.items():
        if part == "layout":
            layout[path] = value
        else:
            traces.setdefault(path, [Undefined] * len(parts))[parts.index(part)] = value
    figure.plotly_update(traces, layout)


def plot_code() -> bytes:
    """Return the code by which plotly draws its figures in a browser."""
    from plotly.graph_objects import FigureWidget

    return str(FigureWidget._esm).encode()


def figure_of(drawing: Drawing) -> Any:
    """Return the figure that shows a drawing of charts."""
    return new_figure(_traces(), _layout(), drawing)


def new_figure(traces: list[dict[str, Any]], layout: dict[str, Any], drawing: Drawing) -> Any:
    """Return a figure that shows a drawing.

    Args:
        traces: What never changes of each part, which has its name as `meta`.
        layout: The same of the layout.
        drawing: The rest.
    """
    from plotly.graph_objects import FigureWidget

    class Figure(FigureWidget):
        """A figure that is complete when the browser first hears of it: see `charts.js`."""

        _esm = module(Path(__file__).with_name("plot.js"), "code")

        def open(self) -> None:
            if self._widget_data:
                super().open()

    figure = Figure(traces, layout)
    apply(figure, drawing)
    figure._config = {"displaylogo": False, "modeBarButtons": BUTTONS, "responsive": True}
    # What a browser starts from. plotly copies it here, once; set to what its updates change, it is
    # up to date when a page is loaded again.
    figure._widget_data, figure._widget_layout = figure._data, figure._layout
    figure.open()
    return figure


def _traces() -> list[dict[str, Any]]:
    bars = [
        {
            "type": "bar",
            "meta": role,
            "name": role,
            "width": 0.9,
            "marker": {"color": header, "line": {"width": 0}},
            "hoverinfo": "skip",
        }
        for role, (header, _) in LIGHT.cards.items()
    ]
    line = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    area = line | {"yaxis": "y2", "legend": "legend2", "stackgroup": "memory"}
    areas = [
        area
        | {"meta": name, "name": label, "fillcolor": colour, "line": {"shape": "hv", "width": 0}}
        for name, (colour, label) in MEMORY.items()
    ]
    curves = [
        line | {"meta": name, "name": label, "yaxis": "y3", "legend": "legend3", "line": style}
        for name, label, style in (
            ("height", "height in px", {"color": LIGHT.line, "width": 2.5}),
            ("channels", "channels", {"color": GREY, "width": 1.5}),
            ("skips", "skips", {"color": LIGHT.skip, "width": 1.5, "dash": "6px,4px"}),
        )
    ]
    # Invisible: in each panel one point for each step, wherever the pointer is above or below it.
    points = line | {"hoverinfo": "text", "showlegend": False, "line": {"width": 0}}
    return [
        *bars,
        *areas,
        *curves,
        *(
            points | {"meta": name, "yaxis": axis}
            for name, axis in (("value", "y"), ("total", "y2"), ("size", "y3"))
        ),
    ]


#: What all figures look like.
LOOK: dict[str, Any] = {
    "template": "none",
    "paper_bgcolor": CLEAR,
    "plot_bgcolor": CLEAR,
    "font": {"family": "system-ui, sans-serif", "size": 11.5, "color": LIGHT.text},
    "modebar": {"bgcolor": CLEAR, "color": "#768390", "activecolor": GREY},
    "hoverlabel": {
        "bgcolor": "#24292f",
        "bordercolor": GREY,
        "font": {"color": "#ffffff", "size": 12},
        "align": "left",
    },
}
#: And their axes.
AXIS = {"gridcolor": GRID, "zeroline": False, "automargin": False}


def _layout() -> dict[str, Any]:
    grid = AXIS
    layout: dict[str, Any] = {
        **LOOK,
        "height": PANELS + FOOT,
        # Legends would widen it.
        "margin": {"l": MARGIN, "r": 30, "t": 4, "b": FOOT, "autoexpand": False},
        "barmode": "stack",
        "hovermode": "x",
        "hoverdistance": -1,
        "xaxis": grid | {"anchor": "y3"},
    }
    for panel, name in enumerate(("", "2", "3")):
        top = _height(panel)
        layout[f"yaxis{name}"] = grid | {
            "domain": [max(0, top - PANEL / PANELS), top],
            "fixedrange": True,
        }
        layout[f"legend{name}"] = {
            "orientation": "h",
            "traceorder": "normal",
            # In a narrow window further lines reach into the panel, which has some room there.
            "xref": "container",
            "x": 0,
            "xanchor": "left",
            "y": _height(panel, 30),
            "yanchor": "top",
            "bgcolor": CLEAR,
            "itemclick": False,
            "itemdoubleclick": False,
        }
    layout["yaxis3"]["type"] = "log"
    return layout
