"""The controls of the architecture and of its input."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from explorer.core.analysis.design import Design, Input
from explorer.core.families import Architecture, ReadModel
from explorer.core.network.errors import ParameterError, Remedy
from explorer.core.network.parameters import parameters_of
from explorer.widget.controls.form import Control, Form, Forms


class Parameters:
    """Two forms: of the architecture, for each class its own, and of the input.

    Attributes:
        forms: The place of the architecture's.
        architecture: What was shown there last: one that was chosen, too.
        form: The one that is shown there.
        input_form: That of the input.
    """

    architecture: Architecture
    form: Form

    def __init__(self, given: Input, on_change: Callable[[Form, str], None]) -> None:
        """Begin without an architecture.

        Args:
            given: What comes in.
            on_change: Called with a form and the name of the parameter that the user changed there.
        """
        self.forms = Forms(on_change)
        self.forms.add_class("explorer-parameters")
        self.input_form = Form(
            parameters_of(Input), given, lambda name: on_change(self.input_form, name)
        )

    @property
    def controls(self) -> dict[str, Control]:
        """The control of each parameter that is shown, by name."""
        return {**self.input_form.controls, **self.form.controls}

    def show(self, architecture: Architecture) -> None:
        """Show an architecture in the form of its class."""
        form = self.forms.show(architecture)
        assert form is not None
        self.architecture, self.form = architecture, form

    def show_input(self, design: Design) -> None:
        """Show what comes in, and which sizes the architecture takes."""
        self.input_form.show(design.input)
        for name, step in zip(("height", "width"), design.architecture.size_steps, strict=True):
            self.input_form.controls[name].set_step(step)
        if isinstance(design.architecture, ReadModel):
            for name, reason in design.architecture.inactive.items():
                self.input_form.controls[name].show_inactive(reason)

    def described(self, owner: str = "", changes: Mapping[str, Any] | None = None) -> Design:
        """Return what all controls together describe, or raise what is wrong with it.

        Args:
            owner: "Input", or the class of the architecture, of which some fields are to be others.
            changes: Their values.
        """
        shown = self.form.shown
        if owner not in ("", "Input", type(shown).__name__):
            raise LookupError(f"no controls of {owner}")
        values, given = self.form.values, self.input_form.values
        (given if owner == "Input" else values).update(changes or {})
        received = Input(**given)
        # A control shows 2 as 2.0: what it leaves alone stays the number that it was.
        changed = {name: each for name, each in values.items() if each != getattr(shown, name)}
        return Design(attrs.evolve(shown, **changed) if changed else shown, received)  # type: ignore

    def moved(self) -> list[tuple[Control, str, Remedy]]:
        """Return the controls that show something else than was shown last.

        Each with the name of the class that its field belongs to, and what takes it back.
        """
        of_family = self.form.taken_back(type(self.form.shown).__name__)
        return of_family + self.input_form.taken_back("Input")

    def form_of(self, control: Control) -> Form:
        """Return the form that a control is part of."""
        return self.input_form if control in self.input_form.controls.values() else self.form

    def control_of(self, error: Exception) -> Control | None:
        """Return the control of the field that an error names, if there is one."""
        if not isinstance(error, ParameterError):
            return None
        form = self.input_form if error.owner == "Input" else self.form
        return form.controls.get(error.field)
