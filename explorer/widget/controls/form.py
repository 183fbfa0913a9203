"""From declared parameters to controls, for any architecture, also one the user just wrote."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

import ipywidgets as widgets
from ipywidgets.widgets.widget import _instances
from traitlets import Bunch

from explorer.core.guard import as_part_of, is_under_way
from explorer.core.network.parameters import Parameter, describe, inactive_reason, parameters_of
from explorer.widget.front.page import Page
from explorer.widget.parts import Line, Part

#: Layouts and styles that many widgets have: each is a widget too, and delays the first picture.
_shared: dict[type, widgets.Widget] = {}


def _share(kind: type, **traits: Any) -> Any:
    """Return the widget of this kind that is the same for all."""
    if kind not in _shared or _shared[kind].comm is None:  # closed with all widgets
        _shared[kind] = kind(**traits)
    return _shared[kind]


def plain_layout(*, shared: bool = True) -> widgets.Layout:
    """Return a layout that leaves everything to the style sheet.

    Args:
        shared: Whether it is the same one for all; one that is changed later must not be.
    """
    make = partial(_share, widgets.Layout) if shared else widgets.Layout
    return make(width="auto", margin="0")


def plain(kind: type, *values: Any, **traits: Any) -> Any:
    """Return a new widget that leaves all to the style sheet: its layout and style are shared."""
    style = _share(kind.class_traits()["style"].klass)  # type: ignore[attr-defined]
    return kind(*values, layout=plain_layout(), style=style, **traits)


def page(*parts: Part, **traits: Any) -> Page:
    """Return a new page with these parts."""
    return Page(parts=parts, layout=plain_layout(), **traits)


def with_tooltip(checkbox: widgets.Checkbox) -> widgets.Checkbox:
    """Return a checkbox that brings its tooltip to the page: ipywidgets shows the label instead.

    A class is all that can be written on the element: `names.js` makes it a tooltip.
    """
    checkbox.add_class(f"explorer-tooltip-{quote(checkbox.tooltip or '')}")
    return checkbox


def parts_of(widget: widgets.Widget) -> list[widgets.Widget]:
    """Return the widgets that a widget is made of, itself first, without those that are shared."""
    found: dict[int, widgets.Widget] = {}
    shared = set(map(id, _shared.values()))
    waiting = [widget]
    while waiting:
        part = waiting.pop()
        if id(part) in found or id(part) in shared:
            continue
        found[id(part)] = part
        for value in (getattr(part, name) for name in part.keys):
            values = value if isinstance(value, (list, tuple)) else (value,)
            waiting += [inner for inner in values if isinstance(inner, widgets.Widget)]
    return list(found.values())


def close_with_parts(widget: widgets.Widget) -> None:
    """Close a widget with all that it is made of, which ipywidgets would keep for ever."""
    for part in parts_of(widget):
        part.close()


def close_unused() -> None:
    """Close those of the shared layouts and styles that no widget has any more."""
    used = [
        getattr(widget, name)
        for widget in list(_instances.values())
        for name in ("layout", "style")
        if widget.has_trait(name)
    ]
    for kind, look in list(_shared.items()):
        if not any(look is other for other in used):
            del _shared[kind]
            look.close()


class Control:
    """One parameter on screen: its input, and a line beneath for an error or a reason.

    Attributes:
        parameter: What it edits.
        widget: What is shown.
    """

    def __init__(self, parameter: Parameter, value: Any, on_change: Callable[[str], None]) -> None:
        self.parameter = parameter
        self._on_change = on_change
        self._dragged = False  # whether the value came from the slider
        self._multiple = 0  # of what the slider's stops are multiples, if of anything
        self._error = ""
        self._reason = ""
        self._inputs = self._make_inputs(value)
        self._move_slider(value)
        self.widget = widgets.Box(self._inputs, layout=plain_layout())
        self.widget.add_class("explorer-control")
        for made in self._inputs:
            made.observe(self._changed, names="value")

    def _make_inputs(self, value: Any) -> list[Any]:
        """Return the widgets that hold the value, the one that counts last."""
        found = self.parameter
        label = found.label + (f" ({found.unit})" if found.unit else "")
        make = partial(plain, tooltip=found.doc)
        if found.choices is not None:
            choices = [(describe(choice), choice) for choice in found.choices]
            if found.optional:
                choices.insert(0, (describe(None), None))
            return [make(widgets.Dropdown, options=choices, value=value, description=label)]
        if found.value_type is bool and not found.optional:
            made = make(widgets.Checkbox, value=value, description=label, indent=False)
            return [with_tooltip(made)]
        if found.optional or found.value_type in (str, tuple):
            # Empty text stands for None; numbers are read from the text.
            text = _write(value)
            return [make(widgets.Text, value=text, description=label, continuous_update=False)]
        slider = widgets.IntSlider if found.value_type is int else widgets.FloatSlider
        # ipywidgets' box for whole numbers drops a typed point, and 2.5 would become 25.
        box = make(widgets.FloatText, value=value, continuous_update=False)
        if found.value_type is int:
            box.step = 1
        box.add_class("explorer-number")
        low, high = self._slider_range(value)
        if low == high:
            box.description = label
            return [box]
        step = {"step": 0.1} if found.value_type is float else {}
        made = make(slider, value=low, min=low, max=high, readout=False, description=label, **step)
        return [made, box]

    def _slider_range(self, value: float) -> tuple[float, float]:
        found = self.parameter
        low, high = found.slider or self._range_around(value)
        return (min(low, value), max(high, value)) if math.isfinite(value) else (low, high)

    def _range_around(self, value: float) -> tuple[float, float]:
        """Return a slider range for a parameter that declares none."""
        low = self.parameter.minimum if self.parameter.minimum is not None else min(value, 0)
        high = self.parameter.maximum
        return low, high if high is not None else max(2 * abs(value), low + 10)

    @property
    def holder(self) -> Any:
        """The widget whose `value` counts: a box of text or a number, a list, a checkbox."""
        return self._inputs[-1]

    @property
    def _slider(self) -> Any:
        return self._inputs[0] if len(self._inputs) == 2 else None

    @property
    def value(self) -> Any:
        """The value on screen, valid or not."""
        value = self._inputs[-1].value
        found = self.parameter
        if isinstance(self._inputs[-1], widgets.Text) and (
            found.optional or found.value_type is not str
        ):
            return _read(value, found)
        if found.value_type is int and isinstance(value, float) and value.is_integer():
            return int(value)
        return value

    def set_value(self, value: Any) -> None:
        """Show a value without reporting a change."""
        if value != self.value or type(value) is not type(self.value):
            self._dragged = False
            as_part_of(self, self._put, value)
        # A handle that is dragged would jump from under the pointer.
        if not self._dragged or self._slider.value != value:
            self._fit_slider(value)

    def _put(self, value: Any) -> None:
        box = self._inputs[-1]
        box.value = _write(value) if isinstance(box, widgets.Text) else value

    def set_choices(self, choices: Sequence[Any]) -> None:
        """Offer other values than those declared; what is chosen stays if it is among them."""
        if tuple(self._inputs[-1].options) != tuple(choices):
            as_part_of(self, self._put_choices, choices)

    def _put_choices(self, choices: Sequence[Any]) -> None:
        box = self._inputs[-1]
        value = box.value
        box.options = choices
        box.value = value if value in choices else choices[0]

    def set_step(self, step: int) -> None:
        """Let the slider stop only at the multiples of this size."""
        if self._multiple != step:
            self._multiple = step
            self._fit_slider(self.value)

    def _fit_slider(self, value: float) -> None:
        """Give the slider its range, widened where a value that counts lies outside."""
        if self._slider is not None:
            as_part_of(self, self._put_range, value)

    def _put_range(self, value: float) -> None:
        slider = self._slider
        low, high = self._slider_range(value)
        step = slider.step
        if self._multiple:
            low = step = self._multiple
            high = max(2 * step, math.ceil(high / step) * step)
        # A browser keeps no value that lies outside the range that it knows, so it hears of a
        # wider one first, and of the rest in one message: between two, it would move the slider
        # to where it can stop. In this order the range is never empty in between.
        slider.max = max(slider.max, high)
        with slider.hold_sync():
            slider.min = low
            slider.step = step
            slider.max = high
            self._move_slider(value)

    def _move_slider(self, value: Any) -> None:
        """Move the slider to where it can stop nearest to a value: what counts is the number.

        A browser that is given another value than its slider can stop at sends back one where it
        can, which would overwrite what the user typed.
        """
        slider = self._slider
        if slider is None or not math.isfinite(value):
            return
        value = min(max(value, slider.min), slider.max)  # a step below 1 makes 1e308 infinite
        most = math.floor((slider.max - slider.min) / slider.step + 1e-9)
        steps = min(most, round((value - slider.min) / slider.step))
        slider.value = round(slider.min + steps * slider.step, 10)

    def _changed(self, change: Bunch) -> None:
        if not is_under_way(self):
            as_part_of(self, self._join, change)
            self._on_change(self.parameter.name)

    def _join(self, change: Bunch) -> None:
        """Let slider and box show the same."""
        self._dragged = change.owner is self._slider
        if self._dragged:
            self._inputs[-1].value = change.new
        elif self._slider is not None:
            self._move_slider(change.new)

    def show_error(self, message: str) -> None:
        """Show an error beneath the input; an empty one takes it away."""
        self._error = message
        self._show_note()

    def show_inactive(self, reason: str) -> None:
        """Grey the input out with the reason; an empty one makes it active."""
        self._reason = reason
        for made in self._inputs:
            made.disabled = bool(reason)
        self._show_note()

    def _show_note(self) -> None:
        parts: tuple[Part, ...] = ()
        if self._error:
            parts = (Line(self._error, "error"),)
        elif self._reason:
            parts = (Line(self._reason, "reason"),)
        if parts or "_note" in vars(self):
            self._note.parts = parts

    @cached_property
    def _note(self) -> Page:
        """The line beneath; most controls never have one."""
        made = page()
        self.widget.children = (*self._inputs, made)
        return made


def _write(value: Any) -> str:
    """Return the text for a value: what `_read` reads."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _read(text: str, found: Parameter) -> Any:
    """Return what a text stands for; text that can't be read stays text, to be refused by name."""
    if text.strip() == "":
        return None if found.optional else text
    if found.value_type is bool:
        return {"true": True, "on": True, "false": False, "off": False}.get(text.lower(), text)
    try:
        if found.value_type is tuple:
            return tuple(int(part) for part in text.replace(",", " ").split())
        return found.value_type(text) if found.value_type in (int, float) else text
    except ValueError:
        return text


