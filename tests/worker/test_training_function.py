"""`train` asks the Keras process until its time is up, or its steps are made."""

import re

import numpy as np
import pytest

import explorer.worker.training_function as module
from explorer import (
    Head,
    ParameterError,
    UNet,
    build,
    time_forward,
    trace,
    train,
    train_twins,
)
from explorer.worker.answering import answer

SMALL = UNet(filters=2, down_blocks=1, up_blocks=1, convs_per_block=1)
SHAPE = (16, 16, 1)


@pytest.fixture
def here(monkeypatch):
    """Have questions answered in this process; they are kept."""
    from explorer.worker.tasks import forward, training

    questions = []

    def asked(question):
        questions.append(question)
        return answer(question)

    monkeypatch.setattr(module, "asked", asked)
    yield questions
    training._learners.clear()
    forward._last = None
    forward._rebuilder.cache_clear()


def test_it_makes_so_many_steps_and_gives_curve_metric_and_weights(here, tmp_path):
    result = train(SMALL, "denoise", SHAPE, seconds=600, steps=12, seed=3)

    assert len(result.losses) == 12
    assert [score.step for score in result.scores] == [0, 2, 5, 10]
    assert str(result).startswith(
        f"Noisy → clean: PSNR {result.metric:.1f} dB after 10 of 12 steps"
    )
    curve = result.to_pandas()
    assert list(curve.columns) == ["loss", "PSNR"]
    assert curve["loss"].tolist()[1:] == list(result.losses)
    assert curve["PSNR"].dropna().tolist() == [score.value for score in result.scores]
    result.save(tmp_path / "made.weights.h5")
    model = build(SMALL, SHAPE)
    before = model.get_weights()[0]
    model.load_weights(tmp_path / "made.weights.h5")
    assert not np.array_equal(model.get_weights()[0], before)
    with pytest.raises(ValueError, match=r"must end with \.weights\.h5"):
        result.save(tmp_path / "made.h5")


def test_it_stops_when_its_time_is_up(here):
    result = train(SMALL, "masks", SHAPE, seconds=1e-9)
    assert len(here) == 2
    assert len(result.scores) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"task": "faces"}, "task"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"seed": -1}, "seed"),
        ({"batch_size": 0}, "batch_size"),
        ({"input_shape": (15, 16, 1)}, "height"),
        ({"seconds": -5}, r"Training\.seconds=-5 is no time: give a number above 0"),
        ({"seconds": 0}, "seconds=0 "),
        ({"seconds": float("nan")}, "seconds=nan "),
        ({"seconds": float("inf")}, "seconds=inf "),
        ({"seconds": "60"}, "seconds='60' "),
        ({"steps": 0}, r"Training\.steps=0 are none: give a whole number of at least 1"),
        ({"steps": 2.5}, "steps=2.5 "),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_asked(here, options, told):
    with pytest.raises(ParameterError, match=told):
        train(SMALL, **{"input_shape": SHAPE, **options})
    assert not here


def test_a_design_that_answers_for_no_pixel_is_refused(here):
    design = UNet(filters=2, down_blocks=1, up_blocks=1, heads=(Head(global_pool=True),))
    with pytest.raises(ValueError, match="turn off its global pool"):
        train(design, input_shape=SHAPE)
    assert not here


@pytest.mark.parametrize("given", ["UNet", UNet])
def test_what_is_no_architecture_is_refused_by_name(here, given):
    told = f"{re.escape(repr(given))} is no architecture: give one such as UNet"
    for ask in (
        lambda: train(given),
        lambda: train_twins(SMALL, given),
        lambda: train_twins(given, SMALL),
        lambda: trace(given, SHAPE),
        lambda: time_forward(given, SHAPE),
    ):
        with pytest.raises(TypeError, match=told):
            ask()
    assert not here


OTHER = UNet(filters=2, down_blocks=1, up_blocks=1, convs_per_block=1, skips="none")


def test_twins_learn_side_by_side_with_each_seed(here):
    twins = train_twins(SMALL, OTHER, "masks", SHAPE, steps=5, seeds=2, names=("skips", "none"))

    assert [run.seed for run in twins.runs] == [0, 1]
    assert twins.step == 5
    for run in twins.runs:
        for curve in (run.a, run.b):
            assert len(curve.losses) == 5
            assert [score.step for score in curve.scores] == [0, 2, 5]
            assert curve.seconds > 0
        assert run.a.losses != run.b.losses
    assert twins.runs[0].a.losses != twins.runs[1].a.losses
    assert twins.gains == tuple(run.a.metric - run.b.metric for run in twins.runs)
    assert str(twins).startswith("IoU after 5 steps, mean of 2 seeds: skips ")
    assert {(each.a.settings.seed, each.b.settings.seed) for each in here} == {(0, 0), (1, 1)}


def test_twins_learn_what_each_learns_alone(here):
    run = train_twins(SMALL, OTHER, "edges", SHAPE, steps=3, seeds=[4]).runs[0]
    for design, curve in ((SMALL, run.a), (OTHER, run.b)):
        alone = train(design, "edges", SHAPE, seconds=600, steps=3, seed=4)
        assert curve.losses == pytest.approx(alone.losses, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"b": SMALL}, "the same network"),
        ({"seeds": 0}, "seeds"),
        ({"steps": 0}, "steps=0 are none"),
        ({"steps": float("nan")}, "steps=nan "),
        ({"seeds": [-1]}, "seed"),
        ({"seeds": [1, 2, 1]}, "names one twice"),
        ({"task": "faces"}, "task"),
        ({"b": UNet(heads=(Head(global_pool=True),))}, "turn off its global pool"),
    ],
)
def test_twins_that_cannot_be_are_refused_before_anything_is_asked(here, options, told):
    with pytest.raises(ValueError, match=told):
        train_twins(**{"a": SMALL, "b": OTHER, "input_shape": SHAPE, **options})
    assert not here
