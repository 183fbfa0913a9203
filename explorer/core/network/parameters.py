"""Declare a parameter once: its default, bounds, slider range, choices, unit and documentation.

Everything else that needs to know about a parameter (validation, the control on screen and its
tooltip, JSON, tables) reads this one declaration, so no two places can disagree.
"""

import math
import numbers
import operator
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import attrs

from explorer.core.network.errors import ParameterError, Remedy

_METADATA_KEY = "explorer.parameter"
_PARTS_KEY = "explorer.parts"

#: Metadata of a field that is a part of a value, but no parameter: no control edits it.
HELD = {_PARTS_KEY: True}


@attrs.frozen
class AtLeast:
    """The condition "at least this much", for `active_when`."""

    minimum: float

    def __contains__(self, value: float) -> bool:
        return value >= self.minimum

    def __str__(self) -> str:
        return f"at least {self.minimum}"


@attrs.frozen
class Unlike:
    """The condition "any other value", for `active_when`."""

    value: Any

    def __contains__(self, value: Any) -> bool:
        return bool(value != self.value)


@attrs.frozen
class ActiveWhen:
    """The settings of other fields under which a field has any effect.

    Attributes:
        alternatives: Each by itself is enough.
    """

    alternatives: tuple[Mapping[str, Any], ...]

    def __or__(self, other: "ActiveWhen") -> "ActiveWhen":
        """Return that the one is enough, or the other."""
        return ActiveWhen(self.alternatives + other.alternatives)

    @property
    def fields(self) -> frozenset[str]:
        """The names of the other fields."""
        return frozenset().union(*self.alternatives)

    def lacking(self, instance: object) -> tuple[str, ...]:
        """Return what keeps the field from having an effect on `instance`; empty if it has one.

        As in "stem blocks is 0": for each of the alternatives what keeps it, but nothing twice.
        """
        found = [_unmet(conditions, instance) for conditions in self.alternatives]
        return () if None in found else tuple(dict.fromkeys(filter(None, found)))


def _unmet(conditions: Mapping[str, Any], instance: object) -> str | None:
    """Return the first condition that an instance does not meet, or None if it meets all."""
    for name, wanted in conditions.items():
        value = getattr(instance, name)
        met = value in wanted if isinstance(wanted, AtLeast | Unlike) else value == wanted
        if not met:
            other = parameter_of(type(instance), name)
            return f"{other.label} is {other.told(value)}"
    return None


def active_when(**conditions: Any) -> ActiveWhen:
    """Declare that a field matters only under these settings of other fields.

    Where other settings will do as well, put `|` between two of these.

    Args:
        **conditions: For each field name the value that it must have, or an `AtLeast` or `Unlike`.
    """
    return ActiveWhen((conditions,))


def _as_words(name: str) -> str:
    """Return the name of a field as words."""
    return name.replace("_", " ")


