"""Names for what can be selected: a layer, or a block with all of its layers.

A selection is the text that diagram, table, charts and the other views share, such as
"layer-stack0_enc0_conv0" or "block-stack0_enc0". It comes from names, so it outlasts an edit that
keeps what it names.
"""

from explorer.graph import Graph, Node

BLOCK = "block-"
LAYER = "layer-"


def block_id(node: Node) -> str:
    """Return the selection of a layer's block, or of the box that it has for itself."""
    return BLOCK + (node.block.name if node.block else node.name)


def layer_id(node: Node) -> str:
    """Return the selection of a layer."""
    return LAYER + node.name


def nodes_of(graph: Graph, selected: str) -> tuple[Node, ...]:
    """Return the selected layers in the graph's order; the last is what a block returns.

    Args:
        graph: The graph shown.
        selected: A selection; one that names nothing in this graph has no layers.
    """
    name_of = block_id if selected.startswith(BLOCK) else layer_id
    return tuple(node for node in graph if name_of(node) == selected)
