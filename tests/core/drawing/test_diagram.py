import os
import re
import subprocess
import sys
import threading
from functools import partial
from itertools import pairwise
from xml.etree import ElementTree

import keras
import pygraphviz
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import (
    EncoderDecoder,
    Head,
    Hourglass,
    LeapCNN,
    ParameterError,
    ResNet,
    SimpleConvBlock,
    UNet,
    analyze,
    diagram,
    presets,
    read,
    trace,
)
from explorer.core.analysis.comparison import compare
from explorer.core.analysis.connections import Wiring
from explorer.core.analysis.design import Design, Input
from explorer.core.drawing.boxes import (
    cards_of,
    column_height,
    folded_rows_of,
    links_of,
    rails_of,
    rows_of,
)
from explorer.core.drawing.diagram import Diagram
from explorer.core.drawing.dot import LONGEST, TALLEST, WIDEST, DiagramOptions, Drawing
from explorer.core.drawing.items import items_of
from explorer.core.drawing.merged import merged
from explorer.core.drawing.palette import DARK, LIGHT, dark_theme
from explorer.core.formatting import printable, shortened
from explorer.core.network.graph import Block, Graph, depth_first, in_block, input_feature
from explorer.core.network.layers import (
    Activation,
    Concatenate,
    Conv2D,
    Layer,
    MaxPooling2D,
    UpSampling2D,
    layer_kinds,
)
from explorer.core.network.names import block_id, is_block, layer_id, nodes_of
from explorer.core.words.summaries import INDENT, summaries
from explorer.widget.panels.charts.data import ChartData

SVG = "{http://www.w3.org/2000/svg}"
SETTINGS = [
    (UNet(filters=4), (64, 64, 1)),
    (UNet(filters=4, stacks=2, stem_blocks=1, down_blocks=2, up_blocks=2), (64, 64, 1)),
    (LeapCNN(filters=4), (64, 64, 1)),  # its blocks end with pooling
    (Hourglass(filters=4, stem_filters=2, filter_increase=2), (128, 128, 3)),
]


def test_the_block_that_is_only_a_pooling_is_called_so():
    titles = [card.title for card in cards_of(trace(SETTINGS[1][0], (64, 64, 1)))]

    assert titles.count("last pooling") == 2
    assert [t for t in titles if t.startswith("encoder")] == ["encoder 0", "encoder 1"] * 2


def positions(drawing) -> dict[str, tuple[float, float]]:
    """Where Graphviz puts the centre of each box: x to the right, y upwards."""
    laid_out = pygraphviz.AGraph(string=drawing.dot)
    laid_out.layout(prog="dot")
    return {
        drawing.places.get(node, node): tuple(map(float, node.attr["pos"].split(",")))
        for node in laid_out
    }


def named(drawing) -> ElementTree.Element:
    """The drawing as SVG, whose ids say which block or layer something stands for."""
    svg = ElementTree.fromstring(drawing.svg())
    for group in svg.iter(f"{SVG}g"):
        name = group.get("id") or ""
        start = "a_" if name.startswith("a_") else ""
        if (place := drawing.places.get(name.removeprefix(start))) is not None:
            group.set("id", start + place)
    return svg


def is_box(group: ElementTree.Element) -> bool:
    return is_block(group.get("id") or "")


@pytest.mark.parametrize(("architecture", "shape"), SETTINGS)
@pytest.mark.parametrize("detail", ["blocks", "layers"])
def test_the_drawing_is_a_u_with_the_stacks_side_by_side(architecture, shape, detail):
    graph = trace(architecture, shape)
    place = positions(diagram(graph, detail))
    blocks = {node.block for node in graph if node.block and node.block.stack is not None}
    for stack in range(architecture.stacks):
        down = [
            place[f"block-{block.name}"]
            for block in sorted(blocks, key=lambda block: block.index)
            if block.stack == stack and block.role == "encoder"
        ]
        up = [
            place[f"block-{block.name}"]
            for block in sorted(blocks, key=lambda block: block.index)
            if block.stack == stack and block.role == "decoder"
        ]
        assert [y for _, y in down] == sorted((y for _, y in down), reverse=True)
        assert [y for _, y in up] == sorted(y for _, y in up)
        assert max(x for x, _ in down) < max(x for x, _ in up)
        following = [
            place[f"block-{block.name}"][0] for block in blocks if block.stack == stack + 1
        ]
        assert all(x > max(x for x, _ in down) for x in following)


@pytest.mark.parametrize(("architecture", "shape"), SETTINGS)
def test_every_box_stands_in_the_row_of_its_stride(architecture, shape):
    drawing = diagram(trace(architecture, shape))
    place = positions(drawing)
    cards = cards_of(trace(architecture, shape))
    strides = sorted({card.output.stride for card in cards})
    for card in cards:
        row = place[f"level-{strides.index(card.output.stride)}"]
        assert place[card.id][1] == pytest.approx(row[1], abs=1)
    names = ["full size" if stride == 1 else f"1/{stride}" for stride in strides]
    rows = pygraphviz.AGraph(string=drawing.dot)
    assert [rows.get_node(f"level-{i}").attr["label"] for i in range(len(names))] == names


