"""What the user does, turned into designs: an edit, a choice, a step of the history."""

from collections.abc import Mapping
from types import MappingProxyType

import ipywidgets as widgets

from explorer.core.analysis.design import Design
from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.questions import ReadAt
from explorer.core.editing.history import difference
from explorer.core.editing.remedies import Attempt, problem_without
from explorer.core.editing.store import State
from explorer.core.families import Architecture, ReadModel
from explorer.core.families.titles import title_of
from explorer.core.formatting import shortened, size_text
from explorer.core.guard import guarded
from explorer.core.network.errors import ParameterError, Remedy, problem_text
from explorer.core.network.errors import Refusal as Refused
from explorer.core.network.graph import Graph
from explorer.core.network.layers import Shape
from explorer.widget.controls.form import Control, Form
from explorer.widget.panels.history.panel import HistoryView
from explorer.widget.panels.parameters.panel import Parameters
from explorer.widget.panels.problems import Problems
from explorer.widget.panels.refusal.panel import Refusal
from explorer.worker import shared_worker


class Actions:
    """Changes the design as the user asks, or says why not.

    What an interrupt broke off is shown in full before anything else is done.
    """

    def __init__(
        self,
        state: State,
        parameters: Parameters,
        history: HistoryView,
        refusal: Refusal,
        problems: Problems,
    ) -> None:
        """Begin with nothing done.

        Args:
            state: What is changed.
            parameters: The controls, which describe a network.
            history: Where what was refused can be undone.
            refusal: Where that is said.
            problems: Where all else is.
        """
        self._state = state
        self._parameters = parameters
        self._history = history
        self._refusal = refusal
        self._problems = problems
        self._alert = problems.report
        self._asking: Ask[Shape] = Ask(
            shared_worker,
            state.lock,
            problems.report,
            "Changing the size again starts it again.",
        )
        state.subscribe(lambda _: self._asking.drop())

    @guarded
    def edit(self, form: Form, name: str) -> None:
        """Show the network that the controls describe, of which one was moved."""
        parameters = self._parameters
        with self._state.lock:
            if self._state.unbroken.is_broken_off:
                value = form.controls[name].value
                self._state.unbroken.mend()  # which shows the last design in all controls
                form = form if form is parameters.input_form else parameters.form
                if name not in form.controls:  # of another class, that was to be shown
                    return
                form.controls[name].set_value(value)
            self._state.unbroken.do(self._edit, form, name)

    def _edit(self, form: Form, name: str) -> None:
        """Show the network that all controls together describe, or say what is wrong with it."""
        form.follow(name)
        try:
            design = self._parameters.described()
            if self._has_to_ask(design):
                self._ask(design, form, name)
                return
            self._change_to(design, self._choice(design))
        except Exception as error:  # a class that the user wrote can raise anything
            self._refuse_edit(error, form.controls[name])

    def _refuse_edit(self, error: Exception, moved: Control) -> None:
        """Say why the controls describe no network, beside the one that is to blame.

        That has the field that the error names; or it is one that was moved, in the same form,
        without which all would be well.
        """
        parameters = self._parameters
        named = parameters.control_of(error)
        left = {
            control: problem_without(back, owner, self._described_with)
            for control, owner, back in parameters.moved()
        }
        control = named or moved
        if named not in left:
            form = parameters.form_of(control)
            alone = (found for found in (moved, *left) if left.get(found) == "")
            control = next((each for each in alone if parameters.form_of(each) is form), control)
        label = named.parameter.label if named else ""
        chosen = title_of(parameters.architecture) if self._is_put_off else ""
        self.refuse(error, control.widget, label, self._described_with, left, chosen)

    @property
    def _is_put_off(self) -> bool:
        """Whether the controls are of an architecture that was chosen, and is not shown yet."""
        return bool(self._parameters.architecture != self._state.design.architecture)

    def _choice(self, design: Design) -> str:
        """Return what the history calls a design whose architecture was chosen from its family.

        Nothing where none was, or the history sees it by itself: from another family.
        """
        present = self._state.design
        is_of_family = type(design.architecture) is type(present.architecture)
        return difference(present, design, True)[1] if self._is_put_off and is_of_family else ""

    @staticmethod
    def _has_to_ask(design: Design) -> bool:
        """Return whether what a design is has to be asked of the Keras process."""
        model = design.architecture
        return isinstance(model, ReadModel) and model.needs_keras_at(design.input.shape)

    def _ask(self, design: Design, form: Form, name: str) -> None:
        """Have the Keras process read a model at another size, and edit then."""
        model, shape = design.architecture, design.input.shape
        assert isinstance(model, ReadModel)

        def answered(found: Mapping[Shape, Graph | ParameterError]) -> None:
            model.learn(found)
            self._state.unbroken.do(self._edit, form, name)

        def failed(failure: Failure) -> None:
            error = Refused(failure.text)
            self.refuse(error, form.controls[name].widget, "", self._described_with)

        question = ReadAt(model, model.shown_shape, shape)
        self._refusal.wait(self._asking.outlook(f"Reading the model at {size_text(shape)} …"))
        self._history.refused = True  # so that "Undo" takes it back
        self._asking.submit(shape, question, answered, failed)  # which may fail at once

    def close(self) -> None:
        """Drop what was asked."""
        self._asking.close()

    def _described_with(self, owner: str, remedy: Remedy) -> Design:
        design = self._parameters.described(owner, remedy.changes)
        if self._has_to_ask(design):
            raise LookupError("only Keras knows")
        return design

    def show(self, design: Design, step: str, begins: bool = False) -> None:
        """Show a design that was made elsewhere.

        Args:
            design: The design.
            step: What the history calls this.
            begins: Whether another subject begins with it: it is no edit of the present one.

        Raises:
            ParameterError: If it is not valid; the present one stays.
        """
        with self._state.lock:
            self._state.unbroken.do(self._change_to, design, step, begins)

    def _change_to(self, design: Design, step: str = "", begins: bool = False) -> None:
        before = self._state.design
        self._state.update(step, begins, architecture=design.architecture, input=design.input)
        self.accepted(before)

    def accepted(self, before: Design) -> None:
        """Take away what was said of a refused edit, after one that left the design as it was."""
        if self._state.design is before and (self._refusal.text or self._problems.parts):
            self._state.tell()

    def refuse(
        self,
        error: Exception,
        control: widgets.DOMWidget,
        label: str,
        attempt: Attempt,
        left: Mapping[Control, str] = MappingProxyType({}),
        chosen: str = "",
    ) -> None:
        """Say why an edit was refused, and what waits until it is put right.

        Args:
            error: What is wrong with it.
            control: What this is said beside.
            label: What the field is called that the error names; empty if no control has it.
            attempt: Returns the design of the edit with a remedy.
            left: All controls that were moved; what is wrong with the edit without each.
            chosen: Title of an architecture that waits as a whole; empty: there is none.
        """
        names, wrong = {found.parameter.name for found in left}, problem_text(error)
        waiting = [chosen] if chosen else []
        waiting += [
            f"{found.parameter.label} {shortened(found.parameter.told(found.value), 20)}"
            for found, problem in left.items()
            if problem == wrong
            and found.widget is not control
            and names.isdisjoint(found.parameter.follows)
        ]
        shown = title_of(self._state.design.architecture) if chosen else ""
        self._refusal.show(error, control, label, attempt, waiting, shown)
        self._history.refused = True

    @guarded
    def take_remedy(self, design: Design) -> None:
        """Show the design that a refused edit leads to with a remedy."""
        with self._state.lock:
            self._state.unbroken.do(self._change_to, design, self._choice(design))

    @guarded
    def start_from(self, architecture: Architecture) -> None:
        """Show an architecture that was chosen."""
        with self._state.lock:
            self._state.unbroken.do(self._start_from, architecture)

    def _start_from(self, architecture: Architecture) -> None:
        """Put it into the controls: it is shown unless the input does not fit it."""
        if isinstance(architecture, ReadModel):  # at the size that it was given with
            given = self._state.design.input.of_shape(architecture.shown_shape)
            self._state.update(architecture=architecture, input=given)
            return
        self._parameters.show(architecture)
        self._parameters.form.begin()
        self._edit(self._parameters.input_form, "height")

    @guarded
    def go(self, steps: int, relative: bool) -> None:
        """Go to a step of the history, or so many steps from the present one."""
        with self._state.lock:
            self._state.unbroken.do(self._go, steps, relative)

    def _go(self, steps: int, relative: bool) -> None:
        """Go there; what was refused is undone first."""
        if self._history.refused and relative and steps < 0:
            self._state.tell()
        else:
            self._state.move(steps, relative)
