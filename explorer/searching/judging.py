"""What each of many architectures has, and whether it keeps to the budgets."""

from collections.abc import Iterable, Sequence
from functools import cached_property

import attrs

from explorer.core.analysis.budgets import Budget, value_of
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.network.errors import ParameterError
from explorer.searching.space import Duplicate, Space

#: Why a combination is none, besides what is wrong with it.
DUPLICATE = "the same network as another"


@attrs.frozen(slots=False)
class Task:
    """What is searched, and so what is to be found of each combination; it goes to other processes.

    Attributes:
        space: The combinations.
        input: What each network is given.
        budgets: What it has to keep to.
        minimised: Names of the measures that are to be small, the first one first.
        profile: Of the device that times are told for, if they are.
    """

    space: Space
    input: Input
    budgets: tuple[Budget, ...]
    minimised: tuple[str, ...]
    profile: DeviceProfile | None = None

    @cached_property
    def wanted(self) -> tuple[str, ...]:
        """Names of the measures to return: what is to be small, and what there are budgets of."""
        return tuple(dict.fromkeys((*self.minimised, *(budget.of for budget in self.budgets))))

    @property
    def axes(self) -> tuple[str, str]:
        """Names of the measures that a plot is of; the same twice, where one is to be small."""
        return self.minimised[0], self.minimised[-1]

    def design(self, number: int) -> Design:
        """Return a combination as a design; see `Space.architecture`."""
        return Design(self.space.architecture(number), self.input)


@attrs.frozen
class Judged:
    """What was found of a combination.

    Attributes:
        number: Its number.
        values: What it has of each wanted measure; None where that is not known.
        missed: Names of the measures whose budgets it misses.
        reason: Why there is no such network; empty: there is one.
    """

    number: int
    values: tuple[float | None, ...] = ()
    missed: tuple[str, ...] = ()
    reason: str = ""


def judge(task: Task, numbers: Iterable[int]) -> list[Judged]:
    """Return what each of some combinations has."""
    return [_judged(task, number) for number in numbers]


def _judged(task: Task, number: int) -> Judged:
    try:
        design = task.design(number)
        design.graph  # noqa: B018 — raises for a design that cannot be
        values = {name: value_of(name, design, task.profile) for name in task.wanted}
    except Duplicate:
        return Judged(number, reason=DUPLICATE)
    except ParameterError as error:
        return Judged(number, reason=f"{error.field} {error.problem}")
    except Exception as error:  # a class that the user wrote can raise anything
        return Judged(number, reason=f"{type(error).__name__}: {error}")
    missed = tuple(
        budget.of for budget in task.budgets if not budget.check_value(values[budget.of]).is_met
    )
    return Judged(number, tuple(values.values()), missed)


def chunks(numbers: Sequence[int], size: int) -> list[Sequence[int]]:
    """Return numbers in chunks of a size; the last may be smaller."""
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]
