"""The inspector explains what is selected, and its buttons lead on."""

from typing import ClassVar

import attrs
import pytest

from explorer import (
    Custom,
    EncoderDecoder,
    Head,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    presets,
)
from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design, Input
from explorer.core.drawing.boxes import cards_of
from explorer.core.editing.snapshot import Scene
from explorer.core.network.layers import Layer
from explorer.core.network.names import block_id, layer_id, nodes_of
from explorer.core.words.arithmetic import Fact
from explorer.widget.panels.inspector import panel as inspector_module
from explorer.widget.panels.inspector.panel import Inspector
from explorer.widget.parts import EditButton, Items, Link, Part, Section, TimeButton
from tests.said import all_of, said

DESIGN = Design(UNet(filters=4, down_blocks=2, up_blocks=2), Input(64, 64, 1))
CONV = "layer-stack0_dec0_s4_to_s2_refine_conv0"
NAMES = [node.name for node in DESIGN.graph]


class Clicks:
    """Notes what a view asks for."""

    def __init__(self) -> None:
        self.selected: list[str] = []
        self.edited: list[object] = []
        self.times = 0

    def timed(self) -> None:
        self.times += 1


@pytest.fixture
def clicks() -> Clicks:
    return Clicks()


@pytest.fixture
def view(clicks):
    made = Inspector(clicks.selected.append, clicks.edited.append, clicks.timed)
    yield made
    made.close()


def facts(view: Inspector) -> dict[str, str]:
    return {fact.name: fact.value for fact in all_of(Fact, view)}


def section(view: Inspector, title: str) -> tuple[Part, ...]:
    """Return what stands beneath a heading."""
    return next(part.parts for part in all_of(Section, view) if part.title == title)


def targets(parts: object) -> list[str]:
    """Return what the buttons select."""
    return [link.select for link in all_of(Link, parts)]


def test_a_layer_shows_its_figures_written_out_and_its_settings(view):
    view.show(Scene(DESIGN, CONV))

    shown = facts(view)
    assert (view.heading, view.prefix) == (CONV.removeprefix("layer-"), "")
    assert shown["weights"] == "3×3×16×8 + 8 = 1,160"
    assert shown["MACs"] == "3×3×16×8 × 32×32 = 1,179,648"
    assert shown["memory"] == "32×32×8 × 4 bytes = 32.0 KiB"
    assert shown["stride"] == "2"
    assert (shown["filters"], shown["kernel size"]) == ("8", "3×3")
    assert shown["time"] == "not measured"
    assert "first to see both" in said(view)


@pytest.mark.parametrize("name", NAMES)
def test_what_feeds_a_layer_and_what_it_feeds_are_buttons(view, name):
    node = DESIGN.graph[name]

    view.show(Scene(DESIGN, f"layer-{name}"))

    followers = [other for other in DESIGN.graph if node in other.inputs]
    assert targets(section(view, "Fed by")) == [layer_id(other) for other in node.inputs]
    assert targets(section(view, "Feeds")) == [layer_id(other) for other in followers]


def test_a_block_lists_its_layers_and_what_it_is_linked_with(view):
    view.show(Scene(DESIGN, "block-stack0_dec0"))

    nodes = nodes_of(DESIGN.graph, "block-stack0_dec0")
    assert (view.heading, view.prefix) == ("decoder 0", "stack0_dec0")
    assert targets(section(view, "Layers")) == [layer_id(node) for node in nodes]
    assert targets(section(view, "Fed by")) == ["block-stack0_enc1", block_id(nodes[0].inputs[0])]
    assert targets(section(view, "Feeds")) == ["block-stack0_dec1"]
    (links,) = section(view, "Fed by")
    marked = tuple(item for item in links.items if "skip" in item[-1].text)
    assert targets(marked) == ["block-stack0_enc1"]
    assert facts(view)["weights"].endswith(f"{sum(_params(node) for node in nodes):,}")


