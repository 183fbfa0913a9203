import math
import re
from itertools import pairwise
from urllib.parse import unquote

import attrs
import ipywidgets as widgets
import pytest

from explorer import (
    EncoderDecoder,
    LeapCNN,
    ParameterError,
    ResNet,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    parameter,
    presets,
)
from explorer.core.network.parameters import GROUPS, Parameter, parameters_of
from explorer.widget.controls.form import (
    IDLE,
    Control,
    Form,
    close_with_parts,
    plain,
    plain_layout,
)
from tests.said import note_of


def make_control(value, **declared) -> tuple[Control, list[str]]:
    changes: list[str] = []
    found = Parameter(name="size", default=value, **declared)
    return Control(found, value, changes.append), changes


def inputs(control: Control):
    return control._inputs


def test_a_slider_moves_the_number_and_reports_once():
    control, changes = make_control(3, value_type=int, slider=(1, 9))
    slider, number = inputs(control)

    slider.value = 7

    assert (number.value, control.value, changes) == (7, 7, ["size"])


def test_a_typed_number_beyond_the_slider_stretches_it():
    control, changes = make_control(3, value_type=int, slider=(1, 9))
    slider, number = inputs(control)

    number.value = 200

    assert (control.value, slider.value, slider.max, changes) == (200, 9, 9, ["size"])
    control.set_value(200)
    assert (control.value, slider.value, slider.max, changes) == (200, 200, 200, ["size"])
    control.set_value(4)
    assert (slider.value, slider.max) == (4, 9)


def test_a_refused_number_leaves_the_sliders_range():
    control, _ = make_control(3, value_type=int, slider=(1, 9))
    slider, number = inputs(control)

    number.value = 10**6  # refused: nobody sets it
    number.value = 5
    control.set_value(5)

    assert (slider.min, slider.max, slider.value) == (1, 9, 5)


def test_a_dragged_handle_does_not_jump():
    control, _ = make_control(3, value_type=int, slider=(1, 9))
    slider, number = inputs(control)
    control.set_value(20)

    slider.value = 15
    control.set_value(15)  # as the explorer does with what it accepted

    assert (slider.max, slider.value, number.value) == (20, 15, 15)
    control.set_value(4)
    assert slider.max == 9


def make_log_control(value, low=1, high=1024) -> tuple[Control, list[str]]:
    return make_control(value, value_type=int, slider=(low, high), logarithmic=True)


def test_a_logarithmic_slider_reaches_far_in_small_steps():
    control, _ = make_log_control(64)
    slider, _ = inputs(control)

    stops = slider.options
    assert (stops[0], stops[-1], slider.value) == (1, 1024, 64)
    assert {1, 2, 3, 8, 16, 24, 32, 64, 128, 256, 512} < set(stops)
    assert len(stops) < 80, "a pixel or more of a slider of 160 lies between two"
    assert all(after <= max(before + 1, 1.125 * before) for before, after in pairwise(stops))


def test_a_move_to_a_stop_is_one_change_and_the_handle_stays_there():
    control, changes = make_log_control(64)
    slider, number = inputs(control)

    slider.index += 1
    assert (number.value, control.value, changes) == (72, 72, ["size"])
    before = slider.options
    control.set_value(72)  # as the explorer does with what it accepted
    assert (slider.value, slider.options, changes) == (72, before, ["size"])


@pytest.mark.parametrize("value", [100, 257, 1025, 1_000_000])
def test_a_typed_number_between_or_beyond_the_stops_becomes_one(value):
    control, changes = make_log_control(64)
    slider, number = inputs(control)
    at_first = slider.options

    number.value = value
    assert (control.value, changes) == (value, ["size"])
    control.set_value(value)
    assert (control.value, slider.value, changes) == (value, value, ["size"])
    assert len(slider.options) == len(at_first), "or a browser would lose sight of the last"
    assert list(slider.options) == sorted({*slider.options})
    control.set_value(64)
    assert (slider.value, slider.options) == (64, at_first)


def test_a_refused_number_moves_the_handle_as_near_as_it_can():
    control, _ = make_log_control(64)
    slider, number = inputs(control)

    for typed, nearest in ((10**9, 1024), (-3, 1), (2.4, 2), (math.nan, 2)):
        number.value = typed
        assert slider.value == nearest


