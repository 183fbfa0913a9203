"""The pictures of what layers make of an image are those of Keras' own submodels."""

import io
import weakref

import attrs
import keras
import numpy as np
import pytest
from PIL import Image

from explorer import Custom, Head, ResidualHourglass, SimpleConvBlock, UNet, build
from explorer.core.asking.failures import GivenUp
from explorer.core.pictures.images import ImageError, default_photograph, to_input
from explorer.keras_side import rebuild as keras_rebuild
from explorer.worker.tasks import features as module
from explorer.worker.tasks import forward as keras_tasks
from explorer.worker.tasks.features import SIDE, features, run_feature_maps
from explorer.worker.tasks.forward import draw_weights, load_weights, ready_model, run_forward
from tests.keras_side.test_rebuild import save, shift

SMALL = UNet(filters=4, down_blocks=2, up_blocks=2)
SHAPE = (32, 48, 1)
MIDDLE = "stack0_enc3_middle_expand_act0_relu"
OUTPUT = "stack0_dec1_s2_to_s1_refine_conv1_act_relu"


@pytest.fixture(autouse=True)
def worker_state():
    """What the worker keeps, anew, as this process is used in its place."""
    yield
    keras_tasks._last = None
    keras_tasks._rebuilder.cache_clear()


def kept_model(architecture=SMALL, shape=SHAPE) -> keras.Model:
    return ready_model(architecture, shape, 1, keras_tasks.DEFAULT).model


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def stretched(values: np.ndarray) -> np.ndarray:
    return np.round((values - values.min()) / (values.max() - values.min()) * 255)


def of_submodel(name: str, shape=SHAPE) -> np.ndarray:
    model = kept_model(shape=shape)
    image = to_input(default_photograph(), shape)[None]
    return np.asarray(keras.Model(model.input, model.get_layer(name).output)(image))[0]


def test_the_strip_has_a_picture_and_the_figures_of_each_layer():
    maps = run_feature_maps(SMALL, SHAPE, None, ("image_in", OUTPUT, MIDDLE))
    image, output, middle = maps.strip

    assert [made.name for made in maps.strip] == ["image_in", OUTPUT, MIDDLE]
    assert image.shape == SHAPE
    np.testing.assert_array_equal(
        pixels(image.png), stretched(to_input(default_photograph(), SHAPE)[:, :, 0])
    )
    for made in (output, middle):
        wanted = of_submodel(made.name)
        assert made.shape == wanted.shape
        assert (made.lowest, made.highest) == pytest.approx((wanted.min(), wanted.max()), abs=1e-6)
        assert made.mean == pytest.approx(wanted.mean(), rel=1e-4)
        difference = pixels(made.png) - stretched(np.abs(wanted).mean(axis=2))
        assert np.abs(difference).max() <= 1
    assert maps.layer is None
    assert str(maps.weights) == "random (seed 0)"


def test_the_strongest_channels_come_first_with_their_strength():
    layer = run_feature_maps(SMALL, SHAPE, None, (), "stack0_enc2_last_pool").layer
    wanted = of_submodel("stack0_enc2_last_pool")
    strength = np.abs(wanted).mean(axis=(0, 1))

    assert [channel.index for channel in layer.channels] == list(np.argsort(-strength))[:16]
    for channel in layer.channels:
        assert channel.strength == pytest.approx(strength[channel.index], rel=1e-4)
        difference = pixels(channel.png) - stretched(wanted[:, :, channel.index])
        assert np.abs(difference).max() <= 1
    assert layer.shape == (8, 12, 8)


def test_pictures_are_few_and_not_too_large():
    net = UNet(filters=24, down_blocks=1, up_blocks=1)
    maps = run_feature_maps(net, (512, 256, 3), None, ("image_in",), "stack0_enc0_conv0")

    assert len(maps.layer.channels) == 16
    for png in (maps.strip[0].png, *(channel.png for channel in maps.layer.channels)):
        assert Image.open(io.BytesIO(png)).size == (SIDE // 2, SIDE)
    assert Image.open(io.BytesIO(maps.strip[0].png)).mode == "RGB"


def test_an_upload_takes_the_photograph_s_place_and_must_be_a_picture():
    buffer = io.BytesIO()
    Image.new("L", (8, 8), 255).save(buffer, format="PNG")

    maps = run_feature_maps(SMALL, SHAPE, buffer.getvalue(), ("image_in",))
    assert (maps.strip[0].lowest, maps.strip[0].highest) == (1.0, 1.0)
    with pytest.raises(ImageError):
        run_feature_maps(SMALL, SHAPE, b"no picture", ("image_in",))


@pytest.mark.parametrize(
    "net",
    [
        ResidualHourglass(filters=4, down_blocks=2, stem_filters=2, stacks=2),
        attrs.evolve(SMALL, heads=(Head("parts", 3), Head("coarse", 2, stride=2))),
    ],
    ids=["skips in stacks", "heads"],
)
def test_every_layer_s_output_is_that_of_keras_and_the_model_stays_as_it_is(net):
    model = kept_model(net, (32, 32, 1))
    nodes = [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in model.layers]
    image = np.random.default_rng(0).random((1, 32, 32, 1), dtype=np.float32)
    names = [layer.name for layer in model.layers]

    found = dict(features(model, image, names))

    assert sorted(found) == sorted(names)
    after = [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in model.layers]
    assert after == nodes
    outputs = keras.Model(model.input, [layer.output for layer in model.layers])(image)
    for layer, output in zip(model.layers, outputs, strict=True):
        np.testing.assert_allclose(found[layer.name], np.asarray(output)[0], rtol=1e-4, atol=1e-5)


def test_a_feature_is_forgotten_after_its_last_use_and_nothing_runs_without_need(monkeypatch):
    model = kept_model()
    made, alive = [], []
    call = keras.layers.Layer.__call__

    def noted(layer, *args, **options):
        output = call(layer, *args, **options)
        alive.append(sum(reference() is not None for _, reference in made))
        made.append((layer.name, weakref.ref(output)))
        return output

    monkeypatch.setattr(keras.layers.Layer, "__call__", noted)
    list(features(model, np.ones((1, *SHAPE), np.float32), {MIDDLE}))

    assert made[-1][0] == MIDDLE
    # Two skip connections, and what the layer reads.
    assert max(alive) <= 3 < len(alive)


def test_a_run_that_nobody_waits_for_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "is_overtaken", lambda: True)

    with pytest.raises(GivenUp):
        run_feature_maps(SMALL, SHAPE, None, (OUTPUT,))


