"""What a learner answered, as a file to be handed in, and a folder of them as a table.

A file holds answers alone: whether they are right is computed again from the seed by who reads it.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import normalize
from xml.etree.ElementTree import Element, SubElement

import attrs

from explorer.core.analysis.tables import as_html, data_frame
from explorer.core.exchange.tables import csv_text
from explorer.core.formatting import counted, printable, sentences, shortened
from explorer.core.network.errors import Refusal
from explorer.lessons.plan import lesson
from explorer.lessons.questions import Question, Verdict

if TYPE_CHECKING:
    import pandas

#: What files are written in; another one once a variant asks something else than before.
VERSION = 2
#: Most bytes of a file that is read.
LONGEST = 1_000_000
#: What is said of a file that is none.
NO_ANSWERS = "This holds no answers of a lesson: hand in the file that the lesson saves."
#: What is said of a file whose answers are none to what its name and lesson ask.
NO_FIT = "These answers don’t fit the questions of this name."
#: What is said of each of several files of one learner and lesson.
TWICE = "This learner’s answers to this lesson were handed in more than once."
#: Most characters of a name, and of a note, in the table.
_LONGEST_NAME, _LONGEST_NOTE = 80, 300
#: What a file's name ends in that had to be told from another's.
_MARKED = re.compile(r"(^|-)[0-9a-f]{8}$")


@attrs.frozen
class Given:
    """An answer that was committed.

    Attributes:
        step: Name of the step.
        attempt: Which variant of it, from 0.
        answer: The answer, as `Question.taken` returns it.
    """

    step: str
    attempt: int
    answer: str


@attrs.frozen(repr=False)
class Outcome:
    """What somebody answered in a lesson.

    Attributes:
        lesson: Its number.
        seed: Whose variants they were: the learner's name.
        given: The answers, in the order in which they were given.
    """

    lesson: int
    seed: str
    given: tuple[Given, ...] = ()

    @property
    def questions(self) -> tuple[str, ...]:
        """Names of the steps that ask something."""
        plan = lesson(self.lesson)
        return tuple(name for name in plan.names if plan.step(name, self.seed).question)

    def answers(self) -> dict[str, str]:
        """Return the right answer to each question's first variant, by the name of its step."""
        return {name: self.question(name, 0).told_solution for name in self.questions}

    def question(self, step: str, attempt: int) -> Question:
        """Return what was asked.

        Raises:
            Refusal: If there is no such question.
        """
        plan = lesson(self.lesson)
        asked = plan.step(step, self.seed, attempt).question if step in plan.names else None
        if asked is None:
            raise Refusal(f"Lesson {self.lesson} has no question {step!r}.")
        return asked

    def verdict(self, given: Given) -> Verdict:
        """Return what is said of an answer.

        Raises:
            Refusal: If there is no such question, or it is no answer to it.
        """
        asked = self.question(given.step, given.attempt)
        return asked.judged(asked.taken(given.answer))

    def right_at(self, step: str) -> int | None:
        """Return which variant of a question was answered right first, from 0; None: none was."""
        return next(
            (
                given.attempt
                for given in self.given
                if given.step == step and self.verdict(given).is_right
            ),
            None,
        )

    def __repr__(self) -> str:
        """Return how far it went, in a line."""
        return told(graded(self))

    @property
    def file_name(self) -> str:
        """What a file with it is called: no two seeds' files are the same on any file system.

        Some take names for the same that differ in case or in how an accent is written.
        """
        name = re.sub(r"[^\w-]+", "-", self.seed).strip("-")
        name = normalize("NFC", name.casefold())[:60]
        if name != self.seed or _MARKED.search(name):
            name = f"{name}-{sha256(self.seed.encode()).hexdigest()[:8]}".strip("-")
        return f"lesson-{self.lesson}{f'-{name}' if name else ''}.json"

    def to_json(self) -> str:
        """Return it as a file holds it."""
        return json.dumps({"explorer lesson": VERSION, **attrs.asdict(self)}, indent=1)

    def save(self, folder: str | os.PathLike[str] = ".") -> Path:
        """Write it to a file of a name of its own, which `grade` and `kept` read.

        Args:
            folder: Where to; it is made if it isn't there.

        Returns:
            Path of the file. One that is there with another's or older answers is replaced.
        """
        path = Path(folder) / self.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.to_json(), encoding="utf-8")
        return path


def from_json(text: str) -> Outcome:
    """Return what a file holds.

    Raises:
        Refusal: If it is none, is damaged, or has answers to what nobody asks.
    """
    outcome = _parsed(text)
    _check(outcome)
    return outcome


def _parsed(text: str) -> Outcome:
    try:
        read = json.loads(text)
        version = _typed(read["explorer lesson"], int)
        if version != VERSION:
            raise Refusal(
                f"This is of version {version}, and this explorer reads version {VERSION}: read it "
                f"with {'a newer' if version > VERSION else 'an older'} explorer."
            )
        given = tuple(
            Given(
                _typed(each["step"], str), _typed(each["attempt"], int), _typed(each["answer"], str)
            )
            for each in _typed(read["given"], list)
        )
        outcome = Outcome(_typed(read["lesson"], int), _typed(read["seed"], str), given)
        outcome.seed.encode()  # nothing can be drawn by a lone surrogate
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, Refusal):
            raise
        raise Refusal(NO_ANSWERS) from error
    return outcome


