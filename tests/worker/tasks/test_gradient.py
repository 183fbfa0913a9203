"""The effective receptive field is the slope of the real model, and lies in the exact window."""

import gc

import attrs
import keras
import numpy as np
import pytest

from explorer import Custom, SimpleConvBlock, UNet, trace
from explorer.core.analysis.receptive_field import receptive_window
from explorer.core.asking.failures import GivenUp
from explorer.core.pictures import images
from explorer.core.pictures.effective_field import EffectiveField
from explorer.worker.tasks import gradient as gradient_tasks
from explorer.worker.tasks.forward import DEFAULT, ready_model
from explorer.worker.tasks.gradient import effective_field

NET = UNet(filters=4, down_blocks=2, up_blocks=2)
SHAPE = (32, 48, 3)
LAST = trace(NET, SHAPE).outputs[-1].name


def bounds(strength: np.ndarray) -> tuple[int, int, int, int]:
    """The first and last row and column with a gradient, as a box has them."""
    rows, columns = np.nonzero(strength)
    return rows.min(), columns.min(), rows.max(), columns.max()


def model_of(net, shape) -> keras.Model:
    """The model that is kept, with weights that are the same in every run."""
    model = ready_model(net, shape, 1, DEFAULT).model
    generator = np.random.default_rng(1)
    for weight in model.weights:
        if weight.name == "kernel":
            spread = (2 / np.prod(weight.shape[:3])) ** 0.5
            weight.assign(generator.normal(0, spread, weight.shape))
    return model


@pytest.mark.parametrize(
    ("layer", "position"), [(LAST, (7, 30)), ("stack0_enc2_last_pool", (0, 5))]
)
def test_the_strength_is_the_slope_of_the_model_within_the_window(layer, position):
    grey = (*SHAPE[:2], 1)
    model = model_of(NET, grey)

    field = effective_field(NET, grey, layer, position)

    part = keras.Model(model.input, model.get_layer(layer).output)
    image = images.to_input(images.default_photograph(), grey)
    signs = np.random.default_rng(0).choice((-1.0, 1.0), part.output_shape[3])
    strongest = np.argsort(field.strength, axis=None)[-3:]
    step = np.zeros((3, *grey), "float32")
    step[np.arange(3), *np.unravel_index(strongest, grey[:2]), 0] = 1e-3
    after, before = (np.asarray(part(image + way * step))[:, *position] for way in (1, -1))
    slopes = np.abs(((after - before) * signs).sum(axis=1)) / 2e-3
    assert field.strength.ravel()[strongest] == pytest.approx(slopes, rel=0.05)
    graph = trace(NET, grey)
    window = receptive_window(graph, graph[layer], *position).inside
    top, left, bottom, right = bounds(field.strength)
    assert window.top <= top <= bottom <= window.bottom
    assert window.left <= left <= right <= window.right


def test_without_pooling_the_gradient_fills_the_window():
    block = SimpleConvBlock(pool=False, activation="linear", filters=3)
    net, position = Custom(encoder=(block,)), (1, 20)
    graph = trace(net, SHAPE)

    field = effective_field(net, SHAPE, graph.outputs[-1].name, position)

    window = receptive_window(graph, graph.outputs[-1], *position).inside
    assert field.strength.shape == SHAPE[:2]
    assert bounds(field.strength) == attrs.astuple(window) == (0, 18, 3, 22)
    assert field.center == position
    assert 3 <= field.side(0.95) <= 5
    assert field.side(1) == 5


def test_the_kept_model_stays_as_it_is_and_no_other_is_left():
    def models() -> int:
        return sum(isinstance(found, keras.Model) for found in gc.get_objects())

    kept = ready_model(NET, SHAPE, 1, DEFAULT)
    weights = kept.model.get_weights()
    calls = [len(layer._outbound_nodes) for layer in kept.model.layers]
    gc.collect()
    before = models()

    effective_field(NET, SHAPE, LAST, (3, 3))

    assert ready_model(NET, SHAPE, 1, DEFAULT) is kept
    assert models() == before
    assert [len(layer._outbound_nodes) for layer in kept.model.layers] == calls
    for mine, other in zip(kept.model.get_weights(), weights, strict=True):
        assert np.array_equal(mine, other)


def test_the_picture_of_the_user_is_taken():
    from tests.core.pictures.test_images import encoded

    model_of(NET, SHAPE)
    photograph = effective_field(NET, SHAPE, LAST, (9, 9))
    turned = encoded(images.default_photograph().rotate(180))
    other = effective_field(NET, SHAPE, LAST, (9, 9), upload=turned)

    assert not np.array_equal(photograph.strength, other.strength)
    with pytest.raises(images.ImageError):
        effective_field(NET, SHAPE, LAST, (9, 9), upload=b"text")


def test_the_input_sees_itself():
    field = effective_field(NET, (16, 16, 2), "image_in", (3, 5))

    assert bounds(field.strength) == (3, 5, 3, 5)
    assert field.strength[3, 5] == 2, "of each channel, 1"


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match="'nowhere': select another layer"):
        effective_field(NET, SHAPE, "nowhere", (0, 0))
    wide = UNet(filters=128, filters_rate=3, down_blocks=5, up_blocks=5)
    with pytest.raises(MemoryError, match="A gradient"):
        effective_field(wide, (32, 32, 1), LAST, (0, 0))


def test_an_overtaken_request_is_given_up_before_the_model_runs(monkeypatch):
    monkeypatch.setattr(gradient_tasks, "is_overtaken", lambda: True)
    with pytest.raises(GivenUp):
        effective_field(NET, SHAPE, LAST, (0, 0))


def field_of(strength, center) -> EffectiveField:
    return EffectiveField(np.array(strength, "float32"), center, "random (seed 0)", True)


def test_a_square_holds_a_share_of_the_gradient():
    strength = np.zeros((11, 11))
    strength[3, 4] = 50
    strength[2:5, 3:6] += 5  # 45 in a square of 3
    strength[3, 9] = 5  # and the rest 5 pixels away
    field = field_of(strength, (3, 4))

    assert [field.side(share) for share in (0.4, 0.55, 0.56, 0.95, 0.96, 1)] == [1, 1, 3, 3, 11, 11]


def test_around_a_coarse_position_sides_are_even():
    field = field_of(np.ones((4, 4)), (1.5, 1.5))

    assert [field.side(share) for share in (0.25, 0.26, 1)] == [2, 4, 4]


def test_a_dead_position_has_no_gradient_and_too_large_values_are_none():
    dead = field_of(np.zeros((3, 3)), (1, 1))
    assert (dead.has_gradient, dead.is_finite, dead.side(0.95)) == (False, True, 0)
    large = field_of([[np.inf, 1], [1, 1]], (1, 1))
    assert (large.has_gradient, large.is_finite, large.side(0.95)) == (False, False, 0)
