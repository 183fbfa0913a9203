"""What a diagram shows: the boxes of a graph, the links between them, and how to walk along them.

Gathered here, written as DOT in `dot`, placed and drawn in `diagram`.
"""

from collections import Counter
from collections.abc import Sequence

import attrs

from explorer.core.analysis.connections import role_of, wiring_of
from explorer.core.formatting import grid_text, printable, size_text
from explorer.core.network.graph import (
    INPUT_NAME,
    Block,
    Graph,
    Node,
    depth_first,
    pixels_of,
    positions,
)
from explorer.core.network.names import block_id


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
    """A connection between two cards.

    Attributes:
        source: Id of the card that it comes from.
        target: Id of the card that it goes to.
        is_skip: Whether it bypasses the blocks between the two.
        state: "only in A" or "only in B" where two designs are drawn and one lacks it, else empty.
    """

    source: str
    target: str
    is_skip: bool
    state: str = ""


def cards_of(graph: Graph) -> list[Card]:
    """Return the boxes in the order in which an image passes them."""
    groups: dict[Block | Node, list[Node]] = {}
    for node in depth_first(graph.outputs)[0]:
        groups.setdefault(node.block or node, []).append(node)
    cards: list[Card] = []
    count: Counter[tuple[int | None, str]] = Counter()
    found = list(groups.items())
    # Where layers stand beside blocks, the order is that of the data's way.
    if all(nodes[0].block or not nodes[0].inputs for nodes in groups.values()):
        found.sort(key=lambda group: _place(group[1][0].block))
    for key, nodes in found:
        stack = None
        if isinstance(key, Node):
            title = "image in" if key.name == INPUT_NAME else printable(key.name)
            prefix, role = "", role_of(key)
        else:
            prefix, role, stack = key.name, key.role, key.stack
            # Middle blocks are encoder blocks too: each role counts its own.
            title = f"{role} {count[stack, role]}"
            count[stack, role] += 1
        place = block_id(nodes[0])
        cards.append(Card(place, title, prefix, role, stack, tuple(nodes)))
    return cards


_ORDER = {"encoder": 0, "middle": 0, "decoder": 1, "head": 2, "merge": 3}


def _place(block: Block | None) -> tuple[int, int, int]:
    """Return what to sort blocks by: the input, the stem, then each stack's blocks."""
    if block is None:
        return -2, 0, 0
    if block.stack is None:
        return -1, 0, block.index
    return block.stack, _ORDER[block.role], block.index


def links_of(graph: Graph, cards: Sequence[Card]) -> list[Link]:
    """Return the connections between the cards of a graph."""
    card_of = {node: card.id for card in cards for node in card.nodes}
    wiring = wiring_of(graph)
    links: dict[tuple[str, str], bool] = {}
    for node in graph:
        for source in node.inputs:
            ends = card_of[source], card_of[node]
            if ends[0] != ends[1]:
                links[ends] = links.get(ends, False) or (source, node) in wiring.skip_of
    return [Link(*ends, is_skip=is_skip) for ends, is_skip in links.items()]


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
