"""Views of a scene that share one place: a tab for each, of which one is open."""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from explorer.core.editing.snapshot import Scene
from explorer.core.guard import guarded
from explorer.widget.controls.form import plain_layout
from explorer.widget.panels.problems import Problems
from explorer.widget.panels.tab_view import TabView

#: What views are called in a sentence, where that is not their title.
NAMES = {"Diagram": "diagram", "Explain": "explanation of what is selected"}


class Tabs(widgets.Tab):
    """A view is made when it is first opened, and is shown nothing while it is closed.

    Attributes:
        views: The views that have been opened, by title.
    """

    children: Any
    titles: Any
    selected_index: Any

    def __init__(
        self,
        makers: Mapping[str, Callable[[], TabView]],
        problems: Problems,
        alert: Callable[[str], None],
        show: Callable[[], None],
    ) -> None:
        """Begin with the first one open, and no view made.

        Args:
            makers: What makes each view, by the title of its tab.
            problems: Says which views could not be shown.
            alert: Shows the text of an unforeseen error that is about no view.
            show: Called when the user opens a tab.
        """
        self._makers = makers
        self._problems = problems
        self._alert = alert
        self._show = show
        self.views: dict[str, TabView] = {}
        self._visible = ""  # title of the tab whose view was shown last
        places = [widgets.VBox(layout=plain_layout()) for _ in makers]
        super().__init__(places, titles=list(makers), selected_index=0, layout=plain_layout())
        self.observe(self._chosen, names="selected_index")

    @property
    def opened(self) -> str:
        """Title of the open tab; empty if none is."""
        index = self.selected_index
        return "" if index is None else list(self._makers)[index]

    def choose(self, title: str) -> None:
        """Open a tab."""
        self.selected_index = list(self._makers).index(title)

    def show(self, scene: Scene) -> None:
        """Show a scene in the view of the open tab."""
        title = self.opened  # another thread may open another meanwhile
        self._hide_closed(title)
        if title:
            place = self._place(title)
            self._problems.watch(_named(title), place, self._show_in, place, title, scene)

    def _show_in(self, place: Any, title: str, scene: Scene) -> None:
        view = self.views.get(title) or self.views.setdefault(title, self._makers[title]())
        if place.children != (view.widget,):
            place.children = (view.widget,)
        self._visible = title
        view.show(scene)

    def _hide_closed(self, title: str) -> None:
        """Let the view rest whose tab was open before the one with this title."""
        if self._visible not in ("", title):
            try:
                self.views[self._visible].hide()
            except Exception:
                self.alert_in(self._visible)(traceback.format_exc())
            self._visible = ""

    def alert_in(self, title: str) -> Callable[[str], None]:
        """Return what shows the text of an unforeseen error in the view of a tab."""

        def alert(message: str) -> None:
            self._problems.view_failed(_named(title), self._place(title), message)

        return alert

    def _place(self, title: str) -> Any:
        return self.children[list(self._makers).index(title)]

    @guarded
    def _chosen(self, _: Any) -> None:
        self._show()


def _named(title: str) -> str:
    """Return what the view of a tab is called in a sentence."""
    return NAMES.get(title, f"view “{title}”")
