import subprocess
import sys
from xml.etree import ElementTree

import pygraphviz
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import Hourglass, LeapCNN, UNet, diagram, presets, trace
from explorer.graph import depth_first
from explorer.layers import Activation, Layer, layer_kinds
from explorer.palette import DARK, LIGHT, dark_theme
from explorer.summaries import INDENT, summaries, summary

SVG = "{http://www.w3.org/2000/svg}"
SETTINGS = [
    (UNet(filters=4), (64, 64, 1)),
    (UNet(filters=4, stacks=2, stem_blocks=1, down_blocks=2, up_blocks=2), (64, 64, 1)),
    (LeapCNN(filters=4), (64, 64, 1)),
    (Hourglass(filters=4, stem_filters=2, filter_increase=2), (128, 128, 3)),
]


def positions(drawing) -> dict[str, tuple[float, float]]:
    """Where Graphviz puts the centre of each box: x to the right, y upwards."""
    laid_out = pygraphviz.AGraph(string=drawing.dot)
    laid_out.layout(prog="dot")
    return {
        node: tuple(float(number) for number in node.attr["pos"].split(",")) for node in laid_out
    }


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
def test_blocks_of_equal_stride_stand_in_one_row(architecture, shape):
    graph = trace(architecture, shape)
    place = positions(diagram(graph))
    decoders = {node.block.name: node.stride for node in graph if node.block}
    for name, stride in decoders.items():
        if "dec" in name:
            assert place[f"block-{name}"][1] == pytest.approx(place[f"level-{stride}"][1], abs=1)


@pytest.mark.parametrize(("architecture", "shape"), SETTINGS)
def test_every_block_shows_its_shape_stride_and_layers(architecture, shape):
    graph = trace(architecture, shape)
    svg = ElementTree.fromstring(diagram(graph, "layers").svg())
    cards = {
        group.get("id"): [text.text for text in group.iter(f"{SVG}text")]
        for group in svg.iter(f"{SVG}g")
        if (group.get("id") or "").startswith("block-")
    }
    for node in graph:
        if node.block is None:
            continue
        texts = cards[f"block-{node.block.name}"]
        assert node.name.removeprefix(f"{node.block.name}_") in texts
        assert " × ".join(map(str, node.shape)) in texts
        assert any(text.startswith("stride ") for text in texts)


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

    svg = ElementTree.fromstring(diagram(graph).svg())

    drawn = {group.get("id") for group in svg.iter(f"{SVG}g")}
    assert {f"block-{node.block.name}" for node in graph if node.block} <= drawn


def test_skips_are_dashed_and_the_main_path_is_not():
    dot = pygraphviz.AGraph(string=diagram(trace(UNet(filters=2), (64, 64, 1))).dot)
    dashed = {(a, b) for a, b in dot.edges() if dot.get_edge(a, b).attr["style"] == "dashed"}

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
        assert 'font-family="Arial" font-weight="bold"' in svg
        assert "Arial Bold" not in svg


def test_another_ending_or_detail_is_refused_by_name(tmp_path):
    graph = trace(LeapCNN(filters=2), (64, 64, 1))

    with pytest.raises(ValueError, match=r"net\.bmp.*\.svg"):
        diagram(graph).save(tmp_path / "net.bmp")
    with pytest.raises(ValueError, match="everything"):
        diagram(graph, "everything")


def test_names_that_a_user_types_are_escaped():
    from explorer import EncoderDecoder, SimpleConvBlock, SimpleUpsamplingBlock

    class Odd(EncoderDecoder):
        encoder_stack = (SimpleConvBlock(filters=1, block_prefix='<b>&"x"'),)
        decoder_stack = (SimpleUpsamplingBlock(refine_convs_filters=1),)

    for detail in ("blocks", "layers"):
        svg = diagram(trace(Odd(), (8, 8, 1)), detail).svg()
        ElementTree.fromstring(svg)
    assert "&lt;b&gt;&amp;" in svg


def test_every_kind_of_layer_has_words_for_the_diagram():
    needed = {
        "InputLayer": {"shape": (1, 1, 1)},
        "Conv2D": {"filters": 1},
        "Conv2DTranspose": {"filters": 1},
    }
    for kind, cls in layer_kinds().items():
        assert summary(cls(name="x", **needed.get(kind, {})))


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

    assert summary(Softener(name="x")) == "Softener"
    assert summary(Activation(name="x", activation="tanh")) == "tanh"


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


def test_every_colour_of_the_drawing_has_a_dark_twin():
    drawn = set()
    for architecture, shape in SETTINGS:
        svg = ElementTree.fromstring(diagram(trace(architecture, shape)).svg())
        for element in svg.iter():
            drawn |= {element.get("fill"), element.get("stroke")}
    colours = {colour for colour in drawn if colour and colour.startswith("#")}

    assert colours <= {*dark_theme(), LIGHT.header_text}
    assert len(dark_theme()) == 4 + 2 * len(LIGHT.cards), "no two colours are the same"


def test_drawing_prints_nothing():
    program = "from explorer import *; diagram(trace(LeapCNN(filters=2), (64, 64, 1))).svg()"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert (done.stdout, done.stderr) == ("", "")
