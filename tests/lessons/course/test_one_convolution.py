"""Lesson 4 against Keras."""

import re
from math import prod
from typing import Any

import keras
import numpy as np
from attrs import evolve

from explorer.core.analysis.design import Design
from explorer.lessons.course.one_convolution import PLAN
from explorer.lessons.plan import Step
from explorer.lessons.questions import BuildQuestion, ChoiceQuestion
from tests.lessons.keras_answers import DRAWS, check, model_of, revealed


def convolutions(design: Design | None) -> list[keras.layers.Layer]:
    return [each for each in model_of(design).layers if isinstance(each, keras.layers.Conv2D)]


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"-?\d+", text.replace("−", "-"))]


def sum_of_a_window(step: Step) -> float:
    """Let Keras convolve what the pictures show."""
    grids = [
        np.array([[int(cell.replace("−", "-")) for cell in row] for row in picture.texts])
        for picture in step.pictures
    ]
    values, weights = grids[::2], grids[1::2]
    assert [picture.title.split(": ")[1] for picture in step.pictures] == ["values", "weights"] * 2
    (bias,) = numbers(step.text.split("bias is")[1])
    layer = keras.layers.Conv2D(1, 2, padding="valid")
    layer.build((None, 2, 2, 2))
    layer.set_weights([np.stack(weights, -1)[..., None], np.array([bias])])
    return float(np.ravel(layer(np.stack(values, -1)[None].astype("float32")))[0])


def products_beyond(step: Step) -> float:
    """Let Keras count, by weights of 1 on an image of 1, which products are not zero."""
    assert step.design
    assert step.question
    first = convolutions(step.design)[0]
    shape = (1, *step.design.input.shape)
    first.set_weights([np.ones_like(first.kernel), np.zeros_like(first.bias)])
    counted = np.asarray(first(np.ones(shape, "float32")))[0, ..., 0]
    row = 0 if "in a corner" in step.question.prompt else shape[1] // 2
    found = prod(first.kernel.shape[:3]) - float(counted[row, 0])
    (picture,) = step.question.pictures
    assert sum(cells.count("0") for cells in picture.texts) * shape[-1] == found
    return found


def multiply_adds(model: keras.Model) -> int:
    """Count those of convolutions, of which transposed ones spread each position of the input."""
    found = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2DTranspose):
            found += prod(layer.input.shape[1:3]) * prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.Conv2D):
            found += prod(layer.output.shape[1:3]) * prod(layer.kernel.shape)
    return found


def change(step: Step) -> str:
    """Build each network that the choices tell of."""
    assert step.design
    assert isinstance(step.question, ChoiceQuestion)
    net: Any = step.design.architecture
    image, (block,) = step.design.input, net.encoder

    def with_block(**fields: int) -> Design:
        return Design(evolve(net, encoder=(evolve(block, **fields),)), image)

    designs = {
        "Only the height": Design(net, evolve(image, height=2 * image.height)),
        "Height and width of the image": Design(
            net, evolve(image, height=2 * image.height, width=2 * image.width)
        ),
        "The filters": with_block(filters=2 * block.filters),
        "The kernels": with_block(kernel_size=block.kernel_size + 2),
    }
    (factor,) = numbers(step.question.prompt)
    before = model_of(step.design)
    wanted = before.count_params(), factor * multiply_adds(before)
    fitting = []
    for choice in step.question.choices:
        (design,) = [each for start, each in designs.items() if choice.startswith(start)]
        model = model_of(design)
        if (model.count_params(), multiply_adds(model)) == wanted:
            fitting.append(choice)
    assert len(fitting) == 1
    return fitting[0]


def first_costs(step: Step) -> int:
    first = convolutions(revealed(step))[0]
    return int(prod(first.output.shape[1:3]) * prod(first.kernel.shape))


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "weighted_sum": sum_of_a_window,
            "products_with_padding": products_beyond,
            "parameters_of_one": lambda step: convolutions(revealed(step))[0].count_params(),
            "parameters_of_the_second": lambda step: convolutions(revealed(step))[1].count_params(),
            "multiply_adds": first_costs,
            "change_of_cost": change,
        },
    )


def test_figures_tell_one_kernel_and_one_number_of_filters() -> None:
    for seed in range(DRAWS):
        step = PLAN.step("build_one", str(seed))
        asked = step.question
        assert isinstance(asked, BuildQuestion)
        (layer,) = convolutions(asked.example)
        parameters = {budget.of: budget.at_least for budget in asked.budgets}["parameters"]
        assert parameters == layer.count_params() < 1000  # so that it is written in full
        channels = asked.example.input.channels
        fitting = [
            n for n in range(1, 200) if n * (layer.kernel_size[0] ** 2 * channels + 1) == parameters
        ]
        assert fitting == [layer.filters]
        wider = Design(asked.example.architecture, evolve(asked.example.input, height=128))
        assert [b.of for b in asked.budgets if not b.check(wider).is_met] == ["multiply-adds"]
