"""Pinning A, editing B, what is said of the two, and both timed in turns."""

import threading
from functools import partial
from weakref import ref

import attrs
import keras
import numpy as np
import pytest

import explorer.worker.process
from explorer import (
    Custom,
    Hourglass,
    LeapCNN,
    ParameterError,
    SimpleConvBlock,
    UNet,
    analyze,
    trace,
)
from explorer.core.analysis.comparison import Change, compare, figures
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.memory_need import needed_bytes
from explorer.core.asking.failures import WorkerDied
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import TimePair
from explorer.core.asking.timing import FEWEST_FOR_INTERVAL, PairTiming, Timing
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.formatting import percent_change
from explorer.keras_side.machine_memory import NotEnoughMemory
from explorer.widget.panels.comparison.page import (
    MOST_ROWS,
    NOTHING_PINNED,
    ComparisonView,
    speed_text,
)
from explorer.widget.panels.comparison.panel import Compare
from explorer.widget.parts import Table
from explorer.worker import timing_functions
from explorer.worker.answering import answer
from explorer.worker.in_process import RunAgain
from explorer.worker.tasks import forward as keras_tasks
from explorer.worker.tasks import pair as comparison_tasks
from explorer.worker.tasks.pair import check_both_fit, run_pair
from explorer.worker.timing_functions import time_pair
from tests.said import all_of, said
from tests.still_worker import StillWorker

NET = UNet(filters=2, down_blocks=2, up_blocks=2)
WIDE = attrs.evolve(NET, filters=3)
SIZE = Input(32, 32, 1)
HOW = Measurement(precision="mixed_bfloat16")


class Stage:
    """A panel that is shown every new design, as the explorer does while its tab is open."""

    def __init__(self) -> None:
        self.state = State(Design(NET, SIZE), threading.RLock())
        self.drawn: list = []
        self.alerts: list[str] = []
        self.panel = Compare(self.state, self.alerts.append, self.drawn.append, lambda: HOW)
        self.view = self.panel.widget
        self.is_open = True
        self.state.subscribe(self._changed)
        self._changed(self.state.design)

    def _changed(self, design: Design) -> None:
        if self.is_open:
            self.panel.show(Scene(design))

    def edit(self, **changes) -> None:
        self.state.update(architecture=attrs.evolve(self.state.design.architecture, **changes))

    @property
    def said(self) -> str:
        return said(self.view._said)

    @property
    def result(self) -> str:
        return said((*self.view._result.parts, *self.view._times.parts))

    @property
    def tables(self) -> str:
        return said(self.view._tables)

    def row(self, name: str) -> list[str]:
        """The cells of the row of this name."""
        rows = [row for table in all_of(Table, self.view._tables) for row in table.rows]
        return next((list(row.cells) for row in rows if row.name == name), [])

    def visible(self) -> set[str]:
        """The buttons on screen."""
        buttons = self.view.children[0].children
        return {button.description for button in buttons if button.layout.display != "none"}


@pytest.fixture
def worker(monkeypatch) -> StillWorker:
    made = StillWorker()
    monkeypatch.setattr(explorer.worker.process, "shared_worker", lambda: made)
    return made


@pytest.fixture
def stage(worker) -> Stage:
    made = Stage()
    yield made
    assert made.alerts == []


@pytest.fixture
def pinned(stage) -> Stage:
    stage.view.pin.click()
    return stage


def test_at_first_the_panel_says_what_pinning_is_for(stage):
    assert NOTHING_PINNED in stage.said
    assert stage.visible() == {"Pin as A"}
    assert stage.panel.pinned is None
    assert (stage.tables, stage.drawn) == ("", [])


def test_the_pinned_network_stays_while_the_other_is_edited(pinned):
    assert pinned.visible() == {"Pin again", "Unpin", "Swap", "Time both"}
    assert pinned.row("parameters")[2] == "same"

    pinned.edit(filters=4)

    assert pinned.panel.pinned.architecture == NET
    assert pinned.row("filters") == ["2", "4"]
    a, b, beside = pinned.row("parameters")
    assert a != b
    designs = pinned.panel.pinned, pinned.state.design
    assert beside == percent_change(*(design.report.total_params for design in designs))
    name = "U-Net, own settings"  # as in the bar
    assert f"A, pinned: {name} with filters 2. B, shown: {name} with filters 4." in pinned.said


