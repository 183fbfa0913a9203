"""What can be done next: worked out while nothing changes, for the network on screen."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.analysis.design import Design
from explorer.core.settling import Settling
from explorer.worker import later

if TYPE_CHECKING:
    from explorer.core.analysis.device_profile import DeviceProfile
    from explorer.core.analysis.sensitivity import Sensitivity
    from explorer.core.editing.moves import Move


@attrs.frozen
class Offered:
    """What can be done with a design.

    Attributes:
        moves: What to try next.
        steps: What the next steps of its parameters would do.
    """

    moves: "tuple[Move, ...]" = ()
    steps: "tuple[Sensitivity, ...]" = ()

    def called(self, words: str) -> Design | None:
        """Return what the change leads to that is called by these words; None: none is."""
        from explorer.widget.panels.inspector.steps import call_of

        offered = {move.words: move.design for move in self.moves}
        for found in self.steps:
            for step in (found.down, found.up):
                if step.design:
                    offered[call_of(found, step)] = step.design
        return offered.get(words)


class NextMoves:
    """Offers changes of a design that has stayed for a moment, and makes the one that is chosen."""

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
            take: Called with the design that the change leads to which the user chose.
        """
        self._lock = lock
        self._take = take
        self._found: Callable[[], None] = lambda: None
        self._settling = Settling(later, lock, lambda: self._found(), alert, self._work_out)
        self._wanted: Design | None = None
        self._profile: DeviceProfile | None = None
        self._known: tuple[Design, DeviceProfile | None, Offered] | None = None

    def of(
        self, design: Design, profile: "DeviceProfile | None", found: Callable[[], None]
    ) -> Offered:
        """Return what can be done with a design; nothing before it is worked out.

        Args:
            design: The design on screen.
            profile: Of the device that times are told for, if one is known.
            found: Called once it is, unless another design is asked for, or `stop` is called.
        """
        self._wanted, self._profile, self._found = design, profile, found
        if self._known and self._known[:2] == (design, profile):
            self._settling.stop()
            return self._known[2]
        self._settling.wait()
        return Offered()

    def take(self, words: str) -> None:
        """Make the change of these words, if it is offered of the design on screen."""
        if not self._known or self._known[0] != self._wanted:
            return
        design = self._known[2].called(words)
        if design is not None:
            self._take(design)

    def stop(self) -> None:
        """Work nothing out: nobody looks."""
        self._wanted = None
        self._settling.stop()

    def close(self) -> None:
        """Work nothing out any more."""
        self._settling.close()

    def _work_out(self) -> Iterator[None]:
        from explorer.core.analysis.sensitivity import sensitivity_in_slices
        from explorer.core.editing.moves import moves_in_slices

        with self._lock:
            design, profile = self._wanted, self._profile
        if design is None:
            return
        found = yield from moves_in_slices(design)
        steps = yield from sensitivity_in_slices(design, profile=profile)
        with self._lock:
            if self._wanted is design and self._profile is profile:  # not an earlier, slower one
                self._known = design, profile, Offered(found, steps)
