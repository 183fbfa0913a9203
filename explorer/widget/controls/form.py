"""From declared parameters to controls, for any architecture, also one the user just wrote."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

import attrs
import ipywidgets as widgets
from ipywidgets.widgets.widget import _instances
from traitlets import Bunch

from explorer.core.guard import as_part_of, is_under_way
from explorer.core.network.errors import ParameterError, Remedy
from explorer.core.network.parameters import (
    GROUPS,
    Parameter,
    describe,
    inactive_reason,
    parameters_of,
)
from explorer.widget.controls.chain import Chain
from explorer.widget.controls.group_head import GroupHead
from explorer.widget.controls.sliders import LogSlider, Slider, handy_range
from explorer.widget.front.page import Page
from explorer.widget.parts import Line, Part

#: Class of a control that is hidden, since it has no effect.
IDLE = "explorer-idle"
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
    """One parameter on screen: its input, and a line beneath for why it has no effect.

    Attributes:
        parameter: What it edits.
        widget: What is shown.
    """

    def __init__(self, parameter: Parameter, value: Any, on_change: Callable[[str], None]) -> None:
        self.parameter = parameter
        self._on_change = on_change
        self._dragged = False  # whether the value came from the slider
        self._slider: Slider | None = None
        self._inputs = self._make_inputs(value)
        self.widget = widgets.Box(self._inputs, layout=plain_layout())
        self.widget.add_class("explorer-control")
        self.widget.add_class(f"explorer-control-{parameter.name}")
        for made in self._inputs:
            made.observe(self._changed, names="value")

    def _make_inputs(self, value: Any) -> list[Any]:
        """Return the widgets that hold the value, the one that counts last."""
        found = self.parameter
        label = found.label + (f" ({found.unit})" if found.unit else "")
        make = partial(plain, tooltip=found.doc)
        values = found.choices
        if values is None and found.value_type is bool and found.words:
            values = (False, True)
        if values is not None:
            choices = [(found.told(choice), choice) for choice in values]
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
        # ipywidgets' box for whole numbers drops a typed point, and 2.5 would become 25.
        box = make(widgets.FloatText, value=value, continuous_update=False)
        if found.value_type is int:
            box.step = 1
        box.add_class("explorer-number")
        low, high = handy_range(found, value)
        if low == high == value:
            box.description = label
            return [box]
        kind = LogSlider if found.logarithmic else Slider
        self._slider = kind(found, value, partial(make, description=label))
        return [self._slider.widget, box]

    @property
    def is_idle(self) -> bool:
        """Whether the input cannot be used."""
        return bool(self.holder.disabled)

    @property
    def holder(self) -> Any:
        """The widget whose `value` counts: a box of text or a number, a list, a checkbox."""
        return self._inputs[-1]

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
        if self._slider and not (self._dragged and self._slider.widget.value == value):
            as_part_of(self, self._slider.fit, value)

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
        """Let a slider over many sizes stop only at the multiples of this one."""
        if isinstance(self._slider, LogSlider) and self._slider.multiple != step:
            self._slider.multiple = step
            as_part_of(self, self._slider.fit, self.value)

    def _changed(self, change: Bunch) -> None:
        if not is_under_way(self):
            # The page hears of the box last: to show its number takes a frame, for which the
            # picture would wait.
            with self._inputs[-1].hold_sync():
                as_part_of(self, self._join, change)
                self._on_change(self.parameter.name)

    def _join(self, change: Bunch) -> None:
        """Let slider and box show the same."""
        self._dragged = self._slider is not None and change.owner is self._slider.widget
        if self._dragged:
            self._inputs[-1].value = change.new
        elif self._slider:
            self._slider.move(change.new)

    def show_inactive(self, reason: str, *, hidden: bool = False, told: bool = True) -> None:
        """Grey the input out with the reason; an empty one makes it active.

        Args:
            reason: Why it has no effect.
            hidden: Hide it instead: the reason is told elsewhere.
            told: Whether the reason is told beneath it.
        """
        for made in self._inputs:
            made.disabled = bool(reason)
        (self.widget.add_class if hidden and reason else self.widget.remove_class)(IDLE)
        note = reason if told and not hidden else ""
        if note or "_note" in vars(self):
            self._note.parts = (Line(note, "reason"),) if note else ()

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


class Group:
    """The controls that stand under one heading; those without effect are hidden, and told there.

    Attributes:
        head: The heading.
        widget: What is shown.
    """

    def __init__(self, title: str, controls: Sequence[Control]) -> None:
        self._controls = controls
        self.head = GroupHead(title=title, layout=plain_layout())
        parts = [self.head, *(control.widget for control in controls)]
        self.widget = widgets.VBox(parts, layout=plain_layout())
        self.widget.add_class("explorer-group")

    def show(self, values: object) -> None:
        """Show which of the parameters have no effect on an object, and why."""
        idle: dict[str, list[str]] = {}
        switches: set[str] = set()
        lacking: dict[str, None] = {}
        for control in self._controls:
            found = control.parameter
            reason = found.unmet(values) or ""
            control.show_inactive(reason, hidden=True)
            if reason and found.active:
                idle.setdefault(reason, []).append(found.label)
                switches.update(found.active.fields)
                lacking |= dict.fromkeys(found.active.lacking(values))
        active = {control.parameter.name for control in self._controls if not control.is_idle}
        # A switch that says how much of it there is, and not none, has an effect.
        if idle and active <= {name for name in switches if not getattr(values, name)}:
            note = f"off: {', '.join(lacking)}"
        else:
            told = (f"{', '.join(labels)} ({why})" for why, labels in idle.items())
            note = f"off: {'; '.join(told)}" if idle else ""
        with self.head.hold_sync():
            self.head.note = note
            self.head.off = not active


class Form:
    """The controls of several parameters, grouped as these declare.

    Attributes:
        controls: Each parameter's control, by name.
        groups: Those that stand under a heading, by its title.
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
        grouped: dict[str, list[Control]] = {}
        # In every family the same come first, also those for which it has another default.
        bases = [attrs.fields(base) for base in reversed(type(values).__mro__) if attrs.has(base)]
        order = list(dict.fromkeys(field.name for fields in bases for field in fields))
        for control in sorted(
            self.controls.values(), key=lambda control: order.index(control.parameter.name)
        ):
            grouped.setdefault(control.parameter.group, []).append(control)
        follower = next(
            (found for found in self.controls.values() if found.parameter.follows), None
        )
        self._own = [] if follower and not follower.parameter.group else grouped.pop("", [])
        self.groups = {
            title: Group(title, grouped[title])
            for title in sorted(grouped, key=lambda title: ("", *GROUPS, title).index(title))
        }
        self._chain = follower and Chain(
            follower.parameter,
            type(values),
            self.groups[follower.parameter.group].head,
            follower.set_value,
        )
        parts = [control.widget for control in self._own]
        self.widget = widgets.VBox(
            [*parts, *(group.widget for group in self.groups.values())],
            layout=plain_layout(shared=False),  # others of its place hide it
        )

    def close(self) -> None:
        """Give up the controls, once others stand in their place."""
        close_with_parts(self.widget)

    @property
    def values(self) -> dict[str, Any]:
        """The values on screen, valid or not."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def moved(self) -> dict[str, Control]:
        """The controls that show something else than was shown last, by name."""
        return {
            name: control
            for name, control in self.controls.items()
            if control.value != getattr(self.shown, name)
        }

    def taken_back(self, owner: str) -> list[tuple[Control, str, Remedy]]:
        """Return the controls that were moved, each with `owner` and what takes it back."""
        return [
            (control, owner, Remedy({name: getattr(self.shown, name)}))
            for name, control in self.moved.items()
        ]

    def told(self, error: ParameterError) -> str:
        """Return an error's sentence; of a value on screen, with the label that it has there."""
        control = self.controls.get(error.field)
        if control is None or error.owner != type(self.shown).__name__:
            return str(error)
        return error.beside(control.parameter.label)

    def show(self, values: object) -> None:
        """Show the values of an object, and which parameters have no effect on it."""
        self.shown = values
        for name, control in self.controls.items():
            control.set_value(getattr(values, name))
        before = ""  # the reason of the one above, which says it for both
        for control in self._own:
            reason = inactive_reason(values, control.parameter) or ""
            control.show_inactive(reason, told=reason != before)
            before = reason
        for group in self.groups.values():
            group.show(values)
        if self._chain:
            self._chain.show(values)

    def begin(self) -> None:
        """Take what is shown as another beginning: a chain is as at first."""
        if self._chain:
            self._chain.begin(self.shown)

    def follow(self, name: str) -> None:
        """Move along what follows a parameter that the user moved, while a chain links them."""
        if self._chain:
            self._chain.follow(self.shown, self.values, name)


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
