"""What a training step is expected to take of memory, and of what that is made."""

import attrs
import pytest

from explorer import UNet, layers, presets
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.expected_memory import (
    CONVOLVED,
    NORMALISED,
    expected_bytes,
    training_features,
)
from explorer.core.analysis.report import analyze
from explorer.core.network.graph import Feature, Graph, input_feature
from explorer.core.network.layers.foreign import Foreign

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
    # The image and what "a" returns are kept; "b" is given the gradient of its output, makes that
    # of its input, and rearranges both of its sides.
    assert features(graph()) == (1 + 2 + 3 + 2 + CONVOLVED * (2 + 3)) * PLANE


def test_an_activation_whose_gradient_is_made_of_what_it_is_given_keeps_that_too() -> None:
    more = features(graph(relu="swish")) - features(graph())
    assert more == 2 * PLANE


def test_nothing_is_kept_before_the_first_layer_that_learns() -> None:
    assert features(graph(trainable=False)) == (2 + 3 + CONVOLVED * (2 + 3)) * PLANE


def test_a_sum_gives_its_gradient_to_both_of_what_it_adds_without_a_copy() -> None:
    x = conv(input_feature((8, 8, 1)), "a", 2)
    one, two = conv(x, "b", 2, kernel_size=1), conv(x, "c", 2)
    added = Graph([layers.Add(name="sum")([one, two])])
    # Kept: the image and "a". "c" goes back with the sum's gradient and that of "a"; then "b" adds.
    assert features(added) == (1 + 2 + 2 + 2 + CONVOLVED * 4 + 2) * PLANE


def test_a_layer_that_is_called_again_keeps_its_input_again() -> None:
    image = input_feature((8, 8, 1))
    one, two = conv(image, "a", 2), conv(image, "b", 2)
    again = Feature(attrs.evolve(two.node, calls="a", new_weights=(0, 0)))
    shared, unshared = (
        Graph([layers.Concatenate(name="both")([one, other])]) for other in (again, two)
    )
    assert features(shared) == features(unshared)


def test_normalisation_needs_several_copies() -> None:
    x = conv(input_feature((8, 8, 1)), "a", 2)
    normalised = Graph([layers.BatchNormalization(name="norm")(x)])
    assert features(normalised) == (1 + 2 + 2 + 2 + NORMALISED * 2) * PLANE


def test_each_image_of_a_batch_adds_the_same() -> None:
    net = UNet(filters=8, down_blocks=2, up_blocks=2)
    one, two, three = (
        expected_bytes(Design(net, Input(64, 64, 1, batch_size=count))) or 0 for count in (1, 2, 3)
    )
    assert one < two
    assert three - two == pytest.approx(two - one, abs=1)


def test_training_takes_more_than_a_forward_pass_keeps_of_every_preset() -> None:
    for net in presets.values():
        design = Design(net, Input(256, 256, 1))
        assert (expected_bytes(design) or 0) > design.report.peak_memory_bytes


def test_what_layers_of_unknown_kinds_take_is_not_known() -> None:
    design = Design(UNet(filters=4, down_blocks=1, up_blocks=1), Input(16, 16, 1))
    last = Feature(design.graph.outputs[0])
    foreign = Foreign("Mystery", name="mystery", shape=last.node.shape)
    design.__dict__["graph"] = Graph([foreign(last)])
    assert expected_bytes(design) is None
    assert expected_bytes(attrs.evolve(design)) is not None
