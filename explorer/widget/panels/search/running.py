"""A search that is made a little at a time, so that edits are answered in between."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor
from functools import cached_property
from time import perf_counter

import attrs

from explorer.core.analysis.budgets import TIME, Budget, Checked
from explorer.core.analysis.design import Input
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import Refusal
from explorer.searching.found import Candidate, Found, gathered
from explorer.searching.judging import Judged, Task
from explorer.searching.planning import Plan
from explorer.searching.running import ENOUGH, chosen
from explorer.searching.search import in_rounds
from explorer.searching.space import Space
from explorer.worker import IN_PAGE

#: Most combinations that are judged.
MOST = 10_000
#: Of the choice, where there are more.
SEED = 0
#: Bytes that are to be free for other processes, of which each takes some 30 MB.
ROOM = 2**29
#: Most networks that miss a budget, and are told of where all do.
MOST_NEAREST = 5


def processes(count: int) -> Executor | None:
    """Return what judges so many combinations beside this process, or None where it does so itself.

    That is where they are few, in a web page, on one core, and where memory is short.
    """
    if IN_PAGE or count < ENOUGH:
        return None
    from explorer.keras_side.machine_memory import machine_memory

    return chosen(None, count) if machine_memory().free >= ROOM else None


def task_of(
    architecture: EncoderDecoder,
    vary: dict[str, tuple[object, ...]],
    given: Input,
    budgets: tuple[Budget, ...],
    minimised: Sequence[str],
    profile: DeviceProfile | None = None,
) -> Task:
    """Return what a search is asked for.

    Raises:
        ParameterError: If a value is not valid.
        Refusal: If nothing is to be varied, or times are wanted that are not known.
    """
    wanted = (*minimised, *(budget.of for budget in budgets))
    if TIME in wanted and profile is None:
        raise Refusal("Times are not known yet: press “Measure this device”.")
    if not vary:
        raise Refusal("Nothing is varied: choose a parameter.")
    told_by = profile if TIME in wanted else None
    measures = tuple(dict.fromkeys(minimised))
    return Task(Space.of(architecture, vary), given, budgets, measures, told_by)


class Running:
    """A search under way, or what it came to.

    Attributes:
        task: What is searched.
        count: How many combinations are judged in all.
        judged: What was found so far.
        tell_at: When that is to be told, in seconds of a steady clock.
    """

    def __init__(
        self, task: Task, processes: Callable[[int], Executor | None] = lambda _: None
    ) -> None:
        """Begin with nothing judged.

        Args:
            task: What is searched.
            processes: Returns what judges so many combinations beside this process, or None where
                none does; called when the first ones are asked for.
        """
        self.task = task
        self.judged: list[Judged] = []
        self.tell_at = 0.0
        self._plan = Plan(task, MOST, SEED)
        self.count = self._plan.total
        self._coming = self._judge(processes)

    @property
    def is_done(self) -> bool:
        """Whether all is judged."""
        return len(self.judged) == self.count

    def _judge(
        self, processes: Callable[[int], Executor | None]
    ) -> Generator[list[Judged] | None, None, None]:
        yield from in_rounds(self.task, self._plan, processes(self.count), at_once=1)

    def next_ones(self, seconds: float, ends: Callable[[], bool]) -> list[Judged]:
        """Return what the next combinations have; none: other processes are at them.

        Args:
            seconds: How long this may take; no combination is begun here later.
            ends: Whether to end before.
        """
        until = perf_counter() + seconds
        found: list[Judged] = []
        for some in self._coming:
            found += some or ()
            if some is None or perf_counter() > until or ends():
                break
        return found

    def close(self) -> None:
        """Have nothing judged any more; called by whoever asks for the next ones."""
        self._coming.close()

    def outcome(self) -> "Outcome":
        """Return what was found so far."""
        found = gathered(self.task, self.judged)
        return Outcome(self.count, tuple(self.judged), found)


@attrs.frozen(slots=False)
class Outcome:
    """What a search found so far.

    Attributes:
        count: How many combinations are judged in all.
        judged: What each combination has.
        found: The best of those that keep to the budgets.
    """

    count: int
    judged: tuple[Judged, ...] = attrs.field(repr=False)
    found: Found

    @cached_property
    def nearest(self) -> tuple[Candidate, ...]:
        """Where none keeps to all budgets, those that miss them by least, the best first."""
        if self.found.candidates:
            return ()
        task = self.found.task
        missed = [each for each in self.judged if each.missed]
        missed.sort(key=lambda each: (self._gap(each), each.number))
        return tuple(
            Candidate(task, each.number, dict(zip(task.wanted, each.values, strict=True)))
            for each in missed[:MOST_NEAREST]
        )

    def _gap(self, judged: Judged) -> float:
        values = dict(zip(self.found.task.wanted, judged.values, strict=True))
        return sum(check.relative_gap for check in self.checks(values))

    def checks(self, values: "dict[str, float | None]") -> tuple[Checked, ...]:
        """Return how a network with these values keeps to the budgets."""
        return tuple(budget.check_value(values[budget.of]) for budget in self.found.task.budgets)
