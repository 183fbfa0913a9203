"""Lesson 9 against Keras."""

import re
from math import prod
from typing import Any

import keras
import numpy as np
import pytest

from explorer.core.network.names import block_id
from explorer.lessons.course.concatenate_or_add import PLAN
from explorer.lessons.plan import Step
from explorer.lessons.questions import BuildQuestion
from tests.lessons.keras_answers import check
from tests.lessons.keras_links import revealed_links, unfilled
from tests.lessons.moves import fitting, single_moves

rng = np.random.default_rng(0)
A, B = (rng.normal(size=(2, 12, 10, channels)).astype("float32") for channels in (5, 5))


def convolution(filters: int, kernel: int, **options: Any) -> Any:
    return keras.layers.Conv2D(filters, kernel, padding="same", **options)


def split(kernel: int, activation: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A convolution over a concatenation, and its two parts before the activation."""
    whole = convolution(4, kernel, activation=activation)
    joined = keras.ops.concatenate([A, B], axis=-1)
    whole.build(joined.shape)
    weights, _ = whole.get_weights()
    bias = rng.normal(size=4).astype("float32")
    whole.set_weights([weights, bias])
    first, second = convolution(4, kernel, use_bias=False), convolution(4, kernel)
    first.build(A.shape)
    second.build(B.shape)
    first.set_weights([weights[:, :, :5]])
    second.set_weights([weights[:, :, 5:], bias])
    return np.asarray(whole(joined)), np.asarray(first(A)), np.asarray(second(B))


def numbers(step: Step) -> list[int]:
    assert step.question
    prompt = step.question.prompt.replace("−", "-")
    return [int(number) for number in re.findall(r"-?\d+", prompt)]


def last_convolution(model: keras.Model) -> Any:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][-1]


def encoders_part(step: Step) -> int:
    assert step.design
    model = unfilled(step.design)
    _, _, height, width, *_ = numbers(step)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Concatenate) and layer.output.shape[1:3] == (
            height,
            width,
        ):
            reader = next(
                other
                for other in model.layers
                if not isinstance(other, keras.layers.InputLayer) and other.input is layer.output
            )
            (skip,) = [
                tensor.shape[-1]
                for tensor in layer.input
                if "_enc" in tensor._keras_history.operation.name
            ]
            height, width, read, filters = reader.kernel.shape
            assert skip < read
            return int(height * width * skip * filters)
    raise AssertionError("There is no concatenation of that size.")


def value(step: Step) -> float:
    first, second, bias = numbers(step)
    layer = convolution(1, 1, activation="relu")
    layer.build((None, 1, 1, 2))
    layer.set_weights([np.array([first, second]).reshape(1, 1, 2, 1), np.array([bias])])
    return float(layer(np.ones((1, 1, 1, 2), "float32"))[0, 0, 0, 0])


def arrangement(step: Step) -> str:
    assert step.question
    activation = step.question.prompt.split(" → ")[2].split(":")[0]
    whole, first, second = split(numbers(step)[0], activation)
    act = keras.activations.get(activation)
    added = convolution(4, 3)
    made = {
        f"a convolution of each → add → {activation}": act(first + second),
        f"a convolution of each → {activation} of each → add": act(first) + act(second),
        f"a convolution of each → multiply → {activation}": act(first * second),
        # Whatever its weights: −A + A is nothing, which a convolution of both can see.
        f"add → a convolution → {activation}": act(added(A + -A)),
    }
    assert set(made) == set(step.question.choices)  # type: ignore[attr-defined]
    (same,) = [choice for choice, values in made.items() if np.allclose(whole, values, atol=1e-4)]
    return same


def same_sum(step: Step) -> str:
    encoder, below = numbers(step)[:2]
    add = keras.layers.Add()

    def summed(*pair: int) -> float:
        return float(add([np.full((1, 1), float(each)) for each in pair])[0, 0])

    (same,) = [
        choice
        for choice in step.question.choices  # type: ignore[union-attr]
        if summed(*map(int, re.findall(r"\d+", choice))) == summed(encoder, below)
    ]
    return same


def saved(step: Step) -> int:
    def multiply_adds(layer: Any) -> int:
        _, height, width, _ = layer.output.shape
        return prod(layer.kernel.shape) * height * width

    before = multiply_adds(last_convolution(unfilled(step.design)))
    return before - multiply_adds(last_convolution(revealed_links(step)))


def blocks_with_1x1(step: Step) -> frozenset[str]:
    assert step.question
    design = step.question.reveals
    assert design
    names = {layer.name for layer in revealed_links(step).layers if "skip_conv1x1" in layer.name}
    return frozenset(block_id(node) for node in design.graph if node.name in names)


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "parameters_after_adding": lambda step: last_convolution(
                revealed_links(step)
            ).count_params(),
            "the_part_that_reads_the_skip": encoders_part,
            "a_value_of_the_sum": value,
            "the_same_by_adding": arrangement,
            "what_a_sum_cannot_tell": same_sum,
            "multiply_adds_saved": saved,
            "where_widths_differ": blocks_with_1x1,
        },
    )


def test_a_convolution_over_a_concatenation_is_the_sum_of_two() -> None:
    for kernel in (1, 2, 3):
        whole, first, second = split(kernel, "linear")
        assert np.allclose(whole, first + second, atol=1e-5)


def test_a_convolution_of_a_sum_is_one_over_a_concatenation_with_equal_parts() -> None:
    one, whole = convolution(4, 3), convolution(4, 3)
    one.build(A.shape)
    whole.build((None, 12, 10, 10))
    weights, bias = one.get_weights()
    whole.set_weights([np.concatenate([weights, weights], axis=2), bias])
    joined = keras.ops.concatenate([A, B], axis=-1)
    assert np.allclose(one(A + B), whole(joined), atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_no_one_move_of_a_control_builds_it(seed: int) -> None:
    step = PLAN.step("build_one", str(seed))
    assert isinstance(step.question, BuildQuestion)
    assert not fitting(step, single_moves(step.design))
    assert fitting(step, [step.question.example])
