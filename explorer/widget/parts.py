"""What texts on screen are made of, which the browser lays out: see `front/parts.js`."""

from typing import Literal, TypeAlias

import attrs

from explorer.core.asking.forward_pass import Picture
from explorer.core.words.arithmetic import Fact

# In a line.


@attrs.frozen
class Words:
    """Some words, and how they stand out."""

    text: str
    mark: Literal["", "strong", "muted"] = ""
    kind: Literal["words"] = "words"


@attrs.frozen
class Link:
    """A button that selects something."""

    text: str
    select: str
    kind: Literal["link"] = "link"


@attrs.frozen
class EditButton:
    """A button that opens the controls of a block."""

    edit: str
    kind: Literal["edit"] = "edit"


@attrs.frozen
class TimeButton:
    """A button that has every layer timed."""

    kind: Literal["time"] = "time"


@attrs.frozen
class MoveButton:
    """A button that makes a change.

    Attributes:
        move: What it is called by, and is on the button unless there is a text.
        text: What is on the button; empty: see `move`.
        title: What it would do, in words.
    """

    move: str
    text: str = ""
    title: str = ""
    kind: Literal["move"] = "move"


@attrs.frozen
class Swatch:
    """A colour, with what it stands for."""

    text: str
    colour: str
    frame: str
    kind: Literal["swatch"] = "swatch"


#: The buttons work where the view hears them: in the inspector.
Run: TypeAlias = Words | Link | EditButton | TimeButton | MoveButton | Swatch

# Beneath each other.


@attrs.frozen
class Line:
    """What is said of a state.

    Attributes:
        text: What is said.
        mark: What it is.
        detail: What is said beneath.
        code: A traceback beneath.
    """

    text: str
    mark: Literal["good", "bad", "busy", "reason", "muted", "heading"]
    detail: str = ""
    code: str = ""
    kind: Literal["line"] = "line"


@attrs.frozen
class Paragraph:
    """Words, and buttons among them."""

    runs: tuple[Run, ...]
    mark: Literal["", "muted", "legend"] = ""
    kind: Literal["paragraph"] = "paragraph"


@attrs.frozen
class Items:
    """A list, each of whose items are words and buttons among them."""

    items: tuple[tuple[Run, ...], ...]
    mark: Literal["", "muted"] = ""
    kind: Literal["items"] = "items"


@attrs.frozen
class Facts:
    """Names, each with a value, and a note on it."""

    facts: tuple[Fact, ...]
    kind: Literal["facts"] = "facts"


@attrs.frozen
class Head:
    """The head of a column; of numbers, which are aligned at their ends, or of words.

    Attributes:
        text: What it says.
        is_numeric: Whether the column has numbers.
        button: What it is instead of a text.
    """

    text: str
    is_numeric: bool = False
    button: MoveButton | None = None


@attrs.frozen
class TableRow:
    """A row: what it is about, its other cells, and whether it stands out (None: neither)."""

    name: str
    cells: tuple[str, ...]
    differs: bool | None = None


@attrs.frozen
class Table:
    """A table, whose first column says what its rows are about."""

    caption: str
    heads: tuple[Head, ...]
    rows: tuple[TableRow, ...]
    kind: Literal["table"] = "table"


@attrs.frozen
class Card:
    """A figure that can be read at a glance, with what it is and a note on it."""

    name: str
    value: str
    note: str
    title: str = ""


@attrs.frozen
class Measured:
    """A figure that was measured, beside how."""

    card: Card
    facts: tuple[Fact, ...]
    kind: Literal["measured"] = "measured"


@attrs.frozen
class Pictures:
    """A picture, and what became of it."""

    image: Picture
    results: tuple[Picture, ...]
    kind: Literal["pictures"] = "pictures"


@attrs.frozen
class Section:
    """Parts beneath a heading."""

    title: str
    parts: "tuple[Part, ...]"
    kind: Literal["section"] = "section"


@attrs.frozen
class Fold:
    """Parts beneath a line that shows and hides them.

    Attributes:
        title: The line.
        note: What stands at its end.
        parts: The parts.
        name: By what it is known again, so that it stays open.
    """

    title: str
    note: str
    parts: "tuple[Part, ...]"
    name: str
    kind: Literal["fold"] = "fold"


Part: TypeAlias = Line | Paragraph | Items | Facts | Table | Measured | Pictures | Section | Fold


def words(text: str) -> Paragraph:
    """Return a paragraph of mere words."""
    return Paragraph((Words(text),))
