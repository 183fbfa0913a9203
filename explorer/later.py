"""What is to happen in a moment, unless it is called off before."""

import threading
from collections.abc import Callable

#: Seconds that a change on screen must outlast before the Keras process is asked about it.
SETTLED = 0.3


def later(seconds: float, call: Callable[[], None]) -> threading.Timer:
    """Call something in a thread, after these seconds, unless the timer is cancelled before."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


def once_settled(call: Callable[[], None]) -> threading.Timer:
    """Call something in a thread, unless the next change on screen cancels the timer."""
    return later(SETTLED, call)