def _params(node) -> int:
    return DESIGN.report[node.name].params


@pytest.mark.parametrize("name", ["U-Net (small)", "Residual hourglass", "ResNet50"])
def test_every_button_selects_something_that_is_there(view, name):
    design = Design(presets[name], Input(64, 64, 1))
    nodes = list(design.graph)
    selections = ["", *(layer_id(node) for node in nodes), *{block_id(node) for node in nodes}]

    for selected in selections:
        view.show(Scene(design, selected))
        for target in targets(view):
            assert nodes_of(design.graph, target)


def test_with_nothing_selected_the_whole_network_is_summed_up(view):
    view.show(Scene(DESIGN))

    params: dict[str, int] = {}
    for node in DESIGN.graph:
        params[block_id(node)] = params.get(block_id(node), 0) + _params(node)
    most = sorted(params, key=lambda block: -params[block])[:3]
    largest = max(DESIGN.graph, key=_params)
    question = section(view, "Where are the parameters?")
    assert view.heading == "U-Net, own settings"
    assert f"{DESIGN.report.total_params:,} in all." in said(view)
    assert targets(question) == [*most, layer_id(largest)]
    assert f"{params[most[0]] / DESIGN.report.total_params:.0%}" in said((question[1],))
    skips = section(view, "What do the skip connections do?")
    assert targets(skips) == [
        *("block-stack0_enc1", "block-stack0_dec0"),
        *("block-stack0_enc0", "block-stack0_dec1"),
    ]
    sight = section(view, "How far does one output pixel see?")
    assert "{}×{} input pixels".format(*DESIGN.report.receptive_field) in said(sight)
    assert targets(sight) == [layer_id(DESIGN.graph.outputs[-1])]
    assert "Not measured" in said(section(view, "Where does the time go?"))


def test_a_receptive_field_beyond_the_image_covers_it_and_no_more(view):
    view.show(Scene(Design(presets["ResNet50"], Input(64, 64, 1))))

    assert said(section(view, "How far does one output pixel see?")).startswith(
        "483×483 input pixels can influence it, more than the whole image of 64×64."
    )


def test_an_unknown_receptive_field_is_said_so(view):
    design = Design(DESIGN.architecture, DESIGN.input)
    vars(design)["report"] = attrs.evolve(design.report, receptive_field=None)

    view.show(Scene(design))

    assert "not known" in said(section(view, "How far does one output pixel see?"))


def test_measured_times_are_shown_with_their_shares(view):
    times = dict.fromkeys(NAMES, 1e-3) | {CONV.removeprefix("layer-"): 1e-2}
    whole = (len(NAMES) + 9) * 1e-3

    view.show(Scene(DESIGN, CONV, times, whole_time=0.02))
    assert facts(view)["time"] == "10.0 ms"
    assert f"{0.01 / whole:.0%} of all layers’ times" in said(view)

    view.show(Scene(DESIGN, "block-stack0_dec0", times, whole_time=0.02))
    nodes = nodes_of(DESIGN.graph, "block-stack0_dec0")
    assert facts(view)["time"] == f"{len(nodes) + 9:.1f} ms"

    view.show(Scene(DESIGN, "", times, whole_time=0.02))
    question = section(view, "Where does the time go?")
    assert said(question).startswith("20.0 ms for the whole model.")
    assert f"the {whole * 1e3:.1f} ms that the layers take alone" in said(question)
    assert targets(question)[0] == "block-stack0_dec0"
    assert targets(question)[-1] == CONV


def test_what_is_not_timed_yet_can_be_timed_from_there(view, clicks):
    view.show(Scene(DESIGN))

    assert all_of(TimeButton, section(view, "Where does the time go?"))
    send(view, {"time": True})
    assert clicks.times == 1


