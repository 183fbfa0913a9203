"""Costs, memory and tables of a graph."""

from math import prod

import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import (
    Hourglass,
    LeapCNN,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    analyze,
    build,
    trace,
)
from explorer.core.analysis.report import Totals, TotalsOf, memory_curve
from explorer.core.network.graph import Feature, Graph, NoSuchLayerError, input_feature
from explorer.core.network.layers import Activation, Add, Conv2D, Conv2DTranspose, UpSampling2D
from explorer.core.network.layers.foreign import Foreign
from tests.keras_helpers import tensor_of
from tests.strategies import Listed, architectures, follow_plan, graph_plans, shapes_for


def analyse(architecture, shape):
    return analyze(trace(architecture, shape))


def keras_macs(layer):
    """Return kernel size × positions that the kernel is laid on, by what Keras says of a layer."""
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return prod(layer.kernel.shape) * prod(layer.input.shape[1:3])
    if isinstance(layer, keras.layers.Conv2D):
        return prod(layer.kernel.shape) * prod(layer.output.shape[1:3])
    return 0


@given(st.data())
@settings(max_examples=15)
def test_macs_and_memory_are_those_of_the_keras_layers(data):
    architecture = data.draw(architectures)
    graph = trace(architecture, data.draw(shapes_for(architecture)))
    report = analyze(graph)
    with keras.StatelessScope(initialize_variables=False):
        layers = build(graph).layers
    assert [row.macs for row in report.layers] == [keras_macs(layer) for layer in layers]
    assert [row.memory_bytes for row in report.layers] == [
        4 * prod(tensor_of(layer.output).shape[1:]) for layer in layers
    ]
    keras.backend.clear_session(free_memory=False)


def brute_force_peak(graph):
    """Return the most values alive at once, looking at all features before every step."""
    nodes = list(graph)
    most = 0
    for step, node in enumerate(nodes):
        still_needed = set(graph.outputs) | {node}
        for later in nodes[step:]:
            still_needed.update(later.inputs)
        most = max(most, sum(prod(n.shape) for n in nodes[: step + 1] if n in still_needed))
    return most


@given(st.data())
@settings(max_examples=20)
def test_peak_memory_of_an_architecture_is_that_of_the_features_still_needed(data):
    architecture = data.draw(architectures)
    graph = trace(architecture, data.draw(shapes_for(architecture)))
    assert analyze(graph).peak_activation_bytes == 4 * brute_force_peak(graph)


@given(graph_plans())
def test_peak_memory_of_any_graph_is_that_of_the_features_still_needed(plan):
    graph = Graph(follow_plan(plan, input_feature)[1])
    assert analyze(graph).peak_activation_bytes == 4 * brute_force_peak(graph)


@given(graph_plans())
def test_the_memory_curve_splits_what_is_still_needed_and_its_maximum_is_the_peak(plan):
    graph = Graph(follow_plan(plan, input_feature)[1])
    curve = memory_curve(graph)
    assert [point.node for point in curve] == list(graph)
    for step, point in enumerate(curve):
        later = {source for node in graph.nodes[step + 1 :] for source in node.inputs}
        held = (later | set(graph.outputs)) & set(graph.nodes[:step]) - set(point.node.inputs)
        assert set(point.held) == held
        assert point.own_bytes == 4 * prod(point.node.shape)
        assert point.input_bytes == 4 * sum(prod(node.shape) for node in set(point.node.inputs))
        assert point.held_bytes == 4 * sum(prod(node.shape) for node in held)
    peak = max(point.total_bytes for point in curve)
    assert peak == analyze(graph).peak_activation_bytes


def test_a_skip_source_stays_in_memory_until_the_decoder_uses_it():
    image = input_feature((8, 8, 1))  # 64 values
    skip = Conv2D(name="skip", filters=4)(image)  # 256
    small = Conv2D(name="small", filters=2, strides=2)(skip)  # 32
    up = UpSampling2D(name="up")(small)  # 128
    last = Conv2D(name="last", filters=4)(up)  # 256
    joined = Graph([Add(name="add")([skip, last])])  # 256
    # At the addition: the skip source, the last convolution and the sum.
    assert analyze(joined).peak_activation_bytes == 4 * (256 + 256 + 256)
    up_point = next(point for point in memory_curve(joined) if point.node.name == "up")
    assert (up_point.own_bytes, up_point.input_bytes) == (4 * 128, 4 * 32)
    assert (up_point.held_bytes, [node.name for node in up_point.held]) == (4 * 256, ["skip"])
    # Without it: the enlarged feature and the last convolution.
    assert analyze(Graph([last])).peak_activation_bytes == 4 * (128 + 256)


def test_an_output_stays_in_memory_to_the_end():
    image = input_feature((2, 2, 1))
    first = Conv2D(name="first", filters=8)(image)  # 32 values
    second = Conv2D(name="second", filters=1)(first)  # 4
    third = Conv2D(name="third", filters=16)(second)  # 64
    assert analyze(Graph([third])).peak_activation_bytes == 4 * (4 + 64)
    assert analyze(Graph([first, third])).peak_activation_bytes == 4 * (32 + 4 + 64)


def test_a_feature_that_a_layer_reads_twice_is_freed_once():
    image = input_feature((2, 2, 1))
    double = Add(name="double")([image, image])
    graph = Graph([Activation(name="last")(double)])
    assert analyze(graph).peak_activation_bytes == 4 * (4 + 4)


