import io
import sys
import threading
from pathlib import Path
from random import Random

import attrs
import ipywidgets
import pytest
from ipywidgets.embed import embed_minimal_html

import explorer
import explorer.worker.process
from explorer import (
    Custom,
    EncoderDecoder,
    FCDenseNet,
    Hourglass,
    LeapCNN,
    ParameterError,
    ResidualHourglass,
    ResNet,
    UNet,
    presets,
)
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.expected_memory import TRAINING, expected_bytes, expected_forward_bytes
from explorer.core.analysis.quantities import of_networks
from explorer.core.asking.failures import WorkerDied
from explorer.core.asking.questions import Rebuild, RunForward
from explorer.core.drawing.diagram import Diagram
from explorer.core.formatting import byte_size
from explorer.core.network.encoder_decoder import blocks_of
from explorer.core.network.parameters import parameters_of
from explorer.core.pictures.images import ImageError
from explorer.widget.messages import Figure, LayerTotal
from explorer.widget.panels.families.panel import Families
from explorer.widget.panels.history.panel import HistoryView
from explorer.widget.panels.inspector.panel import Inspector
from explorer.widget.panels.keras.panel import LiveKeras
from explorer.widget.panels.layers.panel import LayerTable
from explorer.widget.panels.parameters.panel import Parameters
from explorer.widget.panels.problems import OUT_OF_DATE
from explorer.widget.panels.totals import panel as totals_panel
from explorer.widget.panels.totals.panel import Totals
from explorer.widget.parts import TimeButton
from explorer.worker.answering import answer
from tests.said import all_of, is_refused, result_of, said
from tests.still_worker import StillWorker


@pytest.fixture
def worker(monkeypatch) -> StillWorker:
    made = StillWorker()
    monkeypatch.setattr(explorer.worker.process, "shared_worker", lambda: made)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 0.001)
    return made


SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
PACKAGE = str(Path(explorer.__file__).parent)


@pytest.fixture
def widget(worker):
    made = explorer.Explorer(SMALL, input_shape=(32, 32, 1))
    made._panels.screen.side.choose("Layers")
    yield made
    made.close()


def number(widget, name: str):
    return widget._panels.parameters.controls[name].holder


def note(widget, name: str) -> str:
    """What is said beside a control of what was refused there."""
    control = widget._panels.parameters.controls[name]
    return widget._panels.refusal.text if is_refused(control) else ""


def result(widget) -> str:
    return result_of(widget._panels.keras.forward)


def shown(widget) -> tuple[int, str, int]:
    """What the views show: rows of the table, the drawing, and the total parameters."""
    widget._panels.screen.side.choose("Layers")
    table = widget._panels.screen.views["Layers"]
    return len(table.rows), widget._panels.screen.diagram.canvas.svg, table.totals["parameters"].sum


def test_a_control_can_be_linked_to_a_widget_of_the_users_own(widget):
    own = ipywidgets.IntSlider(value=3, min=1, max=64)
    ipywidgets.link((own, "value"), (widget.controls["filters"], "value"))
    assert widget.architecture.filters == 3

    own.value = 8
    assert widget.architecture.filters == 8
    widget.architecture = SMALL
    assert own.value == SMALL.filters

    widget._panels.family.value = "ResNet50"
    own.value = 5
    assert widget.architecture == explorer.presets["ResNet50"]
    assert {"height", "batch_size", "encoder_stride"} <= set(widget.controls)
    own.close()


def test_without_arguments_a_small_unet_is_shown(worker):
    widget = explorer.Explorer()

    assert isinstance(widget.architecture, UNet)
    assert widget.report.total_params < 1_000_000
    assert widget.input_shape == (256, 256, 1)
    assert isinstance(widget, ipywidgets.DOMWidget)
    widget.close()


def test_a_moved_control_reshapes_everything(widget):
    before = shown(widget)

    number(widget, "down_blocks").value = 3

    assert widget.architecture == attrs.evolve(SMALL, down_blocks=3, up_blocks=3)
    assert widget._panels.history.steps[1:] == ("down blocks 2 → 3, up blocks 2 → 3",)
    assert len(widget.graph) == len(widget._panels.screen.views["Layers"].rows) != before[0]
    assert widget._panels.screen.diagram.canvas.svg != before[1]
    assert shown(widget)[2] == widget.report.total_params


@pytest.mark.parametrize(
    "net",
    [
        SMALL,
        ResNet(filters=2, up_blocks=2, up_filters=2),
        Hourglass(2, 2, stem_filters=2, filters=2, filter_increase=1, stacks=1),
        ResidualHourglass(filters=2, stem_filters=2, down_blocks=2),
        FCDenseNet(growth_rate=2, layers_per_block=(1, 1)),
    ],
    ids=lambda net: type(net).__name__,
)
def test_skips_are_one_control_in_every_family_that_has_them(widget, net):
    widget.architecture = net
    drawn = set()
    for skips in ("concatenate", "none", "add"):
        widget.controls["skips"].value = skips
        assert widget.architecture == attrs.evolve(net, skips=skips)
        drawn.add(shown(widget))
    assert len(drawn) == 3


def test_the_page_hears_of_the_number_beside_a_moved_slider_after_the_picture(widget, monkeypatch):
    slider, box = widget._panels.parameters.controls["filters"]._inputs
    sent = []

    def note(self, message, buffers=None):
        sent.extend((self, name) for name in message.get("state", ()))

    monkeypatch.setattr(ipywidgets.Widget, "_send", note)
    slider.set_state({"index": slider.index + 1})

    assert sent.index((widget._panels.screen.diagram.canvas, "dot")) < sent.index((box, "value"))
    assert sent.count((box, "value")) == 1


def test_a_slider_does_the_same_as_its_number(widget):
    slider = widget._panels.parameters.form.controls["filters"].widget.children[0]

    slider.value = 9

    assert widget.architecture.filters == 9


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("filters", 0, "filters 0 is too small: give a whole number from 1 to 1,000,000."),
        ("up_blocks", 3, "3 up blocks upsample by 8, but the encoder only downsamples by 4."),
        ("height", 30, "use 28 or 32"),
        ("channels", -1, "channels -1 is too small"),
        ("batch_size", 0, "batch size 0 is too small"),
        ("filters_rate", float("nan"), "nan is not a finite number"),
        ("filters_rate", 0.1, "filters"),
    ],
)
def test_a_wrong_value_shows_its_error_and_changes_nothing_else(widget, name, value, message):
    before, design = shown(widget), widget.architecture
    right = number(widget, name).value

    number(widget, name).value = value

    assert message in note(widget, name)
    assert said(widget._panels.problem) == "", "it is said once"
    assert len(widget._panels.parameters.controls[name].widget.children) <= 2, "nothing moves"
    assert shown(widget) == before
    assert widget.architecture == design
    number(widget, name).value = right
    assert note(widget, name) == widget._panels.refusal.text == ""
    assert widget._panels.refusal.remedies == ()


@pytest.mark.parametrize(
    ("edits", "words", "changes"),
    [
        ({"up_blocks": 1, "stacks": 3}, "Set up blocks to 2", {"stacks": 3}),
        ({"up_blocks": 1, "stacks": 3}, "Use 1 stack", {"up_blocks": 1}),
        ({"up_blocks": 3}, "Set down blocks to 3", {"down_blocks": 3, "up_blocks": 3}),
        ({"filters": 0}, "Set filters to 1", {"filters": 1}),
        ({"filters": 10**9}, "Set filters to 250000", {"filters": 250_000}),
    ],
)
def test_a_remedy_is_applied_to_what_was_refused_in_one_step(widget, edits, words, changes):
    for name, value in edits.items():
        number(widget, name).value = value
    before = len(widget._panels.history.steps)

    press(widget, words)

    assert widget.architecture == attrs.evolve(SMALL, **changes)
    assert all(number(widget, name).value == value for name, value in changes.items())
    assert widget._panels.refusal.text == ""
    assert not any(map(is_refused, widget._panels.parameters.controls.values()))
    if words != "Use 1 stack":  # which takes the edit back
        assert len(widget._panels.history.steps) == before + 1
        widget._panels.history._handle_custom_msg({"by": -1}, [])
        assert widget.architecture != attrs.evolve(SMALL, **changes)


