"""What is to happen in a moment, unless it is called off before."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter
from typing import Any, TypeAlias, TypeVar

from explorer.core.guard import guarded
from explorer.core.ports import Later, Timer

#: Seconds that a change on screen must outlast before the Keras process is asked about it.
SETTLED = 0.3
#: Seconds after which work gives way to whatever else is to be done.
SLICE = 0.02

Result = TypeVar("Result")
#: Work that can give way each time it yields, and returns a result.
Work: TypeAlias = Generator[None, None, Result]


def finished(work: Work[Result]) -> Result:
    """Return the result of work that gives way to nothing."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


class Settling:
    """Calls something once nothing has changed for a moment; each change starts the wait anew.

    Changes are made under a lock, and the call is, too. So a timer that has fired, and waits for
    the lock while the user does something that calls it off, calls nothing.
    """

    def __init__(
        self,
        later: Later,
        lock: AbstractContextManager[Any],
        call: Callable[[], None],
        alert: Callable[[str], None],
        prepare: Callable[[], object] | None = None,
    ) -> None:
        """Begin with nothing to wait for.

        Args:
            later: Calls after some seconds.
            lock: The lock, which one thread can take several times.
            call: What is called.
            alert: Shows the text of an unforeseen error.
            prepare: Called before, without the lock: what takes a while, and may be in vain. If it
                returns an iterator, that is gone through in slices, and given up with the wait.
        """
        self._later = later
        self._lock = lock
        self._call = call
        self._alert = alert
        self._prepare = prepare
        self._timer: Timer | None = None  # the last one
        self._wanted: object = None  # what it waits for; None: nothing
        self._is_closed = False

    def wait(self, seconds: float | None = None) -> None:
        """Call after a time in which this was not asked for again.

        Args:
            seconds: How long; `SETTLED` if None.
        """
        with self._lock:
            if self._is_closed:
                return
            self._wanted = wanted = object()
            pause = SETTLED if seconds is None else seconds
            settled = partial(self._settled, wanted)
            if self._timer is None or not self._timer.put_off(pause, settled):
                self._cancel()
                self._timer = self._later(pause, settled)

    def stop(self) -> None:
        """Call off what was waited for."""
        self._wanted = None
        self._cancel()

    def close(self) -> None:
        """Call off what was waited for, and wait for nothing any more."""
        with self._lock:
            self._is_closed = True
            self.stop()

    def join(self, timeout: float | None = None) -> None:
        """Wait until what was waited for has been called, or was called off.

        Args:
            timeout: Seconds after which to give up.
        """
        timer = None
        end = None if timeout is None else perf_counter() + timeout
        while self._timer is not timer:  # each slice has its own
            timer = self._timer
            if timer:
                timer.join(None if end is None else max(0.0, end - perf_counter()))
            if end is not None and perf_counter() >= end:
                return

    def _cancel(self) -> None:
        if self._timer:
            self._timer.cancel()

    @guarded
    def _settled(self, wanted: object, work: Iterator[object] | None = None) -> None:
        if self._wanted is not wanted:
            return
        prepared = self._prepare() if self._prepare and work is None else work
        if isinstance(prepared, Iterator) and not self._is_through(prepared, wanted):
            return
        with self._lock:
            if self._wanted is wanted:
                self._wanted = None
                self._call()

    def _is_through(self, work: Iterator[object], wanted: object) -> bool:
        """Do a slice of work; return whether none is left, else the next one comes in its turn."""
        until = perf_counter() + SLICE
        for _ in work:
            if self._wanted is not wanted:
                return False
            if perf_counter() > until:
                with self._lock:
                    if self._wanted is wanted:
                        again = partial(self._settled, wanted, work)
                        self._timer = self._later(0.0, again)
                return False
        return True
