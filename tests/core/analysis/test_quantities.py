"""The one list of what is counted, and that all views take theirs from it."""

import re
from types import SimpleNamespace

import keras
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import UNet, analyze, read, trace
from explorer.core.analysis.comparison import figures
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.quantities import (
    MACS,
    MEMORY,
    PARAMETERS,
    QUANTITIES,
    TIME,
    Quantity,
    Total,
    of_networks,
)
from explorer.core.drawing.boxes import cards_of, links_of
from explorer.core.drawing.dot import DiagramOptions, Drawing
from explorer.core.drawing.items import items_of
from explorer.core.editing.snapshot import Scene
from explorer.core.network.parameters import parameters_of
from explorer.widget.messages import LayerTotal
from explorer.widget.panels.charts.data import ChartData
from explorer.widget.panels.charts.panel import Charts
from explorer.widget.panels.inspector.panel import Inspector
from explorer.widget.panels.layers.panel import LayerTable
from explorer.widget.panels.totals.panel import Totals
from tests.said import said
from tests.strategies import architectures, shapes_for

DESIGN = Design(UNet(filters=2, down_blocks=1, up_blocks=1), Input(32, 16, 3))
TIMES = {node.name: 0.001 * (i + 1) for i, node in enumerate(DESIGN.graph) if node.inputs}

ENERGY = Quantity(
    name="energy",
    words="joules",
    doc="What a layer uses up",
    of=lambda layer: None if layer.kind == "Concatenate" else 2 * layer.params + 1_234_567,
    of_network=lambda report, _: Total(7_654_321 + len(report.layers), is_all=False),
    parts={"energy of the fan": lambda report: 42},
    title="Energy",
    most="Most energy is used by",
    none="No layer uses energy.",
)


class Own(keras.layers.Layer):
    """A layer that nobody knows."""

    def call(self, x):
        return keras.ops.flip(x, axis=1)


@given(st.data())
def test_rows_and_nodes_have_the_same_of_each(data):
    architecture = data.draw(architectures)
    graph = trace(architecture, data.draw(shapes_for(architecture)))
    report = analyze(graph)
    times = {node.name: data.draw(st.floats(0, 1)) for node in graph}

    for quantity in QUANTITIES.values():
        assert quantity.values(report.layers, times) == quantity.values(graph, times)
    for quantity in (PARAMETERS, MACS):
        assert quantity.total(report.layers) == quantity.in_network(report)
    assert TIME.total(graph, times).value == pytest.approx(sum(times.values()))


def test_a_networks_memory_is_its_peak_for_the_whole_batch():
    report = DESIGN.report

    assert MEMORY.in_network(report, 3) == Total(report.peak_memory(3))
    assert MEMORY.network_name == "peak memory"


def test_what_is_not_known_is_left_out_and_said():
    image = keras.Input((8, 8, 1))
    graph = read(keras.Model(image, Own()(keras.layers.Conv2D(2, 3)(image))))
    macs = 6 * 6 * 9 * 2

    assert MACS.total(graph) == MACS.in_network(analyze(graph)) == Total(macs, is_all=False)
    assert MACS.told(MACS.total(graph)) == f"≥ {macs} MACs"
    assert MACS.total(graph.outputs) == Total(None, is_all=False)
    assert MACS.told(MACS.total(graph.outputs)) == "MACs unknown"
    assert TIME.total(graph) == Total(0, is_all=False), "an input takes no time"
    assert TIME.in_network(analyze(graph)) == Total(None, is_all=False)


@pytest.mark.parametrize(
    ("part", "whole", "share"),
    [
        (Total(1), Total(4), 0.25),
        (Total(0), Total(4), 0),
        (Total(1, is_all=False), Total(4), None),
        (Total(1), Total(4, is_all=False), None),
        (Total(None), Total(4), None),
        (Total(0), Total(0), None),
    ],
)
def test_shares_are_of_what_is_known_in_full(part, whole, share):
    assert part.share_of(whole) == share


@pytest.mark.parametrize(
    ("quantity", "value", "told", "full"),
    [
        (PARAMETERS, 34_512_128, "34,512,128 parameters", "34,512,128"),
        (MACS, 34_512_128, "34.5 M MACs", "34,512,128"),
        (MEMORY, 2048, "2.00 KiB of output", "2.00 KiB"),
        (TIME, 0.25, "250 ms", "250 ms"),
    ],
)
def test_figures_are_written_with_their_units(quantity, value, told, full):
    assert quantity.told(Total(value)) == told
    assert quantity.full(value) == full


def test_each_has_words_for_all_views():
    assert list(QUANTITIES) == ["parameters", "MACs", "memory", "time"]
    for name, quantity in QUANTITIES.items():
        assert quantity.name == name
        assert quantity.whole.count("{}") == 1
        assert quantity.none.startswith("No layer ")
        assert quantity.doc


# Where they are shown.


def test_diagrams_are_coloured_by_each():
    colour_by = {found.name: found for found in parameters_of(DiagramOptions)}["colour_by"]

    assert colour_by.choices == ("kind", *QUANTITIES)
    assert all(name in colour_by.doc for name in QUANTITIES)


