"""Models as people bring them: what is read of them is right, or said to be unknown."""

import pickle
from fractions import Fraction
from math import prod

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import applications, layers, ops

from explorer import ResNet, UNet, analyze, build, diagram, read, trace
from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design
from explorer.core.analysis.receptive_field import receptive_window
from explorer.core.editing.snapshot import Scene
from explorer.core.formatting import short_count
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import positions
from explorer.core.words.arithmetic import block_facts
from explorer.widget.panels.charts.data import ChartData
from explorer.widget.panels.inspector.panel import Inspector
from explorer.widget.panels.totals.panel import Totals
from tests.keras_helpers import make_positive
from tests.said import said


def conv(filters: int = 4, size: int = 3, **settings) -> keras.layers.Layer:
    return layers.Conv2D(filters, size, **{"padding": "same", **settings})


def model_of(shape: tuple[int, ...], make) -> keras.Model:
    image = keras.Input(shape)
    return keras.Model(image, make(image))


def strides(model: keras.Model) -> set:
    return {node.stride for node in read(model)}


# How far apart positions lie.


def test_cropping_moves_no_positions_apart():
    image = keras.Input((60, 60, 1))
    fine = conv(padding="valid")(image)
    coarse = conv(padding="valid")(layers.MaxPooling2D()(fine))
    up = layers.Conv2DTranspose(4, 2, strides=2)(coarse)
    cropped = layers.Cropping2D((fine.shape[1] - up.shape[1]) // 2)(fine)

    assert strides(keras.Model(image, layers.Concatenate()([cropped, up]))) == {1, 2}


def test_a_gate_has_the_stride_of_the_features_that_it_opens_for():
    image = keras.Input((64, 64, 8))
    features = conv(8, strides=2)(image)
    gate = layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(features))
    for joined in ([gate, features], [features, gate]):
        out = conv(name="after")(layers.Multiply()(joined))
        assert read(keras.Model(image, out))["after"].stride == 2


def test_sizes_that_no_stride_divides_do_not_blur_it():
    model = applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(540, 960, 3), alpha=0.35
    )
    assert strides(model) == {1, 2, 4, 8, 16, 32}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pooling_has_its_stride_whatever_the_axes(rank, data_format):
    sizes = (16,) * rank
    shape = (*sizes, 3) if data_format == "channels_last" else (3, *sizes)
    pool = getattr(layers, f"MaxPooling{rank}D")(2, data_format=data_format)
    convolve = getattr(layers, f"Conv{rank}D")(4, 3, padding="same", data_format=data_format)
    graph = read(model_of(shape, lambda x: pool(convolve(x))))

    assert [node.stride for node in graph] == [1, 1, 2]
    assert graph.nodes[1].macs == prod(sizes) * 3**rank * 3 * 4


def test_a_stride_may_differ_by_axis():
    graph = read(model_of((32, 64, 1), lambda x: layers.MaxPooling2D((1, 2))(conv()(x))))

    assert graph.nodes[-1].stride == (1, 2)
    assert analyze(graph).receptive_field == (3, 4)


def test_behind_a_layer_that_does_not_say_the_stride_is_unknown_until_it_is_known_again():
    image = keras.Input((16, 16, 2))
    kept = conv(2)(image)
    odd = layers.Lambda(lambda x: x[:, ::-1], name="odd")(kept)
    again = layers.Add(name="sum")([odd, kept])
    graph = read(keras.Model(image, [again, conv(name="after")(odd)]))

    assert (graph["odd"].stride, graph["after"].stride, graph["sum"].stride) == (None, None, 1)


def test_a_resize_says_its_stride():
    graph = read(model_of((30, 30, 3), lambda x: layers.Resizing(20, 15)(x)))
    assert graph.nodes[-1].stride == (Fraction(3, 2), 2)


# Weights are counted once.


def test_weights_of_an_inner_model_that_is_used_outside_too_count_once():
    inner_image = keras.Input((32, 32, 3))
    shared = conv(8)
    encoder = keras.Model(inner_image, shared(inner_image))
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, layers.Add()([encoder(image), shared(image)]))

    report = analyze(read(model))

    assert report.total_params == model.count_params() == 224
    assert report.macs == 2 * 32 * 32 * 9 * 3 * 8


