"""A search that is made a little at a time, so that edits are answered in between."""

from collections.abc import Callable, Sequence
from functools import cached_property
from time import perf_counter

import attrs

from explorer.core.analysis.budgets import Budget, Checked
from explorer.core.analysis.design import Input
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import Refusal
from explorer.searching.found import Candidate, Found, gathered
from explorer.searching.judging import Judged, Task, judge
from explorer.searching.space import Space

#: Most combinations that are judged; of more, so many at random.
MOST = 10_000
#: Of that choice.
SEED = 0
#: Most networks that miss a budget, and are told of where all do.
MOST_NEAREST = 5


@attrs.frozen
class Plan:
    """What is to be searched.

    Attributes:
        space: The combinations.
        input: What each network is given.
        budgets: What it has to keep to.
        minimised: Names of the measures that are to be small, the first one first.
    """

    space: Space
    input: Input
    budgets: tuple[Budget, ...]
    minimised: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many combinations are judged."""
        return min(self.space.size, MOST)

    @property
    def task(self) -> Task:
        """What is to be found of each combination."""
        return Task.of(self.space, self.input, self.budgets, self.minimised)

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
    ) -> "Plan":
        """Return a plan.

        Raises:
            ParameterError: If a value is not valid.
            Refusal: If nothing is to be varied.
        """
        if not vary:
            raise Refusal("Nothing is varied: choose a parameter.")
        space = Space.of(architecture, vary)
        return cls(space, given, budgets, tuple(dict.fromkeys(minimised)))


class Running:
    """A search under way, or what it came to.

    Attributes:
        plan: What is searched.
        task: The same, as it is judged.
        judged: What was found so far.
        tell_at: When that is to be told, in seconds of a steady clock.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.task = plan.task
        self.judged: list[Judged] = []
        self.tell_at = 0.0
        self._numbers = list(plan.space.drawn(MOST, SEED))

    @property
    def is_done(self) -> bool:
        """Whether all is judged."""
        return len(self.judged) == len(self._numbers)

    def next_ones(self, seconds: float, ends: Callable[[], bool]) -> list[Judged]:
        """Return what the next combinations have; at least one is judged, if any is left.

        Args:
            seconds: How long this may take; no combination is begun later.
            ends: Whether to end before.
        """
        until = perf_counter() + seconds
        found: list[Judged] = []
        for number in self._numbers[len(self.judged) :]:
            found += judge(self.task, [number])
            if perf_counter() > until or ends():
                break
        return found

    def outcome(self) -> "Outcome":
        """Return what was found so far."""
        return Outcome(
            self.plan, tuple(self.judged), gathered(self.task, self.plan.minimised, self.judged)
        )


@attrs.frozen(slots=False)
class Outcome:
    """What a search found so far.

    Attributes:
        plan: What was searched.
        judged: What each combination has.
        found: The best of those that keep to the budgets.
    """

    plan: Plan
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
        return tuple(budget.check_value(values[budget.of]) for budget in self.plan.budgets)