def test_macs_and_parameters_of_a_small_u():
    architecture = Listed(
        encoder=(SimpleConvBlock(filters=3, num_convs=1),),
        decoder=(
            SimpleUpsamplingBlock(
                transposed_conv=True,
                transposed_conv_filters=2,
                transposed_conv_kernel_size=2,
                transposed_conv_batch_norm=False,
                refine_convs=1,
                refine_convs_filters=5,
                refine_convs_kernel_size=1,
            ),
        ),
    )
    report = analyse(architecture, (8, 4, 2))
    convolution = 3 * 3 * 2 * 3
    transposed = 2 * 2 * 3 * 2
    refinement = 1 * 1 * 2 * 5
    # A transposed convolution lays its kernel on every position of its input, here 4 × 2.
    assert report.macs == 8 * 4 * convolution + 4 * 2 * transposed + 8 * 4 * refinement
    assert report.flops == 2 * report.macs
    biases, normalisation = 3 + 2 + 5, 4 * 5
    assert report.total_params == convolution + transposed + refinement + biases + normalisation
    assert report.trainable_params == report.total_params - 2 * 5
    assert report.weights_bytes == 4 * report.total_params
    assert report.output_shapes == ((8, 4, 5),)


def test_memory_grows_with_the_batch_but_weights_do_not():
    report = analyse(UNet(filters=4, down_blocks=2, up_blocks=2), (16, 16, 1))
    assert report.peak_memory_bytes == report.peak_memory(1)
    assert report.peak_memory(5) - report.peak_memory(1) == 4 * report.peak_activation_bytes
    assert report.peak_memory(0) == report.weights_bytes


def test_macs_grow_with_the_area_and_parameters_do_not():
    small, large = (analyse(LeapCNN(filters=4), (size, 2 * size, 1)) for size in (32, 96))
    assert large.macs == 9 * small.macs
    assert large.total_params == small.total_params
    assert large.peak_activation_bytes == 9 * small.peak_activation_bytes


def test_a_kernel_adds_to_the_macs_of_its_own_layer_only():
    image = input_feature((6, 5, 3))
    up = Conv2DTranspose(name="up", filters=4, kernel_size=5, strides=3)(image)
    down = Conv2D(name="down", filters=2, kernel_size=2, strides=4)(up)
    rows = analyze(Graph([down])).layers
    assert [row.macs for row in rows] == [0, 6 * 5 * 25 * 3 * 4, 5 * 4 * 4 * 4 * 2]


def test_an_output_shape_per_stack():
    architecture = Hourglass(2, 2, stem_filters=2, filters=3, stacks=2)
    assert analyse(architecture, (32, 64, 1)).output_shapes == ((8, 16, 3), (8, 16, 3))


def test_the_report_as_a_data_frame():
    report = analyse(UNet(filters=2, down_blocks=1, up_blocks=1), (4, 4, 1))
    frame = report.to_pandas()
    assert list(frame.columns) == [
        "kind",
        "shape",
        "stride",
        "params",
        "trainable_params",
        "macs",
        "memory_bytes",
        "receptive_field",
    ]
    assert list(frame.index) == [row.name for row in report.layers]
    assert frame.params.sum() == report.total_params
    assert frame.macs.sum() == report.macs
    assert frame.loc["stack0_enc0_conv0", "shape"] == (4, 4, 2)


def test_a_row_is_had_by_the_name_of_its_layer():
    report = analyse(UNet(filters=2, down_blocks=1, up_blocks=1), (8, 8, 1))

    assert [report[row.name] for row in report.layers] == list(report.layers) == list(report)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stack0_enc0_conv9", "did you mean 'stack0_enc0_conv"),
        ("nothing like it", "it has 17, such as 'image_in' and "),
        (0, "There is no layer 0 in this network"),
    ],
)
def test_a_name_that_no_layer_has_is_told_with_those_that_are_close(name, said):
    graph = trace(UNet(filters=2, down_blocks=1, up_blocks=1), (8, 8, 1))

    for named in (graph, analyze(graph)):
        with pytest.raises(NoSuchLayerError, match=repr(name)) as error:
            named[name]
        assert said in str(error.value)
        assert isinstance(error.value, KeyError)


@given(st.data())
@settings(max_examples=50)
def test_totals_of_a_graph_are_those_of_its_report(data):
    """Whether or not all is known of each layer, and whichever is asked for first."""
    architecture = data.draw(architectures)
    graph = trace(architecture, data.draw(shapes_for(architecture)))
    if data.draw(st.booleans()):
        last = Feature(graph.outputs[-1])
        unknown = Foreign(
            name="foreign",
            keras_class="Mine",
            shape=last.node.shape,
            trainable_params=3,
            frozen_params=2,
            multiplications=data.draw(st.sampled_from([None, 7])),
        )
        graph = Graph([unknown(last)])
    totals, report = TotalsOf(graph), analyze(graph)
    names = data.draw(st.permutations([name for name in vars(Totals) if not name.startswith("_")]))
    for name in ["receptive_field", "peak_activation_bytes", "input_shape", *names]:
        found, expected = getattr(totals, name), getattr(report, name)
        assert found == expected if not callable(found) else found(3) == expected(3)
