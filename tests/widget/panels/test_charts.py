"""The charts: what they show, what is sent of it, and what is said about it."""

import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import attrs
import plotly.graph_objects as go
import pytest

from explorer import (
    Head,
    Hourglass,
    LeapCNN,
    ResidualHourglass,
    ResNet,
    UNet,
    analyze,
    presets,
)
from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.quantities import QUANTITIES
from explorer.core.analysis.report import memory_curve
from explorer.core.drawing.palette import LIGHT
from explorer.core.editing.snapshot import Scene
from explorer.core.formatting import byte_size, short_count
from explorer.core.network.graph import Graph, input_feature
from explorer.core.network.layers import Conv2D
from explorer.core.network.layers.foreign import Foreign
from explorer.core.network.names import block_id, layer_id, nodes_of
from explorer.core.network.tracing import trace
from explorer.widget.panels.charts.data import MAX_LABELS, ChartData
from explorer.widget.panels.charts.figure import MEMORY, dark_theme, drawing_of, style_sheet
from explorer.widget.panels.charts.panel import Charts
from explorer.widget.panels.charts.steps import steps_of
from tests.said import said

NET = UNet(filters=4, down_blocks=2, up_blocks=2)
DESIGN = Design(NET, Input(32, 32, 1))
TIMES = {node.name: 0.001 * i for i, node in enumerate(DESIGN.graph)}


def like_a_design(graph):
    parts = {"report": analyze(graph), "memory": memory_curve(graph)}
    return SimpleNamespace(graph=graph, input=Input(), **parts)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr("explorer.widget.panels.charts.panel.PAUSE", 0.0)


def show(charts, scene):
    """Show a scene, and wait until it is drawn."""
    charts.show(scene)
    charts._settling.join(timeout=60)


def loaded(select=lambda _: None, scene=None):
    """Return charts that show a scene."""
    charts = Charts(select)
    charts.show(scene or Scene(DESIGN))
    charts.loading.join(timeout=60)
    return charts


def figure_of(charts):
    return charts.children[-1]


def points_of(charts, name):
    return next(trace for trace in figure_of(charts).data if trace.meta == name)


def messages_of(charts):
    """Return a list to which each message to the browser is added."""
    messages = []
    figure_of(charts).observe(
        lambda change: messages.append(change.new) if change.new else None, names="_py2js_update"
    )
    return messages


# What stands along the axis.


def test_steps_are_the_layers_or_the_blocks_in_the_order_of_an_image():
    layers = steps_of(DESIGN.graph, by_block=False)
    blocks = steps_of(DESIGN.graph, by_block=True)
    assert [step.name for step in layers] == [node.name for node in DESIGN.graph]
    assert [step.selection for step in blocks] == [
        "alone-image_in",
        *(f"block-stack0_enc{i}" for i in range(5)),
        *(f"block-stack0_dec{i}" for i in range(2)),
    ]
    assert [step.role for step in blocks] == [
        *("input", "encoder", "encoder", "encoder", "middle", "middle", "decoder", "decoder")
    ]
    assert sum(len(step.nodes) for step in blocks) == len(DESIGN.graph)
    for step in (*layers, *blocks):
        assert nodes_of(DESIGN.graph, step.selection) == step.nodes


@pytest.mark.parametrize("architecture", presets.values(), ids=list(presets))
def test_the_longest_path_leads_through_every_block_and_around_every_skip(architecture):
    graph = trace(architecture, (256, 256, 1))
    path = wiring_of(graph).longest_path()
    assert path[0] is graph.nodes[0]
    assert path[-1] in graph.outputs
    assert all(source in node.inputs for source, node in pairwise(path))
    assert {node.block for node in path} == {node.block for node in graph}


def levels(architecture):
    graph = trace(architecture, (256, 256, 1))
    return [(skip.source.shape[0], skip.join.block.role) for skip in wiring_of(graph).skips]


