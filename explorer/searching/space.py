"""Which architectures there are to choose from: those of a family, with some parameters varied."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from random import Random
from typing import Any

import attrs

from explorer.core.families import ReadModel
from explorer.core.network.balance import following
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import ParameterError
from explorer.core.network.parameters import Parameter, parameters_of

#: Values of a parameter that is varied without saying over what.
MOST_VALUES = 6


class Duplicate(Exception):
    """What is varied has no effect: the same network is there under another number."""


@attrs.frozen(slots=False)
class Space:
    """Every combination of some parameters' values.

    Where the depth is varied, what follows it on screen follows it here, so that the output keeps
    its stride; unless it is varied, too.

    Attributes:
        base: An architecture, which has the parameters that are not varied.
        varied: The values of each parameter that is, by name.
    """

    base: EncoderDecoder
    varied: tuple[tuple[str, tuple[Any, ...]], ...]

    @classmethod
    def of(
        cls,
        base: EncoderDecoder | type[EncoderDecoder],
        vary: Mapping[str, Sequence[Any]] | Sequence[str] | None = None,
    ) -> "Space":
        """Return the space around an architecture.

        Args:
            base: The architecture, or a family, which then has its defaults.
            vary: The parameters to vary, with the values of each, or over what is handy on screen;
                None: all whose values are handy.

        Raises:
            ParameterError: If there is no such parameter, or a value is not valid.
            TypeError: If `base` is a Keras model or no architecture.
        """
        made = base() if isinstance(base, type) else base
        if isinstance(made, ReadModel) or not isinstance(made, EncoderDecoder):
            raise TypeError(f"{made!r} has no parameters to vary: give an architecture or a family")
        known = {found.name: found for found in parameters_of(type(made))}
        owner = type(made).__name__
        if vary is None:
            vary = [name for name, found in known.items() if handy(found) and not found.follows]
        wanted = dict(vary) if isinstance(vary, Mapping) else dict.fromkeys(vary)
        varied = []
        for name, values in wanted.items():
            if name not in known:
                remedy = f"use some of {', '.join(known)}"
                raise ParameterError(owner, "vary", name, "is no parameter", remedy)
            values = handy(known[name]) if values is None else tuple(values)
            if not values:
                remedy = "give the values to try"
                raise ParameterError(owner, "vary", name, "has no handy values", remedy)
            for value in values:
                known[name].check(owner, value)
            varied.append((name, tuple(dict.fromkeys(values))))
        return cls(made, tuple(varied))

    @property
    def size(self) -> int:
        """How many combinations there are."""
        return prod(len(values) for _, values in self.varied)

    def values(self, number: int) -> dict[str, Any]:
        """Return the values of a combination, by its number from 0."""
        found = {}
        for name, values in reversed(self.varied):
            number, place = divmod(number, len(values))
            found[name] = values[place]
        return dict(reversed(found.items()))

    def architecture(self, number: int) -> EncoderDecoder:
        """Return the architecture of a combination.

        Raises:
            Duplicate: If another combination gives the same one.
            ParameterError: If there is no such architecture.
        """
        values = self.values(number)
        made = attrs.evolve(self.base, **values, **self._following(values))
        for name, parameter in self._conditional.items():
            if values[name] != self._first[name] and parameter.active.lacking(made):  # type: ignore[union-attr]
                raise Duplicate(name)
        return made

    @cached_property
    def _parameters(self) -> dict[str, Parameter]:
        return {found.name: found for found in parameters_of(type(self.base))}

    @cached_property
    def _first(self) -> dict[str, Any]:
        return {name: values[0] for name, values in self.varied}

    @cached_property
    def _conditional(self) -> dict[str, Parameter]:
        """Those that are varied and may have no effect."""
        return {
            name: self._parameters[name] for name in self._first if self._parameters[name].active
        }

    @cached_property
    def _linked(self) -> set[str]:
        """Those that follow others, and the others."""
        found = [each for each in self._parameters.values() if each.follows]
        return {name for each in found for name in (each.name, *each.follows)}

    @cached_property
    def _followed(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        return {}

    def _following(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what follows the depth."""
        changes = {name: value for name, value in values.items() if name in self._linked}
        key = tuple(changes.values())
        if key not in self._followed:
            self._followed[key] = following(self.base, changes)
        return self._followed[key]

    def drawn(self, most: int, seed: int) -> Iterator[int]:
        """Yield numbers of combinations: all in their order, or so many at random, none twice.

        Args:
            most: How many at most.
            seed: Of the random choice.
        """
        if self.size <= most:
            yield from range(self.size)
        else:
            yield from Random(seed).sample(range(self.size), most)


def handy(parameter: Parameter) -> tuple[Any, ...]:
    """Return values of a parameter that are tried where none are given; none: it is left alone."""
    if parameter.choices is not None:
        return tuple(parameter.choices)
    if parameter.value_type is bool:
        return (False, True)
    if parameter.slider is None or parameter.value_type not in (int, float) or parameter.optional:
        return ()
    low, high = parameter.slider
    if parameter.minimum is not None:
        low = max(low, parameter.minimum)
    if parameter.value_type is float:
        steps = MOST_VALUES - 1
        return tuple(round(low + (high - low) * step / steps, 3) for step in range(MOST_VALUES))
    if parameter.logarithmic:
        ratio = (high / max(low, 1)) ** (1 / (MOST_VALUES - 1))
        return tuple(dict.fromkeys(round(max(low, 1) * ratio**step) for step in range(MOST_VALUES)))
    return tuple(range(int(low), int(high) + 1, parameter.step))[:MOST_VALUES]