def test_weights_in_several_wrappers_count_once():
    image = keras.Input((4, 16, 2))
    shared = layers.Dense(3)
    made = [layers.TimeDistributed(shared)(image) for _ in range(3)]
    model = keras.Model(image, layers.Add()(made))

    assert analyze(read(model)).total_params == model.count_params() == 9


@pytest.mark.parametrize("used", [0, 1])
def test_a_layer_of_which_one_output_is_used_keeps_its_parameters(used):
    inner_image = keras.Input((32, 32, 3))
    first = conv(8)(inner_image)
    inner = keras.Model(inner_image, [first, conv(16)(first)], name="encoder")
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, inner(image)[used])

    assert analyze(read(model)).total_params == model.count_params()


def test_inner_models_are_opened_and_called_again():
    inner = keras.Sequential([keras.Input((32, 32, 3)), conv(3, name="c"), layers.ReLU()])
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, inner(inner(image)))

    graph = read(model)

    assert [node.name for node in graph][1::2] == ["c", "c_call1"]
    report = analyze(graph)
    assert (report.total_params, report.receptive_field) == (model.count_params(), (5, 5))


# Inputs of any rank.


def conditioned() -> keras.Model:
    image, time = keras.Input((32, 32, 3), name="image"), keras.Input((), dtype="int64")
    known = layers.Reshape((1, 1, 8))(layers.Dense(8)(layers.Embedding(100, 8)(time)))
    h = layers.Add()([conv(8)(image), known])
    return keras.Model([time, image], conv(3)(h))


def autoencoder() -> keras.Model:
    def make(image):
        h = layers.Dense(16)(layers.Flatten()(conv(4, strides=2)(image)))
        h = layers.Conv2DTranspose(4, 3, strides=2, padding="same")(layers.Reshape((4, 4, 1))(h))
        return layers.Conv2DTranspose(1, 3, strides=2, padding="same")(h)

    return model_of((16, 16, 1), make)


def attention() -> keras.Model:
    def make(image):
        h = layers.Reshape((16, 8))(layers.Conv2D(8, 4, strides=4)(image))
        return layers.GlobalAveragePooling1D()(h + layers.MultiHeadAttention(2, 4)(h, h))

    return model_of((16, 16, 3), make)


ODD = {
    "conditioned on a number": conditioned,
    "autoencoder": autoencoder,
    "attention": attention,
    "vector": lambda: model_of((10,), layers.Dense(3)),
    "number": lambda: model_of((), lambda x: x * 2.0),
    "sequence": lambda: model_of((20, 4), layers.Conv1D(3, 3)),
    "volume": lambda: model_of((8, 8, 8, 1), layers.Conv3D(3, 3)),
    "film": lambda: model_of((3, 16, 16, 1), layers.ConvLSTM2D(2, 3)),
}


@pytest.mark.parametrize("name", ODD)
def test_inputs_of_any_rank_are_analysed_and_drawn(name):
    model = ODD[name]()
    graph = read(model)

    assert analyze(graph).total_params == model.count_params()
    for detail in ("blocks", "layers"):
        for colour in ("kind", "MACs"):
            assert diagram(graph, detail, colour_by=colour, draw_sizes=True).svg()


def test_the_image_among_several_inputs_is_found_by_its_rank():
    graph = read(conditioned())

    assert graph.input_shape == (32, 32, 3)
    assert analyze(graph).receptive_field == (5, 5)
    assert all(node.stride in (1, None) for node in graph)


# How far positions see.


def test_a_function_of_the_users_is_not_taken_for_one_of_keras():
    def softmax(x):
        return ops.softmax(x, axis=(1, 2))

    report = analyze(read(model_of((16, 16, 1), lambda x: layers.Activation(softmax)(conv()(x)))))
    assert report.receptive_field is None

    within = analyze(read(model_of((16, 16, 1), lambda x: conv(2, activation=softmax)(x))))
    assert (within.receptive_field, within.macs) == (None, 16 * 16 * 9 * 2)