def press(widget, words: str) -> None:
    assert words in widget._panels.refusal.remedies
    widget._panels.refusal._handle_custom_msg({"remedy": words}, [])


def test_both_sizes_are_put_right_at_once(worker):
    widget = explorer.Explorer(attrs.evolve(SMALL, down_blocks=1, up_blocks=1), (30, 34, 1))
    number(widget, "down_blocks").value = 3

    assert "use 24 or 32" in note(widget, "height")
    press(widget, "Set height to 32 and width to 40")

    assert widget.architecture.down_blocks == 3, "the edit is kept"
    assert widget.input_shape == (32, 40, 1)
    widget.close()


def test_a_refused_edit_of_a_block_is_put_right(widget):
    widget._panels.blocks.head.folded = False
    editor = widget._panels.blocks._editor
    editor._list.value = ("encoder", 0)
    filters = editor._form.controls["filters"]

    filters.holder.value = -4
    assert "filters -4 is too small" in widget._panels.refusal.text
    assert is_refused(filters)
    press(widget, "Set filters to 1")

    assert blocks_of(widget.architecture).encoder[0].filters == filters.value == 1
    assert not is_refused(filters)
    assert widget._panels.refusal.text == ""


def test_the_editor_and_the_other_views_have_the_same_block_selected(widget):
    select = widget._panels.screen.select
    blocks, inspector = widget._panels.blocks, widget._panels.screen.inspector
    widget._panels.screen.side.choose("Explain")
    select("block-stack0_enc1")
    blocks.head.folded = False
    editor = blocks._editor
    assert editor._list.value == ("encoder", 1)
    select("layer-stack0_dec1_s2_to_s1_refine_conv0")
    assert editor._list.value == ("decoder", 1)
    type_in_block(widget, ("decoder", 1), "refine_convs", 3)
    assert inspector.selected == "layer-stack0_dec1_s2_to_s1_refine_conv0"
    select("block-stack0_enc1")
    assert inspector.heading == "encoder 1"

    editor._list.value = ("encoder", 0)
    assert inspector.heading == "encoder 0"
    editor._buttons["duplicate"].click()
    assert (inspector.heading, editor._list.value) == ("encoder 1", ("encoder", 1))
    widget._panels.history._handle_custom_msg({"by": -1}, [])
    assert (inspector.heading, editor._list.value) == ("encoder 1", ("encoder", 1))
    select("")
    assert editor._list.value == ("encoder", 1)

    editor._list.value = ("heads", 0)
    editor._buttons["add"].click()
    number(widget, "kernel_size").value = 5
    assert (inspector.heading, editor._list.value) == ("head 0", ("heads", 0))
    type_in_block(widget, ("decoder", 1), "refine_convs", 1)
    select("block-stack0_enc0")
    blocks.own._handle_custom_msg({"open": "decoder 1"}, [])
    assert (inspector.heading, editor._list.value) == ("decoder 1", ("decoder", 1))


def own(widget) -> list[tuple[str, str, bool]]:
    """The blocks that are said to have settings of their own."""
    return [(own.name, own.text, own.rests) for own in widget._panels.blocks.own.blocks]


def type_in_block(widget, place: tuple[str, int], name: str, value: object) -> None:
    widget._panels.blocks.head.folded = False
    widget._panels.blocks._editor._list.value = place
    widget._panels.blocks._editor._form.controls[name].holder.value = value


def test_an_edited_block_is_an_exception_and_the_controls_of_the_family_stay(widget):
    type_in_block(widget, ("encoder", 1), "filters", 96)
    type_in_block(widget, ("decoder", 1), "refine_convs", 1)

    assert isinstance(widget.architecture, UNet)
    assert widget._panels.family.value == "U-Net, own settings"
    assert own(widget) == [
        ("encoder 1", "filters 4 → 96", False),
        ("decoder 1", "refine convs 2 → 1", False),
    ]
    number(widget, "kernel_size").value = 5
    blocks = blocks_of(widget.architecture)
    assert (blocks.encoder[0].kernel_size, blocks.encoder[1].kernel_size) == (5, 5)
    assert blocks.encoder[1].filters == 96  # all else of it follows the family
    assert widget._panels.history.steps[-3:] == (
        "encoder 1: filters 4 → 96",
        "decoder 1: refine convs 2 → 1",
        "kernel size 3 → 5",
    )

    widget._panels.blocks.own._handle_custom_msg({"remove": "encoder 1"}, [])
    assert [name for name, _, _ in own(widget)] == ["decoder 1"]
    assert widget._panels.history.steps[-1] == "encoder 1: own settings removed"
    widget._panels.blocks.own._handle_custom_msg({"remove": "decoder 1"}, [])
    assert widget.architecture == attrs.evolve(SMALL, kernel_size=5)
    assert own(widget) == []
    widget._panels.history._handle_custom_msg({"by": -2}, [])
    assert len(own(widget)) == 2


def test_an_exception_rests_while_there_is_no_such_block(widget):
    type_in_block(widget, ("decoder", 1), "refine_convs", 1)

    number(widget, "up_blocks").value = 1

    assert own(widget) == [("decoder 1", "There is no such block now: its settings rest.", True)]
    number(widget, "up_blocks").value = 2
    assert blocks_of(widget.architecture).decoder[1].refine_convs == 1


def test_an_exception_is_opened_from_its_name(widget):
    type_in_block(widget, ("encoder", 4), "filters", 9)
    widget._panels.blocks._editor._list.value = ("encoder", 0)
    widget._panels.blocks.head.folded = True

    widget._panels.blocks.own._handle_custom_msg({"open": "middle 1"}, [])

    assert not widget._panels.blocks.head.folded
    assert widget._panels.blocks._editor._list.value == ("encoder", 4)


def test_an_exception_that_is_needed_is_not_removed(worker):
    pooled = explorer.SimpleConvBlock(filters=2, pooling_stride=4)
    net = attrs.evolve(SMALL, up_blocks=0).with_block("encoder", 2, pooled)
    widget = explorer.Explorer(attrs.evolve(net, up_blocks=3), (64, 64, 1))

    widget._panels.blocks.own._handle_custom_msg({"remove": "last pooling"}, [])

    assert "3 up blocks upsample by 8" in widget._panels.refusal.text
    assert len(widget.architecture.edits) == 1
    press(widget, "Set up blocks to 2")
    assert widget.architecture == SMALL
    widget.close()


def test_a_refused_change_of_the_blocks_is_put_right(worker):
    widget = explorer.Explorer(attrs.evolve(Custom.of(SMALL), stacks=2), (32, 32, 1))
    widget._panels.blocks.head.folded = False
    editor = widget._panels.blocks._editor
    editor._list.value = ("decoder", 1)

    editor._buttons["remove"].click()
    assert widget._panels.refusal.text == "Not applied: 2 stacks need as much up as down."
    press(widget, "Use 1 stack")

    assert widget.architecture.stacks == 1
    assert len(widget.architecture.decoder) == 1
    widget.close()


@pytest.mark.parametrize("net", [presets["U-Net (small)"], Custom.of(presets["U-Net (small)"])])
def test_with_a_block_that_pools_one_that_upsamples_can_be_removed(worker, net):
    widget = explorer.Explorer(net, (64, 64, 1))
    widget._panels.blocks.head.folded = False
    editor = widget._panels.blocks._editor
    editor._list.value = ("encoder", 1)

    editor._buttons["remove"].click()
    assert widget._panels.refusal.text == (
        "Not applied: 3 decoder blocks upsample by 8, but the encoder only downsamples by 4."
    )
    assert widget._panels.refusal.remedies == ("Remove the last decoder block",)
    press(widget, "Remove the last decoder block")

    blocks = blocks_of(net)
    assert widget.architecture.encoder == (blocks.encoder[0], *blocks.encoder[2:])
    assert widget.architecture.decoder == blocks.decoder[:-1]
    assert widget._panels.refusal.text == ""
    widget.close()


def test_what_takes_an_edit_back_puts_nothing_right(widget):
    widget._panels.blocks.head.folded = False
    editor = widget._panels.blocks._editor
    editor._list.value = ("decoder", 1)

    editor._buttons["duplicate"].click()

    assert "3 decoder blocks upsample by 8" in widget._panels.refusal.text
    assert widget._panels.refusal.remedies == ()


