"""What is told of networks that learnt side by side."""

from pathlib import Path

import attrs

from explorer import UNet, presets
from explorer.core.analysis.design import Design, Input
from explorer.core.training.examples import FINE
from explorer.lessons.measured import MeasuredPair, measured
from explorer.lessons.plan import lesson

PAIR = MeasuredPair(
    names=("skips", "none"),
    task="masks",
    side=64,
    designs=(UNet(), UNet(skips="none")),
    steps=(50, 100),
    runs=(((0.4, 0.8), (0.0, 0.3)), ((0.4, 0.7), (0.1, 0.62)), ((0.2, 0.9), (0.1, None))),
)


def test_what_was_measured_is_told_with_its_spread() -> None:
    assert PAIR.told() == (
        "after 100 steps (mean of 2 seeds) skips 0.75 and none 0.46 IoU: a gap of 0.29, from 0.08 "
        "to 0.50, at least 0.1 in 1 of 3 seeds"
    )


def test_no_gap_is_a_plain_zero() -> None:
    alike = attrs.evolve(PAIR, runs=(((0.5, 0.869), (0.4, 0.872)),))
    assert "a gap of 0.00, from 0.00 to 0.00" in alike.told()


def test_slower_learning_is_told_where_the_gap_falls_alone() -> None:
    assert PAIR.told_of_time(50) == (
        "a part of it is slower learning: it fell from 0.35 after 50 steps to 0.29 after 100, "
        "with 2 seeds"
    )
    grows = attrs.evolve(PAIR, runs=(((0.5, 0.9), (0.4, 0.6)),))
    assert grows.told_of_time(50) == (
        "it is more than slower learning: it went from 0.10 after 50 steps to 0.30 after 100, "
        "with 1 seed"
    )


def test_the_file_says_what_was_measured_of_which_network() -> None:
    for name, pair in measured().items():
        filters = 8 if name == "field" else 16
        assert pair.designs[0] == attrs.evolve(presets["U-Net (small)"], filters=filters)
        assert all(len(curve) == len(pair.steps) for run in pair.runs for curve in run)
        assert pair.gaps(pair.steps[-1])


def test_lesson_8_tells_it_of_the_network_on_screen() -> None:
    step = lesson(8).step("what_training_says", "Ada")
    pair = measured()["skips"]
    assert pair.told()[1:] in step.text
    assert f"with lines of {FINE:g} px" in step.text
    assert measured()["skips, longer"].told_of_time(pair.steps[-1])[1:] in step.text
    assert step.design.architecture == pair.designs[0]
    assert step.design == Design(presets["U-Net (small)"], Input(pair.side, pair.side, 1))


def test_the_guide_tells_what_was_measured(repository: Path) -> None:
    guide = " ".join((repository / "notebooks/guide.md").read_text(encoding="utf-8").split())
    pairs = dict(measured())
    longer = pairs.pop("skips, longer")
    for pair in pairs.values():
        assert pair.told() in guide
    assert longer.told_of_time(pairs["skips"].steps[-1]) in guide