def test_a_layer_of_the_users_is_not_taken_for_one_of_keras():
    class Conv2D(keras.layers.Conv2D):
        def call(self, x):
            return super().call(ops.flip(x, axis=1))

    report = analyze(read(model_of((16, 16, 1), Conv2D(2, 3, padding="same"))))

    assert (report.receptive_field, report.macs_are_known) == (None, False)


def seen(model: keras.Model, row: int, column: int) -> tuple[int, int, int, int]:
    """Return the first and last row and column with a gradient, on random pixels."""
    make_positive(model.layers)
    image = tf.constant(np.random.default_rng(1).uniform(0.5, 1.5, (1, *model.input_shape[1:])))
    image = tf.cast(image, "float32")
    with tf.GradientTape() as tape:
        tape.watch(image)
        output = tf.reduce_sum(model(image)[0, row, column])
    found = np.abs(tape.gradient(output, image).numpy()[0]).sum(-1) > 0
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])


def pooled_image(image):
    pooled = layers.UpSampling2D(20, interpolation="bilinear")(layers.AveragePooling2D(20)(image))
    return layers.Concatenate()([image, conv(2, 1)(pooled)])


def gated(image):
    h = conv(4, (3, 5))(image)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(h)
    return layers.Multiply()([h, conv(4, 1, use_bias=False)(gate)])


def cropped(image):
    h = layers.ZeroPadding2D(((0, 1), (2, 0)))(conv(2, (1, 7), strides=(2, 1))(image))
    return layers.AveragePooling2D((2, 1))(h[:, 1:-1, 2:, :])


def one_channel_gate(image):
    h = conv(4, strides=2)(image)
    return layers.Multiply()([h, conv(1, 3, dilation_rate=2)(h)])


def reduced(image):
    h = conv(4, padding="valid")(image)
    return h + ops.mean(h, axis=(1, 2), keepdims=True)


def separable(image):
    h = layers.SeparableConv2D(3, 3, strides=2)(ops.pad(image, ((0, 0), (1, 2), (0, 1), (0, 0))))
    return layers.Conv2DTranspose(2, 3, strides=2)(h)


