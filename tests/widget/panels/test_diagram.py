"""The diagram on screen, without a browser: what it is sent, and what it answers."""

import attrs
import pytest

from explorer import UNet, presets
from explorer.core.analysis.comparison import compare
from explorer.core.analysis.design import Design, Input
from explorer.core.drawing.palette import LIGHT
from explorer.core.editing.snapshot import Scene
from explorer.widget.panels.diagram.panel import DiagramView
from explorer.widget.parts import Swatch
from tests.said import all_of, said

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
SCENE = Scene(Design(SMALL, Input(64, 64, 1)))


class Shown:
    """A view with what it asked for."""

    def __init__(self, scene: Scene = SCENE) -> None:
        self.scene = scene
        self.selected: list[str] = []
        self.alerts: list[str] = []
        self.view = DiagramView(self.select, lambda: self.view.show(self.scene), self.alerts.append)
        self.files: list[tuple[dict, list]] = []
        self.view.canvas.send = lambda content, buffers: self.files.append((content, buffers))
        self.view.show(scene)

    def select(self, selected: str) -> None:
        self.selected.append(selected)
        self.show(attrs.evolve(self.scene, selected=selected))

    def show(self, scene: Scene) -> None:
        self.scene = scene
        self.view.show(scene)

    def do(self, **message: object) -> None:
        self.view.canvas._handle_custom_msg(message, [])

    def drawn(self, selection: str) -> bool:
        """Whether there is something in the drawing whose click selects this."""
        names = [name for name, place in self.view.canvas.places.items() if place == selection]
        return any(f'id="a_{name}"' in self.view.canvas.svg for name in names)

    @property
    def items(self) -> list[str]:
        return [item.id for item in self.view.canvas.items]


@pytest.fixture
def shown():
    made = Shown()
    yield made
    assert made.alerts == []


def test_a_block_is_opened_and_closed_again(shown):
    before = shown.view.canvas.svg

    shown.do(toggle="block-stack0_enc0")
    assert "layer-stack0_enc0_conv0" in shown.items
    assert "layer-stack0_enc1_conv0" not in shown.items
    assert shown.drawn("layer-stack0_enc0_conv0")
    shown.do(toggle="block-stack0_enc0")
    assert shown.view.canvas.svg == before
    shown.do(toggle="nonsense")
    assert shown.view.canvas.svg == before


def test_another_detail_is_the_same_for_all_blocks(shown):
    shown.do(toggle="block-stack0_enc0")
    shown.view._form.controls["detail"]._inputs[-1].value = "layers"

    assert {f"layer-{node.name}" for node in shown.scene.graph if node.block} <= set(shown.items)


def test_a_selected_layer_is_marked_or_the_box_of_its_block(shown):
    shown.do(select="layer-stack0_enc0_conv0")
    assert shown.selected == ["layer-stack0_enc0_conv0"]
    assert shown.view.canvas.selected == "layer-stack0_enc0_conv0"
    assert shown.view.canvas.shown == "block-stack0_enc0"
    shown.do(toggle="block-stack0_enc0")
    assert shown.view.canvas.shown == "layer-stack0_enc0_conv0"
    shown.do(select="")
    assert shown.view.canvas.shown == ""


def test_a_search_goes_from_layer_to_layer(shown):
    wanted = [f"layer-{node.name}" for node in shown.scene.graph if "pool" in node.name]
    shown.do(find="POOL", step=0)
    assert shown.view.canvas.found == f"1 of {len(wanted)}"
    for _ in wanted:
        shown.do(find="pool", step=1)
    assert shown.selected == [*wanted, wanted[0]]
    shown.do(find="pool", step=-1)
    assert shown.selected[-1] == wanted[-1]
    shown.do(find="decoder 0", step=0)  # as the box is called
    assert shown.selected[-1].startswith("layer-stack0_dec0_")
    shown.do(find="pool", step=0)
    shown.do(find="pool", step=-1)
    shown.do(find="gpu", step=0)
    assert shown.view.canvas.found == "no layer has “gpu”"
    shown.do(find="", step=0)
    assert shown.view.canvas.found == ""
    assert shown.selected[-1] == wanted[-1]


def test_kinds_are_found_too(shown):
    shown.do(find="transposed", step=0)

    assert shown.scene.node.kind == "Conv2DTranspose"


