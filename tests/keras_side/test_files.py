"""Files that Keras writes are read as Keras reads them, and nothing in a hostile one is run."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

import explorer
from explorer import UNet, analyze, build, read, trace
from explorer.core.network.errors import Refusal
from explorer.keras_side.allowed import FUNCTIONS, LAYERS
from explorer.keras_side.build import without_values
from explorer.keras_side.files import read_keras_file, read_keras_text
from explorer.keras_side.rebuild import Rebuilder
from tests.strategies import FAMILIES

pytestmark = [  # of Keras
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5"),
    pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict"),
]


def small_model() -> keras.Model:
    image = keras.Input((32, 48, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(image)
    inner = keras.Sequential(
        [layers.Conv2D(4, 3, padding="same", name="c"), layers.BatchNormalization(name="b")],
        name="inner",
    )
    y = inner(layers.Dropout(0.1, name="drop")(x), training=False)
    return keras.Model(image, layers.Add(name="sum")([inner(x), y]), name="small")


def saved(model: keras.Model, path: Path) -> Path:
    generator = np.random.default_rng(0)
    model.set_weights([generator.uniform(0.5, 1, w.shape) for w in model.get_weights()])
    model.save(path)
    return path


@keras.saving.register_keras_serializable("mine")
class Mine(layers.Layer):
    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 7))
        self.inner = layers.Conv2D(7, 1)
        self.inner.build(shape)

    def call(self, x):
        return ops.matmul(x, self.kernel) + self.inner(x)


def model_with(layer: layers.Layer) -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = layer(layers.Conv2D(2, 1, name="before")(image))
    return keras.Model(image, layers.Conv2D(2, 1, name="after")(x), name="whole")


def rewritten(path: Path, change: Any, to: Path) -> Path:
    """Write a .keras file again with another configuration; `change` gets the parsed one."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w") as new:
        config = json.loads(old.read("config.json"))
        new.writestr("config.json", json.dumps(change(config) or config))
        new.writestr("metadata.json", old.read("metadata.json"))
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
    return to


def layer_of(config: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in config["config"]["layers"] if each["name"] == name)


# What Keras writes.


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_model_comes_back_from_its_file_with_its_weights(tmp_path, ending):
    model = small_model()

    loaded = read_keras_file(saved(model, tmp_path / f"a.{ending}"))

    assert loaded.format == "Keras"
    assert loaded.input_shape == (32, 48, 3)
    assert not loaded.not_read
    given = loaded.architecture
    assert given.own_graph.rows == read(model).rows
    assert given.weights
    images = np.random.default_rng(1).uniform(size=(1, 32, 48, 3)).astype("float32")
    assert (given.model(images).numpy() == model(images).numpy()).all()


def named_outputs() -> keras.Model:
    """A model whose outputs have names, in another order than they are written."""
    image = keras.Input((8, 8, 3))
    return keras.Model(image, {"q": layers.Conv2D(2, 1)(image), "c": layers.Conv2D(5, 1)(image)})


