"""A model rebuilt the fast way is the one that a plain build makes."""

import json
import os
import warnings

import attrs
import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import (
    Custom,
    FCDenseNet,
    ResidualEncoderUNet,
    ResidualHourglass,
    SimpleConvBlock,
    UNet,
    build,
    presets,
    trace,
)
from explorer.core.asking.weights import Weights
from explorer.keras_side import rebuild as module
from explorer.keras_side.rebuild import Rebuilder, WeightsError
from tests.keras_helpers import rows_of_graph, rows_of_model
from tests.strategies import FAMILIES, shapes_for

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
SHAPE = (16, 16, 1)


@pytest.fixture
def rebuilder() -> Rebuilder:
    return Rebuilder()


def check(rebuilder: Rebuilder, architecture, input_shape) -> None:
    graph = trace(architecture, input_shape)
    model = rebuilder.rebuild(architecture, input_shape)

    assert rebuilder.problem is None, "this version of Keras needs another way"
    assert rows_of_model(model) == rows_of_graph(graph)
    with keras.StatelessScope(initialize_variables=False):
        plain = build(graph)
    keras.backend.clear_session(free_memory=False)  # forgets the variables without values
    ours, theirs = described(model), described(plain)
    pairs = zip(ours.splitlines(), theirs.splitlines(), strict=False)
    assert next((pair for pair in pairs if pair[0] != pair[1]), None) is None
    assert len(ours) == len(theirs)
    for mine, other in zip(model.weights, plain.weights, strict=True):
        assert (mine.path, mine.dtype, mine.shape) == (other.path, other.dtype, other.shape)


def described(model: keras.Model) -> str:
    """A model's configuration, without sizes that a layer met first, and defaults of its calls."""

    def cleaned(config):
        if isinstance(config, dict):
            return {
                key: cleaned(value)
                for key, value in config.items()
                if key != "build_config"
                and (key, value) not in (("mask", None), ("training", False))
            }
        return [cleaned(v) for v in config] if isinstance(config, (list, tuple)) else config

    return json.dumps(cleaned(model.get_config()), indent=1)


@pytest.mark.parametrize("name", presets)
def test_every_preset_is_rebuilt_the_fast_way(rebuilder, name):
    model = rebuilder.rebuild(presets[name], (64, 64, 1))

    assert rebuilder.problem is None, "this version of Keras needs another way"
    assert rows_of_model(model) == rows_of_graph(trace(presets[name], (64, 64, 1)))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@given(st.data())
@settings(max_examples=5)
def test_one_model_after_the_other_equals_its_plain_build(family, data):
    rebuilder = Rebuilder()
    for _ in range(3):
        architecture = data.draw(FAMILIES[family]())
        check(rebuilder, architecture, data.draw(shapes_for(architecture)))


def shift(model: keras.Model) -> None:
    """Give the model weights that are not those that would be drawn again."""
    model.set_weights([weight + 1 for weight in model.get_weights()])


def test_an_edit_keeps_the_layers_that_it_does_not_change(rebuilder):
    first = {layer.name: layer for layer in rebuilder.rebuild(SMALL, SHAPE).layers}
    edited = attrs.evolve(SMALL, up_interpolate=not SMALL.up_interpolate)
    second = {layer.name: layer for layer in rebuilder.rebuild(edited, SHAPE).layers}

    kept = {name for name in first if first[name] is second.get(name)}
    assert {name for name in kept if "_enc" in name} == {n for n in first if "_enc" in n}
    assert len(kept) < len(second)


def test_a_kept_layer_answers_as_before(rebuilder):
    image = np.random.default_rng(0).random((1, *SHAPE), dtype=np.float32)
    name = "stack0_enc1_conv1"
    outputs = []
    for architecture in (SMALL, attrs.evolve(SMALL, up_blocks=1), SMALL):
        model = rebuilder.rebuild(architecture, SHAPE)
        rebuilder.give_weights()
        if not outputs:
            shift(model)
        outputs.append(keras.Model(model.input, model.get_layer(name).output)(image))

    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_array_equal(outputs[0], outputs[2])
    assert np.abs(outputs[0]).max() > 0


