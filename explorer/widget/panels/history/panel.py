"""Undo, redo, and the way back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets

from explorer.core.editing.history import History
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import GoBy, GoTo


class HistoryView(FrontWidget):
    """Buttons, a list to jump in, and the keys that every editor has.

    Attributes:
        steps: What led to each design, the first one first.
        position: The place of the one that is shown.
        refused: Whether the controls hold what was refused, so that there is something to undo.
    """

    _esm = module(Path(__file__).with_name("panel.js"))
    sends = GoTo | GoBy

    steps = shared(tuple[str, ...], ())
    position: Any = traitlets.Int().tag(sync=True)
    refused: Any = traitlets.Bool().tag(sync=True)

    def __init__(self, on_move: Callable[[int, bool], None], **options: Any) -> None:
        """Make the view.

        Args:
            on_move: Called with the place of the step that the user wants to go to; or with how
                many steps it is away, and True.
            **options: Of the widget.
        """
        super().__init__(**options)
        self._on_move = on_move
        self.on_sent(self._received)

    def show(self, history: History) -> None:
        """Show where the user has been, and is."""
        with self.hold_sync():
            self.steps = tuple(step.label for step in history.steps)
            self.position = history.position
            self.refused = False

    def _received(self, message: GoTo | GoBy, _: Any) -> None:
        if isinstance(message, GoTo):
            self._on_move(message.to, False)
        else:
            self._on_move(message.by, True)