@pytest.mark.parametrize("name", ["U-Net (small)", "Residual hourglass"])
def test_blocks_are_called_as_in_the_diagram(view, name):
    design = Design(presets[name], Input(64, 64, 1))
    cards = {card.id: card for card in cards_of(design.graph)}
    stacks = {card.stack for card in cards.values()} - {None}

    for selected in ("", *cards):
        view.show(Scene(design, selected))
        for link in all_of(Link, view.parts):
            if card := cards.get(link.select):
                is_told = len(stacks) > 1 and card.stack is not None
                assert link.text == card.title + f" of stack {card.stack}" * is_told


def test_that_an_edit_took_it_away_is_said_and_the_network_is_shown(view):
    view.show(Scene(DESIGN, "block-stack0_enc9"))

    assert view.heading == "U-Net, own settings"
    assert "What was selected is not part of this network." in said(view)
    assert "stack0_enc9" not in said(view)


def test_the_input_stands_for_itself_and_has_no_block_to_edit(view):
    view.show(Scene(DESIGN, "alone-image_in"))

    assert (view.heading, view.prefix) == ("image in", "image_in")
    assert "Images come in here" in said(view)
    assert said(section(view, "Fed by")) == "nothing"
    assert not all_of(EditButton, view)


@pytest.mark.parametrize(
    ("name", "selected", "editable"),
    [
        ("U-Net (small)", "block-stack0_enc1", True),
        ("U-Net (small)", "layer-stack0_enc1_conv0", True),
        ("U-Net (small)", "block-stack0_dec0", True),
        ("U-Net (small)", "block-stack0_enc5", True),
        ("Residual hourglass", "block-stem0", True),
        ("Residual hourglass", "block-stack0_merge", False),
        ("U-Net (small)", "", False),
    ],
)
def test_only_blocks_that_the_architecture_lists_can_be_edited(
    view, clicks, name, selected, editable
):
    scene = Scene(Design(presets[name], Input(64, 64, 1)), selected)
    view.show(scene)

    edits = [button.edit for button in all_of(EditButton, view)]
    assert edits == ([block_id(scene.node)] if editable and scene.node else [])
    for edit in edits:
        send(view, {"edit": edit})
        assert clicks.edited == [scene.node.block]


def test_a_head_can_be_edited(view):
    net = UNet(filters=2, down_blocks=1, up_blocks=1, heads=[Head("map")])
    view.show(Scene(Design(net, Input(16, 16, 1)), "head-map"))

    assert all_of(EditButton, view) == [EditButton("head-map")]


def send(view: Inspector, content: object) -> None:
    """Act as the browser does when a button is clicked."""
    view._handle_custom_msg(content, [])


def test_a_click_selects_and_the_cross_clears(view, clicks):
    view.show(Scene(DESIGN, CONV))
    assert view.selected == CONV

    send(view, {"select": "layer-image_in"})
    send(view, {"select": ""})

    assert clicks.selected == ["layer-image_in", ""]


@pytest.mark.parametrize(
    "content", [None, "select", {}, {"select": 3}, {"edit": "gone"}, {"edit": ["x"]}]
)
def test_other_messages_do_nothing(view, clicks, content, caplog):
    send(view, content)
    view.show(Scene(DESIGN, CONV))
    send(view, content)
    caplog.clear()

    assert (clicks.selected, clicks.edited) == ([], [])


def test_a_scene_that_says_the_same_is_not_written_again(view, monkeypatch):
    view.show(Scene(DESIGN, CONV, {"image_in": 1.0}))
    written = []
    monkeypatch.setattr(
        inspector_module._Page, "content", lambda page: written.append(page) or ("", "", ())
    )

    view.show(Scene(Design(DESIGN.architecture, DESIGN.input), CONV, {"image_in": 1.0}))
    assert not written
    view.show(Scene(DESIGN, CONV, {"image_in": 2.0}))
    assert len(written) == 1


