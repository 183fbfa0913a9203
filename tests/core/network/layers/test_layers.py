"""Each kind of layer has the shapes, weights and reach of its Keras twin."""

import re

import attrs
import keras
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from explorer import Graph, analyze, read
from explorer.core.drawing.palette import LIGHT
from explorer.core.network.errors import ParameterError
from explorer.core.network.graph import input_feature
from explorer.core.network.layers import (
    ACTIVATIONS,
    INTERPOLATIONS,
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    GroupNormalization,
    InputLayer,
    LeakyReLU,
    MaxPooling2D,
    Multiply,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
    along,
    layer_kinds,
)
from explorer.core.network.layers.foreign import Foreign
from tests.keras_helpers import KERAS_ACTIVATIONS, gradients, make_positive, tensor_of
from tests.strategies import by_axis, channels, margins

name = st.just("layer")
strides = by_axis(4)
kernels = by_axis(5)
filters = st.integers(1, 4)
# Softmax over a single channel makes Keras warn.
activations = st.sampled_from([name for name in ACTIVATIONS if name != "softmax"])
paddings = st.sampled_from(["same", "valid"])
shapes = st.tuples(st.integers(1, 13), st.integers(1, 13), channels)
one_shape = st.tuples(shapes)


def convolutions(cls: type, **settings: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(
        cls,
        **settings,
        kernel_size=kernels,
        strides=strides,
        use_bias=st.booleans(),
        activation=activations,
        padding=paddings,
        trainable=st.booleans(),
        name=name,
    )


def pooling(cls: type) -> st.SearchStrategy:
    return st.builds(cls, pool_size=kernels, strides=strides, padding=paddings, name=name)


#: For each kind how layers and the shapes of their inputs are drawn.
KINDS = {
    "InputLayer": (st.builds(InputLayer, shape=shapes, name=name), st.just(())),
    "Conv2D": (convolutions(Conv2D, filters=filters), one_shape),
    "Conv2DTranspose": (convolutions(Conv2DTranspose, filters=filters), one_shape),
    "DepthwiseConv2D": (
        convolutions(DepthwiseConv2D, depth_multiplier=st.integers(1, 2)),
        one_shape,
    ),
    "SeparableConv2D": (
        convolutions(SeparableConv2D, filters=filters, depth_multiplier=st.integers(1, 2)),
        one_shape,
    ),
    "Dense": (
        st.builds(
            Dense,
            units=filters,
            use_bias=st.booleans(),
            activation=activations,
            trainable=st.booleans(),
            name=name,
        ),
        one_shape,
    ),
    "MaxPooling2D": (pooling(MaxPooling2D), one_shape),
    "AveragePooling2D": (pooling(AveragePooling2D), one_shape),
    "GlobalMaxPooling2D": (
        st.builds(GlobalMaxPooling2D, keepdims=st.booleans(), name=name),
        one_shape,
    ),
    "GlobalAveragePooling2D": (
        st.builds(GlobalAveragePooling2D, keepdims=st.booleans(), name=name),
        one_shape,
    ),
    "UpSampling2D": (
        st.builds(
            UpSampling2D, size=strides, interpolation=st.sampled_from(INTERPOLATIONS), name=name
        ),
        one_shape,
    ),
    "ZeroPadding2D": (st.builds(ZeroPadding2D, padding=margins, name=name), one_shape),
    "Cropping2D": (st.builds(Cropping2D, cropping=margins, name=name), one_shape),
    "Dropout": (st.builds(Dropout, rate=st.floats(0, 0.9), name=name), one_shape),
    "BatchNormalization": (
        st.builds(
            BatchNormalization,
            momentum=st.floats(0.5, 0.999),
            epsilon=st.floats(1e-5, 1e-2),
            center=st.booleans(),
            scale=st.booleans(),
            trainable=st.booleans(),
            name=name,
        ),
        one_shape,
    ),
    "GroupNormalization": (
        st.builds(
            GroupNormalization,
            groups=st.sampled_from([-1, 1, 2]),
            epsilon=st.floats(1e-5, 1e-2),
            center=st.booleans(),
            scale=st.booleans(),
            trainable=st.booleans(),
            name=name,
        ),
        # With as many groups as channels Keras' own twin says -1, too.
        st.tuples(st.tuples(st.integers(1, 13), st.integers(1, 13), st.sampled_from([4, 6]))),
    ),
    "LeakyReLU": (st.builds(LeakyReLU, negative_slope=st.floats(0, 0.9), name=name), one_shape),
    "Activation": (st.builds(Activation, activation=activations, name=name), one_shape),
    "Multiply": (
        st.builds(Multiply, name=name),
        st.builds(lambda shape, count: (shape,) * count, shapes, st.integers(2, 3)),
    ),
    "Add": (
        st.builds(Add, name=name),
        st.builds(lambda shape, count: (shape,) * count, shapes, st.integers(2, 3)),
    ),
    "Concatenate": (
        st.builds(Concatenate, name=name),
        st.builds(
            lambda shape, counts: tuple((*shape[:2], count) for count in counts),
            shapes,
            st.lists(channels, min_size=2, max_size=3),
        ),
    ),
}


def work_out(text: str) -> float:
    """Return the value of arithmetic as it is written."""
    return eval(text.translate(str.maketrans({"×": "*", "÷": "/"})))


def fitting_output(layer, shapes):
    """Return the shape of a layer's output; what was drawn is rejected where there is none."""
    try:
        return layer.output_shape(shapes)
    except ValueError:  # a window that does not fit, or nothing is left
        reject()


each_kind = pytest.mark.parametrize("kind", sorted(layer_kinds()))


def test_every_kind_is_drawn():
    assert set(KINDS) == set(layer_kinds())


@each_kind
@given(st.data())
@settings(max_examples=40)
def test_shape_and_weights_are_those_of_the_keras_twin(kind, data):
    layers, inputs = KINDS[kind]
    layer, shapes = data.draw(layers), data.draw(inputs)
    assert (layer.kind, layer_kinds()[kind]) == (kind, type(layer))
    twin = layer.keras_layer()
    assert type(twin) is getattr(keras.layers, kind)
    assert twin.name == layer.name
    if kind == "InputLayer":
        shape = tensor_of(twin.output).shape
    else:
        fitting_output(layer, shapes)
        tensors = [keras.Input(shape) for shape in shapes]
        shape = twin(tensors if len(tensors) > 1 else tensors[0]).shape
    assert layer.output_shape(shapes) == tuple(shape[1:])
    counts = [
        sum(np.prod(weight.shape) for weight in weights)
        for weights in (twin.trainable_weights, twin.non_trainable_weights)
    ]
    assert layer.weights(shapes) == tuple(counts)


@each_kind
@given(st.data())
@settings(max_examples=40)
def test_what_is_counted_is_what_is_written(kind, data):
    layers, inputs = KINDS[kind]
    layer, shapes = data.draw(layers), data.draw(inputs)
    output = fitting_output(layer, shapes)
    weights, macs = layer.weight_terms(shapes), layer.mac_terms(shapes, output)
    assert weights.value == work_out(str(weights)) == sum(layer.weights(shapes))
    assert macs.value == work_out(str(macs)) == layer.macs(shapes) == layer.macs(shapes, output)
    assert bool(weights.note) <= bool(weights.value)
    assert bool(macs.note) == bool(macs.value)


@each_kind
@given(st.data())
@settings(max_examples=20)
def test_every_kind_says_what_it_is_and_does(kind, data):
    layers, inputs = KINDS[kind]
    layer, shapes = data.draw(layers), data.draw(inputs)
    assert layer.summary not in ("", kind), "it has no words of its own yet"
    assert re.fullmatch(r"\S.*\.", layer.does(shapes))
    assert " ".join(type(layer).__doc__.split()) not in layer.does(shapes)
    assert re.fullmatch(r"(\S.*\.)?", layer.why(is_output=False))
    assert layer.family in LIGHT.families
    assert all(name and value for name, value in layer.settings())


@each_kind
@given(st.data())
@settings(max_examples=20)
def test_a_layer_keeps_the_configuration_of_its_keras_twin(kind, data):
    layer = data.draw(KINDS[kind][0])
    kept = layer.keras_layer().get_config()
    for field, value in layer.config().items():
        if field == "shape":
            assert kept["batch_shape"] == (None, *value)
        elif field == "activation":  # Keras tells a function's first name, here the alias may stand
            assert keras.activations.get(kept[field]) is keras.activations.get(value)
        elif kind in ("ZeroPadding2D", "Cropping2D") and field in ("padding", "cropping"):
            assert tuple(map(tuple, kept[field])) == value
        else:
            assert kept[field] in (value, (value, value))


@pytest.mark.parametrize("kind", sorted({*layer_kinds()} - {"InputLayer"}))
@given(st.data())
@settings(max_examples=10)
def test_a_kind_is_read_from_its_keras_twin(kind, data):
    layers, inputs = KINDS[kind]
    layer, shapes = data.draw(layers), data.draw(inputs)
    fitting_output(layer, shapes)
    tensors = [keras.Input(shape) for shape in shapes]
    output = layer.keras_layer()(tensors if len(tensors) > 1 else tensors[0])
    found = read(keras.Model(tensors, output))["layer"].layer
    if hasattr(layer, "activation"):  # Keras tells a function's first name, here an alias may stand
        first = keras.activations.get(layer.activation).__name__
        layer = attrs.evolve(layer, activation=first)
    assert found == layer


@pytest.mark.parametrize(
    "theirs",
    [
        keras.layers.UpSampling2D(interpolation="bicubic", name="layer"),
        keras.layers.Conv2DTranspose(2, 3, strides=2, output_padding=1, name="layer"),
        keras.layers.Conv2DTranspose(2, 3, dilation_rate=2, name="layer"),
        keras.layers.BatchNormalization(axis=1, name="layer"),
        keras.layers.GroupNormalization(1, axis=1, name="layer"),
        keras.layers.Concatenate(axis=1, name="layer"),
    ],
    ids=lambda theirs: type(theirs).__name__,
)
def test_a_layer_with_settings_that_a_kind_lacks_is_not_read_as_that_kind(theirs):
    tensors = [keras.Input((6, 5, 3)) for _ in range(2)]
    output = theirs(tensors if isinstance(theirs, keras.layers.Concatenate) else tensors[0])
    found = read(keras.Model(tensors, output))["layer"].layer
    assert type(found) is Foreign
    assert found.like is None or found.like.kind != found.kind


def check_sources(layer, size, axis, across=3):
    shape = (size, across, 2) if axis == 0 else (across, size, 2)
    fitting_output(layer, [shape])
    twin = layer.keras_layer()
    twin.build((None, *shape))
    make_positive([twin])
    sources = [layer.sources(p, size, axis) for p in range(layer.output_shape([shape])[axis])]
    inside = [p for p, read in enumerate(sources) if not read or (read[0] >= 0 and read[-1] < size)]
    reading = gradients(twin, shape, inside, axis) if inside else []
    assert [np.flatnonzero(row).tolist() for row in reading] == [list(sources[p]) for p in inside]


WINDOWED = (
    "AveragePooling2D",
    "Conv2D",
    "Conv2DTranspose",
    "DepthwiseConv2D",
    "Cropping2D",
    "MaxPooling2D",
    "SeparableConv2D",
    "UpSampling2D",
    "ZeroPadding2D",
)


@pytest.mark.parametrize("kind", WINDOWED)
@given(st.data(), st.integers(1, 17), st.sampled_from([0, 1]))
@settings(max_examples=12)
def test_an_output_position_reads_exactly_its_sources(kind, data, size, axis):
    layer = data.draw(KINDS[kind][0])
    if "Conv" in kind:
        layer = attrs.evolve(layer, activation="relu")
    if kind in ("DepthwiseConv2D", "SeparableConv2D"):  # TensorFlow has one stride for both axes
        layer = attrs.evolve(layer, strides=along(layer.strides, axis))
    check_sources(layer, size, axis, across=17)


@pytest.mark.parametrize(
    "layer",
    [Activation(name="layer"), BatchNormalization(name="layer"), LeakyReLU(name="layer")],
)
def test_other_layers_read_their_own_position(layer):
    check_sources(layer, size=5, axis=0)
    reading_more = {
        *WINDOWED,
        "GlobalAveragePooling2D",
        "GlobalMaxPooling2D",
        "GroupNormalization",
    }
    assert all(cls.pointwise == (kind not in reading_more) for kind, cls in layer_kinds().items())


@pytest.mark.parametrize("cls", [GlobalAveragePooling2D, GlobalMaxPooling2D])
def test_a_pooling_of_everything_covers_every_size(cls):
    layer = cls(name="layer", keepdims=True)
    assert all(layer.covers(size, axis) for size in (1, 7) for axis in (0, 1))


@pytest.mark.parametrize("groups", [-1, 1, 2])
def test_a_normalisation_of_each_image_sees_all_of_it(groups):
    layer = GroupNormalization(name="layer", groups=groups)
    image = np.random.default_rng(0).normal(size=(1, 6, 5, 4)).astype("float32")
    far = image.copy()
    far[0, 5, 4] += 3.0

    before, after = (np.asarray(layer.keras_layer()(each)) for each in (image, far))

    assert np.all(before[0, 0, 0, -1] != after[0, 0, 0, -1])
    assert analyze(alone(layer, (6, 5, 4))).receptive_field == (6, 5)


def alone(layer, shape):
    return Graph([layer(input_feature(shape))])


def test_with_a_group_for_each_channel_it_is_instance_normalisation():
    layer = GroupNormalization(name="layer", groups=-1, epsilon=1e-5)
    image = np.random.default_rng(0).normal(2, 3, size=(2, 6, 5, 4)).astype("float32")
    mean, deviation = image.mean((1, 2), keepdims=True), image.std((1, 2), keepdims=True)

    assert np.allclose(layer.keras_layer()(image), (image - mean) / deviation, atol=1e-4)
    assert (layer.summary, layer.weights([(6, 5, 4)])) == ("instance norm", (8, 0))
    twin = keras.layers.GroupNormalization(4, epsilon=1e-5, name="layer")
    tensor = keras.Input((6, 5, 4))
    assert read(keras.Model(tensor, twin(tensor)))["layer"].layer == layer


@pytest.mark.parametrize("groups", [0, -2, 1.5, True, "2"])
def test_what_is_no_number_of_groups_is_refused(groups):
    with pytest.raises(ParameterError, match="pass a whole number of at least 1, or -1"):
        GroupNormalization(name="layer", groups=groups)


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="cannot part 4 channels into 3 equal groups"):
        alone(GroupNormalization(name="layer", groups=3), (6, 5, 4))


