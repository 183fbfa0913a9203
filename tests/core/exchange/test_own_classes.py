"""What classes of the user's say is written, or refused: nothing of it is lost."""

import csv
import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

import attrs
import pytest

from explorer import (
    Custom,
    EncoderBlock,
    EncoderDecoder,
    Head,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    export,
    from_json,
    layers,
    parameter,
    to_json,
    trace,
)
from explorer.core.exchange.links import SharedDesign, from_link, to_link
from explorer.core.network.errors import Refusal
from explorer.core.network.layers import Conv2D, Layer


# Kinds without the underscore are found by tests of every kind.
@attrs.frozen
class _Blur(Layer):
    """A kind of which Keras has nothing."""

    size: int = 3


@attrs.frozen
class _Noise(Layer):
    """A kind of which Keras has a layer, and the package no class."""

    stddev: float = 0.1

    @property
    def kind(self):
        return "GaussianNoise"


@attrs.frozen
class _PlainConv(Conv2D):
    """A kind that says which layer of Keras' it is."""

    @property
    def kind(self):
        return "Conv2D"


@attrs.frozen
class _SelfMade(Layer):
    """A kind that makes its layer itself."""

    def keras_layer(self):
        raise NotImplementedError


@attrs.frozen(slots=False)
class OwnBlock(EncoderBlock):
    """A block of the user's, with a layer of a kind of theirs."""

    kind: type[Layer] = _Blur
    filters: int = parameter(4, doc="Filters.", minimum=1)

    def make_block(self, x_in, prefix="own"):
        x = layers.Conv2D(name=f"{prefix}_conv", filters=self.filters)(x_in)
        given = {"filters": 3} if self.kind is _PlainConv else {}
        x = self.kind(name=f"{prefix}_own", **given)(x)
        return layers.MaxPooling2D(name=f"{prefix}_pool")(x) if self.pool else x


@attrs.frozen
class Net(EncoderDecoder):
    kind: type[Layer] = _Blur

    @property
    def encoder_stack(self):
        return (OwnBlock(kind=self.kind), OwnBlock(kind=self.kind, filters=5))

    decoder_stack = ()


@attrs.frozen(slots=False)
class TwoConvHead(Head):
    """A head of more than one layer."""

    hidden: int = parameter(7, doc="Filters of the first convolution.", minimum=1)

    def make_head(self, x, name):
        x = layers.Conv2D(name=f"{name}_hidden", filters=self.hidden, kernel_size=1)(x)
        return super().make_head(x, name)


@attrs.frozen(slots=False)
class SameHead(Head):
    """A head that has no field of its own."""


@attrs.frozen(slots=False)
class WideBlock(SimpleConvBlock):
    """A block whose fields are those of its base and one more."""

    width: int = parameter(2, doc="Width.", minimum=1)


@attrs.frozen(slots=False)
class OwnUNet(UNet):
    extra: int = parameter(1, doc="One more.", minimum=1)


@attrs.frozen(slots=False)
class AnyParts(EncoderDecoder):
    """A class that says nothing of what its fields hold."""

    blocks: Any = (SimpleConvBlock(),)
    many: tuple[Any, ...] = (SimpleConvBlock(filters=3), (1, 2))
    bare: tuple = (1, (2, 3))

    @property
    def encoder_stack(self):
        return self.blocks

    decoder_stack = ()


@attrs.frozen(slots=False)
class SaysBlocks(EncoderDecoder):
    """A class that says of which class its blocks and heads are."""

    first: SimpleConvBlock = attrs.field(factory=SimpleConvBlock)
    second: SimpleConvBlock | None = None
    own: TwoConvHead = attrs.field(factory=TwoConvHead)

    @property
    def encoder_stack(self):
        return (self.first, self.second or self.first)

    decoder_stack = ()


HEADS = (TwoConvHead("a", channels=2, hidden=9), SameHead("b"), Head("c", channels=3))
DESIGNS = [
    UNet(heads=HEADS),
    OwnUNet(filters=3, extra=4, heads=HEADS[:1]),
    Custom(
        encoder=(WideBlock(filters=3, width=5), SimpleConvBlock()),
        decoder=(SimpleUpsamplingBlock(),),
        heads=HEADS,
    ),
    AnyParts(blocks=(WideBlock(width=3), SimpleConvBlock(filters=2)), heads=HEADS[1:]),
    SaysBlocks(first=WideBlock(width=3), second=SimpleConvBlock(filters=2), own=HEADS[0]),
]


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: type(design).__name__)
def test_classes_of_the_users_come_back(design):
    for copy in (from_json(to_json(design)), from_link(to_link(SharedDesign(design))).architecture):
        assert copy == design
        assert hash(copy) == hash(design)
        assert list(map(type, copy.heads)) == list(map(type, design.heads))
        rows = [(n.name, n.kind, n.shape, n.params) for n in trace(copy, (32, 32, 1))]
        assert rows == [(n.name, n.kind, n.shape, n.params) for n in trace(design, (32, 32, 1))]