@pytest.mark.parametrize(("architecture", "shape"), SETTINGS)
def test_every_block_shows_its_shape_stride_and_layers(architecture, shape):
    graph = trace(architecture, shape)
    cards = texts(diagram(graph, "layers"))
    for node in graph:
        if node.block is None:
            continue
        lines = cards[f"block-{node.block.name}"]
        assert node.name.removeprefix(f"{node.block.name}_") in lines
        assert " × ".join(map(str, node.shape)) in lines
    in_line = texts(diagram(graph, "layers", direction="top to bottom"))
    for lines in in_line.values():
        assert any(line.startswith("stride ") for line in lines), "no row says it"


def test_equal_architectures_give_the_same_text():
    first = diagram(trace(UNet(filters=4), (64, 64, 1))).dot
    program = (
        "from explorer import *; print(diagram(trace(UNet(filters=4), (64, 64, 1))).dot, end='')"
    )
    again = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert first == again


@pytest.mark.parametrize("name", presets)
@pytest.mark.parametrize("detail", ["blocks", "layers"])
def test_every_preset_is_drawn(name, detail):
    svg = diagram(trace(presets[name], (256, 256, 1)), detail).svg()

    ElementTree.fromstring(svg)


@given(down=st.integers(1, 5), up=st.integers(0, 5), stem=st.integers(0, 2), middle=st.booleans())
@settings(max_examples=25)
def test_every_depth_is_drawn(down, up, stem, middle):
    net = UNet(
        filters=2,
        down_blocks=down,
        up_blocks=min(up, down + stem),
        stem_blocks=stem,
        middle_block=middle,
    )
    graph = trace(net, (128, 128, 1))

    drawn = {group.get("id") for group in named(diagram(graph)).iter(f"{SVG}g")}
    assert {block_id(node) for node in graph} <= drawn


def test_skips_are_dashed_and_the_main_path_is_not():
    drawing = diagram(trace(UNet(filters=2), (64, 64, 1)))
    dot = pygraphviz.AGraph(string=drawing.dot)
    dashed = {
        (drawing.places[a], drawing.places[b])
        for a, b in dot.edges()
        if dot.get_edge(a, b).attr["style"] == "dashed"
    }

    assert dashed == {
        (f"block-stack0_enc{level}", f"block-stack0_dec{3 - level}") for level in range(4)
    }


@pytest.mark.parametrize("ending", ["svg", "pdf", "png", "dot"])
def test_a_drawing_is_saved_by_its_ending(tmp_path, ending):
    drawing = diagram(trace(LeapCNN(filters=2), (64, 64, 1)))

    drawing.save(tmp_path / f"net.{ending}")

    starts = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG", "dot": b"digraph"}
    assert (tmp_path / f"net.{ending}").read_bytes().startswith(starts[ending])


def test_bold_titles_are_written_as_browsers_know_them(tmp_path):
    drawing = diagram(trace(LeapCNN(filters=2), (64, 64, 1)))
    drawing.save(tmp_path / "net.svg")

    for svg in (drawing.svg(), (tmp_path / "net.svg").read_text(encoding="utf-8")):
        assert 'font-family="Arial,Arimo,' in svg
        assert 'sans-serif" font-weight="bold"' in svg
        assert "Arial Bold" not in svg


def test_a_drawing_that_leaves_the_page_has_its_font_with_it(tmp_path):
    drawing = diagram(trace(LeapCNN(filters=2), (64, 64, 1)))
    drawing.save(tmp_path / "net.svg")

    saved = (tmp_path / "net.svg").read_text(encoding="utf-8")
    for svg in (saved, drawing._repr_svg_()):
        root = ElementTree.fromstring(svg)
        style = root[0]
        assert style.tag == "{http://www.w3.org/2000/svg}style"
        assert style.text.count("@font-face { font-family: Arimo;") == 2
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert "Arimo" in text.get("font-family").split(",")
    assert "@font-face" not in drawing.svg(), "the page has the font"


def test_another_ending_or_option_is_refused_by_name(tmp_path):
    graph = trace(LeapCNN(filters=2), (64, 64, 1))

    with pytest.raises(ValueError, match=r"net\.bmp.*\.svg"):
        diagram(graph).save(tmp_path / "net.bmp")
    with pytest.raises(ParameterError, match="detail='everything'"):
        diagram(graph, "everything")
    with pytest.raises(ParameterError, match="direction='down'"):
        diagram(graph, direction="down")
    with pytest.raises(ParameterError, match="colour_by='taste'"):
        diagram(graph, colour_by="taste")
    with pytest.raises(ValueError, match=r"stack9.*stack0_enc0"):
        diagram(graph, expanded=["stack9"])


def texts(drawing) -> dict[str, list[str]]:
    """What stands in each box, by its id."""
    return {
        group.get("id"): [text.text for text in group.iter(f"{SVG}text")]
        for group in named(drawing).iter(f"{SVG}g")
        if is_box(group)
    }


