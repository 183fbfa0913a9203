"""The style sheet, and what ipywidgets' controls lack: accessible names, and what steps do."""

from pathlib import Path
from typing import Any

import traitlets

from explorer.widget.front import STYLE
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import Steps, StepsOf


class Names(FrontWidget):
    """Shows nothing; gives the explorer that it is part of its look, and its controls names.

    Attributes:
        hides: Class of what is hidden while this explorer is on the page.
        steps: What the next steps of the parameter would do whose control is looked at.
    """

    _esm = module(Path(__file__).with_name("names.js"))
    _css = STYLE
    sends = StepsOf

    hides: Any = traitlets.Unicode().tag(sync=True)
    steps = shared(Steps, Steps("", ()))