def test_a_head_that_needs_a_decoder_block_keeps_it(worker):
    net = attrs.evolve(Custom.of(SMALL), heads=(explorer.Head(stride=4),))
    widget = explorer.Explorer(attrs.evolve(net, heads=(explorer.Head(stride=1),)), (32, 32, 1))
    widget._panels.blocks.head.folded = False
    editor = widget._panels.blocks._editor
    editor._list.value = ("encoder", 1)

    editor._buttons["remove"].click()
    assert widget._panels.refusal.remedies == ("Remove the last decoder block",)
    widget.architecture = net
    editor._list.value = ("encoder", 1)
    editor._buttons["remove"].click()
    assert "upsample by 4" in widget._panels.refusal.text
    assert widget._panels.refusal.remedies == ()
    widget.close()


def test_an_edit_of_a_block_that_the_size_does_not_fit_offers_sizes(worker):
    widget = explorer.Explorer(attrs.evolve(SMALL, up_blocks=0), (40, 40, 1))
    widget._panels.blocks.head.folded = False
    editor = widget._panels.blocks._editor
    editor._list.value = ("encoder", 1)

    editor._form.controls["pooling_stride"].holder.value = 3
    press(widget, "Set height to 42 and width to 42")

    assert widget.input_shape == (42, 42, 1)
    assert [edit.name for edit in widget.architecture.edits] == ["encoder 1"]
    widget._panels.history._handle_custom_msg({"by": -1}, [])
    assert widget.input_shape == (40, 40, 1)
    widget.close()


def test_a_refusal_of_a_block_says_what_waits_with_it(widget):
    type_in_block(widget, ("encoder", 0), "filters", -4)
    assert "wait" not in widget._panels.refusal.text

    type_in_block(widget, ("encoder", 0), "kernel_size", 5)
    controls = widget._panels.blocks._editor._form.controls
    assert is_refused(controls["filters"])
    assert widget._panels.refusal.text.endswith("kernel size 5 waits until then.")
    press(widget, "Set filters to 1")
    block = blocks_of(widget.architecture).encoder[0]
    assert (block.filters, block.kernel_size) == (1, 5)


def test_a_refused_edit_of_a_block_is_undone_first(widget):
    widget._panels.blocks.head.folded = False
    editor = widget._panels.blocks._editor
    editor._list.value = ("encoder", 0)
    number(widget, "filters").value = 5
    editor._form.controls["filters"].holder.value = 0

    widget._panels.history._handle_custom_msg({"by": -1}, [])

    assert editor._form.controls["filters"].value == 5
    assert widget.architecture.filters == 5


def test_a_refusal_says_what_waits_with_it(widget):
    number(widget, "up_blocks").value = 3
    text, remedies = widget._panels.refusal.text, widget._panels.refusal.remedies
    assert "wait" not in text

    number(widget, "filters").value = 24
    assert note(widget, "up_blocks") == f"{text} filters 24 waits until then."
    assert not is_refused(widget._panels.parameters.controls["filters"])
    assert widget._panels.refusal.remedies == remedies
    number(widget, "batch_size").value = 2
    assert note(widget, "up_blocks") == f"{text} filters 24 and batch size 2 wait until then."
    number(widget, "kernel_size").value = 5
    number(widget, "up_interpolate").value = True
    assert note(widget, "up_blocks").endswith(
        " filters 24, kernel size 5, upsample by bilinear and 1 more wait until then."
    )

    press(widget, remedies[0])
    assert (widget.architecture.filters, widget.batch_size) == (24, 2)
    assert widget._panels.refusal.text == ""


def test_what_moves_along_with_a_refused_edit_does_not_wait_with_it(widget):
    number(widget, "height").value = 36
    number(widget, "down_blocks").value = 3
    assert number(widget, "up_blocks").value == 3

    assert "use 32 or 40" in note(widget, "height")
    assert "wait" not in note(widget, "height")


def test_what_was_refused_stands_beside_what_was_moved(worker):
    widget = explorer.Explorer(Hourglass(), (64, 64, 3))
    number(widget, "up_blocks").value = 3

    assert "stacks need as much up as down" in note(widget, "up_blocks")
    assert not is_refused(widget._panels.parameters.controls["stacks"])
    assert widget._panels.refusal.remedies
    number(widget, "filters").value = 64
    assert note(widget, "up_blocks").endswith(" filters 64 waits until then.")
    number(widget, "up_blocks").value = 4
    assert widget.architecture == Hourglass(filters=64)
    widget.close()


def test_a_size_that_is_left_is_named_after_the_other_was_put_right(widget):
    widget._panels.family.value = "Stacked hourglass"

    number(widget, "height").value = 64

    assert "use 64" in note(widget, "width")


def test_only_remedies_that_were_tried_are_offered(widget):
    number(widget, "height").value = 30  # which fits no network of two poolings
    number(widget, "up_blocks").value = 3

    assert widget._panels.refusal.remedies == ()
    assert "use fewer up blocks or more down blocks" in note(widget, "up_blocks")


def test_two_edits_that_only_work_together_are_accepted_in_either_order(worker):
    widget = explorer.Explorer(UNet(filters=2, stacks=2, down_blocks=2, up_blocks=2), (32, 32, 1))
    widget._panels.parameters.form.groups["Depth"].head.closed = False

    number(widget, "down_blocks").value = 3
    assert widget._panels.refusal.text
    number(widget, "up_blocks").value = 3

    assert widget.architecture.down_blocks == widget.architecture.up_blocks == 3
    assert widget._panels.refusal.text == ""
    widget.close()


def test_a_size_that_a_deeper_network_cannot_take_is_asked_for(widget):
    number(widget, "height").value = 36
    number(widget, "down_blocks").value = 3

    assert "use 32 or 40" in note(widget, "height")
    number(widget, "height").value = 40
    assert widget.input_shape == (40, 32, 1)
    assert widget.architecture.down_blocks == 3


@pytest.mark.parametrize("name", presets)
def test_every_preset_can_be_chosen(widget, name):
    number(widget, "height").value = 256
    number(widget, "width").value = 256

    widget._panels.family.value = name

    assert widget.architecture == presets[name]
    names = {found.name for found in parameters_of(type(presets[name]))}
    assert set(widget._panels.parameters.form.values) == names


def test_a_preset_that_does_not_fit_the_size_says_so_and_waits(widget):
    before = shown(widget)

    widget._panels.family.value = "Stacked hourglass"

    assert "use 64" in note(widget, "height")
    assert shown(widget) == before
    assert widget.architecture == SMALL
    number(widget, "height").value = 64
    number(widget, "width").value = 64
    assert widget.architecture == Hourglass()


@pytest.mark.parametrize("name", ["ResNet50", "FC-DenseNet103"])
def test_what_was_chosen_and_waits_is_told_from_what_is_shown(worker, name):
    widget = explorer.Explorer(presets["U-Net (small)"], (200, 256, 3))

    widget._panels.family.value = name

    assert note(widget, "height").endswith(
        f" {name} waits until then. Meanwhile U-Net (small) is shown."
    )
    number(widget, "batch_size").value = 2
    assert f" {name} and batch size 2 wait until then." in note(widget, "height")
    press(widget, "Set height to 192")
    assert widget.architecture == presets[name]
    assert widget._panels.refusal.text == ""
    assert widget._panels.history.steps[-1].startswith(f"architecture U-Net (small) → {name}, ")
    number(widget, "height").value = 200
    assert "wait" not in note(widget, "height")
    widget.close()


@pytest.mark.parametrize("name", ["U-Net", "U-Net (small)"])
def test_the_history_says_which_architecture_of_the_same_family_was_chosen(widget, name):
    number(widget, "height").value = number(widget, "width").value = 64
    number(widget, "filters").value = 24

    widget._panels.family.value = name
    chosen = f"architecture U-Net, own settings → {name}"
    assert widget._panels.history.steps[-2:] == ("filters 2 → 24", chosen)

    count = len(widget._panels.history.steps)
    widget._panels._actions.start_from(presets[name])
    assert len(widget._panels.history.steps) == count


