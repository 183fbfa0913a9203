"""A figure of plotly's on the page, which is told only what changed.

plotly is imported, and the figure made, once it is first wanted: that takes seconds, and 5 MB then
travel to the browser.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets

from explorer.core.guard import guarded
from explorer.core.ports import Timer
from explorer.widget.controls.form import plain_layout
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import ChartStep, Code, Missed, WantsCode
from explorer.widget.panels.charts.figure import Drawing, apply, plot_code, style_sheet
from explorer.worker import later, load


class Frame(FrontWidget):
    """Gives the plot its colours and its width, and sees to it that it is up to date.

    What the pointer is on in another view is marked over the plot, and the other way round.

    Attributes:
        drawing: Number of the drawing that the plot should show, which has it as `layout.meta`.
        steps: What stands along its horizontal axis, at 0, 1, 2 and so on.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "hover", "code")
    _css = style_sheet()
    sends = Missed | WantsCode
    gets = Code

    drawing: Any = traitlets.Int().tag(sync=True)
    steps = shared(tuple[ChartStep, ...], ())


class Plot(widgets.VBox):
    """A figure, and what stands above it.

    Attributes:
        loading: Loads plotly and makes the figure; None until it is first wanted.
    """

    _figure: Any = None  # ipywidgets closes what could not be made, too

    def __init__(self, above: Sequence[widgets.Widget] = ()) -> None:
        """Make all but the figure.

        Args:
            above: What stands above it.
        """
        # Figures are drawn under the state's lock, but also when a button here is clicked.
        self._lock = threading.RLock()
        self.loading: Timer | None = None
        self._loaded = False
        self._shown: Drawing = {}
        self._frame = Frame(layout=plain_layout())
        self._frame.on_sent(self._received)
        self._above = (self._frame, *above)
        super().__init__(self._above, layout=plain_layout())
        self.add_class("explorer-charts")

    def _begin_to_load(self) -> None:
        """Load plotly, unless that has begun."""
        if self.loading is None:
            self.loading = load("plotly", self._load)

    @guarded
    def _load(self) -> None:
        from plotly.graph_objects import FigureWidget  # noqa: F401 — takes seconds

        with self._lock:
            self._loaded = self.comm is not None  # else it was closed meanwhile
            self._draw_again()

    def _draw_again(self) -> None:
        """Draw what is wanted by now; subclasses implement it."""
        raise NotImplementedError

    def _new_figure(self, drawing: Drawing) -> Any:
        """Return a figure that shows a drawing; subclasses implement it."""
        raise NotImplementedError

    def close(self) -> None:
        """Give up the figure, too."""
        if self._figure is not None:
            self._figure.close()
        super().close()

    def _send_changes(self, drawing: Drawing) -> None:
        """Show in the plot what differs from what it shows already, in one message."""
        changes = {key: value for key, value in drawing.items() if self._shown.get(key) != value}
        if not changes:
            return
        changes["layout", "meta"] = self._frame.drawing + 1
        if self._figure is None:
            self._make_figure(changes)
        else:
            apply(self._figure, changes)
        self._shown |= changes
        self._frame.drawing += 1

    def _make_figure(self, drawing: Drawing) -> None:
        before, self._figure = self._figure, self._new_figure(drawing)
        for trace in self._figure.data:
            trace.on_click(self._clicked)
        self.children = (*self._above, self._figure)
        if before is not None:
            before.close()

    @guarded
    def _received(self, message: Missed | WantsCode, _: Any) -> None:
        if isinstance(message, WantsCode):
            later(0.0, self._send_code)
        else:
            self._missed(message)

    @guarded
    def _send_code(self) -> None:
        self._frame.send_message(Code("plotly"), [plot_code()])  # imports plotly: seconds

    def _missed(self, message: Missed) -> None:
        """Replace a plot that no update reaches: see `panel.js`."""
        with self._lock:
            if message.missed == self._frame.drawing:
                self._shown["layout", "meta"] = self._frame.drawing + 1
                self._make_figure(self._shown)
                self._frame.drawing += 1

    def _clicked(self, trace: Any, points: Any, state: Any) -> None:
        """Do what a click on some points of a trace stands for; subclasses implement it."""
        raise NotImplementedError

    def _alert(self, message: str) -> None:
        """Show the text of an unforeseen error; subclasses implement it."""
        raise NotImplementedError
