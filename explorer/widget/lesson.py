"""A lesson in a notebook: the explorer with a lesson open in it, and what was answered."""

import os
from pathlib import Path

from explorer.lessons.outcomes import Outcome
from explorer.lessons.plan import lesson
from explorer.widget.explorer import Explorer


class Lesson(Explorer):
    """The explorer, with a lesson in it: it says, shows and asks, and the explorer is to try it.

    The numbers are drawn by the seed, so that each learner has others; right answers are computed
    from the networks. Nothing leaves the machine: `save` writes what was answered to a file.
    """

    def __init__(self, number: int, seed: object = "", height: int | None = None) -> None:
        """Begin a lesson.

        Args:
            number: Its number, from 1.
            seed: Whose variants are drawn: the learner's name, or any text or number.
            height: As `Explorer` has it.

        Raises:
            ParameterError: If there is no such lesson.
        """
        plan = lesson(number)
        first = plan.step(plan.names[0], str(seed)).design
        super().__init__(first, height=height)
        self._panels.open_lesson(number, str(seed))

    @property
    def results(self) -> Outcome:
        """What was answered so far in the lesson that was begun last."""
        outcome = self._panels.lesson.outcome
        assert outcome is not None
        return outcome

    def save(self, folder: str | os.PathLike[str] = ".") -> Path:
        """Write what was answered to a file of a name of its own, which `grade` reads.

        Where it is in the notebook's folder, the lesson offers to go on with it another day.

        Args:
            folder: Where to; it is made if it isn't there.

        Returns:
            Path of the file. One that is there with another's or older answers is replaced.
        """
        return self.results.save(folder)
