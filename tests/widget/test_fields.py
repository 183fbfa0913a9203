"""What is no number of a network is refused beside the field that it was typed in, in every one."""

import pytest

import explorer
import explorer.worker.process
from explorer import Custom, Head, UNet, presets
from explorer.core.network.blocks import DecoderBlock
from explorer.widget.controls.block_editor import kinds_of
from explorer.widget.controls.form import _write
from tests.said import is_refused
from tests.still_worker import StillWorker

NUMBERS = ("1e308", "1e30", "-1e30", "NaN", "inf", "-inf")
NETWORKS = {type(preset).__name__: preset for preset in presets.values()}
NETWORKS["Custom"] = Custom()


@pytest.fixture(autouse=True)
def worker(monkeypatch) -> StillWorker:
    made = StillWorker()
    monkeypatch.setattr(explorer.worker.process, "shared_worker", lambda: made)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    return made


def type_into(control, text: str) -> None:
    box = control._inputs[-1]
    box.value = text if isinstance(box.value, str) else float(text)


def check(widget, form) -> int:
    """Type what is no number into every field for one; returns how many fields there are."""
    fields = [
        control
        for control in form.controls.values()
        if control.parameter.value_type in (int, float, tuple)
        and not control.parameter.choices
        and not control._inputs[-1].disabled
    ]
    for control in fields:
        before = control.value
        design, steps = widget._state.design, list(widget._state.history.steps)
        for text in NUMBERS:
            type_into(control, text)
            said = widget._panels.refusal.text
            assert is_refused(control), (control.parameter.name, text, said)
            assert control.parameter.label in said
            assert widget._state.design == design
            assert list(widget._state.history.steps) == steps
        control._inputs[-1].value = shown(control, before)
        assert not is_refused(control)
        assert widget._state.design == design
    return len(fields)


def shown(control, value):
    return _write(value) if isinstance(control._inputs[-1].value, str) else value


@pytest.mark.parametrize("family", NETWORKS)
def test_of_every_family_and_of_the_input(family):
    widget = explorer.Explorer(NETWORKS[family])
    assert check(widget, widget._panels.parameters.form) > 0
    assert check(widget, widget._panels.parameters.input_form) == 4
    widget.close()


BLOCKS = [*kinds_of("encoder").values(), *kinds_of("decoder").values()]
BLOCKS = [kind for kind in BLOCKS if kind.__module__.startswith("explorer.")]


@pytest.mark.parametrize("kind", BLOCKS, ids=lambda kind: kind.__name__)
def test_of_every_block(kind):
    widget = explorer.Explorer(kind())
    section = "decoder" if issubclass(kind, DecoderBlock) else "encoder"
    widget._panels.blocks._editor._list.value = (section, 0)
    assert check(widget, widget._panels.blocks._editor._form) > 0
    widget.close()


def test_of_heads():
    widget = explorer.Explorer(UNet(filters=2, heads=[Head("map")]))
    widget._panels.blocks.head.folded = False
    widget._panels.blocks._editor._list.value = ("heads", 0)
    assert check(widget, widget._panels.blocks._editor._form) == 2
    widget.close()


@pytest.mark.parametrize("name", ["", "é", "body parts", "a:b", "<", "-x", "\x07", "a/b", "\\N"])
def test_a_name_that_no_layer_can_have_is_refused_beside_its_field(name):
    widget = explorer.Explorer(UNet(filters=2, heads=[Head("map")]))
    widget._panels.blocks.head.folded = False
    for place, field in ((("heads", 0), "name"), (("encoder", 0), "block_prefix")):
        widget._panels.blocks._editor._list.value = place
        control = widget._panels.blocks._editor._form.controls[field]
        before, design = control.value, widget._state.design
        if field == "block_prefix" and name in ("", "-x"):
            continue  # these can stand within a name
        control._inputs[-1].value = name
        assert is_refused(control)
        assert "letters from A to Z" in widget._panels.refusal.text
        assert widget._state.design == design
        control._inputs[-1].value = before
    widget.close()


def test_minus_zero_is_zero():
    net = UNet(filters=2, down_blocks=2, up_blocks=0)
    widget = explorer.Explorer(net, (64, 64, 1))
    type_into(widget._panels.parameters.form.controls["up_blocks"], "-0")
    assert widget.architecture == net
    assert str(widget.architecture.up_blocks) == "0"
    widget.close()
