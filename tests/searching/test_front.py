"""The front against its definition."""

from random import Random

import pytest

from explorer.searching.front import Front, dominates


@pytest.mark.parametrize("scores", [1, 2, 3])
def test_the_front_is_what_nothing_dominates(scores: int) -> None:
    for seed in range(30):
        random = Random(seed)
        all_scores = [
            tuple(random.choice([random.randint(0, 8), random.random()]) for _ in range(scores))
            for _ in range(120)
        ]
        front: Front[int] = Front()
        for number, each in enumerate(all_scores):
            front.offer(each, number)
        best = {
            number
            for number, each in enumerate(all_scores)
            if not any(dominates(other, each) for other in all_scores)
        }
        assert set(front.items) == best
        assert len(front) == len(best)


def test_equals_are_all_kept() -> None:
    front: Front[str] = Front()
    assert front.offer((1, 2), "a")
    assert front.offer((1, 2), "b")
    assert not front.offer((1, 3), "c")
    assert front.offer((0, 1), "d")
    assert list(front.items) == ["d"]
