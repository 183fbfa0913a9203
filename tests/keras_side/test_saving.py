"""What is saved is what Keras reads again, with the same layers and weights."""

import keras
import numpy as np
import pytest

import explorer
from explorer import Head, UNet, analyze, build, export, load, read, save_keras, trace
from explorer.core.network.errors import Refusal

ARCHITECTURE = UNet(filters=2, down_blocks=2, up_blocks=2, heads=(Head("parts", 3),))
SHAPE = (32, 48, 1)


def test_a_keras_file_is_that_of_the_architecture_and_comes_back(tmp_path):
    save_keras(ARCHITECTURE, SHAPE, tmp_path / "a.keras")

    model = keras.models.load_model(tmp_path / "a.keras")
    assert model.count_params() == analyze(trace(ARCHITECTURE, SHAPE)).total_params
    loaded = load(tmp_path / "a.keras")
    assert not loaded.not_read
    assert loaded.architecture.own_graph.rows == read(model).rows
    assert [node.name for node in loaded.architecture.own_graph] == [
        node.name for node in trace(ARCHITECTURE, SHAPE)
    ]
    pairs = zip(model.get_weights(), loaded.architecture.model.get_weights(), strict=True)
    assert all((a == b).all() for a, b in pairs)


def test_weights_are_for_the_same_architecture(tmp_path):
    (tmp_path / "a.weights.h5").write_bytes(export(ARCHITECTURE, "weights", SHAPE))
    build(ARCHITECTURE, SHAPE).load_weights(tmp_path / "a.weights.h5")


def test_weights_of_a_model_that_was_read_are_its_own(tmp_path):
    model = build(ARCHITECTURE, SHAPE)
    shown = explorer.Explorer(model)
    save_keras(shown.architecture, SHAPE, tmp_path / "a.keras")
    shown.close()
    again = keras.models.load_model(tmp_path / "a.keras")
    assert all(
        (a == b).all() for a, b in zip(model.get_weights(), again.get_weights(), strict=True)
    )


def test_a_file_in_bytes_is_one_that_load_reads(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(export(ARCHITECTURE, "keras-file", SHAPE))
    assert load(path).input_shape == SHAPE


def test_onnx_computes_the_same(tmp_path):
    pytest.importorskip("tf2onnx")
    from onnx.reference import ReferenceEvaluator

    shown = explorer.Explorer(build(ARCHITECTURE, SHAPE))
    data = export(shown.architecture, "onnx", SHAPE)
    images = np.random.default_rng(0).uniform(size=(2, *SHAPE)).astype("float32")
    evaluator = ReferenceEvaluator(data)
    found = evaluator.run(None, {evaluator.input_names[0]: images})
    expected = shown.model.predict(images, verbose=0)
    shown.close()
    for a, b in zip(found, expected if isinstance(expected, list) else [expected], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_onnx_without_its_packages_says_what_to_install(monkeypatch):
    monkeypatch.setattr(keras.Model, "export", _lacking)
    with pytest.raises(ImportError, match=r"explorer\[onnx\]"):
        export(ARCHITECTURE, "onnx", SHAPE)


def _lacking(*_, **__):
    raise ImportError("No module named 'tf2onnx'")


@pytest.mark.parametrize(
    ("shape", "name", "why"),
    [
        (SHAPE, "a.h5", r"a\.h5 must end with \.keras, \.weights\.h5, \.onnx"),
        ((None, None, 1), "a.keras", "leaves some open"),
        ((32, 48), "a.keras", "image shape"),
    ],
)
def test_what_cannot_be_saved_is_refused(tmp_path, shape, name, why):
    with pytest.raises(Refusal, match=why):
        save_keras(ARCHITECTURE, shape, tmp_path / name)
    assert not list(tmp_path.iterdir())
