"""Code for Keras, run, makes the model that `build` makes, and reads as if written by hand."""

import subprocess
import sys
from typing import ClassVar

import attrs
import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import (
    EncoderBlock,
    EncoderDecoder,
    Head,
    ReadModel,
    SimpleConvBlock,
    UNet,
    build,
    layers,
    presets,
    trace,
)
from explorer.core.exchange.keras_code import keras_code
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Block, in_block
from explorer.core.network.layers import ACTIVATIONS, layer_kinds
from explorer.keras_side.given_models import as_read_model
from tests.core.exchange.test_own_classes import Net, _Noise, _PlainConv
from tests.keras_helpers import rows_of_model
from tests.strategies import FAMILIES, listed, round_trip, shapes_for, with_heads


def made(code):
    """Run the code, and return its function."""
    space = {"__name__": "made"}
    exec(compile(code, "made.py", "exec"), space)
    return space["make_model"]


def check(architecture, input_shape):
    graph = trace(architecture, input_shape)
    make_model = made(keras_code(architecture, input_shape))

    def told(make):
        with keras.StatelessScope(initialize_variables=False):
            model = make()
            outputs = [tensor._keras_history.operation.name for tensor in model.outputs]
            return model.name, outputs, rows_of_model(model), settings_of(model)

    assert told(make_model) == told(lambda: build(graph))
    keras.backend.clear_session(free_memory=False)


def settings_of(model):
    return [layer.get_config() for layer in model.layers]


