"""The form of a block's layers: what repeats is a loop; blocks of one form differ in numbers."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import attrs

from explorer.core.network.graph import Node
from explorer.core.network.layers import Layer

#: What feeds a layer of a block: a layer or loop before it by its place, or what comes from outside
#: (-1 the first, -2 the second); within a loop ("in", place), or ("before",): what goes round.
Ref = Any


@attrs.frozen
class Line:
    """A layer of a block's form.

    Attributes:
        kind: Its class.
        name: What follows the block's name in its own, with `{i}` for a loop's number.
        words: Those of its settings that are part of the form, such as its activation.
        inputs: What feeds it.
    """

    kind: type[Layer]
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
    """

    start: int
    first: Ref
    body: tuple[Line, ...]


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
    layers: list[tuple[Node, ...]]
    rounds: list[int]


def lines_of(item: Item) -> tuple[Line, ...]:
    """Return the layers of an item."""
    return (item,) if isinstance(item, Line) else item.body


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


#: The kind of some blocks, their form, and how many features they read.
Key = tuple[str, tuple[Item, ...], int]


def merge(groups: dict[Key, list[Form]]) -> None:
    """Join forms of which one has a chain of layers more than the other."""
    changed = True
    while changed:
        changed = False
        for long_key, short_key in _pairs(groups):
            merged = _with_maybe(long_key[1], short_key[1])
            if merged is None:
                continue
            items, at, length = merged
            longer, shorter = groups.pop(long_key), groups.pop(short_key)
            for form in longer:
                extra = tuple(node for each in form.layers[at : at + length] for node in each)
                form.layers[at : at + length] = [extra]
                form.rounds[at : at + length] = [1]
            for form in shorter:
                form.layers.insert(at, ())
                form.rounds.insert(at, 0)
            for form in (*longer, *shorter):
                form.items = items
            groups[long_key[0], items, long_key[2]] = longer + shorter
            changed = True
            break


def _pairs(groups: dict[Key, list[Form]]) -> Iterator[tuple[Key, Key]]:
    for longer in groups:
        for shorter in groups:
            same = longer[0] == shorter[0] and longer[2] == shorter[2]
            if same and len(longer[1]) > len(shorter[1]):
                yield longer, shorter


def _with_maybe(
    longer: tuple[Item, ...], shorter: tuple[Item, ...]
) -> tuple[tuple[Item, ...], int, int] | None:
    """Return the longer form with what it has more as a `Maybe`, and where that is."""
    length = len(longer) - len(shorter)
    for at in range(len(shorter) + 1):
        run = [item for item in longer[at : at + length] if isinstance(item, Line)]
        if len(run) < length or any(len(line.inputs) != 1 for line in run):
            continue
        first = run[0].inputs[0]
        last = at + length - 1
        if any(run[k].inputs != (at + k - 1,) for k in range(1, length)):
            continue
        rest = longer[:at] + longer[at + length :]
        if any(at <= ref < last for item in rest for ref in outer_refs(item)):
            continue
        left = tuple(_moved(item, at, last, length, first) for item in rest)
        if left != shorter:
            continue
        body = tuple(
            attrs.evolve(line, inputs=(("in", k - 1) if k else ("before",),))
            for k, line in enumerate(run)
        )
        word = re.sub(r"\W", "", run[-1].name.strip("_"))
        flag = "pool" if any(line.kind.pools for line in run) else f"with_{word}"
        if any(isinstance(item, Maybe) and item.flag == flag for item in rest):
            continue
        after = tuple(_moved(item, last, last, length - 1, at) for item in longer[at + length :])
        return (*longer[:at], Maybe(flag, first, body), *after), at, length
    return None


def outer_refs(item: Item) -> list[int]:
    """Return the places outside an item that it reads."""
    refs = [ref for line in lines_of(item) for ref in line.inputs if isinstance(ref, int)]
    return refs if isinstance(item, Line) else [*refs, item.first]


