"""What is called by the event loop, in a moment, unless it is called off before."""

import asyncio
from collections.abc import Callable
from contextvars import Context


class _LoopTimer:
    """A call that the event loop is to make."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        # In a context of its own, as in a new thread: it is no part of what is under way now.
        self._handle = asyncio.get_running_loop().call_later(seconds, call, context=Context())

    def cancel(self) -> None:
        """Call it off, unless it was made."""
        self._handle.cancel()

    def put_off(self, seconds: float, call: Callable[[], None]) -> bool:
        """Return that it won't: another one costs as little."""
        return False

    def join(self, timeout: float | None = None) -> None:
        """Return at once: whoever waits keeps the loop from making the call."""


def later(seconds: float, call: Callable[[], None]) -> _LoopTimer:
    """Have the running event loop call something, after these seconds.

    It comes when nothing else runs: there is one thread for all.
    """
    return _LoopTimer(seconds, call)
