"""The heading of a group of controls, which folds it."""

from pathlib import Path
from typing import Any

import traitlets

from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget


class GroupHead(FrontWidget):
    """Stands above the controls of a group.

    Attributes:
        title: What the group is called.
        folded: Whether they are folded away.
        note: What of it has no effect, and why.
        off: Whether none of it has any, so that there is nothing to fold.
        chain: What a chain does that two of its controls are linked by; empty without one.
        closed: Whether they are.
    """

    _esm = module(Path(__file__).with_name("group_head.js"))

    title: Any = traitlets.Unicode().tag(sync=True)
    folded: Any = traitlets.Bool().tag(sync=True)
    note: Any = traitlets.Unicode().tag(sync=True)
    off: Any = traitlets.Bool().tag(sync=True)
    chain: Any = traitlets.Unicode().tag(sync=True)
    closed: Any = traitlets.Bool().tag(sync=True)
