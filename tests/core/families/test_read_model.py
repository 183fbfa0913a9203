"""Models and graphs as architectures: what travels, at which sizes, and with which weights."""

import pickle
from pathlib import Path

import cloudpickle
import keras
import numpy as np
import pytest
from keras import layers as L

from explorer import Custom, ParameterError, ReadModel, UNet, analyze, build, read, to_json, trace
from explorer.core.analysis.comparison import parameter_changes
from explorer.core.asking.measurement import Measurement
from explorer.core.network.graph import resized
from explorer.core.network.parameters import parameters_of
from explorer.keras_side import given_models as module
from explorer.keras_side.given_models import as_read_model
from explorer.widget.panels.keras.status import compare
from explorer.worker.tasks import forward as keras_tasks
from explorer.worker.tasks.features import run_feature_maps
from explorer.worker.tasks.forward import (
    draw_weights,
    load_weights,
    rebuild,
    run_forward,
    weights_now,
)

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
SHAPE = (32, 48, 3)


@pytest.fixture(autouse=True)
def worker_state():
    """What the worker keeps, anew, as this process is used in its place."""
    yield
    keras_tasks._last = None
    keras_tasks._rebuilder.cache_clear()


@keras.saving.register_keras_serializable("tests")
class Scale(L.Layer):
    """A layer of the user's own."""

    def __init__(self, factor=2.0, **options):
        super().__init__(**options)
        self.factor = factor

    def build(self, shape):
        self.weight = self.add_weight(shape=(shape[-1],))

    def call(self, x):
        return x * self.weight * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Closed(L.Layer):
    """A layer that cannot be written down."""

    def __init__(self, what, **options):
        super().__init__(**options)
        self.what = what

    def call(self, x):
        return x * 2


def classifier(image):
    return L.Dense(3)(L.Flatten()(L.Conv2D(2, 3, strides=2, padding="same")(image)))


def fixed_reshape(image):
    return L.Reshape((32 * 48, 3))(image)


def pooled(image):
    return L.Dense(3)(L.GlobalAveragePooling2D()(L.Conv2D(2, 3, strides=2)(image)))


def nested(image):
    inner = keras.Sequential([keras.Input((16, 24, 4)), L.Conv2D(4, 3, padding="same"), L.ReLU()])
    x = L.Conv2D(4, 3, strides=2, padding="same")(image)
    return inner(x) + x


def own_layer(image):
    return Scale(3.0)(L.Conv2D(2, 3, padding="same")(image))


def shared(image):
    conv = L.Conv2D(3, 3, padding="same")
    return conv(conv(image))


def python_code(image):
    return L.Lambda(lambda x: x * 2)(image)


def closed(image):
    return Closed(object())(image)


def model_of(make, shape=SHAPE):
    image = keras.Input(shape)
    return keras.Model(image, make(image), name=make.__name__)


def sent(architecture):
    """What arrives in the Keras process."""
    return pickle.loads(cloudpickle.dumps(architecture))


@pytest.mark.parametrize("make", [classifier, pooled, nested, own_layer, shared, fixed_reshape])
def test_the_keras_process_makes_what_is_shown(make):
    model = model_of(make)
    architecture = as_read_model(model)

    built = rebuild(sent(architecture), SHAPE)

    assert compare(built, analyze(trace(architecture, SHAPE))) == []
    assert built.total_params == model.count_params()


def test_it_compares_and_travels_by_value():
    model = model_of(nested)
    architecture = as_read_model(model)

    assert sent(architecture) == architecture
    assert hash(sent(architecture)) == hash(architecture)
    assert architecture != as_read_model(model_of(shared))
    assert sent(architecture).model is None
    assert parameters_of(ReadModel) == ()


def test_a_graph_travels_however_deep_it_is():
    graph = trace(UNet(filters=2, convs_per_block=100), (32, 32, 1))
    assert len(graph) > 1500

    again = sent(graph)

    assert again.rows == graph.rows
    assert [node.name for node in again.outputs] == [node.name for node in graph.outputs]