def describe(value: object) -> str:
    """Return a value as a person would say it: "on" and "off" for booleans."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not set" if value is None else str(value)


#: Headings of the parameters of an architecture, in their order; those of a user's own come last.
GROUPS = ("Size", "Depth", "Decoder", "Stem", "Training", "Input")

#: Names that every backend of Keras can give a layer, and what can be a part of one.
NAME = r"[A-Za-z0-9.][A-Za-z0-9_.>-]*"
NAME_PART = r"[A-Za-z0-9_.>-]*"

_PATTERNS = {
    NAME: "a name of letters from A to Z, digits and _ . > -, the first a letter or a digit",
    NAME_PART: "letters from A to Z, digits and _ . > -",
}

#: What no whole number in a network is beyond: backends count in 32 bits.
LARGEST = 2**31 - 1

_KINDS: dict[type, str] = {
    int: "a whole number",
    float: "a finite number",
    bool: "True or False",
    str: "text",
    tuple: "one or more whole numbers",
}


@attrs.frozen(kw_only=True)
class Parameter:
    """One editable field of a block or an architecture.

    Attributes:
        name: Name of the field.
        label: What it is called on screen; the name as words if nothing else is declared.
        value_type: `int`, `float`, `bool`, `str` or, for whole numbers in a row, `tuple`; anything
            else is `object`: it is kept, but not checked and has no control.
        optional: Whether None is allowed.
        default: Default value, or `attrs.NOTHING`.
        minimum: Smallest valid value (hard bound), or None.
        maximum: Largest valid value (hard bound), or None.
        slider: Smallest and largest value that are handy on a slider.
        logarithmic: Whether its steps grow with the value, which is a whole number of at least 1.
        choices: The valid values, when there are only some.
        words: What its values are called on screen; a boolean with words is a choice between two.
        group: Heading that it stands under on screen; empty: above all headings.
        pattern: `NAME` or `NAME_PART` for a text that becomes one; empty for any text.
        unit: Unit of the value, for display.
        doc: What the parameter does.
        active: When the parameter has any effect, or None for always.
        follows: Fields that it follows on screen, so that the output keeps its resolution.
    """

    name: str
    label: str = attrs.field(default=attrs.Factory(lambda self: _as_words(self.name), True))
    value_type: type = object
    optional: bool = False
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    slider: tuple[float, float] | None = None
    logarithmic: bool = False
    choices: tuple[Any, ...] | None = None
    words: Mapping[Any, str] = types.MappingProxyType({})
    group: str = ""
    pattern: str = ""
    unit: str = ""
    doc: str = ""
    active: ActiveWhen | None = None
    follows: tuple[str, ...] = ()

    def unmet(self, instance: object) -> str | None:
        """Return what keeps it from having an effect on an instance, as in "stem blocks is 0"."""
        lacking = self.active.lacking(instance) if self.active else ()
        return " and ".join(lacking) or None

    @property
    def step(self) -> int:
        """How far apart whole numbers are tried: an even kernel would move what it sees."""
        return 2 if "kernel" in self.name else 1

    def told(self, value: Any) -> str:
        """Return a value as a person would say it."""
        return self.words[value] if self.words and value in self.words else describe(value)

    def check(self, owner: str, value: Any) -> None:
        """Raise a `ParameterError` when the value cannot be used.

        Args:
            owner: Name of the class that the field belongs to.
            value: The value to check.
        """
        problem = None if value is None and self.optional else self._problem(value)
        if problem:
            verb = "give" if self.choices is None else "choose"
            remedy = f"{verb} {self._valid_values()}"
            if self.maximum is None and problem == "is too large":
                remedy += f", {LARGEST:,} at most"
            elif self.minimum is None and problem == "is too small":
                remedy += f", {-LARGEST:,} at least"
            raise ParameterError(owner, self.name, value, problem, remedy, self._remedies(value))

    def _remedies(self, value: Any) -> tuple[Remedy, ...]:
        """Return the valid number that is nearest to a refused one."""
        is_number = isinstance(value, numbers.Real) and value == value
        if self.choices is not None or self.value_type not in (int, float) or not is_number:
            return ()
        low = self.minimum if self.minimum is not None else -LARGEST
        high = self.maximum if self.maximum is not None else LARGEST
        near = min(max(value, low), high)
        if self.value_type is int:
            near = min(max(round(near), math.ceil(low)), math.floor(high))
        return (Remedy({self.name: near}, labels={self.name: self.label}),)

    def _problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, or None."""
        if self.value_type is tuple:
            if not isinstance(value, tuple) or not value:
                return "is not a sequence of numbers"
            item = attrs.evolve(self, value_type=int)
            return next(filter(None, map(item._problem, value)), None)
        is_exact = type(value) is self.value_type and self.value_type is not float  # as of most
        if not is_exact and not self._has_right_type(value):
            return f"is not {_KINDS[self.value_type]}"
        if self.choices is not None and value not in self.choices:
            return "is unknown"
        if self.minimum is not None and value < self.minimum:
            return "is too small"
        if self.maximum is not None and value > self.maximum:
            return "is too large"
        if self.value_type is int and abs(value) > LARGEST:
            return "is too large" if value > 0 else "is too small"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return "can't be in the name of a layer" if value else "is no name"
        return None

    def plain(self, value: Any) -> Any:
        """Return the same value as Python's own: NumPy's numbers, and all that stand for an index.

        What is of another kind than the parameter is returned as it is, to be refused by name.
        """
        if type(value) is self.value_type and self.value_type in (int, bool, str):  # as most are
            return value
        if self.value_type is tuple:
            values = value.tolist() if getattr(value, "ndim", 0) == 1 else value
            if not isinstance(values, (tuple, list)):
                return value
            item = attrs.evolve(self, value_type=int)
            return tuple(item.plain(part) for part in values)
        if getattr(value, "shape", None) == () and hasattr(value, "item"):
            value = value.item()
        if self.value_type is int and type(value) is not int:
            return as_index(value)
        if self.value_type is float:
            is_number = isinstance(value, numbers.Real) and not isinstance(value, (bool, int))
            return float(value) + 0.0 if is_number else as_index(value)  # -0.0 is 0.0
        return value

    def _has_right_type(self, value: Any) -> bool:
        if self.value_type is int:
            return isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if self.value_type is float:
            is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            return is_number and math.isfinite(value)
        return isinstance(value, self.value_type)

    def _valid_values(self) -> str:
        if self.choices is not None:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        text = _PATTERNS.get(self.pattern) or _KINDS.get(self.value_type, "a value")
        if self.minimum is not None and self.maximum is not None:
            text += f" from {self.minimum:,} to {self.maximum:,}"
        elif self.minimum is not None:
            text += f" of at least {self.minimum:,}"
        elif self.maximum is not None:
            text += f" of at most {self.maximum:,}"
        return text + (" or None" if self.optional else "")


