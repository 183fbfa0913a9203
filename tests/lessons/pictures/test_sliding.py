"""A window that slides over a small grid comes to what Keras computes, and says how."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from explorer import ParameterError, layers
from explorer.core.network.errors import Refusal
from explorer.lessons.pictures.sliding import Border, Sliding, sliding

PADDINGS = st.sampled_from(["same", "valid"])


def by_axis(most: int) -> st.SearchStrategy[Any]:
    """Return a number for both axes, or one for each."""
    numbers = st.integers(1, most)
    return numbers | st.tuples(numbers, numbers)


@st.composite
def windows(draw: st.DrawFn) -> layers.Layer:
    """Return layers of every kind that can be shown."""
    stepping = {"strides": draw(by_axis(3)), "padding": draw(PADDINGS)}
    kind = draw(st.sampled_from(["conv", "depthwise", "max", "average", "up", "transposed"]))
    if kind in ("conv", "depthwise"):
        size = draw(by_axis(4))
        if stepping["strides"] == 1:  # Keras takes one of the two
            stepping["dilation_rate"] = draw(st.integers(1, 3))
        if kind == "depthwise":
            stepping["strides"] = draw(st.integers(1, 3))  # TensorFlow takes one for both axes
            if stepping["strides"] > 1:
                stepping.pop("dilation_rate", None)
            return layers.DepthwiseConv2D(name="a", kernel_size=size, **stepping)
        return layers.Conv2D(name="a", filters=1, kernel_size=size, **stepping)
    if kind in ("max", "average"):
        of_kind = layers.MaxPooling2D if kind == "max" else layers.AveragePooling2D
        return of_kind(name="a", pool_size=draw(by_axis(4)), **stepping)
    if kind == "up":
        how = draw(st.sampled_from(layers.INTERPOLATIONS))
        return layers.UpSampling2D(name="a", size=draw(by_axis(4)), interpolation=how)
    return layers.Conv2DTranspose(name="a", filters=1, kernel_size=draw(by_axis(5)), **stepping)


def fits(layer: layers.Layer, size: int) -> bool:
    """Return whether a layer's window is no larger than a grid."""
    try:
        layer.output_shape([(size, size, 1)])
    except Refusal:
        return False
    return True


def by_keras(layer: layers.Layer, shown: Sliding) -> np.ndarray:
    """Return what Keras makes of the same numbers with the same weights."""
    made = layer.keras_layer()
    image = np.array(shown.values, np.float32)[None, :, :, None]
    made.build(image.shape)
    if shown.kernel:
        kernel, bias = made.weights
        kernel.assign(np.array(shown.kernel, np.float32).reshape(kernel.shape))
        bias.assign(np.zeros(bias.shape))
    return np.array(made(image))[0, :, :, 0]


