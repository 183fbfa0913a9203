"""Accessible names for the controls that ipywidgets leaves without one."""

from pathlib import Path

from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget


class Names(FrontWidget):
    """Shows nothing; names the controls of the explorer that it is part of."""

    _esm = module(Path(__file__).with_name("names.js"))
