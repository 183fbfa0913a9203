"""The diagram on screen, without a browser: what it is sent, and what it answers."""

from types import SimpleNamespace

import attrs
import pytest

from explorer import LeapCNN, UNet, presets, trace
from explorer.core.analysis.comparison import compare
from explorer.core.analysis.design import Design, Input
from explorer.core.drawing.palette import LIGHT
from explorer.core.editing.snapshot import Scene
from explorer.core.families import ReadModel
from explorer.widget.panels.diagram.canvas import LAID_OUT, SENT
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


class Kernel:
    """What was done, in a kernel whose time stands still meanwhile."""

    def __init__(self, shown, monkeypatch, parent: dict[str, object] | None) -> None:
        self.events: list[object] = []
        self.now = 0.0
        self.garbage = (0, 0, 0)
        self.is_collecting = True
        kernel = None if parent is None else SimpleNamespace(get_parent=lambda: parent)
        shown.view.canvas.observe(lambda _: self.events.append("drawn"), names="dot")
        stands_in = {
            "get_ipython": lambda: SimpleNamespace(kernel=kernel),
            "time": SimpleNamespace(sleep=self.events.append, perf_counter=lambda: self.now),
            "gc": SimpleNamespace(
                isenabled=lambda: self.is_collecting,
                get_threshold=lambda: (700, 10, 10),
                get_count=lambda: self.garbage,
                collect=self.collect,
            ),
        }
        for name, value in stands_in.items():
            monkeypatch.setattr(f"explorer.widget.panels.diagram.canvas.{name}", value)

    def collect(self) -> None:
        self.events.append("collected")
        self.now += LAID_OUT / 4


BY_PAGE = {"header": {"msg_type": "comm_msg"}}


@pytest.mark.parametrize(
    ("parent", "seconds"),
    [
        (None, [SENT]),
        ({}, [SENT]),
        ({"header": {"msg_type": "execute_request"}}, [SENT]),
        (BY_PAGE, [SENT, LAID_OUT]),
    ],
)
def test_a_kernel_gets_time_to_send_a_drawing_that_a_page_waits_for(
    shown, monkeypatch, parent, seconds
):
    kernel = Kernel(shown, monkeypatch, parent)
    shown.do(toggle="block-stack0_enc0")
    assert kernel.events == ["drawn"]  # nobody waits
    shown.do(lays_out=True)
    shown.do(toggle="block-stack0_enc0")
    assert kernel.events == ["drawn", "drawn", *seconds]
    shown.show(shown.scene)
    assert len(kernel.events) == 2 + len(seconds)


@pytest.mark.parametrize(
    ("garbage", "is_collecting", "parent", "done"),
    [
        ((0, 0, 9), True, BY_PAGE, [SENT, LAID_OUT]),
        ((0, 0, 10), True, BY_PAGE, [SENT, "collected", 0.75 * LAID_OUT]),
        ((0, 0, 10), True, None, [SENT]),
        ((0, 0, 10), False, BY_PAGE, [SENT, LAID_OUT]),
    ],
)
def test_garbage_is_collected_while_a_page_lays_out(
    shown, monkeypatch, garbage, is_collecting, parent, done
):
    kernel = Kernel(shown, monkeypatch, parent)
    kernel.garbage, kernel.is_collecting = garbage, is_collecting
    shown.do(lays_out=True)
    shown.do(toggle="block-stack0_enc0")
    assert kernel.events == ["drawn", *done]


def edited(shown: Shown, filters: int) -> str:
    """What the kernel draws of an edit; nothing where pages do."""
    design = attrs.evolve(shown.scene.design, architecture=attrs.evolve(SMALL, filters=filters))
    shown.show(Scene(design))
    assert f"× {filters}" in shown.view.canvas.dot
    return shown.view.canvas.svg


def test_pages_that_can_lay_out_do_so_until_there_is_one_that_cannot(shown):
    assert "× 3" in edited(shown, 3)
    shown.do(wants="graphviz")
    ((message, code),) = shown.files
    assert message == {"code": "graphviz"}
    assert b"Graphviz" in code[0]
    assert b"addEventListener" in code[1]
    assert "× 4" in edited(shown, 4)

    shown.do(lays_out=True)
    assert edited(shown, 5) == ""
    shown.do(lays_out=False)
    assert "× 5" in shown.view.canvas.svg
    shown.do(lays_out=True)
    assert "× 6" in edited(shown, 6)


def test_a_page_without_a_kernel_gets_the_drawing(shown):
    shown.do(lays_out=True)
    edited(shown, 5)
    assert "× 5" in shown.view.canvas._get_embed_state()["state"]["kept"]
    assert shown.view.canvas.kept == ""