class Form:
    """The controls of several parameters.

    Attributes:
        controls: Each parameter's control, by name.
        widget: What is shown.
        shown: The object whose values were shown last.
    """

    def __init__(
        self, parameters: Iterable[Parameter], values: object, on_change: Callable[[str], None]
    ) -> None:
        self.shown = values
        self.controls = {
            found.name: Control(found, getattr(values, found.name), on_change)
            for found in parameters
            if found.value_type is not object
        }
        self.widget = widgets.VBox(
            [control.widget for control in self.controls.values()],
            layout=plain_layout(shared=False),  # others of its place hide it
        )

    def close(self) -> None:
        """Give up the controls, once others stand in their place."""
        close_with_parts(self.widget)

    @property
    def values(self) -> dict[str, Any]:
        """The values on screen, valid or not."""
        return {name: control.value for name, control in self.controls.items()}

    def show(self, values: object) -> None:
        """Show the values of an object, and which parameters have no effect on it."""
        self.shown = values
        for name, control in self.controls.items():
            control.set_value(getattr(values, name))
            control.show_inactive(inactive_reason(values, control.parameter) or "")

    def show_error(self, name: str, message: str) -> None:
        """Show an error beneath one control, and none beneath the others."""
        for control in self.controls.values():
            control.show_error(message if control.parameter.name == name else "")


