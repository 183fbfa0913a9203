"""Charts of what a network costs along the way, one step a layer or a block.

plotly is imported, and its one figure made, once the charts were first shown: that takes seconds,
and 5 MB then travel to the browser. From then on only what changed is sent.
"""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets

from explorer.core.analysis.quantities import QUANTITIES
from explorer.core.editing.snapshot import Scene
from explorer.core.guard import guarded
from explorer.core.network.names import block_id, nodes_of
from explorer.core.ports import Timer
from explorer.core.settling import Settling
from explorer.widget.controls.form import page, plain_layout
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import ChartStep, Code, Missed, WantsCode
from explorer.widget.panels.charts.data import ChartData
from explorer.widget.panels.charts.figure import (
    Drawing,
    apply,
    bands,
    drawing_of,
    figure_of,
    plot_code,
    style_sheet,
)
from explorer.widget.panels.tab_view import TabView
from explorer.widget.parts import Items, Line, Words
from explorer.worker import later, load

STEPS = ("by layer", "by block")
#: Seconds that an edit must outlast before it is drawn: the browser takes longer over the charts
#: than over all else, and each step of a slider would have to wait for those of the step before.
PAUSE = 0.2


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


class Charts(widgets.VBox, TabView):
    """Three charts, the choice of what they show, and what they show in words.

    Attributes:
        loading: Loads plotly and makes the charts; None until they are first shown.
    """

    _figure: Any = None  # ipywidgets closes what could not be made, too

    def __init__(self, select: Callable[[str], None]) -> None:
        """Make the view, without the charts: they are made when they are first shown.

        Args:
            select: Called with the selection that a click stands for.
        """
        self._select = select
        # Charts are shown under the state's lock, but also when a button here is clicked.
        self._lock = threading.RLock()
        self._scene: Scene | None = None  # while the charts are on screen
        # Waits before an edit is drawn.
        self._settling = Settling(later, self._lock, partial(self._chosen, None), self._alert)
        self._data: ChartData | None = None
        self.loading: Timer | None = None
        self._loaded = False
        self._shown: Drawing = {}
        self._steps = widgets.ToggleButtons(
            options=STEPS,
            tooltips=["A step for each layer", "A step for each block of layers"],
            style={"button_width": "auto"},
        )
        self._measure = widgets.ToggleButtons(
            options=list(QUANTITIES),
            tooltips=[quantity.title for quantity in QUANTITIES.values()],
            style={"button_width": "auto"},
        )
        for buttons in (self._steps, self._measure):
            buttons.observe(self._chosen, names="value")
        controls = widgets.Box([self._steps, self._measure], layout=plain_layout())
        controls.add_class("explorer-row")
        self._words = page()
        self._frame = Frame(layout=plain_layout())
        self._frame.on_sent(self._received)
        self._above = (self._frame, controls, self._words)
        super().__init__(self._above, layout=plain_layout())
        self.add_class("explorer-charts")

    def show(self, scene: Scene) -> None:
        """Show a scene, or another design a moment later; what is shown already is not sent again.

        The first call returns before there are charts: they follow when plotly is loaded.
        """
        with self._lock:
            last, self._scene = self._scene, scene
            self._settling.stop()
            if self.loading is None:
                self._words.parts = (Line("The charts are being made …", "muted"),)
                self.loading = load("plotly", self._load)
            elif self._loaded and last and last.design != scene.design:
                self._settling.wait(PAUSE)
            else:
                self._chosen(None)

    def hide(self) -> None:
        """Draw nothing until the charts are shown again."""
        with self._lock:
            self._settling.stop()
            self._scene = None

    def close(self) -> None:
        """Give up the charts, too."""
        self.hide()
        if self._figure is not None:
            self._figure.close()
        super().close()

    @guarded
    def _load(self) -> None:
        from plotly.graph_objects import FigureWidget  # noqa: F401 — takes seconds

        with self._lock:
            self._loaded = self.comm is not None  # else it was closed meanwhile
            self._chosen(None)

    @guarded
    def _chosen(self, _: Any) -> None:
        with self._lock:
            if self._loaded and self._scene:
                self._draw(self._scene)

    def _draw(self, scene: Scene) -> None:
        data = ChartData(
            scene.design, scene.times, self._measure.value, self._steps.value == STEPS[1]
        )
        drawing: Drawing = {}
        if data == self._data:
            data = self._data
        else:
            drawing = drawing_of(data)
        drawing["layout", "shapes"] = bands(data.runs(nodes_of(data.design.graph, scene.selected)))
        self._send_changes(drawing)
        if data is not self._data:
            self._words.parts = (_words(data),)
            self._frame.steps = tuple(
                ChartStep(step.selection, block_id(step.nodes[0])) for step in data.steps
            )
            self._data = data

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
        before, self._figure = self._figure, figure_of(drawing)
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

    @guarded
    def _clicked(self, _: Any, points: Any, __: Any) -> None:
        """Select the step whose bar or point was clicked."""
        with self._lock:
            steps = self._data.steps if self._data else []
            places = [round(x) for x in points.xs if x is not None]
        if places and 0 <= places[0] < len(steps):
            self._select(steps[places[0]].selection)

    def _alert(self, message: str) -> None:
        self._data = None  # so that the next drawing writes its words
        self._words.parts = (Line("The charts could not be drawn.", "bad", code=message),)


def _words(data: ChartData) -> Items:
    lines = zip(data.titles(), data.sentences(), strict=True)
    return Items(tuple((Words(f"{a}.", "strong"), Words(b)) for a, b in lines), mark="muted")