def test_another_design_is_not_explained_by_the_links_of_the_one_before(view):
    view.show(Scene(DESIGN))
    other = Design(UNet(filters=4, down_blocks=2, up_blocks=1), Input(64, 64, 1))

    view.show(Scene(other))

    assert len(targets(section(view, "What do the skip connections do?"))) == 2


@attrs.frozen
class Marked(Layer):
    """A layer of somebody's own, with <markup>."""

    has_twin: ClassVar[bool] = False  # else tests that walk all kinds would meet it

    mode: str = "<b>&"


@attrs.frozen(slots=False)
class MarkedBlock(SimpleConvBlock):
    def make_block(self, x_in, prefix="block"):
        return Marked(name=f"{prefix}_marked")(super().make_block(x_in, prefix))


def test_names_and_settings_that_a_user_types_are_escaped(view):
    class Odd(EncoderDecoder):
        encoder_stack = (MarkedBlock(filters=1, block_prefix=">x"),)
        decoder_stack = (SimpleUpsamplingBlock(refine_convs_filters=1),)

    design = Design(Odd(), Input(8, 8, 1))
    for selected in (
        "",
        *map(layer_id, design.graph),
        *map(block_id, design.graph),
        "layer-%3Ci%3E",
    ):
        view.show(Scene(design, selected))
        for target in targets(view):
            assert nodes_of(design.graph, target)
    assert "What was selected is not part" in said(view)
    view.show(Scene(design, "layer-stack0_enc0_marked"))
    assert facts(view)["mode"] == "<b>&"
    assert "with <markup>." in said(view)


def test_what_feeds_several_layers_of_a_block_is_named_once(view):
    view.show(Scene(Design(presets["ResNet50"], Input(64, 64, 1)), "block-stack0_enc2"))

    assert targets(section(view, "Fed by")) == ["block-stack0_enc1"]
    assert targets(section(view, "Feeds")) == ["block-stack0_enc3"]


def test_long_lists_of_skip_connections_are_cut(view):
    view.show(Scene(Design(presets["Residual hourglass"], Input(64, 64, 1))))

    skips = section(view, "What do the skip connections do?")
    assert len(targets(skips)) == 2 * inspector_module.MOST_SKIPS
    assert "and 1 more" in said(skips)


class Unmet(EncoderDecoder):
    """Asks for a skip connection at the image's own size, where its encoder has nothing."""

    encoder_stack = (SimpleConvBlock(filters=2), SimpleConvBlock(filters=2))
    decoder_stack = (SimpleUpsamplingBlock(skip_connection=True, refine_convs_filters=2),) * 2


def test_a_decoder_block_that_asks_in_vain_for_a_skip_connection_says_so(view):
    design = Design(Unmet(), Input(16, 16, 1))

    view.show(Scene(design, "block-stack0_dec1"))
    assert "asks for a skip connection, but none comes in" in said(view)
    view.show(Scene(design, "block-stack0_dec0"))
    assert "asks for" not in said(view)
    view.show(Scene(design, "block-stack0_enc1"))
    assert "asks for" not in said(view)


def test_links_on_the_whole_way_of_a_skip_connection_are_marked(view):
    block = SimpleUpsamplingBlock(skip_connection=True, skip_add=True, refine_convs_filters=4)
    net = Custom(
        encoder=(SimpleConvBlock(filters=2), SimpleConvBlock(filters=4)), decoder=(block, block)
    )
    design = Design(net, Input(16, 16, 1))
    wiring = wiring_of(design.graph)
    assert any(before.kind == "Conv2D" for before, _ in wiring.skip_of), "some pass a layer"

    marked = set()
    for node in design.graph:
        view.show(Scene(design, layer_id(node)))
        marked |= {
            (link.text, node.name)
            for part in all_of(Items, section(view, "Fed by"))
            for link, facts in part.items
            if "skip connection" in facts.text
        }

    assert marked == {(before.name, after.name) for before, after in wiring.skip_of}
