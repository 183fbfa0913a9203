"""Lesson 6 against Keras: which pixels reach a position, and in how many ways."""

import re
from functools import lru_cache
from typing import Any

import attrs
import keras
import numpy as np

from explorer.core.analysis.design import Design
from explorer.core.network.names import block_id
from explorer.keras_side.build import build
from explorer.lessons.course.three_fields import PLAN
from explorer.lessons.plan import Step
from explorer.lessons.questions import ChoiceQuestion
from tests.lessons.keras_answers import check, extent, field_of, reactions, revealed, slim

NUMBER = re.compile(r"\d+")


def numbers(step: Step) -> list[int]:
    assert step.question
    return list(map(int, NUMBER.findall(step.question.prompt)))


def slimmed(design: Design) -> Design:
    return Design(slim(design.architecture))


def of_output(step: Step) -> str:
    assert isinstance(step.question, ChoiceQuestion)
    field = field_of(slimmed(revealed(step)), 230)
    (choice,) = [each for each in step.question.choices if each.startswith(f"{field} px")]
    return choice


def near_block(step: Step) -> frozenset[str]:
    assert step.design
    height, _ = numbers(step)
    design = slimmed(step.design)
    (join,) = [
        node for node in step.design.graph if node.kind == "Concatenate" and node.shape[0] == height
    ]
    fields = {node: field_of(design, 230, node.name) for node in join.inputs}
    return frozenset({block_id(min(fields, key=lambda node: fields[node]))})


@lru_cache
def fields_of(architecture: Any) -> dict[str, int]:
    """Return the fields of a Keras model's layers, as far as the image has room for them."""
    return {name: extent(reacts) for name, reacts in reactions(Design(architecture), 480).items()}


def first_block(step: Step) -> frozenset[str]:
    assert step.design
    kernel, _, side = numbers(step)
    net: Any = slim(step.design.architecture)
    fields = fields_of(attrs.evolve(net, kernel_size=kernel, up_blocks=0))
    return frozenset(
        {next(block_id(n) for n in step.design.graph if n.block and fields[n.name] >= side)}
    )


def least_kernel(step: Step) -> int:
    """Return the smallest window with which each position on an object reacts to all of it."""
    (side,) = numbers(step)
    for size in range(1, 200, 2):
        layer = keras.layers.Conv1D(1, size, padding="same", kernel_initializer="ones")
        image = np.eye(side, dtype="float32")[:, :, None]  # one lit pixel of the object in each
        if np.asarray(layer(image)).all():
            return size
    raise AssertionError("no window is large enough")


def row_of(design: Design) -> np.ndarray:
    """Return in how many ways each pixel reaches the middle, with all weights 1 along one axis."""
    keras.backend.clear_session(free_memory=False)
    net: Any = slim(design.architecture)
    side = 201
    model = build(net, (side, 1, 1))
    for layer in model.layers:
        for weight in layer.weights:
            if weight.name == "kernel":
                middle = np.zeros(weight.shape)
                middle[:, weight.shape[1] // 2] = 1
                weight.assign(middle)
    image = np.zeros((1, side, 1, 1), "float32")
    image[0, side // 2] = 1
    found = np.asarray(model(image))[0, :, 0, 0]
    return found[found > 0].astype(float)


def ways(step: Step) -> float:
    assert step.design
    assert step.question
    row = row_of(step.design)
    return float(row[len(row) // 2 + ("beside" in step.question.prompt)])


def widened(step: Step) -> str:
    assert isinstance(step.question, ChoiceQuestion)
    assert step.design

    def width(design: Design) -> float:
        row = row_of(design)
        at = np.arange(len(row)) - len(row) // 2
        return float(np.sqrt((row * at**2).sum() / row.sum()))

    times = width(revealed(step)) / width(step.design)
    return min(
        step.question.choices,
        key=lambda choice: abs(times - float((NUMBER.findall(choice) or ["1"])[0])),
    )


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "what_the_decoder_adds": of_output,
            "what_the_skip_brings": near_block,
            "first_to_see_it": first_block,
            "from_every_place": least_kernel,
            "ways_to_the_middle": ways,
            "the_middle_grows_slowly": widened,
        },
    )


def test_the_pixel_whose_ways_are_counted_is_named() -> None:
    places = {
        question.prompt.partition("in how many ways does ")[2].partition(" reach")[0]
        for seed in range(20)
        if (question := PLAN.step("ways_to_the_middle", str(seed)).question)
    }
    assert places == {
        "the pixel in the middle of the field",
        "the pixel beside the middle of the field",
    }
