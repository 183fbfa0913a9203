"""The table of layers as text says what the report says, whatever layers are called."""

import csv
import io
import re

import pytest

from explorer import Graph, Head, ReadModel, ResNet, UNet, analyze, trace
from explorer.core.exchange.tables import as_csv, as_latex, as_markdown
from explorer.core.network.graph import input_feature
from explorer.core.network.layers import Conv2D

SMALL = UNet(filters=2, down_blocks=1, up_blocks=1, heads=(Head("parts", channels=3),))
SHAPE = (32, 16, 3)

ODD = ["=1+1", "-x", "a|b", "a*b*", "_a_", "50%", r"\alpha", "$x$", "{a}&~^#", "a\nb", '"', "<b>"]


def odd_model():
    """A model whose layers have names that mean something in the formats."""
    x = input_feature((8, 8, 1), "image")
    for name in ODD:
        x = Conv2D(name=name, filters=1, kernel_size=1)(x)
    return ReadModel.of(Graph([x], name="50% {odd}"))


@pytest.mark.parametrize("net", [SMALL, ResNet(filters=2)])
def test_csv_has_the_columns_and_numbers_of_the_data_frame(net):
    rows = list(csv.DictReader(io.StringIO(as_csv(net, (64, 64, 3)))))
    frame = analyze(trace(net, (64, 64, 3))).to_pandas()
    assert [row["name"] for row in rows] == list(frame.index)
    assert set(rows[0]) == {"name", *frame.columns}
    for row, (_, told) in zip(rows, frame.iterrows(), strict=True):
        assert int(row["params"]) == told["params"]
        assert int(row["macs"]) == told["macs"]
        assert row["shape"] == "x".join(map(str, told["shape"]))
        assert row["receptive_field"] == "x".join(map(str, told["receptive_field"]))


def test_no_name_is_a_formula_of_a_spreadsheet():
    rows = list(csv.reader(io.StringIO(as_csv(odd_model(), (8, 8, 1)))))
    names = [row[0] for row in rows[2:]]
    assert names == ["'=1+1", "'-x", *ODD[2:9], r"a\nb", *ODD[10:]]


def markdown_rows(text):
    """The cells of the rows, as a reader of Markdown sees them."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in lines]
    return [[re.sub(r"\\(.)", r"\1", cell) for cell in row] for row in cells]


def latex_rows(text):
    """The cells of the rows, as a reader of the page sees them."""
    signs = {"textbackslash{}": "\\", "textasciitilde{}": "~", "textasciicircum{}": "^"}
    signs |= {"times$": "×", "geq$": "≥"}
    signs |= {"textless{}": "<", "textgreater{}": ">", "textbar{}": "|"}
    lines = [line for line in text.splitlines() if " & " in line]
    assert all(line.endswith(r" \\") for line in lines)
    cells = [re.split(r"(?<!\\) & ", line[:-3]) for line in lines]
    pattern = r"\$?\\(text\w+\{\}|times\$|geq\$|.)"
    found = [
        [re.sub(pattern, lambda m: signs.get(m[1], m[1]), cell) for cell in row] for row in cells
    ]
    plain = [re.sub(pattern, "", cell) for row in cells for cell in row]
    assert not re.search(r"[\\&%$#_{}~^<>|]", "".join(plain))
    return found


@pytest.mark.parametrize(
    ("write", "rows_of"), [(as_markdown, markdown_rows), (as_latex, latex_rows)]
)
@pytest.mark.parametrize(("net", "shape"), [(SMALL, SHAPE), (odd_model(), (8, 8, 1))])
def test_tables_for_papers_have_every_layer_and_the_totals(net, shape, write, rows_of):
    text = write(net, shape)
    report = analyze(trace(net, shape))
    rows = [row for row in rows_of(text) if row[0] != ":--"]
    assert rows[0] == ["layer", "kind", "output", "parameters", "multiply-adds", "sees"]
    names = [layer.name.replace("\n", r"\n") for layer in report]
    assert [row[0] for row in rows[1:-1]] == names
    assert [row[3] for row in rows[1:-1]] == [f"{layer.params:,}" for layer in report]
    assert [row[2] for row in rows[1:-1]] == [" × ".join(map(str, row.shape)) for row in report]
    totals = [cell.strip("*") for cell in rows[-1]]
    assert totals[0] == f"{len(report.layers)} layers"
    assert totals[3:5] == [f"{report.total_params:,}", f"{report.macs:,}"]
    assert "For one image" in text


def test_a_table_in_latex_says_which_packages_it_needs():
    text = as_latex(SMALL, SHAPE)
    assert text.startswith("% Needs \\usepackage{booktabs,longtable}.")
    assert text.count("{") == text.count("}")
    for rule in ("toprule", "midrule", "bottomrule", "endhead"):
        assert f"\\{rule}" in text
