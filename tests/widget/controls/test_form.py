import math
import re
from urllib.parse import unquote

import attrs
import ipywidgets as widgets
import pytest

from explorer import (
    EncoderDecoder,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    parameter,
    presets,
)
from explorer.core.network.parameters import Parameter, parameters_of
from explorer.widget.controls.form import Control, Form, close_with_parts, plain, plain_layout
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


def test_a_typed_number_between_two_stops_is_kept():
    control, _ = make_control(256, value_type=int, slider=(32, 512))
    control.set_step(8)
    slider, number = inputs(control)

    number.value = 251

    assert control.value == 251
    assert slider.value == 248, "the slider rests at the nearest stop"


@pytest.mark.parametrize("step", [1, 2, 8, 16, 64, 128, 1024])
def test_a_slider_with_a_step_stops_only_at_multiples(step):
    control, changes = make_control(256, value_type=int, slider=(32, 512))

    control.set_step(step)

    slider, number = inputs(control)
    assert number.value == 256
    assert slider.min % step == 0
    assert slider.max % step == 0
    assert slider.value % step == 0
    assert slider.min < slider.max
    assert changes == []


def test_the_step_can_shrink_and_grow_again():
    control, _ = make_control(256, value_type=int, slider=(32, 512))

    for step in (64, 8, 1024, 1):
        control.set_step(step)

    slider, _ = inputs(control)
    assert (slider.min, slider.step, slider.value) == (1, 1, 256)


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


def test_an_error_stands_over_the_reason():
    control, _ = make_control(3, value_type=int, slider=(1, 9))

    control.show_inactive("no effect while x is 0")
    assert "no effect while x is 0" in note_of(control)
    assert all(made.disabled for made in inputs(control))
    control.show_error("<b>wrong</b>")
    assert note_of(control) == "[error] <b>wrong</b>"
    control.show_error("")
    assert "no effect" in note_of(control)
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


def test_every_control_has_its_documentation_as_tooltip():
    for architecture in presets.values():
        for found in parameters_of(type(architecture)):
            control = Control(found, getattr(architecture, found.name), lambda name: None)
            assert all(made.tooltip == found.doc for made in inputs(control))


def test_a_form_greys_out_what_has_no_effect():
    net = UNet()
    form = Form(parameters_of(UNet), net, lambda name: None)

    form.show(net)
    assert "no effect while stem blocks is 0" in note_of(form.controls["stem_kernel_size"])
    form.show(attrs.evolve(net, stem_blocks=1))
    assert note_of(form.controls["stem_kernel_size"]) == ""


def test_an_error_shows_at_one_control_only():
    form = Form(parameters_of(UNet), UNet(), lambda name: None)

    form.show_error("filters", "too few")
    form.show_error("kernel_size", "too large")

    assert note_of(form.controls["filters"]) == ""
    assert "too large" in note_of(form.controls["kernel_size"])


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