def test_single_blocks_are_expanded_or_summed_up():
    graph = trace(UNet(filters=2), (64, 64, 1))

    opened = texts(diagram(graph, expanded=["stack0_enc1"]))
    closed = texts(diagram(graph, "layers", expanded=["stack0_enc1"]))

    assert {card for card, lines in opened.items() if "conv0" in lines} == {"block-stack0_enc1"}
    assert "conv0" not in closed["block-stack0_enc1"]
    assert "conv0" in closed["block-stack0_enc0"]


@pytest.mark.parametrize(("architecture", "shape"), SETTINGS)
@pytest.mark.parametrize(
    ("direction", "axis", "sign"), [("left to right", 0, 1), ("top to bottom", 1, -1)]
)
def test_in_one_line_blocks_follow_each_other(architecture, shape, direction, axis, sign):
    graph = trace(architecture, shape)
    cards = cards_of(graph)
    place = positions(diagram(graph, direction=direction))
    assert set(place) == {card.id for card in cards}
    for link in links_of(graph, cards):
        assert sign * place[link.source][axis] < sign * place[link.target][axis]


@pytest.mark.parametrize("fold", [False, True], ids=["all", "folded"])
@pytest.mark.parametrize("direction", ["U", "top to bottom"])
@pytest.mark.parametrize("name", presets)
def test_where_layers_are_listed_each_connection_is_told_from_row_to_row(name, direction, fold):
    graph = trace(presets[name], (256, 256, 1))
    cards = cards_of(graph)
    drawn = diagram(graph, "layers", direction=direction, fold=fold)
    card_of = {box: card for card in cards for box, id in drawn.places.items() if id == card.id}
    rows_in = {card: (folded_rows_of if fold else rows_of)(card) for card in cards}
    row_of = {node: row for rows in rows_in.values() for row in rows for node in row.nodes}
    wanted = {(row_of[source], row_of[node]) for node in graph for source in node.inputs}
    wanted = {(source, row) for source, row in wanted if source is not row}
    told, apart = set(), 0
    for rows in rows_in.values():
        for pair in pairwise(rows):
            if pair in wanted:
                told.add(pair)
            else:
                apart += 1
        for rail in (rail for lane in rails_of(rows) for rail in lane):
            told |= {(rows[source], rows[rail.target]) for source in rail.sources}
    lines = re.findall(r"^\t*(box\S+) -> (box\S+) \[(.*)\]$", drawn.dot, re.MULTILINE)
    for *ends, look in lines:
        if "style=invis" in look:
            continue
        if "dir=back" in look:
            ends.reverse()
        # A line that begins or ends at no row comes from the last one, and goes to the first.
        pair = []
        for end, usual in zip(ends, (-1, 0), strict=True):
            box, _, row = end.partition(":")
            pair.append(rows_in[card_of[box]][int(row[1:].split(":")[0]) if row else usual])
        told.add(tuple(pair))

    assert told == wanted
    # A rule over all three texts keeps a row apart from the one above that does not feed it.
    assert drawn.dot.count('SIDES="T"') == 3 * apart


@pytest.mark.parametrize("name", presets)
def test_what_a_row_folds_repeats_the_layers_above_it(name):
    for card in cards_of(trace(presets[name], (256, 256, 1))):
        rows = folded_rows_of(card)
        assert tuple(node for row in rows for node in row.nodes) == card.nodes
        place_of = {node: place for place, node in enumerate(card.nodes)}
        for row in rows:
            if not row.times:
                continue
            length = len(row.nodes) // row.times
            assert length * row.times == len(row.nodes)
            assert row.times >= (1 if length >= 4 else 2)
            for node in row.nodes:
                place = place_of[node]
                twin = card.nodes[place - length]
                assert node.layer.summary == twin.layer.summary
                assert [place - place_of.get(each, place) or each for each in node.inputs] == [
                    place - length - place_of.get(each, place - length) or each
                    for each in twin.inputs
                ]


def test_long_lists_are_folded():
    for name, most in (("ResNet152", 25), ("FC-DenseNet103", 16)):
        cards = cards_of(trace(presets[name], (256, 256, 3)))
        assert max(len(folded_rows_of(card)) for card in cards) == most
        assert max(len(rows_of(card)) for card in cards) > 2 * most

    graph = trace(presets["ResNet152"], (256, 256, 3))
    told = texts(diagram(graph, "layers", fold=True))["block-stack0_enc3"]
    assert told[-2:] == ["the 10 layers above, 34 times more", "16 × 16 × 1024"]
    every = texts(diagram(graph, "layers"))["block-stack0_enc3"]
    assert "block35_out_relu" in every
    assert not any("times more" in line for line in every)


def test_a_fold_begins_with_the_first_layer_of_a_round():
    for name, first in (("ResNet152", r"block\d+_1_conv"), ("FC-DenseNet103", r"dense\d+_bn")):
        cards = cards_of(trace(presets[name], (256, 256, 3)))
        folds = [(row, card) for card in cards for row in folded_rows_of(card) if row.times]
        assert folds
        for row, card in folds:
            assert re.fullmatch(f"{card.prefix}_{first}", row.nodes[0].name)


