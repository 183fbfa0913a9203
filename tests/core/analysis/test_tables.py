"""What a notebook prints of a graph and of a report."""

import re

import keras
import pytest

from explorer import UNet, analyze, read, trace
from explorer.core.analysis.tables import MOST_ROWS

SMALL = trace(UNet(filters=2, down_blocks=1, up_blocks=1), (32, 16, 3))


def cells(html, tag="td"):
    """The texts of a table, row by row."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", row) for row in rows]


def test_a_report_prints_as_a_line():
    report = analyze(SMALL)

    assert repr(report) == (
        f"<Report: {len(SMALL)} layers, {report.total_params:,} parameters, {report.macs:,} "
        "multiply-adds, receptive field {} × {}>".format(*report.receptive_field)
    )


@pytest.mark.parametrize("shown", [SMALL, analyze(SMALL)], ids=["graph", "report"])
def test_a_table_has_a_row_for_each_layer_and_the_totals(shown):
    report = analyze(SMALL)

    html = shown._repr_html_()

    rows = [row for row in cells(html) if row]
    assert [row[0] for row in rows] == [layer.name for layer in report.layers]
    conv = next(row for row in rows if row[0] == "stack0_enc0_conv1")
    assert conv[1:] == ["Conv2D", "32 × 16 × 2", "38", f"{32 * 16 * 9 * 4:,}", "5 × 5"]
    totals = cells(html, "th")[-1]
    assert totals[0] == f"{len(SMALL)} layers"
    assert totals[3:5] == [f"{report.total_params:,}", f"{report.macs:,}"]


def test_names_are_escaped():
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, keras.layers.ReLU(name="<b>&")(image), name="<i>")

    html = read(model)._repr_html_()

    assert "<b>&" not in html
    assert "&lt;b&gt;&amp;" in html
    assert "<caption>&lt;i&gt;</caption>" in html


class Own(keras.layers.Layer):
    """A layer that nobody knows."""

    def call(self, x):
        return keras.ops.flip(x, axis=1)


def test_what_is_unknown_is_said_to_be():
    image = keras.Input((8, 8, 1))
    graph = read(keras.Model(image, Own()(keras.layers.Conv2D(2, 3)(image))))

    html = graph._repr_html_()

    assert [row for row in cells(html) if row][-1][4:] == ["unknown", "unknown"]
    totals = cells(html, "th")[-1]
    assert totals[4:] == [f"≥ {6 * 6 * 9 * 2}", "unknown"]
    assert "at least so many" in html
    assert "≥ 648 multiply-adds, receptive field unknown" in repr(analyze(graph))


def test_a_long_table_is_cut_and_says_how_much_is_missing():
    graph = trace(UNet(filters=2, stacks=2), (32, 32, 1))
    assert len(graph) > MOST_ROWS

    html = graph._repr_html_()

    rows = [row[0] for row in cells(html) if row]
    assert len(rows) == MOST_ROWS + 1
    assert f"… and {len(graph) - MOST_ROWS} more layers …" in rows
    assert (rows[0], rows[-1]) == (graph.nodes[0].name, graph.nodes[-1].name)
