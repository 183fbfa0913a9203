"""The form of a block's layers: what repeats is a loop; blocks of one form differ in numbers."""

from typing import Any

import attrs

from explorer.core.network.layers import Layer

#: What feeds a layer of a block: a layer or loop before it by its place, or what comes from outside
#: (-1 the first, -2 the second); within a loop ("in", place), or ("before",): what goes round.
Ref = Any


@attrs.frozen
class Line:
    """A layer of a block's form.

    Attributes:
        kind: Its class; or the function that makes several layers in its place.
        name: What follows the block's name in its own, with `{i}` for a loop's number.
        words: Those of its settings that are part of the form, such as its activation.
        inputs: What feeds it.
    """

    kind: Any
    name: str
    words: tuple[tuple[str, Any], ...]
    inputs: tuple[Ref, ...]


@attrs.frozen
class Loop:
    """Layers that repeat; what the last of them returns goes round.

    Attributes:
        start: The number of the first round.
        first: What goes into the first round.
        body: The layers of a round.
        kept: Place in the body of the layer whose outputs are gathered: those of all rounds are
            what the loop gives, and the last round ends there. None: it gives what went round.
    """

    start: int
    first: Ref
    body: tuple[Line, ...]
    kept: int | None = None


@attrs.frozen
class Maybe:
    """A chain of layers that only some blocks of the form have.

    Attributes:
        flag: Name of the argument that says whether there are.
        first: What goes in, and comes out where there are none.
        body: The layers.
    """

    flag: str
    first: Ref
    body: tuple[Line, ...]


Item = Line | Loop | Maybe


@attrs.define(eq=False)
class Form:
    """The form of one block, with what it is filled with.

    Attributes:
        items: Its form.
        layers: The layers behind each item: those of the first round of a loop.
        rounds: How often each item is made: 0 for what is left out.
    """

    items: tuple[Item, ...]
    layers: list[tuple[Any, ...]]
    rounds: list[int]


def lines_of(item: Item) -> tuple[Line, ...]:
    """Return the layers of an item."""
    return (item,) if isinstance(item, Line) else item.body


def kept_of(item: Item) -> int | None:
    """Return the layer of a loop whose outputs are gathered, or None."""
    return item.kept if isinstance(item, Loop) else None


def _is_word(field: str, value: Any) -> bool:
    is_margins = isinstance(value, tuple) and isinstance(value[0], tuple)
    return isinstance(value, str) or is_margins or field == "trainable"


def words_of(layer: Layer) -> tuple[tuple[str, Any], ...]:
    """Return the settings of a layer that are no numbers: words, margins, that it isn't trained."""
    config = layer.config()
    return tuple(
        (field, value)
        for field, value in config.items()
        if field != "name" and _is_word(field, value)
    )


def numbers_of(layer: Layer) -> dict[str, Any]:
    """Return the other settings of a layer."""
    config = layer.config()
    return {field: value for field, value in config.items() if not _is_word(field, value)}


def outer_refs(item: Item) -> list[int]:
    """Return the places outside an item that it reads."""
    refs = [ref for line in lines_of(item) for ref in line.inputs if isinstance(ref, int)]
    return refs if isinstance(item, Line) else [*refs, item.first]


def moved(item: Item, at: int, last: int, length: int, instead: Ref) -> Item:
    """Return an item that reads something instead of place `last`, and later ones from before."""

    def now(ref: Ref) -> Ref:
        if not isinstance(ref, int) or ref < at:
            return ref
        return instead if ref == last else ref - length

    if isinstance(item, Line):
        return attrs.evolve(item, inputs=tuple(map(now, item.inputs)))
    body = tuple(attrs.evolve(line, inputs=tuple(map(now, line.inputs))) for line in item.body)
    return attrs.evolve(item, first=now(item.first), body=body)
