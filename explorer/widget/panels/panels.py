"""All panels: wired to the store and to each other, arranged, and shown together."""

import ipywidgets as widgets

from explorer.core.analysis.design import Design
from explorer.core.editing.store import State
from explorer.widget.controls.form import page, plain_layout
from explorer.widget.controls.names import Names
from explorer.widget.front.page import Page
from explorer.widget.panels.actions import Actions
from explorer.widget.panels.blocks.panel import Blocks
from explorer.widget.panels.families.panel import Families
from explorer.widget.panels.history.panel import HistoryView
from explorer.widget.panels.keras.panel import LiveKeras
from explorer.widget.panels.parameters.panel import Parameters
from explorer.widget.panels.problems import Problems
from explorer.widget.panels.screen import Screen
from explorer.widget.panels.totals.panel import Totals
from explorer.widget.parts import Line


class Panels:
    """What is on screen.

    Attributes:
        problem: What is wrong.
        history: Undo, redo, and the way back.
        parameters: The controls of the architecture and its input.
        family: The architectures to start from.
        blocks: The editor of single blocks.
        totals: The network in a few figures.
        screen: The views that share a selection.
        keras: The model in Keras.
    """

    def __init__(self, state: State) -> None:
        """Make the panels that are seen at first.

        Args:
            state: What they show, and change.
        """
        self._state = state
        self.problem = Problems(layout=plain_layout())
        alert = self.problem.report
        self.history = HistoryView(
            lambda steps, relative: self._actions.go(steps, relative), layout=plain_layout()
        )
        self.parameters = Parameters(
            state.design.input, lambda form, name: self._actions.edit(form, name)
        )
        self._actions = Actions(state, self.parameters, self.history, self.problem)
        self.family = Families(self._actions.start_from)
        self.blocks = Blocks(state, self._actions.start_from, alert)
        self.totals = Totals(layout=plain_layout())
        self.screen = Screen(
            state,
            alert,
            self.blocks.edit,
            lambda: self.keras.time_layers(),
            lambda: self.keras.picture,
            lambda: self.keras.forward.measurement,
            self.problem,
        )
        self.keras = LiveKeras(state, alert, self.screen.show_times, self.screen.picture_changed)
        widgets.dlink(
            (self.keras.forward.stop, "disabled"),
            (self.screen.inspector, "running"),
            lambda disabled: not disabled,
        )

    def arranged(self) -> list[widgets.Widget]:
        """Return what is on screen, from top to bottom."""
        controls = [self.history, self.family, self.parameters.forms, _heading("Input")]
        controls += [self.parameters.input_form.widget, self.blocks.widget]
        views = [self.problem, self.totals, self.screen.diagram]
        body = [
            _box(widgets.VBox, "controls", controls),
            _box(widgets.VBox, "views", views),
            self.screen.inspector,
        ]
        return [
            Names(layout=plain_layout()),
            _box(widgets.Box, "body", body),
            _heading("In Keras"),
            self.keras.status,
            self.keras.forward,
            self.screen.tabs,
        ]

    def show(self, design: Design) -> None:
        """Show a design in every view, whatever becomes of the others."""
        architecture, parameters, totals = design.architecture, self.parameters, self.totals
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
                (
                    "totals",
                    totals,
                    totals.show,
                    design.report,
                    architecture,
                    design.input.batch_size,
                ),
                ("line on Keras", self.keras.status, self.keras.show, design),
            ):
                self.problem.watch(name, view, show, *shown)

    def close(self) -> None:
        """Drop what was asked of Keras, and close what is not on screen just now."""
        self.keras.close()
        self.screen.close()
        self.blocks.close()


def _box(kind: type, name: str, parts: list[widgets.Widget]) -> widgets.Widget:
    box = kind(parts, layout=plain_layout())
    box.add_class(f"explorer-{name}")
    return box


def _heading(text: str) -> Page:
    return page(Line(text, "heading"))