def test_one_layer_that_is_repeated_is_folded_from_three_times_on():
    same = [Conv2D(name=f"same{i}", filters=2, kernel_size=1) for i in range(4)]
    block = Block("own", "encoder", 0, 0, "Own")

    def listed(count: int) -> list[str]:
        x = input_feature((8, 8, 2))
        for layer in same[:count]:
            x = in_block(block, partial(layer, x))
        return [row.title for row in folded_rows_of(cards_of(Graph([x]))[1])]

    # The first one gets what comes from elsewhere.
    assert listed(3) == ["same0", "same1", "same2"]
    assert listed(4) == ["same0", "same1", "the layer above, 2 times more"]


def test_a_long_round_is_folded_if_it_comes_twice_and_a_short_one_is_not():
    def listed(count: int) -> list[str]:
        x = input_feature((8, 8, 2))
        x = in_block(block, partial(Conv2D(name="first", filters=2, kernel_size=1), x))
        for place in range(2 * count):
            kinds = ["relu", "tanh", "elu", "selu"][: count - 1]
            layer = (
                Conv2D(name=f"conv{place}", filters=2, kernel_size=1)
                if place % count == 0
                else Activation(name=f"act{place}", activation=kinds[place % count - 1])
            )
            x = in_block(block, partial(layer, x))
        return [row.title for row in folded_rows_of(cards_of(Graph([x]))[1])]

    block = Block("own", "encoder", 0, 0, "Own")
    assert len(listed(3)) == 1 + 2 * 3
    assert listed(4)[5:] == ["the 4 layers above, once more"]


def test_layers_that_differ_from_another_design_are_not_folded_with_those_that_do_not():
    card = cards_of(trace(presets["ResNet152"], (256, 256, 3)))[4]
    other = card.nodes[200]
    states = {node: "changed" if node is other else "same" for node in card.nodes}
    rows = folded_rows_of(card, states)

    assert [row.nodes for row in rows if other in row.nodes] == [(other,)]
    assert sum(row.times > 0 for row in rows) == 2


def test_a_folded_row_has_the_sum_of_its_layers():
    graph = trace(presets["ResNet152"], (256, 256, 3))
    report = analyze(graph)
    cards = cards_of(graph)
    card = cards[4]
    row = folded_rows_of(card)[-1]
    params = sum(report[node.name].params for node in row.nodes)
    rows = {each.id: folded_rows_of(each) for each in cards}
    items = {item.id: item for item in items_of(graph, cards, rows, report, {})}

    item = items[row.id]
    assert item.is_fold
    assert item.text.startswith(
        "the 10 layers above, 34 times more"
        " · stack0_enc3_block2_1_conv to stack0_enc3_block35_out_relu\n16 × 16 × 1024"
    )
    assert f"{params:,} parameters" in item.text
    drawn = texts(diagram(graph, "layers", fold=True, colour_by="parameters"))[card.id]
    told = next(line for line in drawn if "times more" in line)
    assert f"{params / report.total_params:.1%}" in told


def test_connections_within_a_block_are_brackets_from_row_to_row():
    graph = trace(ResNet(), (64, 64, 3))
    drawn = diagram(graph, "layers")
    brackets, rows = [], {}
    for group in ElementTree.fromstring(drawn.svg()).iter(f"{SVG}g"):
        if group.get("class") == "node":
            brackets += [
                (max(ys), min(ys))
                for line in group.iter(f"{SVG}polyline")
                for ys in [[float(point.split(",")[1]) for point in line.get("points").split()]]
            ]
        place = drawn.places.get((group.get("id") or "").removeprefix("a_"))
        if place and not is_block(place):
            points = next(group.iter(f"{SVG}polygon")).get("points").split()
            ys = [float(point.split(",")[1]) for point in points]
            rows[place] = max(ys), min(ys)

    spans, broken = [], 0
    for card in cards_of(graph)[1:]:
        extents = [rows[layer_id(node)] for node in card.nodes]
        height = column_height(len(extents), ())
        for rail in (rail for lane in rails_of(rows_of(card)) for rail in lane):
            top, bottom = extents[rail.sources[-1]][1], extents[rail.target][0]
            column, last = rail.sources[-1] // height, rail.target // height
            if column == last:
                spans.append((bottom, top))
            else:  # it goes on at the top of the next column
                spans += [(extents[height - 1][0], top), (bottom, extents[last * height][1])]
                broken += 1
    assert len(spans) > 10
    assert broken > 1
    for span in spans:
        assert any(span == pytest.approx(bracket, abs=2) for bracket in brackets)


def test_long_lists_go_on_in_a_column_beside_the_first():
    cards = cards_of(trace(presets["ResNet152"], (256, 256, 3)))
    drawn = diagram(trace(presets["ResNet152"], (256, 256, 3)), "layers")
    place = {}
    for group in ElementTree.fromstring(drawn.svg()).iter(f"{SVG}g"):
        name = drawn.places.get((group.get("id") or "").removeprefix("a_"), "")
        if name and not is_block(name):
            points = next(group.iter(f"{SVG}polygon")).get("points").split()
            xs, ys = zip(*(map(float, point.split(",")) for point in points), strict=True)
            place[name] = round(min(xs)), round(min(ys))
    counts = []
    for card in cards[1:]:
        listed = [place[layer_id(node)] for node in card.nodes]
        assert listed == sorted(listed), "down, then right"
        lefts = [x for x, _ in listed]
        counts.append((len({*lefts}), max(map(lefts.count, lefts))))

    assert counts == [(1, 4), (2, 17), (4, 21), (6, 61), (2, 16)]


