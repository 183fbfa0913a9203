from math import prod

import attrs
import keras
import pytest
from keras import applications

import explorer
from explorer import (
    Custom,
    EncoderBlock,
    EncoderDecoder,
    Hourglass,
    ParameterError,
    ResNet,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    analyze,
    build,
    diagram,
    read,
    trace,
)
from explorer.core.network.graph import positions

SHAPE = (32, 32, 2)
APPLICATIONS = ["ResNet50V2", "MobileNetV2", "EfficientNetB0", "DenseNet121"]


@pytest.fixture(scope="module", params=APPLICATIONS)
def application(request) -> keras.Model:
    return getattr(applications, request.param)(weights=None)


def test_the_parameters_of_known_networks_are_those_that_keras_counts(application):
    report = analyze(read(application))

    assert report.total_params == application.count_params()
    trainable = sum(weight.shape.num_elements() for weight in application.trainable_weights)
    assert report.trainable_params == trainable


def test_names_kinds_and_order_of_known_networks_are_those_of_keras(application):
    graph = read(application)

    assert [(node.name, node.kind) for node in graph] == [
        (layer.name, type(layer).__name__) for layer in application.layers
    ]


def test_every_shape_of_known_networks_is_that_of_keras(application):
    for node, layer in zip(read(application), application.layers, strict=True):
        output = layer.output[0] if isinstance(layer.output, list) else layer.output
        assert node.shape == tuple(output.shape[1:])


def test_the_convolutions_of_known_networks_are_all_counted(application):
    report = analyze(read(application))

    assert report.macs_are_known
    independent = 0
    for layer in application.layers:
        if isinstance(
            layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense
        ):
            positions = prod(layer.output.shape[1:-1])
            independent += positions * layer.kernel.shape.num_elements()
    assert report.macs == independent


def test_known_networks_are_drawn(application):
    svg = diagram(read(application)).svg()

    assert svg.count('class="node"') > 5


def test_the_strides_of_known_networks_are_those_that_their_layers_have(application):
    graph = read(application)

    # Each of them takes the image down by 32, and then to a single position.
    strides = [node.stride for node in graph if positions(node) > 1]
    assert None not in strides
    assert set(strides) == {1, 2, 4, 8, 16, 32}


def test_what_follows_a_global_pooling_sees_the_whole_image(application):
    report = analyze(read(application))

    assert all(row.receptive_field is not None for row in report.layers)
    assert report.receptive_field == (224, 224)
    assert (report.layers[-1].shape, report.layers[-1].stride) == ((1000,), None)


@pytest.mark.parametrize(
    "architecture",
    [
        UNet(filters=2, down_blocks=2, up_blocks=2),
        Hourglass(filters=2, stem_filters=2, filter_increase=1, down_blocks=2, up_blocks=2),
        ResNet(filters=2, up_blocks=2, up_filters=4),
        explorer.FCDenseNet(growth_rate=2, layers_per_block=(1, 2), first_filters=3),
        explorer.ResidualHourglass(filters=4, stem_filters=2, down_blocks=1),
        explorer.PlainConvUNet(stages=3, filters=2),
        explorer.ResidualEncoderUNet(stages=3, filters=2),
    ],
    ids=lambda architecture: type(architecture).__name__,
)
def test_a_model_that_we_built_is_read_back_as_it_was(architecture):
    graph = trace(architecture, (64, 64, 2))
    model = build(graph)

    again = read(model)

    assert [(node.layer, node.shape, node.stride) for node in again] == [
        (node.layer, node.shape, node.stride) for node in graph
    ]
    assert [[s.name for s in node.inputs] for node in again] == [
        [s.name for s in node.inputs] for node in graph
    ]
    ours, theirs = analyze(graph), analyze(again)
    assert theirs.layers == ours.layers
    assert theirs.peak_memory_bytes == ours.peak_memory_bytes
    assert build(again).count_params() == model.count_params()


def model_of(*layers: keras.layers.Layer) -> keras.Model:
    return keras.Sequential([keras.Input(SHAPE, name="image"), *layers], name="model")


def last(model: keras.Model):
    return analyze(read(model)).layers[-1]


