"""What is seen of a search: what is wanted, how far it is, and what it found."""

from pathlib import Path
from typing import Any, TypeAlias

import traitlets

from explorer.core.analysis.budgets import MEASURES
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.formatting import counted, listed, printable, sentences
from explorer.core.network.parameters import Parameter, parameters_of
from explorer.searching.found import Candidate, Found
from explorer.searching.judging import Task
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import (
    AddBudget,
    BudgetRow,
    FilePart,
    FoundRow,
    HoldShare,
    MeasureDevice,
    Minimise,
    ObjectsRow,
    RemoveBudget,
    SavedFile,
    SaveFound,
    SetBudget,
    SetImage,
    SetSizes,
    Size,
    StartSearch,
    StopSearch,
    TakeFound,
    VariableRow,
    Vary,
)
from explorer.widget.panels.search.running import MOST, SEED, Outcome
from explorer.widget.parts import Items, Line, Part, Words

#: What the user does.
Wanted: TypeAlias = (
    SetImage
    | AddBudget
    | SetBudget
    | RemoveBudget
    | FilePart
    | SetSizes
    | HoldShare
    | Vary
    | Minimise
    | MeasureDevice
    | StartSearch
    | StopSearch
)

#: Most networks in the table.
MOST_ROWS = 200
#: Most reasons for which combinations were skipped that are told one by one.
MOST_REASONS = 4


class SearchForm(FrontWidget):
    """What is wanted: budgets, what may be varied, and what is to be small.

    Attributes:
        image: Height and width of the images.
        problem: Why what was typed there can't be, if it can't.
        budgets: The rows of budgets.
        objects: What the receptive field is to hold.
        measures: Names of what there may be a budget of, or what may be small.
        variables: What may be varied.
        minimised: Names of what is to be small, the first one first.
        device: What is told of the device that times are for.
        measures_device: Whether it is being measured.
        outlook: How many combinations there are, or why none is searched.
        ready: Whether there is something to search.
        runs: Whether it is searched.
        done: How many combinations are judged.
        count: How many are to be.
        told: What came of it, in words.
    """

    _esm = module(Path(__file__).with_name("form.js"), "parts", "files")
    _css = Path(__file__).with_name("panel.css")
    sends = Wanted

    image = shared(Size, Size(0, 0))
    problem: Any = traitlets.Unicode().tag(sync=True)
    budgets = shared(tuple[BudgetRow, ...], ())
    objects = shared(ObjectsRow, ObjectsRow("", "", ""))
    measures = shared(tuple[str, ...], tuple(MEASURES))
    variables = shared(tuple[VariableRow, ...], ())
    minimised = shared(tuple[str, ...], ("parameters", "multiply-adds"))
    device = shared(tuple[Part, ...], ())
    measures_device: Any = traitlets.Bool().tag(sync=True)
    outlook: Any = traitlets.Unicode().tag(sync=True)
    ready: Any = traitlets.Bool().tag(sync=True)
    runs: Any = traitlets.Bool().tag(sync=True)
    done: Any = traitlets.Int().tag(sync=True)
    count: Any = traitlets.Int().tag(sync=True)
    told = shared(tuple[Part, ...], ())


class FoundTable(FrontWidget):
    """The networks that were found, a row each; a click shows one.

    Attributes:
        caption: What they are.
        heads: Of the columns.
        rows: The networks.
        can_save: Whether there is something to save.
        is_old: Whether something else is wanted by now.
    """

    _esm = module(Path(__file__).with_name("table.js"), "files")
    sends = TakeFound | SaveFound
    gets = SavedFile

    caption: Any = traitlets.Unicode().tag(sync=True)
    heads = shared(tuple[str, ...], ())
    rows = shared(tuple[FoundRow, ...], ())
    can_save: Any = traitlets.Bool().tag(sync=True)
    is_old: Any = traitlets.Bool().tag(sync=True)


def told_of_device(profile: DeviceProfile | None) -> Line:
    """Say which device times are told for, if one is known."""
    if profile is None:
        return Line("Times are not known yet", "muted")
    return Line(f"Times are told for {printable(profile.device)}", "good", printable(profile.words))


def outlook(task: Task) -> str:
    """Say how many combinations there are, and how many of them are tried."""
    size = task.space.size
    told = counted(size, "combination")
    if size <= MOST:
        return f"{told}: all are tried" if size > 1 else f"{told}: vary more"
    return (
        f"{told}: {MOST:,} of them are tried, half drawn at random (seed {SEED}), then what is "
        "near the best"
    )


def words_of(outcome: Outcome, runs: bool) -> tuple[Part, ...]:
    """Say what a search came to."""
    found, count = outcome.found, outcome.count
    tried = f"{found.tried:,}" if found.tried == count else f"{found.tried:,} of {count:,}"
    missed = [f"{number:,} the {name}" for name, number in found.missed.items()]
    counts = f"Budgets missed: {', '.join(missed)}." if missed else ""
    if found.candidates:
        told = f"{counted(len(found), 'network')} found, {tried} tried"
        best = f"No other that keeps to the budgets is better in {listed(found.minimised)}."
        line = Line(told, "busy" if runs else "good", sentences(best, counts))
    elif runs:
        line = Line(f"None found yet, {tried} tried", "busy", counts)
    else:
        line = Line(f"None of {tried} keeps to all budgets", "bad", counts)
    skipped = sorted(found.skipped.items(), key=lambda each: -each[1])
    items = [
        f"{number:,} skipped: {printable(reason)}" for reason, number in skipped[:MOST_REASONS]
    ]
    if more := sum(number for _, number in skipped[MOST_REASONS:]):
        items.append(f"{more:,} skipped for other reasons")
    return (line, Items(tuple((Words(item),) for item in items), "muted")) if items else (line,)


def file_of(found: Found, kind: str) -> tuple[SavedFile, bytes]:
    """Return what was found as a file, and its content."""
    name = f"{printable(type(found.task.space.base).__name__)}-search.{kind}"
    if kind == "csv":
        return SavedFile(name, "text/csv"), found.to_csv().encode()
    return SavedFile(name, "application/json"), found.to_json().encode()


def caption_of(outcome: Outcome) -> str:
    """Say what the networks are that are shown."""
    if outcome.found.candidates:
        return "The best networks"
    return "The nearest, which miss a budget" if outcome.nearest else ""


def heads_of(task: Task) -> tuple[str, ...]:
    """Return the heads of the columns: what was varied, and what each network has."""
    known = parameters_by_name(task)
    return (*(known[name].label for name, _ in task.space.varied), *task.wanted)


def cells_of(candidate: Candidate) -> tuple[str, ...]:
    """Return a network's cells."""
    amounts = (
        "unknown" if value is None else MEASURES[name].amount(value)
        for name, value in candidate.values.items()
    )
    return (*told_values(candidate).values(), *amounts)


def name_of(candidate: Candidate) -> str:
    """Return what was varied of a network, such as "filters 16, down blocks 4"."""
    known = parameters_by_name(candidate.task)
    return ", ".join(
        f"{known[name].label} {value}" for name, value in told_values(candidate).items()
    )


def told_values(candidate: Candidate) -> dict[str, str]:
    """Return the values of what was varied, by name, as a person would say them."""
    known = parameters_by_name(candidate.task)
    return {name: known[name].told(value) for name, value in candidate.parameters.items()}


def parameters_by_name(task: Task) -> dict[str, Parameter]:
    """Return the parameters of what was searched."""
    return {each.name: each for each in parameters_of(type(task.space.base))}