def test_the_diagram_is_given_the_graphs_that_are_shown(pinned):
    pinned.edit(filters=4)

    comparison = pinned.drawn[-1]
    assert comparison.b is pinned.state.design.graph
    assert comparison.a is pinned.panel.pinned.graph
    assert comparison.state_of("block-stack0_enc0") == "changed"


def test_a_new_selection_compares_nothing_anew(pinned):
    drawn, tables = list(pinned.drawn), pinned.view._tables.parts

    pinned.panel.show(Scene(pinned.state.design, selected="block-stack0_enc0"))

    assert pinned.drawn == drawn
    assert pinned.view._tables.parts is tables


def test_an_equal_design_with_a_new_graph_is_compared_anew(pinned):
    pinned.panel.show(Scene(attrs.evolve(pinned.state.design)))

    assert len(pinned.drawn) == 2
    assert pinned.drawn[0].b is not pinned.drawn[1].b


def test_the_pinned_network_is_compared_at_the_others_input(pinned):
    pinned.state.update(input=Input(64, 32, 3, batch_size=2))

    assert pinned.panel.pinned.input == SIZE
    assert pinned.drawn[-1].a.input_shape == (64, 32, 3)
    assert pinned.row("input") == ["64×32×3", "64×32×3", "same"]
    assert "[busy]" not in pinned.said


def test_a_network_that_cannot_take_the_others_input_keeps_its_own_and_says_so(pinned):
    pinned.state.update(
        architecture=attrs.evolve(NET, down_blocks=1, up_blocks=1), input=Input(34, 34, 1)
    )

    assert pinned.drawn[-1].a.input_shape == (32, 32, 1)
    assert "A cannot take B's input of 34 × 34 × 1" in pinned.said
    assert "height=34" in pinned.said
    assert "use 32 or 36" in pinned.said
    assert pinned.row("height") == ["32", "34"]
    pinned.state.update(input=Input(36, 36, 1))
    assert pinned.drawn[-1].a.input_shape == (36, 36, 1)
    assert "cannot" not in pinned.said


class OnlyGrey(UNet):
    def make_backbone(self, x_in, current_stride=1):
        scale = {1: 1}[x_in.shape[-1]]
        return super().make_backbone(x_in, scale * current_stride)


def test_a_bug_that_shows_at_the_others_input_is_told_with_its_kind_and_place(stage):
    stage.state.update(architecture=OnlyGrey(filters=2, down_blocks=2, up_blocks=2))
    stage.view.pin.click()

    stage.state.update(architecture=NET, input=Input(32, 32, 3))

    assert "KeyError: 3 (in OnlyGrey.make_backbone, line" in stage.said


def test_pinning_again_takes_the_network_shown(pinned):
    pinned.edit(filters=4)

    pinned.view.pin.click()

    assert pinned.panel.pinned == pinned.state.design
    assert pinned.row("parameters")[2] == "same"


def test_swapping_exchanges_the_two(pinned):
    pinned.state.update(architecture=LeapCNN(filters=2, down_blocks=2, up_blocks=2))
    other = pinned.state.design

    pinned.view.swap.click()

    assert pinned.state.design == Design(NET, SIZE)
    assert pinned.panel.pinned == other
    assert pinned.row("architecture") == ["LEAP CNN, own settings", "U-Net, own settings"]
    assert pinned.drawn[-1].b is pinned.state.design.graph
    pinned.view.swap.click()
    assert pinned.state.design == other
    assert pinned.panel.pinned.architecture == NET


def test_swapping_brings_the_size_of_a_network_that_needs_it(pinned):
    pinned.state.update(
        architecture=attrs.evolve(NET, down_blocks=1, up_blocks=1), input=Input(34, 34, 1)
    )

    pinned.view.swap.click()

    assert pinned.state.design == Design(NET, SIZE)
    assert pinned.panel.pinned.input == Input(34, 34, 1)


def test_swapping_equal_networks_changes_nothing(pinned):
    before = pinned.state.design

    pinned.view.swap.click()

    assert pinned.state.design is before
    assert pinned.panel.pinned is before


def test_the_diagram_shows_b_alone_while_nothing_is_pinned_or_the_panel_is_hidden(pinned):
    pinned.panel.hide()
    assert pinned.drawn[-1] is None
    pinned.panel.hide()
    assert len(pinned.drawn) == 2

    pinned.panel.show(Scene(pinned.state.design))
    assert pinned.drawn[-1].b is pinned.state.design.graph

    pinned.view.unpin.click()
    assert pinned.drawn[-1] is None
    assert pinned.panel.pinned is None
    assert pinned.tables == ""
    assert pinned.visible() == {"Pin as A"}