def test_the_history_says_of_an_edit_that_leads_to_a_preset_what_was_moved(worker):
    widget = explorer.Explorer(attrs.evolve(presets["U-Net"], filters=3), (64, 64, 1))

    number(widget, "filters").value = 64

    assert widget._panels.family.value == "U-Net"
    assert widget._panels.history.steps[-1] == "filters 3 → 64"
    widget.close()


def test_an_architecture_of_the_same_family_that_waited_is_named_in_the_history(widget):
    number(widget, "height").value = 40
    number(widget, "filters").value = 24
    widget._panels.family.value = "U-Net"
    assert "U-Net waits until then. Meanwhile U-Net, own settings is shown." in note(
        widget, "height"
    )

    press(widget, "Set height to 48")

    step = "architecture U-Net, own settings → U-Net, height 40 → 48"
    assert widget._panels.history.steps[-1] == step


def test_what_is_chosen_from_the_list_has_its_chain_closed(widget):
    number(widget, "height").value = number(widget, "width").value = 64
    chain = widget._panels.parameters.form.groups["Depth"].head
    chain.closed = False
    number(widget, "down_blocks").value = 3
    assert not chain.closed

    widget._panels.family.value = "U-Net"

    assert chain.closed
    number(widget, "down_blocks").value = 5
    assert widget.architecture.output_stride == 1
    chain.closed = False
    widget._panels.family.value = "LEAP CNN"
    widget._panels.family.value = "U-Net"
    assert chain.closed


def test_a_list_of_blocks_says_of_its_depth_what_has_no_effect(widget):
    widget._panels.family.value = "Custom"

    head = widget._panels.parameters.form.groups["Depth"].head
    assert head.note == "off: merge stacks (stacks is 1)"
    number(widget, "stacks").value = 2
    assert head.note == ""


def test_the_blocks_of_what_is_shown_can_be_written_out_from_the_list(widget):
    edited = SMALL.with_block("encoder", 1, explorer.SimpleConvBlock(filters=7))
    widget.architecture = edited

    widget._panels.family.value = "Custom"

    assert widget.architecture == Custom.of(edited)
    assert widget._panels.family.value == "Custom"
    assert widget._panels.history.steps[-1] == "architecture U-Net, own settings → Custom"
    widget._panels.blocks.head.folded = False
    assert widget._panels.blocks._back.description == "Back to U-Net, own settings"
    widget._panels.blocks._back.click()
    assert widget.architecture == edited
    assert widget._panels.family.options.count("Custom") == 1


def test_of_a_class_that_links_its_own_blocks_a_list_of_blocks_starts_anew(worker):
    class Own(UNet):
        def make_decoder(self, *args, **kwargs):
            return super().make_decoder(*args, **kwargs)

    widget = explorer.Explorer(Own(filters=2, down_blocks=2, up_blocks=2), (32, 32, 1))
    widget._panels.family.value = "Custom"

    assert widget.architecture == Custom()
    widget.close()


def test_the_history_says_what_was_done_with_blocks(widget):
    widget._panels.blocks.head.folded = False
    editor = widget._panels.blocks._editor
    editor._list.value = ("encoder", 1)
    editor._buttons["duplicate"].click()
    editor._buttons["down"].click()
    editor._buttons["remove"].click()
    editor._list.value = ("heads", 0)
    editor._buttons["add"].click()

    assert widget._panels.history.steps == (
        "start",
        "duplicated encoder 1",
        "moved encoder 2 down",
        "removed encoder 3",
        "added head",
    )


def test_the_choice_shows_whether_a_preset_was_edited(widget):
    number(widget, "height").value = number(widget, "width").value = 256
    widget._panels.family.value = "LEAP CNN"
    number(widget, "filters").value = 3

    assert widget._panels.family.value == "LEAP CNN, own settings"
    assert widget.architecture == LeapCNN(filters=3)
    number(widget, "filters").value = 64
    assert widget._panels.family.value == "LEAP CNN"


def test_assigning_an_architecture_moves_the_controls(widget):
    widget.architecture = LeapCNN(filters=5, down_blocks=2, up_blocks=1)

    assert number(widget, "filters").value == 5
    assert number(widget, "up_blocks").value == 1
    assert len(widget._panels.screen.views["Layers"].rows) == len(widget.graph)


def test_assigning_the_input_shape_moves_the_controls(widget):
    widget.input_shape = (64, 48, 3)
    widget.batch_size = 2

    values = [number(widget, name).value for name in ("height", "width", "channels", "batch_size")]
    assert values == [64, 48, 3, 2]
    assert widget.graph.input_shape == (64, 48, 3)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("architecture", "UNet", TypeError),
        ("architecture", UNet(filters=2, down_blocks=9, up_blocks=0), ParameterError),
        ("input_shape", (30, 32, 1), ParameterError),
        ("input_shape", (32, 32), ParameterError),
        ("batch_size", 0, ParameterError),
    ],
)
def test_a_wrong_assignment_raises_and_leaves_all_as_it_was(widget, name, value, error):
    before, right = shown(widget), getattr(widget, name)

    with pytest.raises(error):
        setattr(widget, name, value)

    assert getattr(widget, name) == right
    assert shown(widget) == before


def test_a_program_can_observe_what_the_user_does(widget):
    heard = []
    widget.observe(lambda change: heard.append(change.new), "architecture")

    number(widget, "filters").value = 7

    assert [net.filters for net in heard] == [7]


def alive() -> set[str]:
    return set(ipywidgets.widgets.widget._instances)


def use_everything(widget) -> None:
    """Open every view, and have the form of every family and of several blocks made."""
    for tabs in (widget._panels.screen.stage, widget._panels.screen.side):
        for title in reversed(tabs.titles):
            tabs.choose(title)
    charts = widget._panels.screen.views["Charts"]
    charts.loading.join(60)
    number(widget, "height").value = number(widget, "width").value = 256
    for name in presets:
        widget._panels.family.value = name
    widget._panels.blocks.head.folded = False
    for _, place in widget._panels.blocks._editor._list.options:
        widget._panels.blocks._editor._list.value = place
    widget._panels.screen.select("block-stack0_enc0")


def test_what_is_closed_leaves_no_widget_and_others_whole(worker):
    before = alive()
    other = explorer.Explorer(SMALL, (32, 32, 1))
    with_other = alive()
    widget = explorer.Explorer(SMALL, (32, 32, 1))
    use_everything(widget)

    widget.close()
    widget.close()

    assert alive() == with_other
    page = io.StringIO()
    embed_minimal_html(page, views=[other], title="exported")
    assert "explorer" in page.getvalue()
    other.close()
    assert alive() == before
    again = explorer.Explorer(SMALL, (32, 32, 1))
    embed_minimal_html(page, views=[again], title="exported")
    again.close()
    assert alive() == before


def test_a_closed_explorer_makes_no_more_widgets(widget, worker):
    widget._panels.keras.forward.button.click()
    widget.close()
    before = alive()

    worker.answer()
    widget.architecture = LeapCNN(filters=2, down_blocks=2, up_blocks=1)

    assert alive() == before
    assert widget.report.total_params > 0


def test_each_family_has_one_form(widget):
    number(widget, "height").value = number(widget, "width").value = 256
    for name in presets:
        widget._panels.family.value = name
    once = alive()

    for name in reversed(presets):
        widget._panels.family.value = name
        assert widget._panels.parameters.form.values.keys() == {
            p.name for p in parameters_of(type(presets[name]))
        }

    assert alive() == once


def test_a_class_that_is_defined_again_has_its_new_form(worker):
    def define(**fields: int) -> EncoderDecoder:
        blocks = {
            "encoder_stack": (explorer.SimpleConvBlock(filters=2),),
            "decoder_stack": (explorer.SimpleUpsamplingBlock(),),
        }
        annotations = {"__annotations__": dict.fromkeys(fields, int)}
        body = {**fields, **blocks, **annotations, "__module__": __name__}
        return attrs.frozen(slots=False)(type("Mine", (EncoderDecoder,), body))()

    widget = explorer.Explorer(define(width=3), (8, 8, 1))
    widget.architecture = define(width=3, depth=2)
    once = alive()
    for depth in range(3):
        widget.architecture = define(width=3, depth=depth + 5)

    assert widget._panels.parameters.form.values == {"stacks": 1, "width": 3, "depth": 7}
    assert len(alive()) == len(once)
    widget.close()


