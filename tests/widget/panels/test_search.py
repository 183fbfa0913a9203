"""The tab “Design”: budgets of what is on screen, and a search beside the user."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

import attrs
import loky
import pytest

import explorer.worker.process
from explorer import (
    Budget,
    DeviceProfile,
    Explorer,
    FCDenseNet,
    UNet,
    analyze,
    presets,
    search,
    trace,
)
from explorer.core.analysis.budgets import MEASURES
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.device_profile import PROFILE_SECONDS, work_of
from explorer.core.asking.failures import NoKeras
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import ProfileDevice
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.formatting import short_count
from explorer.core.network.parameters import parameters_of
from explorer.keras_side import machine_memory as machine_memory_module
from explorer.searching import running as executor_module
from explorer.searching.running import ENOUGH
from explorer.searching.search import in_rounds
from explorer.widget.given import as_architecture
from explorer.widget.panels.search import objects as objects_module
from explorer.widget.panels.search import panel as panel_module
from explorer.widget.panels.search import running as running_module
from explorer.widget.panels.search.panel import SearchPanel
from explorer.widget.panels.search.variables import Variable, variables_of
from tests.said import said
from tests.still_worker import StillWorker

NET = UNet(filters=4, down_blocks=2, up_blocks=2)
DESIGN = Design(NET, Input(64, 64, 1))
FIELD = Budget("receptive field", at_least=40)


class Calls:
    """What is to be called later: at once when asked for."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.waiting.append(call)

    def next(self) -> None:
        self.waiting.pop(0)()

    def all(self) -> None:
        while self.waiting:
            self.next()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    found = Calls()
    monkeypatch.setattr(panel_module, "later", found.later)
    return found


@pytest.fixture
def state() -> State:
    return State(DESIGN, threading.RLock())


@pytest.fixture
def panel(state: State, calls: Calls) -> Iterator[SearchPanel]:
    """A panel on screen, whose search goes on when `calls` are made."""
    alerts: list[str] = []
    made = SearchPanel(state, alerts.append)
    made.show(Scene(state.design))
    state.subscribe(lambda design: made.show(Scene(design)))
    yield made
    made.close()
    assert alerts == []


def do(panel: SearchPanel, **message: Any) -> None:
    """Do what the user does in the form, or in the table."""
    widget = panel.table if {"take", "save_found"} & message.keys() else panel.form
    widget._handle_custom_msg(message, [])


def set_budget(panel: SearchPanel, of: str, amount: str) -> None:
    row = next(row for row in panel.form.budgets if row.of == of)
    do(panel, budget=row.row, limit=row.limit, amount=amount)


def rows(panel: SearchPanel) -> dict[str, tuple[str, str, str, bool]]:
    return {r.of: (r.limit, r.amount, r.verdict, r.is_kept) for r in panel.form.budgets}


def vary_only(panel: SearchPanel, **values: str) -> None:
    for each in panel.form.variables:
        text = values.get(each.name, each.values)
        do(panel, vary=each.name, on=each.name in values, values=text)


SMALL_SPACE = {"filters": "2, 4, 8", "down_blocks": "1–3", "convs_per_block": "1, 2"}


# Budgets.


def test_there_is_a_place_for_what_is_usually_limited(panel: SearchPanel) -> None:
    assert rows(panel) == {
        "receptive field": ("at least", "", "", False),
        "memory": ("at most", "", "", False),
        "parameters": ("at most", "", "", False),
    }


def test_a_budget_is_judged_for_what_is_on_screen(panel: SearchPanel, state: State) -> None:
    field = min(DESIGN.report.receptive_field)
    set_budget(panel, "receptive field", str(field + 12))
    set_budget(panel, "parameters", "1.5m")

    assert state.budgets == (
        Budget("receptive field", at_least=field + 12),
        Budget("parameters", at_most=1_500_000),
    )
    found = rows(panel)
    assert found["receptive field"][2:] == (f"{field} px: missed by 12 px", False)
    assert found["parameters"][1] == "1.5 M"
    assert found["parameters"][2].endswith(": passed")

    state.update(architecture=attrs.evolve(NET, down_blocks=3, up_blocks=3))
    assert rows(panel)["receptive field"][3]


def test_what_is_no_amount_is_told_beside_it_and_counts_for_nothing(
    panel: SearchPanel, state: State
) -> None:
    set_budget(panel, "memory", "2 GB")
    set_budget(panel, "memory", "much")
    row = next(row for row in panel.form.budgets if row.of == "memory")
    assert row.amount == "much"
    assert row.problem.startswith("memory='much' is no amount: give a number with a unit: GiB")
    assert state.budgets == ()
    set_budget(panel, "memory", "")
    assert next(row for row in panel.form.budgets if row.of == "memory").problem == ""