def test_what_the_state_refuses_is_alerted(worker):
    stage = Stage()
    stage.panel._how = partial(int, "no measurement")
    stage.view.pin.click()

    stage.view.time.click()

    assert "no measurement" in stage.alerts[0]


# The times.


def timing(median: float, **facts) -> Timing:
    values = {
        "p10": median,
        "p90": 2 * median,
        "runs": 40,
        "warmup_runs": 5,
        "is_steady": True,
        "compile_time": 0.3,
        "first_call_time": 0.1,
        "batch_size": 2,
        "input_shape": (32, 32, 1),
        "dtype": "float32",
        "device": "CPU (a <processor>)",
        "device_name": "CPU:0",
        "device_memory_bytes": None,
        "backend": "TensorFlow 2",
        "compiler": "graph",
        "step": "forward pass",
        "flops": None,
        "peak_flops_per_second": 1e12,
        "peak_memory_bytes": None,
        "xla": None,
    }
    return Timing(median=median, **values | facts)


def pair_timing(speedup: float, low: float, high: float) -> PairTiming:
    return PairTiming(
        a=timing(0.018), b=timing(0.01, is_steady=False), speedup=speedup, low=low, high=high
    )


FASTER = pair_timing(1.8, 1.75, 1.86)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (FASTER, "B is 1.80 times as fast as A (1.75 to 1.86)."),
        (pair_timing(0.5, 0.4, 0.625), "B takes 2.00 times as long as A (1.60 to 2.50)."),
        (
            pair_timing(1.01, 0.98, 1.03),
            "No difference was measured: B is 1.01 times as fast as A (0.98 to 1.03).",
        ),
        (pair_timing(31.26, 28, 120.4), "B is 31.3 times as fast as A (28.0 to 120)."),
    ],
)
def test_the_faster_one_is_named_with_the_interval(found, text):
    assert speed_text(found) == text


def test_both_are_timed_on_request(pinned, worker):
    pinned.edit(filters=3)
    pinned.state.update(input=Input(64, 64, 1, batch_size=2))

    pinned.view.time.click()

    owner, work, done, _ = worker.requests[-1]
    assert owner is pinned.panel._asking
    assert work == TimePair(NET, (64, 64, 1), WIDE, (64, 64, 1), 2, HOW)
    assert "run in turns" in pinned.result
    assert "Stop" in pinned.visible()
    done(FASTER)
    for text in (
        "B is 1.80 times as fast as A (1.75 to 1.86).",
        "median | 18.0 ms | 10.0 ms",
        "40 runs of each in turns after 5",
        "CPU (a <processor>), TensorFlow 2, float32",
        "2 × 32 × 32 × 1",
    ):
        assert text in pinned.result
    assert "Stop" not in pinned.visible()


def test_a_keras_that_starts_is_said_to(pinned, worker):
    worker.is_ready = False

    pinned.view.time.click()

    assert "Keras is starting" in pinned.result


@pytest.mark.parametrize("shown", [True, False], ids=["shown", "hidden"])
def test_an_edit_takes_the_old_times_away(pinned, worker, shown):
    pinned.view.time.click()
    worker.requests[-1][2](FASTER)
    if not shown:
        pinned.is_open = False
        pinned.panel.hide()

    pinned.edit(filters=4)

    assert pinned.result == ""
    assert worker.cancelled == [], "what was answered needs no giving up"


@pytest.mark.parametrize("button", ["pin", "unpin", "swap", "stop"])
def test_a_measurement_that_nobody_waits_for_is_dropped(pinned, worker, button):
    pinned.edit(filters=4)
    pinned.view.time.click()
    _, _, done, failed = worker.requests[-1]

    getattr(pinned.view, button).click()

    assert worker.cancelled == [pinned.panel._asking]
    done(FASTER)
    failed(RuntimeError("too late"))
    assert pinned.result == ""
    assert "Stop" not in pinned.visible()


