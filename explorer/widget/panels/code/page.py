"""A design as text, and which of its lines an edit changed."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from explorer.core.analysis.design import Design
from explorer.core.exchange.text_places import text_with_places
from explorer.core.formatting import counted, printable
from explorer.core.network.errors import problem_text
from explorer.widget.messages import CodeText, FileKind
from explorer.widget.panels.exchange.saving import NAMES

#: What the design is written as, the first one at first.
KINDS = tuple(
    FileKind(kind, NAMES[kind][0]) for kind in ("keras", "torch", "sleap", "sleap-nn", "json")
)


@attrs.frozen
class Written:
    """A design as text, or why it can't be.

    Attributes:
        design: The design.
        kind: What it is written as.
        text: The text.
        problem: Why there is none.
        places: Places of the lines that tell of a block, by what selects it.
    """

    design: Design
    kind: str
    text: str = ""
    problem: str = ""
    places: Mapping[str, tuple[int, ...]] = MappingProxyType({})

    @classmethod
    def of(cls, design: Design, kind: str) -> "Written":
        """Write a design."""
        try:
            text, places = text_with_places(design, kind)
        except Exception as error:  # a class that the user wrote can raise anything
            return cls(design, kind, problem=printable(problem_text(error)))
        return cls(design, kind, text, places=places)


def marked(written: Written, before: Written | None) -> CodeText:
    """Return what is shown of a text.

    Args:
        written: The design on screen.
        before: The one before the last edit, if there was one.
    """
    shown = CodeText(written.kind, written.text, written.problem, blocks=dict(written.places))
    if before is None or not (before.text and written.text):
        return shown
    changed, cut = changed_lines(before.text, written.text)
    # The first line tells the parameters, which most edits change: what leads to them is elsewhere.
    places = sorted({*changed, *cut})
    first = next((place for place in places if place), places[0] if places else None)
    return attrs.evolve(shown, note=_told(changed, cut), changed=changed, cut=cut, first=first)


def changed_lines(before: str, after: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the places of the lines that are new or changed, and of those behind which some went.

    What went at the very beginning is noted at the first line.
    """
    matcher = difflib.SequenceMatcher(None, before.split("\n"), after.split("\n"), autojunk=False)
    changed: list[int] = []
    cut: list[int] = []
    for tag, _, _, start, end in matcher.get_opcodes():
        if tag == "delete":
            cut.append(max(start - 1, 0))
        elif tag != "equal":
            changed.extend(range(start, end))
    return tuple(changed), tuple(cut)


def _told(changed: tuple[int, ...], cut: tuple[int, ...]) -> str:
    """Return what the last edit did, in a sentence."""
    did = [
        *([f"changed {counted(len(changed), 'line')}"] if changed else []),
        *([f"took lines away at {counted(len(cut), 'place')}"] if cut else []),
    ]
    return f"The last edit {' and '.join(did) or 'changed no line'}."
