"""Lesson 7 against Keras."""

import re
from math import prod
from typing import Any

import keras
import numpy as np
from attrs import evolve

from explorer.core.analysis.design import Design
from explorer.lessons.course.equal_field import PLAN
from explorer.lessons.plan import Step
from explorer.lessons.questions import BuildQuestion, ChoiceQuestion
from tests.lessons.keras_answers import check, model_of, numbers_of, revealed_model

#: Larger than any field here.
SIZE = 61


def lit(layers: list[Any]) -> np.ndarray:
    """Return where a single pixel has an influence, after convolutions whose weights are all 1.

    What one pixel reaches is, turned by 180°, what one position sees, as long as no stride is met.
    """
    image = np.zeros((1, SIZE, SIZE, 1), "float32")
    image[0, SIZE // 2, SIZE // 2] = 1
    for layer in layers:
        like = keras.layers.Conv2D(
            1,
            layer.kernel_size,
            padding="same",
            dilation_rate=layer.dilation_rate,
            kernel_initializer="ones",
        )
        image = np.sign(np.asarray(like(image)))
    return image[0, ..., 0] > 0


def convolutions(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def extent(layers: list[Any]) -> int:
    columns = np.flatnonzero(lit(layers).any(axis=0))
    return int(columns[-1] - columns[0] + 1)


def kernel_for_depth(step: Step) -> int:
    count, kernel = numbers_of(step)[:2]
    found = extent([keras.layers.Conv2D(1, kernel) for _ in range(count)])
    (single,) = convolutions(revealed_model(step))
    assert extent([single]) == found
    return found


def weights(model: keras.Model) -> int:
    return sum(prod(layer.kernel.shape) for layer in convolutions(model))


def costs(model: keras.Model) -> dict[str, int]:
    return {
        "parameters": model.count_params(),
        "multiply-adds": sum(
            prod(layer.kernel.shape) * prod(layer.output.shape[1:3])
            for layer in convolutions(model)
        ),
        "output": prod(model.outputs[0].shape[1:]),
        "features": sum(prod(layer.output.shape[1:]) for layer in model.layers),
    }


def what_changes(step: Step) -> str:
    before, after = costs(model_of(step.design)), costs(revealed_model(step))
    words = {
        (): "none of the three",
        ("parameters", "multiply-adds"): "parameters and multiply-adds alone",
        ("multiply-adds", "output"): "multiply-adds and output alone",
        ("parameters", "multiply-adds", "output"): "all three",
    }
    names = ("parameters", "multiply-adds", "output")
    return words[tuple(name for name in names if before[name] != after[name])]


def network(told: str, shape: tuple[int, ...]) -> keras.Model:
    """Return the network that a choice tells of."""
    x = inputs = keras.Input(shape)
    for part in told.replace("one of", "1 of").split(", pooling of stride 2, "):
        if x is not inputs:
            x = keras.layers.MaxPooling2D(padding="same")(x)
        count, side = map(int, re.findall(r"\d+", part)[:2])
        dilated = part.partition("dilated by ")[2]
        rates = [int(rate) for rate in re.findall(r"\d+", dilated)] or [1] * count
        assert len(rates) == count
        for rate in rates:
            conv = keras.layers.Conv2D(shape[-1], side, padding="same", dilation_rate=rate)
            x = keras.layers.Activation("relu")(conv(x))
    return keras.Model(inputs, x)


def which_is_cheapest(step: Step) -> str:
    assert step.design
    question = step.question
    assert isinstance(question, ChoiceQuestion)
    keras.backend.clear_session(free_memory=False)
    of = next(
        name for name in ("parameters", "multiply-adds", "features") if name in question.prompt
    )
    best = min if "fewest" in question.prompt else max
    found = {
        choice: costs(network(choice, step.design.input.shape))[of] for choice in question.choices
    }
    wanted = best(found.values())
    (right,) = [choice for choice, amount in found.items() if amount == wanted]
    return right


def pixels_with_influence(step: Step) -> int:
    assert step.question
    found = lit(convolutions(model_of(step.design)))
    rows, columns = (np.flatnonzero(found.any(axis=axis)) for axis in (1, 0))
    seen = found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert np.array_equal(np.array(step.question.pictures[0].rows) > 0, seen)
    return int(found.sum())


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "kernel_for_depth": kernel_for_depth,
            "times_the_weights": lambda step: (
                weights(revealed_model(step)) / weights(model_of(step.design))
            ),
            "dilated_field": lambda step: extent(convolutions(revealed_model(step))),
            "what_changes": what_changes,
            "which_is_cheapest": which_is_cheapest,
            "holes": pixels_with_influence,
        },
    )


def test_the_four_ways_see_as_far_as_the_text_says() -> None:
    for seed in range(20):
        step = PLAN.step("which_is_cheapest", str(seed))
        assert step.design
        assert isinstance(step.question, ChoiceQuestion)
        (field,) = re.findall(r"at least (\d+) px", step.text)
        for choice in step.question.choices:
            assert not re.search(r"\b1 of", choice)
            before, _, after = choice.replace("one of", "1 of").partition(", pooling")
            if after:
                # By hand: 2 for each convolution, 1 for the pooling, then 4 for each convolution.
                seen = 1 + 2 * int(before.split()[0]) + 1 + 4 * int(after.split()[3])
                assert seen - int(field) == 1
            else:
                model = network(choice, step.design.input.shape)
                assert extent(convolutions(model)) == int(field)


def test_holes_are_left_by_all_that_are_drawn_and_by_1_2_4_none() -> None:
    def dilated(*rates: int) -> list[Any]:
        return [keras.layers.Conv2D(1, 3, dilation_rate=rate) for rate in rates]

    assert lit(dilated(1, 2, 4)).sum() == extent(dilated(1, 2, 4)) ** 2
    assert lit(dilated(2, 3)).sum() < extent(dilated(2, 3)) ** 2


def test_larger_kernels_do_not_solve_what_is_to_be_built() -> None:
    for seed in range(20):
        step = PLAN.step("build_one", str(seed))
        assert step.design
        assert isinstance(step.question, BuildQuestion)
        for kernel in (5, 7, 9, 11, 13, 15):
            net: Any = step.design.architecture
            design = Design(evolve(net, kernel_size=kernel), step.design.input)
            assert not all(budget.check(design).is_met for budget in step.question.budgets)
