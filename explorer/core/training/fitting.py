"""Whether a design can learn a task, and at which outputs and sizes."""

from math import ceil

from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph

#: Height and width of the pictures, unless a design takes none of that size.
SIDE = 64


def side_for(maximum_stride: int, side: int = SIDE) -> int:
    """Return the side of pictures for a design: this, or the next that its stride divides."""
    return maximum_stride * ceil(side / maximum_stride)


def output_strides(graph: Graph) -> tuple[int, ...]:
    """Return the stride of each output that learns: of several, such as stacks', each does.

    The stride is how many pixels of the input, to a side, are one of the output.

    Raises:
        Refusal: If an output is not one of pixels that cover the input, with what to do.
    """
    if len(graph.inputs) > 1:
        raise Refusal(
            f"This network has {len(graph.inputs)} inputs, and the tasks have one picture each: "
            "give the explorer a part of it that takes one."
        )
    height, width, _ = graph.input_shape
    strides = []
    for node in graph.outputs:
        if len(node.shape) != 3:
            raise Refusal(
                f"The output {node.name!r} says something of the whole image, and the tasks want "
                "an answer for each pixel: take that head away, or turn off its global pool."
            )
        rows, columns, _ = node.shape
        stride = height // rows
        if not stride or (rows * stride, columns * stride) != (height, width):
            raise Refusal(
                f"The output {node.name!r} has {rows}×{columns} pixels for an input of "
                f"{height}×{width}, which no whole stride gives, so the tasks' answers don’t fit "
                'it: use "same" padding, and no more upsampling than downsampling.'
            )
        strides.append(stride)
    return tuple(strides)
