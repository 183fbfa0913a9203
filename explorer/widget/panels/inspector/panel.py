"""What is selected, explained: a layer, a block, or with nothing selected the whole network."""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import attrs
import traitlets

from explorer.core.analysis.connections import Wiring, wiring_of
from explorer.core.analysis.quantities import MACS, PARAMETERS, TIME, Quantity, Total
from explorer.core.editing.snapshot import Scene
from explorer.core.families.titles import title_of
from explorer.core.formatting import duration, printable, product, share
from explorer.core.network.graph import Block, Node
from explorer.core.network.names import block_id, is_block, layer_id, nodes_of
from explorer.core.words.arithmetic import Fact, block_facts, configuration, figures
from explorer.core.words.explanations import block_text, layer_text, skips_text
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import Edit, Select, TakeMove, TimeLayers
from explorer.widget.panels.inspector.next_moves import NextMoves, Offered
from explorer.widget.panels.tab_view import TabView
from explorer.widget.parts import (
    EditButton,
    Facts,
    Items,
    Link,
    MoveButton,
    Paragraph,
    Part,
    Run,
    Section,
    TimeButton,
    Words,
    words,
)

#: Roles of the blocks that an architecture lists, so that they can be edited one by one.
EDITABLE = ("stem", "encoder", "middle", "decoder", "head")
#: What can be done next where nobody works that out.
NOTHING = Offered()
#: Most skip connections that are listed.
MOST_SKIPS = 8


