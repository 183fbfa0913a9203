"""Which combinations are judged: all of a small space; else some, and what is near the best."""

from collections.abc import Iterable, Iterator
from random import Random

from explorer.searching.front import Front
from explorer.searching.judging import Judged, Task
from explorer.searching.space import Space

#: Share of what is judged that is drawn at random, before the rest is looked for near the best.
DRAWN = 0.5
#: Rounds in which the rest is.
ROUNDS = 10


class Plan:
    """The rounds of a search, which depend on the space, the seed and what is found alone.

    Attributes:
        total: How many combinations are judged in all.
    """

    def __init__(self, task: Task, most: int, seed: int) -> None:
        """Begin with nothing judged.

        Args:
            task: What is searched.
            most: How many combinations are judged at most.
            seed: Of the random choice.
        """
        self._space = task.space
        self.total = min(most, task.space.size)
        self._scored = [task.wanted.index(name) for name in task.minimised]
        self._drawn = task.space.drawn(most, seed)
        self._random = Random(seed)
        self._front: Front[int] = Front()
        self._begun: set[int] = set()

    def next(self, found: Iterable[Judged]) -> list[int]:
        """Return the numbers of the next round; none: it was the last.

        Args:
            found: What came of the last round, in any order, unless it was learnt before.
        """
        self.learn(found)
        rest = self.total - len(self._begun)
        if self.total == self._space.size:
            size = rest
        elif not self._begun:
            size = max(1, round(DRAWN * self.total))
        else:
            size = min(rest, max(1, round((1 - DRAWN) * self.total / ROUNDS)))
        chosen = self._near()[:size]
        self._begun.update(chosen)
        for number in self._drawn if len(chosen) < size else ():
            if number not in self._begun:
                self._begun.add(number)
                chosen.append(number)
                if len(chosen) == size:
                    break
        return chosen

    def learn(self, found: Iterable[Judged]) -> None:
        """Note what came of some combinations, at the end of their round or before."""
        for each in found:
            scores = [each.values[place] for place in self._scored] if each.values else [None]
            if not each.missed and None not in scores:
                self._front.offer(
                    tuple(score for score in scores if score is not None), each.number
                )

    def _near(self) -> list[int]:
        """Return what is a step from the best and was not judged, in random order."""
        found = {
            number: None
            for best in sorted(self._front.items)
            for number in neighbours(self._space, best)
            if number not in self._begun
        }
        near = list(found)
        self._random.shuffle(near)
        return near


def neighbours(space: Space, number: int) -> Iterator[int]:
    """Yield the numbers of the combinations that are a step of one parameter away."""
    step = space.size
    for _, values in space.varied:
        step //= len(values)
        place = number // step % len(values)
        if place > 0:
            yield number - step
        if place + 1 < len(values):
            yield number + step
