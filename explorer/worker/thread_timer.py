"""What is called in a thread, in a moment, unless it is called off before."""

import threading
import time
from collections.abc import Callable

#: Seconds after which a timer looks whether it was called off.
_SLICE = 1.0


class _WakingTimer(threading.Timer):
    """A timer that counts the seconds in which this process could run.

    While a laptop sleeps, or a container is paused, clocks may go on: what is left over then is
    less than a slice of the time.
    """

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        super().__init__(seconds, call)
        self.daemon = True
        self._guard = threading.Lock()
        self._left = seconds
        self._put_off: float | None = None  # when, since the present slice began

    def run(self) -> None:
        """Wait slice by slice, then call."""
        pause = self._after(0.0)
        while pause > 0 and not self.finished.wait(pause):
            pause = self._after(pause)
        if not self.finished.is_set():
            self.function()
        self.finished.set()

    def put_off(self, seconds: float, call: Callable[[], None]) -> bool:
        """Call something else in so many seconds; return whether it will, without a new thread."""
        with self._guard:
            if self.finished.is_set() or not 0 < self._left <= seconds:
                return False
            self._left, self._put_off, self.function = seconds, time.monotonic(), call
            return True

    def _after(self, waited: float) -> float:
        """Return the next slice after one of so many seconds; 0: it is time, and no way back."""
        with self._guard:
            if self._put_off is not None:
                waited = min(waited, time.monotonic() - self._put_off)
                self._put_off = None
            self._left -= waited
            return max(0.0, min(self._left, _SLICE))


def later(seconds: float, call: Callable[[], None]) -> _WakingTimer:
    """Call something in a thread, after these seconds, unless the timer is cancelled before.

    Seconds in which the machine slept do not count.
    """
    timer = _WakingTimer(seconds, call)
    timer.start()
    return timer
