"""How good the best of a search are, beside random choice and NSGA-II, at the same number judged.

The measure is the hypervolume of parameters × multiply-adds (as logarithms) under a receptive field
that is wanted, as a share of that of all that any of them found. NSGA-II is optuna's, where that is
installed. It takes some minutes:

    python tests/benchmarks/measure_improving.py [how many are judged [how many seeds]]
"""

import sys
from collections.abc import Callable, Sequence
from math import inf, log
from statistics import median
from typing import Any

from explorer import Budget, FCDenseNet, Hourglass, UNet
from explorer.core.analysis.design import Input
from explorer.searching.judging import Judged, Task, judge
from explorer.searching.planning import Plan
from explorer.searching.space import Space

PROBLEMS: dict[str, tuple[Any, dict[str, Sequence[Any]] | None, int]] = {
    "U-Net": (
        UNet,
        {
            "filters": [4, 6, 8, 12, 16, 24, 32, 48, 64],
            "filters_rate": [1.0, 1.2, 1.4, 1.5, 1.75, 2.0],
            "kernel_size": [1, 3, 5, 7],
            "convs_per_block": [1, 2, 3],
            "stem_blocks": [0, 1, 2],
            "stem_kernel_size": [3, 5, 7],
            "down_blocks": [1, 2, 3, 4, 5],
            "middle_block": [False, True],
            "up_interpolate": [False, True],
            "block_contraction": [False, True],
            "skips": ["concatenate", "add", "none"],
        },
        180,
    ),
    "hourglass": (
        Hourglass,
        {
            "down_blocks": [1, 2, 3, 4, 5],
            "stem_filters": [8, 16, 32, 64, 128],
            "stem_stride": [1, 2, 4],
            "filters": [8, 16, 32, 64, 128, 256],
            "filter_increase": [0, 16, 32, 64, 128],
            "interp_method": ["nearest", "bilinear"],
            "stacks": [1, 2, 3],
            "skips": ["add", "concatenate", "none"],
        },
        300,
    ),
    "FC-DenseNet": (FCDenseNet, None, 100),
}
MINIMISED = ("parameters", "multiply-adds")
Point = tuple[float, float]
Look = Callable[[int], Judged]


def main(most: int = 300, seeds: int = 10) -> None:
    for name, (family, vary, field) in PROBLEMS.items():
        budgets = (Budget("receptive field", at_least=field),)
        task = Task(Space.of(family, vary), Input(), budgets, MINIMISED)
        known: dict[int, Judged] = {}
        found = {
            (way, seed): points(task, known, way, most, seed)
            for way in ways()
            for seed in range(seeds)
        }
        everything = [point for some in found.values() for point in some]
        corner = max(x for x, _ in everything), max(y for _, y in everything)
        whole = volume(everything, corner)
        print(f"{name}, {task.space.size:,} combinations, {most} judged, {seeds} seeds")
        shares = {key: volume(some, corner) / whole for key, some in found.items()}
        for way in ways():
            own = [shares[way, seed] for seed in range(seeds)]
            wins = sum(shares[way, seed] > shares["random", seed] for seed in range(seeds))
            print(
                f"  {way:8} median {median(own):.3f}, from {min(own):.3f} to {max(own):.3f}, "
                f"better than random in {wins} of {seeds}",
                flush=True,
            )


def ways() -> list[str]:
    try:
        import optuna
    except ImportError:
        return ["random", "search"]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return ["random", "search", "NSGA-II"]


def points(task: Task, known: dict[int, Judged], way: str, most: int, seed: int) -> list[Point]:
    """What each that was judged and keeps to the budget has."""
    looked: list[Judged] = []

    def look(number: int) -> Judged:
        if number not in known:
            (known[number],) = judge(task, [number])
        looked.append(known[number])
        return known[number]

    if way == "random":
        for number in task.space.drawn(most, seed):
            look(number)
    elif way == "search":
        plan = Plan(task, most, seed)
        numbers = plan.next(())
        while numbers:
            numbers = plan.next([look(number) for number in numbers])
    else:
        evolve(task, look, most, seed)
    assert len(looked) == most
    return [score(each) for each in looked if is_kept(each)]


def is_kept(found: Judged) -> bool:
    return not found.reason and not found.missed


def score(found: Judged) -> Point:
    params, macs = found.values
    assert params is not None
    assert macs is not None
    return log(params), log(macs)


def evolve(task: Task, look: Look, most: int, seed: int) -> None:
    import optuna

    def objective(trial: Any) -> Point:
        number = 0
        for name, values in task.space.varied:
            number = number * len(values) + trial.suggest_int(name, 0, len(values) - 1)
        found = look(number)
        trial.set_user_attr("missed", float(not is_kept(found)))
        return score(found) if is_kept(found) else (50.0, 50.0)

    sampler = optuna.samplers.NSGAIISampler(
        seed=seed, constraints_func=lambda trial: (trial.user_attrs["missed"],)
    )
    study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
    study.optimize(objective, n_trials=most)


def volume(some: Sequence[Point], corner: Point) -> float:
    """The area between what is best and a corner that all are better than."""
    total, lowest = 0.0, inf
    for x, y in sorted(some):
        if y < lowest:
            total += (corner[0] - x) * (min(lowest, corner[1]) - y)
            lowest = y
    return total


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