def test_skips_are_the_links_that_pass_by_a_block():
    # In the order in which the decoder uses them.
    assert levels(UNet()) == [(size, "decoder") for size in (32, 64, 128, 256)]
    assert levels(UNet(heads=(Head("fine"), Head("coarse", stride=4)))) == levels(UNet())
    assert levels(LeapCNN()) == []
    # The blocks of a ResNet have shortcuts of their own, which pass by no block.
    assert levels(ResNet()) == []
    assert levels(Hourglass(2, 2, stacks=2)) == [(32, "decoder"), (64, "decoder")] * 2
    # Between stacks, what went into one is added to what comes out of it.
    assert (64, "merge") in levels(ResidualHourglass(stacks=2))


# What is shown of each step.


@pytest.mark.parametrize("by_block", [False, True])
@pytest.mark.parametrize(
    ("measure", "total"),
    [
        ("parameters", DESIGN.report.total_params),
        ("MACs", DESIGN.report.macs),
        ("memory", sum(row.memory_bytes for row in DESIGN.report.layers)),
        ("time", sum(TIMES.values())),
    ],
)
def test_each_figure_adds_up_to_that_of_the_network(measure, total, by_block):
    data = ChartData(DESIGN, TIMES, measure, by_block)
    assert sum(data.values) == pytest.approx(total)
    traces = data.traces()
    bars = dict(
        pair for role in LIGHT.cards for pair in zip(*list(traces[role].values()), strict=True)
    )
    assert [bars[i] for i in range(len(data.steps))] == data.values == traces["value"]["y"]


def test_memory_is_that_of_the_whole_batch_and_the_rest_that_of_one_image():
    one, four = Design(NET, Input(32, 32, 1)), Design(NET, Input(32, 32, 1, batch_size=4))
    for measure, factor in (("parameters", 1), ("MACs", 1), ("memory", 4)):
        values = ChartData(one, {}, measure).values
        assert ChartData(four, {}, measure).values == [factor * value for value in values]
    assert ChartData(four).traces()["total"]["y"] == [
        4 * size for size in ChartData(one).traces()["total"]["y"]
    ]
    assert "4 images" in ChartData(four).titles()[1]


@pytest.mark.parametrize("by_block", [False, True])
def test_the_areas_of_the_memory_add_up_and_their_highest_is_the_peak(by_block):
    traces = ChartData(DESIGN, by_block=by_block).traces()
    stacked = [sum(sizes) for sizes in zip(*(traces[name]["y"] for name in MEMORY), strict=True)]
    assert stacked[:-1] == traces["total"]["y"]
    assert max(stacked) == DESIGN.report.peak_activation_bytes
    assert traces["own"]["x"] == [i - 0.5 for i in range(len(stacked))]


def test_the_last_chart_shows_the_u_and_its_skips_by_block():
    traces = ChartData(Design(UNet()), by_block=True).traces()
    assert traces["height"]["y"] == [256, 256, 128, 64, 32, 16, 16, 16, 32, 64, 128, 256]
    assert traces["channels"]["y"] == [1, 64, 128, 256, 512, 512, 1024, 1024, 512, 256, 128, 64]
    assert traces["skips"] == {
        "x": [1, 11, None, 2, 10, None, 3, 9, None, 4, 8, None],
        "y": [256, 256, None, 128, 128, None, 64, 64, None, 32, 32, None],
    }


def test_labels_give_exact_numbers_with_their_units_and_no_markup_of_names():
    data = ChartData(DESIGN, TIMES, "time")
    traces = data.traces()
    row = DESIGN.report.layers[2]
    assert traces["value"]["hovertext"][2] == (
        f"<b>{row.name}</b><br>2.00 ms<br>{row.kind}, output 32 × 32 × 4"
    )
    assert "32 × 32 px, 4 channels" in traces["size"]["hovertext"][2]
    first = ChartData(DESIGN, {}, "MACs").traces()["value"]["hovertext"][1]
    assert f"<br>{32 * 32 * 3 * 3 * 4:,} MACs<br>" in first
    point = data.memory[2]
    for size in (point.total_bytes, point.own_bytes, point.input_bytes, point.held_bytes):
        assert byte_size(size) in traces["total"]["hovertext"][2]
    odd = steps_of(Graph([Conv2D(name="<i>&", filters=1)(input_feature((2, 2, 1)))]), False)
    assert "&lt;i&gt;&amp;" in odd[-1].heading