def within_another() -> keras.Model:
    """A model that uses such a model, and one whose inputs have other names than its arguments."""
    image = keras.Input((8, 8, 2))
    poolings = {"q": layers.MaxPooling2D(2)(image), "c": layers.AveragePooling2D(2)(image)}
    pools = keras.Model(image, poolings, name="pools")
    a, b = keras.Input((4, 4, 2), name="zz"), keras.Input((4, 4, 2), name="aa")
    less = keras.Model({"b": a, "a": b}, layers.Subtract()([a, b]), name="less")
    whole = keras.Input((8, 8, 2))
    pooled = pools(whole)
    x = less({"b": pooled["q"], "a": pooled["c"]})
    return keras.Model(whole, layers.Conv2D(2, 1)(x))


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("make", [named_outputs, within_another])
def test_tensors_with_names_stay_what_they_are(tmp_path, make, ending):
    model = make()
    loaded = read_keras_file(saved(model, tmp_path / f"a.{ending}"))
    assert not loaded.not_read
    images = np.random.default_rng(1).uniform(size=(1, *model.input_shape[1:])).astype("float32")
    outputs = [keras.tree.flatten(each(images)) for each in (loaded.architecture.model, model)]
    for ours, theirs in zip(*outputs, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_size_that_no_layer_has_keeps_nobody_waiting():
    model = model_with(layers.UpSampling2D(2, name="up"))
    document = json.loads(model.to_json())
    layer_of(document, "up")["config"]["size"] = [10**9, 10**9]
    with pytest.raises(Refusal, match="'size' is larger than any layer has"):
        read_keras_text(json.dumps(document))


def test_the_keras_process_makes_the_same_of_it(tmp_path):
    model = small_model()
    given = read_keras_file(saved(model, tmp_path / "a.keras")).architecture
    rebuilder = Rebuilder()

    made = rebuilder.rebuild(pickle.loads(pickle.dumps(given)), (32, 48, 3))
    rebuilder.give_weights()

    images = np.random.default_rng(1).uniform(size=(1, 32, 48, 3)).astype("float32")
    np.testing.assert_allclose(made(images), model(images), rtol=1e-5)
    assert rebuilder.weights.loaded == rebuilder.weights.layers


def test_json_of_a_model_comes_back_with_random_weights_and_says_so():
    model = small_model()

    loaded = read_keras_text(model.to_json())

    assert loaded.architecture.own_graph.rows == read(model).rows
    (weights,) = loaded.not_read
    assert weights.name == "weights"
    assert "random" in weights.because
    assert loaded.architecture.about_weights == weights.because
    assert build(loaded.architecture, (32, 48, 3)).count_params() == model.count_params()


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=5)
@given(st.data())
def test_an_architecture_that_keras_writes_has_the_same_layers(family, data):
    architecture = data.draw(FAMILIES[family]())
    size = 2**6
    try:
        graph = trace(architecture, (size, size, 2))
    except ValueError:
        return  # of a size that does not fit
    with without_values():
        text = build(graph).to_json()
    found = read_keras_text(text).architecture.own_graph
    assert [row.name for row in analyze(found).layers] == [n.name for n in graph]
    assert analyze(found).total_params == analyze(graph).total_params
    assert [node.shape for node in found] == [node.shape for node in graph]


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetV2B0", "DenseNet121", "NASNetMobile"])
def test_models_of_keras_come_back_from_their_json(name):
    with without_values():
        model = getattr(keras.applications, name)(weights=None, input_shape=(224, 224, 3))
        rows, text = read(model).rows, model.to_json()
    assert read_keras_text(text).architecture.own_graph.rows == rows


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_functions_of_keras_come_back(tmp_path, ending):
    image = keras.Input((8, 8, 3))
    x = ops.relu(image * 2 + 1)[:, ::2, ..., 1:]
    x = ops.concatenate([ops.mean(x, axis=-1, keepdims=True), x, layers.Add()([x, x])], axis=-1)
    x = ops.stack([x, ops.maximum(0.5, x)], axis=1)
    model = keras.Model(image, ops.reshape(x, (-1, 8, 8, 5)))

    given = read_keras_file(saved(model, tmp_path / f"a.{ending}")).architecture

    kinds = [node.kind for node in read(model)]
    assert [node.kind for node in given.own_graph] == kinds
    images = np.random.default_rng(1).uniform(size=(1, 8, 8, 3)).astype("float32")
    again = read_keras_text(model.to_json()).architecture
    made = build(again, (8, 8, 3))(images)
    assert (made.numpy() == model(images).numpy()).all()


def test_a_model_of_any_size_is_shown_at_one(tmp_path):
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.Conv2D(2, 3)(image))
    path = saved(model, tmp_path / "a.keras")

    loaded = read_keras_file(path)

    assert loaded.input_shape == (None, None, 3)
    assert loaded.architecture.shown_shape == (256, 256, 3)
    assert loaded.architecture.weights


def test_a_sequential_model_comes_back(tmp_path):
    model = keras.Sequential([layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)])
    model.build((None, 8, 8, 1))

    loaded = read_keras_file(saved(model, tmp_path / "a.keras"))

    assert loaded.architecture.own_graph.rows == read(model).rows
    assert not loaded.not_read


