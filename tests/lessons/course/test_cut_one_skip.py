"""Lesson 8 against Keras."""

import re
from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain, combinations
from math import prod
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from explorer.core.analysis.design import Design, Input, with_decoder_block
from explorer.core.network.names import block_id
from explorer.lessons.course.cut_one_skip import PLAN
from explorer.lessons.plan import Step
from explorer.lessons.questions import BuildQuestion
from tests.lessons.keras_answers import check, model_of
from tests.lessons.keras_links import of_kind, revealed_links, sources, unfilled

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.Conv2DTranspose)


def numbers(step: Step) -> list[float]:
    assert step.question
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", step.question.prompt)]


def joins(model: keras.Model) -> list[Any]:
    return of_kind(model, keras.layers.Concatenate)


def skip_of(join: Any) -> str:
    (skip,) = [name for name in sources(join) if "_enc" in name]
    return skip


def parameters_fewer(step: Step) -> int:
    return int(unfilled(step.design).count_params() - revealed_links(step).count_params())


def changed_shapes(step: Step) -> str:
    before = {layer.name: layer.output.shape for layer in unfilled(step.design).layers}
    after = {layer.name: layer.output.shape for layer in revealed_links(step).layers}
    assert {name for name in before if name not in after} == {
        name for name in before if name.endswith("skip_concat") and name not in after
    }
    if all(before[name] == shape for name, shape in after.items()):
        return "no layer that stays: the concatenation alone is gone"
    return "some do"


def held(step: Step) -> int:
    height, width, *_, batch = numbers(step)
    model = unfilled(step.design)
    (join,) = [join for join in joins(model) if join.output.shape[1:3] == (height, width)]
    return 4 * int(batch) * prod(model.get_layer(skip_of(join)).output.shape[1:])


def peak(model: keras.Model) -> int:
    """The most numbers at one time, each feature counted from its making to its last use."""
    order = {layer.name: place for place, layer in enumerate(model.layers)}
    last = dict(order)
    for layer in model.layers:
        for name in sources(layer):
            last[name] = max(last[name], order[layer.name])
    size = {layer.name: prod(layer.output.shape[1:]) for layer in model.layers}
    return max(
        sum(size[name] for name in order if order[name] <= now <= last[name])
        for now in order.values()
    )


def best_cut(step: Step) -> frozenset[str]:
    design = step.design
    assert design
    # Taken out of the model as it is: the layer after the join reads what comes from below.
    peaks = [peak(unfilled(with_decoder_block(design, i, skip_connection=False))) for i in range(3)]
    assert min(peaks) < peak(unfilled(design))
    name = joins(unfilled(design))[int(np.argmin(peaks))].name
    return frozenset([block_id(design.graph[name])])


def way(model: keras.Model, source: str, choose: Callable[[Iterable[int]], int]) -> int:
    """Convolutions on a way from the output back to a layer."""

    @cache
    def back(name: str) -> int | None:
        if name == source:
            return 0
        layer = model.get_layer(name)
        ways = [found for each in sources(layer) if (found := back(each)) is not None]
        return choose(ways) + isinstance(layer, CONVOLUTIONS) if ways else None

    found = back(model.layers[-1].name)
    assert found is not None
    return found


def shortest(step: Step) -> int:
    return way(revealed_links(step), skip_of(joins(unfilled(step.design))[-1]), min)


def two_ways(step: Step) -> float:
    *_, at_sum, deep = numbers(step)
    value, weight = tf.Variable(1.0), deep / at_sum
    with tf.GradientTape() as tape:
        loss = at_sum * (value + weight * value)
    return float(tape.gradient(loss, value))


def by_the_skip_alone(step: Step) -> int:
    """Width of the image's window that the gradient reaches if nothing comes from below."""
    assert step.design
    model = model_of(Design(step.design.architecture, Input(48, 48, 1)))
    for layer in model.layers:  # so that no relu shuts a way
        if isinstance(layer, CONVOLUTIONS):
            kernel, bias = layer.get_weights()
            layer.set_weights([np.abs(kernel), bias])
    join = joins(model)[-1]
    encoder = keras.Model(model.input, model.get_layer(skip_of(join)).output)
    image = tf.ones((1, 48, 48, 1))
    with tf.GradientTape() as tape:
        tape.watch(image)
        skip = encoder(image)
        x = keras.layers.concatenate([skip, tf.zeros_like(skip)])
        for layer in model.layers[model.layers.index(join) + 1 :]:
            x = layer(x)
        reached = tf.reduce_sum(x[:, 24, 24])
    gradient = np.abs(np.asarray(tape.gradient(reached, image)))[0, :, :, 0]
    (columns,) = np.nonzero(gradient.sum(axis=0))
    return int(columns.max() - columns.min() + 1)


def half(design: Design | None) -> int:
    """Side of the window that half of the gradient of the middle pixel lies in."""
    model = model_of(design)
    _, height, width, _ = model.input.shape
    row, column = height // 2, width // 2
    image = tf.constant(np.random.default_rng(0).normal(size=(1, height, width, 1)), "float32")
    with tf.GradientTape() as tape:
        tape.watch(image)
        reached = tf.reduce_sum(model(image)[0, row, column])
    gradient = np.abs(np.asarray(tape.gradient(reached, image)))[0, :, :, 0]
    return next(
        2 * around + 1
        for around in range(width)
        if gradient[row - around : row + around + 1, column - around : column + around + 1].sum()
        >= gradient.sum() / 2
    )


def window_of_half(step: Step) -> str:
    assert step.question
    keras.utils.set_random_seed(1)
    if half(step.question.reveals) > half(step.design):
        return "a larger one: what came by the short way is gone"
    return "not larger"


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "parameters_that_go": parameters_fewer,
            "shapes_that_change": changed_shapes,
            "bytes_that_are_held": held,
            "the_cut_that_lowers_the_peak": best_cut,
            "the_shortest_way_back": shortest,
            "what_comes_back": two_ways,
            "seen_by_the_skip_alone": by_the_skip_alone,
            "where_half_of_the_gradient_lies": window_of_half,
        },
    )


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_longest_way_leads_through_the_middle(seed: str) -> None:
    step = PLAN.step("the_shortest_way_back", seed)
    assert step.question
    model = revealed_links(step)
    longest = way(model, skip_of(joins(unfilled(step.design))[-1]), max)
    assert longest in [mistake.answer for mistake in step.question.mistakes]  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(4))
def test_one_choice_of_cuts_alone_fits(seed: int) -> None:
    question = PLAN.step("build_one", str(seed)).question
    start = PLAN.step("build_one", str(seed)).design
    assert isinstance(question, BuildQuestion)
    fits = []
    for cut in chain.from_iterable(combinations(range(3), count) for count in range(4)):
        design = start
        for index in cut:
            design = with_decoder_block(design, index, skip_connection=False)
        if all(budget.check(design).is_met for budget in question.budgets):
            fits.append(design)
    assert fits == [question.example]
    # The one at full size is what one would cut first.
    finest = with_decoder_block(start, 2, skip_connection=False)
    assert not question.budgets[0].check(finest).is_met
