"""What is written as JSON comes back as the same value, and nothing else is accepted."""

import json

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import (
    Budget,
    ConvUpBlock,
    Custom,
    EncoderDecoder,
    Hourglass,
    LeapCNN,
    PlainConvUNet,
    ResNet,
    SimpleConvBlock,
    UNet,
    from_json,
    load,
    to_json,
)
from tests.strategies import FAMILIES, listed, round_trip, with_heads


@pytest.mark.parametrize("family", FAMILIES)
@round_trip(share=1 / len(FAMILIES))
@given(st.data())
def test_an_architecture_comes_back_from_json(family, data):
    architecture = data.draw(FAMILIES[family]())
    if data.draw(st.booleans()):
        architecture = data.draw(with_heads(architecture))
    copy = from_json(to_json(architecture))
    assert copy == architecture
    assert type(copy) is family
    assert hash(copy) == hash(architecture)


@round_trip(20, share=0.1)
@given(listed())
def test_listed_blocks_come_back_from_json(architecture):
    assert from_json(to_json(architecture)) == architecture


def test_json_names_the_class_and_every_field():
    fields = json.loads(to_json(LeapCNN(filters=8)))
    assert fields == {
        "class": "LeapCNN",
        "stacks": 1,
        "heads": [],
        "edits": [],
        "filters": 8,
        "filters_rate": 2,
        "down_blocks": 3,
        "down_convs_per_block": 3,
        "up_blocks": 3,
        "up_interpolate": False,
        "up_convs_per_block": 2,
        "strided_conv": False,
    }
    assert next(iter(fields)) == "class"


def test_missing_fields_take_their_defaults():
    assert from_json('{"class": "UNet", "filters": 8}') == UNet(filters=8)


@pytest.mark.parametrize(("then", "now"), [("true", "concatenate"), ("false", "none")])
def test_a_field_that_is_called_otherwise_now_is_read(then, now):
    text = f'{{"class": "ResNet", "up_blocks": 2, "skip_connections": {then}}}'
    assert from_json(text) == ResNet(up_blocks=2, skips=now)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ('"skip_connections": 1', r"ResNet\.skips=1"),
        ('"skip_connections": [1]', r"ResNet\.skips=\[1\]"),
        ('"skip_connections": true, "skips": "add"', "no field skip_connections"),
    ],
)
def test_a_field_of_an_older_name_is_checked_as_well(fields, told):
    with pytest.raises(ValueError, match=told):
        from_json(f'{{"class": "ResNet", {fields}}}')
    with pytest.raises(ValueError, match="no field skip_connections"):
        from_json('{"class": "UNet", "skip_connections": true}')


@attrs.frozen
class OwnResNet(ResNet):
    """A class of the user's that has a field of an older name."""

    skip_connections: bool = False


def test_a_field_of_the_users_own_is_not_taken_for_an_older_one():
    net = OwnResNet(up_blocks=1, skips="add", skip_connections=True)
    assert from_json(to_json(net)) == net
    del_skips = {k: v for k, v in json.loads(to_json(net)).items() if k != "skips"}
    assert from_json(json.dumps(del_skips)) == attrs.evolve(net, skips="none")


def test_budgets_go_with_an_architecture():
    budgets = Budget("memory", at_most=2 * 10**9), Budget("receptive field", at_least=180.5)
    text = to_json(UNet(filters=3), budgets)
    assert list(json.loads(text)) == ["architecture", "budgets"]
    assert from_json(text) == UNet(filters=3)
    loaded = load(text)
    assert (loaded.architecture, loaded.budgets) == (UNet(filters=3), budgets)
    assert [entry.name for entry in loaded.read] == ["architecture", "budgets"]
    assert load(to_json(UNet())).budgets == ()