@pytest.mark.parametrize(
    ("largest", "measure", "labels"),
    [
        (9_438_208, "parameters", ["0", "3 M", "6 M", "9 M"]),
        (2, "parameters", ["0", "1", "2"]),
        (0, "time", []),
        (0.043, "time", ["0 µs", "20 ms", "40 ms"]),
        (67_108_864, "memory", ["0 B", "16 MiB", "32 MiB", "48 MiB", "64 MiB"]),
    ],
)
def test_ticks_are_round_and_say_what_they_stand_for(largest, measure, labels):
    data = ChartData(DESIGN, {}, measure)
    data.__dict__["values"] = [largest]
    axis = data.axes()["yaxis"]
    assert axis["ticktext"] == labels
    assert len(axis["tickvals"]) == len(labels)
    assert axis["range"][1] > max([largest, *axis["tickvals"]])


def test_the_axis_of_sizes_has_powers_of_two_that_span_them():
    axis = ChartData(Design(UNet())).axes()["yaxis3"]
    assert axis["ticktext"] == ["1", "4", "16", "64", "256", "1,024"]
    assert 10 ** axis["range"][0] < 1 < 1024 < 10 ** axis["range"][1]


@pytest.mark.parametrize("by_block", [False, True])
@pytest.mark.parametrize("architecture", [ResNet(depth=152), Hourglass(stacks=8), NET])
def test_names_along_the_axis_are_those_of_blocks_and_not_too_many(architecture, by_block):
    data = ChartData(Design(architecture), by_block=by_block)
    axis = data.axes()["xaxis"]
    assert 2 <= len(axis["ticktext"]) <= MAX_LABELS + 1
    for position, name in zip(axis["tickvals"], axis["ticktext"], strict=True):
        first = data.steps[int(position + 0.5)].nodes[0]
        assert first.block
        assert name == wiring_of(data.design.graph).title_in_stack(first)


def test_a_selection_marks_runs_of_steps_in_both_ways_to_show_them():
    of_block = nodes_of(DESIGN.graph, "block-stack0_enc1")
    of_layer = nodes_of(DESIGN.graph, "layer-stack0_enc1_conv0")
    by_layer, by_block = ChartData(DESIGN), ChartData(DESIGN, by_block=True)
    place = by_layer.place
    assert by_layer.runs(of_block) == [(place[of_block[0]], place[of_block[-1]])]
    assert by_layer.runs(of_layer) == [(place[of_layer[0]],) * 2]
    assert by_block.runs(of_block) == by_block.runs(of_layer) == [(2, 2)]
    assert by_layer.runs([]) == []
    apart = [DESIGN.graph.nodes[i] for i in (1, 2, 5)]
    assert by_layer.runs(apart) == [(1, 2), (5, 5)]


# What is said.


def test_the_layers_with_most_are_named_with_their_share():
    data = ChartData(DESIGN)
    rows = sorted(DESIGN.report.layers, key=lambda row: -row.params)[:3]
    share = sum(row.params for row in rows) / DESIGN.report.total_params
    sentence = data.sentences()[0]
    assert all(row.name in sentence for row in rows)
    assert f"{share:.0%} of all {short_count(DESIGN.report.total_params)}" in sentence
    by_block = ChartData(DESIGN, by_block=True).sentences()[0]
    assert "middle 1" in by_block
    assert "conv" not in by_block


def test_without_times_it_is_said_how_to_get_them():
    assert "Time every layer" in ChartData(DESIGN, {}, "time").sentences()[0]
    assert "Time every layer" not in ChartData(DESIGN, TIMES, "time").sentences()[0]


