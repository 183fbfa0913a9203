"""Texts, tables and pictures on screen."""

from pathlib import Path
from typing import Any

import traitlets

from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.parts import Part


class Page(FrontWidget):
    """Shows parts beneath each other, and takes no place where there are none.

    Attributes:
        parts: What is shown.
        label: What it is called where it cannot be seen, if it may be too wide and then scrolls.
    """

    _esm = module(Path(__file__).with_name("page.js"), "parts", "terms")

    parts = shared(tuple[Part, ...], ())
    label: Any = traitlets.Unicode().tag(sync=True)
