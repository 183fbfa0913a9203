"""Which of two networks is better, by how much, and in how many seeds: told as it is."""

import math

import pytest

from explorer import UNet
from explorer.core.asking.training import LearningCurve, Learnt, Score, Training, TrainingSettings
from explorer.core.asking.twins import TwinRun, Twins, check_differ

A = UNet(filters=2, down_blocks=1, up_blocks=1)
B = UNet(filters=2, down_blocks=1, up_blocks=1, skips="none")
SHAPE = (32, 32, 1)


def curve(value: float) -> LearningCurve:
    return LearningCurve(1.5, (0.9, 0.8), (Score(0, 1.0, 0.1), Score(2, 1.5, value)))


def twins(*values: tuple[float, float], task: str = "masks", names=("A", "B")) -> Twins:
    settings = TrainingSettings(task=task)
    runs = tuple(TwinRun(seed, curve(a), curve(b)) for seed, (a, b) in enumerate(values))
    return Twins(Training(A, SHAPE, settings), Training(B, SHAPE, settings), runs, names)


def test_a_difference_has_mean_spread_and_deviation():
    found = twins((0.8, 0.7), (0.85, 0.71), (0.84, 0.72), names=("with skips", "without"))
    assert found.gains == pytest.approx((0.1, 0.14, 0.12))
    assert found.mean == pytest.approx(0.12)
    assert found.spread == pytest.approx((0.1, 0.14))
    assert found.deviation == pytest.approx(0.02)
    assert found.is_clear
    assert str(found) == (
        "IoU after 2 steps, mean of 3 seeds: with skips 0.83, without 0.71; with skips is 0.12 "
        "better, in 3 of 3 seeds (spread 0.10 to 0.14, standard deviation 0.02)."
    )


def test_the_better_one_is_named_whichever_it_is():
    found = twins((0.5, 0.7), (0.6, 0.7))
    assert found.spread == pytest.approx((-0.2, -0.1))
    assert "B is 0.15 better, in 2 of 2 seeds (spread 0.10 to 0.20" in str(found)


def test_less_is_better_of_an_error():
    found = twins((2.0, 3.5), (2.5, 3.0), task="dots")
    assert found.gains == (1.5, 0.5)
    assert "A 2.2 px, B 3.2 px; A is 1.0 px better, in 2 of 2 seeds" in str(found)


def test_a_sign_that_differs_between_seeds_is_no_clear_difference():
    found = twins((0.8, 0.7), (0.7, 0.72), (0.75, 0.7))
    assert not found.is_clear
    assert (
        "no clear difference: A is better in 2 of 3 seeds, from 0.02 worse to 0.10 better"
        in str(found)
    )


def test_what_rounds_to_nothing_is_no_clear_difference():
    assert not twins((0.704, 0.702), (0.703, 0.7)).is_clear
    assert "no difference in one seed" in str(twins((0.704, 0.702)))


def test_one_seed_may_be_chance():
    found = twins((0.8, 0.7))
    assert found.deviation is None
    assert not found.is_clear
    assert "A 0.80, B 0.70; A is 0.10 better in one seed, which may be chance." in str(found)


def test_what_is_no_number_is_left_out_and_told():
    found = twins((math.nan, 0.7), (0.8, 0.7), (0.9, 0.7))
    assert found.mean == pytest.approx(0.15)
    assert "mean of 2 seeds: A 0.85, B 0.70" in str(found)
    assert str(found).endswith("Left out: an answer was no number in 1 of 3 seeds.")
    none = twins((math.nan, 0.7))
    assert math.isnan(none.mean)
    assert not none.is_clear
    assert str(none) == "IoU after 2 steps: an answer was no number in 1 of 1 seed."


def test_curves_are_a_table_of_seeds_and_steps():
    frame = twins((0.8, 0.7), (0.9, 0.6)).to_pandas()
    assert list(frame.columns) == ["A loss", "A IoU", "B loss", "B IoU"]
    assert frame.loc[(1, 2), "B IoU"] == 0.6
    assert frame.loc[1, "A loss"].tolist()[1:] == [0.9, 0.8]
    assert frame.index.names == ["seed", "step"]


def test_a_curve_goes_on_with_what_was_learnt():
    more = curve(0.5).extended(Learnt(4, 3.0, (0.7, 0.6), (Score(4, 3.0, 0.6),)))
    assert more.losses == (0.9, 0.8, 0.7, 0.6)
    assert (more.seconds, more.metric) == (3.0, 0.6)


def test_twins_differ_and_take_the_same_pictures():
    with pytest.raises(ValueError, match="A and B are the same network"):
        check_differ(Training(A, SHAPE), Training(A, SHAPE))
    with pytest.raises(ValueError, match="pictures of 32×32×1 and 64×64×1"):
        check_differ(Training(A, SHAPE), Training(B, (64, 64, 1)))
    check_differ(Training(A, SHAPE), Training(B, SHAPE))