def test_the_peak_and_the_largest_skip_are_named():
    sentence = ChartData(DESIGN).sentences()[1]
    # At the last concatenation: 4 + 4 channels of 32 × 32 and what they become, nothing else.
    assert "peaks at 64.0 KiB in stack0_dec1_s2_to_s1_skip_concat, none of it held" in sentence
    # In the middle: 4 channels of 32 × 32 and 8 of 16 × 16.
    assert "24.0 KiB; the largest share is the output of stack0_enc0_act1_relu" in sentence
    assert "16.0 KiB, held until stack0_dec1_s2_to_s1_skip_concat" in sentence


def test_what_an_output_of_the_model_holds_is_said_to_be_one():
    large = Conv2D(name="large", filters=8)(input_feature((2, 2, 1)))
    last = Conv2D(name="last", filters=1)(Conv2D(name="small", filters=1)(large))
    sentence = ChartData(like_a_design(Graph([large, last]))).sentences()[1]
    assert sentence.endswith(
        "the output of large, 128 B, held to the end, as an output of the model."
    )


def test_a_network_without_skips_is_said_to_have_none():
    memory, sizes = ChartData(Design(LeapCNN())).sentences()[1:]
    assert "Most is held" not in memory
    assert "no skip connections" in sizes
    assert "256 px down to 32 px and ends at 256 px" in sizes


def test_layers_of_which_little_is_known_are_named():
    image = input_feature((8, 8, 1))
    flat = Foreign(name="flat", keras_class="Dense", shape=(7,))(image)
    data = ChartData(like_a_design(Graph([flat])), {}, "MACs")
    assert data.sentences()[0] == ("No layer is known to do MACs. Those of flat are not known.")
    assert data.traces()["height"] == {"x": [0], "y": [8]}
    drawing_of(data)


# What plotly gets.


@pytest.mark.parametrize("by_block", [False, True])
def test_every_preset_can_be_drawn_with_every_figure(by_block):
    charts = loaded()
    charts._steps.value = "by block" if by_block else "by layer"
    for measure, architecture in zip(list(QUANTITIES) * 9, presets.values(), strict=False):
        charts._measure.value = measure
        design = Design(architecture)
        show(charts, Scene(design, "block-stack0_enc0"))
        total = points_of(charts, "total")
        assert len(total.x) == len(steps_of(design.graph, by_block))
        assert max(total.y) == design.report.peak_activation_bytes
        go.Figure(figure_of(charts).to_dict())  # checks all properties, as an update does not
        assert "could not be drawn" not in said(charts._words)


def test_there_is_one_figure_and_only_what_changed_is_sent():
    charts = loaded()
    figure, messages = figure_of(charts), messages_of(charts)

    data = charts._data
    show(charts, Scene(Design(UNet(filters=4, down_blocks=2, up_blocks=2), Input(32, 32, 1))))
    assert messages == []
    assert charts._data is data

    show(charts, Scene(DESIGN, "block-stack0_enc0"))
    (message,) = messages
    assert message["style_data"] == {}
    assert set(message["layout_data"]) == {"shapes", "meta"}
    assert [shape["x0"] for shape in figure.to_dict()["layout"]["shapes"]] == [0.5] * 3
    show(charts, Scene(DESIGN, "block-stack0_enc0"))
    assert len(messages) == 1
    names = [trace.meta for trace in figure.data]
    assert len(names) == len(set(names))

    show(charts, Scene(Design(UNet(filters=8, down_blocks=2, up_blocks=2), Input(32, 32, 1))))
    assert len(messages) == 2
    assert "x" not in messages[1]["style_data"]
    assert messages[1]["layout_data"]["shapes"] == []
    assert figure.to_dict()["layout"]["shapes"] == []
    assert points_of(charts, "value").y[1] == 3 * 3 * 8 + 8
    assert figure_of(charts) is figure


def test_the_first_call_returns_at_once_and_the_latest_scene_is_shown():
    charts = Charts(lambda _: None)
    assert "being made" not in said(charts._words)
    other = Design(LeapCNN(filters=3), Input(32, 32, 1))
    with charts._lock:  # as if plotly took its time
        charts.show(Scene(DESIGN))
        assert "being made" in said(charts._words)
        charts.show(Scene(other))
    charts.loading.join(timeout=60)
    assert len(points_of(charts, "total").x) == len(other.graph)