def test_wrong_start_values_are_refused(worker):
    with pytest.raises(ParameterError, match="height=250"):
        explorer.Explorer(input_shape=(250, 256, 1))


def test_the_detail_of_the_drawing_can_be_chosen(widget):
    before = widget._panels.screen.diagram.canvas.svg

    detail = widget._panels.screen.diagram._form.controls["detail"]._inputs[-1]
    detail.value = "layers"
    assert "conv0" in widget._panels.screen.diagram.canvas.svg
    detail.value = "blocks"
    assert widget._panels.screen.diagram.canvas.svg == before


def test_the_keras_model_is_built_here_on_request(widget):
    model = widget.model

    assert model.count_params() == widget.report.total_params
    assert widget.model is model, "the same network is not built twice"
    number(widget, "filters").value = 3
    assert widget.model.count_params() == widget.report.total_params


# What the Keras process is asked, and what is done with its answers.


def test_the_settled_design_is_rebuilt_and_verified(widget, worker):
    assert worker.asked.acquire(timeout=10)

    worker.answer()

    assert isinstance(worker.requests[-1][1], Rebuild)
    assert "[good]" in said(widget._panels.keras.status)


def test_an_answer_about_another_design_is_dropped(widget, worker):
    assert worker.asked.acquire(timeout=10)
    _, _, done, _ = worker.requests[-1]
    work = worker.requests[-1][1]
    stale = answer(work)
    number(widget, "filters").value = 4
    status = said(widget._panels.keras.status)

    done(stale)

    assert said(widget._panels.keras.status) == status


def test_a_model_that_differs_is_reported(widget, worker):
    assert worker.asked.acquire(timeout=10)
    _, work, done, _ = worker.requests[-1]

    done(attrs.evolve(answer(work), total_params=1))

    assert "another model" in said(widget._panels.keras.status)


def test_the_button_runs_the_picture_through_the_model(widget, worker):
    widget._panels.keras.forward.button.click()
    assert isinstance(worker.requests[-1][1], RunForward)
    assert "Running" in result(widget)

    worker.answer()

    assert "forward pass" in result(widget)
    assert "[good]" in said(widget._panels.keras.status)


def test_an_edit_takes_the_old_result_away(widget, worker):
    widget._panels.keras.forward.button.click()
    worker.answer()

    number(widget, "filters").value = 4

    assert result(widget) == ""


def test_after_every_change_each_settled_edit_is_run(widget, worker):
    while worker.asked.acquire(timeout=0.2):
        pass
    widget._panels.keras.forward.after_every_change.value = True
    assert worker.asked.acquire(timeout=10)

    number(widget, "filters").value = 4

    assert worker.asked.acquire(timeout=10)
    work = worker.requests[-1][1]
    assert isinstance(work, RunForward)
    assert work.architecture.filters == 4


def upload(widget, name: str, content: bytes) -> None:
    view = widget._panels.keras.forward.upload
    for part, piece in enumerate((content[:100], content[100:])):
        message = {"name": name, "part": part, "parts": 2}
        view._handle_custom_msg(message, [memoryview(piece)])


def take_back(widget) -> None:
    view = widget._panels.keras.forward.upload
    view._handle_custom_msg({"name": "", "part": 0, "parts": 0}, [])


def test_an_upload_is_run_and_a_broken_one_is_refused(widget, worker):
    from explorer.core.pictures.images import default_photograph
    from tests.core.pictures.test_images import encoded

    upload(widget, "mine.png", encoded(default_photograph()))
    worker.answer()
    assert "forward pass" in result(widget)
    assert "mine.png" in said(widget._panels.keras.forward._source)

    upload(widget, "notes.png", b"text")
    worker.answer()
    assert "not a picture" in result(widget)
    assert "forward pass" in result(widget), "the last one stays"
    assert "mine.png" in said(widget._panels.keras.forward._source)
    assert widget._panels.keras.picture == encoded(default_photograph())
    assert "[good]" in said(widget._panels.keras.status), "the model itself is fine"

    upload(widget, "empty.png", b"")
    worker.answer()
    assert "not a picture" in result(widget)

    take_back(widget)
    worker.answer()
    assert "astronaut" in said(widget._panels.keras.forward._source)

    widget._panels.keras.forward.button.click()
    worker.answer()
    assert "forward pass" in result(widget)


def of_grey(value: int) -> bytes:
    from PIL import Image

    from tests.core.pictures.test_images import encoded

    return encoded(Image.new("L", (32, 32), value))


def source(widget) -> str:
    return said(widget._panels.keras.forward._source)


def test_a_broken_picture_leaves_a_good_one_that_was_not_run_yet(widget, worker):
    good = of_grey(200)
    upload(widget, "good.png", good)
    upload(widget, "words.png", b"words")  # before the good one's answer

    worker.answer()
    assert "words.png: The file is not a picture" in result(widget)
    assert "good.png" in source(widget)
    assert widget._panels.keras.picture == good
    assert worker.requests[-1][1].upload == good
    assert not widget._panels.keras.forward.stop.disabled, "the good one runs"

    worker.answer()
    assert "forward pass" in result(widget)
    assert "words.png: The file is not a picture" in result(widget), "it is still said"
    assert widget._panels.keras.forward.stop.disabled
    upload(widget, "other.png", of_grey(100))
    worker.answer()
    assert "words.png" not in result(widget)
    assert "other.png" in source(widget)


def test_each_of_two_broken_pictures_is_named_and_the_last_good_one_stays(widget, worker):
    upload(widget, "good.png", of_grey(200))
    worker.answer()
    upload(widget, "one.png", b"words")
    upload(widget, "two.png", b"other words")

    worker.answer()
    worker.answer()

    assert "one.png: The file" in result(widget)
    assert "two.png: The file" in result(widget)
    assert "good.png" in source(widget)
    assert widget._panels.keras.picture == of_grey(200)
    assert "[good]" in said(widget._panels.keras.status), "the model itself is fine"


def test_of_two_good_pictures_the_last_one_is_used_whatever_is_answered_first(widget, worker):
    upload(widget, "first.png", of_grey(50))
    _, work, done, _ = worker.requests[-1]
    upload(widget, "second.png", of_grey(200))
    done(answer(work))  # an answer that came when the second was on its way

    assert "second.png" in source(widget)
    worker.answer()
    assert "second.png" in source(widget)
    assert widget._panels.keras.picture == of_grey(200)
    upload(widget, "words.png", b"words")
    worker.answer()
    assert widget._panels.keras.picture == of_grey(200)


def test_a_good_picture_takes_the_place_of_a_broken_one(widget, worker):
    upload(widget, "words.png", b"words")
    upload(widget, "good.png", of_grey(200))
    worker.answer()

    assert "forward pass" in result(widget)
    assert "good.png" in source(widget)
    upload(widget, "more words.png", b"more words")
    worker.answer()
    assert widget._panels.keras.picture == of_grey(200)


def test_a_broken_picture_leaves_the_photograph_that_was_asked_for_since(widget, worker):
    upload(widget, "words.png", b"words")
    _, work, _, failed = worker.requests[-1]
    take_back(widget)
    with pytest.raises(ImageError) as caught:
        answer(work)
    failed(caught.value)

    assert "astronaut" in source(widget)
    assert not widget._panels.keras.forward.stop.disabled
    worker.answer()
    assert "forward pass" in result(widget)


def test_a_broken_picture_keeps_no_design_from_being_verified(widget, worker):
    number(widget, "filters").value = 4
    upload(widget, "words.png", b"words")
    while not isinstance(worker.requests[-1][1], RunForward):
        assert worker.asked.acquire(timeout=10)
    before = len(worker.requests)
    worker.answer()

    assert "not a picture" in result(widget)
    while len(worker.requests) == before:
        assert worker.asked.acquire(timeout=10)
    assert isinstance(worker.requests[-1][1], Rebuild)
    worker.answer()
    assert "[good]" in said(widget._panels.keras.status)


def test_a_picture_whose_sending_was_broken_off_does_no_harm(widget, worker):
    from explorer.core.pictures.images import default_photograph
    from tests.core.pictures.test_images import encoded

    view = widget._panels.keras.forward.upload
    view._handle_custom_msg({"name": "a.png", "part": 0, "parts": 3}, [memoryview(b"half")])
    assert not view.is_own

    for _ in range(2):  # the same file again is another request
        upload(widget, "mine.png", encoded(default_photograph()))
        worker.answer()
    assert widget._panels.keras.picture == encoded(default_photograph())
    assert [type(request[1]) for request in worker.requests[-2:]] == [RunForward] * 2