def test_budgets_are_added_turned_and_removed(panel: SearchPanel, state: State) -> None:
    do(panel, add_budget="output stride")
    do(panel, add_budget="beauty")
    added = panel.form.budgets[-1]
    assert (added.of, added.limit) == ("output stride", "at most")
    do(panel, budget=added.row, limit="at least", amount="2")
    assert state.budgets == (Budget("output stride", at_least=2),)
    for row in panel.form.budgets:
        do(panel, remove_budget=row.row)
    assert state.budgets == panel.form.budgets == ()


def test_budgets_that_are_set_elsewhere_are_shown(panel: SearchPanel, state: State) -> None:
    state.limit([Budget("receptive field", at_least=20, at_most=50)])
    first, second, *empty = panel.form.budgets
    assert [(row.limit, row.amount) for row in (first, second)] == [
        ("at least", "20 px"),
        ("at most", "50 px"),
    ]
    assert [row.of for row in empty] == ["memory", "parameters"]
    panel.show(Scene(state.design))
    assert panel.form.budgets[0] == first
    do(panel, vary="filters", on=False, values="4")
    assert len(state.budgets) == 1


# Objects that the receptive field is to hold.


def send_file(panel: SearchPanel, name: str, content: bytes) -> None:
    half = len(content) // 2
    for part, piece in enumerate((content[:half], content[half:])):
        message = {"name": name, "part": part, "parts": 2}
        panel.form._handle_custom_msg(message, [memoryview(piece)])


BOXES = {"annotations": [{"bbox": [0, 0, side, 5]} for side in (10, 20, 30, 41)]}


def test_sizes_that_are_typed_make_a_budget(panel: SearchPanel, state: State) -> None:
    do(panel, object_sizes="10, 20 px; 12×30, 41")
    row = panel.form.objects
    assert row.told == "4 objects: median 20 px, largest 41 px"
    assert (row.percent, row.sizes, row.problem) == ("95", "10, 20 px; 12×30, 41", "")
    assert state.budgets == (Budget("receptive field", at_least=41),)
    assert rows(panel)["receptive field"][:2] == ("at least", "41 px")

    do(panel, hold_percent=75)
    assert state.budgets == (Budget("receptive field", at_least=30),)
    set_budget(panel, "receptive field", "99")
    assert state.budgets == (Budget("receptive field", at_least=99),), "the user's own"
    do(panel, object_sizes=" ")
    assert panel.form.objects.told == ""
    assert state.budgets == (Budget("receptive field", at_least=99),)


def test_a_file_of_objects_makes_a_budget(panel: SearchPanel, state: State, calls: Calls) -> None:
    do(panel, add_budget="receptive field")
    for row in panel.form.budgets:
        if row.of == "receptive field":
            do(panel, remove_budget=row.row)
    send_file(panel, "boxes.json", json.dumps(BOXES).encode())
    assert panel.form.objects.told == "Reading the file …"
    do(panel, hold_percent=50)
    calls.all()
    assert panel.form.objects.told == "4 objects in boxes.json: median 20 px, largest 41 px"
    assert state.budgets == (Budget("receptive field", at_least=20),)


def test_left_out_objects_are_told(panel: SearchPanel, calls: Calls) -> None:
    boxes = {"annotations": [*BOXES["annotations"], {"bbox": [1, 1, 0, 4]}]}
    send_file(panel, "boxes.json", json.dumps(boxes).encode())
    calls.all()
    assert panel.form.objects.told.endswith("largest 41 px; 1 of unknown size left out")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", b"", "'a.json' is no JSON, or is damaged"),
        ("a.json", b"[" * 100_000, "'a.json' is no JSON, or is damaged"),
        ("a.json", b"{}", "no list of annotations"),
        ("a.json", b'[1, "large"]', "'large' is no size"),
        ("a.json", b"[NaN]", "nan is no size"),
        ("a.json", b'{"annotations": [{"bbox": [1, 2]}]}', "Annotation 0"),
        ("../<b>.json", b"\xff", "is no JSON, or is damaged"),
    ],
)
def test_a_file_that_tells_no_objects_is_told_beside_it(
    panel: SearchPanel, state: State, calls: Calls, name: str, content: bytes, told: str
) -> None:
    do(panel, object_sizes="30")
    budgets = state.budgets
    send_file(panel, name, content)
    calls.all()
    assert told in panel.form.objects.problem
    assert panel.form.objects.told == "1 object: median 30 px, largest 30 px", "it stays"
    assert state.budgets == budgets