def test_while_edits_follow_each_other_only_the_last_one_is_drawn(monkeypatch):
    charts = loaded()
    messages = messages_of(charts)
    monkeypatch.setattr("explorer.widget.panels.charts.panel.PAUSE", 0.2)
    for filters in (5, 6, 7):
        charts.show(Scene(Design(attrs.evolve(NET, filters=filters), Input(32, 32, 1))))
    assert messages == []
    charts._settling.join(timeout=60)
    assert points_of(charts, "value").y[1] == 3 * 3 * 7 + 7
    assert len(messages) == 1


def test_hidden_charts_draw_nothing_and_what_counts_when_they_are_shown_again(monkeypatch):
    charts = loaded()
    messages = messages_of(charts)
    monkeypatch.setattr("explorer.widget.panels.charts.panel.PAUSE", 0.05)
    charts.show(Scene(Design(attrs.evolve(NET, filters=5), Input(32, 32, 1))))
    charts.hide()
    charts._settling.join(timeout=60)
    assert messages == []
    charts.show(Scene(Design(attrs.evolve(NET, filters=6), Input(32, 32, 1))))
    assert points_of(charts, "value").y[1] == 3 * 3 * 6 + 6, "at once"


def test_charts_that_were_hidden_while_plotly_was_loaded_are_drawn_later():
    charts = Charts(lambda _: None)
    with charts._lock:
        charts.show(Scene(DESIGN))
        charts.hide()
    charts.loading.join(timeout=60)
    assert charts._figure is None
    charts.show(Scene(DESIGN))
    assert len(points_of(charts, "total").x) == len(DESIGN.graph)


def test_a_page_that_is_loaded_again_starts_from_what_is_shown():
    charts = loaded()
    show(charts, Scene(Design(LeapCNN(filters=3), Input(32, 32, 1))))
    state = figure_of(charts).get_state()
    named = {trace["meta"]: trace for trace in state["_widget_data"]}
    assert list(named["value"]["y"]) == list(points_of(charts, "value").y)
    assert state["_widget_layout"]["meta"] == charts._frame.drawing == 2


def test_choosing_another_figure_changes_the_first_chart_only():
    charts = loaded(scene=Scene(DESIGN, times=TIMES))
    messages = messages_of(charts)
    charts._measure.value = "time"
    (message,) = messages
    assert "yaxis2.range" not in message["layout_data"]
    assert list(points_of(charts, "value").y) == list(TIMES.values())
    assert "Time by layer" in said(charts._words)
    charts._steps.value = "by block"
    assert len(points_of(charts, "value").y) == 8


def test_the_page_is_told_what_each_step_is():
    charts = loaded()
    told = [(step.id, step.block) for step in charts._frame.steps]
    assert told == [(layer_id(node), block_id(node)) for node in DESIGN.graph]
    charts._steps.value = "by block"
    blocks = list(dict.fromkeys(map(block_id, DESIGN.graph)))
    assert [(step.id, step.block) for step in charts._frame.steps] == [(b, b) for b in blocks]


def click(charts, name, place):
    """Send what the browser sends for a click on a point."""
    figure = figure_of(charts)
    index = [trace.meta for trace in figure.data].index(name)
    points = {"trace_indexes": [index], "point_indexes": [0], "xs": [place], "ys": [0]}
    figure._js2py_pointsCallback = {
        "event_type": "plotly_click",
        "points": points,
        "device_state": None,
        "selector": None,
    }


def test_a_click_selects_the_layer_or_the_block():
    selected = []
    charts = loaded(selected.append)
    click(charts, "value", 2)
    click(charts, "total", 3)
    charts._steps.value = "by block"
    click(charts, "size", 1)
    click(charts, "size", 99)  # on what an update has just taken away
    assert "could not be drawn" not in said(charts._words)
    names = [node.name for node in DESIGN.graph]
    assert selected == [f"layer-{names[2]}", f"layer-{names[3]}", "block-stack0_enc0"]


