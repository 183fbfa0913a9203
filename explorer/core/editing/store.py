"""The one place that holds the design on screen."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import attrs

from explorer.core.analysis.design import Design
from explorer.core.editing.history import History
from explorer.core.guard import Unbroken


class State:
    """The current design, and who wants to hear of a new one.

    Attributes:
        lock: Held while the design changes: handlers of widgets run in several threads.
        unbroken: Has everybody told again after an interrupt, which may have left some untold.
        history: Where the user has been.
    """

    def __init__(self, design: Design, lock: AbstractContextManager[Any]) -> None:
        """Begin with a design.

        Args:
            design: The design.
            lock: The lock, which one thread can take several times.
        """
        self.lock = lock
        self._design = _analysed(design)
        self.history = History(design)
        self.unbroken = Unbroken(self.tell)
        self._step = ""  # what led to the design, in words
        self._listeners: list[Callable[[Design], None]] = []

    @property
    def design(self) -> Design:
        """The current design; it has always been analysed without error."""
        return self._design

    def update(self, step: str = "", **changes: Any) -> None:
        """Replace parts of the design and tell everybody.

        Args:
            step: What the history calls this; empty: by what differs.
            **changes: Fields of `Design`.

        Raises:
            ParameterError: If the new design is not valid; the present one stays.
        """
        with self.lock:
            self.unbroken.do(self._update, step, changes)

    def _update(self, step: str, changes: dict[str, Any]) -> None:
        design = attrs.evolve(self._design, **changes)
        if design != self._design:
            _analysed(design)
            self._step = step  # first: while the design is the old one, nothing is recorded
            self._design = design
            self.tell()

    def move(self, steps: int, relative: bool = False) -> None:
        """Go to a step of the history, or so many steps from the present one; tell everybody."""
        with self.lock:
            self.unbroken.do(self._move, steps, relative)

    def _move(self, steps: int, relative: bool) -> None:
        position = self.history.position + steps if relative else steps
        self._design = _analysed(attrs.evolve(self.history.move(position)))
        self.tell()

    def tell(self) -> None:
        """Note the design in the history, where it is new, and tell everybody of it."""
        with self.lock:
            self.history.record(self._design, self._step)
            for listener in list(self._listeners):
                listener(self._design)

    def subscribe(self, listener: Callable[[Design], None]) -> Callable[[], None]:
        """Call `listener` with every new design; returns the call that ends this."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:  # else it was called before
                self._listeners.remove(listener)

        return unsubscribe


def _analysed(design: Design) -> Design:
    design.report  # noqa: B018 — raises for a design that cannot be
    return design