def test_writing_twice_gives_the_same_text():
    text = to_json(UNet())
    assert to_json(from_json(text)) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "Expecting"),
        ("[]", "class"),
        ("3", "class"),
        ("{}", "class"),
        ('{"class": 3}', "class"),
        ('{"class": "UNot"}', "'UNot'.*UNet"),
        ('{"class": "EncoderDecoder"}', "EncoderDecoder"),
        ('{"class": "SimpleConvBlock"}', "SimpleConvBlock"),
        ('{"class": "UNet", "depth": 3}', "depth"),
        ('{"class": "UNet", "_blocks": 3}', "_blocks"),
        ('{"class": "UNet", "stacks": 0}', r"UNet\.stacks=0 is too small"),
        ('{"class": "UNet", "stacks": null}', "stacks"),
        ('{"class": "UNet", "stacks": "two"}', "stacks"),
        ('{"class": "UNet", "stacks": "1"}', "stacks"),
        ('{"class": "UNet", "stacks": true}', "stacks"),
        ('{"class": "UNet", "stacks": 1.5}', "stacks"),
        ('{"class": "UNet", "stacks": [1]}', "stacks"),
        ('{"class": "UNet", "filters_rate": "1.5"}', "filters_rate"),
        ('{"class": "UNet", "filters_rate": true}', "filters_rate"),
        ('{"class": "UNet", "filters_rate": NaN}', "filters_rate"),
        ('{"class": "UNet", "filters_rate": Infinity}', "filters_rate"),
        ('{"class": "UNet", "middle_block": "no"}', "middle_block"),
        ('{"class": "UNet", "middle_block": 0}', "middle_block"),
        ('{"class": "UNet", "up_blocks": 9}', r"UNet\.up_blocks=9"),
        ('{"class": "Hourglass", "interp_method": "area"}', "Hourglass.interp_method='area'"),
        ('{"class": "Hourglass", "interp_method": 3}', "interp_method"),
        ('{"class": "Hourglass", "stem_stride": 3}', "stem_stride"),
    ],
)
def test_what_is_no_architecture_is_refused(text, told):
    with pytest.raises(ValueError, match=told):
        from_json(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[" * 100_000, "100,000 deep"),
        ('{"class":' * 5_000 + "1" + "}" * 5_000, "5,000 deep"),
        ('{"class": "UNet", "heads": [' + "{}," * 100_000, "100,002 objects"),
        ('{"class": "UNet", "filters": ' + "9" * 2_000_000, "characters: an architecture"),
        ('{"class": "UNet", "heads": "' + "x" * 9_000 + '"}', "describes no architecture"),
        (json.dumps({"class": "UNet"} | {f"k{n}": 1 for n in range(999)}), "k10.* 994 more"),
    ],
)
def test_a_text_beyond_bounds_is_refused_in_a_sentence(text, told):
    with pytest.raises(ValueError, match=told) as caught:
        from_json(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["[" * 99, '\\"{' * 99, "\\\\"])
def test_brackets_in_text_are_no_depth(name):
    with pytest.raises(ValueError, match="is unknown"):
        from_json(f'{{"class": "{name}"}}')


def test_as_many_blocks_as_can_be_shown_are_read():
    blocks = (SimpleConvBlock(filters=2, pool=False),) * 3_000
    assert from_json(to_json(Custom(encoder=blocks))) == Custom(encoder=blocks)


def test_numpy_numbers_are_written_as_numbers():
    architecture = UNet(filters=np.int64(8), filters_rate=np.float32(1.5), stacks=np.int32(1))
    assert from_json(to_json(architecture)) == UNet(filters=8, filters_rate=1.5)


class UserNet(EncoderDecoder):
    """A class that the package doesn't know of."""

    @property
    def encoder_stack(self):
        return [SimpleConvBlock()]

    @property
    def decoder_stack(self):
        return []


@attrs.define
class UserNetWithFields(UserNet):
    """The same with fields of its own."""

    depth: int = 2
    name: str = "mine"


@pytest.mark.parametrize("architecture", [UserNet(), UserNetWithFields(depth=3)])
def test_a_user_class_comes_back_from_json(architecture):
    copy = from_json(to_json(architecture))
    assert copy == architecture
    assert type(copy) is type(architecture)


def test_the_latest_definition_of_a_class_is_meant():
    def define(default):
        @attrs.frozen
        class Redefined(UserNet):
            depth: int = default

        return Redefined

    define(1)
    latest = define(2)
    assert from_json('{"class": "Redefined"}') == latest(depth=2)


def test_a_block_s_former_name_is_read():
    net = Custom.of(PlainConvUNet(stages=2, filters=2, skips="add"))
    former = to_json(net).replace("ConvUpBlock", "TransposedUpBlock")
    assert former != to_json(net)
    assert from_json(former) == net
    edited = PlainConvUNet(stages=2).with_block("decoder", 0, ConvUpBlock(num_convs=1))
    assert from_json(to_json(edited).replace("ConvUpBlock", "TransposedUpBlock")) == edited


def test_hourglasses_keep_the_order_of_their_fields():
    fields = list(json.loads(to_json(Hourglass())))
    assert fields[-3:] == ["stacks", "up_interpolate", "skips"]