def parameter(
    default: Any = attrs.NOTHING,
    *,
    doc: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    slider: tuple[float, float] | None = None,
    logarithmic: bool = False,
    choices: tuple[Any, ...] | None = None,
    label: str = "",
    words: Mapping[Any, str] = types.MappingProxyType({}),
    group: str = "",
    pattern: str = "",
    unit: str = "",
    active: ActiveWhen | None = None,
    follows: tuple[str, ...] = (),
    whole: bool = False,
    kw_only: bool = False,
) -> Any:
    """Declare a field of an attrs class, refining what its type hint says.

    Args:
        default: Default value; without one the field is required.
        doc: What the parameter does; becomes the control's tooltip.
        minimum: Smallest valid value.
        maximum: Largest valid value.
        slider: Smallest and largest value that are handy on a slider.
        logarithmic: Whether its steps grow with the value, which is a whole number of at least 1.
        choices: The valid values, when there are only some.
        label: What it is called on screen; empty: the field's name as words.
        words: What its values are called on screen, by value.
        group: Heading that it stands under on screen, such as those of `GROUPS`.
        pattern: `NAME` or `NAME_PART` for a text that becomes one.
        unit: Unit of the value, for display.
        active: When the parameter has any effect (see `active_when`).
        follows: Fields of an architecture that it follows where the user moves them on screen, so
            that the output keeps its resolution: upsampling follows downsampling.
        whole: Truncate fractions with `int()`, as the field's convention for filter counts is.
        kw_only: Whether it is given by name alone, and so changes no order of arguments.
    """
    declared = Parameter(
        name="",
        label=label,
        default=default,
        minimum=minimum,
        maximum=maximum,
        slider=slider,
        logarithmic=logarithmic,
        choices=choices,
        words=words,
        group=group,
        pattern=pattern,
        unit=unit,
        doc=doc,
        active=active,
        follows=follows,
    )
    return attrs.field(
        default=default,
        kw_only=kw_only,
        metadata={_METADATA_KEY: declared},
        validator=_validate,
        converter=[_plain, _truncate] if whole else _plain,
    )


