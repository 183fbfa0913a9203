"""The diagram on screen: an SVG that fits the window and can be enlarged."""

from pathlib import Path

import anywidget
import traitlets

from explorer.palette import dark_theme


def theme_css() -> str:
    """Return the rules that exchange the drawing's colours on JupyterLab's dark themes."""
    dark = 'body[data-jp-theme-light="false"] .explorer-diagram svg'
    # The paper that an exported drawing has gives way to the page's own background.
    paper = ".explorer-diagram svg > g > polygon:first-of-type { fill: none; }"
    return "\n".join(
        [paper]
        + [
            f'{dark} [{attribute}="{light}"] {{ {attribute}: {colour}; }}'
            for light, colour in dark_theme().items()
            for attribute in ("fill", "stroke")
        ]
    )


class DiagramView(anywidget.AnyWidget):
    """Shows a drawing.

    Attributes:
        svg: The drawing, an SVG element.
        selected: Id of the box that was clicked last.
    """

    _esm = Path(__file__).parent / "diagram_view.js"
    _css = theme_css()

    svg = traitlets.Unicode().tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
