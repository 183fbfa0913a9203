"""The list of architectures to start from."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from explorer.core.families import Architecture, Custom, ReadModel, presets
from explorer.core.families.titles import title_of
from explorer.core.guard import as_part_of, is_under_way
from explorer.core.network.encoder_decoder import links_its_own_blocks
from explorer.widget.controls.form import plain_layout

#: What the list calls a network whose blocks are listed one by one.
CUSTOM = Custom.__name__


class Families(widgets.Dropdown):
    """The presets, a list of blocks, the model that was given, and what is shown."""

    options: Any
    value: Any

    def __init__(self, chosen: Callable[[Architecture], None]) -> None:
        """Begin without anything to choose.

        Args:
            chosen: Called with the architecture that the user chooses.
        """
        self._chosen = chosen
        self._given: ReadModel | None = None  # the last model that was given
        self._shown: Architecture | None = None
        super().__init__(
            description="architecture",
            layout=plain_layout(),
        )
        self.add_class("explorer-family")
        self.observe(self._picked, names="value")

    def show(self, architecture: Architecture) -> None:
        """Show which of them an architecture is, or that it is another one."""
        self._shown = architecture
        if isinstance(architecture, ReadModel):
            self._given = architecture
        given = [title_of(self._given)] if self._given else []
        title = title_of(architecture)
        options = list(dict.fromkeys([*presets, CUSTOM, *given, title]))
        as_part_of(self, self._put, options, title)

    def _put(self, options: list[str], value: str) -> None:
        if list(self.options) != options:
            self.options = options
        self.value = value
        self.tooltip = f"{value}: the architecture to start from"  # its place may be too narrow

    def _picked(self, change: Any) -> None:
        if is_under_way(self):
            return
        if change.new == CUSTOM:
            self._chosen(_written_out(self._shown))
        elif change.new in presets:
            self._chosen(presets[change.new])
        elif self._given and change.new == title_of(self._given):
            self._chosen(self._given)


def _written_out(shown: Architecture | None) -> Custom:
    """Return an architecture with its blocks as a list, or the smallest one where it has none."""
    if shown is None or isinstance(shown, ReadModel) or links_its_own_blocks(shown):
        return Custom()
    return Custom.of(shown)
