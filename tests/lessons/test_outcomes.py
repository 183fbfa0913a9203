"""Answers that were handed in are judged again, whatever their file says."""

import json
import re
from pathlib import Path
from unicodedata import normalize

import pytest

from explorer import grade
from explorer.core.network.errors import Refusal
from explorer.lessons.outcomes import Given, Outcome, from_json, kept
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
    assert re.fullmatch(r"lesson-1-etc-x-\w{8}\.json", Outcome(1, "../../etc/x").file_name)
    assert re.fullmatch(r"lesson-1-\w{8}\.json", Outcome(1, "?!").file_name)
    assert len(Outcome(1, "x" * 9999).file_name) < 100


@pytest.mark.parametrize("seed", ["", "ann", "josé", "ann-2", "7"])
def test_a_plain_name_is_in_the_name_of_the_file_as_it_is(seed: str) -> None:
    assert Outcome(5, seed).file_name == f"lesson-5{'-' * bool(seed)}{seed}.json"


def test_no_file_of_one_learner_takes_the_place_of_anothers(tmp_path: Path) -> None:
    seeds = ["Ann", "ann", "ANN", " ann", "A. Nn", "A-Nn", "a-nn", "x" * 60, "x" * 61, "?", "!", ""]
    seeds += ["José", "josé", normalize("NFD", "josé"), "straße", "strasse"]
    seeds += [normalize("NFD", "한"), "한"]
    # Nor of who is called what a file is.
    seeds += [Outcome(5, seed).file_name[len("lesson-5-") : -len(".json")] for seed in ("Ann", "?")]
    names = [Outcome(5, seed).file_name for seed in seeds]
    assert len({normalize("NFC", name.casefold()) for name in names}) == len(seeds)
    for seed in seeds:
        answered(seed).save(tmp_path)
    assert all(kept(1, seed, tmp_path) == answered(seed) for seed in seeds)


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
    with pytest.raises(Refusal, match="There is no JSON file in"):
        grade(tmp_path)
    with pytest.raises(Refusal, match=r"There is no folder '.*gone': give the one"):
        grade(tmp_path / "gone")


def test_answers_under_another_name_are_told_with_name_and_lesson(tmp_path: Path) -> None:
    """Those of lesson 5 are clicks, in a network that another name's draw may not have."""
    given = []
    outcome = Outcome(5, "Ada")
    for name in outcome.questions:
        asked = outcome.question(name, 0)
        given.append(Given(name, 0, asked.taken(asked.solution)))
    text = Outcome(5, "Ada", tuple(given)).to_json()
    (tmp_path / "ada.json").write_text(text)
    (tmp_path / "bob.json").write_text(text.replace('"Ada"', '"Bob"'))
    ada, bob = grade(tmp_path)
    assert (ada.note, ada.right) == ("", ada.questions)
    assert (bob.name, bob.lesson, bob.questions, bob.right) == ("Bob", 5, 0, 0)
    assert bob.note == "These answers don’t fit the questions of this name."
    assert repr(grade(tmp_path)).endswith(f"Bob, lesson 5; bob.json: {bob.note}")
    (tmp_path / "bob.json").write_text(text.replace('"attempt": 0', '"attempt": 1', 1))
    notes = {row.file: row.note for row in grade(tmp_path)}
    assert "more than once" in notes["ada.json"]
    assert re.search("without the others.*more than once", notes["bob.json"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file.update({"explorer lesson": 9}), "with a newer explorer"),
        (lambda file: file.update({"explorer lesson": 0}), "with an older explorer"),
        (lambda file: file.update({"explorer lesson": True}), "no answers of a lesson"),
        (lambda file: file.update({"explorer lesson": ["1"]}), "no answers of a lesson"),
        (lambda file: file.update(lesson=99), "is no lesson"),
        (lambda file: file.update(lesson=10**300), "is no lesson"),
        (lambda file: file.update(lesson=1.0), "no answers of a lesson"),
        (lambda file: file.update(seed=3), "no answers of a lesson"),
        (lambda file: file.update(seed="\ud800"), "no answers of a lesson"),
        (lambda file: file.update(given={}), "no answers of a lesson"),
        (lambda file: file["given"].append(file["given"][0]), "without the others"),
        (lambda file: file["given"].pop(0), "without the others"),
        (lambda file: file["given"][0].update(step="look_around"), "has no question"),
        (lambda file: file["given"][0].update(step="__class__"), "has no question"),
        (lambda file: file["given"][0].update(answer="many"), "don’t fit"),
        (lambda file: file["given"][0].update(answer="1e999"), "don’t fit"),
        (lambda file: file["given"][0].update(answer="9" * 400), "don’t fit"),
        (lambda file: file["given"][0].update(answer=12), "no answers of a lesson"),
        (lambda file: file["given"][0].update(step="x" * 9999), "has no question"),
        (lambda file: file["given"][0].update(step="\ud800"), "has no question"),
        (lambda file: file["given"][-1].update(answer="#design=x"), "don’t fit"),
        (lambda file: file["given"][0].update(attempt=True), "no answers of a lesson"),
    ],
)
def test_a_file_that_was_tampered_with_is_told(tmp_path: Path, change, said: str) -> None:
    file = json.loads(answered(right=False).to_json())
    change(file)
    (tmp_path / "one.json").write_text(json.dumps(file))
    (row,) = grade(tmp_path)
    assert said in row.note
    assert len(row.note) <= 300
    assert row.questions == 0