@pytest.mark.parametrize(
    "make",
    [pooled_image, gated, cropped, one_channel_gate, reduced, separable],
    ids=lambda make: make.__name__,
)
def test_windows_are_those_of_the_gradient(make):
    model = model_of((20, 20, 2), make)
    graph = read(model)
    height, width, _ = graph.outputs[0].shape

    for row, column in ((0, 0), (height // 2, width // 3), (height - 1, width - 1)):
        window = receptive_window(graph, graph.outputs[0], row, column)
        box = window.inside
        assert (box.top, box.left, box.bottom, box.right) == seen(model, row, column)
        assert box.height <= analyze(graph).receptive_field[0]
        assert box.width <= analyze(graph).receptive_field[1]


def test_what_pools_the_whole_image_sees_no_more_than_that():
    assert analyze(read(model_of((20, 20, 2), pooled_image))).receptive_field == (20, 20)


def test_beside_what_sees_a_part_of_the_image_from_everywhere_nothing_is_guessed():
    def make(image):
        gate = layers.GlobalAveragePooling2D(keepdims=True)(layers.Cropping2D(4)(image))
        return layers.Multiply()([conv(2)(image), gate])

    assert analyze(read(model_of((20, 20, 2), make))).receptive_field is None


def test_values_that_only_moved_are_not_said_to_come_from_everywhere():
    def make(image):
        return layers.Reshape((8, 8, 2))(layers.Flatten()(conv(2)(image)))

    assert analyze(read(model_of((8, 8, 1), make))).receptive_field is None
    mixed = model_of(
        (8, 8, 1), lambda x: layers.Reshape((2, 2, 1))(layers.Dense(4)(layers.Flatten()(x)))
    )
    assert analyze(read(mixed)).receptive_field == (8, 8)


def test_the_field_of_several_outputs_is_the_largest_in_any_order():
    image = keras.Input((32, 32, 1))
    small = conv()(image)
    large = conv(size=7)(small)
    for outputs in ([small, large], [large, small]):
        assert analyze(read(keras.Model(image, outputs))).receptive_field == (9, 9)


# What is computed.


def test_a_dense_layer_on_an_image_is_a_convolution_of_one_position():
    dense = analyze(read(model_of((64, 64, 8), layers.Dense(16))))
    convolution = analyze(read(model_of((64, 64, 8), layers.Conv2D(16, 1))))

    assert dense.macs == convolution.macs == 524_288


def test_sums_that_lack_something_are_marked_and_have_no_shares():
    adapted = layers.Dense(4)
    model = model_of((32, 32, 4), lambda x: adapted(conv(4)(x)))
    adapted.enable_lora(2)  # what this multiplies is not known here
    graph = read(model)

    assert not analyze(graph).macs_are_known
    drawn = diagram(graph, colour_by="MACs").dot
    assert "MACs" in drawn
    assert "%" not in drawn
    assert "≥ " in drawn
    assert "%" in diagram(read(model_of((32, 32, 4), conv(4))), colour_by="MACs").dot


@pytest.mark.parametrize("freeze", [True, False])
def test_freezing_changes_nothing_but_what_is_trained(freeze):
    model = model_of((32, 32, 3), lambda x: layers.BatchNormalization()(conv(8)(x)))
    model.trainable = not freeze
    report = analyze(read(model))

    assert (report.macs, report.receptive_field, report.total_params) == (221_184, (3, 3), 256)
    assert report.trainable_params == (0 if freeze else 240)


# Open sizes.


def test_a_model_of_open_size_is_read_at_one():
    fixed = model_of((48, 32, 3), lambda x: conv(2, strides=2)(conv(4)(x)))
    model = model_of((None, None, 3), lambda x: conv(2, strides=2)(conv(4)(x)))

    at = read(model, input_shape=(48, 32, 3))

    assert [node.shape for node in at] == [node.shape for node in read(fixed)]
    assert analyze(at).macs == analyze(read(fixed)).macs
    with pytest.raises(ValueError, match=r"input_shape=\(48, 32, 1\) does not fit the input"):
        read(model, input_shape=(48, 32, 1))
    with pytest.raises(ValueError, match=r"read\(model, input_shape=\(256, 256, 3\)\)"):
        read(model)


def test_an_inner_model_of_open_size_has_that_of_its_call():
    inner = applications.MobileNetV2(weights=None, include_top=False, alpha=0.35)
    model = model_of((64, 96, 3), inner)

    report = analyze(read(model))

    assert (report.output_shapes, report.total_params) == (((2, 3, 1280),), model.count_params())


# Built again.


def with_random_weights(model: keras.Model) -> keras.Model:
    """Give a model weights under which settings such as an epsilon show."""
    generator = np.random.default_rng(0)
    for weight in model.weights:
        most = 1 / prod(weight.shape[:-1]) ** 0.5
        low, high = -most, most
        if "variance" in weight.path:
            low, high = 0.0005, 0.002
        if "gamma" in weight.path:
            low, high = 0.01, 0.04  # so that values neither grow nor fade
        weight.assign(generator.uniform(low, high, weight.shape))
    return model


APPLICATIONS = [
    "ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionV3",
    "MobileNet", "MobileNetV2", "MobileNetV3Small", "NASNetMobile", "ResNet50", "ResNet50V2",
    "VGG16", "Xception",
]  # fmt: skip


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_model_that_is_built_again_puts_out_the_same(name):
    keras.backend.clear_session()
    shape = (96, 96, 3)
    model = with_random_weights(
        getattr(applications, name)(weights=None, include_top=False, input_shape=shape)
    )
    graph = read(model)
    again = build(graph)
    again.set_weights(model.get_weights())

    assert analyze(graph).total_params == model.count_params()
    image = np.random.default_rng(1).uniform(0, 1, (1, *shape)).astype("float32")
    theirs, ours = (each(image, training=False).numpy() for each in (model, again))
    assert np.abs(theirs).max() > 0
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


def test_settings_that_only_keras_knows_are_kept():
    def make(image):
        h = layers.BatchNormalization(epsilon=0.3, momentum=0.5, center=False)(image)
        h = layers.LeakyReLU(negative_slope=0.7)(conv(4, data_format="channels_last")(h))
        h = layers.Activation("softplus")(layers.GroupNormalization(2)(h * 2.0 - 1.0))
        return layers.Resizing(9, 9, interpolation="bicubic")(h[:, 1:-1, :, :])

    model = with_random_weights(model_of((12, 12, 2), make))
    again = build(read(model))
    again.set_weights(model.get_weights())

    image = np.random.default_rng(1).uniform(-1, 1, (1, 12, 12, 2)).astype("float32")
    np.testing.assert_allclose(again(image), model(image), rtol=1e-5, atol=1e-6)
    assert again.layers[1].momentum == 0.5


def test_layers_that_cannot_be_built_again_are_named():
    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    image = keras.Input((8, 8, 1))
    with pytest.raises(ValueError, match=r"Mine 'odd'.*use the model itself"):
        build(read(keras.Model(image, Mine(name="odd")(image))))
    with pytest.raises(ValueError, match="Lambda 'twice'"):
        build(read(keras.Model(image, layers.Lambda(lambda x: 2 * x, name="twice")(image))))

    def relu(x):
        return -x

    with pytest.raises(ValueError, match="Conv2D 'own'"):
        build(read(keras.Model(image, conv(1, activation=relu, name="own")(image))))


@pytest.mark.filterwarnings("ignore:__array__")  # Keras, when it reads a file
def test_resnet_puts_out_what_that_of_keras_does(tmp_path):
    shape = (64, 64, 3)
    theirs = with_random_weights(
        applications.ResNet50(weights=None, include_top=False, input_shape=shape)
    )
    file = tmp_path / "resnet.weights.h5"
    theirs.save_weights(file)
    ours = build(ResNet(), shape)
    ours.load_weights(file)

    image = np.random.default_rng(1).uniform(0, 1, (1, *shape)).astype("float32")
    a, b = (each(image, training=False).numpy() for each in (theirs, ours))
    np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-4 * np.abs(a).max())
    assert positions(trace(ResNet(), shape).outputs[0]) == 4


def test_the_u_net_on_mobilenet_of_tensorflows_tutorial_is_known_throughout():
    names = [f"block_{block}_expand_relu" for block in (1, 3, 6, 13)] + ["block_16_project"]
    base = applications.MobileNetV2(
        weights=None, include_top=False, input_shape=(128, 128, 3), alpha=0.35
    )
    down = keras.Model(base.input, [base.get_layer(name).output for name in names])
    down.trainable = False

    def up(filters: int) -> keras.Sequential:
        convolution = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", use_bias=False)
        return keras.Sequential([convolution, layers.BatchNormalization(), layers.ReLU()])

    image = keras.Input((128, 128, 3))
    *skips, x = down(image)
    for skip, filters in zip(reversed(skips), (32, 16, 8, 4), strict=True):
        x = layers.Concatenate()([up(filters)(x), skip])
    model = keras.Model(image, layers.Conv2DTranspose(3, 3, strides=2, padding="same")(x))

    graph = read(model)
    report = analyze(graph)

    assert report.macs_are_known
    assert report.receptive_field is not None
    assert {node.stride for node in graph} == {1, 2, 4, 8, 16, 32}
    assert report.total_params == model.count_params()
    assert report.trainable_params == sum(prod(w.shape) for w in model.trainable_weights)
    assert len(wiring_of(graph).skips) >= 4


def test_a_gate_of_attention_is_known():
    def make(image):
        fine, coarse = conv(8)(image), conv(8)(layers.MaxPooling2D()(conv(8)(image)))
        signal = layers.UpSampling2D(2)(conv(8, 1)(coarse))
        gate = conv(1, 1, activation="sigmoid")(
            layers.Activation("relu")(conv(8, 1)(fine) + signal)
        )
        return layers.Concatenate()([layers.Multiply()([fine, gate]), signal])

    report = analyze(read(model_of((32, 32, 1), make)))

    assert report.receptive_field == (8, 8)
    assert report.macs_are_known


def test_every_view_says_that_a_sum_is_not_all():
    adapted = layers.Dense(4)
    model = model_of((32, 32, 4), lambda x: adapted(conv(4)(x)))
    adapted.enable_lora(2)
    graph = read(model)
    report = analyze(graph)
    design = Design(UNet(filters=2))
    vars(design).update(graph=graph, report=report)

    totals = Totals(print)
    totals.show(design, None, None)
    inspector = Inspector(lambda _: None, lambda _: None, lambda: None)
    inspector.show(Scene(design))
    charts = ChartData(design, {}, "MACs", by_block=True)
    known = short_count(report.macs)

    (compute,) = [figure for figure in totals.figures if figure.name == "compute"]
    assert compute.value == f"≥ {known}"
    assert "That of some layers is not known" in compute.text
    computation = said(inspector).partition("Where does the computation go?")[2]
    assert f"≥ {known}" in computation
    assert "%" not in computation
    assert "%" not in charts.sentences()[0]
    assert "as far as is known" in charts.sentences()[0]
    assert any("≥ " in text for text in charts.traces()["value"]["hovertext"])
    facts = {fact.name: fact for fact in block_facts(graph.nodes[1:], report)}
    assert facts["MACs"].value.startswith("≥ ")
    assert "%" not in facts["MACs"].note


# What is told at the call.


def nested(layer: keras.layers.Layer, **told):
    return lambda x: model_of(x.shape[1:], layer)(x, training=True, **told)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: layers.BatchNormalization()(conv()(x), training=True),
        nested(layers.BatchNormalization()),
        nested(keras.Sequential([conv(), layers.BatchNormalization()])),
        lambda x: nested(lambda y: model_of(y.shape[1:], layers.BatchNormalization())(y))(x),
        # What a model is told counts, whatever its layers were told in it.
        nested(lambda y: layers.BatchNormalization()(y, training=False)),
    ],
)
def test_how_far_a_normalisation_sees_that_is_told_to_train_is_unknown(make):
    """`model(x)` then sees all of an image, and `model.predict(x)` does not."""
    model = model_of((16, 16, 3), make)
    graph = read(model)

    assert analyze(graph).receptive_field is None
    assert analyze(graph).total_params == model.count_params()
    same(build(graph), model)


