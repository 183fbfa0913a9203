"""A model rebuilt the fast way is the one that a plain build makes."""

import json

import attrs
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import (
    Custom,
    FCDenseNet,
    ResidualHourglass,
    SimpleConvBlock,
    UNet,
    build,
    presets,
    trace,
)
from explorer import keras_rebuild as module
from explorer.keras_rebuild import Rebuilder
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
    drops_out_or_normalizes = not isinstance(net, UNet)
    assert np.array_equal(answer, model(image, training=True)) != drops_out_or_normalizes


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


def test_nothing_is_left_behind_in_keras_list_of_variables_without_values(rebuilder):
    from keras.src.backend.common.variables import initialize_all_variables

    model = rebuilder.rebuild(SMALL, SHAPE)
    initialize_all_variables()

    assert all(variable._value is None for variable in model.variables)