def _check(outcome: Outcome) -> None:
    """Refuse answers that can't be judged."""
    attempts: dict[str, int] = {}
    for each in outcome.given:
        if each.attempt != attempts.get(each.step, 0):
            raise Refusal(
                f"Answer {each.attempt + 1} to {each.step!r} is there without the others."
            )
        attempts[each.step] = each.attempt + 1
        asked = outcome.question(each.step, each.attempt)
        try:
            asked.taken(each.answer)
        except ValueError as error:
            raise Refusal(NO_FIT) from error


def kept(lesson: int, seed: str, folder: str | os.PathLike[str] = ".") -> Outcome | None:
    """Return the answers that somebody saved in a lesson; None: no file holds some.

    Args:
        lesson: Number of the lesson.
        seed: Whose variants they were.
        folder: Where the file is.
    """
    try:
        found = from_json(_read(Path(folder) / Outcome(lesson, seed).file_name))
    except (OSError, ValueError):  # there is none, or it is damaged
        return None
    return found if (found.lesson, found.seed) == (lesson, seed) and found.given else None


def _read(file: Path) -> str:
    if file.stat().st_size > LONGEST:
        raise Refusal(f"This has more than {LONGEST:,} bytes: no answers have.")
    try:
        return file.read_text(encoding="utf-8-sig")  # some editors put a mark before the text
    except UnicodeDecodeError as error:
        raise Refusal(NO_ANSWERS) from error


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


@attrs.frozen
class Grade:
    """A row of the table.

    Attributes:
        file: Name of the file.
        name: The learner's name.
        lesson: Number of the lesson; 0 where the file cannot be read.
        questions: How many there are; 0 where the answers cannot be judged.
        right_at_once: How many were answered right by the first answer.
        right: How many were answered right in the end.
        answers: How many answers were given in all.
        note: What is to be known of the file, such as why it can't be read; empty: nothing.
    """

    file: str
    name: str
    lesson: int
    questions: int
    right_at_once: int
    right: int
    answers: int
    note: str = ""


def told(row: Grade) -> str:
    """Return a row of the table as a line of words."""
    if not row.lesson:
        return f"{row.file}: {row.note}"
    who = f"{row.name or 'Somebody'}, lesson {row.lesson}"
    if not row.questions:
        return f"{who}; {row.file}: {row.note}"
    return (
        f"{who}: {row.right_at_once} of {row.questions} "
        f"right at once, {row.right} in the end, {counted(row.answers, 'answer')}"
        f"{f'; {row.file}: {row.note}' if row.note else ''}"
    )


_HEADS = ("file", "name", "lesson", "questions", "right at once", "right", "answers", "note")


@attrs.frozen(repr=False)
class Grades(Sequence[Grade]):
    """A table of what was handed in.

    Attributes:
        rows: A row for each file, in the order of lessons and names.
    """

    rows: tuple[Grade, ...]

    def __getitem__(self, index: Any) -> Any:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        """Return a line for each file."""
        return "\n".join(map(told, self.rows))

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        table = Element("table")
        for tag, cells in (("th", _HEADS), *(("td", attrs.astuple(row)) for row in self.rows)):
            line = SubElement(table, "tr")
            for cell in cells:
                SubElement(line, tag).text = str(cell)
        return as_html(table)

    def to_csv(self) -> str:
        """Return the table as CSV."""
        return csv_text([_HEADS, *map(attrs.astuple, self.rows)])

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the table as a data frame."""
        return data_frame([attrs.asdict(row) for row in self.rows])


def grade(folder: str | os.PathLike[str]) -> Grades:
    """Return a table of the answers that were handed in; each is judged again.

    Args:
        folder: Where the JSON files are that lessons save, in folders of their own or not. Hidden
            ones are left out: Jupyter and macOS keep copies in such.

    Raises:
        Refusal: If there is no such folder, or no JSON file in it.
    """
    if not Path(folder).is_dir():
        raise Refusal(
            f"There is no folder {str(folder)!r}: give the one that holds what was handed in."
        )
    files = sorted(
        file
        for file in Path(folder).rglob("*.json")
        if not os.path.isdir(file) and not _is_hidden(file.relative_to(folder))
    )
    if not files:
        raise Refusal(f"There is no JSON file in {str(folder)!r}: put what was handed in there.")
    rows = [_graded(file, str(file.relative_to(folder))) for file in files]
    twice = Counter((row.lesson, row.name) for row in rows if row.lesson and row.name)
    noted = (
        attrs.evolve(row, note=sentences(row.note, TWICE))
        if twice[row.lesson, row.name] > 1
        else row
        for row in rows
    )
    return Grades(tuple(sorted(noted, key=lambda row: (row.lesson, row.name, row.file))))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _graded(file: Path, name: str) -> Grade:
    number, seed = 0, ""
    try:
        outcome = _parsed(_read(file))
        number, seed = outcome.lesson, outcome.seed
        _check(outcome)
    except OSError as error:
        note = f"This cannot be read: {error.strerror}."
    except ValueError as error:
        note = str(error)
    else:
        return graded(outcome, name)
    note = printable(shortened(note, _LONGEST_NOTE))
    return Grade(printable(name), _name_told(seed), number, 0, 0, 0, 0, note)


def _name_told(seed: str) -> str:
    return printable(shortened(seed, _LONGEST_NAME))


def graded(outcome: Outcome, file: str = "") -> Grade:
    """Return the row of the table for what somebody answered, as a file has it."""
    right = [outcome.right_at(step) for step in outcome.questions]
    return Grade(
        printable(file),
        _name_told(outcome.seed),
        outcome.lesson,
        questions=len(right),
        right_at_once=sum(at == 0 for at in right),
        right=sum(at is not None for at in right),
        answers=len(outcome.given),
    )
