"""Networks that learn in the worker, asked again and again, and what then has their weights."""

import attrs
import keras
import numpy as np
import pytest

from explorer import Head, UNet, build_pretrained, pretrained
from explorer.core.asking.failures import GivenUp
from explorer.core.asking.training import Training, TrainingSettings
from explorer.core.network.errors import Refusal
from explorer.keras_side.machine_memory import NotEnoughMemory
from explorer.worker.tasks import forward as keras_tasks
from explorer.worker.tasks import training as module
from explorer.worker.tasks.forward import (
    DEFAULT,
    draw_weights,
    ready_model,
    use_pretrained,
    weights_now,
)
from explorer.worker.tasks.training import save_trained, train, train_twins

SMALL = UNet(filters=2, down_blocks=1, up_blocks=1)
SHAPE = (32, 32, 1)
LEARNS = Training(SMALL, SHAPE)


@pytest.fixture(autouse=True)
def worker_state():
    """What the worker keeps, anew, as this process is used in its place."""
    yield
    keras_tasks._last = None
    keras_tasks._rebuilder.cache_clear()
    module._learners.clear()


def learnt(training=LEARNS, steps=3):
    told = train(training, None, 0.0)
    while told.step < steps:
        told = train(training, told.step, 0.0)
    return told


def weights(model) -> list[np.ndarray]:
    return [np.asarray(value) for value in model.get_weights()]


def test_it_goes_on_where_it_was_and_tells_what_is_new():
    first = train(LEARNS, None, 0.0)
    assert (first.step, len(first.scores), len(first.held_out)) == (0, 1, 4)
    second = train(LEARNS, 0, 0.0)
    assert (second.step, len(second.losses), second.held_out) == (1, 1, ())
    again = train(LEARNS, None, 0.0)
    assert again.step == 0


def test_an_answer_that_was_lost_is_told_with_the_next():
    learnt(steps=4)
    told = train(LEARNS, 1, 0.0)
    assert len(told.losses) == told.step - 1


def test_two_learn_from_the_same_pictures_and_begin_alike():
    """The weights that two designs share are the same, so that only the designs differ."""
    other = Training(UNet(filters=2, down_blocks=1, up_blocks=1, skips="none"), SHAPE)
    learnt(steps=0), learnt(other, steps=0)
    a, b = (module._learners[each].design for each in (LEARNS, other))
    name = a.layers[1].name
    assert np.array_equal(a.get_layer(name).get_weights()[0], b.get_layer(name).get_weights()[0])
    assert train(LEARNS, 0, 0.0).step == train(other, 0, 0.0).step == 1


def test_twins_begin_alike_make_the_same_steps_and_b_gives_its_weights():
    other = Training(UNet(filters=2, down_blocks=1, up_blocks=1, skips="none"), SHAPE)
    a, b = train_twins(LEARNS, other, None, 0.0)
    assert (a.step, b.step, len(a.held_out)) == (0, 0, 4)
    assert a.held_out == b.held_out
    mine, theirs = (module._learners[each].model for each in (LEARNS, other))
    for layer in theirs.layers:
        twin = mine.get_layer(layer.name)
        pairs = list(zip(weights(twin), weights(layer), strict=True))
        if all(one.shape == two.shape for one, two in pairs):
            assert all(np.array_equal(one, two) for one, two in pairs)
    a, b = train_twins(LEARNS, other, 0, 600.0, 3)
    assert (a.step, b.step) == (3, 3)
    assert a.losses != b.losses
    kept = ready_model(other.architecture, SHAPE, 1, DEFAULT)
    for one, two in zip(weights(kept.model), weights(module._learners[other].design), strict=True):
        assert np.array_equal(one, two)


def test_models_of_the_design_get_what_was_learnt_at_any_size():
    learnt()
    kept = ready_model(SMALL, (64, 48, 1), 1, DEFAULT)
    design = module._learners[LEARNS].design
    for mine, theirs in zip(weights(kept.model), weights(design), strict=True):
        assert np.array_equal(mine, theirs)
    assert not weights_now().are_random
    assert str(weights_now()) == "from training here (Shapes → masks, 3 steps)"


def test_an_edit_keeps_what_was_learnt_where_nothing_changed_and_undo_brings_it_all_back():
    learnt()
    ready_model(SMALL, SHAPE, 1, DEFAULT)
    ready_model(UNet(filters=2, down_blocks=1, up_blocks=0), SHAPE, 1, DEFAULT)
    assert 0 < weights_now().loaded <= weights_now().layers
    ready_model(UNet(filters=3, down_blocks=1, up_blocks=1), SHAPE, 1, DEFAULT)
    assert weights_now().are_random
    ready_model(SMALL, SHAPE, 1, DEFAULT)
    assert weights_now().loaded == weights_now().layers


def test_who_learns_anew_brings_other_weights_after_as_many_steps():
    learnt()
    ready_model(SMALL, SHAPE, 1, DEFAULT)
    learnt(Training(SMALL, SHAPE, TrainingSettings(seed=7)))
    kept = ready_model(SMALL, SHAPE, 1, DEFAULT)
    design = list(module._learners.values())[-1].design
    for mine, theirs in zip(weights(kept.model), weights(design), strict=True):
        assert np.array_equal(mine, theirs)