def test_what_a_browser_hears_of_new_stops_it_can_follow(monkeypatch):
    """New stops in a message that moves the handle are lost; a place beyond the stops, too."""
    control, _ = make_log_control(64)
    slider, _ = inputs(control)
    before = [(slider.options, slider.index)]

    def send_state(self, key=None):
        before.append((slider.options, slider.index))

    monkeypatch.setattr(type(slider), "send_state", send_state)
    for value, step in ((10**6, 1), (64, 1), (100, 16), (2**30, 128), (128, 2), (1, 1)):
        control.set_step(step)
        control.set_value(value)
    assert len(before) > 5
    for (was, place), (now, moved) in pairwise(before):
        assert moved < len(now)
        assert was == now or place == moved < len(was)


@pytest.mark.parametrize("step", [1, 2, 8, 16, 32, 64, 128, 1024])
def test_a_slider_over_sizes_stops_only_at_multiples(step):
    control, changes = make_log_control(256, 32, 4096)

    control.set_step(step)

    slider, number = inputs(control)
    assert number.value == 256
    assert all(stop % step == 0 for stop in slider.options if stop != 256)
    assert slider.options[0] == (256 if step == 1024 else max(32, step))
    assert slider.options[-1] == 4096
    assert changes == []


def test_a_typed_size_between_two_multiples_is_kept():
    control, _ = make_log_control(256, 32, 4096)
    control.set_step(8)
    slider, number = inputs(control)

    number.value = 251

    assert control.value == 251
    assert slider.value == 256, "the slider rests at the nearest stop"


def test_the_step_can_shrink_and_grow_again():
    control, _ = make_log_control(256, 32, 4096)
    slider, _ = inputs(control)
    at_first = slider.options

    for step in (64, 8, 1024, 1):
        control.set_step(step)

    assert (slider.options, slider.value) == (at_first, 256)


def test_setting_a_value_from_the_program_reports_nothing():
    control, changes = make_control(3, value_type=int, slider=(1, 9))

    control.set_value(40)

    assert (control.value, changes) == (40, [])


def test_a_number_that_is_not_finite_does_not_move_the_slider():
    control, changes = make_control(2.0, value_type=float, slider=(1, 3))
    slider, number = inputs(control)

    number.value = math.inf

    assert (slider.value, control.value, changes) == (2.0, math.inf, ["size"])


def test_choices_become_a_dropdown_and_booleans_a_checkbox():
    control, _ = make_control("a", value_type=str, choices=("a", "b"))
    assert inputs(control)[0].options == (("a", "a"), ("b", "b"))

    control, changes = make_control(True, value_type=bool)
    inputs(control)[0].value = False
    assert (control.value, changes) == (False, ["size"])


def test_a_boolean_with_words_is_a_choice_between_them():
    words = {False: "transposed conv", True: "bilinear"}
    control, changes = make_control(False, value_type=bool, label="upsample by", words=words)
    (choice,) = inputs(control)
    assert choice.description == "upsample by"
    assert choice.options == (("transposed conv", False), ("bilinear", True))

    choice.value = True
    assert (control.value, changes) == (True, ["size"])
    control.set_value(False)
    assert choice.label == "transposed conv"


@pytest.mark.parametrize(
    ("text", "value"), [("", None), ("12", 12), (" 7 ", 7), ("1.5", "1.5"), ("many", "many")]
)
def test_an_optional_number_is_read_from_text(text, value):
    control, _ = make_control(3, value_type=int, optional=True)

    inputs(control)[0].value = text

    assert control.value == value


def test_numbers_in_a_row_are_read_from_text():
    control, changes = make_control((4, 4), value_type=tuple, minimum=1)
    box = inputs(control)[0]
    assert box.value == "4, 4"

    box.value = "4, 5  7"
    assert (control.value, changes) == ((4, 5, 7), ["size"])
    box.value = "4, many"
    assert control.value == "4, many", "to be refused by name"
    control.set_value((1, 2))
    assert box.value == "1, 2"


