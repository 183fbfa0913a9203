"""The views of a design: one scene, shown by the diagram, the inspector and the open tab.

A tab's view is made when it is first opened, and is shown nothing while it is closed.
"""

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import ipywidgets as widgets

from explorer.core.analysis.design import Design
from explorer.core.asking.measurement import Measurement
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.guard import Unbroken, guarded
from explorer.core.network.graph import Block
from explorer.widget.controls.form import plain_layout
from explorer.widget.panels.diagram.panel import DiagramView
from explorer.widget.panels.inspector.panel import Inspector
from explorer.widget.panels.layers.panel import LayerTable
from explorer.widget.panels.problems import Problems
from explorer.widget.panels.tab_view import TabView

if TYPE_CHECKING:
    from explorer.core.analysis.comparison import Comparison
    from explorer.core.asking.timing import LayerTimes


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
        problems: Problems | None = None,
    ) -> None:
        """Make the views that are open at first.

        Args:
            state: What is on screen.
            alert: Shows the text of an unforeseen error that is about no view.
            edit: Opens the controls of a block.
            time_layers: Has every layer timed.
            picture: Returns the content of the user's picture, or None for the photograph.
            how: Returns how the user wants to measure.
            problems: Says which views could not be shown; None: nobody does.
        """
        self._state = state
        self._alert = alert
        self._picture = picture
        self._how = how
        self._problems = problems or Problems()
        self._unbroken = Unbroken(self._show_all)
        self._scene = Scene(state.design)
        self.diagram = DiagramView(self.select, self._show, alert, layout=plain_layout())
        self.inspector = Inspector(self.select, edit, time_layers)
        self._makers: dict[str, Callable[[], TabView]] = {
            "Layers": lambda: LayerTable(self.select),
            "Charts": self._make_charts,
            "Receptive field": self._make_receptive_field,
            "Feature maps": self._make_feature_maps,
            "Compare": self._make_compare,
        }
        self.views: dict[str, TabView] = {}
        places = [widgets.VBox(layout=plain_layout()) for _ in self._makers]
        self.tabs = widgets.Tab(
            places, titles=list(self._makers), selected_index=0, layout=plain_layout()
        )
        self._visible = ""  # title of the tab whose view was shown last
        self.tabs.observe(self._tab_chosen, names="selected_index")

    def close(self) -> None:
        """Drop what the views have asked of Keras."""
        for view in self.views.values():
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
            if selected != self._scene.selected or self._unbroken.is_broken_off:
                self._scene = attrs.evolve(self._scene, selected=selected)
                self._show()

    @guarded
    def _show(self) -> None:
        with self._state.lock:
            self._unbroken.do(self._show_all)

    def _show_all(self) -> None:
        """Show the scene in every view that is open, whatever becomes of the others."""
        self._hide_closed()
        # The diagram first: its drawing takes longest, and the rest follows in the same frame.
        shows = [self._show_diagram, self._show_inspector, self._show_tab]
        if self._open == "Compare":  # which says what the diagram marks
            shows.reverse()
        for show in shows:
            show()

    def _show_diagram(self) -> None:
        self._problems.watch("diagram", self.diagram, self.diagram.show, self._scene)

    def _show_inspector(self) -> None:
        show = self.inspector.show
        self._problems.watch("explanation of what is selected", self.inspector, show, self._scene)

    def _show_tab(self) -> None:
        if title := self._open:
            self._problems.watch(_named(title), self._place(title), self._show_in_tab, title)

    def _show_in_tab(self, title: str) -> None:
        """Show the scene in the view of a tab, which is made if it was not open before."""
        view = self.views.get(title) or self.views.setdefault(title, self._makers[title]())
        if self._place(title).children != (view.widget,):
            self._place(title).children = (view.widget,)
        self._visible = title
        view.show(self._scene)

    @property
    def _open(self) -> str:
        """Title of the open tab."""
        index = self.tabs.selected_index
        return "" if index is None else list(self._makers)[index]

    def _place(self, title: str) -> Any:
        return self.tabs.children[list(self._makers).index(title)]

    def _hide_closed(self) -> None:
        """Let the view rest whose tab was open before."""
        if self._visible not in ("", self._open):
            try:
                self.views[self._visible].hide()
            except Exception:
                self._alert_in(self._visible)(traceback.format_exc())
            self._visible = ""

    def _alert_in(self, title: str) -> Callable[[str], None]:
        """Return what shows the text of an unforeseen error in the view of a tab."""

        def alert(message: str) -> None:
            self._problems.view_failed(_named(title), self._place(title), message)

        return alert

    @guarded
    def _tab_chosen(self, _: Any) -> None:
        self._show()

    def picture_changed(self) -> None:
        """Tell the views that show the user's picture of another one."""
        for view in self.views.values():
            view.picture_changed()

    # What is imported only for views that are opened.

    def _make_charts(self) -> TabView:
        from explorer.widget.panels.charts.panel import Charts

        return Charts(self.select)

    def _make_receptive_field(self) -> TabView:
        from explorer.widget.panels.receptive_field.panel import ReceptiveField

        return ReceptiveField(self._state, self._picture, self._alert_in("Receptive field"))

    def _make_feature_maps(self) -> TabView:
        from explorer.widget.panels.feature_maps.panel import FeatureMaps

        return FeatureMaps(self._state, self._picture, self.select, self._alert_in("Feature maps"))

    def _make_compare(self) -> TabView:
        from explorer.widget.panels.comparison.panel import Compare

        return Compare(self._state, self._alert_in("Compare"), self._show_comparison, self._how)

    def _show_comparison(self, comparison: "Comparison | None") -> None:
        with self._state.lock:
            self.diagram.compare(comparison)
            self._show_diagram()


def _named(title: str) -> str:
    """Return what the view of a tab is called in a sentence."""
    return f"view “{title}”"
