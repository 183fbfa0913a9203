"""What is judged of a space that is too large: each once, by seed, and near the best in the end."""

from math import dist
from random import Random

import pytest

from explorer import UNet
from explorer.core.analysis.design import Input
from explorer.searching.judging import Judged, Task
from explorer.searching.planning import Plan, neighbours
from explorer.searching.space import Space

SPACE = Space.of(UNet, {"filters": range(1, 41), "convs_per_block": range(1, 41)})
TASK = Task(SPACE, Input(), (), ("parameters", "multiply-adds"))


def bowl(number: int) -> Judged:
    """Best at 30 and 10, whichever way one comes; a third is no network."""
    values = SPACE.values(number)
    far = dist(values.values(), (30, 10))
    if number % 3 == 0 and far > 2:
        return Judged(number, reason="none")
    return Judged(number, (far, 2 * far), ("memory",) if number % 7 == 0 and far > 2 else ())


def judged(most: int, seed: int, order: int = 0) -> list[list[int]]:
    """The rounds, with what is found told in an order of its own."""
    plan = Plan(TASK, most, seed)
    rounds: list[list[int]] = []
    numbers = plan.next(())
    while numbers:
        rounds.append(numbers)
        found = [bowl(number) for number in numbers]
        Random(order).shuffle(found)
        numbers = plan.next(found)
    return rounds


@pytest.mark.parametrize("most", [1, 2, 7, 100, 1599, 1600, 5000])
def test_each_is_judged_once_and_so_many(most: int) -> None:
    numbers = [number for some in judged(most, 0) for number in some]
    assert len(numbers) == len(set(numbers)) == min(most, 1600)
    if most >= 1600:
        assert numbers == list(range(1600))


def test_it_depends_on_the_seed_and_not_on_what_comes_first() -> None:
    assert judged(200, 1) == judged(200, 1, order=5) != judged(200, 2)


def test_half_is_drawn_and_the_rest_leads_to_the_best() -> None:
    rounds = judged(200, 4)
    assert len(rounds[0]) == 100
    assert [len(some) for some in rounds[1:]] == [10] * 10

    def best(numbers: list[int]) -> float:
        return min(bowl(n).values[0] for n in numbers if bowl(n).values)

    found = [number for some in rounds for number in some]
    assert best(found) == 0 < best(rounds[0])


def test_neighbours_are_a_step_away() -> None:
    corner = 39
    assert SPACE.values(corner) == {"filters": 1, "convs_per_block": 40}
    assert [SPACE.values(n) for n in neighbours(SPACE, corner)] == [
        {"filters": 2, "convs_per_block": 40},
        {"filters": 1, "convs_per_block": 39},
    ]
    assert len(list(neighbours(SPACE, 6 * 40 + 6))) == 4


def test_without_a_best_all_is_drawn() -> None:
    plan = Plan(TASK, 100, 0)
    numbers, rounds = plan.next(()), []
    while numbers:
        rounds += numbers
        numbers = plan.next([Judged(number, reason="none") for number in numbers])
    assert rounds == list(SPACE.drawn(100, 0))