def _moved(item: Item, at: int, last: int, length: int, instead: Ref) -> Item:
    """Return an item that reads something instead of place `last`, and later ones from before."""

    def moved(ref: Ref) -> Ref:
        if not isinstance(ref, int) or ref < at:
            return ref
        return instead if ref == last else ref - length

    if isinstance(item, Line):
        return attrs.evolve(item, inputs=tuple(map(moved, item.inputs)))
    body = tuple(attrs.evolve(line, inputs=tuple(map(moved, line.inputs))) for line in item.body)
    return attrs.evolve(item, first=moved(item.first), body=body)


def folded(
    nodes: Sequence[Node], name: str, sources: Sequence[Node], known: Sequence[Loop] = ()
) -> Form:
    """Return the form of a block: what repeats is a loop.

    Args:
        nodes: Its layers, each after what feeds it.
        name: What their names begin with.
        sources: What feeds the block.
        known: Loops of other blocks, of which this one may have a single round.
    """
    place = {node: at for at, node in enumerate(nodes)}
    outside = {node: -1 - k for k, node in enumerate(sources)}
    links = [tuple(place[s] if s in place else outside[s] for s in n.inputs) for n in nodes]
    users: list[list[int]] = [[] for _ in links]
    for at, refs in enumerate(links):
        for ref in refs:
            if ref >= 0:
                users[ref].append(at)
    names = [node.name[len(name) :] for node in nodes]
    settings: dict[Any, int] = {}
    alike = [settings.setdefault(_settings(node.layer), len(settings)) for node in nodes]
    items: list[Item] = []
    layers: list[tuple[Node, ...]] = []
    rounds: list[int] = []
    item_of: dict[int, int] = {}

    def outer(ref: int) -> int:
        return ref if ref < 0 else item_of[ref]

    at = 0
    while at < len(links):
        found = _longest(nodes, alike, names, links, users, at) or next(
            (
                (loop, len(loop.body), 1, first)
                for loop in known
                if (first := _single(loop, nodes, names, links, users, at, outer)) is not None
            ),
            None,
        )
        if found:
            loop, period, count, first = found
            body = (
                tuple(
                    attrs.evolve(
                        line,
                        inputs=tuple(outer(r) if isinstance(r, int) else r for r in line.inputs),
                    )
                    for line in loop.body
                )
                if count > 1
                else loop.body
            )
            item_of[at + period * count - 1] = len(items)
            items.append(Loop(loop.start, outer(first), body))
            layers.append(tuple(nodes[at : at + period]))
            rounds.append(count)
            at += period * count
            continue
        node = nodes[at]
        inputs = tuple(map(outer, links[at]))
        item_of[at] = len(items)
        items.append(Line(type(node.layer), names[at], words_of(node.layer), inputs))
        layers.append((node,))
        rounds.append(1)
        at += 1
    return Form(tuple(items), layers, rounds)


def _settings(layer: Layer) -> Any:
    """Return the kind of a layer, and all its settings but the name."""
    fields = ((field, value) for field, value in layer.config().items() if field != "name")
    return type(layer), *fields


