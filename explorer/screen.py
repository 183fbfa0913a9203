"""The views of a design: one scene, shown by the diagram, the inspector and the open tab.

A tab's view is made when it is first opened, and is shown nothing while it is closed.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import ipywidgets as widgets

from explorer.controls import plain_layout
from explorer.graph import Block
from explorer.guard import guarded
from explorer.measurement import Measurement
from explorer.scene import Scene
from explorer.state import Design, State
from explorer.views.diagram_view import DiagramView
from explorer.views.inspector import Inspector
from explorer.views.layer_table import LayerTable

if TYPE_CHECKING:
    from explorer.comparison import Comparison
    from explorer.layer_timing import LayerTimes


class Screen:
    """Shows a scene in every view that is open.

    Attributes:
        diagram: The diagram.
        inspector: What is selected, in words and figures.
        tabs: The other views, one at a time.
        views: The views of the tabs that have been opened, by title.
    """

    def __init__(
        self,
        state: State,
        alert: Callable[[str], None],
        edit: Callable[[Block], None],
        time_layers: Callable[[], None],
        picture: Callable[[], bytes | None],
        how: Callable[[], Measurement],
    ) -> None:
        """Make the views that are open at first.

        Args:
            state: What is on screen.
            alert: Shows the text of an unforeseen error.
            edit: Opens the controls of a block.
            time_layers: Has every layer timed.
            picture: Returns the content of the user's picture, or None for the photograph.
            how: Returns how the user wants to measure.
        """
        self._state = state
        self._alert = alert
        self._picture = picture
        self._how = how
        self._scene = Scene(state.design)
        self.diagram = DiagramView(self.select, self._show, alert, layout=plain_layout())
        self.inspector = Inspector(self.select, edit, time_layers)
        self._makers: dict[str, Callable[[], Any]] = {
            "Layers": lambda: LayerTable(self.select),
            "Charts": self._make_charts,
            "Receptive field": self._make_receptive_field,
            "Feature maps": self._make_feature_maps,
            "Compare": self._make_compare,
        }
        self.views: dict[str, Any] = {}
        places = [widgets.VBox(layout=plain_layout()) for _ in self._makers]
        self.tabs = widgets.Tab(
            places, titles=list(self._makers), selected_index=0, layout=plain_layout()
        )
        self._open = "Layers"
        self.tabs.observe(self._tab_chosen, names="selected_index")

    def close(self) -> None:
        """Drop what the views have asked of Keras."""
        for view in self.views.values():
            if hasattr(view, "close"):
                view.close()

    @property
    def scene(self) -> Scene:
        """What is shown."""
        return self._scene

    def show(self, design: Design) -> None:
        """Show a design; what was measured of another one is dropped."""
        with self._state.lock:
            if design != self._scene.design:
                self._scene = Scene(design, self._scene.selected)
            self._show()

    def show_times(self, times: "LayerTimes") -> None:
        """Show each layer's time."""
        with self._state.lock:
            seconds = {layer.name: layer.seconds for layer in times.layers}
            self._scene = attrs.evolve(self._scene, times=seconds, whole_time=times.whole)
            self._show()

    @guarded
    def select(self, selected: str) -> None:
        """Show something as selected in every view."""
        with self._state.lock:
            if selected != self._scene.selected:
                self._scene = attrs.evolve(self._scene, selected=selected)
                self._show()

    @guarded
    def _show(self) -> None:
        with self._state.lock:
            # The diagram first: its drawing takes longest, and the rest follows in the same frame.
            views = [self.diagram, self.inspector, self._opened()]
            if self._open == "Compare":  # which says what the diagram marks
                views.reverse()
            for view in views:
                view.show(self._scene)

    def _opened(self) -> Any:
        """Return the view of the open tab, which is made if it was not open before."""
        if self._open not in self.views:
            view = self.views[self._open] = self._makers[self._open]()
            place = self.tabs.children[list(self._makers).index(self._open)]
            place.children = [getattr(view, "widget", view)]
        return self.views[self._open]

    @guarded
    def _tab_chosen(self, change: Any) -> None:
        with self._state.lock:
            closed: Any = self.views.get(self._open)
            if hasattr(closed, "hide"):
                closed.hide()
            self._open = list(self._makers)[change.new]
            self._opened().show(self._scene)

    def picture_changed(self) -> None:
        """Tell the views that show the user's picture of another one."""
        for view in self.views.values():
            if hasattr(view, "picture_changed"):
                view.picture_changed()

    # What is imported only for views that are opened.

    def _make_charts(self) -> Any:
        from explorer.views.charts import Charts

        return Charts(self.select)

    def _make_receptive_field(self) -> Any:
        from explorer.panels.receptive_field import ReceptiveField

        return ReceptiveField(self._state, self._picture, self._alert)

    def _make_feature_maps(self) -> Any:
        from explorer.panels.feature_maps import FeatureMaps

        return FeatureMaps(self._state, self._picture, self.select, self._alert)

    def _make_compare(self) -> Any:
        from explorer.panels.comparison import Compare

        return Compare(self._state, self._alert, self._show_comparison, self._how)

    def _show_comparison(self, comparison: "Comparison | None") -> None:
        with self._state.lock:
            self.diagram.compare(comparison)
            self.diagram.show(self._scene)
