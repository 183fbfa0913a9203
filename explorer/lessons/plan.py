"""What a lesson is: steps that are drawn by a seed, so that each learner gets other numbers."""

from collections.abc import Callable
from functools import lru_cache
from random import Random

import attrs

from explorer.core.analysis.design import Design
from explorer.core.analysis.receptive_field import Box
from explorer.core.network.errors import ParameterError
from explorer.core.network.layers import Layer
from explorer.lessons.pictures.grids import GridPicture
from explorer.lessons.questions import BuildQuestion, Question

#: How often something is drawn before it is given up.
MOST_DRAWS = 500
#: Of how many draws one is taken that repeats least, where each repeats something.
_TRIES = 30
#: How many variants before it one is not to repeat.
_REMEMBERED = 20


@attrs.frozen
class Draw:
    """Gives what a step draws.

    Attributes:
        lesson: Number of the lesson.
        step: Name of the step.
        seed: Whose variant it is.
        attempt: How many variants of this step came before it.
        again: How often this variant was drawn before, in vain.
    """

    lesson: int
    step: str
    seed: str
    attempt: int = 0
    again: int = 0

    @property
    def own(self) -> Random:
        """Random numbers of this variant of the step alone, from the first one on."""
        again = f"/{self.again}" if self.again else ""
        return Random(f"{self.lesson}/{self.step}/{self.seed}/{self.attempt}{again}")

    @property
    def shared(self) -> Random:
        """Random numbers that all steps of the learner's lesson have, from the first one on."""
        return Random(f"{self.lesson}/{self.seed}")


@attrs.frozen(kw_only=True)
class Step:
    """What is said and shown at once.

    Attributes:
        title: Its heading.
        text: What is said: paragraphs, with an empty line between them.
        design: What is put on screen; None: what is there stays.
        question: What is asked.
        select: What is selected in all views, as `explorer.core.network.names` names it.
        moves: A layer whose window is shown sliding over a small grid of numbers.
        pictures: Grids that are shown.
        opens: Title of the tab that is opened, such as "Charts".
        box: An object on the photograph, in pixels of the design's input, for the tab "Receptive
            field": it gets the object's box, and the position in its middle is chosen.
        points_at: Which part of the screen is pointed at: "controls", "stage", "side", "strip",
            "run", "control filters" for the control of a parameter, or "figure parameters" for a
            figure of the top bar, by its name there.
    """

    title: str
    text: str
    design: Design | None = None
    question: Question | None = None
    select: str = ""
    moves: Layer | None = None
    pictures: tuple[GridPicture, ...] = ()
    opens: str = ""
    box: Box | None = None
    points_at: str = ""


@attrs.frozen
class Plan:
    """A lesson.

    Attributes:
        number: Its place among the lessons, from 1.
        title: What it is called.
        minutes: How long it takes.
        aims: What a learner can do afterwards, each beginning with a verb.
        misconceptions: What learners often believe before, each with what is so.
        steps: What makes each step of what is drawn for it, by the step's name.
        needs_keras: Whether some step runs a Keras model.
    """

    number: int
    title: str
    minutes: int
    aims: tuple[str, ...]
    misconceptions: tuple[tuple[str, str], ...]
    steps: tuple[Callable[[Draw], Step], ...]
    needs_keras: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the steps."""
        return tuple(make.__name__ for make in self.steps)

    def step(self, name: str, seed: str, attempt: int = 0) -> Step:
        """Return a step as it is drawn for a learner: so that each mistake gets its own reason.

        A variant asks something else than those before it, and has another right answer, where
        the step's draws have one.

        Args:
            name: Name of the step.
            seed: Whose variant.
            attempt: How many variants of it came before.
        """
        return _drawn(self, name, seed, attempt)


# A pane asks for the same steps again and again.
@lru_cache(maxsize=64)
def _drawn(plan: Plan, name: str, seed: str, attempt: int) -> Step:
    make = plan.steps[plan.names.index(name)]
    first = max(0, attempt - _REMEMBERED)
    before = [_asked(plan, name, seed, earlier) for earlier in range(first, attempt)]
    found: list[tuple[tuple[bool, ...], Step]] = []
    for again in range(MOST_DRAWS):
        step = make(Draw(plan.number, name, seed, attempt, again))
        if step.question is None:
            return step
        if step.question.tells_mistakes_apart:
            repeated = _repeated(step, step.question, before) if before else ()
            if not any(repeated):
                return step
            found.append((repeated, step))
            if len(found) == _TRIES:
                break
    if not found:
        raise RuntimeError(f"Of {MOST_DRAWS} draws of {name!r}, none tells its mistakes apart.")
    return min(found, key=lambda each: each[0])[1]


@attrs.frozen
class _Asked:
    """What a variant asked, in brief.

    Attributes:
        seen: Its question, with the design and the pictures that are on screen.
        answer: A right answer; empty if nothing is asked.
    """

    seen: str
    answer: str


# All variants before one are needed again and again, and their designs are large.
@lru_cache(maxsize=4096)
def _asked(plan: Plan, name: str, seed: str, attempt: int) -> _Asked:
    step = _drawn(plan, name, seed, attempt)
    return _Asked(_seen(step), step.question.solution if step.question else "")


def _seen(step: Step) -> str:
    return repr((step.question and step.question.prompt, step.design, step.pictures))


def _repeated(step: Step, asked: Question, before: list[_Asked]) -> tuple[bool, ...]:
    """Return what a step has in common with those before it, the worst first."""
    seen = _seen(step)
    same = [seen == each.seen for each in before]
    # What is built is judged by budgets, which many networks keep to.
    right = [
        not isinstance(asked, BuildQuestion) and asked.judged(each.answer).is_right
        for each in before
    ]
    return any(same), any(same[-1:]), any(right[-1:]), any(right)


def lessons() -> dict[int, Plan]:
    """Return all lessons, by number."""
    from explorer.lessons.course import COURSE

    return {plan.number: plan for plan in COURSE}


def lesson(number: int) -> Plan:
    """Return a lesson.

    Raises:
        ParameterError: If there is none of this number.
    """
    known = lessons()
    if number not in known or isinstance(number, bool):
        numbers = f"from {min(known)} to {max(known)}"
        raise ParameterError("Lesson", "number", number, "is no lesson", f"use one {numbers}")
    return known[number]
