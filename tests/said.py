"""What is on screen, in words."""

from collections.abc import Iterator
from typing import Any, TypeVar

import attrs

from explorer.widget.controls.form import Control
from explorer.widget.panels.keras.forward_pass import ForwardView
from explorer.widget.panels.refusal.panel import REFUSED
from explorer.widget.parts import (
    Card,
    Facts,
    Fold,
    Items,
    Line,
    Measured,
    Paragraph,
    Pictures,
    Run,
    Section,
    Table,
)

Kind = TypeVar("Kind")


def said(shown: Any) -> str:
    """Return the words of what has parts, or of parts, a line each.

    Before those of a line that has a mark stands that, as in "[good] verified"; cells of a
    table are parted by "|".
    """
    return "\n".join(_told(getattr(shown, "parts", shown)))


def note_of(control: Control) -> str:
    """Return the words beneath a control."""
    return said(control._note) if "_note" in vars(control) else ""


def is_refused(control: Control) -> bool:
    """Return whether a control is marked: what is in it was refused."""
    return REFUSED in control.widget._dom_classes


def all_of(kind: type[Kind], shown: Any) -> list[Kind]:
    """Return all parts of a kind, wherever they are in other parts."""
    return [part for part in _walked(getattr(shown, "parts", shown)) if isinstance(part, kind)]


def result_of(forward: ForwardView) -> str:
    """Return the words beneath the controls of the forward pass."""
    state, measured = forward.children[-2:]
    return said((*state.parts, *measured.parts))


def _walked(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for inner in value:
            yield from _walked(inner)
    elif attrs.has(type(value)):
        yield value
        for field in attrs.fields(type(value)):
            yield from _walked(getattr(value, field.name))


def _told(part: Any) -> list[str]:
    match part:
        case tuple():
            return [line for inner in part for line in _told(inner)]
        case Line():
            return [f"[{part.mark}] {part.text}", *filter(None, (part.detail, part.code))]
        case Paragraph():
            return [_run(part.runs)]
        case Items():
            return [_run(item) for item in part.items]
        case Table():
            rows = [(row.name, *row.cells) for row in part.rows]
            heads = tuple(head.button.text if head.button else head.text for head in part.heads)
            return [part.caption, *(" | ".join(cells) for cells in [heads, *rows])]
        case Section():
            return [part.title, *_told(part.parts)]
        case Fold():
            return [f"{part.title}: {part.note}", *_told(part.parts)]
        case Facts() | Measured():
            facts = [f"{fact.name}: {fact.value} {fact.note}".rstrip() for fact in part.facts]
            return (_told(part.card) if isinstance(part, Measured) else []) + facts
        case Card():
            return [f"{part.name}: {part.value} {part.note} {part.title}".rstrip()]
        case Pictures():
            return [picture.caption for picture in (part.image, *part.results)]
    raise TypeError(part)


def _run(runs: tuple[Run, ...]) -> str:
    return " ".join(getattr(run, "text", "") for run in runs)
