"""All panels: wired to the store and to each other, arranged, and shown together."""

from functools import cached_property
from typing import TYPE_CHECKING

import ipywidgets as widgets

from explorer.core.analysis.design import Design
from explorer.core.editing.store import State
from explorer.core.guard import guarded
from explorer.widget.controls.form import close_with_parts, plain_layout
from explorer.widget.controls.names import Names
from explorer.widget.panels.actions import Actions
from explorer.widget.panels.blocks.panel import Blocks
from explorer.widget.panels.exchange.panel import Exchange
from explorer.widget.panels.families.panel import Families
from explorer.widget.panels.glossary.panel import Glossary
from explorer.widget.panels.history.panel import HistoryView
from explorer.widget.panels.keras.panel import LiveKeras
from explorer.widget.panels.parameters.panel import Parameters
from explorer.widget.panels.parameters.steps import StepHints
from explorer.widget.panels.problems import Problems
from explorer.widget.panels.refusal.panel import Refusal
from explorer.widget.panels.screen import Screen
from explorer.widget.panels.totals.panel import RUN, Totals
from explorer.widget.panels.window.panel import Window

if TYPE_CHECKING:
    from explorer.core.analysis.receptive_field import Box
    from explorer.core.exchange.links import SharedDesign
    from explorer.widget.panels.exchange.opening import Opened
    from explorer.widget.panels.lessons.panel import LessonView
    from explorer.widget.saved_view import Saved


