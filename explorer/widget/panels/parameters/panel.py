"""The controls of the architecture and of its input."""

from collections.abc import Callable

import attrs

from explorer.core.analysis.design import Design, Input
from explorer.core.families import Architecture, ReadModel
from explorer.core.network.errors import ParameterError
from explorer.core.network.parameters import parameters_of
from explorer.widget.controls.form import Control, Form, Forms


class Parameters:
    """Two forms: of the architecture, for each class its own, and of the input.

    Attributes:
        forms: The place of the architecture's.
        form: The one that is shown there.
        input_form: That of the input.
    """

    form: Form

    def __init__(self, given: Input, on_change: Callable[[Form, str], None]) -> None:
        """Begin without an architecture.

        Args:
            given: What comes in.
            on_change: Called with a form and the name of the parameter that the user changed there.
        """
        self.forms = Forms(on_change)
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
        self.form = form

    def show_input(self, design: Design) -> None:
        """Show what comes in, and which sizes the architecture takes."""
        self.input_form.show(design.input)
        self.input_form.show_error("", "")
        for name in ("height", "width"):
            self.input_form.controls[name].set_step(design.architecture.maximum_stride)
        if isinstance(design.architecture, ReadModel):
            for name, reason in design.architecture.inactive.items():
                self.input_form.controls[name].show_inactive(reason)

    def described(self) -> tuple[Architecture, Input]:
        """Return what all controls together describe, or raise what is wrong with it."""
        given = Input(**self.input_form.values)
        shown, values = self.form.shown, self.form.values
        return (attrs.evolve(shown, **values) if values else shown), given  # type: ignore

    def refuse(self, error: Exception, message: str, form: Form, name: str) -> None:
        """Show an error beneath the control that it is about, and none beneath the others.

        Args:
            error: What is wrong.
            message: The same in words.
            form: Where the user made the edit: the place for an error that names no control.
            name: The parameter that the user edited.
        """
        if isinstance(error, ParameterError):
            named = self.input_form if error.owner == "Input" else self.form
            if error.field in named.controls:
                form, name = named, error.field
        for other in (self.form, self.input_form):
            other.show_error(name if other is form else "", message)