@given(windows(), st.integers(1, 6), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_the_output_is_what_keras_computes(layer, size, seed):
    assume(fits(layer, size))
    shown = sliding(layer, size, seed)

    expected = by_keras(layer, shown)

    assert (shown.height, shown.width) == expected.shape
    np.testing.assert_allclose(shown.output, expected, atol=1e-4)


def test_an_input_that_is_not_square_is_read_as_it_is():
    layer = layers.Conv2D(name="a", filters=1, kernel_size=(1, 2), strides=(2, 1))
    shown = sliding(layer, values=[[1, 2, 3], [4, 5, 6]], kernel=[[1, 10]])
    assert shown.output == ((21, 32, 3),)
    np.testing.assert_allclose(shown.output, by_keras(layer, shown))


def evaluated(text: str) -> tuple[Fraction, Fraction]:
    """Return what the arithmetic of a step comes to, and what it says that it does."""
    _, _, sum_text = text.partition(": ")
    terms, _, result = sum_text.replace("≈", "=").rpartition(" = ")
    code = terms or result
    for sign, meaning in (("·", "*"), ("×", "*"), ("÷", "/"), ("−", "-")):
        code = code.replace(sign, meaning)
    return eval(code, {"max": max}), float(result.replace("−", "-"))


@given(windows(), st.integers(2, 6))
@settings(max_examples=100, deadline=None)
def test_the_arithmetic_comes_to_what_is_written(layer, size):
    assume(fits(layer, size))
    shown = sliding(layer, size)
    for step in shown.steps:
        if step.text.startswith("Input"):  # what it gives is told, and not what the output gets
            continue
        [write] = step.writes
        result, told = evaluated(step.text)
        assert result == pytest.approx(write.value)
        assert told == pytest.approx(write.value, abs=0.0051)
        assert ("≈" in step.text) == (round(write.value, 2) != pytest.approx(write.value, abs=1e-9))
        assert float(write.text.replace("−", "-")) == told


def test_each_product_of_a_window_is_written_out_with_padding_and_signs():
    layer = layers.Conv2D(name="a", filters=1, kernel_size=2)
    shown = sliding(layer, values=[[3, 5], [-2, 4]], kernel=[[1, -1], [0, 2]])

    first, second, *_ = shown.steps

    assert first.text == "Output row 0, column 0: 3·1 + 5·(−1) + (−2)·0 + 4·2 = 6"
    assert second.text == "Output row 0, column 1: 5·1 + 0·(−1) + 4·0 + 0·2 = 5"
    assert [(cell.row, cell.column, cell.note) for cell in second.reads] == [
        (0, 1, "×1"),
        (0, 2, "×−1"),
        (1, 1, "×0"),
        (1, 2, "×2"),
    ]
    assert shown.padding == Border(0, 0, 1, 1)
    assert shown.padding_text == "0"


def test_padding_does_not_count_in_a_mean():
    layer = layers.AveragePooling2D(name="a", strides=1)
    shown = sliding(layer, values=[[3, 5], [2, 4]])
    assert [step.text for step in shown.steps] == [
        "Output row 0, column 0: (3 + 5 + 2 + 4) ÷ 4 = 3.5",
        "Output row 0, column 1: (5 + 4) ÷ 2 = 4.5",
        "Output row 1, column 0: (2 + 4) ÷ 2 = 3",
        "Output row 1, column 1: 4",
    ]
    assert (shown.padding, shown.padding_text) == (Border(0, 0, 1, 1), "")


def test_a_transposed_convolution_adds_up_where_kernels_overlap_and_cuts_off_the_border():
    layer = layers.Conv2DTranspose(name="a", filters=1)
    shown = sliding(layer, values=[[1, 2], [3, 4]], kernel=[[1, 1, 1]] * 3)

    assert shown.output == ((1, 1, 3, 2), (1, 1, 3, 2), (4, 4, 10, 6), (3, 3, 7, 4))
    assert shown.cut == Border(0, 0, 1, 1)
    assert [write.cell.note for write in shown.steps[1].writes] == ["+2"] * 9
    assert shown.steps[1].text == (
        "Input row 0, column 1: 2·1 = 2, 2·1 = 2, 2·1 = 2, 2·1 = 2, 2·1 = 2, 2·1 = 2, 2·1 = 2, "
        "2·1 = 2, 2·1 = 2 are added to the output; 3 of them are cut off."
    )
    assert "Each output cell gets from 1 to 4 contributions." in shown.note


def test_many_products_are_left_to_the_cells():
    layer = layers.Conv2DTranspose(name="a", filters=1, kernel_size=5)
    first = sliding(layer, values=[[3]], kernel=[[1] * 5] * 5).steps[0]
    told = "Input row 0, column 0: 3 times each of the 25 weights is added to the output; 21 of "
    assert first.text == f"{told}them are cut off."
    assert {write.cell.note for write in first.writes} == {"+3"}


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (
            layers.MaxPooling2D(name="a", pool_size=2, padding="valid"),
            "9 of 25 input cells are never read.",
        ),
        (layers.MaxPooling2D(name="a", pool_size=2), "One channel; every other is treated alike."),
        (
            layers.Conv2DTranspose(name="a", filters=1, kernel_size=1),
            "Each output cell gets from 0 to 1 contributions.",
        ),
        (
            layers.Conv2DTranspose(name="a", filters=1, kernel_size=2),
            "One channel and one filter, without bias.",
        ),
        (
            layers.Conv2D(name="a", filters=1, activation="relu"),
            "One channel and one filter, without bias, before the activation relu.",
        ),
    ],
)
def test_what_is_left_out_and_over_is_said(layer, told):
    assert sliding(layer, size=5).note.endswith(told)


def test_a_seed_decides_the_numbers():
    layer = layers.Conv2D(name="a", filters=8)
    assert sliding(layer) == sliding(layer)
    assert sliding(layer, seed="ada").values != sliding(layer, seed="bob").values
    assert sliding(layer, seed="ada").title == "Conv2D: kernel size 3×3, strides 1, padding same"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"layer": layers.Add(name="a")}, r"Add 'a'.*use a Conv2D, .* or Conv2DTranspose"),
        ({"layer": 3}, "animate.layer=3 has no window"),
        ({"size": 13}, "size=13 .*from 1 to 12"),
        ({"size": True}, "size=True"),
        ({"values": [[1, 2], [3]]}, "values=.*rows of whole numbers up to 99, at most 12×12"),
        ({"values": []}, "values"),
        ({"values": [[]]}, "values"),
        ({"values": [[0.5]]}, "values"),
        ({"values": [[100]]}, "values"),
        ({"values": 3}, "values=3"),
        ({"kernel": [[1]]}, "kernel=.*give 3×3 weights"),
        ({"layer": layers.Conv2D(name="a", filters=1, kernel_size=8)}, "at most 7×7"),
        ({"layer": layers.UpSampling2D(name="a", size=5)}, "30×30 numbers.*smaller grid"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_remedy(given, told):
    with pytest.raises(ParameterError, match=told):
        sliding(**{"layer": layers.Conv2D(name="a", filters=1)} | given)
