"""Lesson 5 against Keras: one pixel is lit, and what it makes of every layer is looked at."""

import re
from typing import Any

import attrs
import numpy as np

from explorer.core.analysis.design import Design, Input
from explorer.core.families import UNet
from explorer.core.network.names import block_id
from explorer.lessons.course.one_pixel import PLAN
from explorer.lessons.plan import Step
from explorer.lessons.questions import ChoiceQuestion, NumberQuestion
from tests.lessons.keras_answers import check, field_of, reactions, revealed, slim

NUMBER = re.compile(r"\d+")


def slimmed(design: Design | None) -> Design:
    assert design
    return Design(slim(design.architecture))


def answer(step: Step) -> float:
    assert isinstance(step.question, NumberQuestion)
    return step.question.answer


def reach(step: Step, kind: str) -> int:
    """Return at how many positions of the last layer of a kind a pixel in the middle is felt."""
    reacts = [
        found for name, found in reactions(slimmed(revealed(step)), 64).items() if kind in name
    ][-1]
    counts = {int(reacts[:, pixel].sum()) for pixel in range(28, 36)}
    (count,) = counts  # whichever pixel it is
    return count


def first_block(step: Step) -> frozenset[str]:
    assert step.design
    assert step.question
    pixel, column = map(int, NUMBER.findall(step.question.prompt))
    found = reactions(slimmed(step.design), 64)
    return frozenset(
        [
            next(
                block_id(node)
                for node in step.design.graph
                if node.block and found[node.name][column, pixel]
            )
        ]
    )


def best_blocks(step: Step) -> frozenset[str]:
    assert step.design
    net: Any = step.design.architecture
    fields = {}
    for i, block in enumerate(net.encoder):
        encoder = (*net.encoder[:i], attrs.evolve(block, kernel_size=5), *net.encoder[i + 1 :])
        changed = attrs.evolve(step.design, architecture=attrs.evolve(net, encoder=encoder))
        first = next(n for n in step.design.graph if n.block and n.block.index == i)
        fields[block_id(first)] = field_of(slimmed(changed), 160)
    return frozenset(name for name, field in fields.items() if field == max(fields.values()))


def what_helps(step: Step) -> str:
    assert step.design
    assert isinstance(step.question, ChoiceQuestion)
    side = int(NUMBER.findall(step.question.prompt)[0])
    helpful = [
        choice for choice in step.question.choices if held(choice, step.design, side) is not False
    ]
    (choice,) = helpful
    return choice


def held(choice: str, design: Design, side: int) -> bool:
    """Return whether the output of a Keras model, changed as a choice says, sees so far."""
    net: Any = design.architecture
    first = int(NUMBER.findall(choice)[0]) if NUMBER.search(choice) else 0
    if choice.startswith("Enlarge"):
        side *= first // design.input.height
    changes: dict[str, Any] = {
        "Show it more": {},
        "Enlarge": {},
        "Take the skips": {"skips": "none"},
        "Add the skip": {"skips": "concatenate"},
        "Go one level": {"down_blocks": first, "up_blocks": first},
        "Take kernels": {"kernel_size": first},
        "Put": {"convs_per_block": first},
        "Take ": {"filters": first},
    }
    change = next(change for start, change in changes.items() if choice.startswith(start))
    if "filters" not in change:
        net = slim(net)
    return field_of(Design(attrs.evolve(net, **change)), 104) >= side


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "reach_of_a_convolution": lambda step: reach(step, "conv"),
            "two_convolutions": lambda step: field_of(slimmed(revealed(step)), 16),
            "first_layer_that_feels_it": first_block,
            "through_a_pooling": lambda step: reach(step, "pool"),
            "a_step_counts_more": lambda step: (
                field_of(slimmed(revealed(step)), answer(step) + 90)
                - field_of(slimmed(step.design), 90)
            ),
            "step_by_step": lambda step: field_of(slimmed(revealed(step)), answer(step)),
            "where_a_larger_kernel_tells": best_blocks,
            "the_whole_object": what_helps,
        },
    )


def test_a_learner_who_doubles_nothing_is_told_of_the_stride() -> None:
    for seed in range(20):
        question = PLAN.step("a_step_counts_more", str(seed)).question
        assert question
        assert question.reveals
        kernel = int(NUMBER.findall(question.prompt)[0])
        verdict = question.judged(question.taken(f"{kernel - 1} px"))
        assert not verdict.is_right
        assert "stride" in verdict.reason


def test_the_object_fits_in_the_image() -> None:
    for seed in range(40):
        step = PLAN.step("the_whole_object", str(seed))
        assert step.design
        assert step.question
        side = int(NUMBER.findall(step.question.prompt)[0])
        assert side <= min(step.design.input.shape[:2])


def test_what_has_to_be_built_can_be_built_in_several_ways() -> None:
    for seed in range(6):
        question = PLAN.step("build_one", str(seed)).question
        budgets = question.budgets  # type: ignore[union-attr]
        side = np.lcm.reduce([2, 4, 8, 16, 32])
        tried = [
            Design(
                UNet(
                    filters=filters,
                    down_blocks=depth,
                    up_blocks=depth,
                    kernel_size=kernel,
                    convs_per_block=convs,
                ),
                Input(int(side), int(side), 1),
            )
            for filters in (2, 3, 4, 6)
            for depth in (2, 3, 4)
            for kernel in (3, 5)
            for convs in (1, 2, 3)
        ]
        fits = [d for d in tried if all(budget.check(d).is_met for budget in budgets)]
        assert len(fits) > 1, seed
