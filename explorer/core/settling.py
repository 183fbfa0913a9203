"""What is to happen in a moment, unless it is called off before."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from explorer.core.guard import guarded
from explorer.core.ports import Later, Timer

#: Seconds that a change on screen must outlast before the Keras process is asked about it.
SETTLED = 0.3


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
            prepare: Called before, without the lock: what takes a while, and may be in vain.
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
        if self._timer:
            self._timer.join(timeout)

    def _cancel(self) -> None:
        if self._timer:
            self._timer.cancel()

    @guarded
    def _settled(self, wanted: object) -> None:
        if self._prepare:
            self._prepare()
        with self._lock:
            if self._wanted is wanted:
                self._wanted = None
                self._call()
