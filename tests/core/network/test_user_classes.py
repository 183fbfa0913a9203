"""What a user writes in a notebook cell traces, analyses, builds and shows its fields."""

import pickle
from typing import Any, Literal

import attr
import attrs
import cloudpickle
import pytest

from explorer import (
    DecoderBlock,
    EncoderBlock,
    EncoderDecoder,
    ParameterError,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    analyze,
    build,
    parameter,
    trace,
)
from explorer.core.network.layers import Add, Concatenate, Conv2D, MaxPooling2D, UpSampling2D
from explorer.core.network.parameters import inactive_reason, parameters_of
from tests.keras_helpers import direct_model, rows_of_graph, structure


class Plain(EncoderDecoder):
    """Undecorated, with nothing but the stacks."""

    @property
    def encoder_stack(self):
        return [SimpleConvBlock(filters=2), SimpleConvBlock(filters=3, pool=False)]

    @property
    def decoder_stack(self):
        return [SimpleUpsamplingBlock(refine_convs_filters=2)]


class WithAttributes(EncoderDecoder):
    """The stacks as plain class attributes."""

    stem_stack = (SimpleConvBlock(filters=1),)
    encoder_stack = (SimpleConvBlock(filters=2),)
    decoder_stack = (SimpleUpsamplingBlock(skip_connection=True, refine_convs=0),)


class Deep:
    """The stacks of the classes below, which differ in how they are decorated."""

    @property
    def encoder_stack(self):
        return [SimpleConvBlock(filters=self.width, num_convs=1) for _ in range(self.depth)]

    @property
    def decoder_stack(self):
        return [
            SimpleUpsamplingBlock(interp_method=self.method, refine_convs=0)
            for _ in range(self.depth)
        ]


@attrs.define
class Defined(Deep, EncoderDecoder):
    depth: int = 2
    width: int = 3
    method: str = "nearest"


@attrs.frozen
class Frozen(Deep, EncoderDecoder):
    depth: int = 2
    width: int = 3
    method: Literal["nearest", "bilinear"] = "nearest"


@attr.s(auto_attribs=True)
class Classic(Deep, EncoderDecoder):
    depth: int = 2
    width: int = 3
    method: str = "nearest"


@attrs.frozen(slots=False)
class Declared(Deep, EncoderDecoder):
    depth: int = parameter(2, doc="Levels.", minimum=1, maximum=5, slider=(1, 4))
    width: int = parameter(3, doc="Filters.", minimum=1, whole=True)
    method: str = parameter("nearest", choices=("nearest", "bilinear"))


@attrs.frozen
class Residual(EncoderBlock):
    """Adds its input to what it makes of it, and pools."""

    filters: int = 2
    label: str | None = None

    def make_block(self, x_in, prefix="residual"):
        x = Conv2D(name=f"{prefix}_in", filters=self.filters, kernel_size=1)(x_in)
        branch = Conv2D(name=f"{prefix}_conv", filters=self.filters, activation="relu")(x)
        x = Add(name=f"{prefix}_add")([x, branch])
        return MaxPooling2D(name=f"{prefix}_pool", strides=self.pooling_stride)(x)


class Twice(DecoderBlock):
    """Undecorated: enlarges, and concatenates the skip source twice."""

    def make_block(self, x, current_stride, skip_source=None, prefix="twice"):
        x = UpSampling2D(name=f"{prefix}_up", size=self.upsampling_stride)(x)
        if skip_source is None:
            return x
        return Concatenate(name=f"{prefix}_cat")([skip_source, x, skip_source])


@attrs.frozen
class OwnBlocks(EncoderDecoder):
    blocks: int = 2

    @property
    def stem_stack(self):
        return [SimpleConvBlock(pool=False, num_convs=1, filters=2)]

    @property
    def encoder_stack(self):
        return [Residual(filters=i + 2, pooling_stride=i + 2) for i in range(self.blocks)]

    @property
    def decoder_stack(self):
        return [Twice(i + 2) for i in reversed(range(self.blocks))]


DECORATED = [Defined, Frozen, Classic, Declared]
ARCHITECTURES = [
    Plain(),
    Plain(stacks=2),
    WithAttributes(),
    *[cls(depth=3) for cls in DECORATED],
    *[cls(stacks=2, method="bilinear") for cls in DECORATED],
    OwnBlocks(),
    OwnBlocks(stacks=2, blocks=1),
]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=repr)
def test_a_user_class_traces_and_builds(architecture):
    shape = (2 * architecture.maximum_stride, architecture.maximum_stride, 1)
    graph = trace(architecture, shape)
    rows = rows_of_graph(graph)
    assert rows == structure(lambda: build(architecture, shape))
    assert rows == structure(lambda: direct_model(architecture, shape))
    assert len(graph.outputs) == architecture.stacks
    assert analyze(graph).receptive_field > (1, 1)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=repr)