@given(st.floats(0, 0.9))
@settings(max_examples=5)
def test_the_slope_of_a_leaky_relu_is_that_of_keras(slope):
    layer = LeakyReLU(name="layer", negative_slope=slope)
    values = np.array([[[[-2.0, 0.0, 3.0]]]], "float32")
    assert np.allclose(layer.keras_layer()(values), [[[[-2 * slope, 0, 3]]]])
    assert layer.does([(1, 1, 3)]).endswith(f"by {slope:g}.")


@pytest.mark.parametrize("cls", [Conv2D, DepthwiseConv2D])
@given(st.data(), st.integers(1, 4), st.sampled_from([0, 1]))
@settings(max_examples=15)
def test_dilation_and_valid_padding_are_those_of_keras(cls, data, dilation, axis):
    settings = {"name": "layer", "dilation_rate": dilation, "kernel_size": data.draw(kernels)}
    if cls is Conv2D:
        settings["filters"] = data.draw(filters)
    if dilation == 1:  # Keras has no dilated convolution with a stride
        settings["strides"] = data.draw(st.integers(1, 4))
    layer = cls(padding=data.draw(st.sampled_from(["same", "valid"])), **settings)
    largest = max(along(layer.kernel_size, 0), along(layer.kernel_size, 1))
    size = data.draw(st.integers((largest - 1) * dilation + 1, 17))
    check_sources(attrs.evolve(layer, activation="relu"), size, axis, across=17)
    shape = (size, size, 2)
    assert layer.output_shape([shape]) == layer.keras_layer()(np.zeros((1, *shape))).shape[1:]


