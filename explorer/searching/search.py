"""Budgets in, the best designs out."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from functools import partial
from math import ceil
from typing import Any, Literal

from explorer.core.analysis.budgets import MEASURES, TIME, Budget, Checked
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.families import Architecture
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.network.errors import ParameterError
from explorer.searching.found import Found, gathered
from explorer.searching.judging import Judged, Task, chunks, judge
from explorer.searching.planning import Plan
from explorer.searching.running import chosen, is_dask, results, threads_of
from explorer.searching.space import Space

#: Combinations in a chunk that is judged here, and at most in one for an executor.
CHUNK, LARGEST = 100, 250
#: In one for Dask's at least and at most: to it, a chunk costs as much as six to ten combinations.
DASK_LEAST, DASK_LARGEST = 25, 500

#: Told how many of how many combinations were judged, and what came last; True ends the search.
Progress = Callable[[int, int, Sequence[Judged]], bool | None]


def chunk_size(count: int, threads: int, for_dask: bool = False) -> int:
    """Return how many of so many combinations go into a chunk for an executor.

    Each thread has as many chunks, two or more where there are enough, so that all end a round at
    about one time. Of Dask's it has as few as there may be.

    Args:
        count: How many combinations there are.
        threads: How many the executor's workers have.
        for_dask: Whether it is Dask's.
    """
    least, largest, turns = (DASK_LEAST, DASK_LARGEST, 1) if for_dask else (1, LARGEST, 2)
    return max(least, ceil(count / (threads * max(turns, ceil(count / (threads * largest))))))


def in_rounds(
    task: Task, plan: Plan, executor: Executor | None, at_once: int = CHUNK
) -> Generator[list[Judged] | None, None, None]:
    """Yield what comes of a search as it is done, round after round; None while nothing comes.

    Whoever stops listening cancels what has not begun.

    Args:
        task: What is searched.
        plan: Its rounds.
        executor: Who judges; None: who listens, when it asks for more.
        at_once: How many are judged at a time where there is no executor.
    """
    numbers = plan.next(())
    while numbers:
        size = at_once
        if executor:
            size = chunk_size(len(numbers), threads_of(executor), is_dask(executor))
        given = chunks(numbers, size)
        for some in results(partial(judge, task), given, executor, partial(chunks, size=at_once)):
            plan.learn(some or ())
            yield some
        numbers = plan.next(())


def check(
    architecture: Architecture,
    budgets: Budget | Iterable[Budget],
    input_shape: Sequence[int] = (256, 256, 1),
    profile: DeviceProfile | None = None,
) -> tuple[Checked, ...]:
    """Return how an architecture keeps to budgets.

    Args:
        architecture: The architecture.
        budgets: The budgets.
        input_shape: `(height, width, channels)` of the input.
        profile: Of the device that times are told for; None: they are not known.

    Raises:
        ParameterError: If the shape does not fit.
    """
    design = Design(architecture, Input().of_shape(input_shape))
    all_budgets = [budgets] if isinstance(budgets, Budget) else budgets
    return tuple(budget.check(design, profile) for budget in all_budgets)


def search(
    base: EncoderDecoder | type[EncoderDecoder],
    budgets: Iterable[Budget] = (),
    minimise: Sequence[str] = ("parameters", "multiply-adds"),
    *,
    vary: Mapping[str, Sequence[Any]] | Sequence[str] | None = None,
    input_shape: Sequence[int] = (256, 256, 1),
    profile: DeviceProfile | None = None,
    most: int = 10_000,
    seed: int = 0,
    executor: Executor | Literal["serial"] | None = None,
    progress: Progress | None = None,
) -> Found:
    """Return the networks that keep to budgets and that no other is better than.

    All combinations of what is varied are judged where there are few enough; else half of so many
    at random, and then what is a step from the best so far. The result does not depend on the
    executor.

    Args:
        base: An architecture, or a family with its defaults.
        budgets: What a network has to keep to.
        minimise: Names of the measures that are to be small: see `MEASURES`.
        vary: The parameters to vary, with the values of each or not; None: all that are handy.
        input_shape: `(height, width, channels)` of the input.
        profile: Of the device that times are told for; see `profile_device`.
        most: Most combinations that are judged.
        seed: Of the choice, where not all are.
        executor: Any of `concurrent.futures`' kind, of other processes or machines, such as Dask's
            `client.get_executor()` (extra `dask`); "serial": this process alone; None: processes
            of this machine that give way to others, where there is enough to judge.
        progress: Told after each chunk, and while none is done; where it returns True, what there
            is is returned.

    Raises:
        ParameterError: If there is no such parameter or measure, or a value is not valid.
    """
    wanted = tuple(minimise)
    for name in wanted:
        if name not in MEASURES:
            raise ParameterError(
                "search", "minimise", name, "is no measure", f"use some of {', '.join(MEASURES)}"
            )
    space, given = Space.of(base, vary), Input().of_shape(input_shape)
    task = Task(space, given, tuple(budgets), wanted, profile)
    if TIME in task.wanted and profile is None:
        raise ParameterError(
            "search", "profile", profile, "tells no time", "give one, such as profile_device()"
        )
    plan = Plan(task, most, seed)
    judged: list[Judged] = []
    with closing(in_rounds(task, plan, chosen(executor, plan.total))) as coming:
        for some in coming:
            judged += some or ()
            if progress and progress(len(judged), plan.total, some or ()):
                break
    return gathered(task, judged)