def test_an_answer_does_not_outlast_a_newer_question(pinned, worker):
    pinned.view.time.click()
    pinned.view.time.click()
    (_, _, first, _), (_, _, second, _) = worker.requests

    first(FASTER)
    assert "run in turns" in pinned.result
    second(FASTER)
    assert "1.80 times" in pinned.result


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("<b>bad</b>"), "<b>bad</b>"),
        (KeyError(), "KeyError"),
        (WorkerDied("It crashed."), "It crashed. The next measurement starts it again."),
    ],
)
def test_a_failure_is_said_on_the_screen(pinned, worker, error, text):
    pinned.view.time.click()

    worker.requests[-1][3](error)

    assert text in pinned.result
    assert "[bad]" in pinned.result
    assert "Stop" not in pinned.visible()
    assert pinned.row("parameters")[2] == "same", "the tables stay"


def test_closing_drops_the_request_and_the_subscription(pinned, worker):
    pinned.view.time.click()

    pinned.panel.close()
    pinned.panel.close()

    assert worker.cancelled == [pinned.panel._asking]
    assert pinned.panel._design_changed not in pinned.state._listeners


# The tables.


def shown(a, b, changes=(), shape=(32, 32, 1)) -> ComparisonView:
    graphs = trace(a, shape), trace(b, shape)
    view = ComparisonView()
    view.show(("A", "B"), compare(*graphs), figures(*map(analyze, graphs)), changes)
    return view


def test_every_table_has_a_caption_and_named_rows_and_columns():
    tables = all_of(Table, shown(NET, WIDE, [Change("filters", 2, 3)])._tables)

    assert len(tables) == 4
    for table in tables:
        assert table.caption
        assert all(head.text for head in table.heads)
        for row in table.rows:
            assert row.name
            assert len(row.cells) == len(table.heads) - 1


def test_only_figures_that_differ_stand_out():
    table = all_of(Table, shown(NET, WIDE)._tables)[0]

    differs = {row.name: row.differs for row in table.rows}
    assert differs["parameters"] is differs["MACs"] is True
    assert differs["layers"] is differs["maximum stride"] is False


def test_what_changed_in_a_block_is_said_once():
    text = said(shown(NET, attrs.evolve(NET, kernel_size=5))._tables)

    assert "encoder 0 | changed | kernel size 3 → 5" in text.splitlines()


def test_many_changes_of_a_block_are_counted():
    a, b = (
        Custom(encoder=(SimpleConvBlock(filters=n, kernel_size=n, use_bias=n == 2, **options),))
        for n, options in ((2, {}), (4, {"activation": "elu", "pooling_stride": 4}))
    )
    text = said(shown(a, b)._tables)

    assert "filters 2 → 4; kernel size 2 → 4; use bias on → off; activation relu → elu; " in text
    assert "elu; and 1 more\n" in f"{text}\n"


def test_what_follows_from_another_input_is_said_where_no_setting_changed():
    a, b = (
        Custom(encoder=(SimpleConvBlock(filters=n, num_convs=1, pool=False), SimpleConvBlock()))
        for n in (2, 4)
    )
    text = said(shown(a, b)._tables)

    assert "| changed | parameters 608 → 1,184" in text
    alone = Custom(encoder=(SimpleConvBlock(num_convs=0),))
    a, b = trace(alone, (32, 32, 1)), trace(alone, (64, 32, 1))
    view = ComparisonView()
    view.show(("A", "B"), compare(a, b), (), ())
    assert "| output 16 × 16 × 1 → 32 × 16 × 1" in said(view._tables)


def test_layers_that_only_one_has_are_counted():
    text = said(shown(NET, attrs.evolve(NET, convs_per_block=3, stacks=2))._tables)

    assert "2 layers only in B" in text
    assert "encoder 0 of stack 1 | only in B | 6 layers" in text.splitlines()


def test_long_lists_and_values_are_cut_short():
    deep = Hourglass(filters=2, stem_filters=2, filter_increase=1, stacks=3)
    changes = [Change(f"field {i}", "x" * 500, None) for i in range(MOST_ROWS + 5)]
    text = said(shown(deep, attrs.evolve(deep, filters=3), changes, (64, 64, 1))._tables)

    assert text.count("\nfield ") == MOST_ROWS
    assert "… and 5 more." in text
    assert "x" * 81 not in text
    assert "| not set" in text
    assert text.count("| changed |") == MOST_ROWS


# In the worker process.

SHAPE = (16, 16, 1)
TINY = Custom(encoder=(SimpleConvBlock(filters=2, num_convs=1),))
LARGER = Custom(encoder=(SimpleConvBlock(filters=3, num_convs=1),))


