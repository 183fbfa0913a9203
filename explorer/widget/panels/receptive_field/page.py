"""What one position of a layer's output can see, and what it looks at, on the user's picture."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from explorer.core.analysis.receptive_field import Box, ReceptiveWindow
from explorer.core.analysis.seeing_more import is_smaller
from explorer.core.formatting import size_text
from explorer.core.pictures.heat_map import RAMP
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import (
    At,
    Column,
    FieldLine,
    Move,
    Position,
    Rectangle,
    Row,
    SetObject,
    Size,
)

if TYPE_CHECKING:
    from explorer.core.pictures.effective_field import EffectiveField


class ReceptiveFieldView(FrontWidget):
    """Shows the picture that the network sees, with what is seen of it drawn upon it.

    All sizes and places are in pixels of the network's input, rows before columns.

    Attributes:
        picture: The picture, as the content of a PNG; empty while it is being prepared.
        size: Its own; None before there is one.
        layer: Name of the layer.
        grid: Height and width of the layer's output in its own pixels; None if it has none.
        position: That in the output; None if it has no pixels.
        whole: The theoretical window; None where there is none.
        inside: Its part in the picture.
        heat: The gradient's strength, as the content of a PNG; empty while there is none.
        most: The square that holds most of it, if any does.
        object: The object's box, if there is one.
        effective: Whether the effective field is wanted.
        lines: What is written beneath the controls.
        ramp: Colours of the gradient's strength, the weakest first.
    """

    _esm = module(Path(__file__).with_name("panel.js"))
    _css = Path(__file__).with_name("panel.css")

    sends = At | Move | Row | Column | SetObject

    picture: Any = traitlets.Bytes().tag(sync=True)
    size = shared(Size | None, None)
    layer: Any = traitlets.Unicode().tag(sync=True)
    grid = shared(Size | None, None)
    position = shared(Position | None, None)
    whole = shared(Rectangle | None, None)
    inside = shared(Rectangle | None, None)
    heat: Any = traitlets.Bytes().tag(sync=True)
    most = shared(Rectangle | None, None)
    object = shared(Rectangle | None, None)
    effective: Any = traitlets.Bool(True).tag(sync=True)
    lines = shared(tuple[FieldLine, ...], ())
    ramp = shared(tuple[str, ...], tuple(RAMP))

    def __init__(
        self, on_message: Callable[[At | Move | Row | Column | SetObject], None], **options: Any
    ) -> None:
        """Make the view.

        Args:
            on_message: Called with what the user does.
            **options: Of the widget.
        """
        super().__init__(**options)
        self.on_sent(lambda message, _: on_message(message))


def rectangle(box: Box | None) -> Rectangle | None:
    """Return where a box is on the screen."""
    return Rectangle(box.top, box.left, box.height, box.width) if box else None


# What is written beneath the controls. Sizes are height × width, as everywhere.


def window_line(
    layer: str,
    position: tuple[int, int],
    image: tuple[int, int],
    window: ReceptiveWindow | None,
    largest: Sequence[int] | None,
) -> FieldLine:
    """Say what a position can see.

    Args:
        layer: Name of the layer.
        position: Row and column in its output.
        image: Height and width of the input.
        window: The position's window; None if it is not known.
        largest: Height and width of the largest window of the layer's positions.
    """
    pixel = f"Pixel ({position[0]}, {position[1]}) of {layer}"
    if window is None or largest is None:
        return FieldLine(
            f"What {layer} can see is not known: a layer before it is of a kind whose window is "
            "not known."
        )
    if window.whole is None or window.inside is None:
        return FieldLine(
            f"{pixel} sees no pixel of the image: it lies between the kernels of a layer."
        )
    inside, whole = window.inside.size, window.whole.size
    text = f"{pixel} sees {size_text(inside)} pixels of the {size_text(image)} image"
    if inside == image:
        text = f"{pixel} sees the whole {size_text(image)} image"
    if inside != whole:
        text += f"; the rest of its {size_text(whole)} window is padding"
    if largest != whole:
        text += f". Windows of this layer have up to {size_text(largest)}"
    return FieldLine(f"{text}.")


def effective_line(half: int, most: int, field: "EffectiveField") -> FieldLine:
    """Say what a position looks at.

    Args:
        half: Side of the square that holds half of the gradient; 0 if there is none.
        most: Side of the square that holds 95 % of it.
        field: The gradient.
    """
    if not field.is_finite:
        return FieldLine(
            f"Effective: the gradient is too large for float32. Weights: {field.weights}; use "
            "batch normalisation or fewer layers.",
            "bad",
        )
    if not half:
        return FieldLine(
            "Effective: none. No change of the picture changes this pixel, whose activations are "
            f"all off here. Weights: {field.weights}; choose another pixel."
        )
    return FieldLine(
        f"Effective: 95 % of the gradient within {size_text((most, most))} pixels, half of it "
        f"within {size_text((half, half))}. Weights: {field.weights}"
        + ("; training usually widens it." if field.is_untrained else ".")
    )


def object_line(
    layer: str, target: Box, window: ReceptiveWindow | None, effective: int, remedy: str
) -> FieldLine | None:
    """Say whether a position can see a whole object at once; None if that is not known.

    Args:
        layer: Name of the layer.
        target: The object's box.
        window: The position's window.
        effective: Side of the effective window, or 0 while it is not known.
        remedy: What would enlarge the window, as sentences.
    """
    if window is None or window.whole is None or window.inside is None:
        return None
    whole = window.whole.size
    if is_smaller(whole, target.size):
        return FieldLine(
            f"The window ({size_text(whole)}) is smaller than the object "
            f"({size_text(target.size)}): {layer} can't see the whole object at once. {remedy}",
            "bad",
        )
    text = f"The window ({size_text(whole)}) can hold the object ({size_text(target.size)})"
    if not window.inside.contains(target):
        text += ", though not from this pixel: click the object's middle"
    if effective and is_smaller((effective, effective), target.size):
        text += (
            f". The effective one ({size_text((effective, effective))}) is smaller: the object's "
            "far parts have little influence"
        )
        return FieldLine(f"{text}.", "bad")
    return FieldLine(f"{text}.", "good" if window.inside.contains(target) else "")