class Panels:
    """What is on screen.

    Attributes:
        names: What makes all of them one look, and names controls.
        problem: What went wrong that nobody foresaw, and which views are out of date.
        refusal: Why an edit was refused.
        history: Undo, redo, and the way back.
        parameters: The controls of the architecture and its input.
        family: The architectures to start from.
        blocks: The editor of single blocks.
        totals: The network in a few figures, and its time.
        exchange: What saves and shares the design, and opens another one.
        glossary: What the words on screen mean.
        window: What hides a pane, or fills the window.
        screen: The views that share a selection.
        keras: The model in Keras.
    """

    def __init__(self, state: State) -> None:
        """Make the panels that are seen at first.

        Args:
            state: What they show, and change.
        """
        self._state = state
        self.names = Names(layout=plain_layout())
        self.problem = Problems(layout=plain_layout())
        alert = self.problem.report
        self.history = HistoryView(
            lambda steps, relative: self._actions.go(steps, relative), layout=plain_layout()
        )
        self.parameters = Parameters(
            state.design.input, lambda form, name: self._actions.edit(form, name)
        )
        self.refusal = Refusal(
            lambda design: self._actions.take_remedy(design), layout=plain_layout()
        )
        self._actions = Actions(state, self.parameters, self.history, self.refusal, self.problem)
        self.family = Families(self._actions.start_from)
        self.blocks = Blocks(
            state,
            self._actions,
            alert,
            lambda part: self.window.reveal("controls", part),
            lambda: self.screen.scene.selected,
            lambda selected: self.screen.select(selected),
        )
        self.totals = Totals(self._open, layout=plain_layout())
        self.exchange = Exchange(
            self.shared, self._show_opened, alert, state.lock, layout=plain_layout()
        )
        self.glossary = Glossary(self._open_lesson, layout=plain_layout())
        self.window = Window(layout=plain_layout())
        self.window.observe(lambda change: self._show_lessons(change.new), names="lessons")
        self._steps = StepHints(self.names, state, alert)
        self._workspace = _box("workspace", [])
        self.screen = Screen(
            state,
            alert,
            self.blocks.edit,
            self.blocks.follow,
            lambda: self.keras.time_layers(),
            lambda: self.keras.picture,
            lambda: self.keras.forward.measurement,
            lambda: self.keras.forward,
            self._show_totals,
            self._actions.take_remedy,
            self._actions.show,
            self.problem,
        )
        self.keras = LiveKeras(
            state,
            alert,
            self.screen.show_times,
            self.screen.picture_changed,
            lambda figure: self.totals.set_trait("time", figure),
            self._show_totals,
        )
        self.keras.forward.button.on_click(lambda _: self._open(RUN))
        widgets.dlink(
            (self.keras.forward.stop, "disabled"),
            (self.screen.inspector, "running"),
            lambda disabled: not disabled,
        )

    def arranged(self, height: int | None) -> list[widgets.Widget]:
        """Return what is on screen.

        Args:
            height: Of all in pixels; None: as high as the window allows.
        """
        run = self.keras.forward.button
        bar = [self.family, self.history, self.totals, run, self.exchange, self.window]
        parameters, blocks = self.parameters, self.blocks
        controls = [parameters.forms, parameters.input_form.widget, blocks.widget, blocks.own]
        parts = [
            _box("bar", bar),
            _box("controls", controls),
            _box("stage", [self.screen.stage]),
            _box("side", [self.screen.side]),
            _box("foot", [self.keras.status, self.screen.strip]),
            self.problem,
            self.refusal,
            self.glossary,
        ]
        workspace = self._workspace
        workspace.children = parts
        if height is not None:
            workspace.layout = widgets.Layout(width="auto", margin="0", height=f"{height}px")
        return [self.names, workspace]

    @cached_property
    def lesson(self) -> "LessonView":
        """The pane of the lessons, which is made when it is first asked for."""
        from explorer.widget.panels.lessons.panel import LessonView

        alert, show, lock = self.problem.report, self._actions.show, self._state.lock
        screen = self.screen
        layout = plain_layout()
        return LessonView(lambda: screen.scene, show, self._look, alert, lock, layout=layout)

    @guarded
    def _show_lessons(self, shown: bool) -> None:
        """Bring the pane of the lessons, or take it away; what was answered stays."""
        with self._state.lock:
            parts = [part for part in self._workspace.children if part is not self.lesson]
            self.screen.guest = self.lesson if shown else None
            self._workspace.children = [*parts, self.lesson] if shown else parts

    @guarded
    def _open_lesson(self, number: int) -> None:
        self.open_lesson(number)

    def _alert(self, message: str) -> None:
        self.problem.report(message)

    def open_lesson(self, number: int, name: str | None = None) -> None:
        """Begin a lesson, or go on with it.

        Args:
            number: Its number.
            name: Whose variants are drawn; None: as before.
        """
        from explorer.lessons.plan import lesson

        with self._state.lock:
            self.window.lessons = True
            self.lesson.begin(lesson(number), self.lesson.name if name is None else name)

    def _look(self, title: str, selected: str, box: "Box | None" = None) -> None:
        """Open a tab, the diagram in the middle unless that is another, and select something.

        Args:
            title: Of the tab; empty: none.
            selected: What is selected.
            box: An object on the picture; None: it stays as it is.
        """
        if title not in self.screen.stage.titles:
            self._open("Diagram")
        if title:
            self._open(title)
        self.screen.select(selected)
        if box:
            self.screen.look_at(box)

    def show(self, design: Design) -> None:
        """Show a design in every view, whatever becomes of the others."""
        self.refusal.clear()
        architecture, parameters = design.architecture, self.parameters
        with self._state.lock:
            self.screen.show(design)
            for name, view, show, *shown in (
                ("history", self.history, self.history.show, self._state.history),
                ("form of the architecture", parameters.forms, parameters.show, architecture),
                (
                    "form of the input",
                    parameters.input_form.widget,
                    parameters.show_input,
                    design,
                ),
                ("list of architectures", self.family, self.family.show, architecture),
                ("list of blocks", self.blocks.widget, self.blocks.show, architecture),
                ("line on Keras", self.keras.status, self.keras.show, design),
            ):
                self.problem.watch(name, view, show, *shown)
            self._show_totals()
            self._steps.show()

    def shared(self) -> "SharedDesign":
        """Return what is on screen as a link holds it."""
        from explorer.core.exchange.links import SharedDesign

        with self._state.lock:
            design, selected = self._state.design, self.screen.scene.selected
            budgets = self._state.budgets
            return SharedDesign(design.architecture, design.input, selected, self.screen.a, budgets)

    def saved(self) -> "Saved":
        """Return what the notebook keeps of what is on screen."""
        from explorer.core.exchange.links import to_link
        from explorer.widget.saved_view import Saved

        with self._state.lock:
            scene = self.screen.scene
            try:
                link = to_link(self.shared())
            except ValueError:  # of a Keras model, which no link holds
                link = ""
            return Saved(scene, self.totals.figures, self.screen.diagram.drawn(scene).paper(), link)

    def look_as(self, selected: str, pinned: Design | None) -> None:
        """Select and pin what a link does, whose design is on screen; None: pin nothing."""
        with self._state.lock:
            self.screen.select(selected)
            self.screen.pin(pinned)

    def _show_opened(self, opened: "Opened", step: str) -> None:
        """Show what was opened, with what is selected, pinned and limited in it, if anything is."""
        with self._state.lock:
            self._actions.show(opened.design, step)
            if opened.selected:
                self.screen.select(opened.selected)
            if opened.pinned:
                self.screen.pin(opened.pinned)
            if opened.budgets:
                self._state.limit(opened.budgets)

    def _show_totals(self) -> None:
        state = self._state
        trains, pinned = self.keras.forward.measurement.trains, self.screen.pinned
        self.keras.forward.show_beside(pinned)
        shown = state.design, state.history.before, pinned, trains
        limits = state.budgets, state.profile
        self.problem.watch("totals", self.totals, self.totals.show, *shown, *limits)

    def _open(self, title: str) -> None:
        """Open a tab, and have its pane seen."""
        in_stage = title in self.screen.stage.titles
        tabs = self.screen.stage if in_stage else self.screen.side
        tabs.choose(title)
        if tabs is self.screen.side:
            self.window.reveal("side")

    def close(self) -> None:
        """Drop what was asked of Keras, and close what is not on screen just now."""
        self.keras.close()
        self._actions.close()
        self._steps.close()
        self.screen.close()
        if "lesson" in vars(self):
            close_with_parts(self.lesson)
        self.exchange.drop_requests()
        self.blocks.close()


def _box(name: str, parts: list[widgets.Widget]) -> widgets.Widget:
    box = widgets.Box(parts, layout=plain_layout())
    box.add_class(f"explorer-{name}")
    return box