def test_a_list_is_as_short_as_its_lines_allow():
    assert [column_height(n, ()) for n in (0, 1, 26, 27, 80, 362)] == [1, 1, 26, 14, 20, 61]
    # At 40 of 80 a line ends, so that it has to be in the first or the last column.
    assert column_height(80, {40}) == 40
    assert column_height(80, {3, 79}) == 20
    assert column_height(80, {25, 79}) == 27


@pytest.mark.parametrize("direction", ["U", "left to right", "top to bottom"])
@pytest.mark.parametrize("name", presets)
def test_lines_end_at_a_side_of_the_box_at_which_no_other_row_stands(name, direction):
    dot = diagram(trace(presets[name], (256, 256, 3)), "layers", direction=direction).dot
    labels = dict(re.findall(r"^\t*(box\d+) \[(.*)\]$", dot, re.MULTILINE))
    lines = re.findall(r"^\t*\S+ -> \S+ ", dot, re.MULTILINE)
    for box, side, row in re.findall(r"(box\d+):([ew])(\d+):[ew]", "".join(lines)):
        beside = next(
            places
            for places in (
                re.findall(r'PORT="w(\d+)"', line) for line in labels[box].split("</TR>")
            )
            if row in places
        )
        assert row == beside[0 if side == "w" else -1]


def test_slabs_are_as_high_as_features_and_as_wide_as_the_root_of_their_channels():
    graph = trace(UNet(filters=4), (128, 64, 1))
    svg = named(diagram(graph, draw_sizes=True))
    slabs = {}
    for group in svg.iter(f"{SVG}g"):
        if (group.get("id") or "").startswith("a_layer-"):
            points = next(group.iter(f"{SVG}polygon")).get("points").split()
            xs, ys = zip(*(map(float, point.split(",")) for point in points), strict=True)
            slabs[group.get("id")[8:]] = max(xs) - min(xs), max(ys) - min(ys)

    most = max(node.shape[2] for node in graph)
    assert len(slabs) > 10
    for name, (width, height) in slabs.items():
        shape = graph[name].shape
        assert height == pytest.approx(max(4, TALLEST * shape[0] / 128), abs=1)
        assert width == pytest.approx(max(4, WIDEST * (shape[2] / most) ** 0.5), abs=1)


@pytest.mark.parametrize("name", ["parameters", "MACs", "memory", "time"])
def test_colours_tell_the_share_of_the_whole(name):
    graph = trace(UNet(filters=4), (64, 64, 1))
    report = analyze(graph)
    times = {row.name: 0.001 * (i + 1) for i, row in enumerate(report.layers)}
    values = {
        "parameters": {row.name: row.params for row in report.layers},
        "MACs": {row.name: row.macs for row in report.layers},
        "memory": {row.name: row.memory_bytes for row in report.layers},
        "time": times,
    }[name]
    svg = named(diagram(graph, "layers", colour_by=name, times=times))
    marks = {
        group.get("id")[8:]: next(group.iter(f"{SVG}polygon")).get("fill")
        for group in svg.iter(f"{SVG}g")
        if (group.get("id") or "").startswith("a_layer-")
    }

    whole = sum(values.values())
    assert len(marks) == len(graph) - 1
    for layer, colour in marks.items():
        share = values[layer] / whole
        wanted = sum(share >= limit for limit in (0.01, 0.03, 0.1, 0.3))
        assert colour == LIGHT.scale[wanted]
    assert len(set(marks.values())) >= 3


def test_what_is_not_known_is_said_so():
    drawn = texts(diagram(trace(UNet(filters=2), (64, 64, 1)), colour_by="time"))

    assert any("time unknown" in line for line in drawn["block-stack0_enc0"])


def two_designs(**options):
    """Return two graphs, what they are merged to, and the drawing of it."""
    a, b = (trace(UNet(filters=2, down_blocks=n, up_blocks=n), (64, 64, 1)) for n in (3, 2))
    return a, b, *drawn_as_one(a, b, **options)


def drawn_as_one(a, b, **options):
    """Return what two graphs are merged to, and the drawing of it."""
    both = merged(compare(a, b))
    drawing = Drawing(
        cards=both.cards,
        links=both.links,
        notes=both.notes,
        states=both.states,
        outputs=b.outputs,
        options=DiagramOptions(**options),
    )
    return both, Diagram(drawing.dot(), drawing.places)


def test_two_designs_are_drawn_as_one():
    a, b, both, drawing = two_designs()
    drawn = texts(drawing)

    known = {block_id(node): node for graph in (a, b) for node in graph}
    assert set(drawn) == set(known)
    comparison = compare(a, b)
    for card, lines in drawn.items():
        state = comparison.state_of(card)
        assert [line for line in lines if line in LIGHT.states] == (
            [] if state == "same" else [state]
        )
    ends = {(link.source, link.target): link.state for link in both.links}
    assert ends["block-stack0_enc0", "block-stack0_enc1"] == ""
    assert ends["block-stack0_enc2", "block-stack0_dec0"] == "only in A"
    assert ends["block-stack0_enc1", "block-stack0_dec0"] == "only in B"
    titles = {card.id: card.title for card in both.cards}
    assert titles["block-stack0_enc5"] == "middle 1 of A"
    assert titles["block-stack0_enc4"] == "middle 1 of B"
    assert len(set(titles.values())) == len(titles)
    assert any("A: middle 0, 8 × 8 × 16" in line for line in drawn["block-stack0_enc4"])


