"""One scene in all views: what is selected in one is shown by the others, and closed ones rest."""

import json
import threading

import attrs
import ipywidgets as widgets
import pytest

from explorer import UNet
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
TITLES = ("Layers", "Charts", "Receptive field", "Feature maps", "Compare")


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
        State(SMALL, threading.RLock()), alerts.append, print, print, lambda: None, Measurement
    )
    made.show(SMALL)
    yield made
    made.close()
    widgets.Widget.close_all()
    assert alerts == []


def test_what_is_selected_in_one_view_is_selected_in_all(screen):
    screen.views["Layers"]._handle_custom_msg({"select": "layer-stack0_enc0_conv0"}, [])
    assert screen.diagram.canvas.shown == "block-stack0_enc0"
    assert screen.inspector.heading == "stack0_enc0_conv0"

    screen.diagram.canvas._handle_custom_msg({"select": "block-stack0_dec0"}, [])
    marked = {name.split("_s")[0] for name in screen.views["Layers"].selected}
    assert marked == {"layer-stack0_dec0"}
    assert screen.inspector.heading == "stack0_dec0"


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


@pytest.mark.parametrize("title", TITLES[1:])
def test_views_are_made_when_they_are_opened_and_rest_while_they_are_closed(screen, title):
    assert list(screen.views) == ["Layers"]
    place = TITLES.index(title)
    assert screen.tabs.children[place].children == ()
    view = screen.views[title] = View()

    screen.tabs.selected_index = place
    assert [scene.design for scene in view.scenes] == [SMALL]
    before = screen.views["Layers"].rows
    screen.show(OTHER)
    assert view.scenes[-1].design == OTHER
    assert screen.views["Layers"].rows is before, "a closed view is shown nothing"

    screen.tabs.selected_index = 0
    assert view.hidden == 1
    assert screen.views["Layers"].rows is not before
    count = len(view.scenes)
    screen.select("block-stack0_enc0")
    screen.show(SMALL)
    assert len(view.scenes) == count


def test_every_tab_has_its_view(screen):
    for place, title in enumerate(TITLES):
        screen.tabs.selected_index = place
        assert screen.tabs.get_title(place) == title
        (widget,) = screen.tabs.children[place].children
        assert widget is screen.views[title].widget


def test_a_view_that_could_not_be_shown_stays_marked_while_it_is_closed(screen, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("as asked")

    layers = screen.views["Layers"]
    with monkeypatch.context() as patched:
        patched.setattr(type(layers), "show", broken)
        screen.show(OTHER)
        assert "as asked" in said(screen._problems)
        screen.tabs.selected_index = TITLES.index("Charts")
    assert "as asked" in said(screen._problems)

    screen.tabs.selected_index = 0
    assert said(screen._problems) == ""


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
    for place in range(len(screen.tabs.children)):
        screen.tabs.selected_index = place
        for node in design.graph:
            for selected in (layer_id(node), block_id(node)):
                screen.select(selected)
                assert screen.scene.nodes == (node,)
                assert screen.diagram.canvas.shown == block_id(node)
                for root in (screen.diagram, screen.inspector, screen.tabs):
                    for part in widgets_of(root):
                        json.dumps(part.get_state(), default=repr, ensure_ascii=False).encode()
