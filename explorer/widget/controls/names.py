"""The style sheet, and accessible names for the controls that ipywidgets leaves without one."""

from pathlib import Path

from explorer.widget.front import STYLE
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget


class Names(FrontWidget):
    """Shows nothing; gives the explorer that it is part of its look, and its controls names."""

    _esm = module(Path(__file__).with_name("names.js"))
    _css = STYLE
