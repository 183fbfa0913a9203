"""What a diagram shows: the boxes of a graph, the links between them, and how to walk along them.

Gathered here, written as DOT in `dot`, placed and drawn in `diagram`.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from math import ceil
from types import MappingProxyType

import attrs

from explorer.core.analysis.connections import role_of, titled_parts, wiring_of
from explorer.core.formatting import grid_text, size_text
from explorer.core.network.graph import (
    Graph,
    Node,
    pixels_of,
    positions,
)
from explorer.core.network.names import block_id, layer_id
from explorer.core.words.summaries import repetitions

#: Most layers that are repeated together, and how often they follow each other at least.
LONGEST_REPEATED, FEWEST_REPEATED = 16, 3
#: Layers from which on a round is folded if it comes but twice: two convolutions each with its
#: normalisation and activation are read more easily one by one.
LONG_ROUND = 4

#: Most rows in a column of a list, as many as a first view shows; and most columns, before which
#: they do not get longer.
MOST_ROWS, MOST_COLUMNS = 26, 6


@attrs.frozen
class Card:
    """One box of the drawing.

    Attributes:
        id: Its selection, made from its name.
        title: What it is called.
        prefix: Start of its layers' names.
        role: "input", a block's role, or "layer" for a layer of no block.
        stack: Index of its stack, or None before the first.
        nodes: The layers that it stands for.
    """

    id: str
    title: str
    prefix: str
    role: str
    stack: int | None
    nodes: tuple[Node, ...]

    @property
    def is_block(self) -> bool:
        """Whether there are layers in it that can be written out."""
        return self.role not in ("input", "layer")

    @property
    def output(self) -> Node:
        """The layer whose output the card's block returns."""
        return self.nodes[-1]


@attrs.frozen
class Link:
    """A connection between layers of two cards.

    Attributes:
        source: Id of the card that it comes from.
        target: Id of the card that it goes to.
        leaves: The layer there that it comes from.
        enters: The layer there that it goes to.
        is_skip: Whether it bypasses the blocks between the two.
        state: "only in A" or "only in B" where two designs are drawn and one lacks it, else empty.
    """

    source: str
    target: str
    leaves: Node
    enters: Node
    is_skip: bool
    state: str = ""


def cards_of(graph: Graph) -> list[Card]:
    """Return the boxes in the order in which an image passes them."""
    cards: list[Card] = []
    for title, nodes in titled_parts(graph):
        first = nodes[0]
        prefix, stack = (first.block.name, first.block.stack) if first.block else ("", None)
        cards.append(Card(block_id(first), title, prefix, role_of(first), stack, nodes))
    return cards


@attrs.frozen
class Row:
    """A row of a card's list: a layer, or all that repeat the layers above it.

    Attributes:
        nodes: The layers that it stands for.
        times: How often they repeat those above; 0 for a layer.
    """

    nodes: tuple[Node, ...]
    times: int = 0

    @property
    def id(self) -> str:
        """The selection that it has in the drawing: that of its first layer."""
        return layer_id(self.nodes[0])

    @property
    def title(self) -> str:
        """What it is called."""
        if not self.times:
            return self.nodes[0].name
        length = len(self.nodes) // self.times
        above = f"{length} layers above" if length > 1 else "layer above"
        return f"the {above}, {f'{self.times} times' if self.times > 1 else 'once'} more"


def rows_of(card: Card) -> list[Row]:
    """Return the rows that list the layers of a card, one each."""
    return [Row((node,)) for node in card.nodes]


def folded_rows_of(card: Card, states: Mapping[Node, str] = MappingProxyType({})) -> list[Row]:
    """Return the same with what repeats the layers before it in one row.

    Layers are alike that do the same with what lies as far before them; shapes may differ, as in
    dense blocks.

    Args:
        card: The card.
        states: What became of each layer since another design, in which those alike agree too.
    """
    place_of = {node: place for place, node in enumerate(card.nodes)}
    kinds: dict[object, int] = {}
    steps = []
    for place, node in enumerate(card.nodes):
        # What comes from elsewhere comes from the same layer.
        sources = (place - place_of[each] if each in place_of else each for each in node.inputs)
        kind = node.layer.summary, states.get(node), *sources
        steps.append(kinds.setdefault(kind, len(kinds)))
    singles, rows = rows_of(card), []
    done = 0
    for at, length, count in repetitions(steps, LONGEST_REPEATED, _is_folded):
        at = _first_round(card.nodes, steps, at, length, done)
        end = at + length * count
        rows += [*singles[done : at + length], Row(card.nodes[at + length : end], count - 1)]
        done = end
    return [*rows, *singles[done:]]


