"""Lesson 1 against Keras."""

from math import prod

import keras

from explorer.core.network.names import block_id
from explorer.lessons.course.resolution_and_channels import PLAN
from explorer.lessons.plan import Step
from tests.lessons.keras_answers import check, model_of, revealed_model
from tests.lessons.keras_links import of_kind


def first_convolution(step: Step) -> keras.layers.Layer:
    return of_kind(revealed_model(step), keras.layers.Conv2D)[0]


def widest_blocks(step: Step) -> frozenset[str]:
    assert step.design
    model = revealed_model(step)
    channels = {layer.name: layer.output.shape[-1] for layer in model.layers}
    most = max(channels.values())
    return frozenset(block_id(node) for node in step.design.graph if channels[node.name] == most)


def joined(step: Step) -> int:
    assert step.design
    assert step.question
    before, after = model_of(step.design), revealed_model(step)
    # The prompt names the height and width of the decoder block's output.
    size = step.question.prompt.split("block of ")[1].split(",")[0]
    height, width = map(int, size.split("×"))
    (join,) = [
        layer
        for layer in of_kind(after, keras.layers.Concatenate)
        if layer.output.shape[1:3] == (height, width)
    ]
    assert join.name not in [layer.name for layer in before.layers]
    return int(join.output.shape[-1])


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "height_after_convolutions": lambda step: first_convolution(step).output.shape[1],
            "channels_after_a_convolution": lambda step: first_convolution(step).output.shape[-1],
            "values_after_pooling": lambda step: prod(
                of_kind(revealed_model(step), keras.layers.MaxPooling2D)[0].output.shape[1:]
            ),
            "block_with_most_channels": widest_blocks,
            "channels_after_concatenating": joined,
        },
    )
