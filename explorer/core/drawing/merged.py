"""Two networks in one diagram."""

from collections import Counter

import attrs

from explorer.core.analysis.comparison import Comparison
from explorer.core.analysis.quantities import PARAMETERS
from explorer.core.drawing.boxes import Card, Link, cards_of, links_of
from explorer.core.formatting import size_text
from explorer.core.network.graph import Node


@attrs.frozen
class Merged:
    """Two designs in one drawing.

    Attributes:
        cards: B's boxes, and those only in A after the one that they follow there.
        links: The links of both.
        notes: For each card that differs: the state, and lines that say what A has.
        states: Of each layer drawn, what became of it since A.
    """

    cards: list[Card]
    links: list[Link]
    notes: dict[str, tuple[str, ...]]
    states: dict[Node, str]


def merged(comparison: Comparison) -> Merged:
    """Return the boxes and links of both designs of a comparison."""
    cards_a, cards = cards_of(comparison.a), cards_of(comparison.b)
    links, links_a = links_of(comparison.b, cards), links_of(comparison.a, cards_a)
    of_a = {card.id: card for card in cards_a}
    title_of = {card.id: card.title for card in cards}
    notes: dict[str, tuple[str, ...]] = {}
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
            shape = f"A: {called}{size_text(there.output.shape)}"
            notes[block.id] = ("changed", shape, f"A: {params}")  # beneath, so that all fits a pane
        elif block.state != "same":
            notes[block.id] = (block.state,)
        before = block.id
    in_a, in_b = ({(link.source, link.target) for link in each} for each in (links_a, links))
    both = [
        attrs.evolve(link, state="" if (link.source, link.target) in in_a else "only in B")
        for link in links
    ]
    both += [
        attrs.evolve(link, state="only in A")
        for link in links_a
        if (link.source, link.target) not in in_b
    ]
    for i, card in enumerate(cards):
        if titles[card.stack, card.title] > 1:
            design = "A" if notes.get(card.id, ("",))[0] == "only in A" else "B"
            cards[i] = attrs.evolve(card, title=f"{card.title} of {design}")
    states: dict[Node, str] = {match.node: match.state for match in comparison.layers}
    return Merged(cards, both, notes, states)
