"""Limits on what a design has, and how one keeps to them."""

from fractions import Fraction
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from explorer import Custom, StridedConvBlock, UNet, load, to_json, trace
from explorer.core.analysis.budgets import MEASURES, Budget, value_of
from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.device_profile import DeviceProfile, work_of
from explorer.core.analysis.expected_memory import expected_bytes, expected_forward_bytes
from explorer.core.formatting import byte_size
from explorer.core.network.errors import ParameterError, Refusal

PROFILE = DeviceProfile(
    "CPU",
    "TensorFlow",
    "graph",
    "float32",
    {**dict.fromkeys(work_of(trace(UNet(), (32, 32, 1)), 1), 0.0), "calls": 2.5},
    error=0.1,
)
DESIGN = Design(UNet(filters=4, down_blocks=2, up_blocks=1), Input(32, 48, 1, batch_size=3))


def test_measures_are_those_of_the_report() -> None:
    report = DESIGN.report
    told = {
        "parameters": report.total_params,
        "multiply-adds": report.macs,
        "memory": report.peak_memory_bytes,
        "memory of the batch": report.weights_bytes + 3 * report.peak_activation_bytes,
        "time": 2.5,
        "inference memory": expected_forward_bytes(DESIGN),
        "training memory": expected_bytes(DESIGN),
        "receptive field": min(report.receptive_field),
        "output stride": 2,
        "skip connections": len(wiring_of(DESIGN.graph).skips),
    }
    assert {name: value_of(name, DESIGN, PROFILE) for name in told} == told


@pytest.mark.parametrize("name", MEASURES)
def test_a_budget_is_kept_at_its_very_limit(name: str) -> None:
    value = value_of(name, DESIGN, PROFILE)
    assert value is not None
    assert Budget(name, at_most=value, at_least=value).check(DESIGN, PROFILE).is_met
    assert value == 0 or not Budget(name, at_most=value - 1).check(DESIGN, PROFILE).is_met
    missed = Budget(name, at_least=value + 1).check(DESIGN, PROFILE)
    assert not missed.is_met
    assert missed.value == value
    assert missed.words.startswith("at least ")
    assert ": no, " in missed.words


def test_what_is_not_known_keeps_to_nothing() -> None:
    checked = Budget("time", at_most=10**9).check(DESIGN)
    assert not checked.is_met
    assert checked.words.endswith("not known of this network")


def test_there_is_no_budget_of_what_nobody_measures() -> None:
    with pytest.raises(ParameterError, match="'beauty' is no measure: use some of parameters, mul"):
        Budget("beauty", at_least=1)


@pytest.mark.parametrize("limit", [nan, inf, -1, -inf, True, "9", [9], 10**400])
def test_a_limit_is_a_finite_number_from_0_on(limit: Any) -> None:
    for side in ("at_most", "at_least"):
        with pytest.raises(ParameterError, match=rf"Budget\.{side}=.* is no amount: give a number"):
            Budget("memory", **{side: limit})


@pytest.mark.parametrize(
    ("limit", "same"),
    [
        (np.int64(9), 9),
        (np.float32(0.5), 0.5),
        (Fraction(18, 2), 9.0),
        (Fraction(1, 3), 1 / 3),
        (10**30, 10**30),
    ],
)
def test_limits_of_other_kinds_are_numbers_that_json_knows(limit: Any, same: float) -> None:
    for side in ("at_most", "at_least"):
        made = Budget("parameters", **{side: limit})
        assert made == Budget("parameters", **{side: same})
        text = to_json(UNet(), [made])
        assert load(text).budgets == (made,)


OTHER = Design(UNet(filters=4, down_blocks=3, up_blocks=2), Input(48, 64, 1))


@pytest.mark.parametrize(
    ("of", "value", "words"),
    [
        ("image height", 48, "an image height of 48 px"),
        ("image width", 64, "an image width of 64 px"),
        ("output channels", 8, "an output of 8 channels"),
        ("maximum stride", 8, "a maximum stride of 8"),
        ("output stride", 2, "an output stride of 2"),
    ],
)
def test_measures(of: str, value: float, words: str) -> None:
    checked = Budget(of, at_least=value, at_most=value).check(OTHER)

    assert checked.is_met
    assert checked.value == value
    assert checked.words == f"exactly {words}: yes, {words}"
    assert not Budget(of, at_most=value - 1).check(OTHER).is_met
    assert not Budget(of, at_least=value + 1).check(OTHER).is_met


def test_the_maximum_stride_is_that_of_the_axis_where_it_is_larger() -> None:
    blocks = tuple(
        StridedConvBlock(pooling_stride=stride, along=along, filters=4)
        for stride, along in ((8, "height"), (2, "width"))
    )
    design = Design(Custom(encoder=blocks), Input(16, 16, 1))

    assert Budget("maximum stride").check(design).value == 8