@pytest.mark.parametrize(
    "content", [b"\xff\xfe{", '{"name": "José"}'.encode("latin-1"), b"\x00" * 99]
)
def test_what_is_no_text_is_told_in_plain_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one.json").write_bytes(content)
    (row,) = grade(tmp_path)
    assert "no answers of a lesson" in row.note


def test_a_mark_before_the_text_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(answered().to_json(), encoding="utf-8-sig")
    (row,) = grade(tmp_path)
    assert (row.name, row.note) == ("Ada", "")


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ('Ada, "the" first', '"Ada, ""the"" first"'),
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("Ada\nBob", r"Ada\nBob"),
        ("\t=1", r"\t=1"),
        ("x" * 9999, f"{'x' * 53}…{'x' * 26}"),
    ],
)
def test_a_name_is_a_text_on_one_line_whatever_it_is(tmp_path: Path, name: str, cell: str) -> None:
    (tmp_path / "one.json").write_text(Outcome(1, name).to_json())
    table = grade(tmp_path)
    assert table.to_csv().splitlines()[1:] == [f"one.json,{cell},1,6,0,0,0,"]
    assert len(repr(table).splitlines()) == 1


def test_what_was_handed_in_twice_is_told(tmp_path: Path) -> None:
    for number, seed in ((1, "Ada"), (1, "Bob"), (2, "Ada")):
        (tmp_path / f"{number} {seed}.json").write_text(Outcome(number, seed).to_json())
    (tmp_path / "1 Ada (1).json").write_text(answered("Ada").to_json())
    rows = {row.file: row for row in grade(tmp_path)}
    assert {file for file, row in rows.items() if row.note} == {"1 Ada.json", "1 Ada (1).json"}
    assert "more than once" in rows["1 Ada.json"].note
    assert rows["1 Ada (1).json"].right == 6  # whose figures stand all the same
    assert "6 of 6 right at once" in repr(grade(tmp_path))


def test_who_gave_no_name_is_no_second_self(tmp_path: Path) -> None:
    for file in "ab":
        (tmp_path / f"{file}.json").write_text(Outcome(1, "").to_json())
    assert [row.note for row in grade(tmp_path)] == ["", ""]


def test_copies_that_systems_keep_are_left_out(tmp_path: Path) -> None:
    for path in ("ada.json", ".ipynb_checkpoints/ada-checkpoint.json", "__MACOSX/._ada.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(answered("Ada").to_json())
    (tmp_path / "folder.json").mkdir()
    assert [row.file for row in grade(tmp_path)] == ["ada.json"]


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "[" * 10_000, "null"])
def test_what_is_no_file_of_a_lesson_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="no answers of a lesson"):
        from_json(text)


def test_wrong_answers_are_not_right_because_the_file_is_another_learners() -> None:
    outcome = answered("Ada")
    other = Outcome(1, "Bob", outcome.given)
    assert any(other.right_at(name) is None for name in other.questions)