@pytest.mark.parametrize("make", [pooled, nested, own_layer, shared])
def test_another_size_is_read_where_keras_can_make_it(make):
    architecture = as_read_model(model_of(make))

    graph = trace(architecture, (64, 96, 3))

    assert architecture.fixed == ""
    expected = read(model_of(make, (64, 96, 3))) if make is not nested else None
    if expected:
        assert [node.shape for node in graph] == [node.shape for node in expected]
    assert compare(rebuild(sent(architecture), (64, 96, 3)), analyze(graph)) == []


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (classifier, "its Dense layer 'dense"),
        (fixed_reshape, "total size of the tensor must be unchanged"),
        (python_code, "the Python code of a Lambda layer"),
        (closed, "its configuration cannot be written"),
    ],
)
def test_a_size_that_cannot_change_says_why(make, reason):
    architecture = as_read_model(model_of(make))

    assert reason in architecture.fixed
    assert set(architecture.inactive) == {"height", "width", "channels"}
    assert reason in architecture.inactive["width"]
    with pytest.raises(ParameterError, match=r"Input\.width=64 .*: use 48"):
        trace(architecture, (32, 64, 3))


@pytest.mark.parametrize("source", [lambda: build(SMALL, SHAPE), lambda: trace(SMALL, SHAPE)])
def test_sizes_that_do_not_fit_are_refused_with_the_nearest_that_do(source):
    architecture = as_read_model(source())

    with pytest.raises(ParameterError, match=r"Input\.width=50 .*: use 48 or 52\."):
        trace(architecture, (36, 50, 3))
    with pytest.raises(ParameterError, match=r"Input\.channels=1 .*: use 3"):
        trace(architecture, (32, 48, 1))
    assert [node.shape for node in trace(architecture, (36, 52, 3))] == [
        node.shape for node in trace(SMALL, (36, 52, 3))
    ]


def test_a_model_that_takes_any_size_is_shown_at_the_one_that_is_wished():
    model = model_of(nested_convolutions, (None, None, 3))

    architecture = as_read_model(model, (32, 64, 3))

    assert as_read_model(model).shown_shape == (256, 256, 3)
    assert architecture.shown_shape == (32, 64, 3)
    assert architecture.takes((96, 96, 3))
    assert "height" not in architecture.inactive
    graph = trace(architecture, (96, 96, 3))
    assert compare(rebuild(sent(architecture), (96, 96, 3)), analyze(graph)) == []


def nested_convolutions(image):
    return L.Conv2D(2, 3, strides=2, padding="same")(image)


def test_a_resized_graph_keeps_blocks_and_shared_layers():
    graph = trace(SMALL, SHAPE)

    larger = resized(graph, (64, 64, 3))

    assert [node.block for node in larger] == [node.block for node in graph]
    assert larger.rows == trace(SMALL, (64, 64, 3)).rows


@pytest.mark.parametrize("make", [python_code, closed])
def test_what_cannot_travel_is_said_in_a_line_where_keras_is_needed(make):
    architecture = as_read_model(model_of(make))

    assert analyze(trace(architecture, SHAPE)).layers
    with pytest.raises(ValueError, match="The Keras process can't make this model: ") as error:
        rebuild(sent(architecture), SHAPE)
    assert "\n" not in str(error.value)


# Weights.


def first_kernel(kept=None):
    return np.asarray(keras_tasks._last.model.weights[0])


def test_it_runs_with_the_weights_of_the_users_model():
    model = model_of(nested)
    model.set_weights([np.full(weight.shape, 0.25, "float32") for weight in model.weights])
    architecture = as_read_model(model)

    result = run_forward(sent(architecture), SHAPE, 1)

    assert "from your model" in result.weights
    assert (first_kernel() == 0.25).all()
    maps = run_feature_maps(sent(architecture), SHAPE, None, ["add"])
    assert not maps.weights.are_random
    # They belong to another size as well.
    run_forward(sent(architecture), (64, 96, 3), 1)
    assert (first_kernel() == 0.25).all()