def check_style(code, tmp_path):
    """Hold code against ruff's format, and its rules on names and lines."""
    pytest.importorskip("ruff", reason="ruff, which knows the format, is not installed")
    file = tmp_path / "made.py"
    file.write_text(code, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    same = ["--isolated", "--line-length=100", str(file)]
    for command in (["format", "--diff"], ["check", "--select=E,F,I"]):
        done = subprocess.run([*ruff, *command, *same], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + code


@pytest.mark.parametrize("name", presets)
def test_presets_are_written_in_functions_and_loops(name, tmp_path):
    if not name.endswith(("103", "101", "152")):  # more of the same, and slow
        check(presets[name], (64, 128, 3))
    code = keras_code(presets[name], (64, 128, 3))
    check_style(code, tmp_path)
    assert len(code.splitlines()) < len(trace(presets[name], (64, 128, 3))) + 10


def test_a_unet_is_as_short_as_written_by_hand():
    code = keras_code(UNet(), (256, 256, 1))
    assert len(code.splitlines()) <= 50
    assert "for i, filters in enumerate([64, 128, 256, 512]):" in code
    assert 'f"stack0_dec{i}_s{2 * stride}_to_s{stride}"' in code
    assert code.startswith('"""UNet for images of 256×256×1: 34,512,128 parameters."""\n')


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@round_trip(3, share=0.01)
@given(st.data())
def test_designs_of_a_family(family, data):
    architecture = data.draw(FAMILIES[family]())
    if data.draw(st.booleans()):
        architecture = data.draw(with_heads(architecture))
    check(architecture, data.draw(shapes_for(architecture)))


@round_trip(8, share=0.01)
@given(st.data())
def test_designs_of_listed_blocks(data):
    architecture = data.draw(listed())
    check(architecture, data.draw(shapes_for(architecture)))


@given(st.data())
@settings(max_examples=3)
def test_code_has_the_format_of_ruff(tmp_path_factory, data):
    architecture = data.draw(st.one_of([family() for family in FAMILIES.values()]))
    shape = data.draw(shapes_for(architecture))
    check_style(keras_code(architecture, shape), tmp_path_factory.mktemp("code"))


def test_stacks_with_heads_and_merges_are_a_loop(tmp_path):
    heads = (Head("parts", channels=3), Head("edges", channels=4, stride=8))
    net = attrs.evolve(presets["Residual hourglass"], stacks=3, heads=heads)
    check(net, (64, 64, 1))
    code = keras_code(net, (64, 64, 1))
    check_style(code, tmp_path)
    assert "for stack in range(3):" in code
    assert "if stack < 2:" in code


@attrs.frozen
class Every(EncoderBlock):
    """A layer of each kind, with settings that are not Keras' own."""

    of_norm: ClassVar = {"scale": False, "trainable": False}

    def make_block(self, x_in, prefix="every"):
        x = layers.ZeroPadding2D(name=f"{prefix}_pad", padding=((1, 2), (0, 3)))(x_in)
        x = layers.Cropping2D(name=f"{prefix}_crop", cropping=((1, 2), (0, 3)))(x)
        x = layers.Conv2D(
            name=f"{prefix}_conv", filters=4, kernel_size=(2, 3), dilation_rate=(1, 2), groups=2
        )(x)
        y = layers.DepthwiseConv2D(name=f"{prefix}_depth", depth_multiplier=2, use_bias=False)(x)
        y = layers.SeparableConv2D(name=f"{prefix}_separable", filters=4, depth_multiplier=3)(y)
        y = layers.BatchNormalization(
            name=f"{prefix}_bn", epsilon=1e-5, momentum=0.9, **self.of_norm
        )(y)
        y = layers.GroupNormalization(name=f"{prefix}_gn", groups=1, epsilon=1e-5, **self.of_norm)(
            y
        )
        y = layers.GroupNormalization(name=f"{prefix}_in", groups=-1, **self.of_norm)(y)
        y = layers.LeakyReLU(name=f"{prefix}_leaky", negative_slope=0.1)(y)
        y = layers.Dropout(name=f"{prefix}_drop", rate=0.25)(y)
        y = layers.Dense(name=f"{prefix}_dense", units=4, activation="tanh")(y)
        gate = layers.GlobalAveragePooling2D(name=f"{prefix}_mean", keepdims=True)(y)
        most = layers.GlobalMaxPooling2D(name=f"{prefix}_most", keepdims=True)(y)
        gate = layers.Multiply(name=f"{prefix}_gate")([gate, most])
        gate = layers.UpSampling2D(
            name=f"{prefix}_wide", size=tuple(x.shape[1:3]), interpolation="bilinear"
        )(gate)
        x = layers.Add(name=f"{prefix}_add")([x, y, gate])
        x = layers.Concatenate(name=f"{prefix}_cat")([x, x, y])
        x = layers.Conv2DTranspose(
            name=f"{prefix}_up", filters=2, kernel_size=(1, 4), strides=(2, 1), padding="valid"
        )(x)
        x = layers.AveragePooling2D(
            name=f"{prefix}_average", pool_size=(3, 2), strides=(2, 1), padding="same"
        )(x)
        x = layers.Activation(name=f"{prefix}_act", activation="softmax")(x)
        return layers.MaxPooling2D(name=f"{prefix}_pool", pool_size=3, strides=2)(x)


class Kinds(EncoderDecoder):
    encoder_stack = (Every(), Every())
    decoder_stack = ()


def test_every_kind_of_layer(tmp_path):
    check(Kinds(), (8, 8, 2))
    code = keras_code(Kinds(), (8, 8, 2))
    check_style(code, tmp_path)
    missing = [kind for kind in layer_kinds() if f"layers.{kind}(" not in code]
    assert missing == ["InputLayer"]


def test_kinds_of_the_users_that_keras_has():
    check(Net(kind=_Noise), (8, 8, 1))
    check(Net(kind=_PlainConv), (8, 8, 1))


def test_every_activation():
    heads = [Head(f"head{i}", activation=name) for i, name in enumerate(ACTIVATIONS)]
    check(UNet(filters=2, down_blocks=1, up_blocks=0, heads=heads), (4, 4, 1))


@attrs.frozen
class Gathered(EncoderBlock):
    """Layers that each see those before them, and one that takes what they all made."""

    rounds: int = 4
    start: int = 0
    first_alone: bool = False
    without_first: bool = False
    conv_between: bool = False

    def make_block(self, x_in, prefix="gathered"):
        x, made = x_in, []
        last = self.start + self.rounds - 1
        for i in range(self.start, last + 1):
            y = layers.Conv2D(name=f"{prefix}_dense{i}_conv", filters=3, kernel_size=1)(x)
            y = layers.Activation(name=f"{prefix}_dense{i}_relu", activation="relu")(y)
            made.append(y)
            if i < last:
                x = layers.Concatenate(name=f"{prefix}_dense{i}_concat")([x, y])
                if self.conv_between:
                    x = layers.Conv2D(name=f"{prefix}_dense{i}_next", filters=3, kernel_size=1)(x)
        x = layers.Concatenate(name=f"{prefix}_all")(made[self.first_alone or self.without_first :])
        x = layers.Conv2D(name=f"{prefix}_conv", filters=2, kernel_size=1)(x)
        if self.first_alone:
            x = layers.Concatenate(name=f"{prefix}_first")([x, made[0]])
        return layers.BatchNormalization(name=f"{prefix}_bn")(x)


class GathersAll(EncoderDecoder):
    encoder_stack = (
        Gathered(),
        Gathered(rounds=5),
        Gathered(rounds=2),
        Gathered(rounds=3),
        Gathered(rounds=4, start=2),
    )
    decoder_stack = ()


class GathersNot(EncoderDecoder):
    encoder_stack = (
        Gathered(rounds=5, first_alone=True),
        Gathered(rounds=5, conv_between=True),
    )
    decoder_stack = ()


def test_what_a_loop_makes_is_gathered(tmp_path):
    check(GathersAll(), (32, 32, 2))
    code = keras_code(GathersAll(), (32, 32, 2))
    check_style(code, tmp_path)
    assert code.count("for i in range(num_dense):") == 1
    assert code.count("for i in range(2, 6):") == 1
    assert code.count("added.append(y)") == 2
    assert "        if i < num_dense - 1:\n            x = layers.Concatenate(" in code
    assert 'x = layers.Concatenate(name=f"{name}_all")(added)' in code


def test_what_cannot_be_gathered_is_written_one_by_one(tmp_path):
    check(GathersNot(), (8, 8, 2))
    code = keras_code(GathersNot(), (8, 8, 2))
    check_style(code, tmp_path)
    assert "append(y)" not in code


class GathersOthers(EncoderDecoder):
    encoder_stack = (Gathered(rounds=6, start=1, without_first=True),)
    decoder_stack = ()


def test_the_first_round_is_apart_where_it_is_not_gathered():
    check(GathersOthers(), (4, 4, 2))
    code = keras_code(GathersOthers(), (4, 4, 2))
    assert code.count("for i in range(2, 7):") == code.count("added.append(y)") == 1


def test_dense_blocks_are_loops():
    code = keras_code(presets["FC-DenseNet103"], (64, 64, 3))
    assert len(code.splitlines()) <= 90
    assert 'y = dense_layers(x, f"{name}_dense{i}", filters=16, kernel_size=3)' in code
    assert "if i < num_dense - 1:" in code


def test_names_of_arguments_have_no_numbers():
    code = keras_code(presets["ResNet50"], (64, 64, 3))
    assert "def resnet_stage(x, name, filters, strides, block_filters, num_blocks, pool):" in code
    code = keras_code(presets["nnU-Net (residual)"], (64, 64, 3))
    assert "(x, name, filters, num_units, with_shortcut):" in code


def test_what_follows_the_last_round_follows_the_loop():
    code = keras_code(presets["Stacked hourglass"], (64, 64, 3))
    assert "for i, filters in enumerate([640, 512, 384, 256]):" in code
    assert "        outputs.append(x)\n    return" in code


@attrs.frozen
class Repeats(EncoderBlock):
    """Chains that are alike, with names that a part can't have, or only some of which can."""

    def make_block(self, x_in, prefix="repeats"):
        def chain(x, name, filters, ends="abcd"):
            x = layers.Conv2D(name=f"{prefix}_{name}_{ends[0]}", filters=filters)(x)
            y = layers.BatchNormalization(name=f"{prefix}_{name}_{ends[1]}")(x)
            y = layers.Activation(name=f"{prefix}_{name}_{ends[2]}", activation="relu")(y)
            y = layers.Dropout(name=f"{prefix}_{name}_{ends[3]}", rate=0.5)(y)
            return layers.Add(name=f"{prefix}_{name}_add{ends[3]}")([x, y])

        x = chain(x_in, "same", 2)
        x = chain(x, "same", 3, "efgh")  # two chains of one name
        x = layers.Conv2D(name=f"{prefix}_own", filters=2)(x)
        x = chain(x, "own", 3)  # the name of a layer
        x = chain(x, "type", 4)  # what PyTorch's modules call other things
        for i in range(3):
            x = chain(x, f"many{i}", 5)
        x = chain(x, "many1", 6, "ijkl")  # the name of a round's
        y = chain(x, "left", 4)
        z = layers.Conv2D(name=f"{prefix}_read_a", filters=4)(x)
        u = layers.BatchNormalization(name=f"{prefix}_read_b")(z)
        u = layers.Activation(name=f"{prefix}_read_c", activation="relu")(u)
        u = layers.Dropout(name=f"{prefix}_read_d", rate=0.5)(u)
        u = layers.Add(name=f"{prefix}_read_addd")([z, u])
        x = chain(layers.Concatenate(name=f"{prefix}_cat")([y, z, u]), "last", 3)
        return layers.MaxPooling2D(name=f"{prefix}_pool")(x) if self.pool else x


class RepeatsAll(EncoderDecoder):
    encoder_stack = (Repeats(), Repeats(pool=False))
    decoder_stack = ()


def test_what_functions_repeat_is_a_function(tmp_path):
    check(RepeatsAll(), (4, 4, 2))
    code = keras_code(RepeatsAll(), (4, 4, 2))
    check_style(code, tmp_path)
    assert 'x = same_layers(x, f"{name}_many{i}", filters=5)' in code
    code = keras_code(presets["Residual hourglass"], (64, 64, 3))
    assert len(code.splitlines()) <= 90
    assert code.count("layers.BatchNormalization(") == 5


@attrs.frozen
class Odd(EncoderBlock):
    """Names that mean something in Python, and layers that are no chain."""

    def make_block(self, x_in, prefix="odd"):
        x = layers.Conv2D(name=f'{prefix}{{i}} "a" \\n', filters=2)(x_in)
        y = layers.Conv2D(name=f"class{prefix}", filters=2)(x)
        z = layers.Conv2D(name=f"x{prefix}", filters=2)(x)
        z = layers.Conv2D(name=f"{prefix}: ‘ü’", filters=2)(z)
        return layers.Add(name=f"self {prefix}")([z, y, x])


class OddNames(EncoderDecoder):
    encoder_stack = (Odd(), Odd())
    decoder_stack = ()

    def make_backbone(self, x_in, current_stride=1):
        x, features = super().make_backbone(x_in, current_stride)
        image = layers.Conv2D(name="image", filters=2)(x_in)
        y = layers.Conv2D(name="skips", filters=2)(image)
        y = layers.Conv2D(name="range", filters=2)(y)
        y = layers.Concatenate(name="two_block")([x, image, y])
        z = SimpleConvBlock(pool=False, filters=2)
        z = in_block(Block("z", "encoder", 0, 0, "Two"), lambda: z.make_block(y, "z"))
        y = layers.Concatenate(name="enumerate")([y, z, image, y])
        return layers.Concatenate(name="outputs")([x, y, image, y, x_in]), features


def test_odd_names_and_links(tmp_path):
    check(OddNames(), (8, 8, 2))
    check_style(keras_code(OddNames(), (8, 8, 2)), tmp_path)


class Between(EncoderDecoder):
    """Layers that nearly repeat, and one before all stacks that is read after them."""

    encoder_stack = (Odd(),)
    decoder_stack = ()

    def make_network(self, x_in):
        first, second = (Block(name, "encoder", 0, 0, "Any") for name in ("one", "two"))
        start = layers.Conv2D(name="start", filters=2)(x_in)

        def nearly(x):
            y = layers.Concatenate(name="one_join0")([x, start])
            z = layers.Concatenate(name="one_join1")([y, x, start])
            return layers.Concatenate(name="one_join2")([z, y, x])

        x = in_block(first, lambda: nearly(layers.Conv2D(name="one_in", filters=2)(start)))
        y = in_block(second, lambda: layers.Conv2D(name="stack0_{i}", filters=2)(x))
        return [layers.Concatenate(name="end")([y, start])]


def test_what_nearly_repeats_is_no_loop(tmp_path):
    check(Between(), (8, 8, 2))
    check_style(keras_code(Between(), (8, 8, 2)), tmp_path)


class Circle(EncoderDecoder):
    """Its second block reads what is inside of its first: they can't be functions."""

    encoder_stack = (Odd(),)
    decoder_stack = ()

    def make_network(self, x_in):
        first, second = (Block(name, "encoder", 0, 0, "Any") for name in ("one", "two"))
        x = in_block(first, lambda: layers.Conv2D(name="one_a", filters=2)(x_in))
        y = in_block(second, lambda: layers.Conv2D(name="two_a", filters=2)(x))
        z = in_block(first, lambda: layers.Add(name="one_b")([x, y]))
        return [in_block(second, lambda: layers.Add(name="two_b")([z, y])), y, z]


def test_blocks_that_read_each_other_are_written_layer_by_layer(tmp_path):
    check(Circle(), (8, 8, 2))
    code = keras_code(Circle(), (8, 8, 2))
    check_style(code, tmp_path)
    assert code.count("def ") == 1


def test_a_model_that_was_read():
    image = keras.Input((16, 16, 3), name="photo", dtype="float16")
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="conv")(image)
    x = keras.layers.BatchNormalization(name="bn")(x)
    read = as_read_model(keras.Model(image, x, name="Mine"))
    assert isinstance(read, ReadModel)
    check(read, (16, 16, 3))


def test_layers_that_only_keras_knows_are_refused_by_name():
    image = keras.Input((16, 16, 3))
    x = keras.layers.LayerNormalization(name="norm")(image)
    read = as_read_model(keras.Model(image, keras.layers.GaussianNoise(0.1, name="noise")(x)))
    with pytest.raises(Refusal, match="LayerNormalization 'norm', GaussianNoise 'noise'"):
        keras_code(read, (16, 16, 3))


def test_layers_that_share_weights_are_refused_by_name():
    image = keras.Input((16, 16, 3))
    layer = keras.layers.Conv2D(3, 3, padding="same", name="twice")
    read = as_read_model(keras.Model(image, layer(layer(image))))
    with pytest.raises(Refusal, match="Conv2D 'twice"):
        keras_code(read, (16, 16, 3))


def test_networks_of_several_inputs_are_refused():
    images = [keras.Input((8, 8, 3), name=name) for name in ("left", "right")]
    read = as_read_model(keras.Model(images, keras.layers.Add(name="sum")(images)))
    with pytest.raises(Refusal, match=r"2 inputs \(left, right\)"):
        keras_code(read, (8, 8, 3))
