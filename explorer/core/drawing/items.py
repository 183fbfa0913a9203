"""What a diagram says of a layer, part by part, so that a browser can find each."""

from collections.abc import Callable, Mapping, Sequence

import attrs

from explorer.core.analysis.quantities import QUANTITIES
from explorer.core.analysis.report import LayerReport, Report
from explorer.core.drawing.boxes import Card
from explorer.core.formatting import printable, size_text, stride_text
from explorer.core.network.graph import Graph, Node
from explorer.core.network.names import layer_id


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