def test_the_photograph_can_be_had_again(widget, worker):
    from explorer.core.pictures.images import default_photograph
    from tests.core.pictures.test_images import encoded

    view = widget._panels.keras.forward.upload
    assert not view.is_own
    upload(widget, "mine.png", encoded(default_photograph()))
    assert view.is_own

    take_back(widget)

    assert not view.is_own
    assert "astronaut" in said(widget._panels.keras.forward._source)
    assert worker.requests[-1][1].upload is None


def test_what_the_browser_could_not_send_is_said(widget, worker):
    widget._panels.keras.forward.button.click()
    worker.answer()

    widget._panels.keras.forward.upload.problem = (
        "<raw> has 101 MB: use a picture of at most 100 MB."
    )

    assert "<raw> has 101 MB" in result(widget)
    assert "forward pass" in result(widget), "what was measured stays"
    widget._panels.keras.forward.button.click()
    assert "101 MB" not in result(widget)
    # Said again when it is chosen again, and still when what runs has an answer.
    widget._panels.keras.forward.upload.problem = (
        "<raw> has 101 MB: use a picture of at most 100 MB."
    )
    worker.answer()
    assert "<raw> has 101 MB" in result(widget)


def test_a_refused_picture_is_taken_from_the_other_views_too(widget, worker, monkeypatch):
    seen = []
    changed = widget._panels.keras._picture_changed
    monkeypatch.setattr(
        widget._panels.keras,
        "_picture_changed",
        lambda: (changed(), seen.append(widget._panels.keras.picture)),
    )

    upload(widget, "notes.png", b"text")
    worker.answer()

    assert seen == [b"text", None]


def test_a_process_that_died_is_one_clear_line(widget, worker):
    widget._panels.keras.forward.button.click()
    _, _, _, failed = worker.requests[-1]

    failed(WorkerDied("The Keras process ended unexpectedly."))

    assert "[bad]" in said(widget._panels.keras.status)
    assert "starts it again" in said(widget._panels.keras.status)
    assert "ended unexpectedly" in result(widget)


def test_what_does_not_fit_the_memory_is_verified_and_not_run(widget, worker):
    widget.architecture = UNet(filters=128, filters_rate=3, down_blocks=5, up_blocks=5)
    widget._panels.keras.forward.button.click()
    worker.answer()

    assert "fewer filters" in result(widget)
    assert "of memory is free" in result(widget)
    while not isinstance(worker.requests[-1][1], Rebuild):
        widget._panels.keras.design_changed()
        assert worker.asked.acquire(timeout=10)
    worker.answer()
    assert "[good]" in said(widget._panels.keras.status), "weights without values take no room"


def test_a_size_that_no_memory_holds_is_refused_before_anything_is_made(widget, worker):
    widget.input_shape = (2**20, 2**20, 1)
    widget._panels.keras.forward.button.click()
    worker.answer()

    assert "images of at most" in result(widget)


def test_every_layers_time_stands_in_the_table(widget, worker):
    inspector = widget._panels.screen.inspector
    table = widget._panels.screen.views["Layers"]
    assert table.totals["time"] == LayerTotal(0, False)
    assert not inspector.running
    inspector._handle_custom_msg({"time": True}, [])
    assert inspector.running
    worker.answer()
    assert not inspector.running
    widget._panels.screen.side.choose("Explain")
    assert not all_of(TimeButton, inspector)
    widget._panels.screen.side.choose("Layers")

    assert "each alone" in result(widget)
    times = {row.name: row.figures["time"] for row in table.rows}
    assert table.totals["time"] == LayerTotal(pytest.approx(sum(times.values())), True)
    assert times.pop(widget.graph.inputs[0].name) == 0
    assert all(time > 0 for time in times.values())

    number(widget, "filters").value = 3
    assert table.totals["time"] == LayerTotal(0, False), "times of another design are taken away"


def test_what_is_chosen_is_measured(widget, worker):
    controls = widget._panels.keras.forward._form.controls
    controls["compiler"]._inputs[-1].value = "XLA"
    controls["step"]._inputs[-1].value = "training step"
    widget._panels.keras.forward.button.click()
    worker.answer()

    assert "training step" in result(widget)
    assert "(XLA)" in result(widget)


def test_the_devices_that_there_are_can_be_chosen(widget, worker):
    device = widget._panels.keras.forward._form.controls["device"]._inputs[-1]
    assert device.value == "auto"
    assert [value for _, value in device.options] == ["auto", "this browser"]
    widget._panels.keras.forward.button.click()
    worker.answer()

    assert tuple(device.options) == ("auto", "CPU:0", "this browser")


def test_a_choice_that_the_backend_lacks_is_refused_beneath_the_controls(widget, worker):
    widget._panels.keras.forward.button.click()
    _, _, _, failed = worker.requests[-1]

    failed(ParameterError("Measurement", "compiler", "graph", "is not there", "choose XLA"))

    control = widget._panels.keras.forward._form.controls["compiler"]
    assert "choose XLA" in result(widget)
    control._inputs[-1].value = "XLA"
    assert "choose XLA" not in result(widget)


def test_stopping_ends_the_pass_and_goes_back_to_verifying(widget, worker):
    stop = widget._panels.keras.forward.stop
    assert stop.disabled
    widget._panels.keras.forward.button.click()
    assert not stop.disabled

    stop.click()

    assert worker.cancelled == [widget._panels.keras._asking]
    assert stop.disabled
    while not isinstance(worker.requests[-1][1], Rebuild):
        assert worker.asked.acquire(timeout=10)


def test_what_was_stopped_begins_again_with_the_next_change_alone(widget, worker):
    forward = widget._panels.keras.forward
    forward.after_every_change.value = True
    assert isinstance(worker.requests[-1][1], RunForward)

    forward.stop.click()
    while not isinstance(worker.requests[-1][1], Rebuild):
        assert worker.asked.acquire(timeout=10)
    assert forward.stop.disabled

    widget.batch_size = 2
    while not isinstance(worker.requests[-1][1], RunForward):
        assert worker.asked.acquire(timeout=10)


def test_a_click_is_not_lost_to_a_rebuild_that_was_about_to_be_asked_for(
    widget, worker, monkeypatch
):
    timers = []

    def by_hand(seconds, call):
        timers.append(threading.Timer(0, call))
        timers[-1].put_off = lambda *_: False
        return timers[-1]

    monkeypatch.setattr(widget._panels.keras._settling, "_later", by_hand)
    for click in (
        widget._panels.keras.forward.button.click,
        lambda: widget._panels.screen.inspector._handle_custom_msg({"time": True}, []),
    ):
        number(widget, "filters").value += 1
        asked = len(worker.requests)
        with widget._state.lock:
            timers[-1].start()
            click()
        timers[-1].join(10)

        assert [not isinstance(work, Rebuild) for _, work, _, _ in worker.requests[asked:]] == [
            True
        ]


def test_an_edit_that_is_refused_and_taken_back_ends_no_run(widget, worker):
    widget._panels.keras.forward.button.click()
    cancelled = list(worker.cancelled)

    number(widget, "filters").value = 0
    number(widget, "filters").value = SMALL.filters

    assert not widget._panels.keras.forward.stop.disabled
    assert worker.cancelled == cancelled
    worker.answer()
    assert "forward pass" in result(widget)


def test_while_keras_starts_a_line_says_so(monkeypatch, worker):
    worker.is_ready = False
    widget = explorer.Explorer(SMALL, input_shape=(32, 32, 1))

    assert worker.asked.acquire(timeout=10)

    assert "starting" in said(widget._panels.keras.status)
    widget.close()