def test_a_pair_is_timed_beside_the_kept_model_which_stays_as_it_was(monkeypatch):
    built = []
    build = comparison_tasks.build
    monkeypatch.setattr(
        comparison_tasks,
        "build",
        lambda *args: (lambda model: built.append(ref(model)) or model)(build(*args)),
    )
    image = np.ones((1, *SHAPE), "float32")
    kept = keras_tasks.ready_model(LARGER, SHAPE, 1, Measurement())
    before = np.asarray(kept.model(image))
    keras.config.disable_traceback_filtering()  # as the worker does
    keras.layers.Dropout(0.5)

    found = run_pair(TINY, (32, 16, 1), LARGER, SHAPE, 2, time_limit=0)

    assert (found.a.input_shape, found.b.input_shape) == ((32, 16, 1), SHAPE)
    for timed, net, shape in ((found.a, TINY, (32, 16, 1)), (found.b, LARGER, SHAPE)):
        assert timed.flops == 2 * analyze(trace(net, shape)).flops
    assert found.a.batch_size == 2
    assert keras_tasks.ready_model(LARGER, SHAPE, 1, Measurement()) is kept
    np.testing.assert_array_equal(kept.model(image), before)
    assert [made() for made in built] == [None], "A is given up"
    assert keras.layers.Dropout(0.5).name == "dropout", "Keras counts the names of no old layers"
    assert not keras.config.is_traceback_filtering_enabled()


def test_what_is_free_must_hold_both(monkeypatch):
    reports = [analyze(trace(net, SHAPE)) for net in (TINY, LARGER)]
    needed = sum(needed_bytes(report, 1) for report in reports) - reports[1].weights_bytes
    ask = partial(run_pair, TINY, SHAPE, LARGER, SHAPE, 1, time_limit=0)

    monkeypatch.setattr(comparison_tasks, "free_bytes", lambda device: needed)
    assert ask().speedup > 0
    monkeypatch.setattr(comparison_tasks, "free_bytes", lambda device: needed - 1)
    with pytest.raises(RunAgain):
        ask()
    monkeypatch.setattr(keras_tasks, "is_afresh", lambda: True)
    with pytest.raises(RunAgain) as told:
        ask()
    assert told.value.refusal.startswith("Timing both models"), "it may fit, so it is tried"
    monkeypatch.setattr(comparison_tasks, "free_bytes", lambda device: needed // 4)
    with pytest.raises(NotEnoughMemory, match="Timing both models"):
        ask()


def test_both_are_measured_as_wished():
    how = Measurement(precision="mixed_bfloat16", step="training step")

    found = run_pair(TINY, SHAPE, LARGER, SHAPE, 1, how, time_limit=0)

    assert [(t.dtype, t.step) for t in (found.a, found.b)] == [("bfloat16", "training step")] * 2


def test_two_models_that_fit_alone_but_not_together_are_refused():
    reports = [analyze(trace(net, (64, 64, 1))) for net in (NET, WIDE)]
    needed = sum(needed_bytes(report, 4) for report in reports)
    check_both_fit(reports, 4, free=needed)
    check_both_fit(reports, 4, free=needed - 100, held=100)
    check_both_fit(reports, 4, free=None)

    with pytest.raises(NotEnoughMemory, match="a batch of at most 3") as refused:
        check_both_fit(reports, 4, free=needed - 1, device="GPU")
    assert "of memory of the GPU is free" in str(refused.value)
    with pytest.raises(NotEnoughMemory, match=r"free: use smaller images"):
        check_both_fit(reports, 1, free=1000)


class HereWorker(StillWorker):
    """A worker that runs what it is asked at once, in this process."""

    def submit(self, owner, work, done, failed) -> None:
        done(answer(work))


def test_two_architectures_can_be_timed_from_a_cell(monkeypatch):
    monkeypatch.setattr(timing_functions, "shared_worker", HereWorker)

    found = time_pair(TINY, LARGER, [16, 16, 1], batch_size=2, time_limit=0)

    assert found.a.runs == found.b.runs == FEWEST_FOR_INTERVAL
    assert found.b.batch_size == 2
    with pytest.raises(ParameterError, match="batch_size=0"):
        time_pair(TINY, LARGER, SHAPE, batch_size=0)
    with pytest.raises(ParameterError, match="compiler='gcc'"):
        time_pair(TINY, LARGER, SHAPE, compiler="gcc")