def _longest(
    nodes: Sequence[Node],
    alike: list[int],
    names: list[str],
    links: list[tuple[int, ...]],
    users: list[list[int]],
    at: int,
) -> tuple[Loop, int, int, int] | None:
    """Return the loop from a place on that holds most: it, its period, rounds and first input."""
    best: tuple[Loop, int, int, int] | None = None
    left = len(nodes) - at
    vain: list[int] = []  # periods that repeat, but are no loop; nor are their multiples
    for period in range(1, left // 2 + 1):
        if alike[at] != alike[at + period] or any(not period % each for each in vain):
            continue
        if best and best[1] * best[2] >= left // period * period:
            continue
        count = 1
        while at + (count + 1) * period <= len(nodes) and all(
            _repeats(alike, names, links, at, j, period, count) for j in range(period)
        ):
            count += 1
        if count < 2 or (best and best[1] * best[2] >= period * count):
            continue
        loop = _loop(nodes, names, links, at, period)
        end = at + period * count
        if loop is None or any(user >= end for k in range(at, end - 1) for user in users[k]):
            vain.append(period)
            continue
        best = (loop, period, count, loop.first)
    return best


@lru_cache(maxsize=4096)
def _numbers(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def _repeats(
    alike: list[int],
    names: list[str],
    links: list[tuple[int, ...]],
    at: int,
    j: int,
    period: int,
    count: int,
) -> bool:
    """Return whether layer j of a round is the same as in the first two rounds, one number on."""
    if alike[at + j] != alike[at + j + count * period]:
        return False
    tokens, others = _numbers(names[at + j]), _numbers(names[at + j + count * period])
    second = _numbers(names[at + j + period])
    if not len(tokens) == len(others) == len(second):
        return False
    for k, (a, b, c) in enumerate(zip(tokens, second, others, strict=True)):
        if a == b == c:
            continue
        if k % 2 == 0 or any(str(int(each)) != each for each in (a, b, c)):
            return False
        if int(b) != int(a) + 1 or int(c) != int(a) + count:
            return False
    ours = links[at + j + count * period]
    earlier = links[at + j + period]
    if len(ours) != len(earlier):
        return False
    return all(
        a == b if b < at else a == b + (count - 1) * period
        for a, b in zip(ours, earlier, strict=True)
    )


def _loop(
    nodes: Sequence[Node], names: list[str], links: list[tuple[int, ...]], at: int, period: int
) -> Loop | None:
    """Return the loop of which a place begins the first round; None: it can't be written as one."""
    start: int | None = None
    first: int | None = None
    body = []
    for j in range(period):
        text = ""
        pairs = zip(_numbers(names[at + j]), _numbers(names[at + j + period]), strict=True)
        for one, next_one in pairs:
            if one == next_one:
                text += one
                continue
            if start not in (None, int(one)):
                return None
            start = int(one)
            text += "{i}"
        if len(links[at + j]) != len(links[at + j + period]):
            return None
        inputs: list[Ref] = []
        for a, b in zip(links[at + j], links[at + j + period], strict=True):
            if b >= at + period:  # of the same round
                if a != b - period:
                    return None
                inputs.append(("in", a - at))
            elif b >= at:  # of the round before: only its last layer goes round
                if b != at + period - 1 or a >= at or first not in (None, a):
                    return None
                first = a
                inputs.append(("before",))
            elif a != b:
                return None
            else:
                inputs.append(a)
        layer = nodes[at + j].layer
        body.append(Line(type(layer), text, words_of(layer), tuple(inputs)))
    if start is None or first is None:
        return None
    return Loop(start, first, tuple(body))


def _single(
    loop: Loop,
    nodes: Sequence[Node],
    names: list[str],
    links: list[tuple[int, ...]],
    users: list[list[int]],
    at: int,
    outer: Callable[[int], int],
) -> int | None:
    """Return what goes into a single round of a loop that begins at a place; None: none does."""
    end = at + len(loop.body)
    if end > len(nodes):
        return None
    first: int | None = None
    for j, line in enumerate(loop.body):
        layer = nodes[at + j].layer
        if type(layer) is not line.kind or words_of(layer) != line.words:
            return None
        if (
            len(line.inputs) != len(links[at + j])
            or line.name.replace("{i}", str(loop.start)) != names[at + j]
        ):
            return None
        for ref, link in zip(line.inputs, links[at + j], strict=True):
            if ref == ("before",):
                if link >= at or first not in (None, link):
                    return None
                first = link
            elif isinstance(ref, tuple):
                if link != at + ref[1]:
                    return None
            elif link >= at or outer(link) != ref:
                return None
    if any(user >= end for k in range(at, end - 1) for user in users[k]):
        return None
    return first