def test_json_as_versions_before_3_wrote_it_is_read():
    def layer(kind, name, *sources, **config):
        nodes = [[[source, 0, 0, {}] for source in sources]] if sources else []
        config = {"name": name, "trainable": True, "dtype": "float32", **config}
        return {"class_name": kind, "name": name, "config": config, "inbound_nodes": nodes}

    convolution = {
        "filters": 4, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "groups": 1,
        "activation": "relu", "kernel_initializer": {"class_name": "GlorotUniform", "config": {
            "seed": None}, "shared_object_id": 1}, "kernel_regularizer": None,
    }  # fmt: skip
    depthwise = {
        "kernel_size": [3, 3], "padding": "same", "groups": 1, "depth_multiplier": 1,
        "kernel_initializer": {"class_name": "Zeros", "config": {}},
        "depthwise_initializer": {"class_name": "Zeros", "config": {}},
    }  # fmt: skip
    image = {"batch_input_shape": [None, 16, 16, 1], "sparse": False, "ragged": False}
    inner = {
        "name": "inner",
        "layers": [
            layer("InputLayer", "in1", batch_input_shape=[None, 16, 16, 4]),
            layer("LeakyReLU", "leaky", "in1", alpha=0.25),
        ],
        "input_layers": [["in1", 0, 0]],
        "output_layers": [["leaky", 0, 0]],
    }
    document = {
        "class_name": "Model",
        "keras_version": "2.11.0",
        "backend": "tensorflow",
        "config": {
            "name": "old",
            "layers": [
                layer("InputLayer", "image", **image),
                layer("Conv2D", "a", "image", **convolution),
                layer("BatchNormalization", "b", "a", axis=[3], momentum=0.9, epsilon=0.001),
                layer("DepthwiseConv2D", "d", "b", **depthwise),
                {"class_name": "Functional", "name": "inner", "config": inner,
                 "inbound_nodes": [[["d", 0, 0, {}]]]},
                layer("Concatenate", "joined", "a", "d", axis=-1),
                {**layer("Add", "sum"), "inbound_nodes": [[["inner", 1, 0, {}], ["a", 0, 0, {}]]]},
            ],
            "input_layers": [["image", 0, 0]],
            "output_layers": [["sum", 0, 0], ["joined", 0, 0]],
        },
    }  # fmt: skip

    graph = read_keras_text(json.dumps(document)).architecture.own_graph

    assert [node.name for node in graph] == ["image", "a", "b", "d", "leaky", "sum", "joined"]
    assert graph["joined"].shape == (16, 16, 8)
    assert analyze(graph).total_params == (9 * 4 + 4) + 4 * 4 + (9 * 4 + 4)


# What is allowed.


def test_layers_and_functions_that_are_read_hold_no_code():
    holding = {"Lambda", "TimeDistributed", "Bidirectional", "RNN", "Wrapper", "TFSMLayer",
               "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TextVectorization", "StringLookup",
               "IntegerLookup", "SpectralNormalization", "Pipeline", "Layer"}  # fmt: skip
    assert not LAYERS & holding
    assert not FUNCTIONS & {"Map", "Scan", "Cond", "WhileLoop", "VectorizedMap", "CustomGradient"}
    for name in LAYERS - {"RMSNormalization"}:  # which older versions lack
        assert issubclass(getattr(keras.layers, name), layers.Layer)


def test_a_layer_of_another_class_is_shown_as_foreign_with_its_shape_and_weights(tmp_path):
    model = model_with(Mine(name="odd"))

    loaded = read_keras_file(saved(model, tmp_path / "a.keras"))

    graph = loaded.architecture.own_graph
    assert [node.kind for node in graph] == ["InputLayer", "Conv2D", "Mine", "Conv2D"]
    assert graph["odd"].shape == (8, 8, 7)
    assert graph["odd"].stride is None
    assert analyze(graph).total_params == model.count_params()
    assert analyze(graph).receptive_field is None or not graph["odd"].layer.is_known
    entry, weights = loaded.not_read
    assert (entry.name, entry.value) == ("odd", "Mine")
    assert "not one of Keras' own" in entry.because
    assert "can't be run" in weights.because


def test_a_foreign_layer_is_shown_of_a_whole_model_in_hdf5(tmp_path):
    model = model_with(Mine(name="odd"))
    graph = read_keras_file(saved(model, tmp_path / "a.h5")).architecture.own_graph
    assert analyze(graph).total_params == model.count_params()