@pytest.mark.parametrize("detail", ["blocks", "layers"])
@pytest.mark.parametrize("sizes", [False, True])
def test_beside_another_design_colours_tell_only_what_became_of_a_box_or_layer(detail, sizes):
    _, _, both, drawing = two_designs(detail=detail, draw_sizes=sizes)
    svg = named(drawing)
    seen = {element.get(name) for element in svg.iter() for name in ("fill", "stroke")}
    of_kinds = {LIGHT.skip, *LIGHT.families.values()}
    of_kinds |= {colour for pair in LIGHT.cards.values() for colour in pair}
    assert seen & of_kinds == set()
    for group in svg.iter(f"{SVG}g"):
        state = both.notes.get(group.get("id"), ("",))[0]
        dashed = any(element.get("stroke-dasharray") for element in group.iter(f"{SVG}polygon"))
        if group.get("class") == "node":
            assert dashed == (state == "only in A")
        labels = [text.text.strip() for text in group.iter(f"{SVG}text")]
        if group.get("class") == "edge":
            assert set(labels) <= {"A", "B"}, "longer ones are cut off where fonts differ"


def test_the_stacks_blocks_keep_their_titles_beside_another_design():
    a, b = (
        trace(UNet(filters=n, stacks=2, down_blocks=2, up_blocks=2), (64, 64, 1)) for n in (2, 4)
    )

    assert [card.title for card in merged(compare(a, b)).cards] == [c.title for c in cards_of(b)]


def test_memory_is_said_to_be_that_of_outputs_which_are_not_all_held_at_once():
    graph = trace(UNet(filters=2), (64, 64, 1))
    cards = cards_of(graph)
    items = {
        item.id: item.text
        for item in items_of(
            graph, cards, {card.id: rows_of(card) for card in cards}, analyze(graph), {}
        )
    }
    block, layer = items["block-stack0_enc0"], items["layer-stack0_enc0_conv0"]

    assert "of output in all, not all held at once" in block
    assert "of output" in layer
    assert "held" not in layer
    drawn = texts(diagram(graph, colour_by="memory"))
    assert any(line.endswith("of output") for line in drawn["block-stack0_enc0"])


@pytest.mark.parametrize(("architecture", "shape"), SETTINGS)
@pytest.mark.parametrize("detail", ["blocks", "layers"])
def test_one_can_walk_along_the_items_of_a_drawing(architecture, shape, detail):
    graph = trace(architecture, shape)
    cards = cards_of(graph)
    opened = detail == "layers"
    rows = {card.id: rows_of(card) if opened else [] for card in cards}
    items = items_of(graph, cards, rows, analyze(graph), {})

    walked = {(items[i].id, items[j].id) for i in range(len(items)) for j in items[i].feeds}
    if opened:
        name_of = {node: f"layer-{node.name}" for node in graph}
    else:
        name_of = {node: block_id(node) for node in graph}
    wanted = {
        (name_of[source], name_of[node])
        for node in graph
        for source in node.inputs
        if name_of[source] != name_of[node]
    }
    if opened:  # one comes into a card by its title
        wanted |= {
            (name_of[source], block_id(node))
            for node in graph
            for source in node.inputs
            if block_id(source) != block_id(node)
        }
        wanted |= {(card.id, name_of[card.nodes[0]]) for card in cards}
    assert walked == wanted
    for item in items:
        assert "parameters" in item.text
        assert "stride" in item.text
    assert all(not item.parent or item.parent in {card.id for card in cards} for item in items)


def test_every_kind_of_layer_has_words_for_the_diagram():
    needed = {
        "InputLayer": {"shape": (1, 1, 1)},
        "Conv2D": {"filters": 1},
        "Conv2DTranspose": {"filters": 1},
        "SeparableConv2D": {"filters": 1},
        "Dense": {"units": 1},
    }
    for kind, cls in layer_kinds().items():
        assert cls(name="x", **needed.get(kind, {})).summary


def test_repeated_steps_are_written_once():
    graph = trace(presets["ResNet50"], (64, 64, 1))
    nodes, _ = depth_first(graph.outputs)
    stage = [node for node in nodes if node.block and node.block.name == "stack0_enc2"]
    lines = [line.replace(INDENT, "- ") for line in summaries(stage)]

    assert lines == [
        "1×1 conv, 512, stride 2 → batch norm",
        "1×1 conv, 128, stride 2 → batch norm → relu",
        "3×3 conv, 128 → batch norm → relu",
        "1×1 conv, 512 → batch norm",
        "add → relu",
        "3 times:",
        "- 1×1 conv, 128 → batch norm → relu",
        "- 3×3 conv, 128 → batch norm → relu",
        "- 1×1 conv, 512 → batch norm",
        "- add → relu",
    ]


