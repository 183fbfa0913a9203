"""What is wrong, over the views: an unforeseen error, a view out of date."""

import traceback
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from explorer.widget.front.page import Page
from explorer.widget.parts import Line

#: Class of a view that shows something else than the present network.
OUT_OF_DATE = "explorer-out-of-date"


class Problems(Page):
    """Says each problem for as long as it is one.

    An unforeseen error is said until the next design is shown, a view that could not be shown until
    it can.
    """

    def __init__(self, **options: Any) -> None:
        """Begin without problems.

        Args:
            **options: Of the widget.
        """
        self._unforeseen = ""
        self._failed: dict[str, str] = {}
        super().__init__(**options)

    def report(self, message: str) -> None:
        """Say what went wrong that nobody foresaw, given a traceback."""
        self._unforeseen = message
        self._write()

    def accept(self) -> None:
        """A design is shown: what went wrong before it is forgotten."""
        self._unforeseen = ""
        self._write()

    def watch(self, name: str, view: Any, show: Callable[..., None], *args: Any) -> None:
        """Show something in a view; what goes wrong there keeps no other view from being shown.

        Args:
            name: What the view is called.
            view: Its widget, which is marked while it is out of date.
            show: Called with `args`.
            *args: What is to be shown.
        """
        try:
            show(*args)
        except Exception:
            self.view_failed(name, view, traceback.format_exc())
        else:
            if name in self._failed:
                if isinstance(view, widgets.DOMWidget):
                    view.remove_class(OUT_OF_DATE)
                del self._failed[name]
                self._write()

    def view_failed(self, name: str, view: Any, message: str) -> None:
        """Mark a view as out of date, and say why, until it is shown again."""
        self._failed[name] = message
        if isinstance(view, widgets.DOMWidget):
            view.add_class(OUT_OF_DATE)
        self._write()

    def _write(self) -> None:
        parts = []
        if self._unforeseen:
            parts.append(
                Line(
                    "Something went wrong inside the explorer; what you did last may not be done.",
                    "bad",
                    code=self._unforeseen,
                )
            )
        parts += [
            Line(
                f"The {name} could not be shown, and is out of date until it can; all else is "
                "about the present network.",
                "bad",
                code=message,
            )
            for name, message in list(self._failed.items())
        ]
        self.parts = tuple(parts)
