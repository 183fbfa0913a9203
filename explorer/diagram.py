"""A graph as a picture: the U of an encoder-decoder, laid out by Graphviz in this process.

Three steps, three jobs: gather the graph's blocks and the links between them, write them as
DOT, let Graphviz place and draw them.
"""

import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Literal

import attrs
import graphviz
import pygraphviz

from explorer.graph import Block, Graph, Node, depth_first
from explorer.layers import MaxPooling2D
from explorer.palette import LIGHT
from explorer.summaries import summaries, summary

Detail = Literal["blocks", "layers"]

FONT = "Arial"
#: Titles. Graphviz loses about 3 KB at each drawing that has the tag for bold text.
BOLD = "Arial Bold"


@attrs.frozen
class Card:
    """One box of the drawing.

    Attributes:
        id: Identifier of its node, made from its name.
        title: What it is called.
        prefix: Start of its layers' names.
        role: "input" or a block's role.
        stack: Index of its stack, or None before the first.
        nodes: The layers that it stands for.
        level: Stride of the row that it stands in.
    """

    id: str
    title: str
    prefix: str
    role: str
    stack: int | None
    nodes: tuple[Node, ...]
    level: object

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
    """

    source: str
    target: str
    is_skip: bool


@attrs.frozen
class Diagram:
    """A drawing of a graph.

    Attributes:
        dot: The drawing in Graphviz' language; the same for equal architectures.
    """

    dot: str = attrs.field(repr=False)

    def svg(self) -> str:
        """Return the drawing as an SVG element, without an XML header."""
        svg = _with_weights(self._draw("svg").decode())
        return svg[svg.index("<svg") :]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawing to a file.

        Args:
            path: Where to; the ending says what: .svg, .pdf, .png or .dot.

        Raises:
            ValueError: If the ending is another one.
        """
        path = Path(path)
        ending = path.suffix.lower().removeprefix(".")
        if ending == "dot":
            path.write_text(self.dot, encoding="utf-8")
        elif ending == "svg":
            path.write_text(_with_weights(self._draw("svg").decode()), encoding="utf-8")
        elif ending in ("pdf", "png"):
            path.write_bytes(self._draw(ending))
        else:
            raise ValueError(
                f"A diagram can't be saved as {path.name!r}: use .svg, .pdf, .png or .dot."
            )

    def _draw(self, file_format: str) -> bytes:
        _load_fonts()
        drawn: bytes = pygraphviz.AGraph(string=self.dot).draw(format=file_format, prog="dot")
        return drawn

    def _repr_svg_(self) -> str:
        return self.svg()


def _with_weights(svg: str) -> str:
    """Write bold fonts as browsers know them: a family and a weight."""
    return svg.replace(f'font-family="{BOLD}"', f'font-family="{FONT}" font-weight="bold"')


@lru_cache(maxsize=1)
def _load_fonts() -> None:
    """Have Graphviz load the system's fonts, once, without what the font library prints.

    It warns of font settings that are newer than itself, which is nothing a user can act on, and a
    notebook shows what any library prints in red.
    """
    with suppress(OSError):  # there may be no error stream to turn off
        sys.stderr.flush()
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            pygraphviz.AGraph(string="digraph { a }").draw(format="svg", prog="dot")
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def diagram(graph: Graph, detail: Detail = "blocks") -> Diagram:
    """Return the drawing of a graph: encoder down the left, decoder up the right, skips across.

    Args:
        graph: As `trace` returns it.
        detail: "blocks" sums up each block's layers; "layers" lists every layer with its shape.

    Raises:
        ValueError: If the detail is another one.
    """
    if detail not in ("blocks", "layers"):
        raise ValueError(f"detail={detail!r} is unknown: use 'blocks' or 'layers'.")
    cards = _cards(graph)
    return Diagram(_dot(cards, _links(graph, cards), graph, detail))


def _cards(graph: Graph) -> list[Card]:
    """Return the boxes in the order in which an image passes them."""
    groups: dict[Block | Node, list[Node]] = {}
    for node in depth_first(graph.outputs)[0]:
        groups.setdefault(node.block or node, []).append(node)
    cards: list[Card] = []
    count: Counter[tuple[int | None, str]] = Counter()
    for key, nodes in sorted(groups.items(), key=lambda group: _place(group[1][0].block)):
        stack = None
        if isinstance(key, Node):
            title, prefix, role = key.name.replace("_", " "), "", "input"
        else:
            prefix, role, stack = key.name, key.role, key.stack
            # Middle blocks are encoder blocks too: each role counts its own.
            title = f"{role} {count[stack, role]}"
            count[stack, role] += 1
        card_id = f"block-{key.name}"
        cards.append(Card(card_id, title, prefix, role, stack, tuple(nodes), _level(nodes)))
    return cards


_ORDER = {"encoder": 0, "middle": 0, "decoder": 1, "head": 2, "merge": 3}


def _place(block: Block | None) -> tuple[int, int, int]:
    """Return what to sort blocks by: the input, the stem, then each stack's blocks."""
    if block is None:
        return -2, 0, 0
    if block.stack is None:
        return -1, 0, block.index
    return block.stack, _ORDER[block.role], block.index


def _level(nodes: Sequence[Node]) -> object:
    """Return the stride at which a block works: a pooling at its end belongs to the next level."""
    working = [node for node in nodes if not isinstance(node.layer, MaxPooling2D)]
    return (working or nodes)[-1].stride


