"""Reads the fields of a file one by one, and keeps account of each."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import attrs

from explorer.core.exchange.loaded import Entry
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.parameters import Parameter

#: Strides that files give: powers of two, as many as a family has pooling steps.
STRIDES = tuple(2**n for n in range(11))

#: What a field is checked against that no parameter of ours stands for.
STRIDE = Parameter(name="", default=None, value_type=int, choices=STRIDES)
MAX_STRIDE = attrs.evolve(STRIDE, choices=STRIDES[1:])
SIZE = Parameter(name="", default=None, value_type=int, minimum=1, maximum=100_000)
FLAG = Parameter(name="", default=None, value_type=bool)
SCALE = Parameter(name="", default=None, value_type=float, minimum=0.001, maximum=100)


def optional(like: Parameter) -> Parameter:
    """Return the same, where null may stand too."""
    return attrs.evolve(like, optional=True)


def padded(size: int, stride: int) -> int:
    """Return the least multiple of a stride that is no less than a size."""
    return ceil(size / stride) * stride


def scale_in(fields: Mapping[str, Any], name: str) -> float:
    """Return a scale that a document has, 1 where it has none that can be used."""
    scale = fields.get(name)
    try:
        SCALE.check("", scale)
    except ParameterError:
        return 1.0
    return float(scale)  # type: ignore[arg-type]


def is_interpolation(value: object) -> bool:
    """Return whether a value is a text with a `${…}` that another program fills in."""
    return isinstance(value, str) and "${" in value


@attrs.frozen
class Section:
    """An object in a document.

    Attributes:
        place: Where it lies, such as "model.backbone".
        fields: What it holds.
        entries: What became of the fields, those of other sections of the document too.
        told: Names of the fields of which it is noted.
    """

    place: str
    fields: Mapping[str, Any]
    entries: list[Entry]
    told: set[str] = attrs.field(init=False, factory=set)

    def section(self, name: str) -> "Section":
        """Return an object within this one; an empty one if there is none.

        Raises:
            ParameterError: If something else stands there.
        """
        value = self.fields.get(name)
        self.told.add(name)
        if value is not None and not isinstance(value, Mapping):
            self.refuse(name, value, "is not an object with fields", "give one, or null")
        return Section(self.place_of(name), value or {}, self.entries)

    def place_of(self, name: str) -> str:
        """Return where a field lies in the document."""
        return f"{self.place}.{name}" if self.place else name

    def only(self, choices: tuple[str, ...], needed: bool = True) -> str | None:
        """Return the one of some fields that is not null.

        Raises:
            Refusal: If it is more than one, or one that is not among the choices, or is needed.
        """
        filled = [str(name)[:100] for name, value in self.fields.items() if value is not None]
        if len(filled) > 1:
            raise Refusal(
                f"{self.place} has {' and '.join(filled[:5])}: set all but one of them to null."
            )
        if (filled and filled[0] not in choices) or (needed and not filled):
            raise Refusal(
                f"{self.place} has {repr(filled[0]) if filled else 'nothing'}, which is not read: "
                f"give one of {', '.join(choices)}."
            )
        return filled[0] if filled else None

    def take(self, name: str, like: Parameter, default: Any) -> Any:
        """Return the value of a field that goes into the design.

        Args:
            name: Its name.
            like: What it has to be.
            default: What the format takes where the field is missing.

        Raises:
            ParameterError: Naming place, value and remedy.
        """
        if name not in self.fields:
            return default
        value = self.fields[name]
        if is_interpolation(value):
            self.refuse(name, value, "is filled in by another program", "write the value itself")
        if like.value_type is int and isinstance(value, float) and value.is_integer():
            value = int(value)
        attrs.evolve(like, name=name).check(self.place, value)
        self.tell(name, value)
        return value

    def listed(self, name: str, size: int | None = None) -> int | None:
        """Return how many values a field lists; None where it leaves that open.

        Args:
            name: Its name.
            size: How many values each of those has, if they are lists themselves.

        Raises:
            ParameterError: If it holds anything but a list that is not empty.
        """
        value = self.fields.get(name)
        if value is None:
            return None
        if is_interpolation(value):
            self.leave(name, "it is filled in by another program")
            return None
        items = value if isinstance(value, list) else []
        if not items or (
            size and not all(isinstance(item, list) and len(item) == size for item in items)
        ):
            what = "names" if size is None else "pairs of names"
            self.refuse(name, value, f"is not a list of {what}", "list them, or give null")
        self.tell(name, value)
        return len(items)

    def tell(self, name: str, value: Any, because: str = "") -> None:
        """Note what became of a field."""
        self.told.add(name)
        self.entries.append(Entry(self.place_of(name), value, because))

    def leave(self, name: str, because: str) -> None:
        """Note that a field is not in the design; one that is missing or null says nothing."""
        self.told.add(name)
        if self.fields.get(name) is not None:
            self.tell(name, self.fields[name], because)

    def leave_rest(self, because: str) -> None:
        """Note that all fields that were not asked for are not in the design."""
        for name in self.fields:
            if name not in self.told:
                self.leave(name, because)

    def refuse(self, name: str, value: object, problem: str, remedy: str) -> None:
        """Refuse the value of a field.

        Raises:
            ParameterError: Always.
        """
        raise ParameterError(self.place or "The file", name, value, problem, remedy)
