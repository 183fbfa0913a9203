"""The design as code and as the files of other programs, live beside the diagram."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets

from explorer.core.analysis.design import Design
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.guard import guarded
from explorer.core.network.names import block_id
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import CodeText, FileKind, WriteAs
from explorer.widget.panels.code.page import KINDS, Written, marked
from explorer.widget.panels.tab_view import TabView


class CodeView(FrontWidget, TabView):
    """Shows the design as text of one kind, with the lines marked that the last edit changed.

    Attributes:
        kinds: The kinds that there are.
        code: The text of the chosen one.
        selected: What selects the block that is selected, or has a selected layer; empty: none.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "hover", "clipboard")
    _css = Path(__file__).with_name("panel.css")
    sends = WriteAs

    kinds = shared(tuple[FileKind, ...], KINDS)
    code = shared(CodeText, CodeText(KINDS[0].kind))
    selected: Any = traitlets.Unicode().tag(sync=True)

    def __init__(self, state: State, alert: Callable[[str], None]) -> None:
        """Begin with the first kind, and nothing written.

        Args:
            state: What is on screen, and was before.
            alert: Shows the text of an unforeseen error.
        """
        super().__init__()
        self._state = state
        self._alert = alert
        self._kind = KINDS[0].kind
        # What was shown last, and what it was compared with.
        self._written: tuple[Written, ...] = ()
        self.on_sent(self._chosen)

    def show(self, scene: Scene) -> None:
        """Show a scene's design, and which of its lines tell of what is selected."""
        with self.hold_sync():
            self.selected = block_id(scene.node) if scene.node else ""
            self._show(scene.design)

    @guarded
    def _chosen(self, message: WriteAs, _: Any) -> None:
        if any(message.write_as == each.kind for each in self.kinds):
            with self._state.lock:
                self._kind = message.write_as
                self._show(self._state.design)

    def _show(self, design: Design) -> None:
        before = self._state.history.before
        written = self._write(design)
        compared = self._write(before) if before else None
        shown = (written, compared) if compared else (written,)
        if shown != self._written:
            self.code = marked(written, compared)
            self._written = shown  # at last: what is broken off is shown again

    def _write(self, design: Design) -> Written:
        """Return a design as text, which may be at hand."""
        for written in self._written:
            if (written.design, written.kind) == (design, self._kind):
                return written
        return Written.of(design, self._kind)
