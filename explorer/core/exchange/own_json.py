"""Architectures to JSON and back."""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cattrs
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from explorer.core.families import ReadModel
from explorer.core.network.blocks import DecoderBlock, EncoderBlock
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import Refusal

#: Most characters, objects and lists of a text, and how deep they lie in each other: far more than
#: an architecture has that can be shown.
LONGEST, MOST, DEEPEST = 2_000_000, 10_000, 50
#: Classes whose values are written with the name of their class.
_TAGGED = (EncoderDecoder, EncoderBlock, DecoderBlock)


def to_json(architecture: EncoderDecoder) -> str:
    """Return the architecture as JSON: the name of its class, and every field.

    Raises:
        TypeError: If it is a model that was read.
    """
    if isinstance(architecture, ReadModel):
        raise TypeError(
            f"{architecture!r} can't be written as JSON, which is for architectures: save a Keras "
            "model itself, with model.save()."
        )
    fields = _converter().unstructure(architecture, EncoderDecoder)
    # A field may hold one of NumPy's numbers.
    return json.dumps(fields, indent=2, default=lambda number: number.item())


def from_json(text: str) -> Any:
    """Return the architecture that `to_json` wrote.

    Args:
        text: JSON of an object with "class" and the fields; missing fields take their defaults.

    Raises:
        ValueError: If a class is unknown, a field or value isn't valid, or the text is larger than
            that of any architecture.
    """
    _check_size(text)
    try:
        fields = json.loads(text)
        return _converter().structure(fields, EncoderDecoder)
    except ForbiddenExtraKeysError as error:
        names = [name[:100] for name in sorted(error.extra_fields)]
        extra = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
        raise Refusal(f"{error.cl.__name__} has no field {extra}: leave it out.") from error
    except KeyError as error:
        raise Refusal(f"This JSON describes no architecture: there is no {error}.") from error
    except (TypeError, AttributeError) as error:  # such as text where a list is due
        raise Refusal(f"This JSON describes no architecture: {error}.") from error


def _check_size(text: str) -> None:
    """Raise an error if a text is too long or too deep to be looked through."""
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


@lru_cache(maxsize=1)
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=False)
    # Values stay as they are, so that the fields refuse those of the wrong type.
    for kind in (int, float, bool, str):
        converter.register_structure_hook(kind, lambda value, _: value)

    @lru_cache(maxsize=512)
    def writer(cls: Any) -> Callable[[Any], dict[str, Any]]:
        return make_dict_unstructure_fn(cls, converter)

    @lru_cache(maxsize=512)
    def reader(cls: Any) -> Callable[[Any, Any], Any]:
        return make_dict_structure_fn(
            cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=False
        )

    def write(value: Any) -> dict[str, Any]:
        return {"class": type(value).__name__, **writer(value.__class__)(value)}

    def read(fields: Any, base: type) -> Any:
        if not isinstance(fields, dict) or not isinstance(fields.get("class"), str):
            raise Refusal(
                f'In JSON an {base.__name__} is an object with a "class": add its class name.'
            )
        name = fields["class"]
        classes = subclasses(base)
        if name not in classes:
            raise Refusal(
                f"The {base.__name__} class {name!r} is unknown: define or import it first, "
                f"or use one of {', '.join(sorted(classes))}."
            )
        values = {key: value for key, value in fields.items() if key != "class"}
        return reader(classes[name])(values, classes[name])

    def is_tagged(cls: Any) -> bool:
        return isinstance(cls, type) and issubclass(cls, _TAGGED)

    def read_either(fields: Any, _: Any) -> Any:
        name = fields.get("class") if isinstance(fields, dict) else None
        return read(fields, DecoderBlock if name in subclasses(DecoderBlock) else EncoderBlock)

    converter.register_unstructure_hook_func(is_tagged, write)
    converter.register_structure_hook_func(is_tagged, read)
    converter.register_structure_hook(EncoderBlock | DecoderBlock, read_either)
    return converter


def subclasses(base: type) -> dict[str, Any]:
    """Return every class below a base class by name, the latest definition of each."""
    found: list[type[Any]] = [base]
    for cls in found:
        found.extend(cls.__subclasses__())
    return {cls.__name__: cls for cls in found[1:]}