def test_what_few_digits_do_not_tell_apart_is_told_by_its_difference() -> None:
    value = DESIGN.report.total_params
    assert (
        Budget("parameters", at_most=value - 2).check(DESIGN).words.endswith("parameters, 2 over")
    )
    assert Budget("parameters", at_least=value + 3).check(DESIGN).words.endswith(", 3 short")
    assert Budget("parameters", at_most=9).check(DESIGN).words.endswith("k parameters")


def checked(measure: str, value: int, **fields: Any) -> str:
    net = UNet(**{"filters": 4, "down_blocks": 2, "up_blocks": 2, "convs_per_block": 1} | fields)
    found = Budget(measure, at_least=value, at_most=value).check(Design(net, Input(32, 24, 1)))
    assert found.is_met, found.words
    return found.words


@pytest.mark.parametrize(
    ("kernel", "uneven"), [(1, 2), (2, 0), (3, 2), (4, 0), (5, 2)], ids=lambda n: str(n)
)
def test_an_upsampling_is_uneven_whose_stride_does_not_divide_the_kernel(
    kernel: int, uneven: int
) -> None:
    assert f"{uneven} transposed convolutions with an uneven" in checked(
        "uneven upsamplings", uneven, kernel_size=kernel
    )


def test_interpolation_is_even() -> None:
    checked("uneven upsamplings", 0, up_interpolate=True)
    checked("transposed convolutions", 0, up_interpolate=True)
    checked("transposed convolutions", 2)


def test_the_widest_convolution_is_that_with_most_filters() -> None:
    assert "16 filters in its widest convolution" in checked("most filters", 16)
    checked("most filters", 36, filters_rate=3)


def test_the_largest_stride_is_that_of_the_middle() -> None:
    assert "a maximum stride of 4" in checked("maximum stride", 4)
    checked("maximum stride", 8, down_blocks=3)


@pytest.mark.parametrize(
    ("of", "text", "value", "exact"),
    [
        ("parameters", "300k", 300_000, "300 k"),
        ("parameters", " 1,234,567 ", 1_234_567, "1234567"),
        ("multiply-adds", "2.5 g", 2_500_000_000, "2.5 G"),
        ("memory", "2 GB", 2_000_000_000, "2 GB"),
        ("memory", "2gib", 2**31, "2 GiB"),
        ("memory", "1.5 MiB", 1_572_864, "1.5 MiB"),
        ("receptive field", "180", 180, "180 px"),
        ("receptive field", "180px", 180, "180 px"),
        ("output stride", "0.5", 0.5, "0.5"),
        ("parameters", "2.5E6", 2_500_000, "2.5 M"),
    ],
)
def test_an_amount_is_read_as_it_is_written(of: str, text: str, value: float, exact: str) -> None:
    measure = MEASURES[of]
    assert measure.read(text) == value
    assert measure.exact(value) == exact
    assert measure.read(exact) == value


@pytest.mark.parametrize("of", MEASURES)
@pytest.mark.parametrize("value", [0, 1, 999, 12_345, 2**33 + 1, 10**13, 10**16])
def test_no_digit_of_an_amount_is_lost(of: str, value: int) -> None:
    assert MEASURES[of].read(MEASURES[of].exact(value)) == value


@pytest.mark.parametrize(
    ("of", "text", "remedy"),
    [
        ("memory", "2", "give a number with a unit: GiB, GB"),
        ("memory", "2 px", "with a unit"),
        ("parameters", "-3", "or with a unit: T, G, M, k"),
        ("receptive field", "far", "or with a unit: px"),
        ("output stride", "1 k", "give a number."),
        ("output stride", "", "give a number."),
        ("parameters", "1e999", "give a number, or with"),
    ],
)
def test_what_is_no_amount_is_refused(of: str, text: str, remedy: str) -> None:
    with pytest.raises(Refusal, match=remedy) as refused:
        MEASURES[of].read(text)
    assert str(refused.value).startswith(f"{of}={text!r} is no amount")


@pytest.mark.parametrize(
    ("budget", "verdict", "gap"),
    [
        (Budget("image height", at_least=48), "passed", 0.0),
        (Budget("image height", at_least=60), "missed by 12 px", 0.2),
        (Budget("image height", at_most=24), "missed by 24 px", 0.5),
        (Budget("image height", at_least=10, at_most=36), "missed by 12 px", 0.25),
        (
            Budget("memory", at_most=0),
            f"missed by {byte_size(OTHER.report.peak_memory_bytes)}",
            1.0,
        ),
    ],
)
def test_it_is_told_by_how_much_a_budget_is_missed(
    budget: Budget, verdict: str, gap: float
) -> None:
    checked = budget.check(OTHER)
    assert (checked.verdict, checked.relative_gap) == (verdict, gap)