def test_a_user_class_is_a_value(architecture):
    copy = attrs.evolve(architecture)
    assert copy == architecture
    assert hash(copy) == hash(architecture)
    assert pickle.loads(pickle.dumps(architecture)) == architecture
    assert pickle.loads(cloudpickle.dumps(architecture)) == architecture
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        architecture.stacks = 3


def test_a_class_of_a_notebook_cell_can_be_sent_elsewhere():
    cell = {"__name__": "__main__"}
    exec(
        "import attrs, explorer\n"
        "@attrs.define\n"
        "class Mine(explorer.EncoderDecoder):\n"
        "    width: int = 4\n"
        "    @property\n"
        "    def encoder_stack(self):\n"
        "        return [explorer.SimpleConvBlock(filters=self.width)]\n"
        "    decoder_stack = ()\n",
        cell,
    )
    architecture = cell["Mine"](width=5)
    copy = pickle.loads(cloudpickle.dumps(architecture))
    assert repr(copy) == repr(architecture)
    shape = (4, 4, 1)
    assert rows_of_graph(trace(copy, shape)) == rows_of_graph(trace(architecture, shape))


def shown(cls: type) -> list[tuple[str, Any, Any]]:
    return [(found.name, found.value_type, found.default) for found in parameters_of(cls)]


@pytest.mark.parametrize("cls", DECORATED)
def test_fields_of_a_user_class_are_parameters(cls):
    assert shown(cls) == [
        ("stacks", int, 1),
        ("depth", int, 2),
        ("width", int, 3),
        ("method", str, "nearest"),
    ]


def test_an_undecorated_class_has_the_parameters_of_its_base():
    assert parameters_of(Plain) == parameters_of(EncoderDecoder)
    assert shown(Twice) == [("upsampling_stride", int, 2)]


def test_a_literal_gives_the_choices():
    method = parameters_of(Frozen)[-1]
    assert method.choices == ("nearest", "bilinear")


def test_an_optional_field_may_be_none():
    label = parameters_of(Residual)[-1]
    assert (label.value_type, label.optional, label.default) == (str, True, None)


def test_fields_without_conditions_are_always_active():
    assert not any(inactive_reason(Defined(), found) for found in parameters_of(Defined))


def test_declared_bounds_hold_in_a_user_class():
    with pytest.raises(ParameterError, match=r"Declared\.depth=9 is too large"):
        Declared(depth=9)
    with pytest.raises(ParameterError, match=r"Declared\.method='cubic' is unknown"):
        Declared(method="cubic")
    assert Declared(width=3.9).width == 3


@pytest.mark.parametrize("cls", [Plain, *DECORATED])
def test_inherited_bounds_hold_in_a_user_class(cls):
    with pytest.raises(ParameterError, match=rf"{cls.__name__}\.stacks=0 is too small"):
        cls(stacks=0)


def test_stacks_that_do_not_fit_are_refused_when_the_value_is_made():
    class TooHigh(Plain):
        @property
        def decoder_stack(self):
            return [SimpleUpsamplingBlock(), SimpleUpsamplingBlock()]

    with pytest.raises(ParameterError, match=r"TooHigh\.decoder_stack=2 upsamples by 4"):
        TooHigh()


def test_blocks_of_equal_names_are_told_apart_by_the_error():
    class Unnamed(EncoderBlock):
        def make_block(self, x_in, prefix=""):
            return MaxPooling2D(name="pool")(x_in)

    class Clash(EncoderDecoder):
        encoder_stack = (Unnamed(), Unnamed())
        decoder_stack = ()

    with pytest.raises(ValueError, match="'pool'"):
        trace(Clash(), (8, 8, 1))


class Mismatched(EncoderBlock):
    def make_block(self, x_in, prefix="block"):
        x = Conv2D(name=f"{prefix}_conv", filters=3)(x_in)
        return Add(name=f"{prefix}_add")([x, x_in])


class OfMismatched(EncoderDecoder):
    encoder_stack = (Mismatched(pool=False),)
    decoder_stack = ()


def test_what_our_layers_refuse_is_refused_whether_keras_is_there_or_not():
    """Keras would broadcast the one channel over the three."""
    import keras  # noqa: F401 — what it would make of the block is not asked

    with pytest.raises(ValueError, match=r"cannot add features of \[3, 1\] channels"):
        trace(OfMismatched(), (16, 16, 1))