def test_random_weights_take_the_place_of_learnt_ones():
    learnt()
    ready_model(SMALL, SHAPE, 1, DEFAULT)
    draw_weights(1)
    ready_model(SMALL, SHAPE, 1, DEFAULT)
    assert weights_now().are_random


def test_models_of_a_trained_example_get_its_weights_until_others_are_drawn():
    example = pretrained["U-Net"]
    use_pretrained("U-Net")
    kept = ready_model(example.architecture, (32, 48, 1), 1, DEFAULT)
    given = build_pretrained("U-Net", (32, 48, 1))
    assert all(map(np.array_equal, weights(kept.model), weights(given)))
    assert str(weights_now()) == f"from {example.about}"

    deeper = attrs.evolve(example.architecture, middle_block=False)
    ready_model(deeper, (32, 48, 1), 1, DEFAULT)
    assert "layers with weights; the rest random (seed 0)" in str(weights_now())
    ready_model(example.architecture, (32, 48, 1), 1, DEFAULT)
    assert str(weights_now()) == f"from {example.about}"
    draw_weights(1)
    ready_model(example.architecture, (32, 48, 1), 1, DEFAULT)
    assert weights_now().are_random


def test_what_learnt_here_keeps_its_weights_beside_a_trained_example():
    learnt()
    use_pretrained("U-Net")
    ready_model(pretrained["U-Net"].architecture, SHAPE, 1, DEFAULT)
    assert "on drawn pictures" in str(weights_now())
    kept = ready_model(SMALL, SHAPE, 1, DEFAULT)
    assert "training here" in str(weights_now())
    design = module._learners[LEARNS].design
    assert all(map(np.array_equal, weights(kept.model), weights(design)))


def test_saved_weights_are_those_that_learnt(tmp_path):
    learnt()
    path = tmp_path / "made.weights.h5"
    path.write_bytes(save_trained(LEARNS, "weights").content)
    model = ready_model(UNet(filters=2, down_blocks=1, up_blocks=1), SHAPE, 1, DEFAULT).model
    draw_weights(5)
    model = ready_model(SMALL, SHAPE, 1, DEFAULT).model
    keras_tasks.load_weights(SMALL, SHAPE, str(path))
    for mine, theirs in zip(weights(model), weights(module._learners[LEARNS].design), strict=True):
        assert np.array_equal(mine, theirs)


def test_a_saved_model_answers_the_task(tmp_path):
    learnt()
    path = tmp_path / "made.keras"
    path.write_bytes(save_trained(LEARNS, "keras-file").content)
    images = np.random.default_rng(0).uniform(size=(2, *SHAPE)).astype("float32")
    expected = np.asarray(module._learners[LEARNS].model(images))
    assert np.allclose(np.asarray(keras.saving.load_model(path)(images)), expected, atol=1e-5)


def test_what_is_lost_cannot_go_on():
    with pytest.raises(Refusal, match=r"is lost.*train again"):
        train(LEARNS, 5, 0.0)
    with pytest.raises(Refusal, match=r"is lost.*train again"):
        save_trained(LEARNS, "weights")


def test_who_began_anew_meanwhile_does_not_go_on_in_anothers_curve():
    """As where two explorers show the same design: the curve of the one would go on with the
    first steps of the other."""
    learnt(steps=4)
    train(LEARNS, None, 0.0)
    with pytest.raises(Refusal, match=r"is lost.*train again"):
        train(LEARNS, 4, 0.0)
    assert train(LEARNS, 0, 0.0).step == 1  # the other goes on
    other = Training(UNet(filters=2, down_blocks=1, up_blocks=1, skips="none"), SHAPE)
    train_twins(LEARNS, other, None, 0.0)
    with pytest.raises(Refusal, match=r"is lost.*train again"):
        train_twins(LEARNS, other, 2, 0.0)


def test_only_the_last_two_are_kept():
    for seed in range(3):
        train(Training(SMALL, SHAPE, TrainingSettings(seed=seed)), None, 0.0)
    assert [each.settings.seed for each in module._learners] == [1, 2]


def test_training_that_does_not_fit_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(module, "free_bytes", lambda device: 1)
    monkeypatch.setattr(keras_tasks, "_has_run", False)  # else a new process would try
    with pytest.raises(NotEnoughMemory, match="A training step of this model with a batch of 2"):
        train(LEARNS, None, 0.0)


def test_a_vector_for_the_whole_image_is_refused_before_anything_is_made():
    design = UNet(filters=2, down_blocks=1, up_blocks=1, heads=(Head(global_pool=True),))
    with pytest.raises(Refusal, match="turn off its global pool"):
        train(Training(design, SHAPE), None, 0.0)


def test_who_is_overtaken_keeps_what_was_learnt(monkeypatch):
    learnt()
    monkeypatch.setattr(module, "is_overtaken", lambda: True)
    with pytest.raises(GivenUp):
        train(LEARNS, 3, 0.0)
    assert module._learners[LEARNS].step == 3