def test_code_of_a_lambda_layer_is_not_run(tmp_path):
    ran = str(tmp_path / "ran")
    layer = layers.Lambda(lambda x: (open(ran, "a").close(), x[:, ::2])[1], name="code")
    path = saved(model_with(layer), tmp_path / "a.keras")
    Path(ran).unlink()

    loaded = read_keras_file(path)

    assert not Path(ran).exists()
    assert loaded.architecture.own_graph["code"].kind == "Lambda"
    assert loaded.architecture.own_graph["code"].shape == (4, 8, 2)
    assert "not run" in loaded.not_read[0].because


@pytest.mark.parametrize("key", ["module", "registered_name"])
def test_a_class_is_not_looked_up_by_a_module_or_name_of_the_file(tmp_path, key, monkeypatch):
    path = saved(small_model(), tmp_path / "a.keras")
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)

    def change(config):
        layer_of(config, "first")[key] = "trap"

    loaded = read_keras_file(rewritten(path, change, tmp_path / "b.keras"))

    assert not loaded.architecture.own_graph["first"].layer.is_known
    assert loaded.not_read[0].name == "first"


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("activation", {"class_name": "function", "config": "system", "module": "os"}, "function"),
        ("activation", "nonsense", "function"),
        ("activation", {"class_name": "__lambda__", "config": {"value": ["4wAA"]}}, "function"),
        ("padding", {"class_name": "__lambda__", "config": {"value": ["4wAA"]}}, "__lambda__"),
        ("padding", {"class_name": "__typespec__", "config": []}, "__typespec__"),
        ("dtype", "int8_from_float32", "type"),
        ("new_setting", 3, "'new_setting'"),
        ("new_setting", 0, "'new_setting'"),
        ("strides", [1, 10**9], "'strides'"),
    ],
)
def test_a_layer_with_what_is_not_read_is_foreign(tmp_path, key, value, why):
    path = saved(small_model(), tmp_path / "a.keras")

    def change(config):
        layer_of(config, "first")["config"][key] = value

    loaded = read_keras_file(rewritten(path, change, tmp_path / "b.keras"))

    assert why in loaded.not_read[0].because
    assert loaded.architecture.own_graph["first"].layer.weights([]) == (112, 0)


def test_an_initializer_of_another_class_is_left_out_and_named(tmp_path):
    path = saved(small_model(), tmp_path / "a.keras")

    def change(config):
        odd = {"class_name": "Odd", "module": "os", "config": {}}
        layer_of(config, "first")["config"]["kernel_initializer"] = odd

    loaded = read_keras_file(rewritten(path, change, tmp_path / "b.keras"))

    assert [entry.name for entry in loaded.not_read] == ["first.kernel_initializer"]
    assert loaded.architecture.weights


def test_a_foreign_layer_whose_shape_is_not_told_is_refused_by_name(tmp_path):
    image = keras.Input((8, 8, 3))
    path = saved(keras.Model(image, Mine(name="odd")(image)), tmp_path / "a.keras")
    with pytest.raises(Refusal, match=r"'odd'.*class Mine.*shape of its output"):
        read_keras_file(path)


def test_a_foreign_layer_whose_weights_are_not_told_is_refused_by_name():
    document = json.loads(model_with(Mine(name="odd")).to_json())
    with pytest.raises(Refusal, match=r"'odd'.*class Mine.*how many weights"):
        read_keras_text(json.dumps(document))


def test_a_subclassed_model_is_refused_by_name():
    class Own(keras.Model):
        pass

    document = {"class_name": "Own", "module": "mine", "config": {}, "registered_name": "Own"}
    with pytest.raises(Refusal, match="class 'Own'"):
        read_keras_text(json.dumps(document))


def test_a_class_of_the_same_name_that_makes_another_shape_is_noticed(tmp_path):
    path = saved(small_model(), tmp_path / "a.keras")

    def change(config):
        layer_of(config, "first")["config"]["padding"] = "valid"

    with pytest.raises(Refusal, match=r"'first'.*\(30, 46, 4\) here, and \(32, 48, 4\)"):
        read_keras_file(rewritten(path, change, tmp_path / "b.keras"))


