"""The arithmetic of shapes that graphs of ONNX hold, worked out for a size of the image."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from explorer.onnx_side.tensors import MOST_VALUES

#: NumPy's types by the numbers of ONNX.
_TYPES = {
    1: np.float32, 2: np.uint8, 3: np.int8, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
    10: np.float16, 11: np.float64,
}  # fmt: skip


class Senseless(ValueError):
    """A setting that no operator can have; whoever reads the file says so in a sentence."""


def worked_out(kind: str, values: Sequence[Any], settings: Mapping[str, Any]) -> Any | None:
    """Return what an operator makes of constants, if it is known and not large.

    Args:
        kind: Name of the operator.
        values: Its inputs as arrays; None where one is left out.
        settings: Its attributes.
    """
    find = _FIND.get(kind)
    if find is None or not values or values[0] is None:
        return None
    try:
        if kind in _TOGETHER and prod(np.broadcast_shapes(*map(np.shape, values))) > MOST_VALUES:
            return None  # before it is made: some small arrays together make one that fills memory
        with np.errstate(all="ignore"):
            found = find(values, settings)
    except (ValueError, TypeError, IndexError, OverflowError, MemoryError, AttributeError):
        return None
    return found if found is not None and np.size(found) <= MOST_VALUES else None


def _axes(values: Sequence[Any], settings: Mapping[str, Any]) -> tuple[int, ...] | None:
    given = settings.get("axes")
    if given is None and len(values) > 1 and values[1] is not None:
        given = values[1].ravel().tolist()
    return None if given is None else tuple(int(axis) for axis in given)


def _slice(values: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    data = values[0]
    return data[tuple(slices_of(data.shape, values[1:], settings))]


def slices_of(
    dims: Sequence[int], given: Sequence[Any], settings: Mapping[str, Any]
) -> list[slice]:
    """Return the part that the operator Slice takes, along each axis.

    Raises:
        Senseless: If it is not of the axes that there are.
    """
    if "starts" in settings:
        starts, ends, axes, steps = settings["starts"], settings["ends"], settings.get("axes"), None
    else:
        listed = [None if each is None else each.ravel().tolist() for each in given]
        starts, ends, axes, steps = (*listed, None, None)[:4]
    if starts is None or ends is None:
        raise Senseless("neither start nor end")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    slices = [slice(None)] * len(dims)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # A negative end of a step backwards that lies before the first value is none.
        stop: int | None = int(end)
        if step < 0 and end < -dims[axis]:
            stop = None
        slices[axis] = slice(int(start), stop, int(step))
    return slices


def _unsqueezed(values: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    axes = _axes(values, settings)
    return None if axes is None else np.expand_dims(values[0], axes)


def _constant_of_shape(values: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    sizes = [int(size) for size in values[0].ravel()]
    if prod(sizes) > MOST_VALUES:
        return None
    value = settings.get("value")
    return np.full(sizes, np.float32(0) if value is None else value.ravel()[0])


def _reshaped(values: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    return values[0].reshape(target(values[0].shape, values[1].ravel().tolist(), settings))


def target(dims: Sequence[int], wanted: Sequence[int], settings: Mapping[str, Any]) -> list[int]:
    """Return the shape that the operator Reshape asks for, in which -1 and 0 have a meaning.

    Raises:
        Senseless: If the number of values is another.
    """
    keeps = not settings.get("allowzero")
    sizes = [
        dims[i] if size == 0 and keeps and i < len(dims) else int(size)
        for i, size in enumerate(wanted)
    ]
    known = prod(size for size in sizes if size != -1)
    if sizes.count(-1) == 1 and known:
        sizes[sizes.index(-1)] = prod(dims) // known
    if prod(sizes) != prod(dims) or min(sizes, default=1) < 0:
        raise Senseless("another number of values")
    return sizes


def _range(values: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    start, end, step = (value.ravel()[0] for value in values)
    return np.arange(start, end, step) if step and abs((end - start) / step) < MOST_VALUES else None


def _expanded(values: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    sizes = [int(size) for size in values[1].ravel()]
    if prod(sizes) > MOST_VALUES:
        return None
    return np.broadcast_to(values[0], np.broadcast_shapes(values[0].shape, tuple(sizes)))


def _divided(values: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    if np.issubdtype(values[0].dtype, np.integer):
        return np.floor_divide(*values) if np.all(values[1] > 0) else None
    return np.divide(*values)


def _reduced(function: Callable[..., Any]) -> Callable[[Sequence[Any], Mapping[str, Any]], Any]:
    def find(values: Sequence[Any], settings: Mapping[str, Any]) -> Any:
        keeps = bool(settings.get("keepdims", 1))
        return function(values[0], axis=_axes(values, settings), keepdims=keeps)

    return find


#: Operators whose output has the shape that their inputs have together.
_TOGETHER = frozenset({"Add", "Sub", "Mul", "Div", "Equal", "Where", "Min", "Max"})

_FIND: dict[str, Callable[[Sequence[Any], Mapping[str, Any]], Any]] = {
    "Identity": lambda values, _: values[0],
    "Cast": lambda values, s: values[0].astype(_TYPES[s["to"]]) if s["to"] in _TYPES else None,
    "Gather": lambda values, s: np.take(values[0], values[1].astype(int), axis=s.get("axis", 0)),
    "Slice": _slice,
    "Concat": lambda values, s: np.concatenate(values, axis=s["axis"]),
    "Unsqueeze": _unsqueezed,
    "Squeeze": lambda values, s: np.squeeze(values[0], _axes(values, s)),
    "Reshape": _reshaped,
    "Transpose": lambda values, s: np.transpose(values[0], s.get("perm")),
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Expand": _expanded,
    "Add": lambda values, _: np.add(*values),
    "Sub": lambda values, _: np.subtract(*values),
    "Mul": lambda values, _: np.multiply(*values),
    "Div": _divided,
    "Neg": lambda values, _: np.negative(values[0]),
    "Floor": lambda values, _: np.floor(values[0]),
    "Ceil": lambda values, _: np.ceil(values[0]),
    "Equal": lambda values, _: np.equal(*values),
    "Where": lambda values, _: np.where(*values),
    "ReduceProd": _reduced(np.prod),
    "ReduceMin": _reduced(np.min),
    "ReduceMax": _reduced(np.max),
    "Min": lambda values, _: np.minimum.reduce(values),
    "Max": lambda values, _: np.maximum.reduce(values),
}
