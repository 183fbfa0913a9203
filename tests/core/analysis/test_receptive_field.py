"""The receptive field is what gradients of the Keras model show."""

from fractions import Fraction
from math import lcm

import keras
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from explorer import LeapCNN, SimpleConvBlock, SimpleUpsamplingBlock, UNet, analyze, build, trace
from explorer.core.analysis.receptive_field import Box, _Window, receptive_window
from explorer.core.network.graph import Graph, input_feature
from explorer.core.network.layers import (
    INTERPOLATIONS,
    Add,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    MaxPooling2D,
    UpSampling2D,
    ZeroPadding2D,
    along,
)
from explorer.core.network.layers.foreign import Foreign
from tests.keras_helpers import gradients, make_positive, responses
from tests.strategies import Listed, hourglasses, leap_cnns, listed, unets

few = st.integers(1, 2)
#: Activations with a gradient everywhere that a positive value goes, and that mix no channels.
passing = st.sampled_from(["relu", "linear"])


def check_receptive_fields(make_graph, step, axis, extra=0, gradient_positions=0):
    """Compare every layer's receptive field along an axis with the Keras model's.

    Args:
        make_graph: Returns the graph for an input of shape `(height, width, channels)`.
        step: Input pixels after which windows repeat: a common multiple of all strides.
        axis: 0: height, 1: width. The input is as short as it can be along the other axis.
        extra: Pixels by which the input is larger than a multiple of `step`.
        gradient_positions: At how many positions of the output also the gradient is taken.
    """

    # A dilated kernel of even size has no tap on the position itself, but some beside it.
    layers = [node.layer for node in make_graph((step, step, 1))]
    dilation = max(along(getattr(layer, "dilation_rate", 1), 1 - axis) for layer in layers)
    across = (dilation + 1) * step if dilation > 1 else step

    def graph_of(size):
        return make_graph((size, across, 1) if axis == 0 else (across, size, 1))

    claimed = max(row.receptive_field[axis] for row in analyze(graph_of(2 * step)).layers)
    # The middle has all positions until windows repeat, and on each side more than a window's room.
    room = claimed // step + 2
    size = (2 * room + 1) * step + extra
    if size > 400:
        reject()  # too slow
    graph = graph_of(size)
    model = build(graph)
    make_positive(model.layers)
    every_layer = keras.Model(model.input, [layer.output for layer in model.layers])
    reached = responses(every_layer, size, axis)
    for node, row, reach in zip(graph, analyze(graph).layers, reached, strict=True):
        middle = range(int(room * step / node.stride), int((room + 1) * step / node.stride))
        extents = [0]
        for position in middle:
            pixels = np.flatnonzero(reach[position])
            if pixels.size:
                assert pixels[0] > 0, "the window touches the border"
                assert pixels[-1] < size - 1, "the window touches the border"
                extents.append(pixels[-1] - pixels[0] + 1)
        assert row.receptive_field[axis] == max(extents), (row, extents)
    if gradient_positions:
        positions = middle[:gradient_positions]
        last = keras.Model(model.input, model.layers[-1].output)
        shown = gradients(last, graph.input_shape, positions, axis)
        assert np.array_equal(shown, reached[-1][positions])
    keras.backend.clear_session(free_memory=False)


def check_architecture(architecture, axis, gradient_positions=0):
    check_receptive_fields(
        lambda shape: trace(architecture, shape),
        architecture.maximum_stride,
        axis,
        gradient_positions=gradient_positions,
    )


axes = st.sampled_from([0, 1])
drawn_unets = unets(filters=few, filters_rate=st.just(1), convs_per_block=few)
drawn_leap_cnns = leap_cnns(filters=few, filters_rate=st.just(1), down_convs_per_block=few)
drawn_hourglasses = hourglasses(filters=few, filter_increase=st.just(0))
drawn_lists = listed(
    max_encoder_blocks=2,
    filters=few,
    num_convs=st.integers(0, 2),
    refine_convs=st.integers(0, 2),
    activation=passing,
    transposed_conv_activation=passing,
    refine_convs_activation=passing,
    transposed_conv_kernel_size=st.integers(1, 5),
    normalisation=st.sampled_from(["batch", "none"]),  # another one sees the whole image
)


@given(drawn_unets, axes)
@settings(max_examples=10)
def test_receptive_fields_of_u_nets(architecture, axis):
    check_architecture(architecture, axis)