@pytest.mark.parametrize(
    "net",
    [
        SMALL,
        FCDenseNet(growth_rate=2, layers_per_block=(1, 2), first_filters=3),
        ResidualHourglass(filters=4, down_blocks=2, stem_filters=2, stacks=1),
        ResidualEncoderUNet(stages=3, filters=2),
    ],
    ids=lambda net: type(net).__name__,
)
def test_it_computes_what_a_plain_model_with_its_weights_computes(rebuilder, net):
    image = np.random.default_rng(0).random((2, *SHAPE), dtype=np.float32)
    rebuilder.rebuild(SMALL, SHAPE)
    model = rebuilder.rebuild(net, SHAPE)
    rebuilder.give_weights()
    plain = build(net, SHAPE)
    plain.set_weights(model.get_weights())

    answer = model(image)
    np.testing.assert_allclose(answer, plain(image), rtol=1e-5, atol=1e-6)
    differs = not isinstance(net, (UNet, ResidualEncoderUNet))  # dropout or batch normalisation
    assert np.array_equal(answer, model(image, training=True)) != differs


def test_weights_have_values_only_once_they_are_given(rebuilder):
    model = rebuilder.rebuild(SMALL, SHAPE)
    assert all(variable._value is None for variable in model.variables)
    assert rebuilder.held_bytes == 0

    rebuilder.give_weights()

    assert rebuilder.held_bytes == 4 * model.count_params()
    assert all(variable._value is not None for variable in model.variables)
    before = model.get_weights()
    rebuilder.give_weights()
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_another_dtype_brings_the_weights_along(rebuilder):
    model = rebuilder.rebuild(SMALL, SHAPE)
    rebuilder.give_weights()
    shift(model)
    before = model.get_weights()

    mixed = rebuilder.rebuild(SMALL, SHAPE, "mixed_bfloat16")
    assert mixed.layers[1].compute_dtype == "bfloat16"
    again = rebuilder.rebuild(SMALL, SHAPE)  # without having run
    rebuilder.give_weights()

    for old, new in zip(before, again.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert again.layers[1].compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_where_keras_private_parts_fail_the_plain_build_takes_over(rebuilder, monkeypatch):
    def gone(*_: object) -> None:
        raise ImportError("no such part any more")

    monkeypatch.setattr(module, "_recorded", gone)
    model = rebuilder.rebuild(SMALL, SHAPE)
    rebuilder.give_weights()

    assert isinstance(rebuilder.problem, ImportError)
    assert rows_of_model(model) == rows_of_graph(trace(SMALL, SHAPE))
    monkeypatch.undo()
    check(rebuilder, SMALL, SHAPE)


def test_blocks_that_call_keras_themselves_are_built_plainly(rebuilder):
    class Own(SimpleConvBlock):
        def make_block(self, x_in, prefix="own"):
            return keras.layers.Conv2D(3, 3, padding="same", name=f"{prefix}_conv")(x_in)

    net = Custom(encoder=(Own(filters=3),))
    for _ in range(2):
        model = rebuilder.rebuild(net, SHAPE)
        rebuilder.give_weights()
        assert model(np.ones((1, *SHAPE), "float32")).shape == (1, 16, 16, 3)
        assert rebuilder.problem is None
    check(rebuilder, SMALL, SHAPE)


def test_what_is_built_plainly_has_the_type_of_values_that_was_asked_for(rebuilder):
    class Own(SimpleConvBlock):
        def make_block(self, x_in, prefix="own"):
            return keras.layers.Conv2D(3, 3, padding="same", name=f"{prefix}_conv")(x_in)

    keras.config.disable_traceback_filtering()
    try:
        model = rebuilder.rebuild(Custom(encoder=(Own(filters=3),)), SHAPE, "mixed_bfloat16")
        assert not keras.config.is_traceback_filtering_enabled()
    finally:
        keras.config.enable_traceback_filtering()

    assert model.layers[-1].dtype_policy.name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_nothing_is_left_behind_in_keras_list_of_variables_without_values(rebuilder):
    from keras.src.backend.common.variables import initialize_all_variables

    model = rebuilder.rebuild(SMALL, SHAPE)
    initialize_all_variables()

    assert all(variable._value is None for variable in model.variables)


def drawn(rebuilder: Rebuilder, architecture) -> list[np.ndarray]:
    model = rebuilder.rebuild(architecture, SHAPE)
    rebuilder.give_weights()
    return model.get_weights()


class Own(SimpleConvBlock):
    """A block that traces only with Keras."""

    def make_block(self, x_in, prefix="own"):
        return keras.layers.Conv2D(self.filters, 3, padding="same", name=f"{prefix}_conv")(x_in)


@pytest.mark.parametrize("net", [SMALL, Custom(encoder=(Own(filters=3),))], ids=["fast", "plain"])
def test_random_weights_depend_on_the_seed_alone_and_not_on_what_was_built_before(rebuilder, net):
    first = drawn(rebuilder, net)
    drawn(rebuilder, attrs.evolve(SMALL, filters=3, up_interpolate=True))
    again = drawn(rebuilder, net)
    rebuilder.draw_weights(1)
    other = drawn(rebuilder, net)
    assert str(rebuilder.weights) == "random (seed 1)"
    rebuilder.draw_weights(0)
    back = drawn(rebuilder, net)

    for old, new, same in zip(first, again, back, strict=True):
        np.testing.assert_array_equal(old, new)
        np.testing.assert_array_equal(old, same)
    assert not np.array_equal(first[0], other[0])
    assert str(rebuilder.weights) == "random (seed 0)"


def test_weights_of_equal_shape_differ_from_layer_to_layer(rebuilder):
    model = rebuilder.rebuild(UNet(filters=2, filters_rate=1, down_blocks=2, up_blocks=2), SHAPE)
    rebuilder.give_weights()

    kernels = [w.numpy().tobytes() for w in model.weights if tuple(w.shape) == (3, 3, 2, 2)]
    assert len(set(kernels)) == len(kernels) > 2


def save(model: keras.Model, file) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras, of NumPy
        model.save_weights(file)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """Weights of `SMALL`, all of them far from random ones."""
    file = tmp_path_factory.mktemp("weights") / "small.weights.h5"
    model = build(SMALL, SHAPE)
    shift(model)
    save(model, file)
    return file


def loaded(rebuilder: Rebuilder, architecture, file, input_shape=SHAPE) -> keras.Model:
    model = rebuilder.rebuild(architecture, input_shape)
    rebuilder.give_weights()
    rebuilder.load_weights(file)
    return model


def test_weights_are_loaded_and_said_to_be(rebuilder, weights_file):
    model = loaded(rebuilder, SMALL, weights_file)

    with h5py.File(weights_file) as file:
        np.testing.assert_array_equal(
            model.get_layer("stack0_enc0_conv0").kernel, file["layers/conv2d/vars/0"]
        )
    count = sum(bool(layer.weights) for layer in model.layers)
    assert rebuilder.weights == Weights(0, "small.weights.h5", count, count)
    assert str(rebuilder.weights) == "from small.weights.h5"


def test_after_an_edit_the_layers_it_keeps_are_still_loaded_and_the_rest_are_said_random(
    rebuilder, weights_file
):
    loaded(rebuilder, SMALL, weights_file)
    edited = rebuilder.rebuild(attrs.evolve(SMALL, convs_per_block=3), SHAPE)
    rebuilder.give_weights()

    layers = [layer for layer in edited.layers if layer.weights]
    shifted = [layer for layer in layers if layer.bias.numpy().max() == 1]  # biases are drawn as 0
    assert 0 < len(shifted) < len(layers)
    assert rebuilder.weights == Weights(0, "small.weights.h5", len(shifted), len(layers))
    rebuilder.rebuild(attrs.evolve(SMALL, kernel_size=5, up_blocks=0), SHAPE)
    assert str(rebuilder.weights) == "random (seed 0)"


def test_how_many_layers_are_loaded_is_said_in_words():
    assert str(Weights(3, "a.weights.h5", 40, 53)) == (
        "loaded from a.weights.h5: 40 of 53 layers with weights; the rest random (seed 3)"
    )


def test_loaded_weights_stay_loaded_in_another_dtype(rebuilder, weights_file):
    loaded(rebuilder, SMALL, weights_file)
    mixed = rebuilder.rebuild(SMALL, SHAPE, "mixed_bfloat16")
    rebuilder.give_weights()

    assert str(rebuilder.weights) == "from small.weights.h5"
    assert mixed.get_layer("stack0_enc0_conv0").kernel.numpy().min() > 0.1


def test_weights_drawn_again_are_no_longer_the_loaded_ones(rebuilder, weights_file):
    loaded(rebuilder, SMALL, weights_file)
    rebuilder.draw_weights(0)

    fresh = Rebuilder()
    np.testing.assert_array_equal(drawn(rebuilder, SMALL)[0], drawn(fresh, SMALL)[0])
    assert rebuilder.weights.are_random


@pytest.mark.parametrize(
    ("net", "shape", "message"),
    [
        (
            attrs.evolve(SMALL, filters=3),
            SHAPE,
            r"Conv2D 'stack0_enc0_conv0' have the shapes 3×3×1×3 and 3, and in the file 3×3×1×2 "
            r"and 2 \(and \d+ more\)\. Choose the architecture",
        ),
        (SMALL, (16, 16, 3), "3×3×3×2 and 2, and in the file 3×3×1×2 and 2.*input channels"),
        (attrs.evolve(SMALL, stacks=2), SHAPE, "'stack1_enc0_conv0' .* and in the file none"),
        (attrs.evolve(SMALL, up_blocks=1), SHAPE, "for a further layer, 'stack0_dec1_.*more"),
    ],
    ids=["filters", "input", "more layers", "fewer layers"],
)
def test_a_file_of_another_network_is_refused_and_changes_nothing(
    rebuilder, weights_file, net, shape, message
):
    model = rebuilder.rebuild(net, shape)
    rebuilder.give_weights()
    before = model.get_weights()

    with pytest.raises(WeightsError, match=message) as caught:
        rebuilder.load_weights(weights_file)

    assert "small.weights.h5 does not match this network" in str(caught.value)
    assert rebuilder.weights.are_random
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_normalisation_and_dropout_are_loaded_too(rebuilder, tmp_path):
    net = FCDenseNet(growth_rate=2, layers_per_block=(1, 1), first_filters=3)
    saved = build(net, SHAPE)
    shift(saved)
    save(saved, tmp_path / "dense.weights.h5")

    model = loaded(rebuilder, net, tmp_path / "dense.weights.h5")

    assert rebuilder.weights.loaded == rebuilder.weights.layers > 0
    for theirs, ours in zip(saved.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(theirs, ours)


def test_layers_in_a_block_of_ones_own_are_loaded_too(rebuilder, tmp_path):
    net = Custom(encoder=(Own(filters=3),))
    saved = build(net, SHAPE)
    save(saved, tmp_path / "own.weights.h5")

    loaded(rebuilder, net, tmp_path / "own.weights.h5")

    assert str(rebuilder.weights) == "from own.weights.h5"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "absent.weights.h5",
            None,
            "There is no file absent.weights.h5: the folder .* has other.weights.h5",
        ),
        (
            "no/absent.weights.h5",
            None,
            "There is no file absent.weights.h5: there is no folder .*no",
        ),
        ("model.h5", b"", r"model.h5 is not named like .*NAME\.weights\.h5"),
        ("text.weights.h5", b"hello", "text.weights.h5 is not an HDF5 file"),
        ("folder.weights.h5", ..., "folder.weights.h5 is a folder: give the path of a file"),
    ],
)
def test_what_is_no_file_of_weights_is_refused(tmp_path, name, content, message):
    (tmp_path / "other.weights.h5").touch()
    if content is ...:
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(WeightsError, match=message):
        module.check_weights_file(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has none")
def test_a_pipe_or_device_is_no_file_of_weights_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.weights.h5")
    (tmp_path / "device.weights.h5").symlink_to(os.devnull)
    for name in ("pipe.weights.h5", "device.weights.h5"):
        with pytest.raises(module.WeightsError, match=f"{name} is no file on a disk, but a device"):
            module.check_weights_file(tmp_path / name)


def test_a_file_cut_short_or_of_something_else_is_refused(tmp_path, weights_file):
    cut = tmp_path / "cut.weights.h5"
    cut.write_bytes(weights_file.read_bytes()[:-4000])
    with h5py.File(tmp_path / "else.weights.h5", "w") as file:
        file["temperature"] = [1.0]

    with pytest.raises(WeightsError, match="cut short"):
        module.check_weights_file(cut)
    with pytest.raises(WeightsError, match="without the weights of a Keras 3 model"):
        module.check_weights_file(tmp_path / "else.weights.h5")


CONV = "layers/conv2d/vars"


def replaced(file, path, **how) -> None:
    del file[path]
    file.create_dataset(path, **how)


def linked(file, path, link) -> None:
    del file[path]
    file[path] = link


#: What can be wrong within an HDF5 file, and what is said of it.
ODD = {
    "array for the layers": (lambda f: replaced(f, "layers", data=[1.0]), "/layers has no weights"),
    "array for a layer": (
        lambda f: replaced(f, "layers/conv2d", data=[1.0]),
        "/layers/conv2d has no weights",
    ),
    "array for its weights": (lambda f: replaced(f, CONV, data=[1.0]), "does not match"),
    "group for an array": (
        lambda f: f.move(f"{CONV}/0", "was") or f.create_group(f"{CONV}/0"),
        "does not match",
    ),
    "soft link": (lambda f: linked(f, f"{CONV}/0", h5py.SoftLink(f"/{CONV}/1")), "0 is a link"),
    "link to itself": (lambda f: linked(f, CONV, h5py.SoftLink(f"/{CONV}")), "vars is a link"),
    "link to nothing": (lambda f: linked(f, "layers", h5py.SoftLink("/no")), "/layers is a link"),
    "link to a file": (
        lambda f: linked(f, f"{CONV}/0", h5py.ExternalLink("/etc/passwd", "/")),
        "0 is a link",
    ),
    "group in itself": (lambda f: linked(f, f"{CONV}/1", f["layers"]), "is in it twice"),
    "complex": (lambda f: replaced(f, f"{CONV}/1", data=[1j, 1j]), "something else than numbers"),
    "text": (lambda f: replaced(f, f"{CONV}/1", data="two"), "something else than numbers"),
    "nothing": (
        lambda f: replaced(f, f"{CONV}/1", data=h5py.Empty("f")),
        "something else than numbers",
    ),
    "a type": (lambda f: linked(f, f"{CONV}/1", np.dtype("f")), "something else than numbers"),
    "huge": (
        lambda f: replaced(f, f"{CONV}/1", shape=(10**12,), chunks=(10,), dtype="f"),
        "declares a shape, 1000000000000, of which little is there",
    ),
    "wrong shape": (lambda f: replaced(f, f"{CONV}/1", data=[1.0, 2.0, 3.0]), "3×3×1×2 and 3"),
    "scalar": (lambda f: replaced(f, f"{CONV}/1", data=1.0), "does not match"),
    "no number": (lambda f: f[f"{CONV}/1"].write_direct(np.float32([1, np.nan])), "or no number"),
    "infinite": (lambda f: f[f"{CONV}/0"].write_direct(np.full((3, 3, 1, 2), -np.inf)), "infinite"),
    "too large for float32": (
        lambda f: replaced(f, f"{CONV}/1", data=np.float64([1e300, 1])),
        "infinite",
    ),
    "missing": (lambda f: f.__delitem__(f"{CONV}/1"), "does not match"),
    "further array": (lambda f: f.create_dataset(f"{CONV}/2", data=[1.0]), "and 2 and 1"),
    "whole numbers": (lambda f: replaced(f, f"{CONV}/1", data=[3, 4]), None),
    "halves": (lambda f: replaced(f, f"{CONV}/1", data=np.float16([3, 4])), None),
    "compressed": (
        lambda f: replaced(f, f"{CONV}/1", data=np.float32([3, 4]), compression="gzip"),
        None,
    ),
}


@pytest.mark.parametrize("fault", ODD)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_odd_file_works_or_gets_a_sentence_and_nothing_is_lost(
    rebuilder, weights_file, tmp_path, fault
):
    path = tmp_path / "odd.weights.h5"
    path.write_bytes(weights_file.read_bytes())
    spoil, message = ODD[fault]
    with h5py.File(path, "r+") as file:
        spoil(file)
    model = rebuilder.rebuild(SMALL, SHAPE)
    rebuilder.give_weights()
    before = model.get_weights()

    if message is None:
        rebuilder.load_weights(path)
        assert not rebuilder.weights.are_random
        return
    with pytest.raises(WeightsError, match=f"^odd.weights.h5 .*{message}") as caught:
        rebuilder.load_weights(path)
    assert "\n" not in str(caught.value)
    assert rebuilder.weights.are_random
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
