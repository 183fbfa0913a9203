"""Lesson 2 against Keras."""

from math import prod
from typing import Any

import keras

from explorer.core.analysis.design import Design
from explorer.core.network.names import block_id
from explorer.lessons.course.pooling_and_stride import PLAN
from explorer.lessons.plan import Step
from explorer.lessons.questions import ChoiceQuestion
from tests.lessons.keras_answers import check, model_of, numbers_of, revealed_model


def height_after(layer: Any, height: int) -> int:
    return int(layer.compute_output_shape((None, height, height, 1))[1])


def poolings(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)]


def stops(step: Step) -> int:
    window, _, stride, height = numbers_of(step)
    layer = keras.layers.MaxPooling2D(window, strides=stride, padding="valid")
    return height_after(layer, height)


def stride_of_the_last(step: Step) -> float:
    model = revealed_model(step)
    (high, _), (low, _) = (each.shape[1:3] for each in (model.inputs[0], model.outputs[0]))
    assert high % low == 0
    return float(high / low)


def stops_saved(step: Step) -> int:
    height, width = numbers_of(step)[:2]
    sizes = [
        keras.layers.Conv2D(1, 3, strides=stride, padding="same").compute_output_shape(
            (None, height, width, 1)
        )
        for stride in (1, 2)
    ]
    return prod(sizes[0][1:]) - prod(sizes[1][1:])


def first_with_an_odd_height(step: Step) -> frozenset[str]:
    design = step.design
    assert isinstance(design, Design)
    height = numbers_of(step)[0]
    for layer in poolings(model_of(design)):
        if height % 2:
            return frozenset({block_id(design.graph[layer.name])})
        height = height_after(layer, height)
    raise AssertionError("it fits")


def rounded(step: Step) -> int:
    height, depth = numbers_of(step)[:2]
    for _ in range(depth):
        height = height_after(keras.layers.MaxPooling2D(padding="same"), height)
    for _ in range(depth):
        height = height_after(keras.layers.UpSampling2D(), height)
    return height


def is_taken(depth: int, height: int, width: int) -> bool:
    """Return whether Keras can concatenate what comes down and up again."""
    x = keras.Input((height, width, 1))
    skips = []
    for _ in range(depth):
        skips.append(x)
        x = keras.layers.MaxPooling2D(padding="same")(x)
    try:
        for skip in reversed(skips):
            x = keras.layers.Concatenate()([skip, keras.layers.UpSampling2D()(x)])
    except ValueError:
        return False
    return True


def size_that_fits(step: Step) -> str:
    assert isinstance(step.question, ChoiceQuestion)
    depth = numbers_of(step)[0]
    (fits,) = [
        size for size in step.question.choices if is_taken(depth, *map(int, size.split("×")))
    ]
    return fits


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "stops_of_a_window": stops,
            "height_at_the_bottom": lambda step: poolings(revealed_model(step))[-1].output.shape[1],
            "stride_of_a_feature": stride_of_the_last,
            "stops_that_a_stride_saves": stops_saved,
            "where_it_does_not_fit": first_with_an_odd_height,
            "pixels_too_many": rounded,
            "size_that_fits": size_that_fits,
        },
    )


def test_keras_refuses_what_the_text_says_it_does() -> None:
    assert not is_taken(1, 179, 180)
    assert not is_taken(4, 358, 352)
    assert is_taken(4, 352, 352)