def same(made: keras.Model, model: keras.Model) -> None:
    """Check that both compute the same, also where the model is not told what for."""
    made.set_weights(model.get_weights())
    image = np.random.default_rng(0).normal(size=(4, *model.input_shape[1:])).astype("float32")
    for ways in ({"training": False}, {}):
        np.testing.assert_allclose(made(image, **ways), model(image, **ways), atol=1e-5)


def test_dropout_that_is_told_to_drop_drops_in_what_is_made_again():
    model = model_of((16, 16, 3), lambda x: layers.Dropout(0.5)(conv()(x), training=True))
    graph = read(model)
    made = build(graph)

    assert analyze(graph).receptive_field == (3, 3)
    image = np.ones((1, 16, 16, 3), "float32")
    assert (np.asarray(made(image)) == 0).mean() > 0.2
    assert (np.asarray(made(image, training=False)) == 0).mean() < 0.1


def test_what_is_told_not_to_train_is_known():
    frozen = model_of((16, 16, 3), layers.BatchNormalization())
    model = model_of((16, 16, 3), lambda x: conv()(frozen(x, training=False)))

    assert analyze(read(model)).receptive_field == (3, 3)


def test_what_was_told_not_to_train_does_as_much_where_it_is_made_again():
    """A model tells its layers `training` in place of what they were told, if it is told itself."""
    inner = model_of((8, 8, 3), lambda x: layers.BatchNormalization()(conv()(x)))
    told = model_of((8, 8, 3), lambda x: layers.BatchNormalization()(conv()(x), training=False))
    image = np.random.default_rng(1).random((2, 8, 8, 3)).astype("float32")
    for given in (told, model_of((8, 8, 3), lambda x: inner(x, training=False))):
        made = build(read(given))
        for ways in ({}, {"training": False}, {"training": True}):
            made.set_weights(given.get_weights())
            np.testing.assert_allclose(made(image, **ways), given(image, **ways), atol=1e-5)
            for was, now in zip(given.get_weights(), made.get_weights(), strict=True):
                np.testing.assert_allclose(now, was, atol=1e-5)


