"""What runs are expected to take of memory, and of what that is made."""

from statistics import median

import attrs
import pytest

from explorer import UNet, layers, presets
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.expected_memory import (
    FORWARD,
    LOSS,
    NORMALISED,
    TRAINING,
    expected_bytes,
    expected_forward_bytes,
    forward_features,
    training_features,
)
from explorer.core.analysis.memory_need import needed_bytes
from explorer.core.analysis.report import analyze
from explorer.core.network.graph import Feature, Graph, input_feature
from explorer.core.network.layers.foreign import Foreign
from tests.measure_expected import known_peaks, preset

#: Bytes of a feature of 8 × 8 pixels and one channel.
PLANE = 4 * 8 * 8


def conv(x: Feature, name: str, filters: int, **options: object) -> Feature:
    return layers.Conv2D(name=name, filters=filters, **options)(x)


def features(graph: Graph) -> float:
    return training_features(graph, analyze(graph))


def graph(*, relu: str = "relu", trainable: bool = True) -> Graph:
    x = conv(input_feature((8, 8, 1)), "a", 2, activation=relu, trainable=trainable)
    return Graph([conv(x, "b", 3)])


def test_a_convolution_keeps_its_input_until_its_gradient_is_there() -> None:
    # The image and what "a" returns are kept; then the loss takes three of what "b" returns.
    assert features(graph()) == (1 + 2 + LOSS * 3) * PLANE


def test_a_gradient_stays_until_that_before_it_is_there() -> None:
    x = conv(conv(input_feature((8, 8, 1)), "a", 8), "b", 8)
    # The image, "a" and "b" are kept, as the way back is at "b" with its gradient and that of "a".
    assert features(Graph([conv(x, "c", 1)])) == (1 + 8 + 8 + 8 + 8) * PLANE


def test_an_activation_whose_gradient_is_made_of_what_it_is_given_keeps_that_too() -> None:
    more = features(graph(relu="swish")) - features(graph())
    assert more == 2 * PLANE


def test_nothing_is_kept_before_the_first_layer_that_learns() -> None:
    assert features(graph(trainable=False)) == (2 + LOSS * 3) * PLANE


def test_a_sum_gives_its_gradient_to_both_of_what_it_adds_without_a_copy() -> None:
    x = conv(input_feature((8, 8, 1)), "a", 8)
    one, two = conv(x, "b", 8, kernel_size=1), conv(x, "c", 8)
    end = conv(layers.Add(name="sum")([one, two]), "d", 1)
    # Kept: the image, "a" and, until its gradient went on, the sum. "c" goes back with the sum's
    # gradient and that of "a"; then "b" adds its own.
    assert features(Graph([end])) == (1 + 8 + 8 + 8 + 8) * PLANE


def test_a_layer_that_is_called_again_keeps_its_input_again() -> None:
    image = input_feature((8, 8, 1))
    one, two = conv(image, "a", 2), conv(image, "b", 2)
    again = Feature(attrs.evolve(two.node, calls="a", new_weights=(0, 0)))
    shared, unshared = (
        Graph([layers.Concatenate(name="both")([one, other])]) for other in (again, two)
    )
    assert features(shared) == features(unshared)


def test_normalisation_needs_copies_on_the_way_back() -> None:
    x = conv(input_feature((8, 8, 1)), "a", 8)
    end = conv(layers.BatchNormalization(name="norm")(x), "b", 1)
    # Kept: the image, "a" and what was normalised; the gradients of the latter two.
    assert features(Graph([end])) == (1 + 8 + 8 + 8 + 8 + NORMALISED * 8) * PLANE


def test_what_a_separable_convolution_makes_on_the_way_counts() -> None:
    image = input_feature((8, 8, 4))
    separable = layers.SeparableConv2D(name="a", filters=2, depth_multiplier=3)(image)
    one = Graph([separable])
    # The image, what lies between the two convolutions, and the output.
    assert forward_features(one) == (4 + 4 * 3 + 2) * PLANE
    # The same is kept beside the image, and the loss takes three of the output; or its gradient
    # is there with that of the output.
    assert features(one) == max(4 + 12 + LOSS * 2, 4 + 12 + 2 + 12) * PLANE


def test_a_forward_pass_holds_a_feature_until_its_last_use() -> None:
    image = input_feature((8, 8, 1))
    skip = conv(image, "a", 4)
    middle = conv(conv(skip, "b", 6), "c", 2)
    joined = layers.Concatenate(name="both")([middle, skip])
    # "a" is there all the time; the most is as "b" becomes "c", or as both are joined.
    assert forward_features(Graph([joined])) == max(4 + 6 + 2, 4 + 2 + 6) * PLANE
    assert forward_features(Graph([conv(joined, "end", 9)])) == (6 + 9) * PLANE


