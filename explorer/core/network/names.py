"""Names for what can be selected: a layer, or a block with all of its layers.

A selection is the text that diagram, table, charts and the other views share, such as
"layer-stack0_enc0_conv0" or "block-stack0_enc0". It comes from names, so it outlasts an edit that
keeps what it names. A head, and a layer outside of all blocks, may be named as a block is: what
selects them begins with another word.
"""

from functools import lru_cache
from urllib.parse import quote

from explorer.core.network.graph import Graph, Node

BLOCK = "block-"
HEAD = "head-"
ALONE = "alone-"
LAYER = "layer-"


def block_id(node: Node) -> str:
    """Return the selection of a layer's block, or of the box that it has for itself."""
    if node.block is None:
        return ALONE + _written(node.name)
    return (HEAD if node.block.role == "head" else BLOCK) + _written(node.block.name)


def layer_id(node: Node) -> str:
    """Return the selection of a layer."""
    return LAYER + _written(node.name)


@lru_cache(maxsize=4096)  # layers are called alike in network after network
def _written(name: str) -> str:
    """Return a name in characters that can be sent and written anywhere."""
    return quote(name.encode("utf-8", "surrogatepass"), safe="")


def is_block(selected: str) -> bool:
    """Return whether a selection is that of a block, or of the box of a layer outside of blocks."""
    return selected.startswith((BLOCK, HEAD, ALONE))


def nodes_of(graph: Graph, selected: str) -> tuple[Node, ...]:
    """Return the selected layers in the graph's order; the last is what a block returns.

    Args:
        graph: The graph shown.
        selected: A selection; one that names nothing in this graph has no layers.
    """
    name_of = block_id if is_block(selected) else layer_id
    return tuple(node for node in graph if name_of(node) == selected)