@given(drawn_leap_cnns, axes)
@settings(max_examples=8)
def test_receptive_fields_of_leap_cnns(architecture, axis):
    check_architecture(architecture, axis)


@given(drawn_hourglasses, axes)
@settings(max_examples=8)
def test_receptive_fields_of_hourglasses(architecture, axis):
    check_architecture(architecture, axis)


@given(drawn_lists, axes)
@settings(max_examples=15)
def test_receptive_fields_of_listed_blocks(architecture, axis):
    check_architecture(architecture, axis)


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, "bilinear", "nearest"])
def test_receptive_fields_beside_windows_that_show_how_upsampling_is_aligned(kernel, stride):
    # An extent doesn't say where a window lies, but what it adds to others around the pixel does.
    def make_graph(shape):
        image = input_feature(shape)
        x = MaxPooling2D(name="pool", pool_size=stride, strides=stride)(image)
        if isinstance(kernel, int):
            x = Conv2DTranspose(name="up", filters=1, kernel_size=kernel, strides=stride)(x)
        else:
            x = UpSampling2D(name="up", size=stride, interpolation=kernel)(x)
        joined = [
            Add(name=f"join{size}")(
                [x, Conv2D(name=f"around{size}", filters=1, kernel_size=size)(image)]
            )
            for size in (4, 5, 6)
        ]
        return Graph([Concatenate(name="all")(joined)])

    check_receptive_fields(make_graph, stride, axis=0)


@given(drawn_unets | drawn_leap_cnns | drawn_lists, axes)
@settings(max_examples=4)
def test_receptive_fields_are_those_of_gradients(architecture, axis):
    check_architecture(architecture, axis, gradient_positions=3)


@st.composite
def chains(draw):
    """Return layers to call one after the other, as functions that take the layer's name."""
    kernel, stride = st.integers(1, 5), st.integers(1, 3)
    reading = {
        Conv2D: {"filters": few, "kernel_size": kernel, "strides": stride},
        MaxPooling2D: {"pool_size": st.integers(1, 4), "strides": st.integers(1, 4)},
    }
    enlarging = {
        Conv2DTranspose: {"filters": few, "kernel_size": kernel, "strides": stride},
        UpSampling2D: {"size": stride, "interpolation": st.sampled_from(INTERPOLATIONS)},
    }
    # At most two layers enlarge, or the features would get too large to compute.
    up = st.lists(st.sampled_from(list(enlarging)), max_size=2)
    down = st.lists(st.sampled_from(list(reading)), min_size=1, max_size=3)
    kinds = draw(st.permutations(draw(up) + draw(down)))
    drawn = reading | enlarging
    return [
        kind(name=f"layer{i}", **{field: draw(values) for field, values in drawn[kind].items()})
        for i, kind in enumerate(kinds)
    ]


@given(chains(), axes, st.integers(0, 5))
@settings(max_examples=40)
def test_receptive_fields_on_sizes_that_no_stride_divides(layers, axis, extra):
    def make_graph(shape):
        feature = input_feature(shape)
        for layer in layers:
            feature = layer(feature)
        return Graph([feature])

    step = lcm(*(Fraction(node.stride).numerator for node in make_graph((12, 12, 1))))
    check_receptive_fields(make_graph, step, axis, extra)


def field(architecture, shape=(64, 64, 1)):
    return analyze(trace(architecture, shape)).receptive_field


def test_a_three_by_three_convolution_adds_two_pixels():
    block = SimpleConvBlock(pool=False, num_convs=3)
    assert field(Listed(encoder=(block,))) == (7, 7)


def test_after_pooling_a_convolution_sees_twice_as_far():
    block = SimpleConvBlock(num_convs=1, pool_before_convs=True)
    # 3 pooled pixels of 2 pixels each.
    assert field(Listed(encoder=(block,))) == (6, 6)


def test_the_decoder_is_counted():
    one = SimpleConvBlock(num_convs=1)
    up = SimpleUpsamplingBlock(interp_method="nearest", refine_convs=1)
    # Pooling over convolutions of 3 pixels: 4. The refinement sees the two nearest such pixels.
    assert field(Listed(encoder=(one,), decoder=(up,))) == (6, 6)