# Sizes that are left open.


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((224.0, 224, 3), "Input.height=224.0 is not a size: give a whole number"),
        ((224, -1, 3), "Input.width=-1 is not a size"),
        ((0, 8, 3), "Input.height=0 is not a size"),
        ((True, 8, 3), "Input.height=True is not a size"),
        (("8", 8, 3), "Input.height='8' is not a size"),
        ((8, None, 3), "Input.width=None is not a size"),
        ("abc", r"Input.input_shape='abc' is no shape: give \(height, width, channels\)"),
        (5, "Input.input_shape=5 is no shape"),
        ((8, 8), "does not fit the input 'image'"),
        ((), "does not fit the input 'image'"),
        ((8, 8, 4), "does not fit the input 'image'"),
        ((8, 8, 3), r"The layer 'last' can't take \(1, 1, 3\): use larger images"),
    ],
)
def test_a_model_is_not_read_at_a_size_that_it_cannot_have(shape, said):
    image = keras.Input((None, None, 3), name="image")
    model = keras.Model(image, conv(padding="valid", name="last")(layers.MaxPooling2D(8)(image)))

    with pytest.raises(Refusal, match=said):
        read(model, input_shape=shape)
    for good in (np.array([64, 64, 3]), [np.int32(64), 64, 3]):
        assert read(model, input_shape=good).input_shape == (64, 64, 3)


