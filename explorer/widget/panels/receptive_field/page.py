"""What one position of a layer's output can see, and what it looks at, on the user's picture."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import traitlets

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design
from explorer.core.analysis.receptive_field import Box, ReceptiveWindow
from explorer.core.analysis.seeing_more import Remedies, Way, is_smaller
from explorer.core.formatting import product, size_text
from explorer.core.pictures.heat_map import RAMP
from explorer.core.words.beside import changes
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import (
    At,
    Column,
    FieldLine,
    Move,
    Offer,
    Position,
    Rectangle,
    Row,
    SetObject,
    Size,
    TakeRemedy,
)

if TYPE_CHECKING:
    from explorer.core.asking.position import FieldFound
    from explorer.core.pictures.effective_field import EffectiveField


#: What the user does.
Message: TypeAlias = At | Move | Row | Column | SetObject | TakeRemedy
#: What is said of the effective field of random weights.
_TRAINING = "; training changes it: Luo et al. (2016) saw it widen, on small tasks it may shrink."


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

    _esm = module(Path(__file__).with_name("panel.js"), "terms")
    _css = Path(__file__).with_name("panel.css")

    sends = Message

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

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
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
    image: tuple[int, int],
    window: ReceptiveWindow | None,
    largest: Sequence[int] | None,
) -> FieldLine:
    """Say what a position can see.

    Args:
        layer: Name of the layer.
        image: Height and width of the input.
        window: The position's window; None if it is not known.
        largest: Height and width of the largest window of the layer's positions.
    """
    if window is None or largest is None:
        return FieldLine(
            f"What {layer} can see is not known: a layer before it is of a kind whose window is "
            "not known."
        )
    most = f"{layer} sees up to {product(*largest)} px"
    if window.whole is None or window.inside is None:
        return FieldLine(f"{most} (this pixel: none, it lies between the kernels of a layer).")
    inside, whole = window.inside.size, window.whole.size
    own = "the whole image, " if inside == image else ""
    own += product(*inside)
    if inside != whole:
        own += f"; the rest of its {product(*whole)} window is padding"
    return FieldLine(f"{most} (this pixel: {own}).")


def effective_line(half: int, most: int, field: "EffectiveField | FieldFound") -> FieldLine:
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
        + (_TRAINING if field.is_untrained else ".")
    )


def object_line(
    layer: str, target: Box, window: ReceptiveWindow | None, effective: int, remedy: Remedies | None
) -> FieldLine | None:
    """Say whether a position can see a whole object at once; None if that is not known.

    Args:
        layer: Name of the layer.
        target: The object's box.
        window: The position's window.
        effective: Side of the effective window, or 0 while it is not known.
        remedy: What would enlarge the window; None while that is not known.
    """
    if window is None or window.whole is None or window.inside is None:
        return None
    whole = window.whole.size
    if is_smaller(whole, target.size):
        text = (
            f"The window ({size_text(whole)}) is smaller than the object "
            f"({size_text(target.size)}): {layer} can't see the whole object at once."
        )
        if remedy is None:
            return FieldLine(text, "bad")
        offers = tuple(Offer(way.words, cost(way, remedy.present)) for way in remedy.ways)
        return FieldLine(f"{text} {remedy.words}", "bad", offers)
    text = f"The window ({size_text(whole)}) can hold the object ({size_text(target.size)})"
    is_held, looks_at = window.inside.contains(target), (effective, effective)
    is_overlooked = effective > 0 and is_smaller(looks_at, target.size)
    if effective:
        link = "but" if is_overlooked else "and"
        text += f", {link} 95 % of the gradient lies in {size_text(looks_at)}"
    text += "." if is_held else ". From this pixel it does not: click the object's middle."
    return FieldLine(text, "bad" if is_overlooked else "good" if is_held else "")


def cost(way: Way, present: Design) -> str:
    """Say what a change leads to, and what it makes of the network's figures."""
    changed = changes(present, way.design)
    figures = [f"sees {size_text(way.field)}", *(f"{each.name} {each.value}" for each in changed)]
    # Lines break between figures only.
    kept = str.maketrans(" -", "\N{NO-BREAK SPACE}\N{NON-BREAKING HYPHEN}")
    return " · ".join(figure.translate(kept) for figure in figures)


def with_object(target: Box, budgets: Sequence[Budget]) -> tuple[Budget, ...]:
    """Return budgets that ask for a window that can hold an object, in place of another such."""
    others = (each for each in budgets if each.of != "receptive field" or each.at_least is None)
    return (Budget("receptive field", at_least=max(target.size)), *others)


def budget_offers(target: Box, budgets: Sequence[Budget]) -> tuple[Offer, ...]:
    """Return what offers an object as a budget; nothing if it is one."""
    wanted = with_object(target, budgets)
    if wanted[0] in budgets:
        return ()
    words = f"Budget: receptive field at least {max(target.size)} px"
    return (Offer(words, ""),)