def test_what_works_value_by_value_writes_over_what_nothing_else_needs() -> None:
    x = conv(input_feature((8, 8, 1)), "a", 4)
    normalised = layers.BatchNormalization(name="norm")(x)
    active = layers.Activation(name="act", activation="relu")(normalised)
    assert forward_features(Graph([active])) == (1 + 4) * PLANE
    # "a" is used again, so "norm" has a room of its own, which the sum writes over.
    assert forward_features(Graph([layers.Add(name="sum")([active, x])])) == (4 + 4) * PLANE
    # What the model returns is not written over, and the image is the caller's.
    assert forward_features(Graph([active, x])) == (4 + 4) * PLANE
    scaled = layers.Activation(name="act", activation="relu")(input_feature((8, 8, 1)))
    assert forward_features(Graph([scaled])) == (1 + 1) * PLANE


def test_nearest_upsampling_repeats_rows_first() -> None:
    up = layers.UpSampling2D(name="up", size=(2, 4))(input_feature((8, 8, 1)))
    assert forward_features(Graph([up])) == (1 + 2 + 8) * PLANE


def test_an_activation_with_several_parts_keeps_what_it_is_given_beside_its_output() -> None:
    swish = conv(input_feature((8, 8, 1)), "a", 4, activation="swish")
    assert forward_features(Graph([swish])) == (1 + 4 + 4) * PLANE


EXPECTED = {"forward pass": expected_forward_bytes, "training step": expected_bytes}


@pytest.mark.parametrize("step", EXPECTED)
def test_each_image_of_a_batch_adds_the_same(step: str) -> None:
    net = UNet(filters=8, down_blocks=2, up_blocks=2)
    one, two, three = (
        EXPECTED[step](Design(net, Input(64, 64, 1, batch_size=count))) or 0 for count in (1, 2, 3)
    )
    assert one < two
    assert three - two == pytest.approx(two - one, abs=1)


@pytest.mark.parametrize("step", EXPECTED)
def test_equal_graphs_are_expected_to_take_the_same(step: str) -> None:
    nets = (UNet(filters=8, down_blocks=2, up_blocks=2) for _ in range(2))
    one, other = (EXPECTED[step](Design(net, Input(64, 64, 1))) for net in nets)
    assert one == other


@pytest.mark.parametrize("batch_size", [1, 4, 64])
@pytest.mark.parametrize("name", presets)
def test_no_more_is_expected_than_the_bound_says(name: str, batch_size: int) -> None:
    design = Design(presets[name], Input(256, 256, 1, batch_size))
    expected = {step: of(design) or 0 for step, of in EXPECTED.items()}
    for step, size in expected.items():
        assert size <= needed_bytes(design.report, batch_size, step=step)
    assert design.report.weights_bytes < expected["forward pass"] < expected["training step"]


def test_more_images_of_a_step_take_no_more_than_the_bound_says() -> None:
    """What is there once hides with few images how much each takes."""
    step = "training step"
    peaks = {
        (name, images): median(taken)
        for (name, kind, images), taken in known_peaks().items()
        if kind == step
    }
    for (name, images), one in peaks.items():
        four = peaks.get((name, 4))
        if images == 1 and four:
            report = Design(presets[name], Input(256, 256, 1)).report
            bounds = [needed_bytes(report, images, step=step) for images in (1, 4)]
            assert four - one <= bounds[1] - bounds[0], name


@pytest.mark.parametrize("step", EXPECTED)
def test_what_presets_took_is_as_near_as_is_said(step: str) -> None:
    said = {"forward pass": FORWARD.within, "training step": TRAINING.within}[step]
    ratios = [
        median(taken) / (EXPECTED[step](preset(name, batch_size)) or 0)
        for (name, kind, batch_size), taken in known_peaks().items()
        if kind == step
    ]
    assert said[0] <= round(min(ratios), 2) <= round(max(ratios), 2) <= said[1]


#: What the first run of a small network in a process took, which the bound counts too.
FIRST = {"forward pass": 18e6, "training step": 36e6}


def test_what_was_measured_is_below_the_bound() -> None:
    for (name, step, batch_size), taken in known_peaks().items():
        report = preset(name, batch_size).report
        needed = needed_bytes(report, batch_size, step=step)
        assert max(taken) + FIRST[step] <= needed, (name, step, batch_size)


def test_the_bound_has_room_for_what_compiling_many_normalisations_takes() -> None:
    report = preset("FC-DenseNet56", 1).report
    taken = 1.897e9  # of Keras' `train_on_batch`, once
    assert needed_bytes(report, 1, step="training step") > taken


def test_what_layers_of_unknown_kinds_take_is_not_known() -> None:
    design = Design(UNet(filters=4, down_blocks=1, up_blocks=1), Input(16, 16, 1))
    last = Feature(design.graph.outputs[0])
    foreign = Foreign("Mystery", name="mystery", shape=last.node.shape)
    design.__dict__["graph"] = Graph([foreign(last)])
    for expected in EXPECTED.values():
        assert expected(design) is None
        assert expected(attrs.evolve(design)) is not None