@pytest.mark.parametrize("open_shape", [(None, None, 6), (None, 8, 6), (8, 8, 6)])
def test_a_layer_that_was_told_open_sizes_has_those_of_its_input(open_shape):
    dense = layers.EinsumDense("abcd,de->abce", output_shape=open_shape, bias_axes="e")
    model = model_of((8, 8, 3), lambda x: conv(2)(dense(x)))
    graph = read(model)

    assert [node.shape for node in graph] == [(8, 8, 3), (8, 8, 6), (8, 8, 2)]
    assert [node.params for node in graph] == [0, 24, 110]
    made = build(graph)
    made.set_weights(model.get_weights())
    image = np.random.default_rng(0).random((1, 8, 8, 3))
    np.testing.assert_allclose(made(image), model(image), atol=1e-5)


# Several inputs.


def test_inputs_keep_their_order_whatever_needs_them_first():
    x, z = keras.Input((8, 8, 3), name="first"), keras.Input((8, 8, 3), name="second")
    model = keras.Model([x, z], layers.Subtract()([z, x]))
    made = build(pickle.loads(pickle.dumps(read(model))))

    one, two = np.ones((1, 8, 8, 3)), np.zeros((1, 8, 8, 3))
    assert [tensor.name for tensor in made.inputs] == ["first", "second"]
    np.testing.assert_array_equal(made([one, two]), model([one, two]))


def test_what_was_read_of_a_model_with_an_input_of_no_use_is_not_made_again_without_it():
    x, z = keras.Input((8, 8, 3), name="first"), keras.Input((8, 8, 3), name="second")
    graph = read(keras.Model([x, z], conv()(z)))

    assert [node.name for node in graph.inputs] == ["second"]
    with pytest.raises(ValueError, match="not its input 'first': use the model itself"):
        build(graph)


# Transposed convolutions of any number of axes.


@pytest.mark.parametrize(
    ("shape", "layer", "macs", "stride"),
    [
        ((8, 3), layers.Conv1DTranspose(4, 2, strides=2), 2 * 3 * 4 * 8, Fraction(1, 2)),
        ((4, 4, 4, 3), layers.Conv3DTranspose(5, 2, strides=2), 8 * 3 * 5 * 64, Fraction(1, 2)),
        (
            (6, 6, 3),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1),
            9 * 3 * 4 * 36,
            Fraction(1, 2),
        ),
        ((6, 6, 3), layers.Conv2DTranspose(4, 3, dilation_rate=2), 9 * 3 * 4 * 36, 1),
    ],
)
def test_transposed_convolutions_are_counted_at_their_input(shape, layer, macs, stride):
    report = analyze(read(model_of(shape, layer)))

    assert (report.macs, report.macs_are_known) == (macs, True)
    assert report.layers[-1].stride == stride
