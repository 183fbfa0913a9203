"""What the user can put right, and how an error of any kind is told."""

import linecache
import os
import re
import traceback
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs


class Refusal(ValueError):
    """What cannot be done as asked; its text says all that the user needs to put it right."""


class NotDefined(Refusal, NotImplementedError):
    """What a class of the user's has to define, and does not yet."""


def _in_words(changes: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Return "Set up blocks to 6"."""
    told = [
        f"{labels.get(name, name.replace('_', ' '))} to {value}" for name, value in changes.items()
    ]
    return "Set " + " and ".join(told)


@attrs.frozen
class Remedy:
    """Other values that may be accepted in place of a refused one; who offers it tries it first.

    Attributes:
        changes: Fields of the refused value's owner, with a value for each.
        labels: What fields are called, where that is not their name.
        is_guess: Whether it is one of many that may be right as they are, the nearest first.
        words: What this does, as on a button.
    """

    changes: Mapping[str, Any]
    labels: Mapping[str, str] = attrs.field(factory=dict, kw_only=True)
    is_guess: bool = attrs.field(default=False, kw_only=True)
    words: str = attrs.field(
        default=attrs.Factory(lambda self: _in_words(self.changes, self.labels), takes_self=True)
    )


class ParameterError(Refusal):
    """A value that cannot be used, with what to do about it.

    Attributes:
        owner: Name of the class that the field belongs to.
        field: Name of the field.
        value: The refused value.
        problem: What is wrong with the value.
        remedy: What to do instead.
        remedies: The same as values, the likeliest first.
        brief: What is wrong in a few words, for who sees the field; may be empty.
    """

    def __init__(
        self,
        owner: str,
        field: str,
        value: object,
        problem: str,
        remedy: str,
        remedies: tuple[Remedy, ...] = (),
        brief: str = "",
    ) -> None:
        super().__init__(owner, field, value, problem, remedy, remedies, brief)
        self.owner = owner
        self.field = field
        self.value = value
        self.problem = problem
        self.remedy = remedy
        self.remedies = remedies
        self.brief = brief

    def __str__(self) -> str:
        """One sentence that names class, field, value and remedy."""
        return f"{self.owner}.{self.field}={_told(self.value)} {self.problem}: {self.remedy}."

    def beside(self, label: str, is_offered: bool = False) -> str:
        """Return the sentence for who sees the field.

        Args:
            label: What the field is called there.
            is_offered: Whether remedies are.
        """
        if self.brief and is_offered:
            return f"{self.brief}."
        return f"{self.brief or f'{label} {_told(self.value)} {self.problem}'}: {self.remedy}."


#: Signs of a refused value that an error tells.
_MOST_SIGNS = 120


def _told(value: object) -> str:
    """Return a value as Python writes it, without the middle of a very long one."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        return "(a number of thousands of digits)"
    if len(text) <= _MOST_SIGNS:
        return text
    return f"{text[: _MOST_SIGNS // 2]}…{text[-_MOST_SIGNS // 4 :]}"


#: Folders of explorer and of Python itself: no place for a user's classes.
_FOLDERS = (Path(__file__).parents[2], Path(os.__file__).parent)


def problem_text(error: BaseException) -> str:
    """Return what went wrong, for the user to read.

    A refusal says all itself, and so does a `ValueError` that a class of the user's raises. Of
    anything else, such as a bug in such a class, the kind of error is told, and where in the user's
    code it arose.
    """
    message, kind = str(error), type(error).__name__
    places = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    if message and (isinstance(error, Refusal) or _is_users_refusal(error, places)):
        return message
    text = f"{kind}: {message}" if message else kind
    own = [place for place in places if _is_of_user(place[0].co_filename)]
    return f"{text} ({_place(*own[-1])})" if own else text


def _is_users_refusal(error: BaseException, places: list[tuple[types.CodeType, int]]) -> bool:
    """Return whether a `raise` in the user's code raised an error as a check of values does.

    Other lines raise the same kind by accident: `int("many")`, or `a, b = 1, 2, 3`.
    """
    if not places or not isinstance(error, ValueError):
        return False
    file, line = places[-1][0].co_filename, places[-1][1]
    return _is_of_user(file) and "raise " in linecache.getline(file, line)


def _is_of_user(file: str) -> bool:
    """Return whether code lies in a notebook or a module of the user's, not in a library."""
    if file.startswith("<"):  # generated, such as the methods that attrs writes
        return file.startswith("<ipython-input")
    path = Path(file)
    installed = {"site-packages", "dist-packages"} & set(path.parts)
    return not installed and not any(path.is_relative_to(folder) for folder in _FOLDERS)


def _place(code: types.CodeType, line: int) -> str:
    """Return where a line is: "in Mine.encoder_stack, line 7 of the notebook's cell"."""
    functions = [
        name for name in code.co_qualname.split(".<locals>.") if not name.startswith("<")
    ]  # a list in brackets, or a lambda, is told by the function around it
    file = Path(code.co_filename)
    is_cell = file.parent.name.startswith("ipykernel_") or file.name.startswith("<")
    where = f"line {line} of {'the notebook’s cell' if is_cell else file.name}"
    return f"in {functions[-1]}, {where}" if functions else where


def first_line(error: BaseException) -> str:
    """Return what an error says first, without its full stop; of Keras', what it prints bold."""
    text = str(error)
    bold = re.search(r"\x1b\[1m(.+?)\x1b\[0m", text, re.DOTALL)
    first = (bold[1] if bold else text).strip().partition("\n\n")[0]
    return (" ".join(first.split())[:200] or type(error).__name__).rstrip(".")
