"""The account of what was opened."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from explorer.core.exchange.loaded import Answers, Entry, Loaded
from explorer.core.formatting import counted, printable, shortened
from explorer.widget.messages import Choice, Question
from explorer.widget.panels.exchange.opening import Opened
from explorer.widget.parts import Items, Line, Paragraph, Part, Run, Section, Words

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
    what = f"{loaded.format}, {printable(loaded.configuration)}".removesuffix(", ")
    parts: list[Part] = [Line(f"{what}: {told}", "good", opened.note)]
    for title, entries in (("Not read", loaded.not_read), ("Read", loaded.read)):
        if entries:
            parts.append(Section(title, tuple(_grouped(entries))))
    return tuple(parts)


def _grouped(entries: Sequence[Entry]) -> Iterator[Part]:
    """Yield fields, those of one place beneath it, since places are long."""
    places: dict[str, list[Entry]] = {}
    for entry in entries:
        places.setdefault(entry.name.rpartition(".")[0], []).append(entry)
    alone = tuple(
        _told(entry, entry.name) for each in places.values() if len(each) == 1 for entry in each
    )
    if alone:
        yield Items(alone)
    for place, those in places.items():
        if len(those) > 1:
            if place:
                yield Paragraph((Words(printable(place)),), "muted")
            yield Items(tuple(_told(entry, entry.name.rpartition(".")[2]) for entry in those))


def _told(entry: Entry, name: str) -> tuple[Run, ...]:
    """Return a field, what it says, and why it was not read."""
    runs = Words(printable(name), "strong"), Words(printable(_text(entry.value)))
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


def choices(loaded: Loaded) -> tuple[Choice, ...]:
    """Return the configurations of a file, if it has more than the one that was read."""
    if len(loaded.configurations) < 2:
        return ()
    return tuple(Choice(each.name, printable(each.because)) for each in loaded.configurations)