def test_why_a_control_has_no_effect_stands_beneath_it():
    control, _ = make_control(3, value_type=int, slider=(1, 9))

    control.show_inactive("no effect while x is 0")
    assert "no effect while x is 0" in note_of(control)
    assert all(made.disabled for made in inputs(control))
    control.show_inactive("")
    assert note_of(control) == ""
    assert not any(made.disabled for made in inputs(control))


@attrs.frozen(slots=False)
class Plain(EncoderDecoder):
    """An architecture as a user would write it, with nothing but type hints."""

    width: int = 8
    rate: float = 1.5
    deep: bool = False
    name: str = "mine"
    limit: int | None = None
    sizes: tuple[int, ...] = (1, 2)
    extra: dict[str, int] | None = None

    @property
    def encoder_stack(self):
        return [SimpleConvBlock(filters=self.width)]

    @property
    def decoder_stack(self):
        return [SimpleUpsamplingBlock()]


@pytest.mark.parametrize(
    "values",
    [*presets.values(), SimpleConvBlock(), SimpleUpsamplingBlock(), Plain()],
    ids=lambda value: type(value).__name__,
)
def test_a_form_shows_and_returns_every_parameter(values):
    form = Form(parameters_of(type(values)), values, lambda name: None)

    form.show(values)

    assert attrs.evolve(values, **form.values) == values


def test_a_field_without_a_control_keeps_its_value():
    form = Form(parameters_of(Plain), Plain(), lambda name: None)

    assert "extra" not in form.controls
    assert set(form.controls) == {"stacks", "width", "rate", "deep", "name", "limit", "sizes"}


@pytest.mark.parametrize("values", presets.values(), ids=lambda value: type(value).__name__)
def test_what_all_families_have_comes_first_in_its_group(values):
    form = Form(parameters_of(type(values)), values, lambda name: None)
    _, first, *_ = form.groups["Depth"].widget.children
    assert first is form.controls["stacks"].widget


def test_a_form_tells_an_error_by_the_label_of_its_control():
    form = Form(parameters_of(UNet), UNet(), lambda name: None)
    with pytest.raises(ParameterError) as raised:
        UNet(convs_per_block=0)
    told = form.told(raised.value)
    assert told.startswith(f"{form.controls['convs_per_block'].parameter.label} 0 is too small: ")
    of_another = ParameterError("Input", "filters", 0, "is too small", "give more")
    assert form.told(of_another) == str(of_another)


def test_every_control_has_its_documentation_as_tooltip():
    for architecture in presets.values():
        for found in parameters_of(type(architecture)):
            control = Control(found, getattr(architecture, found.name), lambda name: None)
            assert all(made.tooltip == found.doc for made in inputs(control))


def test_a_form_greys_out_what_has_no_effect():
    block = SimpleConvBlock()
    form = Form(parameters_of(SimpleConvBlock), block, lambda name: None)

    form.show(attrs.evolve(block, num_convs=0))
    assert note_of(form.controls["filters"]) == "[reason] no effect while num convs is 0"
    assert form.controls["filters"].is_idle
    assert form.controls["kernel_size"].is_idle
    assert note_of(form.controls["kernel_size"]) == "", "the one above says it"
    assert note_of(form.controls["use_bias"]).endswith(
        "num convs is 0 and downsample by is max pooling"
    )
    form.show(block)
    assert note_of(form.controls["filters"]) == ""
    assert not form.controls["kernel_size"].is_idle


@pytest.mark.parametrize("architecture", presets.values(), ids=list(presets))
def test_the_parameters_of_every_family_stand_in_the_same_groups(architecture):
    form = Form(parameters_of(type(architecture)), architecture, lambda name: None)

    titles = [group.head.title for group in form.groups.values()]
    assert titles == [title for title in GROUPS if title in titles]
    assert {"Size", "Depth"} <= set(titles)
    assert list(form.widget.children) == [group.widget for group in form.groups.values()]
    assert set(form.controls) == {found.name for found in parameters_of(type(architecture))}