def test_a_plot_that_missed_an_update_is_replaced_by_one_that_shows_it():
    charts = loaded()
    show(charts, Scene(Design(LeapCNN(filters=3), Input(32, 32, 1)), "block-stack0_enc0"))
    before = figure_of(charts)
    charts._frame._handle_custom_msg({"missed": 1}, [])  # of the drawing before: on its way
    assert figure_of(charts) is before
    charts._frame._handle_custom_msg({"missed": charts._frame.drawing}, [])
    after = figure_of(charts)
    assert after is not before
    assert before.comm is None
    assert after.layout.meta == charts._frame.drawing
    assert len(after.to_dict()["layout"]["shapes"]) == 3
    assert list(points_of(charts, "value").y) == list(before.data[-3].y)
    show(charts, Scene(DESIGN))
    assert len(points_of(charts, "value").y) == len(DESIGN.graph)


def test_a_page_gets_plotlys_code_when_it_asks_for_it(monkeypatch):
    charts = loaded()
    assert len(figure_of(charts)._esm) < 20_000
    got = SimpleQueue()
    monkeypatch.setattr(type(charts._frame), "send", lambda _, *message: got.put(message))
    charts._frame._handle_custom_msg({"wants": "plotly"}, [])
    message, (code,) = got.get(timeout=10)
    assert message == {"code": "plotly"}
    assert b"as default" in code[-5_000_000:]


def test_an_error_is_shown_and_the_next_design_drawn():
    charts = loaded()
    broken = SimpleNamespace(graph=DESIGN.graph, report=None, input=DESIGN.input)
    show(charts, Scene(broken))
    assert "could not be drawn" in said(charts._words)
    show(charts, Scene(DESIGN))
    assert "could not be drawn" not in said(charts._words)


def test_closing_the_charts_closes_the_plot():
    charts = loaded()
    figure = figure_of(charts)
    charts.close()
    assert figure.comm is None
    assert charts.comm is None


def luminance(colour):
    """Return the relative luminance of WCAG 2."""
    parts = [part / 255 for part in bytes.fromhex(colour[1:])]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_what_is_drawn_stands_out_on_light_and_on_dark_backgrounds():
    rules = style_sheet()
    for light, dark in dark_theme().items():
        assert contrast(light, "#ffffff") >= 3
        assert min(contrast(dark, "#111111"), contrast(dark, "#212121")) >= 3
        assert f"fill: {dark} !important" in rules
    drawn = {header for header, _ in LIGHT.cards.values()} | {
        colour for colour, _ in MEMORY.values()
    }
    assert drawn <= set(dark_theme())


def test_plotly_is_not_loaded_before_charts_are_shown():
    code = (
        "import sys; from explorer.widget.panels.charts.panel import Charts; Charts(print)\n"
        "assert not {'plotly', 'tensorflow', 'keras'} & set(sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_output_that_is_held_to_the_end_is_said_to_be():
    net = UNet(filters=2, down_blocks=2, up_blocks=2, heads=(Head("wide", 900, 4), Head("end", 1)))
    data = ChartData(Design(net, Input(32, 32, 1)), {}, "parameters", False)

    assert "to the end, as an output of the model" in data.sentences()[1]


def test_the_kernel_does_not_wait_for_plotlys_code(monkeypatch):
    charts = Charts(lambda _: None)
    go_on, sent = threading.Event(), threading.Event()

    def slow() -> bytes:
        assert go_on.wait(10)
        return b"code"

    monkeypatch.setattr("explorer.widget.panels.charts.plot.plot_code", slow)
    monkeypatch.setattr(charts._frame, "send_message", lambda *_: sent.set())
    charts._frame._handle_custom_msg({"wants": "plotly"}, [])
    assert not sent.is_set()
    go_on.set()
    assert sent.wait(10)
    charts.close()
