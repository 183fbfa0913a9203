"""Windows that slide over small grids, and grids as still pictures."""

from pathlib import Path
from typing import Any

import traitlets

from explorer.core.network.layers import Layer
from explorer.lessons.pictures.grids import GridPicture
from explorer.lessons.pictures.sliding import Rows, Sliding, sliding
from explorer.widget.front import GRIDS
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared


class Motion(FrontWidget):
    """Plays what a layer does to a small grid, step by step, over still pictures of grids.

    Attributes:
        sliding: What is played; None: nothing is.
        step: The step that is shown first, from 0; the view goes on from there by itself.
        plays: Whether it plays once it is in view. Who wants less motion starts it by hand.
        pictures: What is shown beneath, side by side.
    """

    _esm = module(Path(__file__).with_name("motion.js"), "grids", "sliding")
    _css = GRIDS

    sliding = shared(Sliding | None, None)
    step: Any = traitlets.Int().tag(sync=True)
    plays: Any = traitlets.Bool(True).tag(sync=True)
    pictures = shared(tuple[GridPicture, ...], ())


def animate(
    layer: Layer,
    size: int = 6,
    seed: int | str = 0,
    values: Rows | None = None,
    kernel: Rows | None = None,
) -> Motion:
    """Return a widget that shows a layer at work on a small grid: see what it reads and computes.

    It is one channel and one filter, without bias and activation.

    Args:
        layer: A convolution, transposed convolution, pooling or upsampling of `explorer.layers`.
        size: Height and width of a grid of whole numbers from 0 to 9.
        seed: Decides these numbers, and weights from −1 to 2.
        values: The numbers, if they are not to be drawn.
        kernel: The weights, if they are not to be drawn.

    Raises:
        ParameterError: If it is another layer, or too much to be looked at.
        Refusal: If the layer's window is larger than the grid.
    """
    return Motion(sliding=sliding(layer, size, seed, values, kernel))
