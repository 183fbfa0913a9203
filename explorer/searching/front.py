"""Which of many are best: those that no other is as good as in all, and better in something."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Scores = tuple[float, ...]


def dominates(one: Scores, other: Scores) -> bool:
    """Return whether one is as good as another in everything, and better in something; less is."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


class Front(Generic[Item]):
    """The Pareto front of what was offered so far, which grows as it comes."""

    def __init__(self) -> None:
        self._found: list[tuple[Scores, Item]] = []

    def offer(self, scores: Scores, item: Item) -> bool:
        """Take what may be one of the best; return whether it is. Of equals, all are."""
        # Sorted by the first score: only what has at most as much of it can be better.
        place = bisect_left(self._found, scores, key=lambda each: each[0])
        if any(dominates(found, scores) for found, _ in self._found[:place]):
            return False
        rest = [each for each in self._found[place:] if not dominates(scores, each[0])]
        self._found[place:] = [(scores, item), *rest]
        return True

    @property
    def items(self) -> Sequence[Item]:
        """The best, by the first score."""
        return [item for _, item in self._found]

    def __len__(self) -> int:
        return len(self._found)
