"""A graph as a picture: the U of an encoder-decoder.

Three steps, three jobs: `boxes` gathers the graph's blocks and the links between them, `dot`
writes them, and Graphviz places and draws them.
"""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType

import attrs

from explorer.core.drawing.boxes import cards_of, links_of
from explorer.core.drawing.dot import BOLD, FONT, DiagramOptions, Drawing
from explorer.core.drawing.fonts import font_css
from explorer.core.drawing.pdf import LONGEST
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph

#: The font that a file has with it.
EMBEDDED = "Arimo"
#: Fonts that are as wide as each other; a browser takes the first that it has.
FAMILIES = f"{FONT},{EMBEDDED},Liberation Sans,Helvetica,sans-serif"

#: Dots per inch of a picture of dots: fine enough for print.
PNG_DPI = 200

#: Inches of a drawing's side at most in a PDF. Graphviz puts half an inch of margin around it.
_PDF_INCHES = LONGEST // 72 - 2

#: Graphviz' options, by the format that it writes.
_OPTIONS = {"png": f"-Gdpi={PNG_DPI}", "pdf": f"-Gsize={_PDF_INCHES},{_PDF_INCHES}"}

#: Lays a drawing out: given it in Graphviz' language, the format to write and further arguments.
laid_out: Callable[[str, str, str], bytes] | None = None


@attrs.frozen
class Diagram:
    """A drawing of a graph.

    Attributes:
        dot: The drawing in Graphviz' language; the same for equal architectures.
        places: The block or layer of each id in the drawing, as `explorer.core.network.names` names
            it.
    """

    dot: str = attrs.field(repr=False)
    places: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    def svg(self) -> str:
        """Return the drawing as an SVG element, without an XML header and without its font."""
        svg = _with_weights(self._draw("svg").decode())
        return svg[svg.index("<svg") :]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the drawing to a file.

        Args:
            path: Where to; the ending says what: .svg, .pdf, .png or .dot.

        Raises:
            ValueError: If the ending is another one.
        """
        path = Path(path)
        ending = path.suffix.lower().removeprefix(".")
        if ending not in ("svg", "pdf", "png", "dot"):
            raise Refusal(
                f"A diagram can't be saved as {path.name!r}: use .svg, .pdf, .png or .dot."
            )
        path.write_bytes(self.content(ending))

    def content(self, ending: str) -> bytes:
        """Return the content of a file with this ending: "svg", "pdf", "png" or "dot"."""
        if ending == "dot":
            return self.dot.encode()
        drawn = self._draw(ending)
        return finished(drawn.decode()) if ending == "svg" else drawn

    def _draw(self, file_format: str) -> bytes:
        assert laid_out is not None
        return laid_out(self.dot, file_format, _OPTIONS.get(file_format, ""))

    def _repr_svg_(self) -> str:
        return _with_font(self.svg())


def finished(svg: str) -> bytes:
    """Return an SVG of Graphviz as a file, which has its font with it."""
    return _with_font(_with_weights(svg)).encode()


def _with_weights(svg: str) -> str:
    """Write fonts as browsers know them: families, and a weight."""
    bold = svg.replace(f'font-family="{BOLD}"', f'font-family="{FONT}" font-weight="bold"')
    return bold.replace(f'font-family="{FONT}"', f'font-family="{FAMILIES}"')


def _with_font(svg: str) -> str:
    """Put the font into a drawing that leaves the page: else text would stand over its box."""
    start = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:start]}\n<style>{font_css(EMBEDDED)}</style>{svg[start:]}"


def diagram(
    graph: Graph,
    detail: str = "blocks",
    *,
    direction: str = "U",
    colour_by: str = "kind",
    draw_sizes: bool = False,
    expanded: Collection[str] = (),
    fold: bool = False,
    times: Mapping[str, float] = MappingProxyType({}),
) -> Diagram:
    """Return the drawing of a graph: encoder down the left, decoder up the right, skips across.

    Args:
        graph: As `trace` returns it.
        detail: "outline" names each block and its shape; "blocks" sums up its layers; "layers"
            lists every layer with its shape.
        direction: "U" has a row for each stride; "left to right" and "top to bottom" are one line.
        colour_by: "kind", or "parameters", "MACs", "memory" or "time" for the share of the whole.
        draw_sizes: Whether features are drawn as slabs, as high as their height and as wide as the
            square root of their channels.
        expanded: Names of blocks that have the other detail than the rest.
        fold: Whether layers that repeat those listed above them have one row together.
        times: Seconds of each layer by name, for `colour_by="time"`.

    Raises:
        ParameterError: If an option has no such choice.
        ValueError: If a block to expand is not there.
    """
    options = DiagramOptions(
        detail=detail, direction=direction, colour_by=colour_by, draw_sizes=draw_sizes
    )
    cards = cards_of(graph)
    known = {card.prefix for card in cards}
    if unknown := sorted(set(expanded) - known):
        raise Refusal(
            f"expanded={unknown} names no blocks of this graph: use some of {sorted(known)}."
        )
    drawing = Drawing(
        cards=cards,
        links=links_of(graph, cards),
        outputs=graph.outputs,
        options=options,
        toggled={card.id for card in cards if card.prefix in expanded},
        times=times,
        fold=fold,
    )
    return Diagram(drawing.dot(), drawing.places)
