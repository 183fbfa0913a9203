"""Which blocks are exceptions on the family: each can be opened, and given up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from explorer.core.analysis.comparison import Change, parameter_changes
from explorer.core.families import Architecture, ReadModel
from explorer.core.network.block_edits import BlockEdit, Stacks
from explorer.core.network.encoder_decoder import family_blocks_of
from explorer.core.network.parameters import describe
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import OpenOwn, OwnSettings, RemoveOwn


class OwnSettingsView(FrontWidget):
    """Names the blocks at the foot of the controls, over what scrolls there.

    Attributes:
        blocks: Those that have settings of their own.
    """

    _esm = module(Path(__file__).with_name("own_settings.js"))
    _css = Path(__file__).with_name("own_settings.css")
    sends = OpenOwn | RemoveOwn

    blocks = shared(tuple[OwnSettings, ...], ())

    def __init__(self, on_message: Callable[[OpenOwn | RemoveOwn], None], **options: Any) -> None:
        """Begin without any.

        Args:
            on_message: Called with what the user does.
            **options: Of the widget.
        """
        super().__init__(**options)
        self.on_sent(lambda message, _: on_message(message))

    def show(self, architecture: Architecture) -> None:
        """Show which blocks of an architecture have settings of their own."""
        if isinstance(architecture, ReadModel):
            self.blocks = ()
        elif architecture.edits or self.blocks:
            family = family_blocks_of(architecture)
            self.blocks = tuple(_own(family, edit) for edit in architecture.edits)


def _own(family: Stacks, edit: BlockEdit) -> OwnSettings:
    before = family.at(family.index_of(edit.place))
    if before is None:
        return OwnSettings(edit.name, "There is no such block now: its settings rest.", rests=True)
    changes = parameter_changes(before, edit.block)
    return OwnSettings(edit.name, ", ".join(map(_told, changes)) or "as the family has it")


def _told(change: Change) -> str:
    return f"{change.field} {describe(change.a)} → {describe(change.b)}"