class Own(SimpleConvBlock):
    """A block that calls Keras itself, with a layer that is called twice and an operation."""

    def make_block(self, x_in, prefix="own"):
        conv = keras.layers.Conv2D(1, 3, padding="same", name=f"{prefix}_conv")
        pooled = keras.layers.GlobalAveragePooling2D(name=f"{prefix}_mean")(x_in)
        return conv(conv(x_in)) * 2.0 + keras.layers.Reshape((1, 1, 1), name="r")(pooled)


def test_a_network_that_calls_keras_itself_is_shown_too():
    net = Custom(encoder=(Own(filters=1),))
    names = ("stack0_enc0_conv", "stack0_enc0_conv_call1", "stack0_enc0_mean")
    maps = run_feature_maps(net, (16, 16, 1), None, names, "stack0_enc0_mean")

    image = to_input(default_photograph(), (16, 16, 1))[None]
    conv = keras_tasks._last.model.get_layer("stack0_enc0_conv")
    once, twice, mean = maps.strip
    assert once.highest == pytest.approx(float(np.max(conv(image))), rel=1e-4)
    assert twice.highest == pytest.approx(float(np.max(conv(conv(image)))), rel=1e-4)
    assert mean.mean == pytest.approx(image.mean(), rel=1e-4)
    assert (mean.shape, len(maps.layer.channels)) == ((1,), 1)
    with pytest.raises(LookupError, match="no output of nothing"):
        run_feature_maps(net, (16, 16, 1), None, ("nothing",))


def test_broken_values_are_shown_as_what_they_are(monkeypatch):
    model = kept_model()
    model.get_layer("stack0_enc0_conv0").bias.assign(np.full(4, np.nan))

    maps = run_feature_maps(SMALL, SHAPE, None, (OUTPUT,), OUTPUT)

    assert np.isnan(maps.strip[0].mean)
    assert np.isnan(maps.layer.channels[0].strength)
    assert pixels(maps.strip[0].png).max() == 0


def test_pictures_and_passes_say_where_the_weights_come_from(tmp_path, monkeypatch):
    monkeypatch.setattr(keras_tasks, "TIME_LIMIT", 0)  # of the forward pass
    saved = build(SMALL, SHAPE)
    shift(saved)
    save(saved, tmp_path / "mine.weights.h5")
    random = run_feature_maps(SMALL, SHAPE, None, (OUTPUT,)).strip[0]

    weights = load_weights(SMALL, SHAPE, str(tmp_path / "mine.weights.h5"))
    maps = run_feature_maps(SMALL, SHAPE, None, (OUTPUT,))
    assert str(weights) == str(maps.weights) == "from mine.weights.h5"
    assert maps.strip[0].highest == pytest.approx(
        float(np.max(saved(to_input(default_photograph(), SHAPE)[None]))), rel=1e-4
    )
    assert run_forward(SMALL, SHAPE, 1).weights == "from mine.weights.h5"
    edited = attrs.evolve(SMALL, up_interpolate=True)
    assert run_feature_maps(edited, SHAPE, None, (), MIDDLE).weights.loaded > 0

    draw_weights(0)
    again = run_feature_maps(SMALL, SHAPE, None, (OUTPUT,))
    assert (again.strip[0], str(again.weights)) == (random, "random (seed 0)")
    draw_weights(1)
    assert run_feature_maps(SMALL, SHAPE, None, (OUTPUT,)).strip[0] != random


def test_weights_that_do_not_fit_twice_are_not_loaded(tmp_path, monkeypatch):
    save(build(SMALL, SHAPE), tmp_path / "mine.weights.h5")

    def full(report):
        raise MemoryError(f"no room for {report.total_params}")

    monkeypatch.setattr(keras_tasks, "check_weights_fit", full)
    with pytest.raises(MemoryError, match="no room"):
        load_weights(SMALL, SHAPE, str(tmp_path / "mine.weights.h5"))
    with pytest.raises(keras_rebuild.WeightsError, match="no file absent"):
        load_weights(SMALL, SHAPE, str(tmp_path / "absent.weights.h5"))
