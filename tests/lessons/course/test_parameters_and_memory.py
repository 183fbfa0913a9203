"""Lesson 3 against Keras."""

import re
from math import prod
from typing import Any

import keras
from attrs import evolve

from explorer.core.analysis.design import Design
from explorer.core.network.names import block_id
from explorer.lessons.course.parameters_and_memory import PLAN
from explorer.lessons.plan import Step
from tests.lessons.keras_answers import check, model_of, revealed


def convolutions(design: Design | None) -> list[Any]:
    return [each for each in model_of(design).layers if isinstance(each, keras.layers.Conv2D)]


def values(layer: Any) -> int:
    return prod(layer.output.shape[1:])


def growth(step: Step) -> str:
    before, after = (convolutions(each)[1] for each in (step.design, revealed(step)))
    parameters = prod(after.kernel.shape) / prod(before.kernel.shape)
    return f"parameters × {parameters:.0f}, output × {values(after) / values(before):.0f}"


def weights_below(step: Step) -> int:
    """Return the weights that the question asks for, where those that it tells are Keras', too."""
    assert step.question
    second = {layer.name: prod(layer.kernel.shape) for layer in convolutions(revealed(step))}
    told = re.findall(r"has ([\d,]+) weights", step.question.prompt)
    assert told == [f"{second['stack0_enc0_conv1']:,}"]
    return second["stack0_enc1_conv1"]


def values_at_the_bottom(step: Step) -> int:
    layers = convolutions(revealed(step))
    smallest = min(prod(layer.output.shape[1:3]) for layer in layers)
    found = {values(layer) for layer in layers if prod(layer.output.shape[1:3]) == smallest}
    # Of those at the lowest resolution; a transposed convolution puts out at the next one.
    assert len(found) == 1
    return found.pop()


def most_of(step: Step, amounts: dict[str, int], join: Any) -> frozenset[str]:
    """Return the blocks with most, given what each layer has, by name."""
    of_blocks: dict[str, list[int]] = {}
    for node in revealed(step).graph:
        if node.block:
            of_blocks.setdefault(block_id(node), []).append(amounts[node.name])
    joined = {block: join(each) for block, each in of_blocks.items()}
    return frozenset(block for block, each in joined.items() if each == max(joined.values()))


def most_parameters(step: Step) -> frozenset[str]:
    layers = model_of(revealed(step)).layers
    return most_of(step, {layer.name: layer.count_params() for layer in layers}, sum)


def most_memory(step: Step) -> frozenset[str]:
    layers = model_of(revealed(step)).layers
    return most_of(step, {layer.name: values(layer) for layer in layers}, max)


def peak_of_a_batch(step: Step) -> float:
    """Go through Keras' layers, and drop each output after the last layer that reads it."""
    assert step.question
    (count,) = re.findall(r"batch of (\d+)", step.question.prompt)
    model = model_of(revealed(step))
    read = {
        layer.name: [
            tensor._keras_history.operation.name
            for tensor in keras.tree.flatten(layer.input)
            if layer.name != tensor._keras_history.operation.name
        ]
        for layer in model.layers
    }
    last = {source: layer.name for layer in model.layers for source in read[layer.name]}
    alive: dict[str, int] = {}
    peak = 0
    for layer in model.layers:
        alive[layer.name] = values(layer)
        peak = max(peak, sum(alive.values()))
        for source in set(read[layer.name]):
            if last[source] == layer.name:
                del alive[source]
    return (int(count) * peak + model.count_params()) * 4 / 1024


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "a_level_below": weights_below,
            "growth": growth,
            "values_at_the_bottom": values_at_the_bottom,
            "most_parameters": most_parameters,
            "most_memory": most_memory,
            "a_batch": peak_of_a_batch,
        },
    )


def test_twice_the_filters_do_not_solve_what_is_to_be_built() -> None:
    for seed in range(30):
        step = PLAN.step("build_one", str(seed))
        assert step.design
        assert step.question
        net: Any = step.design.architecture
        wide = Design(evolve(net, filters=2 * net.filters), step.design.input)
        checked = {b.of: b.check(wide).is_met for b in step.question.budgets}  # type: ignore[attr-defined]
        assert checked["parameters"]
        assert not checked["memory"]
