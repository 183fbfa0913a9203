"""Charts of what a network costs along the way, one step a layer or a block.

plotly is imported, and its one figure made, once the charts were first shown: that takes seconds,
and 5 MB then travel to the browser. From then on only what changed is sent.
"""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from explorer.core.analysis.quantities import QUANTITIES
from explorer.core.editing.snapshot import Scene
from explorer.core.guard import guarded
from explorer.core.network.names import block_id, nodes_of
from explorer.core.settling import Settling
from explorer.widget.controls.form import page, plain_layout
from explorer.widget.messages import ChartStep
from explorer.widget.panels.charts.data import ChartData
from explorer.widget.panels.charts.figure import (
    Drawing,
    bands,
    drawing_of,
    figure_of,
)
from explorer.widget.panels.charts.plot import Plot
from explorer.widget.panels.tab_view import TabView
from explorer.widget.parts import Items, Line, Words
from explorer.worker import later

STEPS = ("by layer", "by block")
#: Seconds that an edit must outlast before it is drawn: the browser takes longer over the charts
#: than over all else, and each step of a slider would have to wait for those of the step before.
PAUSE = 0.2


class Charts(Plot, TabView):
    """Three charts, the choice of what they show, and what they show in words."""

    def __init__(self, select: Callable[[str], None]) -> None:
        """Make the view, without the charts: they are made when they are first shown.

        Args:
            select: Called with the selection that a click stands for.
        """
        self._select = select
        self._scene: Scene | None = None  # while the charts are on screen
        self._data: ChartData | None = None
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
        super().__init__((controls, self._words))
        # Waits before an edit is drawn.
        self._settling = Settling(later, self._lock, self._draw_again, self._alert)

    def show(self, scene: Scene) -> None:
        """Show a scene, or another design a moment later; what is shown already is not sent again.

        The first call returns before there are charts: they follow when plotly is loaded.
        """
        with self._lock:
            last, self._scene = self._scene, scene
            self._settling.stop()
            if self.loading is None:
                self._words.parts = (Line("The charts are being made …", "muted"),)
                self._begin_to_load()
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
        super().close()

    def _draw_again(self) -> None:
        self._chosen(None)

    def _new_figure(self, drawing: Drawing) -> Any:
        return figure_of(drawing)

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
