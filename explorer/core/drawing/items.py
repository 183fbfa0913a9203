"""What a diagram says of a layer, part by part, so that a browser can find each."""

from collections.abc import Mapping, Sequence

import attrs

from explorer.core.analysis.quantities import QUANTITIES
from explorer.core.analysis.report import LayerReport, Report
from explorer.core.drawing.boxes import Card, Row
from explorer.core.formatting import printable, size_text, stride_text
from explorer.core.network.graph import Graph, Node


@attrs.frozen
class Item:
    """Something in the drawing that can be selected: a card, or a row of the list in it.

    Attributes:
        id: Its selection.
        text: Its facts, a line each.
        feeds: Places, in the list of items, of those that it feeds.
        parent: Id of the card that a row is written in; empty for a card.
        is_fold: Whether it is a row of repeated layers.
    """

    id: str
    text: str
    feeds: tuple[int, ...] = ()
    parent: str = ""
    is_fold: bool = False


def items_of(
    graph: Graph,
    cards: Sequence[Card],
    rows: Mapping[str, Sequence[Row]],
    report: Report,
    times: Mapping[str, float],
) -> list[Item]:
    """Return what can be selected in a drawing, in the order in which an image passes it.

    Args:
        graph: The graph drawn.
        cards: Its cards.
        rows: Of each card's list, by the card's id; none where its layers are not written out.
        report: Its analysis.
        times: Seconds of each layer, by name; empty where they are not measured.
    """
    header: dict[Node, int] = {}
    place: dict[Node, int] = {}
    drafts: list[Item] = []
    for card in cards:
        own = {node: report[node.name] for node in card.nodes}
        title = len(drafts)
        text = _facts(card.title, card.prefix, [*own.values()], card.output, times)
        drafts.append(Item(card.id, text))
        header |= dict.fromkeys(card.nodes, title)
        place |= dict.fromkeys(card.nodes, title)
        for row in rows[card.id]:
            first, last = row.nodes[0], row.nodes[-1]
            kind = f"{first.name} to {last.name}" if row.times else first.kind
            text = _facts(row.title, kind, [own[node] for node in row.nodes], last, times)
            place |= dict.fromkeys(row.nodes, len(drafts))
            drafts.append(Item(row.id, text, parent=card.id, is_fold=row.times > 0))
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
        attrs.evolve(draft, feeds=tuple(sorted(feeds.get(i, ())))) for i, draft in enumerate(drafts)
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
