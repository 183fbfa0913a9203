"""What a diagram shows: the boxes of a graph, the links between them, and how to walk along them.

Gathered here, written as DOT in `dot`, placed and drawn in `diagram`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import attrs

from explorer.analysis import LayerReport, Report
from explorer.comparison import Comparison
from explorer.formatting import printable, size_text, stride_text
from explorer.graph import INPUT_NAME, Block, Graph, Node, depth_first, pixels_of, positions
from explorer.quantities import PARAMETERS, QUANTITIES
from explorer.selection import block_id, layer_id
from explorer.wiring import role_of, wiring_of


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


@attrs.frozen
class Item:
    """Something in the drawing that can be selected: a card, or a layer written out in it.

    Attributes:
        id: Its selection.
        text: Its facts, a line each.
        feeds: Places, in the list of items, of those that it feeds.
        parent: Id of the card that a layer is written in; empty for a card.
    """

    id: str
    text: str
    feeds: tuple[int, ...] = ()
    parent: str = ""


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
            place, name = pixels_of(node.stride), stride_text(node.stride, node.shape)
        else:
            place = -positions(node)
            name = size_text(node.shape[:-1]) if place < -1 else "a single position"
        levels.setdefault((place, name), []).append(card)
    return [(name, levels[place, name]) for place, name in sorted(levels)]


@attrs.frozen
class Merged:
    """Two designs in one drawing.

    Attributes:
        cards: B's boxes, and those only in A after the one that they follow there.
        links: The links of both.
        notes: For each card that differs: the state, and a line that says what A has.
        states: Of each layer drawn, what became of it since A.
    """

    cards: list[Card]
    links: list[Link]
    notes: dict[str, tuple[str, str]]
    states: dict[Node, str]


def merged(comparison: Comparison) -> Merged:
    """Return the boxes and links of both designs of a comparison."""
    cards_a, cards = cards_of(comparison.a), cards_of(comparison.b)
    links = {(link.source, link.target): link for link in links_of(comparison.b, cards)}
    in_a = {(link.source, link.target): link for link in links_of(comparison.a, cards_a)}
    of_a = {card.id: card for card in cards_a}
    title_of = {card.id: card.title for card in cards}
    notes = {}
    titles = Counter((card.stack, card.title) for card in cards)
    before = cards[0].id
    for block in comparison.blocks:
        if block.state == "only in A":
            place = next(i for i, card in enumerate(cards) if card.id == before)
            cards.insert(place + 1, of_a[block.id])
            titles[of_a[block.id].stack, of_a[block.id].title] += 1
        if block.state == "changed" and block.id in of_a:
            there = of_a[block.id]
            params = PARAMETERS.told(PARAMETERS.total(there.nodes))
            called = f"{there.title}, " * (there.title != title_of[block.id])
            notes[block.id] = (
                "changed",
                f"A: {called}{size_text(there.output.shape)} · {params}",
            )
        elif block.state != "same":
            notes[block.id] = block.state, ""
        before = block.id
    for ends, link in {**in_a, **links}.items():
        if (ends in in_a) != (ends in links):
            state = "only in A" if ends in in_a else "only in B"
            links[ends] = attrs.evolve(link, state=state)
    for i, card in enumerate(cards):
        if titles[card.stack, card.title] > 1:
            design = "A" if notes.get(card.id, ("", ""))[0] == "only in A" else "B"
            cards[i] = attrs.evolve(card, title=f"{card.title} of {design}")
    states: dict[Node, str] = {match.node: match.state for match in comparison.layers}
    return Merged(cards, list(links.values()), notes, states)


def items_of(
    graph: Graph,
    cards: Sequence[Card],
    is_open: Callable[[Card], bool],
    report: Report,
    times: Mapping[str, float],
) -> list[Item]:
    """Return what can be selected in a drawing, in the order in which an image passes it.

    Args:
        graph: The graph drawn.
        cards: Its cards.
        is_open: Whether a card has its layers written out.
        report: Its analysis.
        times: Seconds of each layer, by name; empty where they are not measured.
    """
    header: dict[Node, int] = {}
    place: dict[Node, int] = {}
    drafts: list[tuple[str, str, str]] = []  # of each item its id, text and parent
    for card in cards:
        own = [report[node.name] for node in card.nodes]
        title = len(drafts)
        drafts.append((card.id, _facts(card.title, card.prefix, own, card.output, times), ""))
        opened = is_open(card)
        for node, row in zip(card.nodes, own, strict=True):
            header[node] = title
            place[node] = len(drafts) if opened else title
            if opened:
                text = _facts(node.name, node.kind, [row], node, times)
                drafts.append((layer_id(node), text, card.id))
    feeds: dict[int, set[int]] = {}
    for node in graph:
        for source in node.inputs:
            if place[source] != place[node]:
                feeds.setdefault(place[source], set()).add(place[node])
            # One comes into a card that is written out by its title, and from there to its layers.
            if header[source] != header[node]:
                feeds.setdefault(place[source], set()).add(header[node])
        if header[node] == place[node] - 1:
            feeds.setdefault(header[node], set()).add(place[node])
    return [
        Item(selection, text, tuple(sorted(feeds.get(i, ()))), parent)
        for i, (selection, text, parent) in enumerate(drafts)
    ]


def _facts(
    title: str, kind: str, rows: Sequence[LayerReport], output: Node, times: Mapping[str, float]
) -> str:
    figures = []
    for quantity in QUANTITIES.values():
        if quantity.is_measured and not times:
            continue
        total = quantity.total(rows, times)
        if total.value or not quantity.is_measured:
            figures.append(quantity.told(total) + quantity.of_sum * (len(rows) > 1))
    field = rows[-1].receptive_field
    sees = f"sees {size_text(field)} pixels" if field else "how far it sees is unknown"
    where = f"{size_text(output.shape)}, {stride_text(output.stride, output.shape)}, {sees}"
    heading = printable(f"{title} · {kind}" if kind else title)
    return "\n".join([heading, where, " · ".join(figures)])
