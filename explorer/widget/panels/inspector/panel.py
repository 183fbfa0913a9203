"""What is selected, explained: a layer, a block, or with nothing selected the whole network."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from math import prod
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import attrs
import traitlets

from explorer.core.analysis.connections import Wiring, place_of, role_of, wiring_of
from explorer.core.analysis.quantities import MACS, PARAMETERS, TIME, Quantity, Total
from explorer.core.editing.snapshot import Scene
from explorer.core.formatting import duration, printable, product, sendable, share
from explorer.core.network.graph import Block, Node
from explorer.core.network.names import block_id, is_block, layer_id, nodes_of
from explorer.core.words.arithmetic import Fact, block_facts, configuration, figures
from explorer.core.words.explanations import block_text, layer_text, skips_text
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget
from explorer.widget.messages import Edit, Select, TimeLayers

#: Roles of the blocks that an architecture lists, so that they can be edited one by one.
EDITABLE = ("stem", "encoder", "middle", "decoder", "head")
#: Most skip connections that are listed.
MOST_SKIPS = 8


class Inspector(FrontWidget):
    """Explains what is selected, with buttons that select what feeds it and what it feeds.

    Attributes:
        heading: Name of what is explained.
        html: The explanation. A button in it has what it selects, or which block it edits, as
            `data-select` or `data-edit`; `data-time` has every layer timed.
        selected: What is selected; empty: nothing.
        running: Whether a measurement is under way.
    """

    _esm = module(Path(__file__).with_name("panel.js"))
    _css = Path(__file__).with_name("panel.css")
    sends = Select | Edit | TimeLayers

    heading: Any = traitlets.Unicode().tag(sync=True)
    html: Any = traitlets.Unicode().tag(sync=True)
    selected: Any = traitlets.Unicode().tag(sync=True)
    running: Any = traitlets.Bool().tag(sync=True)

    def __init__(
        self,
        select: Callable[[str], None],
        edit: Callable[[Block], None],
        time_layers: Callable[[], None],
        **options: Any,
    ) -> None:
        """Make the view.

        Args:
            select: Called with the selection that the user clicked; empty for none.
            edit: Called with the block that the user wants to edit.
            time_layers: Called when the user wants every layer timed.
            **options: Of the widget.
        """
        super().__init__(**options)
        self._select = select
        self._edit = edit
        self._time_layers = time_layers
        self._scene: Scene | None = None
        self._wiring: Wiring | None = None
        self.on_sent(self._received)

    def show(self, scene: Scene) -> None:
        """Explain what is selected in a scene."""
        if scene == self._scene:
            return
        if self._wiring is None or self._wiring.graph is not scene.graph:
            self._wiring = wiring_of(scene.graph)
        page = _Page(scene, self._wiring)
        with self.hold_sync():
            heading, html = page.content()
            self.heading, self.html = printable(heading), sendable(html)
            self.selected = scene.selected
        self._scene = scene  # at last: what is broken off is shown again

    def _received(self, message: Select | Edit | TimeLayers, _: Any) -> None:
        if isinstance(message, Select):
            self._select(message.select)
        elif isinstance(message, TimeLayers):
            self._time_layers()
        elif self._scene is not None:
            node = next(iter(nodes_of(self._scene.graph, message.edit)), None)
            if node and node.block:  # an edit may have taken it away in between
                self._edit(node.block)


@attrs.frozen
class _Page:
    """What is written about a scene."""

    scene: Scene
    wiring: Wiring

    def content(self) -> tuple[str, str]:
        """Return the heading, and the HTML beneath it."""
        node = self.scene.node
        if node is None:
            return self.wiring.graph.name, self._network()
        if node.block and is_block(self.scene.selected):
            return node.block.name, self._block(node.block)
        return node.name, self._layer(node)

    def _layer(self, node: Node) -> str:
        report = self.scene.design.report
        where = f" in {escape(role_of(node))} block {_button(block_id(node), place_of(node))}"
        settings = configuration(node.layer)
        return "".join(
            (
                f"<p>{escape(node.kind)}{where if node.block else ''}{_edit_button(node)}</p>",
                f"<p>{escape(layer_text(node, self.wiring))}</p>",
                _section("Figures", _facts([*figures(node, report), self._time([node])])),
                _section("Configuration", _facts(settings)) if settings else "",
                _section("Fed by", self._links([(node, source) for source in node.inputs])),
                _section(
                    "Feeds", self._links([(node, other) for other in self.wiring.followers[node]])
                ),
            )
        )

    def _block(self, block: Block) -> str:
        nodes, report = self.scene.nodes, self.scene.design.report
        kind = f", {escape(block.kind)}" if block.kind else ""
        entering = [
            (node, source)
            for source in self.wiring.entering(nodes)
            for node in nodes
            if source in node.inputs
        ]
        layers = [
            f"{_button(layer_id(node), node.name.removeprefix(f'{block.name}_'))} "
            f"{_muted(f'{node.layer.summary} · {product(*node.shape)}')}"
            for node in nodes
        ]
        return "".join(
            (
                f"<p>{escape(block.role)} block{kind}{_edit_button(nodes[0])}</p>",
                f"<p>{escape(block_text(nodes, self.wiring, self._lacks_skip(block)))}</p>",
                _section("Figures", _facts([*block_facts(nodes, report), self._time(nodes)])),
                _section("Layers", _list(layers)),
                _section("Fed by", self._links(entering, of_blocks=True)),
                _section("Feeds", self._links(self.wiring.leaving(nodes), of_blocks=True)),
            )
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

    def _links(self, pairs: Iterable[tuple[Node, Node]], of_blocks: bool = False) -> str:
        """Return a list of what stands second in each pair, as buttons."""
        items = []
        for node, other in pairs:
            skip = {(other, node), (node, other)} & self.wiring.skip_of.keys()
            name = place_of(other) if of_blocks else other.name
            selection = block_id(other) if of_blocks else layer_id(other)
            carried = other if other in node.inputs else node
            facts = (
                product(*carried.shape) if of_blocks else f"{other.kind} · {product(*other.shape)}"
            )
            items.append(
                f"{_button(selection, name)} "
                f"{_muted(facts + (' · skip connection' if skip else ''))}"
            )
        return _list(dict.fromkeys(items)) if items else "<p>nothing</p>"

    # The whole network.

    def _network(self) -> str:
        scene, report = self.scene, self.scene.design.report
        lost = unquote(scene.selected.partition("-")[2])
        missing = f"<p>“{escape(lost)}” is not part of this network.</p>" if lost else ""
        return "".join(
            (
                missing,
                "<p>Select a block or a layer in the diagram, or by its name here, to see how its "
                "figures come about and why it is there.</p>",
                self._ranking(
                    "Where are the parameters?",
                    PARAMETERS,
                    f"<p>{report.total_params:,} in all.</p>",
                ),
                self._ranking(
                    "Where does the time go?",
                    TIME,
                    self._whole_time(),
                ),
                self._skips(),
                self._sight(),
                self._ranking(
                    "Where does the computation go?",
                    MACS,
                    f"<p>{MACS.told(MACS.in_network(report))} for one image.</p>",
                ),
            )
        )

    def _whole_time(self) -> str:
        times, whole = self.scene.times, self.scene.whole_time
        if not times:
            return (
                '<p>Not measured yet. <button type="button" class="jupyter-button" data-time="">'
                "Time every layer</button></p>"
            )
        alone = duration(sum(times.values()))
        if not whole:
            return f"<p>{alone} for all layers, each alone.</p>"
        return (
            f"<p>{duration(whole)} for the whole model. Shares are of the {alone} that the layers "
            "take alone, where each call costs something and none is fused with the next.</p>"
        )

    def _ranking(self, question: str, quantity: Quantity, whole: str) -> str:
        """Return the three blocks that have most of something, and the one layer that has."""
        report, times = self.scene.design.report, self.scene.times
        values = quantity.values(report.layers, times)
        everything = Total.of(values)
        if not everything.value:
            return _section(question, whole)
        sums = [
            (quantity.total([report[node.name] for node in nodes], times), nodes)
            for nodes in self.wiring.parts.values()
        ]
        most = sorted(sums, key=lambda each: -(each[0].value or 0))[:3]
        items = [
            f"{_button(block_id(nodes[0]), place_of(nodes[0]))} "
            f"{_muted(_share_text(part, everything, quantity))}"
            for part, nodes in most
            if part.value
        ]
        pairs = zip(values, self.wiring.graph, strict=True)
        value, largest = max(pairs, key=lambda pair: pair[0] or 0)
        layer = (
            f"<p>Most in one layer: {_button(layer_id(largest), largest.name)} "
            f"{_muted(_share_text(Total.of([value]), everything, quantity))}</p>"
        )
        return _section(question, whole + _list(items) + layer)

    def _skips(self) -> str:
        skips = self.wiring.skips
        items = [
            f"{_button(block_id(skip.source), place_of(skip.source))} → "
            f"{_button(block_id(skip.join), place_of(skip.join))} "
            f"{_muted(product(*skip.source.shape))}"
            for skip in skips[:MOST_SKIPS]
        ]
        if len(skips) > MOST_SKIPS:
            items.append(_muted(f"and {len(skips) - MOST_SKIPS} more"))
        text = f"<p>{escape(skips_text(self.wiring))}</p>"
        return _section("What do the skip connections do?", text + _list(items))

    def _sight(self) -> str:
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
        link = f"{_button(layer_id(output), output.name)} {_muted('makes the output')}"
        return _section(
            "How far does one output pixel see?", f"<p>{escape(text)}</p>{_list([link])}"
        )


def _button(selection: str, text: str) -> str:
    return f'<button type="button" data-select="{escape(selection)}">{escape(text)}</button>'


def _share_text(part: Total, whole: Total, quantity: Quantity) -> str:
    """Return a figure, with its share of the whole where both are known in full."""
    text = part.written(quantity.text)
    of_whole = part.share_of(whole)
    return text if of_whole is None else f"{share(of_whole, 1)} · {text}"


def _edit_button(node: Node) -> str:
    block = node.block
    # A block that was found in a Keras model has no class of ours.
    if block is None or block.role not in EDITABLE or not block.kind:
        return ""
    return (
        ' <button type="button" class="jupyter-button" '
        f'data-edit="{block_id(node)}">Edit this block</button>'
    )


def _muted(text: str) -> str:
    return f"<span>{escape(text)}</span>"


def _section(title: str, content: str) -> str:
    return f"<section><h3>{escape(title)}</h3>{content}</section>"


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _facts(facts: Iterable[Fact]) -> str:
    lines = []
    for fact in facts:
        note = f"<small>{escape(fact.note)}</small>" if fact.note else ""
        lines.append(f"<dt>{escape(fact.name)}</dt><dd>{escape(fact.value)}{note}</dd>")
    return f"<dl>{''.join(lines)}</dl>"