def _is_folded(length: int, count: int) -> bool:
    return count >= (2 if length >= LONG_ROUND else FEWEST_REPEATED)


def _first_round(
    nodes: Sequence[Node], steps: Sequence[int], at: int, length: int, done: int
) -> int:
    """Return where a repetition begins so that the names of each round belong together most.

    A dense layer begins with its normalisation, though each round from the concatenation before
    it on is as much alike.

    Args:
        nodes: The layers.
        steps: What is alike in them.
        at: Where the repetition can begin at the latest.
        length: Layers in a round.
        done: Where it can begin at the earliest.
    """
    starts = [at]
    while len(starts) < length and done < starts[-1]:
        before = starts[-1] - 1
        if steps[before] != steps[before + length]:
            break
        starts.append(before)

    def shared(start: int) -> int:
        """Return with how many letters in common the names of a round begin."""
        letters = zip(*(node.name for node in nodes[start : start + length]), strict=False)
        return sum(1 for _ in takewhile(lambda each: len({*each}) == 1, letters))

    return max(starts, key=shared)


def column_height(rows: int, ends: Collection[int]) -> int:
    """Return how many rows of a card's list stand below each other, before the next column begins.

    Args:
        rows: Rows of the list.
        ends: Places of those at which lines end. They stand in the first or the last column, each
            of which has a side that is free.
    """
    count = max(1, min(ceil(rows / MOST_ROWS), MOST_COLUMNS))
    while count > 2 and any(0 < place // ceil(rows / count) < count - 1 for place in ends):
        count -= 1
    return max(1, ceil(rows / count))


@attrs.frozen
class Rail:
    """A connection between rows of one card that passes others of its list.

    Attributes:
        sources: Places in the list of the rows that it comes from, in order.
        target: Place of the row that gets them all.
    """

    sources: tuple[int, ...]
    target: int


def rails_of(rows: Sequence[Row]) -> list[list[Rail]]:
    """Return the connections that pass rows of a card's list, in lanes beside each other.

    What a list says by itself, that a row gets what the one before puts out, is none of them.
    """
    place_of = {node: place for place, row in enumerate(rows) for node in row.nodes}
    lanes: list[list[Rail]] = []
    rails = []
    for target, row in enumerate(rows):
        sources = {place_of.get(source, target) for node in row.nodes for source in node.inputs}
        if passing := sorted(sources - {target - 1, target}):
            rails.append(Rail(tuple(passing), target))
    for rail in sorted(rails, key=lambda rail: rail.sources[0]):
        free = (lane for lane in lanes if lane[-1].target < rail.sources[0])
        lane = next(free, None)
        if lane is None:
            lanes.append(lane := [])
        lane.append(rail)
    return lanes


def links_of(graph: Graph, cards: Sequence[Card]) -> list[Link]:
    """Return the connections between the cards of a graph."""
    card_of = {node: card.id for card in cards for node in card.nodes}
    skips = wiring_of(graph).skip_of
    return [
        Link(card_of[source], card_of[node], source, node, is_skip=(source, node) in skips)
        for node in graph
        for source in dict.fromkeys(node.inputs)
        if card_of[source] != card_of[node]
    ]


def levels_of(cards: Sequence[Card]) -> list[tuple[str, list[Card]]]:
    """Return the rows of a U, the finest resolution on top: for each its name and its boxes.

    Boxes of equal stride stand in one row; where strides are not known, those of equal size.
    """
    outputs = [card.output for card in cards]
    by_size = any(node.stride is None for node in outputs)
    levels: dict[tuple[float, str], list[Card]] = {}
    for card, node in zip(cards, outputs, strict=True):
        if not by_size:
            place, name = pixels_of(node.stride), grid_text(node.stride)
        else:
            place = -positions(node)
            name = size_text(node.shape[:-1]) if place < -1 else "a single position"
        levels.setdefault((place, name), []).append(card)
    return [(name, levels[place, name]) for place, name in sorted(levels)]
