"""Files of Keras are read in the worker, and come to the kernel as they would be read there."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from explorer import Explorer, ReadModel, UNet, load, to_json
from explorer.core.asking.questions import ReadAt, ReadFile
from explorer.core.network.errors import ParameterError, Refusal
from explorer.keras_side.given_models import Folder, as_read_model, built
from explorer.worker.answering import answer
from tests.keras_side.test_files import Mine, model_with, saved, small_model
from tests.onnx_side.test_files import unet
from tests.widget.test_explorer_of_models import model_without_rule


def come(path, **answers):
    """What a kernel gets of a file that the worker has read."""
    folder = Folder()
    copy = folder.path / path.name
    copy.write_bytes(path.read_bytes())
    there = answer(ReadFile(str(copy), tuple(answers.items())))
    return pickle.loads(pickle.dumps(there)).here(folder)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_model_comes_with_its_layers_and_weights(tmp_path, ending):
    model = small_model()
    path = saved(model, tmp_path / f"a.{ending}")

    loaded, here = come(path), load(path)

    assert loaded.entries == here.entries
    assert (loaded.format, loaded.input_shape) == ("Keras", (32, 48, 3))
    architecture = loaded.architecture
    assert isinstance(architecture, ReadModel)
    assert architecture.own_graph.rows == here.architecture.own_graph.rows
    made = built(architecture, (32, 48, 3))
    for ours, theirs in zip(made.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    explorer = Explorer(loaded)
    assert explorer.report.total_params == model.count_params()
    image = np.ones((1, 32, 48, 3), "float32")
    np.testing.assert_allclose(explorer.model(image), model(image), rtol=1e-5)
    explorer.close()


def test_the_weights_go_with_the_design(tmp_path):
    loaded = come(saved(small_model(), tmp_path / "a.keras"))
    path = Path(loaded.architecture.weights)
    assert path.exists()
    del loaded
    assert not path.exists()


def test_a_model_with_foreign_layers_comes(tmp_path):
    path = saved(model_with(Mine()), tmp_path / "a.keras")
    assert come(path).architecture == load(path).architecture


def test_answers_are_given_and_other_designs_come_too(tmp_path):
    path = tmp_path / "net.json"
    path.write_text(to_json(UNet(filters=2)))
    assert come(path).architecture == UNet(filters=2)
    with pytest.raises(Refusal, match="channels=0 is no number of channels"):
        come(path, channels=0)


def test_pasted_text_is_called_so_in_what_is_refused(tmp_path):
    path = tmp_path / "the text"
    path.write_text('{"class_name": "Functional", "config": {}}')
    with pytest.raises(Refusal, match=r"^The text: "):
        answer(ReadFile(str(path), (), is_pasted=True))


def test_a_network_of_onnx_comes_and_takes_other_sizes_here(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(unet().SerializeToString())
    loaded, here = come(path), load(path)
    assert loaded.entries == here.entries
    assert loaded.architecture == here.architecture
    shape = (32, 48, 2)
    assert loaded.architecture.graph_at(shape).rows == here.architecture.graph_at(shape).rows


def test_a_model_is_read_for_another_size_from_what_travels():
    here = as_read_model(model_without_rule())
    height, width, channels = here.shown_shape
    other = (height * 2, width * 2, channels)
    for shape in (other, (65, width, channels)):
        question = pickle.loads(pickle.dumps(ReadAt(here, here.shown_shape, shape)))
        found = pickle.loads(pickle.dumps(answer(question)))
        if shape == other:
            assert found[shape].rows == here.graph_at(shape).rows
            continue
        with pytest.raises(ParameterError) as error:
            here.graph_at(shape)
        assert str(found[shape]) == str(error.value)


def test_what_is_no_model_is_refused_by_its_name(tmp_path):
    path = tmp_path / "mine.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "text")
    with pytest.raises(Refusal, match=r"^mine\.keras is an archive without one config\.json"):
        come(path)
