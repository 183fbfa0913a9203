"""A model's file has the weights that the Keras process has, and gives them back."""

import keras
import numpy as np
import pytest

from explorer import UNet, build
from explorer.core.network.errors import Refusal
from explorer.keras_side import saving as keras_saving
from explorer.keras_side.given_models import as_read_model
from explorer.keras_side.machine_memory import NotEnoughMemory
from explorer.worker.tasks import forward as keras_tasks
from explorer.worker.tasks import saving
from explorer.worker.tasks.forward import DEFAULT, draw_weights, load_weights, ready_model
from explorer.worker.tasks.saving import save_file
from tests.keras_side.test_rebuild import save, shift

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
WIDER = UNet(filters=4, down_blocks=2, up_blocks=2)
SHAPE = (32, 48, 1)
IMAGES = np.random.default_rng(0).uniform(size=(2, *SHAPE)).astype("float32")


@pytest.fixture(autouse=True)
def worker_state():
    """What the worker keeps, anew, as this process is used in its place."""
    yield
    keras_tasks._last = None
    keras_tasks._rebuilder.cache_clear()


def outputs(model):
    return np.asarray(model(IMAGES))


def kept(architecture):
    return ready_model(architecture, SHAPE, 1, DEFAULT).model


def restored(made, tmp_path):
    path = tmp_path / "a.keras"
    path.write_bytes(made.content)
    return keras.models.load_model(path)


def test_a_keras_file_computes_what_the_model_on_screen_does(tmp_path):
    draw_weights(3)
    made = save_file(SMALL, SHAPE, "keras-file")
    assert str(made.weights) == "random (seed 3)"
    model = restored(made, tmp_path)
    np.testing.assert_array_equal(outputs(model), outputs(kept(SMALL)))
    assert [each.name for each in model.layers] == [each.name for each in kept(SMALL).layers]


def test_after_edits_it_is_the_design_that_was_asked_for(tmp_path):
    kept(SMALL), kept(WIDER)
    for architecture in (SMALL, WIDER):
        model = restored(save_file(architecture, SHAPE, "keras-file"), tmp_path)
        assert model.count_params() == build(architecture, SHAPE).count_params()
        np.testing.assert_array_equal(outputs(model), outputs(kept(architecture)))


def test_weights_that_were_loaded_are_in_the_file(tmp_path):
    source = build(SMALL, SHAPE)
    shift(source)
    save(source, tmp_path / "own.weights.h5")
    load_weights(SMALL, SHAPE, str(tmp_path / "own.weights.h5"))
    made = save_file(SMALL, SHAPE, "weights")
    assert str(made.weights) == "from own.weights.h5"
    again = build(SMALL, SHAPE)
    (tmp_path / "b.weights.h5").write_bytes(made.content)
    again.load_weights(tmp_path / "b.weights.h5")
    np.testing.assert_array_equal(outputs(again), outputs(source))


@pytest.mark.parametrize("size", [SHAPE, (None, None, 1)])
def test_of_a_users_model_it_has_that_models_weights(tmp_path, size):
    image = keras.Input(size)
    own = keras.Model(image, keras.layers.Conv2D(2, 3, padding="same")(image), name="own")
    made = save_file(as_read_model(own), SHAPE, "keras-file")
    assert "your model" in str(made.weights)
    model = restored(made, tmp_path)
    assert model.name == "own"
    np.testing.assert_array_equal(outputs(model), outputs(own))


def test_a_model_of_two_inputs_is_saved(tmp_path):
    a, b = keras.Input(SHAPE, name="a"), keras.Input(SHAPE, name="b")
    own = keras.Model([a, b], keras.layers.Add()([a, keras.layers.Conv2D(1, 1)(b)]))
    model = restored(save_file(as_read_model(own), SHAPE, "keras-file"), tmp_path)
    found, expected = model([IMAGES, 2 * IMAGES]), own([IMAGES, 2 * IMAGES])
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_onnx_computes_the_same():
    pytest.importorskip("tf2onnx")
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(save_file(SMALL, SHAPE, "onnx").content)
    (found,) = evaluator.run(None, {evaluator.input_names[0]: IMAGES})
    np.testing.assert_allclose(found, outputs(kept(SMALL)), atol=1e-4)


def test_what_is_too_large_for_the_browser_is_refused_before_it_is_made(monkeypatch):
    weights = 4 * build(SMALL, SHAPE).count_params()
    written = []
    monkeypatch.setattr(saving, "model_file", lambda *_: written.append(1) or b" " * weights * 2)
    monkeypatch.setattr(saving, "MOST_BYTES", weights - 1)
    with pytest.raises(Refusal, match=r"at most .* use explorer\.save_keras\(\)"):
        save_file(SMALL, SHAPE, "weights")
    assert not written

    monkeypatch.setattr(saving, "MOST_BYTES", weights)
    with pytest.raises(Refusal, match="browser"):  # of the file itself
        save_file(SMALL, SHAPE, "weights")
    assert written


def test_without_enough_memory_it_is_refused(monkeypatch):
    def lacking(report):
        raise NotEnoughMemory("The weights need more.", missing=2**60)

    monkeypatch.setattr(keras_tasks, "check_weights_fit", lacking)
    with pytest.raises(NotEnoughMemory):
        save_file(SMALL, SHAPE, "weights")


def test_without_room_for_the_file_that_is_said(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras_saving, "_save", full)
    with pytest.raises(Refusal, match=r"temporary files \(No space left on device\)"):
        save_file(SMALL, SHAPE, "weights")
