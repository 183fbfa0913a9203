"""Fields of layers: whole numbers, numbers that can differ by axis, and how each is told."""

from collections.abc import Callable
from typing import Any

import attrs

from explorer.core.formatting import product, step_text
from explorer.core.network.errors import ParameterError
from explorer.core.network.parameters import as_index

#: `(height, width, channels)`; features of a model that was read can have other ranks.
Shape = tuple[int, ...]

#: A size, step or factor: one number for all axes, or one for each where they differ.
ByAxis = int | tuple[int, ...]

#: Keras' numbers for the axis of the channels of images, counted with the batch.
CHANNELS = (-1, 3)

#: In a field's metadata: whether its default is not worth telling, and how its values are written.
_QUIET = "quiet"
_WRITE = "write"

#: Metadata of a field whose default is not worth telling.
QUIET = {_QUIET: True}


def along(value: ByAxis, axis: int) -> int:
    """Return the number along one axis."""
    return value if isinstance(value, int) else value[axis]


def both(value: ByAxis) -> tuple[int, int]:
    """Return the numbers along the height and along the width."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def window_text(size: ByAxis) -> str:
    """Return a window's size along both axes, such as "3×3"."""
    return product(*both(size))


def whole(default: Any = attrs.NOTHING, quiet: bool = False) -> Any:
    """Return a field that has to be a whole number of at least 1."""
    return attrs.field(
        default=default, converter=as_index, validator=_check_whole, metadata={_QUIET: quiet}
    )


def by_axis(
    default: Any = attrs.NOTHING, quiet: bool = False, write: Callable[[Any], str] = step_text
) -> Any:
    """Return a field that has to be whole numbers of at least 1, by axis where they differ."""
    return attrs.field(
        default=default,
        converter=one_where_equal,
        validator=_check_by_axis,
        metadata={_QUIET: quiet, _WRITE: write},
    )


def written(write: Callable[[Any], str]) -> dict[str, Any]:
    """Return the metadata of a field whose values are written in a way of their own."""
    return {_WRITE: write}


def is_worth_telling(field: "attrs.Attribute[Any]", value: Any) -> bool:
    """Return whether the value of a field says more than what anybody would expect."""
    return not field.metadata.get(_QUIET) or value != field.default


def value_text(field: "attrs.Attribute[Any]", value: Any) -> str:
    """Return the value of a field as it is written."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    write: Callable[[Any], str] = field.metadata.get(_WRITE, step_text)
    return write(value)


def one_where_equal(value: Any) -> Any:
    """Return one number for numbers that are all the same, a tuple for others."""
    if type(value) is int:  # as most are
        return value
    if isinstance(value, (tuple, list)):
        sizes = tuple(as_index(size) for size in value)
        return sizes[0] if len(set(sizes)) == 1 else sizes
    return as_index(value)


def _check_whole(layer: Any, field: Any, value: Any) -> None:
    if type(value) is not int or value < 1:
        raise ParameterError(
            f"{layer.kind} {layer.name!r}",
            field.name,
            value,
            "is no whole number of at least 1",
            "pass one",
        )


def _check_by_axis(layer: Any, field: Any, value: Any) -> None:
    if type(value) is int and value >= 1:  # as most are
        return
    for size in value if isinstance(value, tuple) and value else (value,):
        _check_whole(layer, field, size)
