"""The views of a design: one scene, shown in the middle, beside it, and in the strip below."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.analysis.design import Design
from explorer.core.asking.measurement import Measurement
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.guard import Unbroken, guarded
from explorer.core.network.graph import Block
from explorer.widget.controls.form import plain_layout
from explorer.widget.panels.diagram.panel import DiagramView
from explorer.widget.panels.inspector.next_moves import NextMoves
from explorer.widget.panels.inspector.panel import Inspector
from explorer.widget.panels.layers.panel import LayerTable
from explorer.widget.panels.pretrained import TrainedExamples
from explorer.widget.panels.problems import Problems
from explorer.widget.panels.strip.panel import Strip
from explorer.widget.panels.tab_view import TabView
from explorer.widget.panels.tabs import Tabs

if TYPE_CHECKING:
    from explorer.core.analysis.comparison import Comparison
    from explorer.core.analysis.receptive_field import Box
    from explorer.core.asking.timing import LayerTimes
    from explorer.widget.panels.lessons.panel import LessonView


class Screen:
    """Shows a scene in every view that is open.

    Attributes:
        diagram: The diagram.
        inspector: What is selected, in words and figures.
        stage: What fills the middle, one at a time: the diagram and the other pictures.
        side: What stands beside it, one at a time: words, tables, and the forward pass.
        strip: The network along its depth.
        guest: The lesson, which follows what is on screen; None: there is none.
    """

    def __init__(
        self,
        state: State,
        alert: Callable[[str], None],
        edit: Callable[[Block], None],
        selected: Callable[[], None],
        time_layers: Callable[[], None],
        picture: Callable[[], bytes | None],
        how: Callable[[], Measurement],
        forward: Callable[[], TabView],
        compared: Callable[[], None],
        take: Callable[[Design], None],
        open_design: Callable[[Design, str], None],
        problems: Problems | None = None,
    ) -> None:
        """Make the views that are open at first.

        Args:
            state: What is on screen.
            alert: Shows the text of an unforeseen error that is about no view.
            edit: Opens the controls of a block.
            selected: Called when something else was selected.
            time_layers: Has every layer timed.
            picture: Returns the content of the user's picture, or None for the photograph.
            how: Returns how the user wants to measure.
            forward: Returns the view of the forward pass.
            compared: Called when another network may be pinned, to be compared with.
            take: Shows a design that is offered to be tried.
            open_design: Shows another design, as a step of a name.
            problems: Says which views could not be shown; None: nobody does.
        """
        self._state = state
        self._selected = selected
        self._picture = picture
        self._how = how
        self._compared = compared
        self._alert = alert
        self._problems = problems = problems or Problems()
        self._examples = TrainedExamples(state, open_design, self.weights_changed, alert)
        self._unbroken = Unbroken(self._show_all)
        self._scene = Scene(state.design, profile=state.profile)
        self.guest: LessonView | None = None
        self.diagram = DiagramView(self.select, self._show, alert, layout=plain_layout())
        self.inspector = Inspector(
            self.select, edit, time_layers, NextMoves(state.lock, alert, take)
        )
        self.strip = Strip(self.select, layout=plain_layout())
        pictures: dict[str, Callable[[], TabView]] = {
            "Diagram": lambda: self.diagram,
            "Receptive field": self._make_receptive_field,
            "Feature maps": self._make_feature_maps,
            "Charts": self._make_charts,
            "Train": self._make_training,
            "Design": self._make_search,
        }
        texts: dict[str, Callable[[], TabView]] = {
            "Explain": lambda: self.inspector,
            "Layers": lambda: LayerTable(self.select),
            "Compare": self._make_compare,
            "Code": self._make_code,
            "Run and time": forward,
        }
        self.stage = Tabs(pictures, problems, alert, self._show)
        self.side = Tabs(texts, problems, alert, self._show)

    def close(self) -> None:
        """Drop what the views have asked of Keras."""
        for view in self.views.values():
            view.close()
        self._examples.close()

    @property
    def views(self) -> dict[str, TabView]:
        """The views that have been opened, by title."""
        return {**self.stage.views, **self.side.views}

    @property
    def pinned(self) -> Design | None:
        """What is pinned, as it is compared with the design on screen; None if nothing is."""
        compare: Any = self.side.views.get("Compare")
        return compare.facing(self._state.design) if compare else None

    @property
    def a(self) -> Design | None:
        """What is pinned, with the input that it was pinned with; None if nothing is."""
        compare: Any = self.side.views.get("Compare")
        return compare.pinned if compare else None

    def pin(self, design: Design | None) -> None:
        """Compare what is shown with a design, on the tab for that; None: with nothing."""
        if design is None and self.a is None:
            return
        with self._state.lock:
            self.side.choose("Compare")
            compare: Any = self.side.views["Compare"]
            compare.pin(design)

    @property
    def scene(self) -> Scene:
        """What is shown."""
        return self._scene

    def show(self, design: Design) -> None:
        """Show a design; what was measured of another one is dropped."""
        with self._state.lock:
            scene, profile = self._scene, self._state.profile
            if design != scene.design:
                begins = self._state.history.begins
                self._scene = Scene(design, scene.selected, begins=begins, profile=profile)
            elif profile is not scene.profile:
                self._scene = attrs.evolve(scene, profile=profile)
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
                self._selected()

    @guarded
    def _show(self) -> None:
        with self._state.lock:
            self._unbroken.do(self._show_all)

    def _show_all(self) -> None:
        """Show the scene in every view that is open, whatever becomes of the others."""
        # The picture first: it takes longest, and the rest follows in the next frame. But what is
        # compared says what the diagram marks.
        tabs = [self.stage, self.side]
        if "Compare" in (self.side.opened, *self.side.views):
            tabs.reverse()
        for each in tabs:
            each.show(self._scene)
        self._problems.watch("strip below", self.strip, self.strip.show, self._scene)
        if self.guest:
            self._problems.watch("lesson", self.guest, self.guest.show, self._scene)

    def look_at(self, box: "Box") -> None:
        """Take a box as that of the object on the picture, if its receptive field is open."""
        field: Any = self.stage.views.get("Receptive field")
        if field:
            field.look_at(box)

    def picture_changed(self) -> None:
        """Tell the views that show the user's picture of another one."""
        for view in self.views.values():
            view.picture_changed()

    def weights_changed(self) -> None:
        """Tell the views that show what the model does that it has learnt."""
        for view in self.views.values():
            view.weights_changed()

    # What is imported only for views that are opened.

    def _make_charts(self) -> TabView:
        from explorer.widget.panels.charts.panel import Charts

        return Charts(self.select)

    def _make_receptive_field(self) -> TabView:
        from explorer.widget.panels.receptive_field.panel import ReceptiveField

        alert = self.stage.alert_in("Receptive field")
        return ReceptiveField(self._state, self._picture, alert, self._examples)

    def _make_feature_maps(self) -> TabView:
        from explorer.widget.panels.feature_maps.panel import FeatureMaps

        alert = self.stage.alert_in("Feature maps")
        return FeatureMaps(self._state, self._picture, self.select, alert, self._examples)

    def _make_compare(self) -> TabView:
        from explorer.widget.panels.comparison.panel import Compare

        alert = self.side.alert_in("Compare")
        return Compare(self._state, alert, self._show_comparison, self._how)

    def _make_training(self) -> TabView:
        from explorer.widget.panels.training.panel import TrainingPanel

        alert = self.stage.alert_in("Train")

        def learnt() -> None:
            self._examples.forget()
            self.weights_changed()

        return TrainingPanel(self._state, alert, learnt, lambda: self.pinned)

    def _make_search(self) -> TabView:
        from explorer.widget.panels.search.panel import SearchPanel

        return SearchPanel(self._state, self.stage.alert_in("Design"))

    def _make_code(self) -> TabView:
        from explorer.widget.panels.code.panel import CodeView

        return CodeView(self._state, self.side.alert_in("Code"))

    def _show_comparison(self, comparison: "Comparison | None") -> None:
        with self._state.lock:
            self.diagram.compare(comparison)
            if self.stage.opened == "Diagram":
                self.stage.show(self._scene)
            self._compared()
            for view in self.views.values():
                view.pinned_changed()
