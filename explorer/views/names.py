"""Accessible names for the controls that ipywidgets leaves without one."""

import anywidget

from explorer.views.modules import module


class Names(anywidget.AnyWidget):
    """Shows nothing; names the controls of the explorer that it is part of."""

    _esm = module("names.js")
