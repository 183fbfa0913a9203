"""Writes the teacher's page, from the lessons: `make lessons`.

python tests/write_teaching.py
"""

from pathlib import Path

from explorer.core.formatting import counted
from explorer.lessons.plan import Plan, lessons
from explorer.lessons.questions import Mistake, Question

FILE = Path(__file__).parents[1] / "notebooks" / "lessons" / "teaching.md"
#: Whose variants stand on the page.
EXAMPLE = "example"

HEAD = """\
# Teaching with the lessons

{lessons}, {minutes} minutes in all. In each, a learner predicts before the explorer shows. The
numbers are drawn by the learner's name, so that nobody can copy a neighbour's; right answers and
typical mistakes are computed from the network that was drawn.

- **Before class.** `from explorer import Lesson; Lesson(1, seed="Ada")` opens a lesson in any
  notebook, the book in the explorer's top bar in any explorer; or take the notebooks beside this
  page. None but those that say so needs Keras: the others work in the browser alone, on the static
  site that `make site` builds.
- **In class.** “Fill the window” in the top bar makes type large enough for the last row. Ask for
  a show of hands before you commit an answer: that is what the lessons are made for.
- **Afterwards.** Learners hand in the file that “Save my answers” (or `lesson.save()`) writes. Put
  all of them into a folder: `explorer.grade("folder")` judges them again, by each learner's own
  numbers, and returns a table (`.to_pandas()`, `.to_csv()`). Its last column says what can’t be
  read, and what was handed in more than once. Nothing leaves a machine but what is handed in.
- **A learner's answers** are `Outcome(1, "Ada").answers()` of `explorer.lessons.outcomes`; below
  stand those of {example!r}.
"""


def page() -> str:
    """Return the teacher's page."""
    plans = lessons().values()
    minutes = sum(plan.minutes for plan in plans)
    head = HEAD.format(
        lessons=counted(len(plans), "lesson").capitalize(), minutes=minutes, example=EXAMPLE
    )
    return "\n".join([head, *(_of(plan) for plan in plans)])


def _of(plan: Plan) -> str:
    keras = ", a part of it with Keras" if plan.needs_keras else ""
    lines = [f"## {plan.number}. {plan.title}", "", f"{plan.minutes} minutes{keras}.", ""]
    lines += ["Afterwards a learner can", "", *(f"- {_small(aim)}" for aim in plan.aims), ""]
    lines += ["| often believed | what is so |", "|---|---|"]
    lines += [f"| {believed} | {so} |" for believed, so in plan.misconceptions]
    lines += ["", f"Questions, as `Lesson({plan.number}, seed={EXAMPLE!r})` asks them:", ""]
    for name in plan.names:
        asked = plan.step(name, EXAMPLE).question
        if asked:
            lines += _asked(asked)
    return "\n".join([*lines, ""])


def _asked(asked: Question) -> list[str]:
    typical = [
        f"   - {asked.told(mistake.answer)}: {mistake.reason}"
        for mistake in getattr(asked, "mistakes", ())
        if _is_told(asked, mistake)
    ]
    return [f"1. {asked.prompt} **{asked.told_solution.rstrip('.')}.** {asked.reason}", *typical]


def _is_told(asked: Question, mistake: Mistake) -> bool:
    """Return whether a learner who makes a mistake is told its reason, and not another's."""
    verdict = asked.judged(asked.taken(str(mistake.answer)))
    return not verdict.is_right and verdict.reason == mistake.reason


def _small(text: str) -> str:
    return text[0].lower() + text[1:]


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
