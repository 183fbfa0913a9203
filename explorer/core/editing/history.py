"""Where the user has been: designs to go back to, each with what led to it."""

import time
from collections.abc import Callable

import attrs

from explorer.core.analysis.comparison import Change, parameter_changes
from explorer.core.analysis.design import Design
from explorer.core.families import presets
from explorer.core.families.titles import title_of
from explorer.core.network.parameters import describe

#: Changes of the same parameter that follow each other within so many seconds are one step.
ONE_STEP = 1.0
#: Steps that are kept.
MOST_STEPS = 200


@attrs.frozen
class Step:
    """A design that was shown.

    Attributes:
        design: The design, as a value: what is computed from it is not kept.
        label: What led to it.
        changed: Names of the fields that led to it, if that has no words of its own.
        time: When, in seconds of a steady clock.
        begins: Whether another subject began with it: it is no edit of the one before.
    """

    design: Design
    label: str
    changed: tuple[str, ...]
    time: float
    begins: bool = False


class History:
    """The designs that were shown, and which of them is."""

    def __init__(self, design: Design, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Both at once: an interrupt between the two would leave a place that is not there.
        start = Step(attrs.evolve(design), "start", (), clock())
        self._now: tuple[list[Step], int] = [start], 0

    @property
    def steps(self) -> list[Step]:
        """All steps, the first one first."""
        return self._now[0]

    @property
    def position(self) -> int:
        """The place of the one that is shown."""
        return self._now[1]

    @property
    def before(self) -> Design | None:
        """The design before the last edit; None if there was none, or it was another beginning."""
        steps, position = self._now
        return steps[position - 1].design if position and not self.begins else None

    @property
    def begins(self) -> bool:
        """Whether another subject began with the design that is shown."""
        return self.steps[self.position].begins

    def record(self, design: Design, words: str = "", begins: bool = False) -> None:
        """Note a design, if it is new; what had been undone before it is forgotten.

        Args:
            design: The design.
            words: What led to it, which makes it a step of its own; empty: by what differs.
            begins: Whether another subject begins with it.
        """
        last = self.steps[self.position]
        if last.design == design:
            return
        changed, label = ((), words) if words else difference(last.design, design)
        now = self._clock()
        steps = self.steps[: self.position + 1]
        # Two fields change in one move where one follows the other. One that goes on from where the
        # user went back to is another move.
        is_move = 1 <= len(changed) <= 2 and len(steps) == len(self.steps)
        if is_move and changed == last.changed and now - last.time < ONE_STEP:
            steps.pop()
            before = steps[-1].design
            if before != design:  # else a slider was moved to and fro
                _, label = difference(before, design)
                steps.append(Step(attrs.evolve(design), label, changed, now))
        else:
            steps.append(Step(attrs.evolve(design), label, changed, now, begins))
            if len(steps) > MOST_STEPS:
                del steps[1]
        self._now = steps, len(steps) - 1

    def move(self, position: int) -> Design:
        """Go to a step, the nearest there is, and return its design."""
        self._now = self.steps, min(max(position, 0), len(self.steps) - 1)
        return self.steps[self.position].design


def difference(
    before: Design, after: Design, is_chosen: bool = False
) -> tuple[tuple[str, ...], str]:
    """Return the names of the fields that differ, and a few words on it.

    Args:
        before: A design.
        after: What came of it.
        is_chosen: Whether its architecture was chosen, not edited.
    """
    names = title_of(before.architecture), title_of(after.architecture)
    # Two presets of one family, too.
    if len(presets.keys() & names) == 2 or (is_chosen and names[0] != names[1]):
        changes = [Change("architecture", *names)]
    else:
        changes = [*parameter_changes(before.architecture, after.architecture)]
    changes += parameter_changes(before.input, after.input)
    words = [f"{change.field} {_short(change.a)} → {_short(change.b)}" for change in changes]
    label = ", ".join(words[:2]) + (f" and {len(words) - 2} more" if len(words) > 2 else "")
    return tuple(change.field for change in changes), label


def _short(value: object) -> str:
    text = describe(value)
    return text if len(text) <= 20 else text[:19] + "…"