def shown_everywhere(quantities):
    """Return for each view the texts in which quantities are looked for."""
    graph, report = DESIGN.graph, DESIGN.report
    scene = Scene(DESIGN, times=TIMES)
    table, totals, charts = LayerTable(print), Totals(print), Charts(print)
    table.show(scene)
    totals.show(DESIGN, None, None)
    cards = cards_of(graph)
    closed: dict[str, list] = {card.id: [] for card in cards}
    return {
        "columns of the layer table": [column.name for column in table.quantities],
        "choices of the charts": charts._measure.options,
        "figures of a comparison": [figure.name for figure in figures(report, report)],
        "totals": [figure.name for figure in totals.figures],
        "a report's table": re.findall(r"<th [^>]*>([^<]*)</th>", report._repr_html_()),
        "a report's line": repr(report),
        "facts of a box": items_of(graph, cards, closed, report, TIMES)[1].text,
        "charts": {name: ChartData(DESIGN, TIMES, name).sentences()[0][:20] for name in quantities},
    }


@pytest.mark.parametrize("made_up", [False, True])
def test_every_view_shows_those_of_the_list(made_up, monkeypatch):
    if made_up:
        monkeypatch.setitem(QUANTITIES, "energy", ENERGY)
    listed, computed = [*QUANTITIES.values()], of_networks()

    shown = shown_everywhere(QUANTITIES)

    assert shown["columns of the layer table"] == [
        quantity.name
        for quantity in sorted(listed, key=lambda quantity: quantity is TIME)  # last
    ]
    assert list(shown["choices of the charts"]) == [quantity.name for quantity in listed]
    names = [name for quantity in computed for name in (quantity.network_name, *quantity.parts)]
    assert [name for name in shown["figures of a comparison"] if name in names] == names
    assert shown["totals"][: len(computed)] == [quantity.headline for quantity in computed]
    counts = [quantity.words for quantity in computed if quantity.unit == "count"]
    assert shown["a report's table"][3:][: len(counts)] == counts
    assert all(f" {words}" in shown["a report's line"] for words in counts)
    nodes = cards_of(DESIGN.graph)[1].nodes
    for quantity in listed:
        told = quantity.told(quantity.total(nodes, TIMES))
        assert f"{told}{quantity.of_sum}" in shown["facts of a box"]
        assert quantity.most.startswith(shown["charts"][quantity.name])


def test_the_figures_of_a_made_up_one_are_those_that_are_shown(monkeypatch):
    monkeypatch.setitem(QUANTITIES, "energy", ENERGY)
    report = DESIGN.report
    conv = report["stack0_enc0_conv0"]
    energy = 2 * conv.params + 1_234_567
    table, totals = LayerTable(print), Totals(print)
    table.show(Scene(DESIGN))
    totals.show(DESIGN, None, None)

    assert "energy" in [column.name for column in table.quantities]
    rows = {row.name: row for row in table.rows}
    assert rows[conv.name].figures["energy"] == energy
    joined = [row for row in table.rows if row.kind == "Concatenate"]
    assert [row.figures["energy"] for row in joined] == [None]
    assert table.totals["energy"] == LayerTotal(7_654_321 + len(report.layers), False)
    shown = {figure.name: figure for figure in totals.figures}
    assert shown["energy"].value == "≥ 7.65 M"
    assert shown["energy"].text == "What a layer uses up\nThat of some layers is not known"
    compared = {figure.name: figure for figure in figures(report, report)}
    assert (compared["energy"].a, compared["energy of the fan"].b) == ("≥ 7.65 M", "42")
    assert f"{energy:,}</td>" in report._repr_html_()
    assert "The joules of some layers are not known" in report._repr_html_()
    hovers = ChartData(DESIGN, {}, "energy").traces()["value"]["hovertext"]
    assert any(f"{conv.name}</b><br>{energy:,} energy<br>" in text for text in hovers)


def test_boxes_tell_shares_of_a_made_up_one(monkeypatch):
    monkeypatch.setitem(QUANTITIES, "energy", ENERGY)
    graph = DESIGN.graph
    cards = cards_of(graph)
    options = SimpleNamespace(
        detail="blocks", direction="U", colour_by="energy", draw_sizes=False
    )  # the real ones have their choices from when they are imported

    drawing = Drawing(
        cards=cards,
        links=links_of(graph, cards),
        outputs=graph.outputs,
        options=options,
    )

    nodes = cards[1].nodes
    assert ENERGY.told(ENERGY.total(nodes)) in drawing.labels[cards[1].id]


def test_the_inspector_tells_of_the_whole_network_what_the_list_does():
    inspector = Inspector(print, print, print)
    inspector.show(Scene(DESIGN))

    assert f"{MACS.told(MACS.in_network(DESIGN.report))} for one image." in said(inspector)
    assert f"{PARAMETERS.full(DESIGN.report.total_params)} in all." in said(inspector)
