"""Lesson 10 against Keras."""

from functools import cache
from random import Random
from typing import Any

import keras
import numpy as np
import pytest

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design
from explorer.core.network import layers
from explorer.core.network.names import block_id
from explorer.lessons.course.up_again import PLAN, _flat_output
from explorer.lessons.plan import Step
from explorer.lessons.questions import BuildQuestion
from tests.lessons.keras_answers import check, model_of, numbers_of
from tests.lessons.keras_links import of_kind, unfilled
from tests.lessons.moves import fitting, single_moves

rng = np.random.default_rng(0)


def transposed(design: Design | None) -> Any:
    (layer,) = of_kind(unfilled(design), keras.layers.Conv2DTranspose)
    return layer


def put_out(kernel: int, stride: int, weights: np.ndarray, size: int = 40) -> np.ndarray:
    """What a transposed convolution makes of ones, away from the border.

    Weights are of (kernel, kernel, filters).
    """
    layer = keras.layers.Conv2DTranspose(
        weights.shape[-1], kernel, strides=stride, padding="same", use_bias=False
    )
    layer.build((None, size, size, 1))
    layer.set_weights([weights[..., None]])
    rim = 3 * kernel
    return np.asarray(layer(np.ones((1, size, size, 1), "float32")))[0, rim:-rim, rim:-rim]


@cache
def counts(kernel: int, stride: int) -> np.ndarray:
    return put_out(kernel, stride, np.ones((kernel, kernel, 1), "float32"))


def contributions(step: Step) -> int:
    layer = transposed(step.design)
    row, column, *_ = numbers_of(step)
    read = layer.input.shape[1:]
    twin = keras.layers.Conv2DTranspose(
        1, layer.kernel_size, strides=layer.strides, padding=layer.padding, use_bias=False
    )
    twin.build((None, *read[:2], 1))
    twin.set_weights([np.ones_like(twin.get_weights()[0])])
    return round(float(twin(np.ones((1, *read[:2], 1), "float32"))[0, row, column, 0]))


def even_kernel(step: Step) -> str:
    stride = transposed(step.design).strides[0]
    (even,) = [
        choice
        for choice in step.question.choices  # type: ignore[union-attr]
        if np.ptp(counts(int(choice.split("×")[0]), stride)) < 1e-3
    ]
    return even


def uneven_block(step: Step) -> frozenset[str]:
    assert step.design
    found = {
        layer.name
        for layer in of_kind(unfilled(step.design), keras.layers.Conv2DTranspose)
        if np.ptp(counts(layer.kernel_size[0], layer.strides[0])) > 0.5
    }
    return frozenset(block_id(node) for node in step.design.graph if node.name in found)


def ratio_of_spreads(step: Step) -> float:
    layer = transposed(step.design)
    kernel, stride = layer.kernel_size[0], layer.strides[0]
    # A filter for each weight: the output is linear in the weights, which are independent.
    each = np.eye(kernel**2, dtype="float32").reshape(kernel, kernel, -1)
    spread = np.sqrt((put_out(kernel, stride, each) ** 2).sum(-1))
    return float(spread.max() / spread.min())


def different_values(step: Step) -> int:
    layer = transposed(step.design)
    kernel, stride = layer.kernel_size[0], layer.strides[0]
    weights = rng.normal(size=(kernel, kernel, 1)).astype("float32")
    return len(np.unique(np.round(put_out(kernel, stride, weights), 4)))


def interpolated(step: Step) -> float:
    near, beside, under, across = numbers_of(step)[:4]
    grid = np.array([[near, beside], [under, across]], "float32")[None, :, :, None]
    enlarged = keras.layers.UpSampling2D(2, interpolation="bilinear")(grid)
    return float(enlarged[0, 1, 1, 0])


def last_convolution(step: Step) -> int:
    assert step.question
    return int(of_kind(unfilled(step.question.reveals), keras.layers.Conv2D)[-1].count_params())


def test_answers_are_those_of_keras() -> None:
    check(
        PLAN,
        {
            "contributions": contributions,
            "an_even_kernel": even_kernel,
            "the_uneven_block": uneven_block,
            "spread_of_an_untrained_output": ratio_of_spreads,
            "values_of_a_flat_feature": different_values,
            "a_bilinear_value": interpolated,
            "what_the_next_convolution_reads": last_convolution,
        },
    )


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (4, 2), (7, 2), (5, 3), (8, 3)])
def test_the_picture_of_a_flat_output_is_that_of_keras(kernel: int, stride: int) -> None:
    layer = layers.Conv2DTranspose(name="up", filters=1, kernel_size=kernel, strides=stride)
    shown = np.array(_flat_output(layer, Random(1), 4 * stride))
    draws = Random(1)
    weights = np.array([[draws.gauss(0, 1) for _ in range(kernel)] for _ in range(kernel)])
    made = put_out(kernel, stride, weights[..., None].astype("float32"))[:, :, 0]
    from_a_multiple = -3 * kernel % stride  # where the part that `put_out` returns begins
    part = made[from_a_multiple:, from_a_multiple:][: 4 * stride, : 4 * stride]
    assert np.allclose(part, shown, atol=1e-5)


def test_interpolation_and_a_convolution_keep_a_flat_feature_flat() -> None:
    # What the lesson says beside its questions.
    for interpolation in ("nearest", "bilinear"):
        up = keras.Sequential(
            [
                keras.layers.UpSampling2D(2, interpolation=interpolation),
                keras.layers.Conv2D(3, 3, padding="same"),
            ]
        )
        made = np.asarray(up(np.ones((1, 12, 12, 2), "float32")))[0, 2:-2, 2:-2]
        assert np.allclose(made, made[0, 0], atol=1e-5)


def test_what_the_last_step_shows_repeats_every_four_pixels() -> None:
    step = PLAN.step("look_at_it", "one")
    made = np.asarray(model_of(step.design)(np.ones((1, 160, 160, 1), "float32")))[
        0, 24:-24, 24:-24
    ]
    assert np.allclose(made[:-4], made[4:], atol=1e-4)
    assert np.allclose(made[:, :-4], made[:, 4:], atol=1e-4)
    assert np.ptp(made[:4, :4, 0]) > 1e-3


def test_more_than_one_way_leads_to_an_even_overlap() -> None:
    step = PLAN.step("build_an_even_one", "one")
    assert isinstance(step.question, BuildQuestion)
    even = Budget("uneven upsamplings", at_least=0, at_most=0)
    assert step.design
    assert not even.check(step.design).is_met
    assert even.check(step.question.example).is_met
    for kernel in (2, 4):
        net: Any = step.design.architecture
        other = Design(type(net)(filters=4, kernel_size=kernel), step.design.input)
        assert even.check(other).is_met


@pytest.mark.parametrize("seed", range(4))
def test_no_one_move_of_a_control_builds_an_even_one(seed: int) -> None:
    step = PLAN.step("build_an_even_one", str(seed))
    assert isinstance(step.question, BuildQuestion)
    assert not fitting(step, single_moves(step.design))
    assert fitting(step, [step.question.example])