class Inspector(FrontWidget, TabView):
    """Explains what is selected, with buttons that select what feeds it and what it feeds.

    Attributes:
        heading: What that is called which is explained.
        prefix: With what the names of its layers begin; empty for none.
        parts: The explanation.
        selected: What is selected; empty: nothing.
        running: Whether a measurement is under way.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "hover", "parts", "terms")
    _css = Path(__file__).with_name("panel.css")
    sends = Select | Edit | TimeLayers | TakeMove

    heading: Any = traitlets.Unicode().tag(sync=True)
    prefix: Any = traitlets.Unicode().tag(sync=True)
    parts = shared(tuple[Part, ...], ())
    selected: Any = traitlets.Unicode().tag(sync=True)
    running: Any = traitlets.Bool().tag(sync=True)

    def __init__(
        self,
        select: Callable[[str], None],
        edit: Callable[[Block], None],
        time_layers: Callable[[], None],
        next_moves: NextMoves | None = None,
        **options: Any,
    ) -> None:
        """Make the view.

        Args:
            select: Called with the selection that the user clicked; empty for none.
            edit: Called with the block that the user wants to edit.
            time_layers: Called when the user wants every layer timed.
            next_moves: What can be done next; None: nothing is offered.
            **options: Of the widget.
        """
        super().__init__(**options)
        self._select = select
        self._edit = edit
        self._time_layers = time_layers
        self._next_moves = next_moves
        self._scene: Scene | None = None
        self._rests = False  # after `hide`: what can be done is asked for again
        self._wiring: Wiring | None = None
        self.on_sent(self._received)

    def show(self, scene: Scene) -> None:
        """Explain what is selected in a scene."""
        if scene == self._scene and not self._rests:
            return
        self._rests = False
        if self._wiring is None or self._wiring.graph is not scene.graph:
            self._wiring = wiring_of(scene.graph)
        with self.hold_sync():
            for name, value in explained(scene, self._wiring, self._offered(scene)).items():
                self.set_trait(name, value)
        self._scene = scene  # at last: what is broken off is shown again

    def _offered(self, scene: Scene) -> Offered:
        """Return what can be done next, where the whole network is explained."""
        if self._next_moves is None:
            return NOTHING
        if scene.node is not None:
            self._next_moves.stop()
            return NOTHING
        return self._next_moves.of(scene.design, scene.profile, self._show_again)

    def _show_again(self) -> None:
        scene, self._scene = self._scene, None
        if scene is not None:
            self.show(scene)

    def hide(self) -> None:
        """Work out nothing that can be done next."""
        if self._next_moves is not None:
            self._next_moves.stop()
        self._rests = True

    def close(self) -> None:
        """Close the view, and work out nothing any more."""
        if self._next_moves is not None:
            self._next_moves.close()
        super().close()

    def _received(self, message: Select | Edit | TimeLayers | TakeMove, _: Any) -> None:
        if isinstance(message, Select):
            self._select(message.select)
        elif isinstance(message, TakeMove):
            if self._next_moves is not None:
                self._next_moves.take(message.move)
        elif isinstance(message, TimeLayers):
            self._time_layers()
        elif self._scene is not None:
            node = next(iter(nodes_of(self._scene.graph, message.edit)), None)
            if node and node.block:  # an edit may have taken it away in between
                self._edit(node.block)


def explained(scene: Scene, wiring: Wiring, offered: Offered = NOTHING) -> dict[str, Any]:
    """Return the traits of an inspector that explains what is selected in a scene.

    Args:
        scene: What is shown.
        wiring: That of the scene's graph.
        offered: What can be done next.
    """
    heading, prefix, parts = _Page(scene, wiring, offered).content()
    named = {"heading": printable(heading), "prefix": printable(prefix)}
    return {**named, "parts": parts, "selected": scene.selected}


@attrs.frozen
class _Page:
    """What is written about a scene."""

    scene: Scene
    wiring: Wiring
    offered: Offered

    def content(self) -> tuple[str, str, tuple[Part, ...]]:
        """Return the heading, the start of a block's layers' names, and what stands beneath."""
        node = self.scene.node
        if node is None:
            return title_of(self.scene.design.architecture), "", self._network()
        if not is_block(self.scene.selected):
            return node.name, "", self._layer(node)
        title = self.wiring.title(node)
        if node.block:
            return title, node.block.name, self._block(node.block)
        return title, node.name if node.name != title else "", self._layer(node)

    def _layer(self, node: Node) -> tuple[Part, ...]:
        report = self.scene.design.report
        kind: tuple[Run, ...] = (Words(node.kind),)
        if node.block:
            where = Link(self.wiring.title(node), block_id(node))
            kind = (Words(f"{node.kind} in"), where, *_edit_button(node))
        settings = configuration(node.layer)
        followers = self.wiring.followers[node]
        return (
            Paragraph(kind),
            words(layer_text(node, self.wiring)),
            Section("Figures", (Facts((*figures(node, report), self._time([node]))),)),
            *((Section("Configuration", (Facts(tuple(settings)),)),) if settings else ()),
            Section("Fed by", self._links([(node, source) for source in node.inputs])),
            Section("Feeds", self._links([(node, other) for other in followers])),
        )

    def _block(self, block: Block) -> tuple[Part, ...]:
        nodes, report = self.scene.nodes, self.scene.design.report
        kind = *((Words(block.kind),) if block.kind else ()), *_edit_button(nodes[0])
        entering = [
            (node, source)
            for source in self.wiring.entering(nodes)
            for node in nodes
            if source in node.inputs
        ]
        layers = tuple(
            (
                Link(node.name.removeprefix(f"{block.name}_"), layer_id(node)),
                Words(f"{node.layer.summary} · {product(*node.shape)}", "muted"),
            )
            for node in nodes
        )
        facts = *block_facts(nodes, report), self._time(nodes)
        return (
            *((Paragraph(kind),) if kind else ()),
            words(block_text(nodes, self.wiring, self._lacks_skip(block))),
            Section("Figures", (Facts(facts),)),
            Section("Layers", (Items(layers),)),
            Section("Fed by", self._links(entering, of_blocks=True)),
            Section("Feeds", self._links(self.wiring.leaving(nodes), of_blocks=True)),
        )

    def _lacks_skip(self, block: Block) -> bool:
        lacking = self.scene.design.architecture.skips_without_source()
        return block.role == "decoder" and block.index in lacking

    def _time(self, nodes: Sequence[Node]) -> Fact:
        times = self.scene.times
        measured = [times[node.name] for node in nodes if node.name in times]
        if not measured:
            return Fact("time", "not measured")
        part = share(sum(measured), sum(times.values()))
        return Fact("time", duration(sum(measured)), f"{part} of all layers’ times, each alone")

    def _links(
        self, pairs: Iterable[tuple[Node, Node]], of_blocks: bool = False
    ) -> tuple[Part, ...]:
        """Return a list of what stands second in each pair, as buttons."""
        items = []
        for node, other in pairs:
            skip = {(other, node), (node, other)} & self.wiring.skip_of.keys()
            name = self.wiring.title(other) if of_blocks else other.name
            selection = block_id(other) if of_blocks else layer_id(other)
            carried = other if other in node.inputs else node
            facts = (
                product(*carried.shape) if of_blocks else f"{other.kind} · {product(*other.shape)}"
            )
            told = facts + (" · skip connection" if skip else "")
            items.append((Link(name, selection), Words(told, "muted")))
        return (Items(tuple(dict.fromkeys(items))),) if items else (words("nothing"),)

    # The whole network.

    def _network(self) -> tuple[Part, ...]:
        scene, report = self.scene, self.scene.design.report
        lost = words("What was selected is not part of this network.")
        return (
            *((lost,) if scene.selected else ()),
            words(
                "Select a block or a layer in the diagram, or by its name here, to see how its "
                "figures come about and why it is there."
            ),
            self._ranking(
                "Where are the parameters?", PARAMETERS, words(f"{report.total_params:,} in all.")
            ),
            self._ranking("Where does the time go?", TIME, self._whole_time()),
            self._skips(),
            self._sight(),
            self._ranking(
                "Where does the computation go?",
                MACS,
                words(f"{MACS.told(MACS.in_network(report))} for one image."),
            ),
            *self._steps(),
            *self._what_next(),
        )

    def _steps(self) -> tuple[Section, ...]:
        if not self.offered.steps:
            return ()
        from explorer.widget.panels.inspector.steps import folded

        folds = folded(self.offered.steps)
        return (Section("What would a step do?", folds),) if folds else ()

    def _what_next(self) -> tuple[Section, ...]:
        parts = [
            part
            for move in self.offered.moves
            for part in (
                Paragraph((MoveButton(move.words),)),
                Facts(move.figures),
                words(move.watch),
            )
        ]
        return (Section("What to try next", tuple(parts)),) if parts else ()

    def _whole_time(self) -> Paragraph:
        times, whole = self.scene.times, self.scene.whole_time
        if not times:
            return Paragraph((Words("Not measured yet."), TimeButton()))
        alone = duration(sum(times.values()))
        if not whole:
            return words(f"{alone} for all layers, each alone.")
        return words(
            f"{duration(whole)} for the whole model. Shares are of the {alone} that the layers "
            "take alone, where each call costs something and none is fused with the next."
        )

    def _ranking(self, question: str, quantity: Quantity, whole: Paragraph) -> Section:
        """Return the three blocks that have most of something, and the one layer that has."""
        report, times = self.scene.design.report, self.scene.times
        values = quantity.values(report.layers, times)
        everything = Total.of(values)
        if not everything.value:
            return Section(question, (whole,))
        sums = [
            (quantity.total([report[node.name] for node in nodes], times), nodes)
            for nodes in self.wiring.parts.values()
        ]
        most = sorted(sums, key=lambda each: -(each[0].value or 0))[:3]

        def told(part: Total) -> Words:
            return Words(_share_text(part, everything, quantity), "muted")

        items = tuple(
            (Link(self.wiring.title(nodes[0]), block_id(nodes[0])), told(part))
            for part, nodes in most
            if part.value
        )
        pairs = zip(values, self.wiring.graph, strict=True)
        value, largest = max(pairs, key=lambda pair: pair[0] or 0)
        link = Link(largest.name, layer_id(largest))
        layer = Paragraph((Words("Most in one layer:"), link, told(Total.of([value]))))
        return Section(question, (whole, Items(items), layer))

    def _skips(self) -> Section:
        skips = self.wiring.skips
        items: list[tuple[Run, ...]] = [
            (
                Link(self.wiring.title(skip.source), block_id(skip.source)),
                Words("→"),
                Link(self.wiring.title(skip.join), block_id(skip.join)),
                Words(product(*skip.source.shape), "muted"),
            )
            for skip in skips[:MOST_SKIPS]
        ]
        if len(skips) > MOST_SKIPS:
            items.append((Words(f"and {len(skips) - MOST_SKIPS} more", "muted"),))
        parts = words(skips_text(self.wiring)), Items(tuple(items))
        return Section("What do the skip connections do?", parts)

    def _sight(self) -> Section:
        report, graph = self.scene.design.report, self.wiring.graph
        output, field, size = graph.outputs[-1], report.receptive_field, graph.input_shape[:-1]
        if field is None:
            text = "That is not known: the network has layers of which it is not known."
        else:
            seen = prod(min(seen, there) for seen, there in zip(field, size, strict=True))
            part = (
                f"at most {share(seen, prod(size))} of an image of {product(*size)}."
                if seen < prod(size)
                else f"more than the whole image of {product(*size)}."
                if tuple(field) != tuple(size)
                else "as much as the image has."
            )
            text = f"{product(*field)} input pixels can influence it, {part}"
        link = Link(output.name, layer_id(output)), Words("makes the output", "muted")
        return Section("How far does one output pixel see?", (words(text), Items((link,))))


def _share_text(part: Total, whole: Total, quantity: Quantity) -> str:
    """Return a figure, with its share of the whole where both are known in full."""
    text = part.written(quantity.text)
    of_whole = part.share_of(whole)
    return text if of_whole is None else f"{share(of_whole, 1)} · {text}"


def _edit_button(node: Node) -> tuple[EditButton, ...]:
    block = node.block
    # A block that was found in a Keras model has no class of ours.
    if block is None or block.role not in EDITABLE or not block.kind:
        return ()
    return (EditButton(block_id(node)),)
