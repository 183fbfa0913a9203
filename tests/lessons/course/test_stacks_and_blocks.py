"""Lesson 11 against Keras."""

import re
from functools import cache
from math import prod

import keras
import numpy as np

from explorer.core.analysis.design import Design
from explorer.core.families import Hourglass
from explorer.core.network.names import block_id
from explorer.lessons.course.stacks_and_blocks import PLAN
from explorer.lessons.plan import Step
from explorer.lessons.questions import NumberQuestion
from tests.lessons.keras_answers import check, field_of, model_of
from tests.lessons.keras_links import of_kind, revealed_links, sources, unfilled


@cache
def field_of_three(levels: int, stem_stride: int, claimed: float) -> int:
    """The field does not depend on how many filters there are, so few are tried."""
    net = Hourglass(
        stacks=3,
        down_blocks=levels,
        up_blocks=levels,
        stem_stride=stem_stride,
        stem_filters=2,
        filters=2,
        filter_increase=0,
    )
    design = Design(net)
    return field_of(design, claimed, design.graph.outputs[-1].name)


def field(step: Step) -> int:
    asked = step.question
    assert isinstance(asked, NumberQuestion)
    assert asked.reveals
    net = asked.reveals.architecture
    assert isinstance(net, Hourglass)
    assert net.stacks == 3
    return field_of_three(net.down_blocks, net.stem_stride, asked.answer)


def heat_maps(step: Step) -> int:
    model = revealed_links(step)
    assert "training" in step.text
    return sum(output.shape[-1] for output in model.outputs)


def readers_of_the_stem(step: Step) -> frozenset[str]:
    assert step.design
    model = unfilled(step.design)
    stem = [layer.name for layer in model.layers if layer.name.startswith("stem")]
    outside = [
        layer.name
        for layer in model.layers
        if not layer.name.startswith(("stem", "stack0_enc0"))
        and any(name in stem for name in sources(layer))
    ]
    return frozenset(block_id(step.design.graph[name]) for name in outside)


def residual_sum(step: Step) -> float:
    assert step.question
    given, added = map(float, re.findall(r"-?\d+", step.question.prompt.replace("−", "-"))[:2])
    return float(keras.layers.Add()([np.array([[given]]), np.array([[added]])])[0, 0])


def module_weights(step: Step) -> int:
    return sum(
        prod(layer.kernel.shape)
        for layer in of_kind(revealed_links(step), keras.layers.Conv2D)
        if layer.name.startswith("stack0_enc0_res0")
    )


def channels_read(step: Step) -> int:
    assert step.question
    asked = next(
        place
        for place, word in enumerate(["first", "second", "third", "fourth", "fifth", "sixth"])
        if f"its {word} dense" in step.question.prompt
    )
    return int(revealed_links(step).get_layer(f"stack0_enc0_dense{asked}_bn").input.shape[-1])


def links(step: Step) -> int:
    model = revealed_links(step)

    def read(name: str) -> set[str]:
        """What is set side by side in what a layer reads."""
        layer = model.get_layer(name)
        if not isinstance(layer, keras.layers.Concatenate):
            return {name}
        return set().union(*map(read, sources(layer)))

    firsts = [
        layer
        for layer in of_kind(model, keras.layers.BatchNormalization)
        if re.fullmatch(r"stack0_enc0_dense\d+_bn", layer.name)
    ]
    return sum(len(read(name)) for layer in firsts for name in sources(layer))


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "the_field_of_three": field,
            "parameters_of_more": lambda step: revealed_links(step).count_params(),
            "heat_maps_of_all": heat_maps,
            "who_reads_the_stem": readers_of_the_stem,
            "a_residual_sum": residual_sum,
            "weights_of_a_bottleneck": module_weights,
            "channels_of_a_dense_layer": channels_read,
            "links_of_a_dense_block": links,
        },
    )


def test_a_residual_module_hands_on_what_it_gets_and_adds_what_it_made() -> None:
    step = PLAN.step("a_residual_sum", "one")
    assert step.design
    model = model_of(step.design)
    last = model.get_layer("stack0_enc0_res0_add")
    shortcut, made = last.input
    part = keras.Model(model.input, [shortcut, made, last.output])
    image = np.random.default_rng(0).normal(size=(1, *model.input.shape[1:]))
    came, added, out = map(np.asarray, part(image.astype("float32")))
    assert np.allclose(out, came + added, atol=1e-5)
    assert (out < 0).any()  # no relu after the sum