def _links(graph: Graph, cards: Sequence[Card]) -> list[Link]:
    card_of = {node: card for card in cards for node in card.nodes}
    path = [card.id for card in cards if card.role != "head"]
    position = {card_id: i for i, card_id in enumerate(path)}
    links: dict[tuple[str, str], Link] = {}
    for node in graph:
        for source in node.inputs:
            ends = card_of[source].id, card_of[node].id
            if ends[0] != ends[1]:
                skips = position.get(ends[1], 0) - position[ends[0]] > 1
                links.setdefault(ends, Link(*ends, is_skip=skips))
    return list(links.values())


def size_text(shape: Sequence[int]) -> str:
    """Return a shape as "height × width × channels"."""
    return " × ".join(map(str, shape))


def _dot(cards: list[Card], links: list[Link], graph: Graph, detail: Detail) -> str:
    dot = graphviz.Digraph(
        "model",
        graph_attr={
            "bgcolor": "white",
            "newrank": "true",
            "nodesep": "0.3",
            "ranksep": "0.45",
            "fontname": FONT,
            "pad": "0.1",
        },
        node_attr={"shape": "plain", "fontname": FONT, "fontsize": "11", "fontcolor": LIGHT.text},
        edge_attr={"color": LIGHT.line, "penwidth": "1.4", "arrowsize": "0.7"},
    )
    level_of = {card.id: card.level for card in cards}
    levels: dict[object, list[Card]] = {}
    for card in cards:
        levels.setdefault(card.level, []).append(card)
    strides = sorted(levels)  # type: ignore[type-var]
    for stride in strides:
        with dot.subgraph() as row:
            row.attr(rank="same")
            row.node(f"level-{stride}", f"stride {stride}", fontcolor=LIGHT.muted, group="levels")
            for card in levels[stride]:
                label = f"<{_table(card, detail, graph.outputs)}>"
                # Nodes of a group are placed below each other, which straightens the U's sides.
                group = f"{card.stack}-{card.role}"
                row.node(card.id, label, id=card.id, tooltip=card.title, group=group)
    for upper, lower in pairwise(strides):
        dot.edge(f"level-{upper}", f"level-{lower}", style="invis", weight="10")
    _order_rows(dot, levels, links)
    for link in links:
        _draw_link(dot, link, rises=level_of[link.source] > level_of[link.target])  # type: ignore[operator]
    return str(dot.source)


def _order_rows(dot: graphviz.Digraph, levels: dict[object, list[Card]], links: list[Link]) -> None:
    """Keep each row in the order in which an image passes it, left to right."""
    linked = {(link.source, link.target) for link in links}
    for stride, row in levels.items():
        ids = [f"level-{stride}", *(card.id for card in row)]
        for left, right in pairwise(ids):
            if (left, right) not in linked:
                dot.edge(left, right, style="invis")


def _draw_link(dot: graphviz.Digraph, link: Link, rises: bool) -> None:
    style = {"color": LIGHT.skip, "style": "dashed", "weight": "1"} if link.is_skip else {}
    style["id"] = f"link-{link.source}-{link.target}".replace("block-", "")
    if rises:  # drawn downwards for the layout, with the arrow at the upper end
        dot.edge(link.target, link.source, dir="back", weight="4", **style)
    else:
        dot.edge(link.source, link.target, **{"weight": "4", **style})


def _table(card: Card, detail: Detail, outputs: Sequence[Node]) -> str:
    header, body = LIGHT.cards[card.role]
    output = card.output
    head = (
        f'<TR><TD BGCOLOR="{header}" COLSPAN="3" ALIGN="LEFT"><FONT COLOR="{LIGHT.header_text}">'
        f'{_bold(card.title)}   <FONT POINT-SIZE="9">{escape(card.prefix) or " "}</FONT>'
        "</FONT></TD></TR>"
    )
    params = sum(sum(node.layer.weights(node.input_shapes)) for node in card.nodes)
    facts = f"stride {output.stride}" + (f" · {params:,} parameters" if params else "")
    rows = [
        _bold(size_text(output.shape)) + ("  output" if output in outputs else ""),
        _muted(facts),
    ]
    if detail == "blocks" and card.role != "input":
        rows += [escape(line) for line in summaries(card.nodes)]
    lines = "".join(f'<TR><TD COLSPAN="3" ALIGN="LEFT">{row}</TD></TR>' for row in rows)
    if detail == "layers" and card.role != "input":
        lines += "".join(_layer_row(node, card.prefix) for node in card.nodes)
    return (
        f'<TABLE BORDER="1" COLOR="{header}" BGCOLOR="{body}" CELLBORDER="0" CELLSPACING="0"'
        f' CELLPADDING="3">{head}{lines}</TABLE>'
    )


def _bold(text: str) -> str:
    return f'<FONT FACE="{BOLD}">{escape(text)}</FONT>'


def _muted(text: str) -> str:
    return f'<FONT COLOR="{LIGHT.muted}">{escape(text)}</FONT>'


def _layer_row(node: Node, prefix: str) -> str:
    cells = (
        escape(node.name.removeprefix(f"{prefix}_")),
        _muted(summary(node.layer)),
        _muted(size_text(node.shape)),
    )
    return "<TR>" + "".join(f'<TD ALIGN="LEFT">{cell}</TD>' for cell in cells) + "</TR>"
