"""What feeds what in a graph, beyond what each layer knows of its inputs: skips and shortcuts."""

from collections.abc import Sequence
from functools import lru_cache

import attrs

from explorer.graph import Block, Graph, Node, positions
from explorer.layers import Add, Concatenate


@attrs.frozen
class Skip:
    """A connection past other blocks.

    Attributes:
        source: The layer whose output it carries.
        join: The layer that joins this with what took the longer way.
    """

    source: Node
    join: Node


class Wiring:
    """What feeds what in a graph, beyond what each layer knows of its inputs.

    Attributes:
        graph: The graph.
        followers: For each layer those that it feeds.
        parts: The layers of each block, in the graph's order; a layer of no block is one by itself.
        skips: The connections past other blocks.
        on_skips: The layers that what a skip connection brings passes before it is joined.
        shortcuts: Sums inside one block: residual connections.
        reused: Concatenations inside one block of a feature with what was made of it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.followers: dict[Node, list[Node]] = {node: [] for node in graph}
        self.parts: dict[Block | Node, list[Node]] = {}
        self.skips: list[Skip] = []
        self.on_skips: set[Node] = set()
        self.shortcuts: list[Node] = []
        self.reused: list[Node] = []
        self._place = {node: place for place, node in enumerate(graph)}
        self._before: dict[Node, int] = {}  # a bit for each layer that one depends on
        for node in graph:
            self.parts.setdefault(node.block or node, []).append(node)
            before = 0
            for source in dict.fromkeys(node.inputs):
                self.followers[source].append(node)
                before |= self._before[source] | 1 << self._place[source]
            self._before[node] = before
        for nodes in self.parts.values():
            self._find_skips(nodes)
            if len(nodes) == 1 and nodes[0].block is None:
                self._find_skips_without_blocks(nodes[0])

    def part(self, node: Node) -> Sequence[Node]:
        """Return the layers of a layer's block."""
        return self.parts[node.block or node]

    def entering(self, nodes: Sequence[Node]) -> list[Node]:
        """Return the layers outside that feed these; the last one took the longest way."""
        inside = set(nodes)
        sources = {source for node in nodes for source in node.inputs} - inside
        return sorted(sources, key=self._place.__getitem__)

    def leaving(self, nodes: Sequence[Node]) -> list[tuple[Node, Node]]:
        """Return each pair of one of these layers and one outside that it feeds."""
        inside = set(nodes)
        return [
            (node, follower)
            for node in nodes
            for follower in self.followers[node]
            if follower not in inside
        ]

    def skip_between(self, source: Node, target: Node) -> Skip | None:
        """Return the skip connection that leads from a layer into another, if one does."""
        for skip in self.skips:
            leads_there = skip.join is target or (
                target in self.on_skips
                and (target in self.part(skip.join) or self._leads_to(target, skip.join))
            )
            if skip.source is source and leads_there:
                return skip
        return None

    def _leads_to(self, node: Node, join: Node) -> bool:
        """Return whether a layer of no block is on the way of a skip connection to its join."""
        return node.block is None and bool(self._before[join] >> self._place[node] & 1)

    def _find_skips(self, nodes: Sequence[Node]) -> None:
        sources = self.entering(nodes)
        main = sources[-1] if sources else None
        past = {s for s in sources if main and self._before[main] >> self._place[s] & 1}
        reaching: dict[Node, set[Node]] = {}  # for each layer those of the sources that reach it
        for node in nodes:
            ways = [reaching.get(source, {source}) for source in node.inputs]
            reaching[node] = set().union(*ways)
            bypassing: set[Node] = set()
            if main in reaching[node]:
                bypassing = {s for way in ways if main not in way for s in way & past}
                self.skips += [Skip(s, node) for s in sources if s in bypassing]
            elif reaching[node] and reaching[node] <= past:
                self.on_skips.add(node)
            if isinstance(node.layer, Add) and len(nodes) > 1 and not bypassing:
                self.shortcuts.append(node)
            if isinstance(node.layer, Concatenate) and not bypassing:
                before = 0
                for source in node.inputs:
                    before |= self._before[source]
                if any(before >> self._place[source] & 1 for source in node.inputs):
                    self.reused.append(node)

    def _find_skips_without_blocks(self, join: Node) -> None:
        """Find the skip connections that pass layers of no block before they are joined.

        What took the longest way is the main way; others are followed back to where they leave it.
        They are skips if the main way has passed a lower resolution in between, else branches.
        """
        if len(join.inputs) < 2:
            return
        main = max(join.inputs, key=self._place.__getitem__)
        on_main = self._before[main] | 1 << self._place[main]
        for start in dict.fromkeys(join.inputs):
            passed: list[Node] = []
            node = start
            while not on_main >> self._place[node] & 1 and len(node.inputs) == 1 and not node.block:
                passed.append(node)
                node = node.inputs[0]
            if passed and on_main >> self._place[node] & 1 and self._dips(node, join, on_main):
                self.skips.append(Skip(node, join))
                self.on_skips.update(passed)

    def _dips(self, source: Node, join: Node, way: int) -> bool:
        """Return whether a way has a lower resolution than its end, after a layer."""
        between = way & ~self._before[source] & ~(1 << self._place[source])
        return any(
            between >> place & 1 and positions(node) < positions(join)
            for node, place in self._place.items()
        )


def role_of(node: Node) -> str:
    """Return "input", the role of a layer's block, or "layer" where it has none."""
    if node.block:
        return node.block.role
    return "layer" if node.inputs else "input"


@lru_cache(maxsize=4)
def wiring_of(graph: Graph) -> Wiring:
    """Return the wiring of a graph, which several views of the same design ask for."""
    return Wiring(graph)


def place_of(node: Node) -> str:
    """Return the name of a layer's block, or its own where it has none."""
    return node.block.name if node.block else node.name
