"""What the two halves of the lesson's pane send each other.

It stands apart from `explorer.widget.messages`, since all that lessons show is loaded when one is
asked for.
"""

from typing import Literal

import attrs

from explorer.lessons.pictures.grids import GridPicture
from explorer.lessons.pictures.sliding import Sliding


@attrs.frozen
class CourseEntry:
    """A lesson that can be begun.

    Attributes:
        number: Its number.
        title: What it is called.
        note: How long it takes, and what it needs.
    """

    number: int
    title: str
    note: str


@attrs.frozen
class Limit:
    """What a network that is to be built has to keep to, and whether the one on screen does."""

    text: str
    is_met: bool


@attrs.frozen
class LessonQuestion:
    """What is asked.

    Attributes:
        prompt: The question.
        takes: How it is answered.
        choices: The sentences to choose from.
        unit: What a number is one of.
        selected: What is selected now, where something is to be clicked.
        limits: What is to be kept to, where something is to be built.
        given: The answer that was given, in words; empty: none yet.
        verdict: What was said of it.
        reason: Why.
        solution: The right answer, once one was given.
        pictures: Grids that show how it comes about.
        problem: Why what was given is no answer.
    """

    prompt: str
    takes: Literal["number", "choice", "click", "build"]
    choices: tuple[str, ...] = ()
    unit: str = ""
    selected: str = ""
    limits: tuple[Limit, ...] = ()
    given: str = ""
    verdict: Literal["", "right", "wrong"] = ""
    reason: str = ""
    solution: str = ""
    pictures: tuple[GridPicture, ...] = ()
    problem: str = ""


@attrs.frozen
class LessonPage:
    """A step of a lesson.

    Attributes:
        title: That of the lesson.
        place: Number of the step, from 0; the last is the end.
        marks: What became of each step: nothing is asked, or was answered yet, or how.
        heading: That of the step.
        text: What is said, by paragraphs.
        points_at: See `explorer.lessons.plan.Step`.
        question: What is asked.
        sliding: A window at work, which is played.
        pictures: Grids that are shown.
        can_save: Whether there are answers to be handed in.
        can_keep: Whether they can be written to the notebook's folder, to go on another day.
        offer: What was kept there before, with which one can go on; empty: nothing.
        note: What became of it when they were written; empty: they weren't.
        kept_as: What a page without a kernel's folder keeps the answers as; empty: there is one.
        kept: What is kept there: the answers, as a file holds them; empty: none were given.
    """

    title: str
    place: int
    marks: tuple[Literal["", "asked", "right", "wrong"], ...]
    heading: str = ""
    text: tuple[str, ...] = ()
    points_at: str = ""
    question: LessonQuestion | None = None
    sliding: Sliding | None = None
    pictures: tuple[GridPicture, ...] = ()
    can_save: bool = False
    can_keep: bool = False
    offer: str = ""
    note: str = ""
    kept_as: str = ""
    kept: str = ""


@attrs.frozen
class BeginLesson:
    """A lesson is to begin, with the variants of somebody."""

    begin: int
    name: str


@attrs.frozen
class GoToStep:
    """Another step is to be shown."""

    step: int


@attrs.frozen
class GiveAnswer:
    """An answer is given; where something is clicked or built, that is what is on screen."""

    give: str


@attrs.frozen
class TakeVariant:
    """The question is wanted once more, with other numbers."""

    variant: Literal[True]


@attrs.frozen
class ShowAgain:
    """The design of the step is wanted on screen again."""

    again: Literal[True]


@attrs.frozen
class LeaveLesson:
    """The list of lessons is wanted."""

    leave: Literal[True]


@attrs.frozen
class KeepOutcome:
    """The answers are to be written to the notebook's folder, to go on with them another day."""

    keep: Literal[True]


@attrs.frozen
class GoOn:
    """The answers that were kept are to be gone on with."""

    go_on: Literal[True]


@attrs.frozen
class Restore:
    """The answers that the page kept are to be gone on with, as a file holds them."""

    restore: str


@attrs.frozen
class SaveOutcome:
    """The answers are to be saved."""

    save_outcome: Literal[True]
