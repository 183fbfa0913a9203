"""How one pixel spreads forward: which positions of each layer's output it can influence."""

from collections.abc import Set

from explorer.core.network.graph import Graph, Node


def reached_from(graph: Graph, pixel: int, axis: int = 0) -> dict[Node, frozenset[int]]:
    """Return the positions of each layer's output that a pixel of the image can influence.

    This is the receptive field turned round: a position is there if the pixel is in its window.

    Args:
        graph: The graph.
        pixel: Row of the pixel, or its column.
        axis: 0: rows, 1: columns.

    Returns:
        Rows or columns by layer, also near the border, exactly; all of them where it is not known
        how far a layer looks.
    """
    reached: dict[Node, frozenset[int]] = {}
    for node in graph:
        if node.inputs:
            found = (_reached(node, source, reached[source], axis) for source in node.inputs)
            reached[node] = frozenset().union(*found)
        else:
            is_image = len(node.shape) == len(graph.input_shape)
            reached[node] = frozenset({pixel} if is_image else ())
    return reached


def _reached(node: Node, source: Node, before: Set[int], axis: int) -> Set[int]:
    """Return the positions of a layer's output that read some of these of one of its inputs."""
    if not before:
        return before
    layer = node.layer
    size, given = (each.shape[axis] if axis < len(each.shape) - 1 else 1 for each in (node, source))
    everything = frozenset(range(size))
    if layer.pointwise:
        return before if size == given else everything
    if layer.rearranges or not layer.is_known or layer.covers(given, axis) or size == given == 1:
        return everything
    return frozenset(p for p in everything if not before.isdisjoint(layer.sources(p, given, axis)))
