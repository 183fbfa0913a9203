"""What Keras says to the questions of a lesson."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import attrs
import keras
import numpy as np

from explorer.core.analysis.design import Design
from explorer.core.families import Custom
from explorer.keras_side.build import build
from explorer.lessons.plan import Plan, Step
from explorer.lessons.questions import ChoiceQuestion, ClickQuestion, NumberQuestion
from tests.keras_helpers import make_positive, responses

#: Draws of each question. With all questions of all lessons that makes a thousand.
DRAWS = 13

#: Returns the right answer to a step's question (a number, a choice, or selections), found without
#: the code that the lesson computes it with: by a Keras model, where there is one.
Oracle = Callable[[Step], Any]


def model_of(design: Design | None) -> keras.Model:
    """Return the Keras model of a design."""
    assert design is not None
    # Collecting garbage each time takes longer than making the model.
    keras.backend.clear_session(free_memory=False)
    return build(design.architecture, design.input.shape)


def revealed(step: Step) -> Design:
    """Return the design that a step's question reveals."""
    assert step.question
    assert step.question.reveals
    return step.question.reveals


def revealed_model(step: Step) -> keras.Model:
    """Return the Keras model of the design that a step's question reveals."""
    return model_of(revealed(step))


def numbers_of(step: Step) -> list[int]:
    """Return the whole numbers of a step's question."""
    assert step.question
    return [int(number) for number in re.findall(r"\d+", step.question.prompt)]


def strip_of(design: Design, side: int) -> keras.Model:
    """Return the Keras model of a design for a strip: as narrow as it can be, and about so high.

    Its weights are such that what can have an influence has one.
    """
    keras.backend.clear_session(free_memory=False)
    narrow = max(int(node.stride) for node in design.graph)  # type: ignore[arg-type]
    height = -(-side // narrow) * narrow
    model = build(design.architecture, (height, narrow, design.input.channels))
    make_positive(model.layers)
    return model


def reactions(design: Design | None, side: int) -> dict[str, np.ndarray]:
    """Return which pixels along a column each layer of a design's Keras model reacts to.

    Returns:
        Arrays of truth values, `(output position, pixel)`, by the layer's name.
    """
    assert design is not None
    return _reactions(design.architecture, side)


@lru_cache(maxsize=64)
def _reactions(architecture: Any, side: int) -> dict[str, np.ndarray]:
    model = strip_of(Design(architecture), side)
    every = keras.Model(model.input, [layer.output for layer in model.layers])
    shown = responses(every, model.input_shape[1], axis=0)
    return {layer.name: found for layer, found in zip(model.layers, shown, strict=True)}


def extent(reacts: np.ndarray) -> int:
    """Return from how many pixels, the first to the last, a position gets something at most."""
    pixels = [np.flatnonzero(row) for row in reacts]
    return max(int(row[-1] - row[0]) + 1 for row in pixels if row.size)


@lru_cache(maxsize=256)
def _field(architecture: Any, claimed: int, last: str) -> int:
    model = strip_of(Design(architecture), 2 * claimed + 16)
    if last:
        model = keras.Model(model.input, model.get_layer(last).output)
    height = model.input_shape[1]
    (reacts,) = responses(model, height, axis=0)
    found = extent(reacts)
    assert found <= height // 2, "the image is too small to tell"
    return found


def slim(architecture: Any) -> Any:
    """Return an architecture of one filter a layer, where that is what a test need not tell apart.

    Then what is asked of one is asked of few, and Keras is quick.
    """
    if isinstance(architecture, Custom):
        blocks = tuple(attrs.evolve(block, filters=1) for block in architecture.encoder)  # type: ignore[call-arg]
        return attrs.evolve(architecture, encoder=blocks)
    return attrs.evolve(architecture, filters=1, filters_rate=1)


def field_of(design: Design | None, claimed: float, last: str = "") -> int:
    """Return how far a position of a design's Keras model can see: what reacts to single pixels.

    Args:
        design: The design.
        claimed: What it should be, or more: the image is large enough for that.
        last: Name of the layer; empty: the output.
    """
    assert design is not None
    return _field(design.architecture, int(claimed), last)


def check(plan: Plan, oracles: Mapping[str, Oracle]) -> None:
    """Hold the right answers of a lesson against oracles, one for each question but "build one"."""
    for name in plan.names:
        question = plan.step(name, "0").question
        if not isinstance(question, (NumberQuestion, ChoiceQuestion, ClickQuestion)):
            assert name not in oracles
            continue
        for seed in range(DRAWS):
            step = plan.step(name, str(seed))
            asked = step.question
            found = oracles[name](step)
            if isinstance(asked, NumberQuestion):
                assert abs(asked.answer - found) <= max(asked.within, 1e-6) * abs(found), (
                    name,
                    seed,
                )
            elif isinstance(asked, (ChoiceQuestion, ClickQuestion)):
                assert asked.right == found, (name, seed)