def test_each_model_that_was_read_is_looked_at_as_a_whole_at_first(shown):
    read = [ReadModel.of(trace(net, (64, 64, 1))) for net in (SMALL, presets["ResNet50"])]
    seen = []
    for model, size in ((read[0], 64), (read[0], 128), (read[1], 64)):
        shown.show(Scene(Design(model, Input(size, size, 1))))
        seen.append((shown.view.canvas.family, shown.view.canvas.detail))
        shown.do(detail="outline")

    assert seen[0][1] == seen[2][1] == "blocks"
    assert seen[0][0] == seen[1][0] != seen[2][0], "of another size it is the same model"


def test_the_zoom_says_how_much_is_written_until_the_user_does(shown, caplog):
    detail = shown.view._form.controls["detail"]
    first = shown.view.canvas.family
    assert (detail.value, shown.view.canvas.detail) == ("by zoom", "blocks")
    shown.do(detail="outline")
    assert (detail.value, shown.view.canvas.detail) == ("by zoom", "outline")
    assert "conv" not in shown.view.canvas.svg
    shown.do(detail="nonsense")
    caplog.clear()
    edited(shown, 3)
    assert (shown.view.canvas.detail, shown.view.canvas.family) == ("outline", first)

    # Another family or preset is another network: the page sees whether it is too small.
    families = {first}
    for net in (LeapCNN(filters=2), presets["U-Net"], presets["U-Net (small)"]):
        shown.do(detail="outline")
        shown.show(Scene(Design(net, Input(64, 64, 1))))
        assert shown.view.canvas.detail == "blocks"
        families.add(shown.view.canvas.family)
    assert len(families) == 4

    shown.do(toggle="block-stack0_enc0")  # which another detail would undo
    shown.do(detail="layers")
    assert (shown.view.options.detail, shown.view.canvas.detail) == ("blocks", "")
    shown.show(Scene(Design(presets["U-Net"], Input(64, 64, 1))))  # another network
    assert shown.view.canvas.detail == "blocks"
    detail._inputs[-1].value = "layers"
    shown.do(detail="blocks")
    shown.show(SCENE)
    assert (shown.view.options.detail, shown.view.canvas.detail) == ("layers", "")
    detail._inputs[-1].value = "by zoom"
    assert (shown.view.options.detail, shown.view.canvas.detail) == ("blocks", "blocks")


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
def test_what_is_folded_can_be_listed_so_that_every_layer_is_an_item(name):
    shown = Shown(Scene(Design(presets[name])))
    shown.view._form.controls["detail"]._inputs[-1].value = "layers"

    layers = [f"layer-{node.name}" for node in shown.scene.graph if node.inputs]
    assert len([item for item in shown.view.canvas.items if item.parent]) < len(layers) / 2
    for item in shown.view.canvas.items:
        if item.is_fold:
            shown.do(toggle=item.id)
    assert {item.id for item in shown.view.canvas.items if item.parent} == set(layers)


FOLD = "layer-stack0_enc3_block2_1_conv"


@pytest.fixture
def folded():
    made = Shown(Scene(Design(presets["ResNet152"])))
    made.do(toggle="block-stack0_enc3")
    yield made
    assert made.alerts == []


def folds(shown: Shown) -> list[str]:
    return [item.id for item in shown.view.canvas.items if item.is_fold]


def test_repeated_layers_are_folded_until_their_row_lists_them(folded):
    assert folds(folded) == [FOLD]
    assert folded.drawn(FOLD)
    assert "+ the 10 layers above, 34 times more" in folded.view.canvas.svg
    before = folded.view.canvas.svg

    folded.do(toggle=FOLD)
    assert folds(folded) == []
    assert folded.drawn("layer-stack0_enc3_block35_out_relu")
    folded.do(toggle="block-stack0_enc3")  # which folds them again
    assert folded.view.canvas.svg == before
    folded.do(toggle="block-stack0_enc3")
    assert "layer-stack0_enc3_block1_1_conv" not in folded.items


def test_a_folded_layer_that_is_selected_is_marked_by_its_row(folded):
    folded.do(find="block20_add", step=0)
    assert folded.selected == ["layer-stack0_enc3_block20_add"]
    assert folded.view.canvas.shown == FOLD
    folded.do(toggle=FOLD)
    assert folded.view.canvas.shown == "layer-stack0_enc3_block20_add"
    folded.do(select="layer-stack0_enc2_block3_add")  # of a block whose layers are not listed
    assert folded.view.canvas.shown == "block-stack0_enc2"


def test_the_walk_goes_through_the_row_that_folds(folded):
    items = folded.view.canvas.items
    of = {item.id: item for item in items}
    last = of["layer-stack0_enc3_block1_out_relu"]
    assert [items[place].id for place in last.feeds] == [FOLD]
    assert [items[place].id for place in of[FOLD].feeds] == ["block-stack0_enc4"]
