"""What is shown of a position: what it can see, what it looks at, and the picture beneath."""

from typing import TYPE_CHECKING

import attrs

from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.receptive_field import Box, ReceptiveWindow
from explorer.core.analysis.seeing_more import is_smaller
from explorer.core.asking.questions import Gradient
from explorer.core.editing.snapshot import Scene
from explorer.core.formatting import printable
from explorer.core.network.graph import Node
from explorer.core.network.layers import Shape
from explorer.core.network.names import is_block
from explorer.core.pictures.heat_map import heat_png
from explorer.core.pictures.shown import shown
from explorer.widget.messages import FieldLine, Rectangle
from explorer.widget.panels.receptive_field.page import effective_line

if TYPE_CHECKING:
    from explorer.core.asking.position import FieldFound
    from explorer.core.pictures.effective_field import EffectiveField


@attrs.frozen
class Subject:
    """What is shown: a position in a layer's output, and what it can see.

    Attributes:
        scene: The scene.
        node: The layer.
        position: Row and column; None if the layer's output has no pixels.
        window: What it can see; None if that is not known.
        target: The object's box, or None.
    """

    scene: Scene
    node: Node
    position: tuple[int, int] | None
    window: ReceptiveWindow | None
    target: Box | None

    @property
    def name(self) -> str:
        """What the layer is called: as its block, unless it was selected itself."""
        if self.scene.nodes and not is_block(self.scene.selected):
            return printable(self.node.name)
        return wiring_of(self.scene.graph).title(self.node)

    @property
    def image(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.scene.graph.input_shape[0], self.scene.graph.input_shape[1]

    @property
    def question(self) -> Gradient | None:
        """What the gradient is asked about, less the picture; None for an output without pixels."""
        if self.position is None:
            return None
        shape = self.scene.graph.input_shape
        architecture = self.scene.design.architecture
        return Gradient(architecture, shape, self.node.name, self.position, upload=None)

    @property
    def need(self) -> tuple[Node, tuple[int, int]] | None:
        """The layer, and the size of an object that is larger than its window, if one is."""
        whole = self.window.whole if self.window else None
        if whole is None or self.target is None or not is_smaller(whole.size, self.target.size):
            return None
        return self.node, self.target.size


@attrs.frozen
class Answer:
    """What became of a question.

    Attributes:
        line: What to say.
        heat: The gradient's strength as the content of a PNG; empty if there is none.
        side: Side of the square that holds most of it, or 0.
        square: Where it is.
        is_untrained: Whether it is that of random weights.
    """

    line: FieldLine
    heat: bytes = b""
    side: int = 0
    square: Rectangle | None = None
    is_untrained: bool = False


def answer_of(field: "EffectiveField") -> Answer:
    """Return what to show of an effective field."""
    heat = heat_png(field.strength) if field.has_gradient else b""
    return _answer(field.side(0.5), field.side(0.95), heat, field)


def answer_of_page(found: "FieldFound") -> Answer:
    """Return what to show of an effective field that the page found."""
    return _answer(found.half, found.most, found.heat, found)


def _answer(half: int, most: int, heat: bytes, field: "EffectiveField | FieldFound") -> Answer:
    line = effective_line(half, most, field)
    if not half:
        return Answer(line, is_untrained=field.is_untrained)
    row, column = (at + 0.5 - most / 2 for at in field.center)  # pixel 0 ends at 1
    return Answer(line, heat, most, Rectangle(row, column, most, most), field.is_untrained)


@attrs.frozen(eq=False)
class Prepared:
    """A picture as the network sees it.

    Attributes:
        content: What the user chose, or None for the photograph.
        shape: `(height, width, channels)` of the input.
        png: What the network sees of it.
        note: How its values are shown.
        problem: Why what the user chose can't be used, if it can't.
    """

    content: bytes | None
    shape: Shape
    png: bytes
    note: str = ""
    problem: str = ""

    @property
    def upload(self) -> bytes | None:
        """What of the user's can be used."""
        return None if self.problem else self.content

    def is_of(self, content: bytes | None, shape: Shape) -> bool:
        """Return whether this is what the network sees of that content."""
        return (self.content, self.shape) == (content, shape)


def photograph(content: bytes | None, shape: Shape) -> Prepared:
    """Return the photograph as the network sees it, in place of this content."""
    photo = shown(None, shape)
    return Prepared(content, shape, photo.png, photo.note)
