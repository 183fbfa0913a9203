"""What to try next: worked out while nothing changes, for the network on screen."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from explorer.core.analysis.design import Design
from explorer.core.settling import Settling
from explorer.worker import later

if TYPE_CHECKING:
    from explorer.core.editing.moves import Move


class NextMoves:
    """Offers moves of a design that has stayed for a moment, and makes the one that is chosen."""

    def __init__(
        self,
        lock: AbstractContextManager[Any],
        alert: Callable[[str], None],
        take: Callable[[Design], None],
    ) -> None:
        """Begin with none.

        Args:
            lock: Held while the design changes.
            alert: Shows the text of an unforeseen error.
            take: Called with the design that the move leads to which the user chose.
        """
        self._take = take
        self._found: Callable[[], None] = lambda: None
        self._settling = Settling(later, lock, lambda: self._found(), alert, self._work_out)
        self._wanted: Design | None = None
        self._known: tuple[Design, tuple[Move, ...]] | None = None

    def of(self, design: Design, found: Callable[[], None]) -> "tuple[Move, ...]":
        """Return the moves of a design; none before they are worked out.

        Args:
            design: The design on screen.
            found: Called once they are, unless another design is asked for, or `stop` is called.
        """
        self._wanted, self._found = design, found
        if self._known and self._known[0] == design:
            self._settling.stop()
            return self._known[1]
        self._settling.wait()
        return ()

    def take(self, words: str) -> None:
        """Make the move of these words, if it is offered of the design on screen."""
        if not self._known or self._known[0] != self._wanted:
            return
        for move in self._known[1]:
            if move.words == words:
                self._take(move.design)
                return

    def stop(self) -> None:
        """Work nothing out: nobody looks."""
        self._wanted = None
        self._settling.stop()

    def close(self) -> None:
        """Work nothing out any more."""
        self._settling.close()

    def _work_out(self) -> None:
        from explorer.core.editing.moves import moves

        design = self._wanted
        if design is not None:
            self._known = design, moves(design)
