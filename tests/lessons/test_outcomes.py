"""Answers that were handed in are judged again, whatever their file says."""

import json
from pathlib import Path

import pytest

from explorer import grade
from explorer.core.network.errors import Refusal
from explorer.lessons.outcomes import Given, Outcome, from_json
from explorer.lessons.plan import lesson
from explorer.lessons.questions import NumberQuestion

PLAN = lesson(1)


def answered(seed: str = "Ada", *, right: bool = True) -> Outcome:
    """All questions of lesson 1, the numbers wrong by one first unless all are to be right."""
    outcome = Outcome(1, seed)
    given: list[Given] = []
    for name in outcome.questions:
        asked = outcome.question(name, 0)
        attempt = 0
        if isinstance(asked, NumberQuestion) and not right:
            given.append(Given(name, 0, str(int(asked.answer) + 1)))
            attempt, asked = 1, outcome.question(name, 1)
        given.append(Given(name, attempt, asked.taken(asked.solution)))
    return Outcome(1, seed, tuple(given))


def test_a_file_comes_back_as_it_was() -> None:
    outcome = answered(right=False)
    assert from_json(outcome.to_json()) == outcome


def test_the_name_of_a_file_is_harmless() -> None:
    assert Outcome(1, "Ada Lovelace").file_name == "lesson-1-ada-lovelace.json"
    assert Outcome(1, "../../etc/x").file_name == "lesson-1-etc-x.json"
    assert Outcome(1, "").file_name == "lesson-1.json"


def test_a_folder_is_graded(tmp_path: Path) -> None:
    for outcome in (answered("Ada"), answered("Bob", right=False), Outcome(1, "Cy")):
        (tmp_path / "class").mkdir(exist_ok=True)
        (tmp_path / "class" / outcome.file_name).write_text(outcome.to_json())
    (tmp_path / "notes.json").write_text("{}")
    table = grade(tmp_path)
    rows = {row.name: row for row in table}
    questions = len(Outcome(1, "").questions)
    numbers = sum(
        isinstance(answered().question(n, 0), NumberQuestion)
        for n in PLAN.names
        if PLAN.step(n, "Ada").question
    )
    assert (rows["Ada"].right_at_once, rows["Ada"].right) == (questions, questions)
    assert (rows["Bob"].right_at_once, rows["Bob"].right) == (questions - numbers, questions)
    assert rows["Bob"].answers == questions + numbers
    assert (rows["Cy"].right_at_once, rows["Cy"].answers) == (0, 0)
    assert "no answers of a lesson" in rows[""].note
    assert len(table.to_pandas()) == 4
    assert table.to_csv().count("\n") == 5
    assert "<td>Ada</td>" in table._repr_html_()
    assert "Ada, lesson 1: 6 of 6 right at once" in repr(table)


def test_a_folder_without_answers_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(Refusal, match="There is no JSON file in"):
            grade(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file.update({"explorer lesson": 9}), "version 9"),
        (lambda file: file.update(lesson=99), "is no lesson"),
        (lambda file: file.update(seed=3), "no answers of a lesson"),
        (lambda file: file.update(given={}), "no answers of a lesson"),
        (lambda file: file["given"].append(file["given"][0]), "without the others"),
        (lambda file: file["given"].pop(0), "without the others"),
        (lambda file: file["given"][0].update(step="look_around"), "has no question"),
        (lambda file: file["given"][0].update(step="__class__"), "has no question"),
        (lambda file: file["given"][0].update(answer="many"), "is not a number"),
        (lambda file: file["given"][-1].update(answer="#design=x"), "link"),
        (lambda file: file["given"][0].update(attempt=True), "no answers of a lesson"),
    ],
)
def test_a_file_that_was_tampered_with_is_told(tmp_path: Path, change, said: str) -> None:
    file = json.loads(answered(right=False).to_json())
    change(file)
    (tmp_path / "one.json").write_text(json.dumps(file))
    (row,) = grade(tmp_path)
    assert said in row.note
    assert row.questions == 0


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "[" * 10_000, "null"])
def test_what_is_no_file_of_a_lesson_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="no answers of a lesson"):
        from_json(text)


def test_wrong_answers_are_not_right_because_the_file_is_another_learners() -> None:
    outcome = answered("Ada")
    other = Outcome(1, "Bob", outcome.given)
    assert any(other.right_at(name) is None for name in other.questions)