def test_a_group_hides_what_has_no_effect_and_says_why_once():
    net = UNet()
    form = Form(parameters_of(UNet), net, lambda name: None)
    stem, decoder = form.groups["Stem"].head, form.groups["Decoder"].head

    def hidden() -> set[str]:
        controls = form.controls.items()
        return {name for name, control in controls if IDLE in control.widget._dom_classes}

    form.show(net)
    assert hidden() == {"stem_kernel_size"}
    assert (stem.note, stem.off, decoder.note) == ("off: stem blocks is 0", False, "")
    assert note_of(form.controls["stem_kernel_size"]) == ""
    form.show(attrs.evolve(net, stem_blocks=1, up_blocks=0))
    assert hidden() == {"up_interpolate", "skips"}
    assert (stem.note, stem.off) == ("", False)
    assert decoder.note == "off: upsample by, skips (up blocks is 0)"
    form.show(attrs.evolve(net, middle_block=False, up_blocks=0))
    assert (decoder.note, decoder.off) == ("off: up blocks is 0, middle block is off", True)


def test_a_group_says_in_few_words_what_has_no_effect_for_different_reasons():
    net = ResNet(up_blocks=1)
    form = Form(parameters_of(ResNet), net, lambda name: None)
    form.show(net)

    assert form.groups["Decoder"].head.note == (
        "off: up filters × per block (up blocks is 1); up kernel size (upsample by is bilinear)"
    )


def test_controls_of_a_resnets_decoder_show_when_they_matter():
    net = ResNet()
    form = Form(parameters_of(ResNet), net, lambda name: None)

    def shown(**fields) -> set[str]:
        form.show(attrs.evolve(net, **fields))
        named = ("up_stride", "up_kernel_size", "up_batch_norm", "skips")
        controls = {name: form.controls[name].widget for name in named}
        return {name for name, widget in controls.items() if IDLE not in widget._dom_classes}

    assert shown() == set()
    assert shown(up_blocks=1) == {"up_stride", "up_batch_norm", "skips"}
    assert shown(up_blocks=1, up_interpolate=False) == {
        "up_stride",
        "up_kernel_size",
        "up_batch_norm",
        "skips",
    }


def test_a_group_without_any_effect_has_nothing_to_fold():
    net = LeapCNN(up_blocks=0)
    form = Form(parameters_of(LeapCNN), net, lambda name: None)
    decoder = form.groups["Decoder"].head

    form.show(net)
    assert (decoder.note, decoder.off) == ("off: up blocks is 0", True)
    form.show(LeapCNN())
    assert (decoder.note, decoder.off) == ("", False)


def test_what_declares_no_group_stands_first_without_a_heading():
    form = Form(parameters_of(Plain), Plain(), lambda name: None)

    own = [control.widget for name, control in form.controls.items() if name != "stacks"]
    assert list(form.widget.children) == [*own, form.groups["Depth"].widget]


def test_a_parameter_declared_with_a_range_gets_that_slider():
    @attrs.frozen
    class Thing:
        count: int = parameter(5, slider=(2, 20), minimum=1, doc="How many.")

    control = Form(parameters_of(Thing), Thing(), lambda name: None).controls["count"]
    slider, _ = inputs(control)
    assert (slider.min, slider.max, slider.value) == (2, 20, 5)


def test_a_fraction_where_a_whole_number_is_due_is_not_taken_for_another_number():
    found = next(found for found in parameters_of(UNet) if found.name == "filters")
    control = Control(found, 16, lambda name: None)
    box = control._inputs[-1]

    box.value = 2.5
    assert control.value == 2.5, "so that the architecture refuses it by name"
    box.value = 32.0
    assert control.value == 32
    assert isinstance(control.value, int)


def test_layouts_and_styles_are_shared_and_outlast_what_is_closed():
    one, other = plain(widgets.HTML), plain(widgets.HTML)
    assert one.layout is other.layout
    assert one.style is other.style

    close_with_parts(one)

    assert one.comm is None
    assert other.layout.comm is not None
    assert other.style.comm is not None
    assert plain_layout(shared=False) is not plain_layout(shared=False)


def test_a_shared_layout_that_was_closed_is_made_anew():
    widgets.Widget.close_all()

    assert plain_layout().comm is not None


def test_a_checkbox_brings_its_tooltip_to_the_page():
    control, _ = make_control(False, value_type=bool, doc="100 % “on”, or\noff.")
    (found,) = control._inputs[0]._dom_classes
    assert unquote(found.removeprefix("explorer-tooltip-")) == "100 % “on”, or\noff."
    assert not re.search(r"\s", found)