def test_a_bad_value_names_the_layer_and_the_setting(tmp_path):
    path = saved(small_model(), tmp_path / "a.keras")

    def change(config):
        layer_of(config, "first")["config"]["filters"] = -4

    with pytest.raises(Refusal, match=r"'first' \(Conv2D\).*filters"):
        read_keras_file(rewritten(path, change, tmp_path / "b.keras"))


# Weights that do not fit.


def test_weights_of_another_network_are_not_loaded_and_the_model_is_shown(tmp_path):
    path, other = saved(small_model(), tmp_path / "a.keras"), tmp_path / "b.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        config = json.loads(old.read("config.json"))
        new.writestr("config.json", json.dumps(config))
        build(UNet(filters=2, down_blocks=2, up_blocks=2), (32, 32, 3)).save_weights(
            tmp_path / "w.weights.h5"
        )
        new.write(tmp_path / "w.weights.h5", "model.weights.h5")

    loaded = read_keras_file(other)

    (weights,) = loaded.not_read
    assert "random" in weights.because
    assert loaded.architecture.weights == ""


@pytest.mark.parametrize("what", ["external", "soft", "elsewhere", "huge", "cut", "none"])
def test_weights_that_are_not_safe_to_read_are_left_out(tmp_path, what):
    path, inner, other = (tmp_path / name for name in ("a.keras", "w.h5", "b.keras"))
    saved(small_model(), path)
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(range(256)) * 4)
    with zipfile.ZipFile(path) as old:
        inner.write_bytes(old.read("model.weights.h5"))
        members = {name: old.read(name) for name in ("config.json", "metadata.json")}
    with h5py.File(inner, "a") as file:
        place = file["layers/conv2d/vars"]
        shape = place["0"].shape
        if what in ("external", "soft", "elsewhere", "huge"):
            del place["0"]
        if what == "external":
            place["0"] = h5py.ExternalLink(str(path), "layers")
        elif what == "soft":
            place["0"] = h5py.SoftLink("/layers/conv2d/vars/1")
        elif what == "elsewhere":
            place.create_dataset("0", shape, "float32", external=[(str(secret), 0, 432)])
        elif what == "huge":
            place.create_dataset("0", (2**20, 2**20), "float32", chunks=(1, 1))
    data = inner.read_bytes()
    with zipfile.ZipFile(other, "w") as new:
        for name, content in members.items():
            new.writestr(name, content)
        if what != "none":
            new.writestr("model.weights.h5", data[: len(data) // 2] if what == "cut" else data)

    loaded = read_keras_file(other)

    (weights,) = loaded.not_read
    assert "random" in weights.because
    assert loaded.architecture.own_graph.rows == read(small_model()).rows


# Files that are not read.


def in_zip(**members: bytes) -> bytes:
    import io

    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            # Of a fixed date: the bytes stand in the names of tests.
            archive.writestr(zipfile.ZipInfo(name.replace("_", ".")), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (in_zip(readme_txt=b"hello"), "archive without one config.json"),
        (in_zip(config_json=b"{}"), "class 'None'"),
        (in_zip(config_json=b"[" * 100_000), "too deep"),
        (in_zip(config_json=b'{"a":' * 300 + b"1" + b"}" * 300), "in each other over 100 deep"),
        (in_zip(config_json=b" " * 40_000_000), "would grow"),
        (in_zip(config_json=b"{nonsense"), "no JSON"),
        (in_zip(config_json=b'{"a": 1' + b"0" * 5000 + b"}"), "no JSON"),
        (in_zip(config_json=b"{}")[:-30], "broken archive, or cut short"),
        (pickle.dumps({"a": 1}), "pickle"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "broken, or cut short"),
        (b"GIF89a", "no .keras file"),
        (b"", "no .keras file"),
    ],
)
def test_what_is_no_file_of_keras_is_refused_in_a_sentence(tmp_path, data, why):
    path = tmp_path / "bad.keras"
    path.write_bytes(data)
    for source in (path, data):
        with pytest.raises(Refusal, match=why) as error:
            read_keras_file(source)
        assert "\n" not in str(error.value)
        assert str(tmp_path) not in str(error.value)


def test_an_archive_that_says_less_than_it_holds_is_refused():
    data = in_zip(config_json=json.dumps({"a": "b" * 5000}).encode())
    size = (5009).to_bytes(4, "little")
    assert data.count(size) == 2
    with pytest.raises(Refusal, match=r"config\.json"):
        read_keras_file(data.replace(size, (100).to_bytes(4, "little")))


def test_a_file_of_weights_alone_is_named_as_one(tmp_path):
    path = tmp_path / "a.weights.h5"
    small_model().save_weights(path)
    with pytest.raises(Refusal, match=r"a\.weights\.h5 holds weights alone.*Feature maps"):
        read_keras_file(path)


def test_an_hdf5_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["data"] = [1.0, 2.0]
    with pytest.raises(Refusal, match="without a Keras model"):
        read_keras_file(path)


def test_a_whole_model_in_hdf5_whose_configuration_is_no_text_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    for value in (b"\xff{", b"{}\xff", b"no"):
        with h5py.File(path, "w") as file:
            file.attrs.create("model_config", value, dtype=h5py.string_dtype())
        with pytest.raises(Refusal, match=r"a\.h5"):
            read_keras_file(path)


def test_a_whole_model_in_hdf5_with_a_link_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = small_model().to_json()
        file["model_weights"] = h5py.ExternalLink("other.h5", "/")
    with pytest.raises(Refusal, match="is a link"):
        read_keras_file(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: c["config"]["layers"].append(c["config"]["layers"][1]), "same name"),
        (lambda c: c["config"].update(output_layers=[]), "no inputs or no outputs"),
        (lambda c: c["config"].update(output_layers=["no", 0, 0]), "lacks the layer 'no'"),
        (lambda c: c["config"].update(output_layers=["sum", 7, 0]), "a call of 'sum'"),
        (lambda c: c["config"].update(output_layers=["sum", 0, 7]), "no configuration"),
        (lambda c: layer_of(c, "sum").update(name="a" * 300), "no name"),
        (lambda c: layer_of(c, "first").update(inbound_nodes=[3]), "as Keras writes it"),
        (lambda c: layer_of(c, "first").update(inbound_nodes=[[["sum", 0, 0, {}]]]), "circle"),
        (lambda c: layer_of(c, "first")["config"].update(name="a"), "another one"),
        (lambda c: c.update(config=3), "class 'Functional'"),
        (
            lambda c: layer_of(c, "inner")["config"]["layers"][2]["config"].update(center=[1]),
            "settings make no sense",
        ),
        (lambda c: c["config"].update(layers=3), "no configuration"),
    ],
)
def test_a_configuration_that_is_none_is_refused_in_a_sentence(change, why):
    document = json.loads(small_model().to_json())
    change(document)
    with pytest.raises(Refusal, match=why) as error:
        read_keras_text(json.dumps(document))
    assert "\n" not in str(error.value)


