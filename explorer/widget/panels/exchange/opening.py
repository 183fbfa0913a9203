"""What the user opens, as a design that can be shown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input
from explorer.core.exchange.links import LONGEST, SharedDesign, from_link, is_link
from explorer.core.exchange.links import read as read_link
from explorer.core.exchange.loaded import Answers, Loaded
from explorer.core.exchange.loading import load, read_text
from explorer.core.families import ReadModel
from explorer.core.formatting import listed, printable, size_text
from explorer.core.network.errors import Refusal
from explorer.keras_side.given_models import Folder

#: What text is called that was not in a file.
TEXT = "the text"
#: Letters of a file's name that are kept: a letter can take four bytes of 255.
MOST_LETTERS = 60


@attrs.frozen
class Opened:
    """What was opened.

    Attributes:
        loaded: The account of it.
        design: The design.
        selected: What is selected in it.
        pinned: What it is compared with, or None.
        budgets: What it is to keep to, or none.
        note: What was taken for what it leaves open.
    """

    loaded: Loaded
    design: Design
    selected: str = ""
    pinned: Design | None = None
    budgets: tuple[Budget, ...] = ()
    note: str = ""


def opened(name: str, content: bytes, answers: Mapping[str, Any], present: SharedDesign) -> Opened:
    """Return the design that a file, or a link, holds.

    Args:
        name: Its name; `TEXT` for what was not in a file.
        content: What is in it.
        answers: What the user says where it leaves something open, by name.
        present: What is on screen: its sizes are kept where they are left open, and what the user
            has pinned, or limited it by.

    Raises:
        ValueError: In one sentence, if it holds none that can be shown.
    """
    link = content[: 2 * LONGEST].decode(errors="replace")
    if is_link(link):
        return _checked(_with_budgets(_of_link(link, present.pinned), present))
    if name == TEXT:
        text = content.decode(errors="replace")
        return of_loaded(read_text(text, "The text", Answers(**answers)), present)
    _folder, path = as_file(name, content)
    return of_loaded(load(path, **answers), present)


def of_loaded(loaded: Loaded, present: SharedDesign) -> Opened:
    """Return the design that was loaded, with an input that fits it.

    Args:
        loaded: What was loaded.
        present: What is on screen: see `opened`.

    Raises:
        ValueError: In one sentence, if it can't be shown.
    """
    return _checked(_with_budgets(_with_input(loaded, present.input), present))


def _checked(made: Opened) -> Opened:
    for design in (made.design, made.pinned):
        if design:
            _ = design.report  # raises for a design that cannot be
    return made


def _of_link(link: str, pinned: Design | None) -> Opened:
    """Return all that a link holds, but for what is pinned while the user has pinned another."""
    shared, loaded = from_link(link), read_link(link, Answers())
    is_kept = pinned is not None and pinned != shared.pinned
    entries = tuple(attrs.evolve(entry, because="") for entry in loaded.entries)
    loaded = attrs.evolve(loaded, entries=entries)
    if is_kept:
        loaded = _without(loaded, "pinned", "another design is pinned: unpin it, and open it again")
    return Opened(loaded, shared.design, shared.selected, None if is_kept else shared.pinned)


def _with_budgets(found: Opened, present: SharedDesign) -> Opened:
    """Return what was opened with its budgets, unless the user has set others."""
    budgets = found.loaded.budgets
    if not budgets or not present.budgets or budgets == present.budgets:
        return attrs.evolve(found, budgets=budgets)
    because = "other budgets are set: remove them, and open it again"
    return attrs.evolve(found, loaded=_without(found.loaded, "budgets", because))


def _without(loaded: Loaded, name: str, because: str) -> Loaded:
    """Return the account of what was loaded, where a field is not shown."""
    entries = tuple(
        attrs.evolve(entry, because=because) if entry.name == name else entry
        for entry in loaded.entries
    )
    return attrs.evolve(loaded, entries=entries)


def as_file(name: str, content: bytes) -> tuple[Folder, Path]:
    """Write a file to a folder of its own, which goes with the object returned.

    Args:
        name: Its name, which is for errors: what it is, is told by its content.
        content: What is in it.
    """
    folder = Folder()
    own = printable(name.replace("\\", "/").rpartition("/")[2].strip(". \0"))[-MOST_LETTERS:]
    path = folder.path / (own or TEXT)
    path.write_bytes(content)
    return folder, path


def _with_input(loaded: Loaded, present: Input) -> Opened:
    """Return what was loaded with an input that fits it."""
    design = loaded.with_input(present)
    if all(loaded.input_shape):
        return Opened(loaded, design)
    height, width, channels = loaded.input_shape
    open_ = [
        *(["size"] if None in (height, width) else []),
        *(["channels"] if channels is None else []),
    ]
    shape = size_text(design.input.shape)
    note = f"It leaves the input’s {listed(open_)} open: it is shown with {shape}."
    return Opened(loaded, design, note=note)


def with_edits(found: Opened, present: Design) -> Opened:
    """Return what was opened with what was edited since: heads and channels alone are the file's.

    Args:
        found: What was opened, and answered since.
        present: What is on screen.

    Raises:
        Refusal: If another architecture is there by now, or they don't fit it.
    """
    mine, theirs = present.architecture, found.design.architecture
    if (
        isinstance(mine, ReadModel)
        or isinstance(theirs, ReadModel)
        or type(mine) is not type(theirs)
    ):
        raise Refusal("Another architecture is on screen by now: open the file again to go back.")
    architecture = attrs.evolve(mine, heads=theirs.heads)
    given = attrs.evolve(present.input, channels=found.design.input.channels)
    design = Design(architecture, given)
    _ = design.report
    note = "What was edited since it was opened stays; heads and channels are the file’s."
    return attrs.evolve(found, design=design, note=note)