@given(st.integers(1, 3), st.integers(1, 3), kernels, st.booleans())
@settings(max_examples=20)
def test_groups_share_the_weights_as_in_keras(groups, of_each, kernel, use_bias):
    layer = Conv2D(
        name="layer",
        filters=groups * of_each,
        kernel_size=kernel,
        groups=groups,
        use_bias=use_bias,
    )
    twin = layer.keras_layer()
    twin.build((None, 5, 5, 2 * groups))
    assert layer.weights([(5, 5, 2 * groups)]) == (twin.count_params(), 0)
    assert layer.macs([(5, 5, 2 * groups)]) == 25 * np.prod(twin.kernel.shape)


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", None])
@pytest.mark.parametrize(
    ("cls", "field"),
    [
        (Conv2D, "filters"),
        (Conv2D, "kernel_size"),
        (Conv2D, "strides"),
        (Conv2D, "groups"),
        (Conv2DTranspose, "strides"),
    ],
)
def test_a_size_that_is_no_whole_number_from_1_is_refused(cls, field, value):
    with pytest.raises(ParameterError, match=rf"{cls.__name__} 'x'.{field}=.*at least 1"):
        cls(**{"name": "x", "filters": 1, field: value})


def test_a_window_larger_than_its_input_is_refused():
    layer = Conv2D(name="layer", filters=1, kernel_size=5, padding="valid")
    with pytest.raises(ValueError, match="'layer' has a window larger than its input of 4"):
        layer.output_shape([(4, 4, 1)])


