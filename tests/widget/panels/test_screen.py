"""One scene in all views: what is selected in one is shown by the others, and closed ones rest."""

import json
import threading

import attrs
import ipywidgets as widgets
import pytest

from explorer import UNet, presets
from explorer.core.analysis.design import Design, Input
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.timing import LayerTime
from explorer.core.editing.store import State
from explorer.core.network.layers import Conv2D
from explorer.core.network.names import block_id, layer_id
from explorer.widget.panels.screen import Screen
from explorer.widget.panels.tab_view import TabView
from tests.said import said
from tests.widget.test_fuzz import widgets_of

SMALL = Design(UNet(filters=2, down_blocks=2, up_blocks=2), Input(64, 64, 1))
OTHER = Design(UNet(filters=4, down_blocks=2, up_blocks=2), Input(64, 64, 1))
STAGE = ("Diagram", "Receptive field", "Feature maps", "Charts", "Train", "Design")
SIDE = ("Explain", "Layers", "Compare", "Code", "Run and time")


class View(TabView):
    """A view that notes what it is shown."""

    def __init__(self, *_: object) -> None:
        self.scenes = []
        self.hidden = 0
        self.widget = widgets.HTML()

    def show(self, scene) -> None:
        self.scenes.append(scene)

    def hide(self) -> None:
        self.hidden += 1


@pytest.fixture
def screen():
    alerts = []
    made = Screen(
        State(SMALL, threading.RLock()),
        alerts.append,
        print,
        lambda: None,
        print,
        lambda: None,
        Measurement,
        View,
        lambda: None,
        print,
        print,
    )
    made.show(SMALL)
    made.side.choose("Layers")
    yield made
    made.close()
    widgets.Widget.close_all()
    assert alerts == []


def test_what_is_selected_in_one_view_is_selected_in_all(screen):
    screen.views["Layers"]._handle_custom_msg({"select": "layer-stack0_enc0_conv0"}, [])
    assert screen.diagram.canvas.shown == "block-stack0_enc0"
    screen.side.choose("Explain")
    assert screen.inspector.heading == "stack0_enc0_conv0"

    screen.diagram.canvas._handle_custom_msg({"select": "block-stack0_dec0"}, [])
    assert screen.inspector.heading == "decoder 0"
    screen.side.choose("Layers")
    marked = {name.split("_s")[0] for name in screen.views["Layers"].selected}
    assert marked == {"layer-stack0_dec0"}


def test_a_selection_outlasts_edits_and_times_do_not(screen):
    class Times:
        layers = (LayerTime("stack0_dec0_s4_to_s2_trans_conv", 0.25),)
        whole = 0.5

    screen.select("block-stack0_dec0")
    screen.show_times(Times())
    assert screen.views["Layers"].totals["time"].sum == 0.25
    screen.show(SMALL)
    assert screen.scene.whole_time == 0.5
    screen.show(OTHER)
    assert screen.views["Layers"].totals["time"].sum == screen.scene.whole_time == 0
    assert screen.scene.selected == "block-stack0_dec0"


@pytest.mark.parametrize("title", [*STAGE[1:], *SIDE[2:]])
def test_views_are_made_when_they_are_opened_and_rest_while_they_are_closed(screen, title):
    assert set(screen.views) == {"Diagram", "Explain", "Layers"}
    tabs, first = (screen.stage, "Diagram") if title in STAGE else (screen.side, "Layers")
    assert tabs.children[tabs.titles.index(title)].children == ()
    view = tabs.views[title] = View()

    tabs.choose(title)
    assert [scene.design for scene in view.scenes] == [SMALL]
    shown = {"Layers": lambda: screen.views["Layers"].rows, "Diagram": lambda: drawn(screen)}
    before = shown[first]()
    screen.show(OTHER)
    assert view.scenes[-1].design == OTHER
    assert shown[first]() is before, "a closed view is shown nothing"

    tabs.choose(first)
    assert view.hidden == 1
    assert shown[first]() is not before
    count = len(view.scenes)
    screen.select("block-stack0_enc0")
    screen.show(SMALL)
    assert len(view.scenes) == count


def drawn(screen) -> str:
    return screen.diagram.canvas.svg


def test_every_tab_has_its_view(screen):
    for tabs, titles in ((screen.stage, STAGE), (screen.side, SIDE)):
        assert tabs.titles == titles
        for place, title in enumerate(titles):
            tabs.choose(title)
            (widget,) = tabs.children[place].children
            assert widget is screen.views[title].widget


def test_a_view_that_could_not_be_shown_stays_marked_while_it_is_closed(screen, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("as asked")

    layers = screen.views["Layers"]
    with monkeypatch.context() as patched:
        patched.setattr(type(layers), "show", broken)
        screen.show(OTHER)
        assert "as asked" in said(screen._problems)
        screen.side.choose("Explain")
    assert "as asked" in said(screen._problems)

    screen.side.choose("Layers")
    assert said(screen._problems) == ""


def test_the_strip_follows_the_selection_and_selects(screen):
    steps = screen.strip.steps
    assert [step.id for step in steps] == [layer_id(node) for node in screen.scene.graph]
    assert {(step.height, step.channels) for step in steps} == {
        (node.shape[0], node.shape[2]) for node in screen.scene.graph
    }
    screen.select("block-stack0_enc0")
    nodes = [node for node in screen.scene.graph if node.block and node.block.name == "stack0_enc0"]
    assert screen.strip.selected == tuple(map(layer_id, nodes))

    screen.strip._handle_custom_msg({"select": steps[2].id}, [])
    assert screen.scene.selected == steps[2].id
    assert screen.strip.steps is steps, "only the selection is another"


def test_the_strip_of_a_long_network_has_a_bar_for_each_block(screen):
    long = Design(presets["FC-DenseNet103"], Input(64, 64, 3))
    screen.show(long)
    blocks = dict.fromkeys(map(block_id, long.graph))
    assert [step.id for step in screen.strip.steps] == list(blocks)
    peak = max(step.total for step in screen.strip.steps)
    assert peak == long.report.peak_activation_bytes


@attrs.frozen
class Odd(UNet):
    """A network whose layers have names that mean something elsewhere, or can't be sent."""

    def make_backbone(self, x_in, current_stride=1):
        for name in ("a:b", "\\N", "&lt;", "\x07", "\ud800", "x" * 16_000):
            x_in = Conv2D(name=name, filters=2, kernel_size=1)(x_in)
        return x_in, []


def test_whatever_layers_are_called_every_view_can_be_sent(screen):
    design = Design(Odd(down_blocks=1, up_blocks=1), Input(16, 16, 1))
    screen.show(design)
    for place in range(4):
        screen.stage.selected_index = screen.side.selected_index = place
        for node in design.graph:
            for selected in (layer_id(node), block_id(node)):
                screen.select(selected)
                assert screen.scene.nodes == (node,)
                assert place or screen.diagram.canvas.shown == block_id(node)
                for root in (screen.stage, screen.side, screen.strip):
                    for part in widgets_of(root):
                        json.dumps(part.get_state(), default=repr, ensure_ascii=False).encode()
