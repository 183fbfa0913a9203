"""The drawing on screen, and what lays it out there."""

import gc
import time
from pathlib import Path
from typing import Any

import traitlets
from IPython import get_ipython

from explorer import graphviz_layout
from explorer.core.drawing.diagram import Diagram
from explorer.core.drawing.fonts import font_css
from explorer.core.drawing.items import Item
from explorer.core.drawing.palette import dark_theme
from explorer.widget import front
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import (
    Code,
    Find,
    LaidOutDrawing,
    LaysOut,
    Nearer,
    Save,
    SavedFile,
    SavedPicture,
    Select,
    Toggle,
    ToLayOut,
    WantsCode,
)
from explorer.worker import IN_PAGE

#: What a page lays drawings out with: Graphviz, and the worker that calls it.
LAYOUT_CODE = (
    front.STYLE.parent / "graphviz" / "index.js",
    front.STYLE.parent / "layout_worker.js",
)


#: Seconds in which a kernel's thread sends what it was given.
SENT = 0.001
#: Further seconds in which a page lays out a drawing that it has asked for by an edit. All that it
#: is sent meanwhile takes its time from that: JupyterLab makes its toolbars anew when a message is
#: done.
LAID_OUT = 0.02


def theme_css() -> str:
    """Return the rules that exchange the drawing's colours on JupyterLab's dark themes."""
    dark = 'body[data-jp-theme-light="false"] .explorer-themed svg'
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


def _is_asked_by_page() -> bool:
    """Return whether the kernel does what a page sent, and not what a cell says."""
    kernel = getattr(get_ipython(), "kernel", None)
    header = kernel.get_parent().get("header", {}) if kernel else {}
    return bool(header.get("msg_type") == "comm_msg")


def _collect_garbage() -> None:
    """Collect all garbage if Python is about to, which may take as long as two drawings."""
    *_, most = gc.get_threshold()
    if gc.isenabled() and 0 < most <= gc.get_count()[2]:
        gc.collect()


class Canvas(FrontWidget):
    """Shows a drawing, and reports what a user does in it as messages.

    A page lays a drawing out by itself, beside all else that it does, once it has what it needs for
    that. Until then, and where it can't, the kernel does if it has Graphviz.

    Attributes:
        dot: The drawing in Graphviz' language.
        svg: The same as an SVG element; empty where pages lay it out.
        kept: What the page made of it: for a notebook that is opened without a kernel.
        places: What is selected by each box, row and slab of the drawing, by its id in there.
        items: What can be selected.
        selected: The selection; it need not be drawn.
        shown: The item that stands for it: itself, its row, or the card of its block.
        changed: Ids of the cards that the last edit changed.
        found: What the search found, in words.
        detail: How much is written of a block; empty where the user has chosen it, not the zoom.
        family: Of what kind the drawing is; one of another is looked at as a whole at first.
    """

    _esm = module(
        Path(__file__).with_name("panel.js"),
        "hover",
        "pan_zoom",
        "minimap",
        "code",
        "layout",
        "rewriting",
        "files",
    )
    _css = "\n".join(
        (
            font_css("Explorer"),
            Path(__file__).with_name("panel.css").read_text(encoding="utf-8"),
            theme_css(),
        )
    )

    sends = Select | Toggle | Nearer | Find | Save | WantsCode | LaysOut | LaidOutDrawing
    gets = SavedFile | SavedPicture | ToLayOut | Code

    dot = traitlets.Unicode().tag(sync=True)
    kept = traitlets.Unicode().tag(sync=True)
    svg = traitlets.Unicode().tag(sync=True)
    places = shared(dict[str, str], {})
    items = shared(tuple[Item, ...], ())
    selected = traitlets.Unicode().tag(sync=True)
    shown = traitlets.Unicode().tag(sync=True)
    changed = shared(tuple[str, ...], ())
    found = traitlets.Unicode().tag(sync=True)
    detail = traitlets.Unicode().tag(sync=True)
    family = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        """Begin without a drawing.

        Args:
            **traits: Of the widget.
        """
        self._pages: set[bool] = set()  # what pages said of laying drawings out
        super().__init__(**traits)

    @property
    def pages_can(self) -> bool:
        """Whether a page lays drawings out."""
        return True in self._pages

    def draw(self, dot: str) -> None:
        """Show another drawing.

        Args:
            dot: The drawing in Graphviz' language.
        """
        can = self.pages_can or not graphviz_layout.writes("svg")
        self.svg = "" if can and False not in self._pages else Diagram(dot).svg()
        self.dot = dot

    def give_way(self) -> None:
        """Have what was drawn sent now, if a page waits for it, and give that the time it needs.

        A kernel sends in a thread of its own, which Python keeps waiting while this one computes.
        """
        if not self.pages_can or IN_PAGE:  # where there are no threads
            return
        time.sleep(SENT)
        if _is_asked_by_page():
            begun = time.perf_counter()
            _collect_garbage()
            time.sleep(max(0.0, LAID_OUT - (time.perf_counter() - begun)))

    def give_code(self) -> None:
        """Give a page what it lays drawings out with."""
        self.send_message(Code("graphviz"), [file.read_bytes() for file in LAYOUT_CODE])

    def hear(self, message: LaysOut) -> None:
        """Note what a page says of laying drawings out."""
        self._pages.add(message.lays_out)

    def _get_embed_state(self, drop_defaults: bool = False) -> Any:
        """Return what a page without a kernel gets, which has nothing to lay drawings out with."""
        embedded = super()._get_embed_state(drop_defaults)
        can = self.dot and graphviz_layout.writes("svg")
        embedded["state"]["kept"] = self.svg or (Diagram(self.dot).svg() if can else self.kept)
        return embedded
