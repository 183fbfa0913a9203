"""Architectures, with budgets or without, to JSON and back."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import Any

import attrs
import cattrs
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from explorer.core.analysis.budgets import Budget
from explorer.core.families import Architecture, ReadModel, ResNet
from explorer.core.formatting import listed, shortened
from explorer.core.network.blocks import DecoderBlock, EncoderBlock
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import Refusal
from explorer.core.network.heads import Head

#: Most characters, objects and lists of a text, and how deep they lie in each other: far more than
#: an architecture has that can be shown.
LONGEST, MOST, DEEPEST = 2_000_000, 10_000, 50
#: Most budgets of a text.
MOST_BUDGETS = 100
#: Classes whose values are written with the name of their class.
_TAGGED = (EncoderDecoder, EncoderBlock, DecoderBlock)
#: What fields of a class were called in older texts: by that name the present one, and the present
#: values of those that have become others.
RENAMED: Mapping[type, Mapping[str, tuple[str, tuple[tuple[Any, Any], ...]]]] = {
    ResNet: {"skip_connections": ("skips", ((False, "none"), (True, "concatenate")))},
}
#: What blocks were called in older texts.
FORMER: Mapping[str, str] = {"TransposedUpBlock": "ConvUpBlock"}


class NoJSON(Refusal, TypeError):
    """A model that was read, which JSON is not for."""


def few(_: object, __: object, budgets: tuple[Budget, ...]) -> None:
    """Raise a `Refusal` if there are more budgets than a text may have."""
    if len(budgets) > MOST_BUDGETS:
        raise Refusal(f"{len(budgets):,} budgets are too many: give {MOST_BUDGETS} at most.")


@attrs.frozen
class Document:
    """What such a text holds.

    Attributes:
        architecture: The architecture.
        budgets: What it is to keep to.
    """

    architecture: Architecture
    budgets: tuple[Budget, ...] = attrs.field(default=(), validator=few)


def to_json(architecture: Architecture, budgets: Iterable[Budget] = ()) -> str:
    """Return the architecture as JSON: the name of its class, and every field.

    Args:
        architecture: The architecture.
        budgets: What it is to keep to; where there are any, the JSON has both.

    Raises:
        NoJSON: A `TypeError`, if it is a model that was read.
    """
    if limits := tuple(budgets):
        return written(Document(architecture, limits), Document, indent=2)
    return written(architecture, Architecture, indent=2)


def from_json(text: str) -> Any:
    """Return the architecture that `to_json` wrote; its budgets are what `load` returns, too.

    Args:
        text: JSON of an object with "class" and the fields; missing fields take their defaults.

    Raises:
        ValueError: If a class is unknown, a field or value isn't valid, or the text is larger than
            that of any architecture.
    """
    return read_back(text, Document).architecture


def is_document(fields: Mapping[str, Any]) -> bool:
    """Return whether an object is what `to_json` writes: an architecture, or one with budgets."""
    within = fields.get("architecture")
    return "class" in fields or (isinstance(within, dict) and "class" in within)


def written(value: Any, kind: Any, brief: bool = False, **options: Any) -> str:
    """Return a value as JSON.

    Args:
        value: An architecture, or an attrs value that holds some.
        kind: What it is read back as.
        brief: Leave out the fields of our own classes that have their defaults. Those of the
            user's may have others where the text is read.
        **options: Of `json.dumps`.

    Raises:
        NoJSON: If it has a model that was read.
    """
    fields = _converter(brief).unstructure(value, kind)
    # A field may hold one of NumPy's numbers.
    return json.dumps(fields, default=_number, **options)


def _number(value: Any) -> Any:
    """Return one of NumPy's numbers as Python's."""
    try:
        return value.item()
    except (AttributeError, ValueError) as error:
        raise Refusal(
            f"JSON can't hold {shortened(repr(value), 99)}: give fields of classes of your own "
            "numbers, text, truth values, blocks, or tuples of those."
        ) from error


def read_back(text: str, kind: Any, source: str = "JSON", unknown: str = "leave it out") -> Any:
    """Return the value that was written.

    Args:
        text: JSON, as `written` gives it; missing fields take their defaults.
        kind: What it is.
        source: What the text is, for errors.
        unknown: What to do about fields that are unknown.

    Raises:
        ValueError: If a class is unknown, a field or value isn't valid, or the text is too large.
    """
    check_size(text)
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise Refusal(f"This {source} can't be read: {error}.") from error
    try:
        return _converter().structure(fields, kind)
    except ForbiddenExtraKeysError as error:
        names = [name[:100] for name in sorted(error.extra_fields)]
        extra = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
        raise Refusal(f"{error.cl.__name__} has no field {extra}: {unknown}.") from error
    except KeyError as error:
        raise Refusal(f"This {source} describes no architecture: there is no {error}.") from error
    except (TypeError, AttributeError) as error:  # such as text where a list is due
        problem = error.args[0] if error.args else error
        raise Refusal(f"This {source} describes no architecture: {problem}.") from error


def check_size(text: str) -> None:
    """Raise a `Refusal` if a text is too long or too deep to be looked through."""
    if len(text) > LONGEST:
        raise Refusal(
            f"This JSON has {len(text):,} characters: an architecture has at most {LONGEST:,}."
        )
    depth = deepest = count = 0
    for bracket in re.findall(r'"(?:[^"\\]|\\.)*"|([][{}])', text, re.DOTALL):
        if bracket and bracket in "[{":
            depth, count = depth + 1, count + 1
            deepest = max(deepest, depth)
        elif bracket:
            depth -= 1
    if deepest > DEEPEST:
        raise Refusal(
            f"This JSON has objects in each other, {deepest:,} deep: an architecture has at most "
            f"{DEEPEST}."
        )
    if count > MOST:
        raise Refusal(
            f"This JSON has {count:,} objects and lists: an architecture has at most {MOST:,}."
        )


@lru_cache(maxsize=2)
def _converter(brief: bool = False) -> cattrs.Converter:
    converter = cattrs.Converter(
        forbid_extra_keys=True, detailed_validation=False, omit_if_default=brief
    )
    # Values stay as they are, so that the fields refuse those of the wrong type.
    for kind in (int, float, bool, str):
        converter.register_structure_hook(kind, lambda value, _: value)

    @lru_cache(maxsize=512)
    def writer(cls: Any) -> Callable[[Any], dict[str, Any]]:
        is_own = cls.__module__.partition(".")[0] == __name__.partition(".")[0]
        return make_dict_unstructure_fn(cls, converter, _cattrs_omit_if_default=brief and is_own)

    @lru_cache(maxsize=512)
    def reader(cls: Any) -> Callable[[Any, Any], Any]:
        return make_dict_structure_fn(
            cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=False
        )

    def write(value: Any) -> dict[str, Any]:
        _check_fields(value)
        if isinstance(value, ReadModel):
            raise NoJSON(
                f"{value!r} can't be written as JSON, which is for architectures: save a Keras "
                "model itself, with model.save()."
            )
        return {"class": type(value).__name__, **writer(value.__class__)(value)}

    def read(fields: Any, base: type) -> Any:
        if not isinstance(fields, dict) or not isinstance(fields.get("class"), str):
            raise Refusal(
                f'In JSON an {base.__name__} is an object with a "class": add its class name.'
            )
        others = subclasses(base)
        classes = others if base in _TAGGED else {base.__name__: base, **others}
        name = _present_name(fields["class"], classes)
        if name not in classes:
            known = others or classes
            like = get_close_matches(name[:100], known, n=3) or sorted(known)[:12]
            raise Refusal(
                f"The {base.__name__} class {name[:100]!r} is unknown: define or import it first, "
                f"or use another one, such as {listed(like, 'or')}."
            )
        values = _with_present_names(classes[name], _without_class(fields))
        return reader(classes[name])(values, classes[name])

    def read_document(fields: Any, _: Any) -> Document:
        if isinstance(fields, dict) and "class" not in fields and is_document(fields):
            made: Document = reader(Document)(fields, Document)
            return made
        return Document(read(fields, EncoderDecoder))

    def read_budgets(values: Any, _: Any) -> tuple[Budget, ...]:
        if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
            raise Refusal("Budgets are a list of objects: give some, or leave them out.")
        return tuple(reader(Budget)(each, Budget) for each in values)

    def is_tagged(cls: Any) -> bool:
        return isinstance(cls, type) and issubclass(cls, _TAGGED)

    def read_either(fields: Any, _: Any) -> Any:
        name = fields.get("class") if isinstance(fields, dict) else None
        decoders = subclasses(DecoderBlock)
        name = _present_name(name, decoders)
        return read(fields, DecoderBlock if name in decoders else EncoderBlock)

    def write_head(head: Head) -> dict[str, Any]:
        return writer(Head)(head) if type(head) is Head else write(head)

    def read_head(fields: Any, _: Any) -> Any:
        is_own = isinstance(fields, dict) and "class" in fields
        return read(fields, Head) if is_own else reader(Head)(fields, Head)

    def read_any(value: Any, _: Any = None) -> Any:
        """Return what stands where a class of the user's says of no kind what it is."""
        if isinstance(value, list):
            return read_tuple(value, _)
        name = value.get("class") if isinstance(value, dict) else None
        bases = [base for base in (*_TAGGED, Head) if name in subclasses(base)]
        return read(value, bases[0]) if bases else value

    def read_tuple(value: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise TypeError(f"{shortened(repr(value), 99)} is no list")
        return tuple(map(read_any, value))

    converter.register_structure_hook(Document, read_document)
    converter.register_structure_hook_func(lambda kind: kind == tuple[Budget, ...], read_budgets)
    converter.register_structure_hook_func(lambda kind: kind is Any, read_any)
    converter.register_structure_hook_func(
        lambda kind: kind in (tuple, tuple[Any, ...]), read_tuple
    )
    converter.register_unstructure_hook_func(
        lambda cls: isinstance(cls, type) and issubclass(cls, Head), write_head
    )
    converter.register_structure_hook_func(
        lambda cls: isinstance(cls, type) and issubclass(cls, Head), read_head
    )
    converter.register_unstructure_hook_func(is_tagged, write)
    converter.register_structure_hook_func(is_tagged, read)
    converter.register_structure_hook(EncoderBlock | DecoderBlock, read_either)
    converter.register_unstructure_hook(Architecture, write)
    converter.register_structure_hook(Architecture, lambda fields, _: read(fields, EncoderDecoder))
    return converter


def _check_fields(value: Any) -> None:
    """Raise an error if a value has more than its fields, which would be lost."""
    fields = attrs.fields_dict(type(value))
    for name in getattr(value, "__dict__", {}):
        is_cached = isinstance(getattr(type(value), name, None), cached_property)
        if name not in fields and name[0] != "_" and not is_cached:
            raise Refusal(
                f"{type(value).__name__}.{name} is no field, and would be lost: declare the class "
                f"with @attrs.frozen, and {name} with parameter(…) or attrs.field()."
            )


def _without_class(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "class"}


def _present_name(name: Any, classes: Mapping[str, Any]) -> Any:
    """Return what a class is called that was called so, unless one of these is."""
    return name if name in classes else FORMER.get(name, name)


def _with_present_names(cls: type, values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a class with the names and values that `RENAMED` has for them."""
    for owner, renamed in RENAMED.items():
        for old, (new, meanings) in renamed.items() if issubclass(cls, owner) else ():
            # A class of the user's may have a field of that name itself.
            if old in values and new not in values and old not in attrs.fields_dict(cls):
                value = values.pop(old)
                values[new] = next((now for then, now in meanings if then is value), value)
    return values


def subclasses(base: type) -> dict[str, Any]:
    """Return every class below a base class by name, the latest definition of each."""
    found: list[type[Any]] = [base]
    for cls in found:
        found.extend(cls.__subclasses__())
    return {cls.__name__: cls for cls in found[1:]}