def parts(default: tuple[Any, ...], kind: type) -> Any:
    """Declare a field that holds values of its own, such as blocks; it is no parameter itself.

    Args:
        default: Default value.
        kind: Class of the values.
    """
    return attrs.field(
        default=default,
        kw_only=True,
        converter=_as_tuple,
        validator=attrs.validators.deep_iterable(attrs.validators.instance_of(kind)),
        metadata={_PARTS_KEY: True},
    )


def _as_tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(values)


def as_index(value: Any) -> Any:
    """Return what stands for an index as an `int`, such as NumPy's; all else as it is."""
    if type(value) is int or isinstance(value, bool):
        return value
    try:
        return int(operator.index(value))
    except TypeError:
        return value


def _convert(value: Any, instance: Any, attribute: "attrs.Attribute[Any]") -> Any:
    return parameter_of(instance.__class__, attribute.name).plain(value)


_plain = attrs.Converter(_convert, takes_self=True, takes_field=True)


def _truncate(value: Any) -> Any:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return int(value) if is_number and abs(value) < float("inf") else value


def _validate(instance: Any, attribute: "attrs.Attribute[Any]", value: Any) -> None:
    cls = instance.__class__
    parameter_of(cls, attribute.name).check(cls.__name__, value)


def parameters_of(cls: type) -> tuple[Parameter, ...]:
    """Return the parameters of an attrs class, in the order of its fields.

    Plain type hints are enough; `parameter(...)` adds bounds, choices and documentation.

    Args:
        cls: An attrs class, or an undecorated subclass of one.
    """
    return tuple(_parameters_by_name(cls).values())


def parameter_of(cls: type, name: str) -> Parameter:
    """Return a field of an attrs class; of one that is no parameter, only what it is called."""
    return _parameters_by_name(cls).get(name) or Parameter(name=name, default=attrs.NOTHING)


@lru_cache(maxsize=512)
def _parameters_by_name(cls: type) -> dict[str, Parameter]:
    return {found.name: found for found in _read_parameters(cls)}


def _read_parameters(cls: type) -> Iterator[Parameter]:
    for field in attrs.fields(cls):
        if not field.init or _PARTS_KEY in field.metadata:
            continue
        hint, optional = _strip_none(_resolved(field.type, cls))
        declared: Parameter = field.metadata.get(
            _METADATA_KEY, Parameter(name="", default=attrs.NOTHING)
        )
        choices = declared.choices
        if typing.get_origin(hint) is typing.Literal:
            choices = choices or typing.get_args(hint)
            hint = type(typing.get_args(hint)[0])
        if hint is None and isinstance(field.default, (bool, int, float, str)):
            hint = type(field.default)  # an unannotated `attr.ib(default=…)`
        yield attrs.evolve(
            declared,
            name=field.name,
            label=declared.label or _as_words(field.name),
            value_type=_value_type(hint),
            optional=optional,
            default=field.default,
            choices=choices,
        )


def _resolved(hint: Any, cls: type) -> Any:
    """Return a type hint that may be text, or None where its names are not to be found."""
    if not isinstance(hint, str):
        return hint
    for owner in cls.__mro__:
        try:
            return eval(hint, dict(vars(sys.modules[owner.__module__])))
        except Exception:  # a name that only a type checker sees, or that another module has
            continue
    return None


def _value_type(hint: Any) -> type:
    """Return the type that a hint asks for, as `Parameter.value_type` has it."""
    if typing.get_origin(hint) is tuple and typing.get_args(hint) == (int, ...):
        return tuple
    return hint if hint in (int, float, bool, str) else object


def _strip_none(hint: Any) -> tuple[Any, bool]:
    """Return the hint without None, and whether None was allowed."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        if len(inner) == 1:
            return inner[0], len(inner) < len(typing.get_args(hint))
    return hint, False


def inactive_reason(instance: object, found: Parameter) -> str | None:
    """Return why a parameter has no effect on this instance, or None when it has one."""
    unmet = found.unmet(instance)
    return unmet and f"no effect while {unmet}"
