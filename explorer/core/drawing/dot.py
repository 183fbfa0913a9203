"""The boxes of a graph and their links, written as DOT.

A box is one table, since Graphviz lays out few large nodes far faster than many small ones. Each
layer that is written out has a cell by which a front end finds it. What boxes and cells are called
tells their place and never a name, which may hold anything.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from html import escape
from itertools import pairwise, zip_longest
from math import ceil, sqrt

import attrs
import graphviz

from explorer.core.analysis.quantities import PARAMETERS, QUANTITIES, Quantity, Total
from explorer.core.drawing.boxes import (
    Card,
    Link,
    Rail,
    Row,
    column_height,
    folded_rows_of,
    levels_of,
    rails_of,
    rows_of,
)
from explorer.core.drawing.fonts import width_of
from explorer.core.drawing.palette import LIGHT
from explorer.core.formatting import listed, printable, shortened, size_text, stride_text
from explorer.core.network.graph import Node, channels_of, height_of
from explorer.core.network.names import layer_id
from explorer.core.network.parameters import parameter
from explorer.core.words.summaries import summaries

FONT = "Arial"
#: Titles. Graphviz loses about 3 KB at each drawing that has the tag for bold text.
BOLD = "Arial Bold"

#: Points that texts are high, a line of them is, and the padding of cells is wide.
SIZE, LINE, PADDING = 11, 14, 3
#: Points between columns of a list.
GUTTER = 8
#: Numbers that change have at least the place of these, so that boxes stay as they are: channels of
#: a box, those of layers that it lists, and parameters.
CHANNELS_ROOM, LISTED_ROOM, PARAMETERS_ROOM = 100, 1000, ("00,000", "000,000", "00,000,000")
#: The filters in what a layer does; parameters in what is told of a box.
_FILTERS, _PARAMETERS = re.compile(r", \d+"), re.compile(r"\d[\d,]*(?= parameter)")

#: Characters of a text from which on its middle is left out.
LONGEST = 80

#: Shares of the whole from which on a part has the next colour of the palette's scale.
SHARES = (0.01, 0.03, 0.1, 0.3)

#: Points that the largest feature is high, and the one with most channels is wide.
TALLEST, WIDEST = 130, 44
#: Most features of a block that are drawn as slabs; what a block of a DenseNet repeats is enough.
MOST_SLABS = 16


#: How much is written of a block, the least first.
DETAILS = ("outline", "blocks", "layers")


@attrs.frozen
class DiagramOptions:
    """How a graph is drawn.

    Attributes:
        detail: "outline" names each block and its shape; "blocks" sums up its layers; "layers"
            lists every layer with its shape.
        direction: "U": encoder down the left, decoder up the right, blocks of equal stride in one
            row; the others: one line in the order in which an image passes the blocks.
        colour_by: What colours tell: the role of a block and the kind of a layer, or the share of
            all parameters, MACs, memory or time.
        draw_sizes: Whether features are drawn as slabs, as papers do: as high as their height, as
            wide as the square root of their channels.
    """

    detail: str = parameter(
        "blocks",
        choices=DETAILS,
        doc="Blocks alone, what each block does, or every layer with its shape.",
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
        toggled: Ids of the cards that have the other detail than the options say, and of the rows
            of repeated layers that are listed all the same.
        times: Seconds of each layer, by name; empty where they are not measured.
        notes: For cards that differ from another design: the state, and lines that say how.
        states: Of each layer, what became of it since another design; empty where there is none.
        fold: Whether repeated layers of a list have one row.
        handles: Whether cards have a handle that a front end can make toggle their detail.
    """

    cards: Sequence[Card]
    links: Sequence[Link]
    outputs: Sequence[Node]
    options: DiagramOptions
    toggled: Collection[str] = ()
    times: Mapping[str, float] = attrs.field(factory=dict)
    notes: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    states: Mapping[Node, str] = attrs.field(factory=dict)
    fold: bool = False
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

        A row's id is that of its box with the row's place in the card's list.
        """
        places = {}
        for card in self.cards:
            box = self._called[card.id]
            places[box] = card.id
            rows = self.rows[card.id]
            if self.options.draw_sizes and not rows:
                rows = rows_of(card)
            places |= {f"{box}_{i}": row.id for i, row in enumerate(rows)}
        return places

    @cached_property
    def rows(self) -> dict[str, list[Row]]:
        """The rows of each card's list, by id; none where its layers are not written out."""
        return {card.id: self._rows_of(card) if self.is_open(card) else [] for card in self.cards}

    def _rows_of(self, card: Card) -> list[Row]:
        if not self.fold:
            return rows_of(card)
        rows: list[Row] = []
        for row in folded_rows_of(card, self.states):
            is_listed = row.times and row.id in self.toggled
            rows += [Row((node,)) for node in row.nodes] if is_listed else [row]
        return rows

    @cached_property
    def _place_of(self) -> dict[Node, int]:
        """The place of each layer's row in the list of its card."""
        return {
            node: place
            for rows in self.rows.values()
            for place, row in enumerate(rows)
            for node in row.nodes
        }

    def row_of(self, selected: str) -> str:
        """Return the id of the row in which a selected layer is folded; empty if it is not."""
        folded = (row for rows in self.rows.values() for row in rows if row.times)
        ids = (row.id for row in folded if selected in map(layer_id, row.nodes))
        return next(ids, "")

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
                # Arrows with letters need room for these.
                "nodesep": "0.5" if any(link.state for link in self.links) else "0.18",
                "ranksep": "0.34",
                "rankdir": "LR" if self.options.direction == "left to right" else "TB",
                "fontname": FONT,
                "pad": "0.04",
            },
            node_attr={
                "shape": "plain",
                "fontname": FONT,
                "fontsize": str(SIZE),
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
        for ends, link in self._lines.items():
            rises = in_rows and level_of[link.source] > level_of[link.target]
            self._write_link(dot, ends, link, rises)
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

    @cached_property
    def _lines(self) -> dict[tuple[str, str], Link]:
        """The lines, by where each begins and ends: a box, or a row of one.

        Where a box is closed, all that go from it to the same end are one; a skip is what is shown.
        """
        lines: dict[tuple[str, str], Link] = {}
        for link in self.links:
            ends = (
                self._end(link, link.source, link.leaves, -1),
                self._end(link, link.target, link.enters, 0),
            )
            if ends not in lines or link.is_skip:
                lines[ends] = link
        return lines

    def _end(self, link: Link, card_id: str, node: Node, usual: int) -> str:
        """Return where a line begins or ends: at a row where that is not the usual one of a box."""
        box, place = self._called[card_id], self._ported(link, card_id, node, usual)
        if place is None:
            return box
        side = "w" if usual == 0 and self.options.direction != "top to bottom" else "e"
        last = (len(self.rows[card_id]) - 1) // self._heights[card_id]
        column = place // self._heights[card_id]
        if column != (0 if side == "w" else last):  # other rows stand there
            side = "e" if side == "w" else "w"
        return f"{box}:{side}{place}:{side}"

    def _ported(self, link: Link, card_id: str, node: Node, usual: int) -> int | None:
        """Return the place of the row at which a line ends; None if it ends at the box."""
        place = self._place_of.get(node)
        is_usual = place is not None and place == usual % len(self.rows[card_id])
        return None if is_usual and not link.is_skip else place

    @cached_property
    def _heights(self) -> dict[str, int]:
        """How many rows each column of a card's list has, by the card's id."""
        ends: dict[str, set[int]] = {card.id: set() for card in self.cards}
        for link in self.links:
            for end in ((link.source, link.leaves, -1), (link.target, link.enters, 0)):
                if (place := self._ported(link, *end)) is not None:
                    ends[end[0]].add(place)
        return {id: column_height(len(self.rows[id]), places) for id, places in ends.items()}

    def _write_link(
        self, dot: graphviz.Digraph, ends: tuple[str, str], link: Link, rises: bool
    ) -> None:
        style = {"weight": "1" if any(":" in end for end in ends) else "4"}
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
        source, target = ends
        style["id"] = "_".join(("link", *(end.rpartition(":")[0] or end for end in ends)))
        style["id"] = style["id"].replace(":", "_")
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
            if self.notes.get(card.id, ("",))[0] != "only in A"
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

    def _muted(self, text: str, room: str = "") -> "_Words":
        # The scale's darker colours leave too little contrast for anything but plain text.
        colour = "" if self._measured is not None else LIGHT.muted
        return _words(text, colour=colour, room=room)

    def _table(self, card: Card) -> str:
        state, *notes = self.notes.get(card.id, ("",))
        header, body = self._colours(card, state)
        opened, output = self.is_open(card), card.output
        room = "" if card.role == "input" else _size_room(output, CHANNELS_ROOM)
        size = _words(size_text(output.shape), bold=True, room=room)
        rows = [[size, _words("output")] if output in self.outputs else [size]]
        rows[:0] = [[_words(note)] for note in notes]
        is_bare = self.options.detail == "outline" and not opened
        is_told = not is_bare or self._measured is not None  # what colours tell, from afar, too
        if is_told and (facts := self._facts[card.id]):
            room = PARAMETERS_ROOM[-1] if opened else self._parameters_room
            rows.append([self._muted(facts, _PARAMETERS.sub(room, facts))])
        if not (opened or is_bare or card.role == "input" or self.options.draw_sizes):
            rows += [[_words(line)] for line in summaries(card.nodes, channels_of(card.output))]
        columns = self._columns(card)
        across = sum(column.width for column in columns) + len(columns) - 1 if columns else 4
        widest = max(map(_width, rows))
        lines = "".join(_line(_cell(row, f'COLSPAN="{across}"', least=widest)) for row in rows)
        if self.options.draw_sizes:
            slabs = self._slabs(card, opened)
            lines += _line(f'<TD COLSPAN="{across}" ALIGN="LEFT">{slabs}</TD>')
        for beside in zip_longest(*(column.lines for column in columns), fillvalue=""):
            lines += _line("".join(beside))
        border = f'BORDER="{4 if state else 1}" COLOR="{LIGHT.states[state] if state else header}"'
        if state == "only in A":
            border += ' STYLE="dashed"'
        head = self._header(card, header, opened, across, state)
        return (
            f'<TABLE {border} BGCOLOR="{body}" CELLBORDER="0" CELLSPACING="0"'
            f' CELLPADDING="{PADDING}">{head}{lines}</TABLE>'
        )

    def _header(self, card: Card, colour: str, opened: bool, across: int, state: str) -> str:
        title = [_words(card.title, bold=True, colour=LIGHT.header_text)]
        if opened and card.prefix:  # with which the names of its layers begin
            title.append(_words(card.prefix, colour=LIGHT.header_text))
        if state:
            title.append(_words(state, colour=LIGHT.header_text))
        handle = ""
        if self.handles and card.is_block:
            sign = _words("−" if opened else "+", bold=True, colour=LIGHT.header_text)
            handle = _cell([sign], f'ID="\\N_toggle" TITLE="layers" BGCOLOR="{colour}"', "RIGHT")
        return _line(_cell(title, f'COLSPAN="{across - bool(handle)}" BGCOLOR="{colour}"') + handle)

    @cached_property
    def _facts(self) -> dict[str, str]:
        """What is told of each card, by its id."""
        return {card.id: self._card_facts(card) for card in self.cards}

    @cached_property
    def _parameters_room(self) -> str:
        """The place of the most parameters that a card has: boxes stay when one of them grows."""
        found = map(_PARAMETERS.search, self._facts.values())
        most = max((number[0] for number in found if number), key=len, default="")
        return next((room for room in PARAMETERS_ROOM if len(room) >= len(most)), most)

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

    def _columns(self, card: Card) -> list["_Column"]:
        """Return the columns of a card's list, the first on the left."""
        rows, height = self.rows[card.id], self._heights[card.id]
        lanes, columns = rails_of(rows), []
        for start in range(0, len(rows), height):
            stop = min(start + height, len(rows))
            beside = [cells for lane in lanes if (cells := _rail_cells(lane, start, stop))]
            listed = rows[start:stop]
            does = max((_width([self._does(row)]) for row in listed if not row.times), default=0)
            size = max(_width([self._size(row)]) for row in listed)
            lines = [
                self._row(card, place, does, size)
                + "".join(cells.get(place, "") for cells in beside)
                for place in range(start, stop)
            ]
            width = 4 + len(beside)
            if start:
                gap = f'<TD ROWSPAN="{height}" CELLPADDING="0" WIDTH="{GUTTER}"></TD>'
                lines[0] = gap + lines[0]
            if missing := start + height - stop:
                lines.append(f'<TD ROWSPAN="{missing}" COLSPAN="{width}"></TD>')
            columns.append(_Column(lines, width))
        return columns

    def _does(self, row: Row) -> "_Words":
        """Return what stands beside a layer's name."""
        if self._measured is not None:
            return self._muted(self._figure(row.nodes))
        summary = row.nodes[-1].layer.summary
        return self._muted(summary, _FILTERS.sub(f", {LISTED_ROOM}", summary))

    def _size(self, row: Row) -> "_Words":
        node = row.nodes[-1]
        return self._muted(size_text(node.shape), _size_room(node, LISTED_ROOM))

    def _row(self, card: Card, place: int, does: int, size: int) -> str:
        """Return the cells of a row; the last two have at least these widths."""
        # The first cell is the mark by which a front end finds the row. For Graphviz, \N is what
        # the box is called: a label is the same wherever its box stands.
        rows = self.rows[card.id]
        row, node = rows[place], rows[place].nodes[-1]
        measured = self._measured is not None
        colours = {self._colour(each) for each in row.nodes}
        if measured:
            colours = {scale_colour(self._share(row.nodes))}
        colour = colours.pop() if len(colours) == 1 else LIGHT.muted
        shade = f'BGCOLOR="{colour}"' if measured else ""
        if place and not _feeds(rows[place - 1], row):  # a line keeps apart what is
            shade += f' BORDER="1" SIDES="T" COLOR="{LIGHT.line}"'
        if row.times:
            figure = f" · {self._figure(row.nodes)}" if measured else ""
            title = "+ " * self.handles + row.title + figure
            told = _cell([_words(title)], f'{shade} COLSPAN="2"')
        else:
            name = _words(node.name.removeprefix(f"{card.prefix}_"))
            told = _cell([name], shade) + _cell([self._does(row)], shade, least=does)
        return (
            f'<TD ID="\\N_{place}" TITLE="row" PORT="w{place}" WIDTH="8" CELLPADDING="0"'
            f' BGCOLOR="{colour}"></TD>{told}'
            + _cell([self._size(row)], f'{shade} PORT="e{place}"', least=size)
        )

    @cached_property
    def _largest(self) -> tuple[int, int]:
        """Return the largest height and the most channels of all features."""
        nodes = [node for card in self.cards for node in card.nodes]
        return max(map(height_of, nodes)), max(map(channels_of, nodes))

    def _slabs(self, card: Card, opened: bool) -> str:
        """Return a row of slabs, one for each feature that has a size of its own."""
        shown = [
            i
            for i, node in enumerate(card.nodes)
            if node.layer.family not in ("normalisation", "activation", "other") or not node.inputs
        ] or [len(card.nodes) - 1]
        cells = [self._slab(card, i, findable=not opened) for i in shown[:MOST_SLABS]]
        if len(shown) > MOST_SLABS:
            cells.append(_cell([_words(f"and {len(shown) - MOST_SLABS} more")]))
        return (
            '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="0">'
            f"{_line(''.join(cells))}</TABLE>"
        )

    def _slab(self, card: Card, place: int, findable: bool) -> str:
        node = card.nodes[place]
        tallest, most = self._largest
        height = max(4, round(TALLEST * height_of(node) / tallest))
        width = max(4, round(WIDEST * sqrt(channels_of(node) / most)))
        name = f'ID="\\N_{place}" TITLE="slab"' if findable else ""
        return (
            f'<TD><TABLE {name} BORDER="1" COLOR="{LIGHT.line}" CELLBORDER="0" CELLSPACING="0"'
            f' CELLPADDING="0" FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{height}"'
            f' BGCOLOR="{self._colour(node)}"><TR><TD></TD></TR></TABLE></TD>'
        )


def _size_room(node: Node, channels: int) -> str:
    return size_text((*node.shape[:-1], channels)) if node.shape else ""


def _feeds(upper: Row, lower: Row) -> bool:
    return any(source in upper.nodes for node in lower.nodes for source in node.inputs)


def scale_colour(share: float | None) -> str:
    """Return the colour of a part that has this share of the whole; the lightest if unknown."""
    return LIGHT.scale[sum((share or 0) >= limit for limit in SHARES)]


@attrs.frozen
class _Words:
    """A text as a label writes it, and how wide it is in points."""

    label: str
    width: float


@lru_cache(maxsize=4096)
def _words(text: str, *, bold: bool = False, colour: str = "", room: str = "") -> _Words:
    """Return a text as a label has to write it to show it as it is.

    Args:
        text: The text.
        bold: Whether it is bold.
        colour: Of the text; empty: the usual one.
        room: The text has at least the place that this one has.
    """
    text = printable(shortened(text, LONGEST))
    look = f' FACE="{BOLD}"' * bold + f' COLOR="{colour}"' * bool(colour)
    label = escape(text).replace("\\", r"\\")  # for Graphviz, \ and a letter stand for a name
    if look and label:  # an empty font is an error
        label = f"<FONT{look}>{label}</FONT>"
    weight = 700 if bold else 400
    return _Words(label, max(width_of(each, SIZE, weight) for each in (text, room)))


def _width(words: Sequence[_Words]) -> int:
    """Return the width of a cell with texts beside each other."""
    return sum(ceil(text.width) + 2 * PADDING for text in words)


def _cell(
    words: Sequence[_Words], attributes: str = "", align: str = "LEFT", least: int = 0
) -> str:
    """Return a cell with texts beside each other, as wide as they are, or at least so wide.

    Graphviz may hold them for narrower, and would place the second one by that.
    """
    *others, last = words
    if not others:
        width = max(least, _width(words))
        return f'<TD ALIGN="{align}" WIDTH="{width}" {attributes}>{last.label}</TD>'
    widths = [*(ceil(text.width) + 2 * PADDING for text in others), ceil(last.width)]
    cells = "".join(
        f'<TD ALIGN="LEFT" WIDTH="{width}">{text.label}</TD>'
        for text, width in zip(words, widths, strict=True)
    )
    return (
        f'<TD ALIGN="{align}" {attributes}><TABLE ALIGN="{align}" BORDER="0" CELLBORDER="0"'
        f' CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE" WIDTH="{sum(widths)}"'
        f' HEIGHT="{LINE}">{_line(cells)}</TABLE></TD>'
    )


@attrs.frozen
class _Column:
    """A column of a list: the cells of each line, and how many stand beside each other."""

    lines: list[str]
    width: int


def _rail_cells(lane: Sequence[Rail], start: int, stop: int) -> dict[int, str]:
    """Return the cells of a lane beside a column of layers, by the row in which each begins.

    A connection is a bracket, open towards the list: from each row that it comes from to the one
    that it goes to. In one that goes on in the next column, the side that it has there is missing.

    Args:
        lane: The connections.
        start: Place of the column's first row.
        stop: Place after its last.
    """
    cells = {}
    row = start
    for rail in lane:
        for source, after in pairwise((*rail.sources, rail.target + 1)):
            place, end = max(source, start), min(after, stop)
            if place >= end:
                continue
            if row < place:
                cells[row] = f'<TD ROWSPAN="{place - row}"></TD>'
            is_last = end == rail.target + 1
            sides = "T" * (place == source) + "R" + "B" * is_last
            mark = _words("‹", bold=True).label if is_last else ""
            cells[place] = (
                f'<TD ROWSPAN="{end - place}" BORDER="1" SIDES="{sides}"'
                f' COLOR="{LIGHT.line}" CELLPADDING="0" WIDTH="9" ALIGN="LEFT" VALIGN="BOTTOM">'
                f"{mark}</TD>"
            )
            row = end
    if cells and row < stop:
        cells[row] = f'<TD ROWSPAN="{stop - row}"></TD>'
    return cells


def _line(cells: str) -> str:
    return f"<TR>{cells}</TR>"