def test_heads_of_the_package_are_written_as_ever():
    written = json.loads(to_json(UNet(heads=HEADS)))["heads"]
    assert [head.get("class") for head in written] == ["TwoConvHead", "SameHead", None]
    assert written[0]["hidden"] == 9


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ({"class": "Head", "name": "a"}, None),
        ({"name": "a"}, None),
        ({"class": "NoHead", "name": "a"}, "The Head class 'NoHead' is unknown.*TwoConvHead"),
        ({"class": "UNet", "name": "a"}, "The Head class 'UNet' is unknown"),
        ({"class": 3}, '"class"'),
        ({"name": "a", "hidden": 1}, "Head has no field hidden"),
    ],
)
def test_a_head_names_its_class_or_is_plain(head, told):
    text = json.dumps({"class": "UNet", "heads": [head]})
    if told is None:
        assert from_json(text) == UNet(heads=(Head("a"),))
    else:
        with pytest.raises(Refusal, match=told):
            from_json(text)


@pytest.mark.parametrize("kind", ["sleap", "sleap-nn"])
def test_heads_and_families_of_the_users_are_none_of_sleaps(kind):
    name = "SingleInstanceConfmapsHead"
    assert export(UNet(heads=(Head(name),)), kind, (64, 64, 1))
    for head in (TwoConvHead(name), SameHead(name)):
        with pytest.raises(Refusal, match=f"can't express head {name}"):
            export(UNet(heads=(head,)), kind, (64, 64, 1))
    with pytest.raises(Refusal, match="has no OwnUNet"):
        export(OwnUNet(), kind, (64, 64, 1))


@attrs.frozen(slots=False)
class Holder(AnyParts):
    """A class with a field that no text can hold."""

    function: Callable[..., Any] = print


class Worked(AnyParts):
    """A class with a value that is worked out once."""

    @cached_property
    def twice(self):
        return 2 * len(self.blocks)


class Setting(AnyParts):
    """A class with a value that is no field."""

    depth = 2

    def __init__(self, depth):
        super().__init__()
        object.__setattr__(self, "depth", depth)


def test_what_is_worked_out_is_not_lost():
    worked = Worked()
    assert worked.twice == 2
    assert from_json(to_json(worked)) == worked


@pytest.mark.parametrize(
    ("design", "told"),
    [
        (Holder(), "JSON can't hold <built-in function print>"),
        (Setting(3), r"Setting\.depth is no field, and would be lost"),
    ],
)
def test_what_would_be_lost_is_refused(design, told):
    with pytest.raises(Refusal, match=told):
        to_json(design)
    with pytest.raises(Refusal, match=told):
        to_link(SharedDesign(design))


@pytest.mark.parametrize("language", ["keras", "torch"])
@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (
            _Blur,
            "_Blur 'stack0_enc0_own', _Blur 'stack0_enc1_own': Keras has no layer of that name",
        ),
        (_SelfMade, "_SelfMade 'stack0_enc0_own'.*a method keras_layer.. makes them"),
    ],
)
def test_no_code_is_written_of_kinds_that_keras_has_not(language, kind, told):
    with pytest.raises(Refusal, match=told) as caught:
        export(Net(kind=kind), language, (8, 8, 1))
    assert "\n" not in str(caught.value)


def test_code_of_kinds_that_keras_has():
    code = export(Net(kind=_Noise), "keras", (8, 8, 1))
    assert 'layers.GaussianNoise(stddev=0.1, name=f"{name}_own")' in code
    with pytest.raises(
        Refusal, match=r"GaussianNoise 'stack0_enc0_own' .it can't be written in Py"
    ):
        export(Net(kind=_Noise), "torch", (8, 8, 1))
    for language in ("keras", "torch"):
        code = export(Net(kind=_PlainConv), language, (8, 8, 1))
        assert "_PlainConv" not in code


def test_tables_and_paragraphs_tell_of_kinds_of_the_users():
    rows = csv.DictReader(export(Net(), "csv", (8, 8, 1)).splitlines())
    assert [row["kind"] for row in rows].count("_Blur") == 2
    assert "There are 2 layers of the kind _Blur" in export(Net(), "methods", (8, 8, 1))
    assert "_Blur" in export(Net(), "markdown", (8, 8, 1))
    assert "_Blur" in export(Net(), "latex", (8, 8, 1))
