"""What the screen asks of the views in its tabs."""

from functools import cached_property
from typing import Any

from explorer.core.editing.snapshot import Scene


class TabView:
    """What is shown in a tab. It is told of all that happens, and does what it needs to.

    A view that is a widget itself has this class last, so that it is closed as widgets are.
    """

    @cached_property
    def widget(self) -> Any:
        """What is put into the tab: the view itself, unless it makes a widget."""
        return self

    def show(self, scene: Scene) -> None:
        """Show a scene; subclasses implement it."""
        raise NotImplementedError

    def hide(self) -> None:
        """Rest: another tab is open."""

    def picture_changed(self) -> None:
        """Show another picture: the user has chosen one."""

    def pinned_changed(self) -> None:
        """Look again at what is pinned: it may be another network, or none."""

    def weights_changed(self) -> None:
        """Look again: the model on screen has learnt."""

    def close(self) -> None:
        """Drop what was asked of Keras."""
