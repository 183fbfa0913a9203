"""What keeps an error or an interrupt in one place from doing harm in another.

Errors in a widget's thread would vanish, so they are shown. An interrupt may come between any two
lines; what holds for the time of a call is therefore bound to the call itself, never set before it
and reset behind it.
"""

import functools
import traceback
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any


def guarded(method: Callable[..., None]) -> Callable[..., None]:
    """Give an unforeseen error's traceback to the object's `_alert` method."""

    @functools.wraps(method)
    def guarded_method(self: Any, *args: Any) -> None:
        try:
            method(self, *args)
        except Exception:
            self._alert(traceback.format_exc())

    return guarded_method


_under_way: ContextVar[tuple[object, ...]] = ContextVar("explorer_under_way", default=())


def as_part_of(owner: object, call: Callable[..., Any], *args: Any) -> Any:
    """Return what a call returns; until then, and in its thread alone, `is_under_way(owner)`.

    An object that changes its own widgets does so in such a call, and takes nothing that they
    report meanwhile for what the user did.
    """
    return copy_context().run(_marked, owner, call, *args)


def _marked(owner: object, call: Callable[..., Any], *args: Any) -> Any:
    _under_way.set((*_under_way.get(), owner))
    return call(*args)


def is_under_way(owner: object) -> bool:
    """Return whether this is part of a call that `as_part_of` made for this owner."""
    return any(found is owner for found in _under_way.get())


class Unbroken:
    """Sees to it that what an interrupt broke off is done again before anything else is."""

    def __init__(self, redo: Callable[[], None]) -> None:
        """Begin with nothing broken off.

        Args:
            redo: Brings everything in line again, from wherever it was left.
        """
        self._redo = redo
        self._is_whole = True

    @property
    def is_broken_off(self) -> bool:
        """Whether something was; not so for what is part of `do`."""
        return not self._is_whole and not is_under_way(self)

    def mend(self) -> None:
        """Do again what was broken off, if anything was."""
        if self.is_broken_off:
            as_part_of(self, self._redo)
            self._is_whole = True

    def do(self, call: Callable[..., Any], *args: Any) -> Any:
        """Return what a call returns, which changes several things; what it does in turn is part.

        An error is no interrupt: who raises it has left everything as it should be.
        """
        if is_under_way(self):
            return call(*args)
        self.mend()
        self._is_whole = False
        try:
            result = as_part_of(self, call, *args)
        except Exception:
            self._is_whole = True
            raise
        self._is_whole = True
        return result
