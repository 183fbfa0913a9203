"""Small tasks: their pictures by seed, how answers are judged, and which designs can learn them."""

import numpy as np
import pytest

from explorer import Head, ParameterError, UNet, trace
from explorer.core.training.examples import averaged, batch, held_out
from explorer.core.training.fitting import output_strides, side_for
from explorer.core.training.metrics import boundary_f1, iou, position_error, psnr, score
from explorer.core.training.pictures import answer_png
from explorer.core.training.tasks import DENOISE, DOTS, HELD_OUT, MASKS, TASKS, task_of

SMALL = UNet(filters=4, down_blocks=2, up_blocks=2)
TASK = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


@TASK
def test_the_same_seed_and_step_give_the_same_pictures_and_others_others(task):
    one = batch(task, (48, 64, 3), 2, seed=5, step=7)
    again = batch(task, (48, 64, 3), 2, seed=5, step=7)
    assert np.array_equal(one.images, again.images)
    assert np.array_equal(one.answers, again.answers)
    for other in ({"seed": 6, "step": 7}, {"seed": 5, "step": 8}):
        assert not np.array_equal(one.images, batch(task, (48, 64, 3), 2, **other).images)


@TASK
def test_pictures_have_the_shape_of_the_input_and_values_from_0_to_1(task):
    drawn = batch(task, (48, 64, 2), 3, seed=0, step=0)
    assert drawn.images.shape == (3, 48, 64, 2)
    assert drawn.answers.shape == (3, 48, 64, task.channels)
    for values in (drawn.images, drawn.answers):
        assert values.dtype == np.float32
        assert 0 <= values.min() < values.max() <= 1


@TASK
def test_what_is_held_out_is_never_learnt_from(task):
    kept = held_out(task, (64, 64, 1))
    assert len(kept.images) == HELD_OUT
    learnt = np.concatenate([batch(task, (64, 64, 1), 4, 0, step).images for step in range(20)])
    for image in kept.images:
        assert abs(learnt - image).reshape(len(learnt), -1).max(axis=1).min() > 0


@TASK
def test_the_true_answers_are_perfect(task):
    kept = held_out(task, (64, 64, 1))
    perfect = {"masks": 1.0, "edges": 1.0, "denoise": 120.0}.get(task.name)
    found = score(task, kept, kept.answers)
    if perfect is None:  # the highest value lies on a pixel, the position between them
        assert 0 < found < 0.5
    else:
        assert found == pytest.approx(perfect)


def test_no_threshold_finds_the_shapes():
    """No one grey value tells masks from their ground: shapes are lighter or darker."""
    kept = held_out(MASKS, (64, 64, 1))
    true = kept.answers >= 0.5
    best = max(
        iou(sign * (kept.images - level) > 0, true)
        for level in np.linspace(0, 1, 41)
        for sign in (-1, 1)
    )
    assert best < 0.6


def test_an_answer_of_lower_resolution_loses_what_is_fine():
    kept = held_out(MASKS, (64, 64, 1))
    scores = [score(MASKS, kept, averaged(kept.answers, stride)) for stride in (1, 2, 4)]
    assert scores[0] == 1 > scores[1] > scores[2]


def test_the_mean_of_squares_is_what_an_output_of_a_stride_tells():
    values = np.arange(16.0).reshape(1, 4, 4, 1)
    assert averaged(values, 2)[0, ..., 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]


def test_iou_is_the_share_of_what_either_has_that_both_have():
    found, true = np.zeros((1, 2, 4, 1), bool), np.zeros((1, 2, 4, 1), bool)
    found[0, 0], true[0, :, 0] = True, True
    assert iou(found, true) == pytest.approx(1 / 5)
    assert iou(~found & found, found & ~found) == 1


def test_position_error_is_in_pixels_of_the_input():
    maps = np.zeros((1, 4, 4, 2))
    maps[0, 1, 2, 0] = maps[0, 3, 0, 1] = 1
    # At stride 2, the middle of the maps' pixel (1, 2) is at 2.5, 4.5 of the input.
    assert position_error(maps, np.array([[[2.5, 4.5], [6.5, 3.5]]]), 2) == pytest.approx(1.5)


def test_psnr_of_noise_is_that_of_its_deviation():
    true = np.full((2, 64, 64, 1), 0.5)
    noisy = true + np.random.default_rng(0).normal(0, 0.1, true.shape)
    assert psnr(noisy, true) == pytest.approx(20, abs=0.2)


def test_an_edge_that_is_one_pixel_off_counts_and_two_do_not():
    true = np.zeros((1, 9, 9, 1), bool)
    true[0, 4] = True
    assert boundary_f1(np.roll(true, 1, axis=1), true) == 1
    assert boundary_f1(np.roll(true, 2, axis=1), true) == 0
    both = true | np.roll(true, 3, axis=1)
    assert boundary_f1(both, true) == pytest.approx(2 * 0.5 / 1.5)


def test_what_is_no_number_has_no_score():
    kept = held_out(DENOISE, (16, 16, 1))
    assert np.isnan(score(DENOISE, kept, np.full_like(kept.answers, np.nan)))


@TASK
def test_a_metric_that_is_no_number_is_told_as_such(task):
    assert task.metric.text(float("nan")) == "no number"


def test_answers_are_drawn_whatever_they_are():
    kept = held_out(DOTS, (32, 32, 1))
    for answer in (kept.answers[0], averaged(kept.answers, 4)[0], np.full((8, 8, 1), np.inf)):
        assert answer_png(answer, 32).startswith(b"\x89PNG")


def test_an_unknown_task_is_refused_with_those_that_there_are():
    with pytest.raises(ParameterError, match=r"choose one of masks, dots, denoise, edges"):
        task_of("faces")


def test_outputs_have_the_stride_at_which_they_answer():
    assert output_strides(trace(SMALL, (64, 64, 1))) == (1,)
    coarse = UNet(filters=4, down_blocks=2, up_blocks=1)
    assert output_strides(trace(coarse, (64, 32, 1))) == (2,)


def test_a_class_vector_is_refused_with_what_to_do():
    design = UNet(filters=4, down_blocks=2, up_blocks=2, heads=(Head(global_pool=True),))
    with pytest.raises(ValueError, match=r"'head' says something of the whole image.*global pool"):
        output_strides(trace(design, (64, 64, 1)))


@pytest.mark.parametrize(("stride", "side"), [(1, 64), (16, 64), (48, 96), (128, 128)])
def test_pictures_are_of_64_pixels_or_the_next_size_that_fits(stride, side):
    assert side_for(stride) == side