def test_random_weights_replace_them_until_they_are_loaded_again():
    model = model_of(shared)
    model.set_weights([np.full(weight.shape, 0.25, "float32") for weight in model.weights])
    architecture = as_read_model(model)
    run_forward(sent(architecture), SHAPE, 1)

    draw_weights(1)
    run_forward(sent(architecture), SHAPE, 1)
    assert weights_now().are_random
    assert not (first_kernel() == 0.25).any()

    load_weights(sent(architecture), SHAPE, architecture.weights)
    assert "from your model" in str(weights_now())
    assert (first_kernel() == 0.25).all()


def test_weights_that_are_too_many_to_be_sent_are_random_and_said_to_be(monkeypatch):
    monkeypatch.setattr(module, "MOST_WEIGHTS", 10)
    architecture = as_read_model(model_of(shared))

    result = run_forward(sent(architecture), SHAPE, 1)

    assert result.weights.startswith("random (seed 0); your model's own take 336 B")


def test_the_weights_file_goes_with_the_architecture():
    architecture = as_read_model(model_of(shared))
    path = Path(architecture.weights)
    assert path.is_file()

    del architecture

    assert not path.exists()


def test_a_precision_is_that_of_every_layer():
    architecture = as_read_model(model_of(nested))

    kept = keras_tasks._model(sent(architecture), SHAPE, Measurement(precision="mixed_bfloat16"))

    layers = [layer for layer in kept.model._flatten_layers() if layer.weights]
    assert {layer.compute_dtype for layer in layers} == {"bfloat16"}


def test_a_classifier_runs_without_pictures_of_its_output():
    assert run_forward(sent(as_read_model(model_of(classifier))), SHAPE, 1).channels == ()


def test_a_model_of_several_inputs_is_built_and_not_run():
    image, other = keras.Input(SHAPE), keras.Input((5,))
    model = keras.Model([image, other], [L.ReLU()(image), L.Dense(2)(other)])
    architecture = as_read_model(model)

    assert compare(rebuild(sent(architecture), SHAPE), analyze(trace(architecture, SHAPE))) == []
    with pytest.raises(ValueError, match="This model has 2 inputs"):
        run_forward(sent(architecture), SHAPE, 1)


def test_a_model_of_no_image_is_told_what_can_show_it():
    image = keras.Input((5,))

    with pytest.raises(ValueError, match=r"diagram\(read\(model\)\)"):
        as_read_model(keras.Model(image, L.Dense(2)(image)))


def test_a_graph_of_our_own_layers_is_rebuilt_layer_by_layer():
    architecture = as_read_model(trace(SMALL, SHAPE))

    built = rebuild(sent(architecture), SHAPE)

    assert compare(built, analyze(trace(SMALL, SHAPE))) == []
    assert keras_tasks._rebuilder().problem is None
    assert build(architecture, SHAPE).count_params() == built.total_params


def test_it_is_no_json():
    with pytest.raises(TypeError, match="save a Keras model itself"):
        to_json(as_read_model(trace(SMALL, SHAPE)))


@pytest.mark.parametrize("inside", [False, True])
def test_a_model_with_channels_first_is_refused(inside):
    """Its sizes would stand on the screen as those of other axes."""
    first = keras.layers.MaxPooling2D(data_format="channels_first", name="pool")
    layers = [keras.Input((3, 32, 32)), keras.Sequential([first]) if inside else first]

    with pytest.raises(ValueError, match=r"The layer 'pool' of this model takes channels first"):
        as_read_model(keras.Sequential(layers))


def test_a_change_to_it_is_told_by_its_name():
    architecture = as_read_model(model_of(shared))

    (change,) = parameter_changes(architecture, Custom())
    assert (change.field, change.a, change.b) == ("architecture", "shared (as given)", "Custom")
    assert parameter_changes(architecture, sent(architecture)) == ()
    (change,) = parameter_changes(architecture, as_read_model(model_of(nested)))
    assert (change.a, change.b) == ("shared", "nested")
