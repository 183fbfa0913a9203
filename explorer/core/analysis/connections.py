"""What feeds what in a graph, beyond what each layer knows of its inputs: skips and shortcuts."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import pairwise

import attrs

from explorer.core.formatting import printable
from explorer.core.network.graph import (
    INPUT_NAME,
    Block,
    Graph,
    Node,
    depth_first,
    positions,
)
from explorer.core.network.layers import Add, Concatenate


@attrs.frozen
class Skip:
    """A connection past other blocks.

    Attributes:
        source: The layer whose output it carries.
        join: The layer that joins this with what took the longer way.
    """

    source: Node
    join: Node

    @property
    def passes_stack(self) -> bool:
        """Whether it brings what went into a stack past all of it, instead of past its depth."""
        return role_of(self.join) == "merge"


class Wiring:
    """What feeds what in a graph, beyond what each layer knows of its inputs.

    Attributes:
        graph: The graph.
        followers: For each layer those that it feeds.
        parts: The layers of each block, in the graph's order; a layer of no block is one by itself.
        depth: How many layers there are before each one, on the longest way from an input.
        skips: The connections past other blocks.
        skip_of: The skip connection that a link between two layers is part of: by where it comes
            from and where it goes to.
        on_skips: The layers that what a skip connection brings passes before it is joined.
        shortcuts: Sums inside one block: residual connections.
        reused: Concatenations inside one block of a feature with what was made of it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.followers: dict[Node, list[Node]] = {node: [] for node in graph}
        self.parts: dict[Block | Node, list[Node]] = {}
        self.depth: dict[Node, int] = {}
        self.skips: list[Skip] = []
        self.skip_of: dict[tuple[Node, Node], Skip] = {}
        self.on_skips: set[Node] = set()
        self.shortcuts: list[Node] = []
        self.reused: list[Node] = []
        self._place = {node: place for place, node in enumerate(graph)}
        self._before: dict[Node, int] = {}  # a bit for each layer that one depends on
        for node in graph:
            self.parts.setdefault(node.block or node, []).append(node)
            before = depth = 0
            for source in dict.fromkeys(node.inputs):
                self.followers[source].append(node)
                before |= self._before[source] | 1 << self._place[source]
                if depth <= self.depth[source]:
                    depth = self.depth[source] + 1
            self._before[node] = before
            self.depth[node] = depth
        for nodes in self.parts.values():
            self._find_sums(nodes, joins=self._find_skips(nodes))

    def part(self, node: Node) -> Sequence[Node]:
        """Return the layers of a layer's block."""
        return self.parts[node.block or node]

    @cached_property
    def _titles(self) -> dict[Node, str]:
        return {node: title for title, nodes in titled_parts(self.graph) for node in nodes}

    @cached_property
    def _has_stacks(self) -> bool:
        return len({node.block.stack for node in self.graph if node.block} - {None}) > 1

    def title_in_stack(self, node: Node) -> str:
        """Return what a layer's block is called on screen where one sees which stack it is in."""
        return self._titles[node]

    def title(self, node: Node) -> str:
        """Return what a layer's block is called on screen; of several stacks, with its own."""
        is_told = self._has_stacks and node.block and node.block.stack is not None
        stack = f" of stack {node.block.stack}" if node.block and is_told else ""
        return self._titles[node] + stack

    def entering(self, nodes: Sequence[Node]) -> list[Node]:
        """Return the layers outside that feed these; the last one took the longest way."""
        inside = set(nodes)
        sources = {source for node in nodes for source in node.inputs} - inside
        if len(sources) < 2:
            return list(sources)
        return sorted(sources, key=lambda source: (self.depth[source], self._place[source]))

    def leaving(self, nodes: Sequence[Node]) -> list[tuple[Node, Node]]:
        """Return each pair of one of these layers and one outside that it feeds."""
        inside = set(nodes)
        return [
            (node, follower)
            for node in nodes
            for follower in self.followers[node]
            if follower not in inside
        ]

    def longest_path(self) -> list[Node]:
        """Return the layers on the longest way from an input to an output.

        Where a skip connection meets the way through the depth, it comes through the depth.
        """
        path = [max(self.graph.outputs, key=self.depth.__getitem__)]
        while path[-1].inputs:
            path.append(max(path[-1].inputs, key=self.depth.__getitem__))
        return path[::-1]

    def _find_skips(self, nodes: Sequence[Node]) -> set[Node]:
        """Find the skip connections that are joined in a block; return the layers that do it."""
        sources = self.entering(nodes)
        joins: set[Node] = set()
        if len(sources) < 2:
            return joins
        main = sources.pop()
        ways = {source: way for source in sources if (way := self._way_from(main, source))}
        found: dict[Node, Skip] = {}
        reaching: dict[Node, set[Node]] = {}  # for each layer those of the sources that reach it
        links: dict[tuple[Node, Node], set[Node]] = {}  # the same of links that bring none of main
        for node in nodes:
            brought = {source: reaching.get(source, {source}) for source in node.inputs}
            reaching[node] = set().union(*brought.values())
            besides = {source: there for source, there in brought.items() if main not in there}
            if not besides:
                continue
            links |= {(source, node): there for source, there in besides.items()}
            if main in reaching[node]:
                joined = [s for s in ways if any(s in there for there in besides.values())]
                found |= {source: Skip(ways[source][-1], node) for source in joined}
                self.skips += [found[source] for source in joined]
                if joined:
                    joins.add(node)
            elif reaching[node] and reaching[node] <= ways.keys():
                self.on_skips.add(node)
        for source, skip in found.items():
            way = ways[source]
            self.on_skips.update(way[:-1])
            self.skip_of |= {(before, after): skip for after, before in pairwise(way)}
        for link, there in links.items():
            self.skip_of.update((link, skip) for source, skip in found.items() if source in there)
        return joins

    def _way_from(self, main: Node, source: Node) -> list[Node]:
        """Return the layers from a source back to where it leaves the way to another; else none.

        A way through layers of no block is that of a skip connection if the main way has passed a
        lower resolution in between, else a branch.
        """
        on_main = self._before[main] | 1 << self._place[main]
        way = [source]
        while not on_main >> self._place[way[-1]] & 1:
            if len(way[-1].inputs) != 1 or way[-1].block:
                return []
            way.append(way[-1].inputs[0])
        between = on_main & ~self._before[way[-1]] & ~(1 << self._place[way[-1]])
        dips = (
            between >> place & 1 and positions(node) < positions(source)
            for node, place in self._place.items()
        )
        return way if len(way) == 1 or any(dips) else []

    def _find_sums(self, nodes: Sequence[Node], joins: set[Node]) -> None:
        """Find the shortcuts in a block, and the features that are used again there."""
        for node in nodes:
            if not isinstance(node.layer, (Add, Concatenate)) or node in joins:
                continue
            if isinstance(node.layer, Add) and len(nodes) > 1:
                self.shortcuts.append(node)
            if isinstance(node.layer, Concatenate):
                before = 0
                for source in node.inputs:
                    before |= self._before[source]
                if any(before >> self._place[source] & 1 for source in node.inputs):
                    self.reused.append(node)