class Forms(widgets.VBox):
    """A place for one form at a time: each class has its own, made when it is first shown."""

    children: Any

    def __init__(self, on_change: Callable[[Form, str], None]) -> None:
        """Begin with no form.

        Args:
            on_change: Called with a form and the name of the parameter that the user changed there.
        """
        self._on_change = on_change
        # By name: a class that a notebook defines anew takes the place of the old one.
        self._made: dict[tuple[str, str], tuple[type, Form]] = {}
        super().__init__(layout=plain_layout())

    def show(self, values: object | None) -> Form | None:
        """Show the values of an object in the form of its class, which is returned; None: none."""
        if values is None:
            self._put(None)
            return None
        cls = type(values)
        name = cls.__module__, cls.__qualname__
        before, form = self._made.get(name, (None, None))
        if before is not cls:
            old, form = form, self._make(cls, values)
            self._made[name] = cls, form
            if old:
                self.children = [child for child in self.children if child is not old.widget]
                old.close()
        assert form is not None
        self._put(form)
        form.show(values)
        form.show_error("", "")
        return form

    def _make(self, cls: type, values: object) -> Form:
        form = Form(parameters_of(cls), values, lambda name: self._on_change(form, name))
        return form

    def _put(self, form: Form | None) -> None:
        """Show a form alone; the others stay on the page, which leaks what is taken off it."""
        for _, other in self._made.values():
            other.widget.layout.display = "" if other is form else "none"
        if form is not None and form.widget not in self.children:
            self.children = [*self.children, form.widget]

    def close(self) -> None:
        """Give up all forms, also those that are not shown."""
        # ipywidgets closes what could not be made, too.
        for _, form in getattr(self, "_made", {}).values():
            form.close()
        super().close()