def test_an_unforeseen_error_is_on_the_screen(widget, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("<unforeseen>")

    monkeypatch.setattr(Totals, "show", broken)
    number(widget, "filters").value = 4

    assert "RuntimeError: <unforeseen>" in said(widget._panels.problem)


def everything(widget) -> dict[str, object]:
    """All that the views show of a design, by the name that a message calls them."""
    screen = widget._panels.screen
    screen.side.choose("Explain")
    screen.side.choose("Layers")
    table = screen.views["Layers"]
    later = "What to try next", "What would a step do?"  # once the design has settled
    explained = [part for part in screen.inspector.parts if getattr(part, "title", "") not in later]
    return {
        "diagram": (screen.diagram.canvas.svg, screen.diagram.canvas.items),
        "explanation of what is selected": (screen.inspector.heading, explained),
        "view “Layers”": (table.rows, table.totals),
        "totals": [(figure.name, figure.value) for figure in widget._panels.totals.figures],
        "history": (widget._panels.history.steps[-1], widget._panels.history.refused),
        "form of the architecture": (
            widget._panels.parameters.form.values,
            widget._panels.parameters.form.shown,
        ),
        "form of the input": widget._panels.parameters.input_form.values,
        "list of architectures": (widget._panels.family.value, widget._panels.family.options),
        "traits": (widget.architecture, widget.input_shape, widget.batch_size),
        "graph": [node.name for node in widget.graph],
    }


def expected(widget) -> dict[str, object]:
    """The same of a new explorer with the same design."""
    new = explorer.Explorer(widget.architecture, widget.input_shape)
    new.batch_size = widget.batch_size
    found = everything(new)
    new.close()
    return {**found, "history": everything(widget)["history"]}


BROKEN = {
    "diagram": (Diagram, "svg"),
    "explanation of what is selected": (Inspector, "show"),
    "view “Layers”": (LayerTable, "_show_rows"),
    "totals": (Totals, "show"),
    "history": (HistoryView, "show"),
    "form of the input": (Parameters, "show_input"),
    "list of architectures": (Families, "show"),
    "line on Keras": (LiveKeras, "show"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_view_that_fails_says_so_until_it_succeeds_and_keeps_no_other_from_it(
    widget, monkeypatch, name
):
    def broken(*_: object) -> None:
        raise RuntimeError("<as asked>")

    def marked() -> list[str]:
        found = [widget, *ipywidgets.widgets.widget._instances.values()]
        return [type(view).__name__ for view in found if OUT_OF_DATE in classes_of(view)]

    def classes_of(view) -> tuple[str, ...]:
        return getattr(view, "_dom_classes", ())

    before = everything(widget)
    tab = "Explain" if name.startswith("explanation") else "Layers"
    widget._panels.screen.side.choose(tab)
    with monkeypatch.context() as patch:
        patch.setattr(*BROKEN[name], broken)
        for _ in range(2):
            number(widget, "filters").value += 1
            number(widget, "height").value = 64

            assert f"The {name} could not be shown" in said(widget._panels.problem)
            assert "RuntimeError: <as asked>" in said(widget._panels.problem)
            assert len(marked()) == 1
        after = everything(widget)
    wanted = expected(widget)
    for view in everything(widget):
        if view == "diagram" == name or view == name == "view “Layers”":
            assert after[view] == before[view], "the last that worked stays"
        elif view not in (name, "history"):
            assert after[view] == wanted[view]

    widget._panels.screen.side.choose(tab)
    number(widget, "filters").value += 1

    assert said(widget._panels.problem) == ""
    assert marked() == []
    assert everything(widget) == expected(widget)


def test_what_a_program_observes_with_an_error_keeps_no_view_from_being_shown(widget):
    def broken(_: object) -> None:
        raise RuntimeError("in the cell")

    widget.observe(broken, "architecture")
    number(widget, "filters").value = 4

    assert "RuntimeError: in the cell" in said(widget._panels.problem)
    assert everything(widget) == expected(widget)


def test_an_error_in_a_users_class_stands_beneath_the_control(worker):
    @attrs.frozen(slots=False)
    class Mine(EncoderDecoder):
        width: int = 4

        @property
        def encoder_stack(self):
            if self.width > 5:
                raise KeyError("too wide")
            return [explorer.SimpleConvBlock(filters=self.width)]

        @property
        def decoder_stack(self):
            return [explorer.SimpleUpsamplingBlock()]

    widget = explorer.Explorer(Mine(), (8, 8, 1))
    before = shown(widget)

    number(widget, "width").value = 6

    assert "too wide" in note(widget, "width")
    assert shown(widget) == before
    number(widget, "width").value = 5
    assert widget.architecture == Mine(width=5)
    assert widget._panels.family.value == "Mine"
    widget.close()


def test_edits_from_several_threads_leave_one_consistent_screen(widget):
    def edit(value: int) -> None:
        number(widget, "filters").value = value

    threads = [threading.Thread(target=edit, args=(value,)) for value in range(3, 23)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert shown(widget)[2] == widget.report.total_params
    assert widget._panels.screen.views["Layers"].rows[1].shape[2] == widget.architecture.filters
    assert said(widget._panels.problem) == ""


@pytest.mark.parametrize(
    "block",
    [
        explorer.SimpleConvBlock(filters=3),
        explorer.ResNetStage(filters=3, num_blocks=1),
        explorer.SimpleUpsamplingBlock(upsampling_stride=4),
    ],
    ids=lambda block: type(block).__name__,
)
def test_a_single_block_is_shown_with_its_own_controls(worker, block):
    widget = explorer.Explorer(block, (32, 32, 1))

    assert widget._panels.blocks._editor._block == block
    names = {found.name for found in parameters_of(type(block))}
    assert set(widget._panels.blocks._editor._form.controls) == names
    assert any(node.block and node.block.kind == type(block).__name__ for node in widget.graph)
    widget.close()


def test_the_editor_is_complete_when_the_page_first_shows_it(widget):
    found = []
    widget._panels.blocks._place.observe(
        lambda change: found.extend(button.description for button in change.new[:1]), "children"
    )

    widget._panels.blocks.head.folded = False

    assert found[0].startswith("Back to ")


def test_going_back_to_what_no_longer_fits_the_size_says_so_and_waits(worker):
    widget = explorer.Explorer(SMALL, (32, 32, 1))
    widget._panels.blocks.head.folded = False
    widget._panels.blocks._editor._list.value = ("encoder", 0)
    widget._panels.blocks._editor._buttons["duplicate"].click()
    assert isinstance(widget.architecture, Custom)
    widget.architecture = Custom(encoder=(explorer.SimpleConvBlock(filters=2, pool=False),))
    widget.input_shape = (31, 31, 1)

    widget._panels.blocks._back.click()

    assert "height 31" in note(widget, "height")
    assert widget.input_shape == (31, 31, 1)
    number(widget, "height").value = 32
    number(widget, "width").value = 32
    assert widget.architecture == SMALL
    widget.close()


def test_a_pinned_network_stands_beside_the_figures_at_the_same_input(widget):
    def beside_a() -> dict[str, str]:
        return {figure.name: figure.beside_a for figure in widget._panels.totals.figures}

    assert set(beside_a().values()) == {""}
    widget._panels.screen.side.choose("Compare")
    compare = widget._panels.screen.views["Compare"].widget
    compare.pin.click()
    assert set(beside_a().values()) == {"="}

    widget.input_shape = (64, 64, 1)
    assert set(beside_a().values()) == {"="}
    widget._panels.screen.side.choose("Explain")
    number(widget, "filters").value = 4
    assert beside_a()["parameters"].endswith(" %")
    widget._panels.screen.side.choose("Compare")
    compare.unpin.click()
    assert set(beside_a().values()) == {""}


def test_figures_are_written_once_an_edit_also_beside_a_pinned_network(widget, monkeypatch):
    widget._panels.screen.side.choose("Compare")
    widget._panels.screen.views["Compare"].widget.pin.click()
    written = []

    def counted():
        written.append(of_networks())
        return written[-1]

    monkeypatch.setattr(totals_panel, "of_networks", counted)
    number(widget, "filters").value = 4

    assert len(written) == 1


def test_memory_is_that_of_a_training_step_while_one_is_chosen(widget):
    def memory() -> Figure:
        return widget._panels.totals.figures[2]

    report = explorer.analyze(explorer.trace(SMALL, (32, 32, 1)))
    assert memory().value == byte_size(report.peak_memory(1))
    expected = expected_forward_bytes(Design(SMALL, Input(32, 32, 1)))
    assert f"In all {byte_size(expected)}: expected of TensorFlow on a CPU" in memory().text

    step = widget._panels.keras.forward._form.controls["step"].holder
    step.value = "training step"
    assert memory().name == "memory, training"
    assert memory().value == byte_size(expected_bytes(Design(SMALL, Input(32, 32, 1))))
    assert "training step of 1 image" in memory().text
    least, most = TRAINING.within
    assert f"networks took {least} to {most} times that" in memory().text
    number(widget, "batch_size").value = 3
    assert memory().value == byte_size(expected_bytes(Design(SMALL, Input(32, 32, 1, 3))))

    step.value = "forward pass"
    assert memory().value == byte_size(report.peak_memory(3))


def test_what_is_asked_for_in_a_hidden_pane_brings_it(widget, monkeypatch):
    revealed = []
    monkeypatch.setattr(widget._panels.window, "send_message", revealed.append)
    widget._panels.keras.forward.button.click()
    widget._panels.totals._handle_custom_msg({"open": "Layers"}, [])
    widget._panels.totals._handle_custom_msg({"open": "Charts"}, [])
    widget._panels.screen.inspector._handle_custom_msg({"edit": "block-stack0_enc0"}, [])

    assert [message.reveal for message in revealed] == ["side", "side", "controls"]
    assert widget._panels.screen.side.opened == "Layers"
    assert widget._panels.screen.stage.opened == "Charts"


def test_edits_are_undone_redone_and_reset(widget, caplog):
    history = widget._panels.history
    for name, value in (("filters", 4), ("channels", 3), ("filters", 5)):
        number(widget, name).value = value
    assert history.steps[1:] == ("filters 2 → 4", "channels 1 → 3", "filters 4 → 5")

    history._handle_custom_msg({"by": -2}, [])

    assert widget.architecture == attrs.evolve(SMALL, filters=4)
    assert widget.input_shape == (32, 32, 1)
    assert number(widget, "filters").value == 4
    assert (history.position, len(history.steps)) == (1, 4)
    history._handle_custom_msg({"to": 99}, [])
    assert widget.architecture.filters == 5
    history._handle_custom_msg({"to": 0}, [])
    assert widget.architecture == SMALL
    assert shown(widget)[0] == len(widget.graph)
    history._handle_custom_msg({"nonsense": 1}, [])
    assert said(widget._panels.problem) == ""
    assert "{'nonsense': 1} is no message" in caplog.text
    caplog.clear()


def test_what_was_refused_is_undone_before_what_was_accepted(widget):
    number(widget, "filters").value = 5
    number(widget, "up_blocks").value = 9
    number(widget, "height").value = -1
    assert widget._panels.history.refused

    widget._panels.history._handle_custom_msg({"by": -1}, [])

    assert not widget._panels.history.refused
    assert number(widget, "up_blocks").value == SMALL.up_blocks
    assert number(widget, "height").value == 32
    assert note(widget, "up_blocks") == note(widget, "height") == widget._panels.refusal.text == ""
    assert widget.architecture.filters == 5
    widget._panels.history._handle_custom_msg({"by": -1}, [])
    assert widget.architecture.filters == SMALL.filters


def test_undoing_takes_a_refused_edit_away(widget):
    number(widget, "filters").value = 4
    number(widget, "filters").value = 0
    assert note(widget, "filters")

    widget._panels.history._handle_custom_msg({"to": 0}, [])

    assert note(widget, "filters") == ""
    assert number(widget, "filters").value == 2


# Interrupts.


class Interrupt:
    """Raises `KeyboardInterrupt` at the n-th line of this package that is run within it."""

    def __init__(self, line: int) -> None:
        self.left = line

    def __enter__(self) -> None:
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame, event: str, _: object):
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line" and frame.f_code.co_name != "close":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self._trace


def drag(widget, random: Random) -> None:
    slider = widget._panels.parameters.form.controls["filters"].widget.children[0]
    slider.value = random.choice(slider.options[:20])


def type_number(widget, random: Random) -> None:
    number(widget, "filters").value = random.randint(1, 30)


def refuse(widget, random: Random) -> None:
    number(widget, "height").value = 33


def resize(widget, random: Random) -> None:
    number(widget, "height").value = random.choice([64, 128])


def choose(widget, random: Random) -> None:
    widget._panels.family.value = random.choice(["U-Net (small)", "LEAP CNN", "U-Net"])


def assign(widget, random: Random) -> None:
    widget.architecture = UNet(filters=random.randint(1, 9), down_blocks=2, up_blocks=2)


def assign_shape(widget, random: Random) -> None:
    widget.input_shape = (64, 64, random.choice([1, 3]))


def undo(widget, random: Random) -> None:
    widget._panels.history._handle_custom_msg({"by": random.choice([-1, -1, 1])}, [])


def select(widget, random: Random) -> None:
    widget._panels.screen.select(random.choice(["block-stack0_enc0", "", "block-stack0_enc1"]))


def change_detail(widget, random: Random) -> None:
    control = widget._panels.screen.diagram._form.controls["detail"]._inputs[-1]
    control.value = random.choice(["layers", "blocks"])


def change_block(widget, random: Random) -> None:
    widget._panels.blocks.head.folded = False
    widget._panels.blocks._editor._list.value = ("encoder", random.choice([0, 1]))
    if widget._panels.blocks._editor._form:
        box = widget._panels.blocks._editor._form.controls["filters"].widget.children[-2]
        box.value = random.randint(1, 9)


ACTIONS = (
    drag,
    type_number,
    refuse,
    resize,
    choose,
    assign,
    assign_shape,
    undo,
    select,
    change_detail,
    change_block,
)


def edit(widget, way: str, filters: int) -> int:
    """Enter a number of filters, or one near to it, and return it."""
    if (
        way == "an assignment" or "filters" not in widget._panels.parameters.form.controls
    ):  # of single blocks
        widget.architecture = UNet(filters=filters, down_blocks=2, up_blocks=1)
    elif way == "a number":
        number(widget, "filters").value = filters
    else:
        slider = widget._panels.parameters.form.controls["filters"].widget.children[0]
        taken = (slider.value, widget.architecture.filters)
        others = [stop for stop in slider.options if stop % 2 == 0 and stop not in taken]
        filters = min(others, key=lambda stop: abs(stop - filters))
        slider.value = filters
    return filters


@pytest.mark.parametrize("seed", range(4))
def test_after_an_interrupt_anywhere_the_next_edit_is_whole(worker, seed):
    random = Random(seed)
    widget = explorer.Explorer(SMALL, (64, 64, 1))
    for filters in range(41, 141, 2):  # odd: a slider's stops there are even, and so other ones
        while True:
            if "filters" not in widget._panels.parameters.form.controls:
                widget.architecture = SMALL
            number(widget, "height").value = 64  # not what was refused
            action = random.choice(ACTIONS)
            line = int(10 ** random.uniform(0, 4.5))  # most lines trace layers
            try:
                with Interrupt(line):
                    action(widget, random)
            except KeyboardInterrupt:
                break
        way = random.choice(["a number", "a slider", "an assignment"])
        if action is refuse:  # perhaps before the number was looked at: then it is still refused
            number(widget, "height").value = 64

        filters = edit(widget, way, filters)

        told = (action.__name__, line, way)
        assert said(widget._panels.problem) == widget._panels.refusal.text == "", told
        assert widget.architecture.filters == filters, told
        compare_with_new(widget, told)
    widget.close()


def compare_with_new(widget, told: object) -> None:
    wanted, found = expected(widget), everything(widget)
    diagram = widget._panels.screen.diagram
    if diagram.options.detail != "blocks":
        wanted["diagram"] = found["diagram"]
        names = {node.name for node in widget.graph}
        assert {item.id.partition("-")[2] for item in found["diagram"][1]} >= names, told
    if widget._panels.screen.scene.nodes:
        wanted["explanation of what is selected"] = found["explanation of what is selected"]
        inspector = widget._panels.screen.inspector
        name = inspector.prefix or inspector.heading
        assert name in widget._panels.screen.scene.selected, told
    for view in found:
        assert found[view] == wanted[view], (view, told)


def test_a_control_leaves_other_numbers_as_they_are_written(widget):
    number(widget, "filters").value = 5
    assert repr(widget.architecture) == repr(attrs.evolve(SMALL, filters=5))