@pytest.mark.parametrize(
    ("ending", "start"),
    [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG"), ("dot", b"digraph")],
)
def test_the_drawing_is_sent_as_a_file_without_handles(shown, ending, start):
    assert "_toggle" in shown.view.canvas.svg
    shown.do(save=ending)

    (message, (content,)), *others = shown.files
    assert not others
    assert message["file"] == f"UNet.{ending}"
    assert content.startswith(start)
    assert b"toggle" not in content


def test_what_an_edit_changed_is_marked_and_nothing_else(shown):
    assert shown.view.canvas.changed == ()
    edited = attrs.evolve(SMALL, filters=4)
    shown.show(Scene(Design(edited, Input(64, 64, 1))))
    assert set(shown.view.canvas.changed) == set(shown.items) - {"alone-image_in"}

    shown.show(Scene(Design(attrs.evolve(edited, middle_block=False), Input(64, 64, 1))))
    changed = set(shown.view.canvas.changed)
    assert "block-stack0_dec0" in changed
    assert not {"block-stack0_enc0", "block-stack0_dec1"} & changed

    shown.do(toggle="block-stack0_enc0")
    assert shown.view.canvas.changed == ()


def test_a_legend_says_what_colours_tell(shown):
    assert said(shown.view._legend) == "", "colours tell what titles say"
    shown.do(toggle="block-stack0_enc0")
    assert "pooling" in said(shown.view._legend)

    colour = shown.view._form.controls["colour_by"]._inputs[-1]
    colour.value = "MACs"
    assert "of all MACs" in said(shown.view._legend)
    colour.value = "memory"
    assert "not all held at once" in said(shown.view._legend)
    colour.value = "time"
    assert "No times yet" in said(shown.view._legend)
    times = {"stack0_enc0_conv0": 0.5}
    shown.show(attrs.evolve(SCENE, times=times))
    assert "No times yet" not in said(shown.view._legend)
    assert "%" not in shown.view.canvas.svg  # of a whole that is not known
    others = {node.name: 0.0 for node in SCENE.graph if node.inputs}
    shown.show(attrs.evolve(SCENE, times=others | times))
    assert "100.0%" in shown.view.canvas.svg


def test_a_pinned_design_is_drawn_with_the_present_one(shown):
    before = shown.view.canvas.svg
    pinned = Design(UNet(filters=2, down_blocks=3, up_blocks=3), Input(64, 64, 1))

    shown.view.compare(compare(pinned.graph, SCENE.graph))
    shown.show(SCENE)
    assert "only in A" in shown.view.canvas.svg
    assert "only in A" in said(shown.view._legend)
    assert "Arrows marked A or B" in said(shown.view._legend)
    swatches = {swatch.text: swatch for swatch in all_of(Swatch, shown.view._legend.parts[0].runs)}
    assert swatches["changed"].colour == LIGHT.compared["changed"][1]
    shown.do(toggle="block-stack0_enc0")
    assert "pooling" not in said(shown.view._legend), "kinds have no colours now"
    shown.do(toggle="block-stack0_enc0")
    assert "block-stack0_dec2" not in shown.items, "what is not in the network can't be selected"
    shown.do(toggle="block-stack0_dec2")
    assert shown.drawn("layer-stack0_dec2_s2_to_s1_trans_conv")
    shown.do(toggle="block-stack0_dec2")

    shown.view.compare(None)
    shown.show(SCENE)
    assert shown.view.canvas.svg == before


def test_nothing_is_drawn_again_for_the_same_scene(shown):
    before = shown.view.canvas.svg, shown.view.canvas.items
    shown.show(Scene(Design(SMALL, Input(64, 64, 1)), "block-stack0_enc0"))

    assert shown.view.canvas.svg is before[0]
    assert shown.view.canvas.items is before[1]


@pytest.mark.parametrize("name", ["FC-DenseNet103", "ResNet152"])
def test_long_networks_have_every_layer_as_an_item(name):
    shown = Shown(Scene(Design(presets[name])))
    shown.view._form.controls["detail"]._inputs[-1].value = "layers"

    layers = [item for item in shown.view.canvas.items if item.parent]
    assert len(layers) == len(shown.scene.graph) - 1