def role_of(node: Node) -> str:
    """Return "input", the role of a layer's block, or "layer" where it has none."""
    if node.block:
        return node.block.role
    return "layer" if node.inputs else "input"


@lru_cache(maxsize=4)
def wiring_of(graph: Graph) -> Wiring:
    """Return the wiring of a graph, which several views of the same design ask for."""
    return Wiring(graph)


def titled_parts(graph: Graph) -> list[tuple[str, tuple[Node, ...]]]:
    """Return what each block is called on screen, and its layers, as an image passes them.

    A layer of no block is one by itself.
    """
    groups: dict[Block | Node, list[Node]] = {}
    for node in depth_first(graph.outputs)[0]:
        groups.setdefault(node.block or node, []).append(node)
    count: Counter[tuple[int | None, str]] = Counter()
    found = list(groups.items())
    # Where layers stand beside blocks, the order is that of the data's way.
    if all(nodes[0].block or not nodes[0].inputs for nodes in groups.values()):
        found.sort(key=lambda group: _place(group[1][0].block))
    titled = []
    for i, (key, nodes) in enumerate(found):
        if isinstance(key, Node):
            title = "image in" if key.name == INPUT_NAME else printable(key.name)
        else:
            role, stack = key.role, key.stack
            # Middle blocks are encoder blocks too: each role counts its own.
            title = f"{role} {count[stack, role]}"
            count[stack, role] += 1
            after = found[i + 1][1][0].block if i + 1 < len(found) else None
            is_last = after is None or (after.stack, after.role) != (stack, role)
            if role == "encoder" and is_last and [n.layer.family for n in nodes] == ["pooling"]:
                title = "last pooling"
        titled.append((title, tuple(nodes)))
    return titled


_ORDER = {"encoder": 0, "middle": 0, "decoder": 1, "head": 2, "merge": 3}


def _place(block: Block | None) -> tuple[int, int, int]:
    """Return what to sort blocks by: the input, the stem, then each stack's blocks."""
    if block is None:
        return -2, 0, 0
    if block.stack is None:
        return -1, 0, block.index
    return block.stack, _ORDER[block.role], block.index