def test_the_largest_phase_counts():
    # Of the pixels that a stride of 4 makes of one, a kernel of 5 lets the first see two.
    up = SimpleUpsamplingBlock(
        4, transposed_conv=True, transposed_conv_kernel_size=5, refine_convs=0
    )
    down = SimpleConvBlock(pooling_stride=4, num_convs=0)
    assert field(Listed(encoder=(down,), decoder=(up,))) == (6, 6)


def test_pixels_that_see_nothing_have_no_extent():
    layer = Conv2DTranspose(name="up", filters=1, kernel_size=1, strides=4)
    nothing = MaxPooling2D(name="pool", pool_size=1, strides=2)
    graph = Graph([nothing(layer(input_feature((8, 8, 1))))])
    assert analyze(graph).receptive_field == (1, 1)


@pytest.mark.parametrize("join", [Add, Concatenate])
def test_joined_features_see_as_far_as_the_one_that_sees_furthest(join):
    image = input_feature((32, 32, 1))
    near = Conv2D(name="near", filters=1, kernel_size=3)(image)
    far = Conv2D(name="far", filters=1, kernel_size=9)(image)
    assert analyze(Graph([join(name="join")([near, far])])).receptive_field == (9, 9)


def test_height_and_width_stand_for_themselves():
    graph = trace(UNet(filters=1, down_blocks=2, up_blocks=2), (64, 32, 1))
    square = analyze(trace(UNet(filters=1, down_blocks=2, up_blocks=2), (64, 64, 1)))
    assert analyze(graph).receptive_field == square.receptive_field
    # Padding depends on the size, so even one architecture can see further along one axis.
    stride = Conv2D(name="stride", filters=1, kernel_size=3, strides=2)
    up = UpSampling2D(name="up")
    conv = Conv2D(name="conv", filters=1)
    graph = Graph([conv(up(stride(input_feature((8, 9, 1)))))])
    assert analyze(graph).receptive_field == (5, 5)


def test_features_of_other_strides_that_happen_to_have_a_size_have_no_known_field():
    image = input_feature((1, 1, 1))
    coarse = Conv2D(name="coarse", filters=1, strides=2)(image)
    report = analyze(Graph([Conv2D(name="conv", filters=1)(Add(name="sum")([image, coarse]))]))
    assert [row.receptive_field for row in report.layers] == [(1, 1), (3, 3), None, None]
    assert report.receptive_field is None


def test_the_field_of_the_last_output_is_the_networks():
    report = analyze(trace(LeapCNN(filters=1, stacks=2), (64, 64, 1)))
    assert report.receptive_field == report.layers[-1].receptive_field
    assert report.receptive_field > report.layers[1].receptive_field


def check_windows(graph):
    """Compare every position's window in the image with the pixels that reach it in Keras."""
    height, width, channels = graph.input_shape
    model = build(graph)
    make_positive(model.layers)
    every_layer = keras.Model(model.input, [layer.output for layer in model.layers])
    pixels = np.eye(height * width, dtype="float32").reshape(-1, height, width, 1)
    outputs = every_layer(np.repeat(pixels, channels, axis=3), training=False)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for node, output in zip(graph, outputs, strict=True):
        strength = np.sum(output, axis=3)
        assert np.isfinite(strength).all(), "values grew too large: draw a smaller network"
        for row, column in np.ndindex(node.shape[:2]):
            rows, columns = np.nonzero(strength[:, row, column].reshape(height, width))
            shown = Box(rows.min(), columns.min(), rows.max(), columns.max()) if rows.size else None
            assert receptive_window(graph, node, row, column).inside == shown, (node, row, column)
    keras.backend.clear_session(free_memory=False)


