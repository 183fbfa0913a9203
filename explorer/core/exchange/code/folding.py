"""What repeats in a block, as loops: the form of one block."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import attrs

from explorer.core.exchange.code.forms import Form, Item, Line, Loop, Ref, words_of
from explorer.core.network.graph import Node
from explorer.core.network.layers import Layer


@attrs.frozen
class _Block:
    """The layers of a block, each by its place.

    Attributes:
        nodes: The layers, each after what feeds it.
        alike: A number for each: the same for layers of one kind with the same settings.
        names: What follows the block's name in theirs.
        links: The places of what feeds each; -1 the first input of the block, -2 the second.
        users: The places of those that each feeds.
    """

    nodes: Sequence[Node]
    alike: list[int]
    names: list[str]
    links: list[tuple[int, ...]]
    users: list[list[int]]

    @classmethod
    def of(cls, nodes: Sequence[Node], name: str, sources: Sequence[Node]) -> "_Block":
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
        return cls(nodes, alike, names, links, users)


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
    block = _Block.of(nodes, name, sources)
    names, links = block.names, block.links
    items: list[Item] = []
    layers: list[tuple[Node, ...]] = []
    rounds: list[int] = []
    item_of: dict[int, int] = {}

    def outer(ref: int) -> int | None:
        return ref if ref < 0 else item_of.get(ref)

    gathered: dict[tuple[int, ...], int] = {}

    at = 0
    while at < len(links):
        found = _longest(block, at) or next(
            (
                (loop, len(loop.body), 1, first)
                for loop in known
                if (first := _single(loop, block, at, outer)) is not None
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
            end = at + period * count
            if loop.kept is None:
                item_of[end - 1] = len(items)
            else:
                count, end = count + 1, end + loop.kept + 1
                gathered[tuple(range(at + loop.kept, end, period))] = len(items)
            items.append(attrs.evolve(loop, first=outer(first), body=body))
            layers.append(tuple(nodes[at : at + period]))
            rounds.append(count)
            at = end
            continue
        node = nodes[at]
        is_gathered = links[at] in gathered
        inputs = (gathered[links[at]],) if is_gathered else tuple(map(outer, links[at]))
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


def _longest(block: _Block, at: int) -> tuple[Loop, int, int, int] | None:
    """Return the loop from a place on that holds most: it, its period, rounds and first input."""
    best: tuple[Loop, int, int, int] | None = None
    left = len(block.nodes) - at
    vain: list[int] = []  # periods that repeat, but are no loop; nor are their multiples
    for period in range(1, left // 2 + 1):
        if block.alike[at] != block.alike[at + period] or any(not period % each for each in vain):
            continue
        if best and best[1] * best[2] >= left // period * period:
            continue
        count = 1
        while at + (count + 1) * period <= len(block.nodes) and all(
            _repeats(block, at, j, period, count) for j in range(period)
        ):
            count += 1
        if count < 2 or (best and best[1] * best[2] >= period * count):
            continue
        loop = _loop(block, at, period)
        end = at + period * count
        if loop and any(user >= end for k in range(at, end - 1) for user in block.users[k]):
            loop = _gathering(loop, block, at, count)
        if loop is None:
            vain.append(period)
            continue
        best = (loop, period, count, loop.first)
    return best


@lru_cache(maxsize=4096)
def _numbers(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def _repeats(block: _Block, at: int, j: int, period: int, count: int) -> bool:
    """Return whether layer j of a round is the same as in the first two rounds, one number on."""
    if block.alike[at + j] != block.alike[at + j + count * period]:
        return False
    tokens, others = _numbers(block.names[at + j]), _numbers(block.names[at + j + count * period])
    second = _numbers(block.names[at + j + period])
    if not len(tokens) == len(others) == len(second):
        return False
    for k, (a, b, c) in enumerate(zip(tokens, second, others, strict=True)):
        if a == b == c:
            continue
        if k % 2 == 0 or any(str(int(each)) != each for each in (a, b, c)):
            return False
        if int(b) != int(a) + 1 or int(c) != int(a) + count:
            return False
    ours = block.links[at + j + count * period]
    earlier = block.links[at + j + period]
    if len(ours) != len(earlier):
        return False
    return all(
        a == b if b < at else a == b + (count - 1) * period
        for a, b in zip(ours, earlier, strict=True)
    )


def _loop(block: _Block, at: int, period: int) -> Loop | None:
    """Return the loop of which a place begins the first round; None: it can't be written as one."""
    start: int | None = None
    first: int | None = None
    body = []
    for j in range(period):
        text = ""
        pairs = zip(
            _numbers(block.names[at + j]), _numbers(block.names[at + j + period]), strict=True
        )
        for one, next_one in pairs:
            if one == next_one:
                text += one
                continue
            if start not in (None, int(one)):
                return None
            start = int(one)
            text += "{i}"
        if len(block.links[at + j]) != len(block.links[at + j + period]):
            return None
        inputs: list[Ref] = []
        for a, b in zip(block.links[at + j], block.links[at + j + period], strict=True):
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
        layer = block.nodes[at + j].layer
        body.append(Line(type(layer), text, words_of(layer), tuple(inputs)))
    if start is None or first is None:
        return None
    return Loop(start, first, tuple(body))


def _gathering(loop: Loop, block: _Block, at: int, count: int) -> Loop | None:
    """Return the loop as one whose outputs of one layer are gathered; None: it isn't one.

    One layer reads those outputs, of all rounds and of one round more, which ends there.
    """
    period = len(loop.body)
    end = at + period * count
    read = (k for k in range(period) if any(user >= end for user in block.users[at + k]))
    kept = next(read, None)
    if kept is None:
        return None
    last = end + kept
    outputs = tuple(range(at + kept, last + 1, period))
    if last >= len(block.nodes) or block.links.count(outputs) != 1:
        return None
    reader = block.links.index(outputs)
    if not all(_repeats(block, at, j, period, count) for j in range(kept + 1)):
        return None
    outside = {k for k in range(at, last + 1) if any(user > last for user in block.users[k])}
    if outside != set(outputs) or any(
        user > last and user != reader for k in outputs for user in block.users[k]
    ):
        return None
    # Its channels are a product, and the last round has all the weights of the others.
    if len({block.nodes[k].shape[-1] for k in outputs}) > 1:
        return None
    if any(node.params for node in block.nodes[at + kept + 1 : at + period]):
        return None
    return attrs.evolve(loop, kept=kept)


def _single(loop: Loop, block: _Block, at: int, outer: Callable[[int], int | None]) -> int | None:
    """Return what goes into a single round of a loop that begins at a place; None: none does."""
    end = at + len(loop.body)
    if end > len(block.nodes) or loop.kept is not None:
        return None
    first: int | None = None
    for j, line in enumerate(loop.body):
        layer = block.nodes[at + j].layer
        if type(layer) is not line.kind or words_of(layer) != line.words:
            return None
        if (
            len(line.inputs) != len(block.links[at + j])
            or line.name.replace("{i}", str(loop.start)) != block.names[at + j]
        ):
            return None
        for ref, link in zip(line.inputs, block.links[at + j], strict=True):
            if ref == ("before",):
                if link >= at or first not in (None, link):
                    return None
                first = link
            elif isinstance(ref, tuple):
                if link != at + ref[1]:
                    return None
            elif link >= at or outer(link) != ref:
                return None
    if any(user >= end for k in range(at, end - 1) for user in block.users[k]):
        return None
    return first
