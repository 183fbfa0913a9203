"""Tiles, predicted by Keras and stitched, are the prediction of the whole image."""

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from explorer import (
    Custom,
    LeapCNN,
    ResNet,
    SimpleConvBlock,
    Tiling,
    UNet,
    build,
    read,
    tiling,
    trace,
)
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Graph, input_feature
from explorer.core.network.layers import (
    Conv2D,
    Conv2DTranspose,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
)
from tests.keras_helpers import draw_weight, make_positive
from tests.strategies import leap_cnns, listed, unets

few = st.integers(1, 2)
drawn = (
    unets(filters=few, filters_rate=st.just(1), convs_per_block=few)
    | leap_cnns(filters=few, filters_rate=st.just(1), down_convs_per_block=few)
    | listed(
        max_encoder_blocks=2,
        filters=few,
        num_convs=st.integers(0, 2),
        refine_convs=st.integers(0, 2),
        transposed_conv_kernel_size=st.integers(1, 5),
        activation=st.sampled_from(["relu", "tanh"]),
        normalisation=st.sampled_from(["batch", "none"]),
    )
)


def models_of(make_graph, shape, tile):
    """Return the models for the whole image and for a tile, with the same random weights."""
    generator = np.random.default_rng(0)
    whole, part = build(make_graph(shape)), build(make_graph((*tile, shape[2])))
    for layer in whole.layers:
        for weight in layer.weights:
            draw_weight(weight, generator)
    part.set_weights(whole.get_weights())
    return whole, part


def differences(make_graph, plan: Tiling, shape, tile, output=0):
    """Return by how much stitched tiles differ from the whole, relative to the largest value."""
    whole, part = models_of(make_graph, shape, tile)
    image = np.random.default_rng(1).normal(size=shape).astype("float32")

    def predicted(model, picture):
        found = model(picture[None], training=False)
        return np.asarray((found if isinstance(found, list) else [found])[output][0])

    expected = predicted(whole, image)
    stitched = np.full_like(expected, np.nan)
    for each in plan.tiles(tile, output):
        assert np.isnan(stitched[each.put]).all(), "no position is predicted twice"
        stitched[each.put] = predicted(part, image[each.read])[each.keep]
    keras.backend.clear_session(free_memory=False)
    return np.abs(stitched - expected) / (np.abs(expected).max() or 1)


@given(drawn, st.integers(0, 1), st.data())
@settings(max_examples=25)
def test_stitched_equals_whole(architecture, axis, data):
    step = architecture.maximum_stride
    found = tiling(trace(architecture, (step * 40, step * 40, 1)))
    smallest = found.smallest[axis]
    tile = smallest + step * data.draw(st.integers(0, 2))
    image = tile + step * data.draw(st.integers(1, 4))
    assume(image <= 400)
    shape = (image, step, 1) if axis == 0 else (step, image, 1)
    tile = (tile, step) if axis == 0 else (step, tile)
    plan = tiling(trace(architecture, shape))
    assert plan.smallest[axis] == smallest, "it does not depend on the image"
    assert len(plan.tiles(tile)) > 1
    away = differences(lambda given: trace(architecture, given), plan, shape, tile)
    assert away.max() < 1e-5


@pytest.mark.parametrize(
    "architecture",
    [
        UNet(filters=2, down_blocks=2, up_blocks=2),
        UNet(filters=2, down_blocks=2, up_blocks=1, up_interpolate=True, kernel_size=5),
        LeapCNN(filters=2, down_blocks=2, up_blocks=2, down_convs_per_block=1),
        Custom(encoder=(SimpleConvBlock(filters=2, pooling_stride=3, kernel_size=4),)),
    ],
    ids=repr,
)
def test_tiles_in_both_directions(architecture):
    step = architecture.maximum_stride
    plan = tiling(trace(architecture, (48 * step, 48 * step, 1)))
    height, width = plan.smallest
    shape = (height + 4 * step, width + step, 1)
    plan = tiling(trace(architecture, shape))
    tile = (height + step, width)
    assert len(plan.tiles(tile)) == 6
    away = differences(lambda given: trace(architecture, given), plan, shape, tile)
    assert away.max() < 1e-5


