"""What every lesson keeps to, whatever is drawn for a learner."""

import json
from collections import defaultdict
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import attrs
import pytest

from explorer.core.analysis.design import Design
from explorer.core.network.errors import Refusal
from explorer.core.network.names import nodes_of
from explorer.lessons.pictures.sliding import sliding
from explorer.lessons.plan import Draw, Plan, Step, _asked, _drawn, lesson, lessons
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    Question,
)

PLANS = list(lessons().values())
SEEDS = tuple(f"learner {n}" for n in range(30))
NOTEBOOKS = Path(__file__).parents[2] / "notebooks" / "lessons"
each_lesson = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: str(plan.number))


@cache
def steps(plan: Plan, seeds: tuple[str, ...] = SEEDS) -> list[Step]:
    return [plan.step(name, seed) for seed, name in product(seeds, plan.names)]


def asked(plan: Plan, seeds: tuple[str, ...] = SEEDS) -> list[Question]:
    return [step.question for step in steps(plan, seeds) if step.question]


@each_lesson
def test_says_what_a_teacher_needs(plan: Plan) -> None:
    assert plan.aims
    assert plan.misconceptions
    assert 5 <= plan.minutes <= 15
    assert len(set(plan.names)) == len(plan.names)
    for step in steps(plan, ("one",)):
        assert step.title
        assert step.text
    assert sum(1 for step in steps(plan, ("one",)) if step.question) >= 4


@each_lesson
def test_every_design_can_be(plan: Plan) -> None:
    for step in steps(plan):
        question = step.question
        for design in (step.design, question.reveals if question else None):
            if design:
                assert design.report.layers
        if step.box:
            assert step.design
            assert step.opens == "Receptive field"
            box, (height, width, _) = step.box, step.design.input.shape
            assert 0 <= box.top <= box.bottom < height
            assert 0 <= box.left <= box.right < width
        if step.moves:
            assert sliding(step.moves).steps
        if step.select and step.design:
            assert nodes_of(step.design.graph, step.select), (plan.number, step)
            if question and question.reveals:  # else it is said to be none of the network's
                assert nodes_of(question.reveals.graph, step.select), (plan.number, step)


@each_lesson
def test_the_right_answer_is_right_and_no_typical_mistake_is(plan: Plan) -> None:
    for question in asked(plan):
        verdict = question.judged(question.taken(question.solution))
        assert verdict.is_right, question
        assert question.reason in verdict.reason
        for mistake in getattr(question, "mistakes", ()):
            said = question.judged(question.taken(str(mistake.answer)))
            if said.is_right:  # a mistake that happens to lead to the right answer
                assert isinstance(question, NumberQuestion), question
            else:
                assert said.reason == mistake.reason, question


@each_lesson
def test_typical_mistakes_are_offered_for_whatever_is_drawn(plan: Plan) -> None:
    for question in asked(plan):
        if isinstance(question, NumberQuestion):
            wrong = [m for m in question.mistakes if m.answer != question.answer]
            assert len({m.answer for m in wrong}) >= 2, question
            assert all(mistake.answer >= 0 for mistake in wrong), question
        elif isinstance(question, ChoiceQuestion):
            assert len(question.choices) >= 3, question
        elif isinstance(question, ClickQuestion):
            graph = question.design.graph
            for selection in (*question.right, *(str(m.answer) for m in question.mistakes)):
                assert nodes_of(graph, selection), question


@each_lesson
def test_what_has_to_be_built_is_not_on_screen_yet(plan: Plan) -> None:
    for step in steps(plan):
        if isinstance(step.question, BuildQuestion):
            start = step.design
            assert isinstance(start, Design)
            assert not all(budget.check(start).is_met for budget in step.question.budgets)


@each_lesson
def test_no_two_of_a_thousand_learners_get_the_same_lesson(plan: Plan) -> None:
    alike = [[f"learner {n}" for n in range(1000)]]  # as far as the questions so far tell
    for name in plan.names:
        groups = defaultdict(list)
        for place, seeds in enumerate(alike):
            for seed in seeds:
                groups[place, repr(plan.step(name, seed).question)].append(seed)
        alike = [seeds for seeds in groups.values() if len(seeds) > 1]
    assert not alike


@each_lesson
def test_each_question_has_variants(plan: Plan) -> None:
    for name in plan.names:
        if plan.step(name, "one").question:
            drawn: set[str] = set()
            for attempt in range(40):
                drawn.add(repr(plan.step(name, "one", attempt).question))
                if len(drawn) == 8:
                    break
            else:
                pytest.fail(f"{name}: {len(drawn)} variants")


def seen(step: Step) -> str:
    return repr((step.question.prompt, step.design, step.pictures))


@each_lesson
def test_a_variant_asks_something_else_and_has_another_answer(plan: Plan) -> None:
    for name, make in zip(plan.names, plan.steps, strict=True):
        if not plan.step(name, "one").question:
            continue
        others = [make(Draw(plan.number, name, f"other {n}")).question for n in range(30)]
        solutions = {each.solution for each in others if each.tells_mistakes_apart}
        for seed in (*SEEDS, "v3", "v5", "v7", "v8", "v14", "v15"):
            first, second = (plan.step(name, seed, attempt) for attempt in range(2))
            assert seen(first) != seen(second), (name, seed)
            if not isinstance(first.question, BuildQuestion) and len(solutions) > 1:
                assert not second.question.judged(first.question.solution).is_right, (name, seed)


