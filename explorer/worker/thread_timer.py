"""What is called in a thread, in a moment, unless it is called off before."""

import threading
from collections.abc import Callable

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
