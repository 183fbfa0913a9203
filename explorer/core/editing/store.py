"""The one place that holds the design on screen."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.analysis.design import Design
from explorer.core.editing.history import History
from explorer.core.guard import Unbroken

if TYPE_CHECKING:
    from explorer.core.analysis.budgets import Budget
    from explorer.core.analysis.device_profile import DeviceProfile


class State:
    """The current design, and who wants to hear of a new one.

    Attributes:
        lock: Held while the design changes: handlers of widgets run in several threads.
        unbroken: Has everybody told again after an interrupt, which may have left some untold.
        history: Where the user has been.
        budgets: What the design is to keep to.
        profile: Of the device that its time is told for, if one is known.
    """

    def __init__(self, design: Design, lock: AbstractContextManager[Any]) -> None:
        """Begin with a design.

        Args:
            design: The design.
            lock: The lock, which one thread can take several times.
        """
        self.lock = lock
        self._design = _analysed(design)
        self.budgets: tuple[Budget, ...] = ()
        self.profile: DeviceProfile | None = None
        self.history = History(design)
        self.unbroken = Unbroken(self.tell)
        self._step = "", False  # what led to the design, in words; whether another subject began
        self._listeners: list[Callable[[Design], None]] = []

    @property
    def design(self) -> Design:
        """The current design; it has always been analysed without error."""
        return self._design

    def update(self, step: str = "", begins: bool = False, **changes: Any) -> None:
        """Replace parts of the design and tell everybody.

        Args:
            step: What the history calls this; empty: by what differs.
            begins: Whether another subject begins, so that nothing is marked as changed.
            **changes: Fields of `Design`.

        Raises:
            ParameterError: If the new design is not valid; the present one stays.
        """
        with self.lock:
            self.unbroken.do(self._update, (step, begins), changes)

    def _update(self, step: tuple[str, bool], changes: dict[str, Any]) -> None:
        design = attrs.evolve(self._design, **changes)
        if design != self._design:
            _analysed(design)
            # First: while the design is the old one, nothing is recorded.
            self._step = step
            self._design = design
            self.tell()

    def limit(self, budgets: "Iterable[Budget]") -> None:
        """Have other budgets, and tell everybody."""
        with self.lock:
            self.unbroken.do(self._limit, tuple(budgets))

    def _limit(self, budgets: "tuple[Budget, ...]") -> None:
        if budgets != self.budgets:
            self.budgets = budgets
            self.tell()

    def tell_times(self, profile: "DeviceProfile") -> None:
        """Have times told by the profile of a device, and tell everybody."""
        with self.lock:
            self.unbroken.do(self._tell_times, profile)

    def _tell_times(self, profile: "DeviceProfile") -> None:
        self.profile = profile
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
            self.history.record(self._design, *self._step)
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
