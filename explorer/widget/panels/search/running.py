"""A search that is made a little at a time, so that edits are answered in between."""

from collections.abc import Callable, Sequence
from functools import cached_property
from time import perf_counter

import attrs

from explorer.core.analysis.budgets import TIME, Budget, Checked
from explorer.core.analysis.design import Input
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import Refusal
from explorer.searching.found import Candidate, Found, gathered
from explorer.searching.judging import Judged, Task, judge
from explorer.searching.planning import Plan
from explorer.searching.space import Space

#: Most combinations that are judged.
MOST = 10_000
#: Of the choice, where there are more.
SEED = 0
#: Most networks that miss a budget, and are told of where all do.
MOST_NEAREST = 5


@attrs.frozen
class Query:
    """What is to be searched.

    Attributes:
        space: The combinations.
        input: What each network is given.
        budgets: What it has to keep to.
        minimised: Names of the measures that are to be small, the first one first.
        profile: Of the device that times are told for, if one is known.
    """

    space: Space
    input: Input
    budgets: tuple[Budget, ...]
    minimised: tuple[str, ...]
    profile: DeviceProfile | None = None

    @property
    def task(self) -> Task:
        """What is to be found of each combination."""
        return Task.of(self.space, self.input, self.budgets, self.minimised, self.profile)

    @property
    def axes(self) -> tuple[str, str]:
        """Names of the measures that a plot is of; the same twice, where one is to be small."""
        return self.minimised[0], self.minimised[-1]

    @classmethod
    def of(
        cls,
        architecture: EncoderDecoder,
        vary: dict[str, tuple[object, ...]],
        given: Input,
        budgets: tuple[Budget, ...],
        minimised: Sequence[str],
        profile: DeviceProfile | None = None,
    ) -> "Query":
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
        space = Space.of(architecture, vary)
        return cls(space, given, budgets, tuple(dict.fromkeys(minimised)), told_by)


class Running:
    """A search under way, or what it came to.

    Attributes:
        query: What is searched.
        task: The same, as it is judged.
        count: How many combinations are judged in all.
        judged: What was found so far.
        tell_at: When that is to be told, in seconds of a steady clock.
    """

    def __init__(self, query: Query) -> None:
        self.query = query
        self.task = query.task
        self.judged: list[Judged] = []
        self.tell_at = 0.0
        self._plan = Plan(self.task, query.minimised, MOST, SEED)
        self.count = self._plan.total
        self._numbers: list[int] = []  # of all rounds so far
        self._told = 0  # how many of those judged the plan knows of

    @property
    def is_done(self) -> bool:
        """Whether all is judged."""
        return len(self.judged) == self.count

    def next_ones(self, seconds: float, ends: Callable[[], bool]) -> list[Judged]:
        """Return what the next combinations have; at least one is judged, if any is left.

        What is returned is to be in `judged` before the next ones are asked for.

        Args:
            seconds: How long this may take; no combination is begun later.
            ends: Whether to end before.
        """
        until = perf_counter() + seconds
        found: list[Judged] = []
        self._plan.learn(self.judged[self._told :])
        self._told = len(self.judged)
        if self._told == len(self._numbers):
            self._numbers += self._plan.next(())
        for number in self._numbers[len(self.judged) :]:
            found += judge(self.task, [number])
            if perf_counter() > until or ends():
                break
        return found

    def outcome(self) -> "Outcome":
        """Return what was found so far."""
        found = gathered(self.task, self.query.minimised, self.judged)
        return Outcome(self.query, self.count, tuple(self.judged), found)


@attrs.frozen(slots=False)
class Outcome:
    """What a search found so far.

    Attributes:
        query: What was searched.
        count: How many combinations are judged in all.
        judged: What each combination has.
        found: The best of those that keep to the budgets.
    """

    query: Query
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
        return tuple(budget.check_value(values[budget.of]) for budget in self.query.budgets)
