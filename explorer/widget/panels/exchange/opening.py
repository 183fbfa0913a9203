"""What the user opens, as a design that can be shown."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from explorer.core.analysis.design import Design, Input
from explorer.core.exchange.links import LONGEST, SharedDesign, from_link, is_link
from explorer.core.exchange.links import read as read_link
from explorer.core.exchange.loaded import Answers, Loaded
from explorer.core.exchange.loading import load
from explorer.core.families import ReadModel
from explorer.core.formatting import size_text
from explorer.core.network.errors import Refusal

#: What text is called that was not in a file.
TEXT = "the text"


@attrs.frozen
class Opened:
    """What was opened.

    Attributes:
        loaded: The account of it.
        design: The design.
        selected: What is selected in it.
        pinned: What it is compared with, or None.
        note: What was taken for what it leaves open.
    """

    loaded: Loaded
    design: Design
    selected: str = ""
    pinned: Design | None = None
    note: str = ""


def opened(name: str, content: bytes, answers: Mapping[str, int], present: SharedDesign) -> Opened:
    """Return the design that a file, or a link, holds.

    Args:
        name: Its name; `TEXT` for what was not in a file.
        content: What is in it.
        answers: What the user says where it leaves something open, by name.
        present: What is on screen: its sizes are kept where they are left open.

    Raises:
        ValueError: In one sentence, if it holds none that can be shown.
    """
    link = content[: 2 * LONGEST].decode(errors="replace")
    if is_link(link):
        made = _of_link(link, present.pinned)
    else:
        made = _with_input(_loaded(name, content, answers), present.input)
    for design in (made.design, made.pinned):
        if design:
            _ = design.report  # raises for a design that cannot be
    return made


def _of_link(link: str, pinned: Design | None) -> Opened:
    """Return all that a link holds, but for what is pinned while the user has pinned another."""
    shared, loaded = from_link(link), read_link(link, Answers())
    is_kept = pinned is not None and pinned != shared.pinned
    because = "another design is pinned: unpin it, and open the link again" if is_kept else ""
    entries = tuple(
        attrs.evolve(entry, because=because if entry.name == "pinned" else "")
        for entry in loaded.entries
    )
    loaded = attrs.evolve(loaded, entries=entries)
    return Opened(loaded, shared.design, shared.selected, None if is_kept else shared.pinned)


def _loaded(name: str, content: bytes, answers: Mapping[str, Any]) -> Loaded:
    """Return what a file describes, which is told by its content; its name is for errors."""
    with tempfile.TemporaryDirectory() as folder:
        own = name.replace("\\", "/").rpartition("/")[2].strip(". \0")[-100:]
        path = Path(folder, own or TEXT)
        path.write_bytes(content)
        return load(path, **answers)


def _with_input(loaded: Loaded, present: Input) -> Opened:
    """Return what was loaded with an input that fits it."""
    design = loaded.with_input(present)
    if all(loaded.input_shape):
        return Opened(loaded, design)
    shape = size_text(design.input.shape)
    return Opened(
        loaded, design, note=f"It leaves the input’s size open: it is shown with {shape}."
    )


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
