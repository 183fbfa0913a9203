"""Limits on what a design has, and how one keeps to them."""

from typing import Any

import attrs
import pytest

from explorer import Custom, StridedConvBlock, UNet
from explorer.core.analysis.budgets import MEASURES, Budget
from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design, Input

DESIGN = Design(UNet(filters=4, down_blocks=2, up_blocks=1), Input(32, 48, 1))


def test_measures_are_those_of_the_report() -> None:
    report = DESIGN.report
    told = {
        "parameters": report.total_params,
        "multiply-adds": report.macs,
        "memory": report.peak_memory_bytes,
        "receptive field": min(report.receptive_field),
        "output stride": 2,
        "skip connections": len(wiring_of(DESIGN.graph).skips),
    }
    assert {name: MEASURES[name].of(DESIGN) for name in told} == told


@pytest.mark.parametrize("name", MEASURES)
def test_a_budget_is_kept_at_its_very_limit(name: str) -> None:
    value = MEASURES[name].of(DESIGN)
    assert value is not None
    assert Budget(name, at_most=value, at_least=value).check(DESIGN).is_met
    assert not Budget(name, at_most=value - 1).check(DESIGN).is_met
    missed = Budget(name, at_least=value + 1).check(DESIGN)
    assert not missed.is_met
    assert missed.value == value
    assert missed.words.startswith("at least ")
    assert ": no, " in missed.words


def test_what_is_not_known_keeps_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = attrs.evolve(MEASURES["parameters"], of=lambda design: None)
    monkeypatch.setattr(Budget, "measure", unknown)
    checked = Budget("parameters", at_most=10**9).check(DESIGN)
    assert not checked.is_met
    assert checked.words.endswith("not known of this network")


def test_there_is_no_budget_of_what_nobody_measures() -> None:
    with pytest.raises(ValueError, match="beauty"):
        Budget("beauty", at_least=1)


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


def test_the_widest_convolution_is_that_with_most_filters() -> None:
    assert "16 filters in its widest convolution" in checked("most filters", 16)
    checked("most filters", 36, filters_rate=3)


def test_the_largest_stride_is_that_of_the_middle() -> None:
    assert "a maximum stride of 4" in checked("maximum stride", 4)
    checked("maximum stride", 8, down_blocks=3)
