"""What the lesson's pane says of a step, and of what was answered."""

from typing import Literal

import attrs

from explorer.core.analysis.design import Design
from explorer.core.exchange.links import from_link
from explorer.core.formatting import counted, printable
from explorer.lessons.outcomes import Given, Outcome, graded
from explorer.lessons.pictures.sliding import sliding
from explorer.lessons.plan import Plan, Step, lessons
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    NumberQuestion,
    Question,
    Verdict,
    name_of,
)
from explorer.widget.panels.lessons.messages import CourseEntry, LessonPage, LessonQuestion, Limit
from explorer.worker import IN_PAGE

Mark = Literal["", "asked", "right", "wrong"]

#: How a question is answered, by its class.
TAKES: dict[type[Question], Literal["number", "choice", "click", "build"]] = {
    NumberQuestion: "number",
    ChoiceQuestion: "choice",
    ClickQuestion: "click",
    BuildQuestion: "build",
}


def course() -> tuple[CourseEntry, ...]:
    """Return the lessons that can be begun."""
    return tuple(
        CourseEntry(
            plan.number,
            plan.title,
            f"{plan.minutes} minutes{', a part of it with Keras' if plan.needs_keras else ''}",
        )
        for plan in lessons().values()
    )


@attrs.frozen
class Shown:
    """What a learner has before them.

    Attributes:
        plan: The lesson.
        outcome: What was answered so far.
        place: Number of the step, from 0; the one after the last is the end.
        attempt: Which variant of the step.
        problem: Why what was given last is no answer.
        kept: What was answered another day, with which one can go on; None: nothing is known.
        note: What became of it when the answers were written to a file.
    """

    plan: Plan
    outcome: Outcome
    place: int = 0
    attempt: int = 0
    problem: str = ""
    kept: Outcome | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """Name of the step; empty at the end."""
        return self.plan.names[self.place] if self.place < len(self.plan.names) else ""

    @property
    def step(self) -> Step | None:
        """The step; None at the end."""
        return self.plan.step(self.name, self.outcome.seed, self.attempt) if self.name else None

    @property
    def given(self) -> Given | None:
        """What was answered to this variant of the step; None: nothing yet."""
        all_given = self.outcome.given
        return next(
            (each for each in all_given if (each.step, each.attempt) == (self.name, self.attempt)),
            None,
        )


def page(shown: Shown, step: Step | None, on_screen: Design, selected: str) -> LessonPage:
    """Return what the pane says.

    Args:
        shown: What a learner has before them.
        step: Its step, which takes time to draw.
        on_screen: The design on screen.
        selected: What is selected in it.
    """
    plan, outcome = shown.plan, shown.outcome
    title = f"Lesson {plan.number}: {plan.title}"
    can_save = bool(outcome.given)
    marks = (*(mark(outcome, name) for name in plan.names), "")
    found = LessonPage(
        title,
        shown.place,
        marks,
        can_save=can_save,
        can_keep=can_save and not IN_PAGE,
        offer=_offer(shown.kept) if shown.kept and not can_save else "",
        note=printable(shown.note),
        kept_as=outcome.file_name if IN_PAGE else "",
        kept=outcome.to_json() if IN_PAGE and can_save else "",
    )
    if step is None:
        return attrs.evolve(found, heading="Done", text=_end(outcome))
    asked = step.question
    question = _question(asked, shown) if asked else None
    return attrs.evolve(
        found,
        heading=step.title,
        text=tuple(step.text.split("\n\n")),
        points_at=step.points_at,
        question=question and following(question, asked, on_screen, selected),
        sliding=sliding(step.moves, seed=f"{outcome.seed}/{shown.attempt}") if step.moves else None,
        pictures=step.pictures,
    )


def _offer(kept: Outcome) -> str:
    return f"{kept.file_name}, beside this notebook, holds {counted(len(kept.given), 'answer')}."


def mark(outcome: Outcome, name: str) -> Mark:
    """Return what became of a step."""
    given = [each for each in outcome.given if each.step == name]
    if given:
        return "right" if outcome.right_at(name) is not None else "wrong"
    return "asked" if name in outcome.questions else ""


def _question(asked: Question, shown: Shown) -> LessonQuestion:
    """Return what the pane says of a question, but for what follows the screen."""
    given = shown.given
    limits: tuple[Limit, ...] = ()
    if given and isinstance(asked, BuildQuestion):
        limits = _limits(asked, from_link(given.answer).design)
    verdict = asked.judged(given.answer) if given else Verdict(False, "")
    return LessonQuestion(
        asked.prompt,
        TAKES[type(asked)],
        choices=asked.choices if isinstance(asked, ChoiceQuestion) else (),
        unit=asked.unit if isinstance(asked, NumberQuestion) else "",
        limits=limits,
        given=asked.told(given.answer) if given else "",
        verdict=("right" if verdict.is_right else "wrong") if given else "",
        reason=verdict.reason,
        solution=asked.told_solution if given else "",
        pictures=asked.pictures if given else (),
        problem=printable(shown.problem),
    )


def following(
    question: LessonQuestion, asked: Question | None, on_screen: Design, selected: str
) -> LessonQuestion:
    """Return what the pane says of a question, with how what is on screen keeps to it.

    Args:
        question: What it says; once an answer was given, that is all.
        asked: The question.
        on_screen: The design on screen.
        selected: What is selected in it.
    """
    if question.given:
        return question
    if isinstance(asked, ClickQuestion):
        return attrs.evolve(question, selected=printable(name_of(on_screen, selected)))
    if isinstance(asked, BuildQuestion):
        return attrs.evolve(question, limits=_limits(asked, on_screen))
    return question


def _limits(asked: BuildQuestion, design: Design) -> tuple[Limit, ...]:
    checked = (budget.check(design) for budget in asked.budgets)
    return tuple(Limit(each.beside_mark, each.is_met) for each in checked)


def _end(outcome: Outcome) -> tuple[str, ...]:
    grade = graded(outcome)
    told = (
        f"{grade.right_at_once} of {counted(grade.questions, 'question')} right at once, "
        f"{grade.right} in the end."
    )
    left = len({each.step for each in outcome.given}) < grade.questions
    return (
        told,
        *(
            ("Some questions are still open: the row of marks above leads to them.",)
            if left
            else ()
        ),
        "Save your answers to hand them in. They stay on this machine until you do.",
    )
