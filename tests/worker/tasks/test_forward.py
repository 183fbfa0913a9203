"""What the Keras process runs, whatever layers are called."""

import keras
import numpy as np
import pytest
from keras import layers

from explorer.core.asking.measurement import Measurement
from explorer.keras_side.given_models import as_read_model
from explorer.worker.tasks.features import run_feature_maps
from explorer.worker.tasks.forward import run_forward, run_layers
from explorer.worker.tasks.gradient import effective_field

SHAPE = (8, 8, 3)
NAMES = ("a:b", "é", "body parts", "\\N", "#", "-", "__a", "a" * 300)


def models() -> dict[str, keras.Model]:
    found = {}
    for name in NAMES:
        image = keras.Input(SHAPE)
        x = layers.Conv2D(2, 3, padding="same", name=name)(image)
        found[name] = keras.Model(image, layers.BatchNormalization(name=f"{name} bn")(x))
    image = keras.Input(SHAPE, name="an image:")
    inner = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(2, 3, name="a:b")], name="in:ner")
    found["nested"] = keras.Model(image, inner(image), name="m é")
    return found


MODELS = models()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_whose_layers_have_any_names_runs(name):
    given = as_read_model(MODELS[name])
    *_, last = (node.name for node in given.graph_at(SHAPE))
    for step, compiler in (("forward pass", "graph"), ("training step", "XLA")):
        how = Measurement(step=step, compiler=compiler)
        assert run_forward(given, SHAPE, 1, None, how=how).timing.compiler == compiler

    times = run_layers(given, SHAPE, 1, how=Measurement())
    assert times.left_out == ()
    assert [each.name for each in times.layers] == [n.name for n in given.graph_at(SHAPE)][1:]
    assert run_feature_maps(given, SHAPE, None, [last], last).layer.name == last
    field = effective_field(given, SHAPE, last, (3, 3))
    rows, columns = np.nonzero(field.strength)
    assert (np.ptp(rows), np.ptp(columns)) == (2, 2)
