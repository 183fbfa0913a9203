"""What is to happen in a moment, unless it is called off before."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from explorer.guard import guarded

#: Seconds that a change on screen must outlast before the Keras process is asked about it.
SETTLED = 0.3
#: Seconds after which a timer looks whether it was called off.
_SLICE = 1.0


class _WakingTimer(threading.Timer):
    """A timer that counts the seconds in which this process could run.

    While a laptop sleeps, or a container is paused, clocks may go on: what is left over then is
    less than a slice of the time.
    """

    def run(self) -> None:
        """Wait slice by slice, then call."""
        left = self.interval
        while left > 0 and not self.finished.is_set():
            self.finished.wait(min(left, _SLICE))
            left -= _SLICE
        if not self.finished.is_set():
            self.function(*self.args, **self.kwargs)
        self.finished.set()


def later(seconds: float, call: Callable[[], None]) -> threading.Timer:
    """Call something in a thread, after these seconds, unless the timer is cancelled before.

    Seconds in which the machine slept do not count.
    """
    timer = _WakingTimer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


class Settling:
    """Calls something once nothing has changed for a moment; each change starts the wait anew.

    Changes are made under a lock, and the call is, too. So a timer that has fired, and waits for
    the lock while the user does something that calls it off, calls nothing.
    """

    def __init__(
        self,
        lock: AbstractContextManager[Any],
        call: Callable[[], None],
        alert: Callable[[str], None],
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Begin with nothing to wait for.

        Args:
            lock: The lock, which one thread can take several times.
            call: What is called, in a thread.
            alert: Shows the text of an unforeseen error.
            prepare: Called before, without the lock: what takes a while, and may be in vain.
        """
        self._lock = lock
        self._call = call
        self._alert = alert
        self._prepare = prepare
        self._timer: threading.Timer | None = None  # the last one; `finished` if it was called off
        self._is_closed = False

    def wait(self, seconds: float | None = None) -> None:
        """Call after a time in which this was not asked for again.

        Args:
            seconds: How long; `SETTLED` if None.
        """
        with self._lock:
            self.stop()
            if not self._is_closed:
                self._timer = later(SETTLED if seconds is None else seconds, self._settled)

    def stop(self) -> None:
        """Call off what was waited for."""
        if self._timer:
            self._timer.cancel()

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

    @guarded
    def _settled(self) -> None:
        if self._prepare:
            self._prepare()
        with self._lock:
            timer = self._timer
            if timer and timer is threading.current_thread() and not timer.finished.is_set():
                self._call()