def test_an_unknown_kind_is_drawn_by_its_name():
    class Softener(Layer):
        pass

    assert Softener(name="x").summary == "Softener"
    assert Activation(name="x", activation="tanh").summary == "tanh"


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_has_the_contrast_that_wcag_aa_asks_for(colours):
    for header, body in colours.cards.values():
        assert contrast(colours.header_text, header) >= 4.5
        assert contrast(colours.text, body) >= 4.5
        assert contrast(colours.muted, body) >= 4.5
        # Marks of layers need less contrast than text.
        assert all(contrast(mark, body) >= 3 for mark in colours.families.values())
    paper = "#ffffff" if colours is LIGHT else "#212121"
    for header, body in colours.compared.values():
        assert contrast(colours.header_text, header) >= 4.5
        assert contrast(colours.text, body) >= 4.5
        assert contrast(colours.muted, body) >= 4.5
        assert all(contrast(mark, body) >= 3 for mark in (colours.line, *colours.states.values()))
    # A state's letter is written beside links.
    assert all(contrast(frame, paper) >= 4.5 for frame in colours.states.values())
    assert all(contrast(colours.text, step) >= 4.5 for step in colours.scale)


def test_every_colour_of_the_drawing_has_a_dark_twin():
    drawn = set()
    for architecture, shape in SETTINGS:
        for options in ({}, {"detail": "layers"}, {"colour_by": "MACs", "draw_sizes": True}):
            svg = ElementTree.fromstring(diagram(trace(architecture, shape), **options).svg())
            for element in svg.iter():
                drawn |= {element.get("fill"), element.get("stroke")}
    colours = {colour for colour in drawn if colour and colour.startswith("#")}

    assert colours <= {*dark_theme(), LIGHT.header_text}
    pairs = len(LIGHT.cards) + len(LIGHT.compared)
    count = 4 + 2 * pairs + len(LIGHT.families) + len(LIGHT.states) + len(LIGHT.scale)
    assert len(dark_theme()) == count, "no two colours are the same"


def test_two_designs_of_several_stacks_do_not_end_the_kernel():
    # Graphviz 14.1 fails an assertion over this pair if their links have labels of their own.
    program = """
from tests.core.drawing.test_diagram import drawn_as_one
import attrs
from explorer import UNet, trace
small = UNet(filters=2, down_blocks=1, up_blocks=1)
a = attrs.evolve(small, stacks=4)
b = attrs.evolve(small, stacks=3, stem_blocks=1, middle_block=False)
assert "only in A" in drawn_as_one(trace(a, (64, 64, 1)), trace(b, (64, 64, 1)))[1].svg()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_drawing_prints_nothing():
    program = """
from explorer import *
from explorer.core.drawing.diagram import Diagram
diagram(trace(LeapCNN(filters=2), (64, 64, 1))).svg()
Diagram("digraph { a [color=unheard_of] }").svg()  # of which Graphviz warns
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("", "")


class OwnBackbone(EncoderDecoder):
    """A U of one level, whose skip connection passes a convolution of no block."""

    encoder_stack = (SimpleConvBlock(filters=2),)
    decoder_stack = ()

    def make_backbone(self, x_in, current_stride=1):
        fine = Conv2D(name="fine", filters=4)(x_in)
        low = MaxPooling2D(name="low")(fine)
        up = UpSampling2D(name="up")(Conv2D(name="deep", filters=4)(low))
        side = Conv2D(name="side", filters=4)(fine)
        return Concatenate(name="join")([side, up]), []


def test_skips_of_layers_without_blocks_are_the_same_everywhere():
    graph = trace(OwnBackbone(), (16, 16, 1))
    cards = cards_of(graph)

    dashed = {(link.source, link.target) for link in links_of(graph, cards) if link.is_skip}
    assert dashed == {("alone-fine", "alone-side"), ("alone-side", "alone-join")}
    wiring = Wiring(graph)
    assert [(skip.source.name, skip.join.name) for skip in wiring.skips] == [("fine", "join")]
    assert wiring.skip_of[graph["fine"], graph["side"]] is wiring.skips[0]
    design = Design(OwnBackbone(), Input(16, 16, 1))
    charted = [(source.name, join.name) for source, join in ChartData(design).skips]
    assert charted == [("fine", "join")]


def test_layers_without_blocks_are_not_all_called_inputs():
    graph = trace(OwnBackbone(), (16, 16, 1))

    roles = {card.title: card.role for card in cards_of(graph)}

    assert roles.pop("image in") == "input"
    assert set(roles.values()) == {"layer"}
    assert cards_of(graph)[0].title == "image in"
    assert diagram(graph, "layers").svg()


#: Names that mean something to Graphviz, to XML, to Python or to a browser, or that say nothing.
NAMES = [
    *("a:b", "box1", "box1:n", "port:n:s", "level-1", "level-2", "node", "graph", "block-x"),
    *("\\N", "\\G", "\\E\\T\\H\\L", "\\n", "\\\\", "tail\\", "->", "{a|b}", "<b>", "<TABLE>"),
    *("&lt;", "&amp;lt;", "&", "&nosuch;", "&#60;", '"', "'", "]]>", "<!--", "%41", "#", ";"),
    *(" ", "  two  spaces ", "\t", "a\nb", "\x07", "\x00", "\x7f", "\x85", "\ufffe", "\u202e"),
    *("\ud800", "\udcff", "\u200d", "é", "日本語", "🙂", "👩\u200d🔬", "x" * 16_000, "\\" * 16_000),
]