@each_lesson
def test_no_variant_is_asked_twice_while_there_are_others(plan: Plan) -> None:
    for name in plan.names:
        if plan.step(name, "one").question:
            drawn = [seen(plan.step(name, "one", attempt)) for attempt in range(5)]
            assert len(set(drawn)) == 5, name


def test_where_all_variants_are_alike_one_is_taken_all_the_same() -> None:
    def only(draw: Draw) -> Step:
        return Step(title="", text="", question=number(1, 2))

    def two(draw: Draw) -> Step:
        asked = number(1, 2) if draw.own.random() < 0.5 else attrs.evolve(number(1, 2), answer=9)
        return Step(title="", text="", question=asked)

    plan = Plan(99, "", 10, (), (), (only, two))
    assert plan.step("only", "0", 1) == plan.step("only", "0")
    answers = [plan.step("two", "0", attempt).question.solution for attempt in range(100)]
    assert all(a != b for a, b in pairwise(answers))


def test_a_variant_is_the_same_whichever_was_asked_for_before() -> None:
    plan = lesson(5)
    name = next(name for name in plan.names if plan.step(name, "one").question)
    in_order = [plan.step(name, "one", attempt) for attempt in range(30)]
    _drawn.cache_clear()
    _asked.cache_clear()
    assert repr(plan.step(name, "one", 29)) == repr(in_order[29])


@each_lesson
def test_a_seed_gives_the_same_lesson_again(plan: Plan) -> None:
    again = [_drawn.__wrapped__(plan, name, "one", 0) for name in plan.names]
    assert repr(steps(plan, ("one",))) == repr(again)


def number(*mistakes: float) -> NumberQuestion:
    told = (Mistake(answer, f"mistake {place}") for place, answer in enumerate(mistakes))
    return NumberQuestion(prompt="?", reason="so", answer=8, within=0.01, mistakes=tuple(told))


def test_mistakes_that_lead_to_the_same_answer_are_told_apart_by_another_draw() -> None:
    assert number(1, 2).tells_mistakes_apart
    assert number(1, 8).tells_mistakes_apart  # what happens to be right is none
    assert not number(1, 1.005).tells_mistakes_apart

    def lucky(draw: Draw) -> Step:
        drawn = draw.own.randint(1, 4)
        return Step(title="", text="", question=number(1, drawn))

    def never(draw: Draw) -> Step:
        return Step(title="", text="", question=number(1, 1))

    plan = Plan(99, "", 10, (), (), (lucky, never))
    drawn = [plan.step("lucky", str(seed)).question for seed in range(50)]
    assert {mistakes[1].answer for mistakes in (asked.mistakes for asked in drawn)} == {2, 3, 4}
    with pytest.raises(RuntimeError, match="none tells its mistakes apart"):
        plan.step("never", "0")


@pytest.mark.parametrize("number", [0, 99, "1", True, None])
def test_no_such_lesson(number: object) -> None:
    with pytest.raises(Refusal, match=r"Lesson\.number=.* is no lesson: use one from 1 to"):
        lesson(number)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", sorted(NOTEBOOKS.glob("[0-9]*.ipynb")), ids=lambda path: path.name[:2]
)
def test_notebooks_run_to_the_end_without_keras(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    first, *others = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    names: dict[str, Any] = {}
    exec(first, names)
    monkeypatch.setattr("sys.platform", "emscripten")
    for source in others:
        exec(source, names)
    names["lesson"].close()
    assert ("Keras runs on Binder" in capsys.readouterr().out) == (path.name[:2] == "12")


def test_there_are_twelve_lessons_of_which_one_runs_keras() -> None:
    assert [plan.number for plan in PLANS] == list(range(1, 13))
    assert [plan.number for plan in PLANS if plan.needs_keras] == [8]


def test_keras_is_named_where_nothing_else_does() -> None:
    """In a web page there is none, and the browser computes in its place."""
    named = {
        (plan.number, name): step.text
        for plan in PLANS
        for name, step in zip(plan.names, steps(plan, ("one",)), strict=True)
        if "Keras" in step.text
    }
    assert {number for number, _ in named} == {2, 8, 12}
    assert len(named) == 3
    assert "“Train A beside it”, where Keras runs." in named[8, "what_training_says"]


def test_lesson_5_asks_nine_questions() -> None:
    assert len(asked(lesson(5), ("one",))) == 9


def test_every_kind_of_question_is_asked_and_each_lesson_has_something_built() -> None:
    kinds = (NumberQuestion, ChoiceQuestion, ClickQuestion, BuildQuestion)
    all_asked = [question for plan in PLANS for question in asked(plan, ("one",))]
    assert {type(question) for question in all_asked} == set(kinds)
    for plan in PLANS:
        assert any(isinstance(each, BuildQuestion) for each in asked(plan, ("one",))), plan.number
