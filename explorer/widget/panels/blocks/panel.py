"""The editor of single blocks, which is made when it is first opened."""

import functools
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from explorer.core.editing.store import State
from explorer.core.families import Architecture, Custom, ReadModel
from explorer.core.guard import guarded
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.graph import Block
from explorer.widget.controls.block_editor import BlockEditor
from explorer.widget.controls.form import close_with_parts, page, plain_layout
from explorer.widget.front.page import Page
from explorer.widget.parts import Line


class Blocks:
    """Blocks and heads, edited one by one, and the way back to what was shown before.

    Attributes:
        widget: What is shown.
    """

    def __init__(
        self, state: State, start_from: Callable[[Architecture], None], alert: Callable[[str], None]
    ) -> None:
        """Begin closed.

        Args:
            state: What is on screen.
            start_from: Called with the architecture to go back to.
            alert: Shows the text of an unforeseen error.
        """
        self._state = state
        self._start_from = start_from
        self._alert = alert
        self._origin: EncoderDecoder | None = None  # what was shown before its blocks were edited
        self._place = widgets.VBox(layout=plain_layout())
        self.widget = widgets.Accordion(
            [self._place], titles=["Blocks and heads"], layout=plain_layout()
        )
        self.widget.observe(self._opened, names="selected_index")

    def show(self, architecture: Architecture) -> None:
        """Show the blocks of an architecture, while this is open."""
        if self.widget.selected_index is None:
            return
        if isinstance(architecture, ReadModel):
            self._place.children = [self._no_blocks]
            return
        if not self._edits:
            self._place.children = []
        can_go_back = isinstance(architecture, Custom) and self._origin is not None
        self._back.layout.display = "" if can_go_back else "none"
        self._back.description = f"Back to {type(self._origin).__name__}"
        self._editor.show(architecture)
        if not self._place.children:  # once they are complete: the page shows them at once
            self._place.children = [self._back, self._editor.widget]

    @guarded
    def edit(self, block: Block) -> None:
        """Open the controls of a block."""
        with self._state.lock:
            self.widget.selected_index = 0
            if not isinstance(self._state.design.architecture, ReadModel):
                self._editor.select(block)

    def close(self) -> None:
        """Close what is made but not shown just now, too."""
        made = vars(self)
        spare = [made[name] for name in ("_no_blocks", "_back") if name in made]
        spare += [self._editor.widget] if "_editor" in made else []
        for widget in spare:
            close_with_parts(widget)

    @property
    def _edits(self) -> bool:
        """Whether the place has the editor, and not what stands there instead."""
        return vars(self).get("_no_blocks") not in self._place.children

    @functools.cached_property
    def _editor(self) -> BlockEditor:
        return BlockEditor(self._blocks_changed, self._alert)

    @functools.cached_property
    def _no_blocks(self) -> Page:
        reason = (
            "This model was made elsewhere, and is shown as it is: it has no blocks that can be "
            "edited here."
        )
        return page(Line(reason, "reason"))

    @functools.cached_property
    def _back(self) -> widgets.Button:
        button = widgets.Button(layout=plain_layout(shared=False))
        button.on_click(self._back_clicked)
        return button

    def _blocks_changed(self, architecture: EncoderDecoder) -> None:
        """Show an architecture whose blocks were edited; raises what is wrong with it."""
        with self._state.lock:
            self._state.unbroken.do(self._change, architecture)

    def _change(self, architecture: EncoderDecoder) -> None:
        before = self._state.design.architecture
        self._state.update(architecture=architecture)
        if isinstance(architecture, Custom) and not isinstance(before, (Custom, ReadModel)):
            self._origin = before
            self.show(architecture)

    @guarded
    def _back_clicked(self, _: Any) -> None:
        if self._origin is not None:
            self._start_from(self._origin)

    @guarded
    def _opened(self, _: Any) -> None:
        with self._state.lock:
            self.show(self._state.design.architecture)