class Own(keras.layers.Layer):
    """A layer that nobody knows: it swaps rows, and has a weight."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(3,), trainable=False)

    def call(self, x):
        return keras.ops.flip(x, axis=1)


@pytest.mark.parametrize(
    "layer",
    [
        Own(),
        keras.layers.ConvLSTM1D(3, 3),
        keras.layers.TimeDistributed(keras.layers.Conv1D(3, 3)),
        keras.layers.Lambda(lambda x: x[:, ::2]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_that_is_not_known_is_marked_so_and_still_counted(layer):
    model = model_of(layer)

    row = last(model)

    assert row.macs is None
    assert row.receptive_field is None
    assert row.stride is None
    assert row.params == model.count_params()
    assert row.shape == tuple(model.outputs[0].shape[1:])
    assert not analyze(read(model)).macs_are_known


@pytest.mark.parametrize(
    ("layer", "field"),
    [
        (keras.layers.ReLU(), (1, 1)),
        (keras.layers.PReLU(), (1, 1)),
        (keras.layers.Rescaling(2.0), (1, 1)),
        (keras.layers.Normalization(mean=[0, 0], variance=[1, 1]), (1, 1)),
        (keras.layers.Conv2D(4, 3, dilation_rate=2), (5, 5)),
        (keras.layers.Conv2D(4, 3, groups=2, padding="same"), (3, 3)),
        (keras.layers.DepthwiseConv2D(5, depth_multiplier=2, strides=2), (5, 5)),
        (keras.layers.AveragePooling2D(3, strides=2), (3, 3)),
        (keras.layers.ZeroPadding2D(2), (1, 1)),
        (keras.layers.UpSampling2D(3), (1, 1)),
        (keras.layers.UpSampling2D(2, interpolation="bilinear"), (2, 2)),
        (keras.layers.Conv2DTranspose(3, 4, strides=2, padding="same"), (2, 2)),
        (keras.layers.Conv2DTranspose(3, 3, strides=2, padding="valid"), (2, 2)),
        (keras.layers.Conv2D(3, (3, 1)), (3, 1)),
        (keras.layers.SeparableConv2D(3, 3, strides=2), (3, 3)),
        (keras.layers.Cropping2D(((1, 2), (0, 3))), (1, 1)),
        (keras.layers.ZeroPadding2D(((0, 1), (2, 0))), (1, 1)),
        (keras.layers.CenterCrop(20, 30), (1, 1)),
        (keras.layers.Resizing(64, 96), (2, 2)),
        (keras.layers.Softmax(), (1, 1)),
        (keras.layers.Softmax(axis=(1, 2)), (32, 32)),
        (keras.layers.LayerNormalization(), (1, 1)),
        (keras.layers.LayerNormalization(axis=(1, 2, 3)), (32, 32)),
        (keras.layers.GroupNormalization(2), (32, 32)),
        (keras.layers.BatchNormalization(scale=False), (1, 1)),
        (keras.layers.BatchNormalization(axis=1), (1, 1)),
        (keras.layers.LeakyReLU(0.1), (1, 1)),
        (keras.layers.RandomFlip(), (1, 1)),
        (keras.layers.Dense(3), (1, 1)),
        (keras.layers.GlobalAveragePooling2D(), (32, 32)),
        (keras.layers.GlobalMaxPooling2D(keepdims=True), (32, 32)),
        (keras.layers.MaxPooling2D(32), (32, 32)),
        (keras.layers.AveragePooling2D((32, 2)), (32, 2)),
        (keras.layers.Flatten(), (32, 32)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_known_layers_have_their_receptive_field(layer, field):
    row = last(model_of(layer))

    assert row.receptive_field == field
    assert row.macs is not None


def test_a_layer_that_is_called_twice_has_its_weights_once():
    image = keras.Input(SHAPE)
    conv = keras.layers.Conv2D(2, 3, padding="same", name="shared")
    model = keras.Model(image, conv(conv(image)))

    report = analyze(read(model))

    assert [row.name for row in report.layers[1:]] == ["shared", "shared_call1"]
    assert report.total_params == model.count_params()
    assert report.macs == 2 * 32 * 32 * 9 * 4


def test_a_layer_with_several_outputs_is_read():
    image = keras.Input(SHAPE)
    upper, lower = keras.layers.Lambda(
        lambda x: (x[:, :16], x[:, 16:]), output_shape=((16, 32, 2), (16, 32, 2)), name="split"
    )(image)
    model = keras.Model(image, keras.layers.Add(name="sum")([upper, lower]))

    graph = read(model)

    assert [source.name for source in graph["sum"].inputs] == ["split", "split_output1"]


def test_a_graph_with_unknown_layers_cannot_be_built_again():
    graph = read(model_of(Own()))

    with pytest.raises(ValueError, match="use the model itself"):
        build(graph)


def test_a_model_of_unknown_size_is_refused():
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 1)])

    with pytest.raises(ValueError, match="fixed input shape"):
        read(model)


def test_a_model_that_was_never_built_is_refused():
    with pytest.raises(ValueError, match="functional or sequential"):
        read(keras.Sequential([keras.layers.Dense(3)]))


def test_an_encoder_decoder_is_split_where_its_resolution_changes():
    graph = read(build(UNet(filters=2, down_blocks=2, up_blocks=2), SHAPE))

    strides = {}
    for node in graph:
        if node.block:
            strides.setdefault(node.block.name, set()).add(node.stride)
    assert all(len(found) == 1 for found in strides.values())
    assert {node.block.role for node in graph if node.block} == {"encoder", "decoder"}


# Blocks that call Keras themselves.


class KerasBlock(EncoderBlock):
    """A block as one writes it without this package: with Keras layers."""

    def make_block(self, x_in, prefix="keras"):
        x = keras.layers.Conv2D(4, 3, padding="same", name=f"{prefix}_conv")(x_in)
        x = keras.layers.GroupNormalization(2, name=f"{prefix}_gn")(x)
        return keras.layers.MaxPooling2D(name=f"{prefix}_pool")(x)


class WithKeras(EncoderDecoder):
    encoder_stack = (KerasBlock(), SimpleConvBlock(filters=3))
    decoder_stack = (
        SimpleUpsamplingBlock(skip_connection=True, refine_convs_filters=3),
        SimpleUpsamplingBlock(refine_convs_filters=3),
    )


def test_blocks_that_call_keras_are_traced_through_keras():
    graph = trace(WithKeras(), SHAPE)
    model = build(WithKeras(), SHAPE)

    assert [node.name for node in graph] == [layer.name for layer in model.layers]
    report = analyze(graph)
    assert report.total_params == model.count_params()
    assert graph["stack0_enc0_gn"].block.name == "stack0_enc0"
    assert graph["stack0_dec0_s4_to_s2_skip_concat"].block.role == "decoder"
    assert all(node.block for node in graph if node.inputs)
    assert report.layers[1].receptive_field == (3, 3)


def test_weights_of_such_blocks_that_fit_no_memory_are_counted_all_the_same():
    huge = 100_000

    class WithHuge(EncoderDecoder):
        encoder_stack = (KerasBlock(), SimpleConvBlock(filters=huge, num_convs=2))
        decoder_stack = ()

    report = analyze(trace(WithHuge(), (16, 16, 1)))

    assert report.total_params > 9 * huge**2


def test_such_networks_may_not_have_too_many_layers_either():
    class WithMany(EncoderDecoder):
        encoder_stack = (KerasBlock(), SimpleConvBlock(filters=1, num_convs=10**9))
        decoder_stack = ()

    with pytest.raises(ParameterError, match="more than 3,000"):
        trace(WithMany(), SHAPE)


def test_the_lists_of_such_blocks_can_be_written_out():
    custom = Custom.of(WithKeras())

    assert [node.name for node in trace(custom, SHAPE)] == [
        node.name for node in trace(WithKeras(), SHAPE)
    ]


def test_an_error_in_such_a_block_is_the_users_own():
    @attrs.frozen(slots=False)
    class Broken(EncoderBlock):
        def make_block(self, x_in, prefix="broken"):
            return keras.layers.Conv2D(0, 3)(x_in)

    class WithBroken(EncoderDecoder):
        encoder_stack = (Broken(),)
        decoder_stack = ()

    with pytest.raises(ValueError, match="filters"):
        trace(WithBroken(), SHAPE)