class Ends:
    """Pickles as what ends or stalls the process that it comes to."""

    def __init__(self, call: Callable[..., Any], *given: Any) -> None:
        self.call = call, given

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def test_labels_are_read_where_a_damaged_file_does_no_harm(
    panel: SearchPanel, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Keras is needed for it, nor waited for."""
    monkeypatch.setattr(explorer.worker.process, "shared_worker", pytest.fail)
    do(panel, object_sizes="30")
    send_file(panel, "mouse.SLP", b"nothing that is read")
    assert panel.form.objects.told == "Reading the file …"
    calls.next()
    assert panel.form.objects.problem.startswith("'mouse.SLP' ")
    assert panel.form.objects.told.startswith("1 object"), "it stays"

    monkeypatch.setattr(objects_module, "LONGEST", 5)
    for ends in (Ends(os._exit, 1), Ends(time.sleep, 600)):
        monkeypatch.setattr(objects_module.Objects, "of", ends)
        send_file(panel, "mouse.slp", b"")
        calls.next()
        assert "'mouse.slp' ended the process that read it" in panel.form.objects.problem


def test_sizes_that_are_typed_meanwhile_stay(panel: SearchPanel, calls: Calls) -> None:
    send_file(panel, "mouse.slp", b"")
    do(panel, object_sizes="7")
    calls.next()
    assert (panel.form.objects.sizes, panel.form.objects.problem) == ("7", "")


@pytest.mark.parametrize("text", ["large", "3×", "1×2×3", "0", "-5", "nan", "1e400", "×"])
def test_sizes_that_are_none_are_told_beside_them(
    panel: SearchPanel, state: State, text: str
) -> None:
    do(panel, object_sizes=text)
    assert "is no size: give a number of pixels above 0" in panel.form.objects.problem
    assert panel.form.objects.sizes == text
    assert state.budgets == ()


@pytest.mark.parametrize("percent", [0, -1, 101, None])
def test_a_share_that_is_none_is_told(
    panel: SearchPanel, state: State, percent: float | None
) -> None:
    do(panel, object_sizes="30, 40")
    do(panel, hold_percent=percent)
    assert panel.form.objects.problem == "Give a number of percent above 0, and at most 100."
    do(panel, hold_percent=50)
    assert panel.form.objects.problem == ""
    assert state.budgets == (Budget("receptive field", at_least=30),)


def test_a_share_that_is_none_is_told_whatever_the_objects(
    panel: SearchPanel, state: State, calls: Calls
) -> None:
    do(panel, hold_percent=500)
    do(panel, object_sizes="30, 45")
    assert "at most 100" in panel.form.objects.problem
    assert state.budgets == ()
    do(panel, hold_percent=100)
    assert panel.form.objects.problem == ""
    assert state.budgets == (Budget("receptive field", at_least=45),)


def test_sizes_that_are_none_stay_so_when_the_share_changes(
    panel: SearchPanel, state: State
) -> None:
    do(panel, object_sizes="30, 45")
    budgets = state.budgets
    do(panel, object_sizes="abc")
    do(panel, hold_percent=50)
    assert "abc" in panel.form.objects.problem
    assert state.budgets == budgets


def test_sizes_that_are_none_end_the_reading_of_a_file(panel: SearchPanel, calls: Calls) -> None:
    send_file(panel, "boxes.json", b"{}")
    do(panel, object_sizes="abc")
    calls.all()
    assert "Reading" not in panel.form.objects.told
    assert "abc" in panel.form.objects.problem


def test_an_amount_that_no_text_has_exactly_keeps_its_row(panel: SearchPanel, state: State) -> None:
    state.limit([Budget("memory", at_most=10**9 / 3), Budget("time", at_most=0.0041)])
    before = [row.row for row in panel.form.budgets]
    state.update(architecture=attrs.evolve(NET, filters=5))
    assert [row.row for row in panel.form.budgets] == before


def test_what_is_typed_while_a_file_is_read_counts(
    panel: SearchPanel, state: State, calls: Calls
) -> None:
    send_file(panel, "boxes.json", json.dumps(BOXES).encode())
    do(panel, object_sizes="7")
    calls.all()
    assert panel.form.objects.told == "1 object: median 7 px, largest 7 px"


# What is varied.


@pytest.mark.parametrize("preset", presets)
def test_of_every_family_something_may_be_varied_its_present_value_among_it(preset: str) -> None:
    architecture = presets[preset]
    found = variables_of(architecture)
    assert any(each.is_on for each in found)
    for each in found:
        present = getattr(architecture, each.parameter.name)
        assert present in each.values
        assert len(set(each.values)) == len(each.values) > 1
        for value in each.values:
            each.parameter.check("", value)
        if each.is_free:
            assert each.read(each.text) == each.values


def variable(name: str) -> Variable:
    return next(each for each in variables_of(NET) if each.parameter.name == name)


def test_values_are_typed_one_by_one_or_as_a_range() -> None:
    filters = variable("filters")
    assert filters.read("4, 8;16  8") == (4, 8, 16)
    assert filters.read("2 – 5, 8") == (2, 3, 4, 5, 8)
    assert filters.read("2..4") == filters.read("2-4") == (2, 3, 4)
    assert variable("filters_rate").read("1, 1.5") == (1.0, 1.5)
    for text in ("", "a", "5-2", "1.5", "1-1000000000"):
        with pytest.raises(ValueError, match=r"filters='.*' are no values: give"):
            filters.read(text)


def test_values_that_cannot_be_are_told_and_nothing_is_searched(panel: SearchPanel) -> None:
    for text, told in (("a", "are no values"), ("0, 4", "filters=0 is too small")):
        do(panel, vary="filters", on=True, values=text)
        row = next(row for row in panel.form.variables if row.name == "filters")
        assert told in row.problem
        assert row.values == text
        assert panel.form.outlook == row.problem
        assert not panel.form.ready
    do(panel, vary="filters", on=True, values="4, 8")
    assert panel.form.ready
    for each in panel.form.variables:
        do(panel, vary=each.name, on=False, values=each.values)
    assert panel.form.outlook == "Nothing is varied: choose a parameter."
    do(panel, start_search=True)
    assert not panel.form.runs


def test_it_is_told_how_many_combinations_there_are(panel: SearchPanel) -> None:
    vary_only(panel, **SMALL_SPACE)
    assert panel.form.outlook == "18 combinations: all are tried"
    vary_only(panel, filters="1-200", down_blocks="1-6", kernel_size="1-40")
    assert panel.form.outlook == (
        "48,000 combinations: 10,000 of them are tried, half drawn at random (seed 0), "
        "then what is near the best"
    )


def test_another_family_has_other_parameters(panel: SearchPanel, state: State) -> None:
    do(panel, vary="filters", on=False, values="4")
    state.update(architecture=attrs.evolve(NET, filters=5))
    assert not next(row for row in panel.form.variables if row.name == "filters").is_on
    net = FCDenseNet(growth_rate=4)
    state.update(architecture=net)
    assert {row.name for row in panel.form.variables} <= {p.name for p in parameters_of(FCDenseNet)}
    assert panel.form.ready


# The search.


def test_a_search_finds_what_python_does(
    panel: SearchPanel, state: State, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "SLICE", 0.0)
    set_budget(panel, "receptive field", "40")
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    assert panel.form.runs
    assert not panel.form.ready
    calls.all()

    vary = {"filters": [2, 4, 8], "convs_per_block": [1, 2], "down_blocks": [1, 2, 3]}
    wanted = search(NET, [FIELD], vary=vary, input_shape=(64, 64, 1))
    assert [each.number for each in wanted] == [row.number for row in panel.table.rows]
    assert panel.table.heads == (
        *("filters", "convs per block", "down blocks"),
        *("parameters", "multiply-adds", "receptive field"),
    )
    smallest = wanted[0]
    assert panel.table.rows[0].cells == (
        *map(str, smallest.parameters.values()),
        *(MEASURES[of].amount(value) for of, value in smallest.values.items()),
    )
    assert not panel.form.runs
    assert panel.form.done == panel.form.count == 18
    told = said(panel.form.told)
    assert f"{len(wanted)} networks found, 18 tried" in told
    assert f"Budgets missed: {wanted.missed['receptive field']} the receptive field." in told


@pytest.mark.parametrize("slice_", [0.0, 0.003, 10.0])
def test_of_a_large_space_it_finds_what_python_does_however_it_is_sliced(
    panel: SearchPanel, calls: Calls, monkeypatch: pytest.MonkeyPatch, slice_: float
) -> None:
    monkeypatch.setattr(running_module, "MOST", 60)
    monkeypatch.setattr(panel_module, "SLICE", slice_)
    set_budget(panel, "receptive field", "40")
    vary_only(panel, filters="2–12", down_blocks="1–3", convs_per_block="1–3", kernel_size="3, 5")
    do(panel, start_search=True)
    calls.all()

    vary = {each.parameter.name: each.values for each in panel._variables if each.is_on}
    wanted = search(
        *(NET, [FIELD]), vary=vary, input_shape=(64, 64, 1), most=60, seed=running_module.SEED
    )
    assert panel._outcome is not None
    assert panel._outcome.found == wanted
    assert wanted.tried == 60 < wanted.task.space.size
    assert [row.number for row in panel.table.rows] == [each.number for each in wanted]
    drawn = set(wanted.task.space.drawn(60, running_module.SEED))
    assert drawn != {each.number for each in panel._outcome.judged}, "half is near the best"


def test_a_network_that_was_found_is_one_step_with_its_name(
    panel: SearchPanel, state: State, calls: Calls
) -> None:
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    calls.all()
    assert not any(row.is_shown for row in panel.table.rows)
    row = panel.table.rows[0]
    do(panel, take=row.number)

    taken = state.design.architecture
    assert isinstance(taken, UNet)
    assert (taken.filters, taken.down_blocks, taken.convs_per_block) == (2, 1, 1)
    assert taken.up_blocks == 1
    assert [row.is_shown for row in panel.table.rows] == [True] + [False] * (
        len(panel.table.rows) - 1
    )
    assert not panel.table.is_old
    label = state.history.steps[-1].label
    assert label.startswith("found: ")
    assert "filters 2" in label
    state.move(-1, relative=True)
    assert state.design.architecture == NET
    do(panel, take=10**9)
    assert state.design.architecture == NET


def test_the_best_are_points_and_a_click_shows_one(
    panel: SearchPanel, state: State, calls: Calls
) -> None:
    assert panel.plot.loading is None
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    calls.all()
    loading = panel.plot.loading
    assert loading is not None
    loading.join(timeout=60)
    assert panel.plot.layout.display != "none"
    figure: Any = panel.plot.children[-1]
    best, shown = figure.data
    found = panel._outcome.found  # type: ignore[union-attr]
    assert list(zip(best.x, best.y, strict=True)) == [
        (each.values["parameters"], each.values["multiply-adds"]) for each in found
    ]
    assert best.hovertext[0].startswith("filters: 2<br>convs per block: 1<br>down blocks: 1<br>")
    report = DESIGN.report
    assert (list(shown.x), list(shown.y)) == ([report.total_params], [report.macs])

    points = {"trace_indexes": [0], "point_indexes": [0], "xs": [best.x[0]], "ys": [best.y[0]]}
    figure._js2py_pointsCallback = {
        "event_type": "plotly_click",
        "points": points,
        "device_state": None,
        "selector": None,
    }
    assert state.design == found[0].design
    assert list(shown.x) == [best.x[0]]
    assert state.history.steps[-1].label.startswith("found: filters 2")


def test_what_is_wanted_by_now_is_told_apart_from_what_was_found(
    panel: SearchPanel, state: State, calls: Calls
) -> None:
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    calls.all()
    for change, back in (
        ({"vary": "filters", "on": True, "values": "2, 4"},) * 1
        + ({"vary": "filters", "on": True, "values": "2, 4, 8"},),
        (
            {"minimise": "memory", "and_then": "parameters"},
            {"minimise": "parameters", "and_then": "multiply-adds"},
        ),
        (
            {"image_height": 128, "image_width": 64},
            {"image_height": 64, "image_width": 64},
        ),
    ):
        do(panel, **change)
        assert panel.table.is_old, change
        do(panel, **back)
        assert not panel.table.is_old, back
    state.update(architecture=attrs.evolve(NET, kernel_size=5))
    assert panel.table.is_old


def test_a_search_can_be_stopped_and_what_it_found_stays(
    panel: SearchPanel, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "SLICE", 0.0)
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    for _ in range(4):
        calls.next()
    do(panel, stop_search=True)
    calls.all()
    assert panel.form.done == 4
    assert "4 of 18 tried" in said(panel.form.told)
    assert panel.table.rows
    assert not panel.form.runs
    assert panel.form.ready


# The search in other processes.


def vary_many(panel: SearchPanel) -> dict[str, tuple[Any, ...]]:
    vary_only(panel, filters="2–12", down_blocks="1–3", convs_per_block="1–3", kernel_size="3, 5")
    return {each.parameter.name: each.values for each in panel._variables if each.is_on}


@pytest.mark.parametrize("most", [60, 10_000])
def test_processes_find_what_python_does(
    panel: SearchPanel, calls: Calls, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(running_module, "MOST", most)
    monkeypatch.setattr(running_module, "ENOUGH", 50)
    monkeypatch.setattr(executor_module, "ENOUGH", 50)
    monkeypatch.setattr(running_module, "ROOM", 0)
    used: list[Executor | None] = []

    def noting(*given: Any, **more: Any) -> Any:
        used.append(given[2])
        return in_rounds(*given, **more)

    monkeypatch.setattr(running_module, "in_rounds", noting)
    set_budget(panel, "receptive field", "40")
    vary = vary_many(panel)
    do(panel, start_search=True)
    calls.all()
    [executor] = used
    assert (executor is None) == (loky.cpu_count() < 2)
    wanted = search(
        *(NET, [FIELD]), vary=vary, input_shape=(64, 64, 1), most=most, executor="serial"
    )
    assert panel._outcome is not None
    assert panel._outcome.found == wanted
    assert wanted.tried == min(most, 198)
    assert not panel.form.runs


class Slow(Executor):
    """An executor that does nothing until the test says so."""

    def __init__(self) -> None:
        self.given: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, call: Any, /, *given: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.given.append((future, partial(call, *given, **more)))
        return future

    def do(self, place: int) -> None:
        future, call = self.given[place]
        future.set_result(call())


def test_edits_are_answered_while_processes_search_and_stop_ends_them(
    panel: SearchPanel, state: State, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_module, "PAUSE", 0.001)
    monkeypatch.setattr(panel_module, "TELL", 0.0)
    slow = Slow()
    monkeypatch.setattr(panel_module, "processes", lambda count: slow)
    vary_many(panel)
    do(panel, start_search=True)
    calls.next()
    assert panel.form.done == 0
    state.update(architecture=attrs.evolve(NET, filters=5))
    assert panel.form.runs
    assert f"None found yet, 0 of {panel.form.count} tried" in said(panel.form.told)

    count = len(slow.given)
    assert count > 1
    slow.do(count - 1)  # in any order
    calls.next()
    do(panel, stop_search=True)
    assert 0 < panel.form.done < panel.form.count
    calls.all()
    assert [future.cancelled() for future, _ in slow.given] == [True] * (count - 1) + [False]
    assert panel.form.ready
    assert panel.table.rows


def test_a_panel_that_is_closed_ends_them(
    state: State, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_module, "PAUSE", 0.001)
    slow = Slow()
    monkeypatch.setattr(panel_module, "processes", lambda count: slow)
    panel = SearchPanel(state, pytest.fail)
    panel.show(Scene(state.design))
    vary_many(panel)
    do(panel, start_search=True)
    calls.next()
    panel.close()
    calls.all()
    assert slow.given
    assert all(future.cancelled() for future, _ in slow.given)


def test_processes_are_for_many_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Slow()
    monkeypatch.setattr(running_module, "chosen", lambda executor, count: made)
    assert running_module.processes(ENOUGH) is made
    assert running_module.processes(ENOUGH - 1) is None
    with monkeypatch.context() as patch:
        patch.setattr(running_module, "IN_PAGE", True)
        assert running_module.processes(ENOUGH) is None
    short = machine_memory_module.Memory(2**30, running_module.ROOM - 1)
    monkeypatch.setattr(machine_memory_module, "machine_memory", lambda: short)
    assert running_module.processes(ENOUGH) is None


def test_a_search_that_was_overtaken_tells_nothing(panel: SearchPanel, calls: Calls) -> None:
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    [first] = calls.waiting
    do(panel, stop_search=True)
    vary_only(panel, filters="2, 4")
    do(panel, start_search=True)
    calls.waiting.remove(first)
    calls.all()
    first()
    assert panel.form.done == panel.form.count == 2


def test_an_edit_has_the_search_rest(
    panel: SearchPanel, state: State, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(
        panel_module,
        "later",
        lambda seconds, call: (waits.append(seconds), calls.later(seconds, call)),
    )
    monkeypatch.setattr(panel_module, "SLICE", 0.0)
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    state.update(architecture=attrs.evolve(NET, filters=5))
    calls.next()
    assert panel_module.REST - 0.2 < waits[-1] <= panel_module.REST


def test_where_nothing_keeps_to_the_budgets_the_nearest_are_shown(
    panel: SearchPanel, state: State, calls: Calls
) -> None:
    set_budget(panel, "receptive field", "40")
    set_budget(panel, "parameters", "900")
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    calls.all()
    told = said(panel.form.told)
    assert "None of 18 keeps to all budgets" in told
    assert " the receptive field" in told
    assert " the parameters." in told
    assert panel.table.caption == "The nearest, which miss a budget"
    assert not panel.table.can_save

    def gap(filters: int, down: int, convs: int) -> float:
        net = UNet(filters=filters, down_blocks=down, up_blocks=down, convs_per_block=convs)
        report = analyze(trace(net, (64, 64, 1)))
        field, count = min(report.receptive_field), report.total_params
        return max(0, 1 - field / 40) + max(0, 1 - 900 / count)

    gaps = {(f, d, c): gap(f, d, c) for f in (2, 4, 8) for d in (1, 2, 3) for c in (1, 2)}
    do(panel, take=panel.table.rows[0].number)
    taken: Any = state.design.architecture
    nearest = (taken.filters, taken.down_blocks, taken.convs_per_block)
    assert nearest == min(gaps, key=lambda each: gaps[each])


def test_combinations_that_are_none_are_counted_by_reason(
    panel: SearchPanel, state: State, calls: Calls
) -> None:
    vary_only(panel, down_blocks="5–8")
    do(panel, start_search=True)
    calls.all()
    told = said(panel.form.told)
    for stride in (128, 256):
        assert f"1 skipped: height is not a multiple of {stride}, the maximum stride" in told


def test_what_was_found_is_saved(panel: SearchPanel, calls: Calls) -> None:
    sent: list[tuple[Any, list[bytes]]] = []
    panel.table.send = lambda message, buffers: sent.append((message, buffers))  # type: ignore[method-assign]
    do(panel, save_found="csv")
    assert not sent
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    calls.all()
    do(panel, save_found="csv")
    do(panel, save_found="json")
    [(csv, [table]), (text, [values])] = sent
    assert csv["file"] == "UNet-search.csv"
    assert text["file"] == "UNet-search.json"
    head, *lines = table.decode().splitlines()
    assert len(lines) == len(panel.table.rows)
    assert set(head.split(",")) == set(json.loads(values)[0])


# Times.


PROFILE = DeviceProfile(
    "CPU (some)",
    "TensorFlow",
    "graph",
    "float32",
    {**dict.fromkeys(work_of(trace(UNet(), (64, 64, 1)), 1), 0.0), "convolutions": 0.001},
    error=0.1,
)
TIME = sum(
    node.kind == "Conv2D" and getattr(node.layer, "kernel_size", 0) == 3 for node in DESIGN.graph
)


def told_of_device(panel: SearchPanel) -> str:
    return said(panel.form.device)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> StillWorker:
    """A worker that answers when the test says so."""
    made = StillWorker()
    monkeypatch.setattr(explorer.worker.process, "shared_worker", lambda: made)
    return made


def test_times_are_known_once_the_device_was_measured(
    worker: StillWorker, panel: SearchPanel, state: State
) -> None:
    do(panel, add_budget="time")
    set_budget(panel, "time", "5 ms")
    assert state.budgets == (Budget("time", at_most=0.005),)
    assert rows(panel)["time"] == ("at most", "5 ms", "not known", False)
    do(panel, minimise="time", and_then="parameters")
    assert panel.form.outlook == "Times are not known yet: press “Measure this device”."
    assert not panel.form.ready
    assert "not known yet" in told_of_device(panel)

    do(panel, measure_device=True)
    assert panel.form.measures_device
    _, question, done, _ = worker.requests[-1]
    assert question == ProfileDevice(Measurement(), PROFILE_SECONDS)
    done(PROFILE)
    assert not panel.form.measures_device
    assert state.profile is PROFILE
    assert rows(panel)["time"] == (
        "at most",
        "5 ms",
        f"{TIME}.0 ms: missed by {TIME - 5}.00 ms",
        False,
    )
    assert "CPU (some)" in told_of_device(panel)
    assert panel.form.ready


def test_designs_are_searched_by_their_times(
    worker: StillWorker, panel: SearchPanel, state: State, calls: Calls
) -> None:
    state.tell_times(PROFILE)
    do(panel, minimise="time", and_then="parameters")
    vary_only(panel, **SMALL_SPACE)
    do(panel, start_search=True)
    calls.all()
    vary = {"filters": (2, 4, 8), "down_blocks": (1, 2, 3), "convs_per_block": (1, 2)}
    found = search(
        NET,
        minimise=("time", "parameters"),
        vary=vary,
        input_shape=(64, 64, 1),
        profile=PROFILE,
    )
    assert [row.number for row in panel.table.rows] == [each.number for each in found]
    assert panel.table.rows[0].cells[-2:] == (
        f"{1000 * found[0].values['time']:.2f} ms",
        short_count(found[0].values["parameters"]),
    )


def test_a_measurement_that_fails_or_is_stopped_is_told(
    worker: StillWorker, panel: SearchPanel, state: State
) -> None:
    do(panel, add_budget="time")
    do(panel, measure_device=True)
    _, _, _, failed = worker.requests[-1]
    failed(NoKeras("Keras cannot run here."))
    assert "Keras cannot run here." in told_of_device(panel)
    assert not panel.form.measures_device

    do(panel, measure_device=True)
    assert "Keras cannot run" not in told_of_device(panel)
    owner, *_ = worker.requests[-1]
    do(panel, measure_device=False)
    assert worker.cancelled[-1] is owner
    assert not panel.form.measures_device
    assert state.profile is None


def test_images_of_another_size_are_shown_or_refused(panel: SearchPanel, state: State) -> None:
    do(panel, image_height=128, image_width=96)
    assert state.design.input.shape == (128, 96, 1)
    for height in (30, 1.5, None):
        do(panel, image_height=height, image_width=96)
        assert panel.form.problem
        assert state.design.input.shape == (128, 96, 1)
    do(panel, image_height=64, image_width=96)
    assert panel.form.problem == ""


# From the explorer.


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Explorer]]:
    monkeypatch.setattr(explorer.worker.process, "shared_worker", StillWorker)
    made: list[Explorer] = []

    def make(*args: Any, **options: Any) -> Explorer:
        made.append(Explorer(*args, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_top_bar_says_how_many_budgets_are_kept(opened: Callable[..., Explorer]) -> None:
    budgets = [FIELD, Budget("parameters", at_most=100)]
    widget = opened(NET, (64, 64, 1), budgets=budgets)
    assert widget.budgets == tuple(budgets)
    figure = widget._panels.totals.figures[-1]
    assert (figure.name, figure.value, figure.opens) == ("budgets", "1 of 2", "Design")
    assert figure.unsettled
    summary, missed, kept = figure.text.splitlines()
    assert summary == "1 of 2 budgets kept"
    assert missed.startswith("✗ at most 100 parameters: missed by ")
    assert kept == "✓ at least a receptive field of 40 px: passed"
    widget.budgets = ()
    assert widget._panels.totals.figures[-1].name != "budgets"
    with pytest.raises(TypeError, match="is no budget"):
        widget.budgets = ["small"]  # type: ignore[list-item]
    with pytest.raises(TypeError, match="is no budget"):
        opened(NET, budgets=[1])


def test_a_profile_that_was_carried_here_tells_times(opened: Callable[..., Explorer]) -> None:
    widget = opened(NET, (64, 64, 1), budgets=[Budget("time", at_most=1)], profile=PROFILE)
    assert widget._panels.totals.figures[-1].value == "1 of 1"
    with pytest.raises(TypeError, match=r"profile='gpu\.json' is no device profile: give what"):
        opened(NET, profile="gpu.json")
    widget._state.tell_times(attrs.evolve(PROFILE, seconds={"calls": 1.0}))
    assert widget._panels.totals.figures[-1].text.endswith(": not known")


def test_what_a_person_wants_in_five_clicks(opened: Callable[..., Explorer], calls: Calls) -> None:
    """It sees 180 px in 1024×1024, takes at most 2 GB, and is the smallest."""
    widget = opened()
    widget._panels.screen.stage.choose("Design")  # a click
    panel: Any = widget._panels.screen.views["Design"]
    do(panel, image_height=1024, image_width=1024)  # a click into the first field, then typing
    set_budget(panel, "receptive field", "180")
    set_budget(panel, "memory", "2 GB")
    do(panel, start_search=True)  # a click
    calls.all()
    do(panel, take=panel.table.rows[0].number)  # a click

    report = widget.report
    assert widget.input_shape == (1024, 1024, 1)
    assert min(report.receptive_field) >= 180
    assert report.peak_memory_bytes <= 2e9
    assert widget._panels.totals.figures[-1].value == "2 of 2"
    assert report.total_params == min(
        each.values["parameters"] for each in panel._outcome.found.candidates
    )
    assert widget.controls["filters"].value == widget.architecture.filters


def test_of_a_model_that_was_read_nothing_is_varied(
    state: State, panel: SearchPanel, calls: Calls
) -> None:
    state.update(architecture=as_architecture(trace(NET, (64, 64, 1)), None))
    assert panel.form.variables == ()
    assert panel.form.outlook.startswith("A model that was read has nothing to vary")
    set_budget(panel, "receptive field", "20")
    assert rows(panel)["receptive field"][3]
