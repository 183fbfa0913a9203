"""Accessible names for the controls that ipywidgets leaves without one."""

from pathlib import Path

import anywidget


class Names(anywidget.AnyWidget):
    """Shows nothing; names the controls of the explorer that it is part of."""

    _esm = Path(__file__).parent / "names.js"
