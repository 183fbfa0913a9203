"""What the core needs of the world around it."""

from collections.abc import Callable
from typing import Any, Protocol


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Call it off, unless it has begun."""

    def put_off(self, seconds: float, call: Callable[[], None]) -> bool:
        """Make another call so many seconds from now instead, where that is less than a new timer.

        Args:
            seconds: How many.
            call: The call.

        Returns:
            Whether it will; if not, this one comes unless it is called off.
        """

    def join(self, timeout: float | None = None) -> None:
        """Wait until it was made or called off, or for this many seconds."""


#: Makes a call after so many seconds.
Later = Callable[[float, Callable[[], None]], Timer]


class Answerer(Protocol):
    """Who answers questions to Keras, one at a time."""

    @property
    def is_ready(self) -> bool:
        """Whether it could answer at once."""

    def submit(
        self,
        owner: object,
        work: Any,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Have a question answered in place of what the same owner asked before."""

    def cancel(self, owner: object) -> None:
        """Give up what an owner asked."""

    def outlook(self, owner: object, at_work: str) -> str:
        """Return what to tell of an owner's question: `at_work`, unless it has to wait."""
