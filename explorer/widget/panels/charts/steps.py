"""What stands along the charts' horizontal axis."""

from html import escape

import attrs

from explorer.core.analysis.connections import role_of, wiring_of
from explorer.core.formatting import printable
from explorer.core.network.graph import Graph, Node
from explorer.core.network.names import block_id, is_block, layer_id


@attrs.frozen
class Step:
    """A layer or a block in its place along the horizontal axis.

    Attributes:
        selection: What stands for it, as `explorer.core.network.names` names it.
        nodes: Its layers, in the graph's order.
        title: What its block is called on screen.
    """

    selection: str
    nodes: tuple[Node, ...]
    title: str

    @property
    def name(self) -> str:
        """What the layer or the block is called."""
        return self.title if is_block(self.selection) else printable(self.nodes[0].name)

    @property
    def role(self) -> str:
        """Role of its block, "input", or "layer" where it has none."""
        return role_of(self.nodes[0])

    @property
    def heading(self) -> str:
        """Its name, for plotly's labels."""
        return f"<b>{escape(self.name)}</b><br>"

    @property
    def summary(self) -> str:
        """What it is, for plotly's labels."""
        what = f"{len(self.nodes)} layers" if len(self.nodes) > 1 else self.nodes[0].kind
        return f"{escape(what)}, output {' × '.join(map(str, self.nodes[-1].shape))}"


def steps_of(graph: Graph, by_block: bool) -> list[Step]:
    """Return the layers, or the blocks in the order of their first layers, as an image passes."""
    name_of = block_id if by_block else layer_id
    found: dict[str, list[Node]] = {}
    for node in graph:
        found.setdefault(name_of(node), []).append(node)
    title = wiring_of(graph).title
    return [Step(name, tuple(nodes), title(nodes[0])) for name, nodes in found.items()]
