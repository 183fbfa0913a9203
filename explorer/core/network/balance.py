"""What keeps the output's resolution while an architecture gets deeper or shallower."""

import math
from collections.abc import Mapping
from typing import Any

import attrs

from explorer.core.network.parameters import Parameter, parameters_of

#: So far above the present value one without a maximum is looked for.
FARTHEST = 20


def balanced(
    architecture: Any, changes: Mapping[str, Any], follower: Parameter, stride: int
) -> int | None:
    """Return the value of a parameter with which the changed architecture's output has a stride.

    Where none gives that one, it is the value with which the stride comes nearest; None where no
    value makes a network.

    Args:
        architecture: What is changed, with an `output_stride`.
        changes: Other values of its fields.
        follower: The parameter, a whole number.
        stride: Stride of the output.
    """
    now = getattr(architecture, follower.name)
    low = 0 if follower.minimum is None else int(follower.minimum)
    high = now + FARTHEST if follower.maximum is None else int(follower.maximum)
    found: dict[int, float] = {}
    for value in sorted(range(low, high + 1), key=lambda value: abs(value - now)):
        try:
            made = attrs.evolve(architecture, **{**changes, follower.name: value})
            found[value] = abs(math.log2(made.output_stride / stride))
        except Exception:  # no network, or what a class of the user's raises
            continue
        if found[value] == 0:
            break
    return min(found, key=lambda value: found[value], default=None)


def following(architecture: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of what follows changed fields, as on screen, by name.

    Nothing follows where nothing keeps the resolution up: there is no upsampling.

    Args:
        architecture: What is changed.
        changes: Other values of its fields.
    """
    for found in parameters_of(type(architecture)):
        if found.name in changes or not set(found.follows) & changes.keys():
            continue
        if getattr(architecture, found.name) > (found.minimum or 0):
            value = balanced(architecture, changes, found, architecture.output_stride)
            return {} if value is None else {found.name: value}
    return {}
