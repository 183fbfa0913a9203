"""What a receptive field is to hold: a share of objects, of typed sizes or those in a file."""

from concurrent.futures import BrokenExecutor
from pathlib import Path

import attrs

from explorer.core.analysis.budgets import Budget
from explorer.core.exchange.objects import Objects, sizes_in
from explorer.core.formatting import counted, printable
from explorer.core.network.errors import Refusal, problem_text
from explorer.widget.messages import ObjectsRow
from explorer.widget.panels.exchange.opening import as_file
from explorer.worker import IN_PAGE

#: What is wrong with a percent that is none.
NO_SHARE = "Give a number of percent above 0, and at most 100."
#: Percent of the objects that are to be held unless the user says otherwise.
USUAL = 95
#: Seconds that reading labels may take.
LONGEST = 120


@attrs.frozen
class Held:
    """The objects, and how many of them are to be held.

    Attributes:
        percent: How many of a hundred, as it was typed; None: nothing was.
        objects: The objects; None: there are none.
        source: Name of the file that they are from; empty: they were typed.
        typed: Their sizes as they were typed.
        problem: Why what was typed or chosen can't be used, if it can't.
        is_reading: Whether a file is being read.
    """

    percent: float | None = USUAL
    objects: Objects | None = None
    source: str = ""
    typed: str = ""
    problem: str = ""
    is_reading: bool = False

    def with_percent(self, percent: float | None) -> "Held":
        """Return that so many of a hundred are to be held."""
        held = attrs.evolve(self, percent=percent, problem="")
        return held.with_sizes(self.typed) if self.typed else held._checked()

    def with_sizes(self, text: str) -> "Held":
        """Return the objects of these sizes, in place of others; of no text none."""
        if not text.strip():
            return Held(self.percent)._checked()
        try:
            objects = Objects.of(sizes_in(text))
        except Refusal as error:
            problem = printable(str(error))
            return attrs.evolve(self, typed=text, problem=problem, is_reading=False)
        return Held(self.percent, objects, typed=text)._checked()

    def _checked(self) -> "Held":
        """Return this, with what is wrong with the percent, if anything is."""
        is_share = self.percent is not None and 0 < self.percent <= 100
        return self if is_share else attrs.evolve(self, problem=NO_SHARE)

    def with_file(self, name: str, found: Objects | Exception) -> "Held":
        """Return what was found in a file, in place of others; an error leaves these."""
        if isinstance(found, Objects):
            return Held(self.percent, found, name)._checked()
        return attrs.evolve(self, problem=printable(problem_text(found)), is_reading=False)

    @property
    def budget(self) -> Budget | None:
        """What is wanted of the receptive field; None: nothing."""
        if self.objects is None or self.problem or self.percent is None:
            return None
        return self.objects.budget(self.percent / 100)

    @property
    def row(self) -> ObjectsRow:
        """What is seen of it."""
        percent = "" if self.percent is None else f"{self.percent:g}"
        told = "Reading the file …" if self.is_reading else self._told
        return ObjectsRow(percent, self.typed, told, self.problem)

    @property
    def _told(self) -> str:
        """How many objects there are, and how large."""
        if self.objects is None:
            return ""
        found = self.objects
        told = counted(len(found.sizes), "object")
        if self.source:
            told += f" in {printable(self.source)}"
        told += f": median {found.side_of(0.5):,.10g} px, largest {found.side_of(1):,.10g} px"
        return f"{told}; {found.left_out:,} of unknown size left out" if found.left_out else told


def objects_in(name: str, content: bytes) -> Objects | Exception:
    """Return the objects that a file tells of, or why it tells of none."""
    _folder, path = as_file(name, content)
    try:
        if path.suffix.lower() == ".slp" and not IN_PAGE:
            return _read_apart(path)
        return Objects.of(path)
    except Exception as error:  # whatever a damaged file makes the reader raise
        return error


def _read_apart(path: Path) -> Objects:
    """Read labels in a process of their own: a damaged file can end or stall what reads HDF5."""
    import loky

    executor = loky.ProcessPoolExecutor(max_workers=1)
    try:
        found: Objects = executor.submit(Objects.of, path).result(LONGEST)
    except (BrokenExecutor, TimeoutError) as error:
        raise Refusal(
            f"{path.name!r} ended the process that read it, or took longer than {LONGEST} s: it "
            "is damaged, or too large for this machine."
        ) from error
    finally:
        executor.shutdown(kill_workers=True)
    return found
