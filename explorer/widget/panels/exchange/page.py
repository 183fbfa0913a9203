"""The account of what was opened."""

import json
from typing import Any

import attrs

from explorer.core.exchange.loaded import Answers, Entry
from explorer.core.formatting import counted, printable, shortened
from explorer.widget.messages import Question
from explorer.widget.panels.exchange.opening import Opened
from explorer.widget.parts import Items, Line, Part, Run, Section, Words

#: Characters of a value that are shown.
MOST_CHARACTERS = 60

LABELS = {
    "parts": "body parts",
    "edges": "edges of the skeleton",
    "classes": "classes",
    "channels": "channels of an image",
}


def account(opened: Opened) -> tuple[Part, ...]:
    """Return what became of each field that was opened."""
    loaded = opened.loaded
    read, not_read = map(len, (loaded.read, loaded.not_read))
    told = f"{counted(read, 'field')} read, {not_read:,} not" if loaded.entries else "all read"
    parts: list[Part] = [Line(f"{loaded.format}: {told}", "good", opened.note)]
    for title, entries in (("Not read", loaded.not_read), ("Read", loaded.read)):
        if entries:
            parts.append(Section(title, (Items(tuple(map(_told, entries))),)))
    return tuple(parts)


def _told(entry: Entry) -> tuple[Run, ...]:
    """Return a field, what it says, and why it was not read."""
    runs = Words(printable(entry.name), "strong"), Words(printable(_text(entry.value)))
    return (*runs, Words(f"– {printable(entry.because)}", "muted")) if entry.because else runs


def _text(value: Any) -> str:
    """Return a value as files write it."""
    if not isinstance(value, str):
        value = json.dumps(value, default=str, ensure_ascii=False)
    return shortened(value, MOST_CHARACTERS)


def questions(missing: tuple[str, ...]) -> tuple[Question, ...]:
    """Return what is asked for, in the order of `Answers`."""
    fields = [field.name for field in attrs.fields(Answers)]
    return tuple(Question(name, LABELS[name]) for name in fields if name in missing)