def test_models_deep_in_each_other_are_refused():
    part = {"class_name": "Dense", "config": {"name": "d", "units": 1, "trainable": True}}
    for i in range(22):
        part = {"class_name": "Sequential", "config": {"name": f"s{i}", "layers": [part]}}
    with pytest.raises(Refusal, match="models in each other"):
        read_keras_text(json.dumps(part))


# Through explorer.load.


@pytest.mark.parametrize("ending", ["keras", "h5", "json"])
def test_load_knows_files_of_keras_by_what_they_hold(tmp_path, ending):
    model = small_model()
    path = tmp_path / f"a.{ending}"
    path.write_text(model.to_json()) if ending == "json" else saved(model, path)
    other = path.rename(tmp_path / "misleading.yaml")

    loaded = explorer.load(other)

    assert loaded.format == "Keras"
    assert loaded.architecture.own_graph.rows == read(model).rows


def test_channels_that_a_model_leaves_open_can_be_given():
    image = keras.Input((None, None, None))
    pooled = layers.MaxPooling2D()(image)
    text = keras.Model(image, pooled).to_json()

    assert explorer.load(text).missing == ("channels",)
    loaded = explorer.load(text, channels=5)
    assert loaded.missing == ()
    assert loaded.architecture.shown_shape == (256, 256, 5)
