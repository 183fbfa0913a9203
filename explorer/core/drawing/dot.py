"""The boxes of a graph and their links, written as DOT.

A box is one table, since Graphviz lays out few large nodes far faster than many small ones. Each
layer that is written out has a cell by which a front end finds it. What boxes and cells are called
tells their place and never a name, which may hold anything.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from html import escape
from itertools import pairwise
from math import sqrt

import attrs
import graphviz

from explorer.core.analysis.quantities import PARAMETERS, QUANTITIES, Quantity, Total
from explorer.core.drawing.boxes import Card, Link, levels_of
from explorer.core.drawing.palette import LIGHT
from explorer.core.formatting import listed, printable, shortened, size_text, stride_text
from explorer.core.network.graph import Node
from explorer.core.network.names import layer_id
from explorer.core.network.parameters import parameter
from explorer.core.words.summaries import summaries

FONT = "Arial"
#: Titles. Graphviz loses about 3 KB at each drawing that has the tag for bold text.
BOLD = "Arial Bold"

#: Characters of a text from which on its middle is left out.
LONGEST = 80

#: Shares of the whole from which on a part has the next colour of the palette's scale.
SHARES = (0.01, 0.03, 0.1, 0.3)

#: Points that the largest feature is high, and the one with most channels is wide.
TALLEST, WIDEST = 130, 44
#: Most features of a block that are drawn as slabs; what a block of a DenseNet repeats is enough.
MOST_SLABS = 16


@attrs.frozen
class DiagramOptions:
    """How a graph is drawn.

    Attributes:
        detail: "blocks" sums up each block's layers; "layers" lists every layer with its shape.
        direction: "U": encoder down the left, decoder up the right, blocks of equal stride in one
            row; the others: one line in the order in which an image passes the blocks.
        colour_by: What colours tell: the role of a block and the kind of a layer, or the share of
            all parameters, MACs, memory or time.
        draw_sizes: Whether features are drawn as slabs, as papers do: as high as their height, as
            wide as the square root of their channels.
    """

    detail: str = parameter(
        "blocks",
        choices=("blocks", "layers"),
        doc="Sum up each block's layers, or list every layer with its shape.",
    )
    direction: str = parameter(
        "U",
        choices=("U", "left to right", "top to bottom"),
        doc="A U with a row for each resolution, or one line.",
    )
    colour_by: str = parameter(
        "kind",
        choices=("kind", *QUANTITIES),
        doc=f"Colour by kind of layer, or by the share of all {listed([*QUANTITIES], 'or')}.",
    )
    draw_sizes: bool = parameter(
        False,
        doc="Draw each feature as high as its height and as wide as its channels (square root).",
    )


@attrs.frozen(slots=False, kw_only=True)
class Drawing:
    """Everything that is written.

    Attributes:
        cards: The boxes, in the order in which an image passes them.
        links: The links between them.
        outputs: The layers whose outputs the model returns.
        options: How it is drawn.
        toggled: Ids of the cards that have the other detail than the options say.
        times: Seconds of each layer, by name; empty where they are not measured.
        notes: For cards that differ from another design: the state, and a line that says how.
        states: Of each layer, what became of it since another design; empty where there is none.
        handles: Whether cards have a handle that a front end can make toggle their detail.
    """

    cards: Sequence[Card]
    links: Sequence[Link]
    outputs: Sequence[Node]
    options: DiagramOptions
    toggled: Collection[str] = ()
    times: Mapping[str, float] = attrs.field(factory=dict)
    notes: Mapping[str, tuple[str, str]] = attrs.field(factory=dict)
    states: Mapping[Node, str] = attrs.field(factory=dict)
    handles: bool = False

    @cached_property
    def _called(self) -> dict[str, str]:
        """What each card is called in the drawing, by the card's id."""
        return {card.id: f"box{i}" for i, card in enumerate(self.cards)}

    @cached_property
    def _levels(self) -> list[tuple[str, list[Card]]]:
        """The rows of a U."""
        return levels_of(self.cards)

    @cached_property
    def places(self) -> dict[str, str]:
        """What is selected by each box, row and slab of the drawing, by the id that it has there.

        A layer's id is that of its box with the layer's place among the card's layers.
        """
        places = {}
        for card in self.cards:
            box = self._called[card.id]
            places[box] = card.id
            if self.options.draw_sizes or self.is_open(card):
                places |= {f"{box}_{i}": layer_id(node) for i, node in enumerate(card.nodes)}
        return places

    @cached_property
    def labels(self) -> dict[str, str]:
        """The table of each card, by id."""
        return {card.id: self._table(card) for card in self.cards}

    def is_open(self, card: Card) -> bool:
        """Return whether a card's layers are written out."""
        return card.is_block and (self.options.detail == "layers") != (card.id in self.toggled)

    def dot(self) -> str:
        """Return the drawing in Graphviz' language."""
        in_rows = self.options.direction == "U"
        dot = graphviz.Digraph(
            "model",
            graph_attr={
                "bgcolor": "white",
                "newrank": "true",
                "nodesep": "0.5" if self.states else "0.2",  # room for the arrows' letters
                "ranksep": "0.45" if self.options.direction != "left to right" else "0.3",
                "rankdir": "LR" if self.options.direction == "left to right" else "TB",
                "fontname": FONT,
                "pad": "0.1",
            },
            node_attr={
                "shape": "plain",
                "fontname": FONT,
                "fontsize": "11",
                "fontcolor": LIGHT.text,
            },
            edge_attr={
                "color": LIGHT.line,
                "penwidth": "1.4",
                "arrowsize": "0.7",
                "fontname": FONT,
                "fontsize": "9",
            },
        )
        if in_rows:
            self._write_rows(dot)
        else:
            for card in self.cards:
                self._write_card(dot, card)
        levels = enumerate(self._levels)
        level_of = {card.id: level for level, (_, cards) in levels for card in cards}
        for link in self.links:
            rises = in_rows and level_of[link.source] > level_of[link.target]
            self._write_link(dot, link, rises)
        return str(dot.source)

    def _write_rows(self, dot: graphviz.Digraph) -> None:
        """Write the cards with those of equal stride in one row, the smallest on top."""
        levels = self._levels
        for level, (name, cards) in enumerate(levels):
            with dot.subgraph() as row:
                row.attr(rank="same")
                row.node(f"level-{level}", name, fontcolor=LIGHT.muted, group="levels")
                for card in cards:
                    self._write_card(row, card)
        for upper, lower in pairwise(range(len(levels))):
            dot.edge(f"level-{upper}", f"level-{lower}", style="invis", weight="10")
        # Keep each row in the order in which an image passes it, left to right.
        linked = {(self._called[link.source], self._called[link.target]) for link in self.links}
        for level, (_, cards) in enumerate(levels):
            for ends in pairwise([f"level-{level}", *(self._called[card.id] for card in cards)]):
                if ends not in linked:
                    dot.edge(*ends, style="invis")

    def _write_card(self, dot: graphviz.Digraph, card: Card) -> None:
        # Nodes of a group are placed below each other, which straightens the U's sides.
        group = f"{card.stack}-{card.role}" if self.options.direction == "U" else ""
        label = f"<{self.labels[card.id]}>"
        box = self._called[card.id]
        dot.node(box, label, id=box, group=group)

    def _write_link(self, dot: graphviz.Digraph, link: Link, rises: bool) -> None:
        style = {"weight": "4"}
        if link.is_skip:
            colour = LIGHT.line if self.states else LIGHT.skip
            style = {"weight": "1", "style": "dashed", "color": colour}
        if link.state:
            colour = LIGHT.states[link.state]
            # A letter only: Graphviz and browsers disagree on the width of longer texts. And an
            # xlabel, since "label" within a row can fail an assertion, which ends the kernel.
            style |= {"color": colour, "fontcolor": colour, "penwidth": "2.4"}
            style |= {"xlabel": f"  {link.state[-1]}  ", "fontname": BOLD, "fontsize": "12"}
        if link.state == "only in A":
            style |= {"style": "dotted", "weight": "1"}
        source, target = self._called[link.source], self._called[link.target]
        style["id"] = f"link_{source}_{target}"
        if rises:  # drawn downwards for the layout, with the arrow at the upper end
            dot.edge(target, source, dir="back", **style)
        else:
            dot.edge(source, target, **style)

    @cached_property
    def _measured(self) -> Quantity | None:
        """What colours tell a share of; None if they tell kinds."""
        return QUANTITIES.get(self.options.colour_by)

    @cached_property
    def _whole(self) -> Total:
        nodes = [
            node
            for card in self.cards
            if self.notes.get(card.id, ("", ""))[0] != "only in A"
            for node in card.nodes
        ]
        return self._measured.total(nodes, self.times) if self._measured else Total(None)

    def _share(self, nodes: Sequence[Node]) -> float | None:
        if self._measured is None:
            return None
        return self._measured.total(nodes, self.times).share_of(self._whole)

    def _figure(self, nodes: Sequence[Node]) -> str:
        """Return the figure that colours tell of, with its share of the whole if known."""
        assert self._measured is not None
        total = self._measured.total(nodes, self.times)
        text, share = self._measured.told(total), total.share_of(self._whole)
        return text if share is None else f"{share:.1%} · {text}"

    def _colour(self, node: Node) -> str:
        """Return the colour of a layer's mark or slab."""
        if self._measured is not None:
            return scale_colour(self._share([node]))
        if self.states:
            return LIGHT.states.get(self.states[node], LIGHT.line)
        return LIGHT.families[node.layer.family]

    def _colours(self, card: Card, state: str) -> tuple[str, str]:
        """Return the colours of a card's header and body."""
        header, body = LIGHT.compared[state or "same"] if self.states else LIGHT.cards[card.role]
        return header, body if self._measured is None else scale_colour(self._share(card.nodes))

    def _muted(self, text: str) -> str:
        # The scale's darker colours leave too little contrast for anything but plain text.
        if self._measured is not None:
            return _text(text)
        return f'<FONT COLOR="{LIGHT.muted}">{_text(text)}</FONT>'

    def _table(self, card: Card) -> str:
        state, note = self.notes.get(card.id, ("", ""))
        header, body = self._colours(card, state)
        opened, output = self.is_open(card), card.output
        rows = [_bold(size_text(output.shape)) + ("  output" if output in self.outputs else "")]
        if state:
            rows.insert(0, _bold(state) + f"  {_text(note)}" * bool(note))
        if facts := self._card_facts(card):
            rows.append(self._muted(facts))
        if not opened and card.role != "input" and not self.options.draw_sizes:
            rows += [_text(line) for line in summaries(card.nodes, _channels(card.output))]
        lines = "".join(_line(row) for row in rows)
        if self.options.draw_sizes:
            lines += self._slabs(card, opened)
        if opened:
            lines += "".join(self._layer_row(card, i) for i in range(len(card.nodes)))
        border = f'BORDER="{4 if state else 1}" COLOR="{LIGHT.states[state] if state else header}"'
        if state == "only in A":
            border += ' STYLE="dashed"'
        return (
            f'<TABLE {border} BGCOLOR="{body}" CELLBORDER="0" CELLSPACING="0"'
            f' CELLPADDING="3">{self._header(card, header, opened)}{lines}</TABLE>'
        )

    def _header(self, card: Card, colour: str, opened: bool) -> str:
        title = _bold(card.title)
        if opened and card.prefix:  # with which the names of its layers begin
            title += f'   <FONT POINT-SIZE="9">{_text(card.prefix)}</FONT>'
        handle = ""
        if self.handles and card.is_block:
            sign = "−" if opened else "+"
            handle = (
                f'<TD BGCOLOR="{colour}" ALIGN="RIGHT" ID="\\N_toggle" TITLE="layers">'
                f'<FONT COLOR="{LIGHT.header_text}">{_bold(sign)}</FONT></TD>'
            )
        return (
            f'<TR><TD BGCOLOR="{colour}" COLSPAN="{3 if handle else 4}" ALIGN="LEFT">'
            f'<FONT COLOR="{LIGHT.header_text}">{title}</FONT></TD>{handle}</TR>'
        )

    def _card_facts(self, card: Card) -> str:
        """Return where the positions lie, where no row of a U says so, and the card's figure."""
        in_rows = self.options.direction == "U"
        facts = [] if in_rows else [stride_text(card.output.stride, card.output.shape)]
        if self._measured is None:
            total = PARAMETERS.total(card.nodes)
            facts += [PARAMETERS.told(total)] if total.value else []
        elif card.role != "input":
            facts.append(self._figure(card.nodes))
        return " · ".join(facts)

    def _layer_row(self, card: Card, place: int) -> str:
        # The first cell is the mark by which a front end finds the row. For Graphviz, \N is what
        # the box is called: a label is the same wherever its box stands.
        node = card.nodes[place]
        measured = self._measured is not None
        shade = f' BGCOLOR="{self._colour(node)}"' if measured else ""
        cells = (
            _text(node.name.removeprefix(f"{card.prefix}_")),
            self._muted(self._figure([node]) if measured else node.layer.summary),
            self._muted(size_text(node.shape)),
        )
        return (
            f'<TR><TD ID="\\N_{place}" TITLE="row" WIDTH="8" CELLPADDING="0"'
            f' BGCOLOR="{self._colour(node)}"> </TD>'
            + "".join(f'<TD ALIGN="LEFT"{shade}>{cell}</TD>' for cell in cells)
            + "</TR>"
        )

    @cached_property
    def _largest(self) -> tuple[int, int]:
        """Return the largest height and the most channels of all features."""
        nodes = [node for card in self.cards for node in card.nodes]
        return max(map(_height, nodes)), max(map(_channels, nodes))

    def _slabs(self, card: Card, opened: bool) -> str:
        """Return a row of slabs, one for each feature that has a size of its own."""
        shown = [
            i
            for i, node in enumerate(card.nodes)
            if node.layer.family not in ("normalisation", "activation", "other") or not node.inputs
        ] or [len(card.nodes) - 1]
        cells = [self._slab(card, i, findable=not opened) for i in shown[:MOST_SLABS]]
        if len(shown) > MOST_SLABS:
            cells.append(f"<TD>and {len(shown) - MOST_SLABS} more</TD>")
        return _line(
            '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="0"><TR>'
            + "".join(cells)
            + "</TR></TABLE>"
        )

    def _slab(self, card: Card, place: int, findable: bool) -> str:
        node = card.nodes[place]
        tallest, most = self._largest
        height = max(4, round(TALLEST * _height(node) / tallest))
        width = max(4, round(WIDEST * sqrt(_channels(node) / most)))
        name = f'ID="\\N_{place}" TITLE="slab"' if findable else ""
        return (
            f'<TD><TABLE {name} BORDER="1" COLOR="{LIGHT.line}" CELLBORDER="0" CELLSPACING="0"'
            f' CELLPADDING="0" FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"'
            f' BGCOLOR="{self._colour(node)}"><TR><TD></TD></TR></TABLE></TD>'
        )


def _height(node: Node) -> int:
    """Return how high a feature is; one without positions counts as one of a single one."""
    return node.shape[0] if len(node.shape) > 1 else 1


def _channels(node: Node) -> int:
    return node.shape[-1] if node.shape else 1


def scale_colour(share: float | None) -> str:
    """Return the colour of a part that has this share of the whole; the lightest if unknown."""
    return LIGHT.scale[sum((share or 0) >= limit for limit in SHARES)]


def _line(content: str) -> str:
    return f'<TR><TD COLSPAN="4" ALIGN="LEFT">{content}</TD></TR>'


def _bold(text: str) -> str:
    return f'<FONT FACE="{BOLD}">{_text(text)}</FONT>'


def _text(text: str) -> str:
    """Return a text as a label has to write it to show it as it is."""
    # For Graphviz, a backslash with a letter stands for a name.
    return escape(printable(shortened(text, LONGEST))).replace("\\", r"\\")