def written(name: str) -> str:
    """What a label says in place of a name, without spaces: Graphviz writes some as others."""
    return "".join(printable(shortened(name, LONGEST)).split())


def chain(names: list[str]) -> Graph:
    """A network of one convolution of each name, in one block, after the others."""
    x = input_feature((8, 8, 2))
    for name in names:
        x = Conv2D(name=name, filters=2, kernel_size=1)(x)
    return Graph([x])


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("role", ["encoder", "head", None])
def test_any_name_is_drawn_as_it_is_and_is_what_a_click_selects(name, role):
    block = Block(name, role, 0, 0, "Own") if role else None
    first = in_block(
        Block("block", "encoder", 0, 0, "Own"),
        lambda: Conv2D(name="first", filters=2, kernel_size=1)(input_feature((8, 8, 2))),
    )
    make = partial(Conv2D(name=name, filters=2, kernel_size=1), first)
    graph = Graph([in_block(block, make) if block else make()])
    drawing = diagram(graph, "layers")

    drawn = texts(drawing)
    assert set(drawn) == set(map(block_id, graph)), "a box for each, and none more"
    lines = {"".join(line.split()) for line in drawn[block_id(graph[name])]}
    assert written(name) in lines or not written(name)
    rows = [
        place
        for group in named(drawing).iter(f"{SVG}g")
        for place in [(group.get("id") or "").removeprefix("a_")]
        if nodes_of(graph, place) == (graph[name],)
    ]
    assert layer_id(graph[name]) in rows or role is None
    assert drawing.dot == diagram(graph, "layers").dot
    laid_out = pygraphviz.AGraph(string=drawing.dot)
    assert len(laid_out) == len(drawn) + 1, "and the level"
    drawing.content("pdf")


def test_names_that_nothing_but_their_signs_tell_apart_are_boxes_of_their_own():
    graph = chain(NAMES)
    boxes = texts(diagram(graph, direction="top to bottom"))

    assert len(boxes) == len(graph) == len(NAMES) + 1
    for node in graph:
        assert nodes_of(graph, block_id(node)) == nodes_of(graph, layer_id(node)) == (node,)


def test_a_head_may_be_named_as_a_block_or_a_layer_is():
    for name in ("stack0_enc0", "stack0_dec1", "stack0_enc0_conv"):
        net = UNet(filters=2, down_blocks=2, up_blocks=2, heads=[Head(name, channels=7)])
        graph = trace(net, (32, 32, 1))
        drawn = texts(diagram(graph))

        assert set(drawn) == set(map(block_id, graph))
        assert "32 × 32 × 7" in drawn[block_id(graph[name])]
        assert nodes_of(graph, block_id(graph[name])) == (graph[name],)


def test_what_presets_say_is_not_shortened():
    for name, preset in presets.items():
        graph = trace(preset, (256, 256, 1))
        for options in ({}, {"detail": "layers"}, {"colour_by": "memory"}):
            assert "…" not in diagram(graph, **options).dot, name


def error_stream() -> tuple[int, int]:
    """Which file the process's error stream is."""
    status = os.fstat(2)
    return status.st_dev, status.st_ino


def test_threads_that_draw_at_the_same_time_leave_the_error_stream_as_it_was(monkeypatch):
    before = error_stream()
    is_drawing = {"first": threading.Event(), "second": threading.Event()}

    def draw(*_: object, **__: object) -> bytes:
        name = threading.current_thread().name
        is_drawing[name].set()
        if name == "first":
            is_drawing["second"].wait(0.5)  # which should not come while this one draws
        else:
            first.join(10)
        return b"<svg></svg>"

    monkeypatch.setattr(pygraphviz.AGraph, "draw", draw)
    first = threading.Thread(target=Diagram("digraph {}").svg, name="first")
    second = threading.Thread(target=Diagram("digraph {}").svg, name="second")
    first.start()
    assert is_drawing["first"].wait(10)
    second.start()
    second.join(10)

    assert error_stream() == before


def test_an_interrupted_drawing_leaves_the_error_stream_to_the_next(monkeypatch):
    before = error_stream()
    drawing = Diagram("digraph {}")
    dup2, calls = os.dup2, iter(range(2))

    def interrupted(source: int, target: int) -> None:
        if next(calls) == 1:  # which would have put it back
            raise KeyboardInterrupt
        dup2(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "dup2", interrupted)
        with pytest.raises(KeyboardInterrupt):
            drawing.svg()
    assert error_stream() != before
    drawing.svg()

    assert error_stream() == before


def test_a_block_that_ends_in_a_single_number_is_drawn():
    image = keras.Input((4, 4, 2))
    summed = keras.layers.Lambda(lambda x: keras.ops.sum(x, axis=(1, 2, 3)), output_shape=())
    drawing = diagram(read(keras.Model(image, summed(image))))
    assert "a single number" in drawing.svg()