@given(drawn_lists.filter(lambda net: net.maximum_stride <= 12))
@settings(max_examples=4)
def test_windows_at_every_position_are_what_reaches_it(architecture):
    stride = architecture.maximum_stride
    check_windows(trace(architecture, (stride * max(1, 8 // stride), stride, 1)))


@given(chains(), st.integers(6, 9), st.integers(3, 6))
@settings(max_examples=8)
def test_windows_at_every_position_of_sizes_that_no_stride_divides(layers, height, width):
    feature = input_feature((height, width, 1))
    for layer in layers:
        feature = layer(feature)
    check_windows(Graph([feature]))


def test_windows_where_taps_fall_beside_the_image_and_between_kernels():
    image = input_feature((9, 6, 2))
    pooled = MaxPooling2D(name="pool", pool_size=1, strides=3)(image)
    holes = Conv2DTranspose(name="holes", filters=1, kernel_size=2, strides=3)(pooled)
    wide = Conv2D(name="wide", filters=1, kernel_size=2, dilation_rate=7)(image)
    joined = Add(name="sum")([holes, wide])
    check_windows(Graph([Conv2D(name="conv", filters=1, kernel_size=2)(joined)]))


def test_windows_where_one_way_ends_between_rows_and_another_between_columns():
    holes = Conv2DTranspose(name="holes", filters=1, kernel_size=1)(input_feature((3, 4, 1)))
    ways = [
        ZeroPadding2D(name="after", padding=((0, 1), (0, 1)))(holes),
        ZeroPadding2D(name="before", padding=((1, 0), (1, 0)))(holes),
    ]
    graph = Graph([Add(name="sum")(ways)])

    check_windows(graph)
    assert receptive_window(graph, graph["sum"], 2, 3).inside is None
    assert receptive_window(graph, graph["sum"], 3, 3).inside == Box(1, 1, 1, 1)


@given(drawn_unets | drawn_leap_cnns)
@settings(max_examples=10)
def test_the_largest_whole_window_is_the_receptive_field(architecture):
    stride = architecture.maximum_stride
    graph = trace(architecture, (2 * stride, stride, 1))
    for node, row in zip(graph, analyze(graph).layers, strict=True):
        found = [receptive_window(graph, node, *at).whole for at in np.ndindex(node.shape[:2])]
        # Between the kernels of a transposed convolution there is nothing to see.
        windows = [window for window in found if window]
        extents = max(w.height for w in windows), max(w.width for w in windows)
        assert extents == row.receptive_field


def test_a_window_at_the_border_goes_on_outside():
    image = input_feature((16, 16, 1))
    graph = Graph([Conv2D(name="conv", filters=1, kernel_size=5, strides=2)(image)])

    window = receptive_window(graph, graph["conv"], 0, 7)

    assert window.whole == Box(-1, 13, 3, 17)
    assert window.inside == Box(0, 13, 3, 15)
    assert (window.inside.height, window.inside.width) == (4, 3)


def test_behind_an_unknown_layer_no_window_is_known():
    image = input_feature((8, 8, 1))
    unknown = Foreign("Own", name="own", shape=(8, 8, 1))(image)
    graph = Graph([Conv2D(name="conv", filters=1)(unknown)])

    assert receptive_window(graph, graph["image_in"], 3, 4).inside == Box(3, 4, 3, 4)
    assert receptive_window(graph, graph["own"], 3, 4) is None
    assert receptive_window(graph, graph["conv"], 3, 4) is None


def test_windows_of_kernels_beyond_all_bounds_are_found_at_once():
    net = UNet(filters=1, down_blocks=1, up_blocks=1, kernel_size=10**7)
    graph = trace(net, (64, 32, 1))

    window = receptive_window(graph, graph.outputs[0], 0, 0)

    assert window.inside.size == (64, 32)


#: The largest height that the U-Net of the next test takes.
HUGE = 2**31 - 2


def test_windows_in_images_beyond_all_bounds_are_found_at_once():
    graph = trace(UNet(filters=1, down_blocks=1, up_blocks=1), (HUGE, 32, 1))
    node = graph.outputs[0]

    window = receptive_window(graph, node, HUGE - 1, 0)

    largest = analyze(graph).receptive_field
    assert window.whole.height <= largest[0]
    assert window.whole.width <= largest[1]
    assert window.inside.bottom == HUGE - 1
    assert window.inside.left == 0
    assert window.whole.contains(window.inside)


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 4, 5, 11, 10_000_000])
def test_a_wide_window_over_unordered_spans_is_found_at_once(dilation, count):
    spans = _Window.of([(3, 4), None, (0, 9), (1, 1), (5, 5)], 2)
    assert not spans.ordered

    found = spans.over(range(7, 7 + dilation * count, dilation))

    some = min(count, 1000)  # each thousand reaches as far as the next, and its own way further
    first = [spans.at(7 + dilation * i) for i in range(some)]
    last = [spans.at(7 + dilation * i) for i in range(count - some, count)]
    assert found == (min(a for a, _ in filter(None, first)), max(b for _, b in filter(None, last)))