def spoilt(make_graph, image, tile, start):
    """Return how many positions of a tile's output differ from the whole's, before and after."""
    whole, part = models_of(make_graph, (image, image, 1), (tile, image))
    make_positive(whole.layers)
    part.set_weights(whole.get_weights())
    picture = np.random.default_rng(1).uniform(1, 2, size=(1, image, image, 1)).astype("float32")
    expected = np.asarray(whole(picture, training=False)[0])
    found = np.asarray(part(picture[:, start : start + tile], training=False)[0])
    stride = image // len(expected)
    there = expected[start // stride : start // stride + len(found)]
    same = np.isclose(found, there, rtol=1e-6).all(axis=(1, 2))
    middle = len(same) // 2
    assert same[middle]
    return middle - int(np.argmin(same[middle::-1])) + 1, (
        len(same) - middle - int(np.argmin(same[middle:]))
    )


def tower(*layers):
    def make_graph(shape):
        x = input_feature(shape)
        for layer in layers:
            x = layer(x)
        return Graph([x])

    return make_graph


@pytest.mark.parametrize(
    ("make_graph", "stride"),
    [
        (tower(Conv2D(name="a", filters=1, kernel_size=5)), 1),
        (tower(Conv2D(name="a", filters=1, kernel_size=4)), 1),
        (tower(Conv2D(name="a", filters=1, kernel_size=3, dilation_rate=3)), 1),
        (tower(Conv2D(name="a", filters=1, kernel_size=5, strides=2)), 2),
        (
            tower(
                MaxPooling2D(name="pool"),
                Conv2D(name="a", filters=1, kernel_size=3),
                Conv2DTranspose(name="up", filters=1, kernel_size=5, strides=2),
            ),
            2,
        ),
        (
            tower(
                MaxPooling2D(name="pool"),
                Conv2D(name="a", filters=1, kernel_size=3),
                UpSampling2D(name="up", interpolation="bilinear"),
            ),
            2,
        ),
        (
            tower(
                ZeroPadding2D(name="pad", padding=3),
                Conv2D(name="a", filters=1, kernel_size=7, strides=2, padding="valid"),
            ),
            2,
        ),
    ],
)
def test_no_pixel_more_than_what_a_tile_spoils(make_graph, stride):
    image, start, tile = 48, 12, 24
    plan = tiling(make_graph((image, image, 1)))
    before, after = spoilt(make_graph, image, tile, start)
    output = int(plan.output_strides[0][0])
    assert plan.step == (stride, stride)
    assert plan.halo[0] == (before * output, after * output)


def test_a_tile_off_the_grid_is_another_prediction():
    make_graph = tower(MaxPooling2D(name="pool"), UpSampling2D(name="up"))
    plan = tiling(make_graph((16, 16, 1)))
    assert plan.halo == ((0, 0), (0, 0))
    assert plan.step == (2, 2)
    whole, part = models_of(make_graph, (16, 16, 1), (8, 16))
    picture = np.random.default_rng(1).normal(size=(1, 16, 16, 1)).astype("float32")
    for start in range(9):
        same = np.array_equal(whole(picture)[:, start : start + 8], part(picture[:, start:][:, :8]))
        assert same == (start % 2 == 0)


def test_a_model_that_was_read_and_a_resnet():
    inputs = keras.Input((64, 64, 1))
    x = keras.layers.Conv2D(2, 3, padding="same", strides=2)(inputs)
    x = keras.layers.UpSampling2D(2)(x)
    plan = tiling(read(keras.Model(inputs, x)))
    assert plan.step == (2, 2)
    with pytest.raises(Refusal, match="lacks positions"):
        tiling(read(keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs))))
    net = ResNet()
    assert tiling(trace(net, (128, 128, 3))).step == (net.maximum_stride, net.maximum_stride)


def test_what_looks_at_the_whole_image_is_refused():
    inputs = keras.Input((64, 64, 4))
    normalised = keras.layers.GroupNormalization(2)(inputs)
    with pytest.raises(Refusal, match=r"GroupNormalization layer .* may look at the whole image"):
        tiling(read(keras.Model(inputs, normalised)))


@pytest.mark.parametrize(
    ("tile", "said"),
    [
        (20, r"Tile\.height=20 is no multiple of 8: use a multiple"),
        (8, r"Tile\.height=8 is not larger than the overlap of \d+: use at least"),
        ((256, 8), r"Tile\.width=8 is not larger"),
    ],
)
def test_tiles_that_cannot_be(tile, said):
    plan = tiling(trace(UNet(filters=2, down_blocks=3, up_blocks=3), (256, 256, 1)))
    with pytest.raises(ValueError, match=said):
        plan.tiles(tile)
