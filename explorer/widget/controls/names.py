"""The style sheet, and accessible names for the controls that ipywidgets leaves without one."""

from pathlib import Path
from typing import Any

import traitlets

from explorer.widget.front import STYLE
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget


class Names(FrontWidget):
    """Shows nothing; gives the explorer that it is part of its look, and its controls names.

    Attributes:
        hides: Class of what is hidden while this explorer is on the page.
    """

    _esm = module(Path(__file__).with_name("names.js"))
    _css = STYLE

    hides: Any = traitlets.Unicode().tag(sync=True)