def test_a_small_transposed_kernel_leaves_pixels_that_read_nothing():
    layer = Conv2DTranspose(name="up", filters=1, kernel_size=1, strides=3)
    assert [list(layer.sources(position, 4)) for position in range(4)] == [[0], [], [], [1]]


def test_padding_of_a_strided_window_depends_on_the_size():
    layer = Conv2D(name="conv", filters=1, kernel_size=3, strides=2)
    assert list(layer.sources(2, 8)) == [4, 5, 6]
    assert list(layer.sources(2, 9)) == [3, 4, 5]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_keeps_the_shape(activation):
    image = np.random.default_rng(0).normal(size=(2, 3, 4, 2)).astype("float32")
    output = Activation(name="layer", activation=activation).keras_layer()(image)
    assert output.shape == image.shape
    assert np.isfinite(output).all()


def test_every_activation_of_keras_is_offered_or_cannot_be():
    needs_an_argument = {"threshold"}
    changes_the_shape = {"glu"}
    assert len(set(ACTIVATIONS)) == len(ACTIVATIONS)
    assert set(ACTIVATIONS) == KERAS_ACTIVATIONS - needs_an_argument - changes_the_shape


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_an_interpolation_is_one_of_keras(interpolation):
    layer = UpSampling2D(name="up", interpolation=interpolation)
    assert layer.keras_layer()(np.zeros((1, 2, 3, 1))).shape == (1, 4, 6, 1)


@pytest.mark.parametrize("merge", [Add, Concatenate])
@pytest.mark.parametrize("shapes", [[(4, 4, 1)], [(4, 4, 1), (4, 2, 1)], [(4, 4, 1), (2, 4, 1)]])
def test_features_of_different_sizes_cannot_be_joined(merge, shapes):
    with pytest.raises(ValueError, match=f"{merge.__name__} layer 'here'.*same height and width"):
        merge(name="here").output_shape(shapes)


def test_features_of_different_channels_cannot_be_added():
    with pytest.raises(ValueError, match=r"Add layer 'here'.*\[1, 2\] channels"):
        Add(name="here").output_shape([(4, 4, 1), (4, 4, 2)])
