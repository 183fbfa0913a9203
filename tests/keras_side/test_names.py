"""Blocks of the user's that call Keras: what is shown is what Keras builds, whatever was before."""

import pickle

import cloudpickle
import keras
import numpy as np
import pytest
from keras import layers as L

from explorer import EncoderBlock, EncoderDecoder, SimpleUpsamplingBlock, analyze, build, trace
from explorer.keras_side import layer_timing
from explorer.keras_side.layer_timing import time_layers
from explorer.keras_side.timing import time_model
from explorer.widget.panels.keras.forward_pass import ForwardView
from explorer.widget.panels.keras.status import compare
from explorer.worker.tasks.features import features
from explorer.worker.tasks.forward import rebuild
from explorer.worker.tasks.gradient import effective_field
from tests.said import said

SHAPE = (16, 16, 3)


def unnamed(x, prefix):
    x = L.Conv2D(4, 3, padding="same")(x)
    return L.Activation("relu")(L.BatchNormalization()(x))


def recurrent(x, prefix):
    x = L.Conv2D(4, 1)(x)
    shared = L.Conv2D(4, 3, padding="same", name=f"{prefix}_recurrent")
    y = shared(x)
    for _ in range(2):
        y = shared(L.Add()([x, y]))
    return y


def unnamed_recurrent(x, prefix):
    x = L.Conv2D(4, 1)(x)
    shared = L.Conv2D(4, 3, padding="same")
    return shared(x + shared(x))


def sums(x, prefix):
    y = L.Conv2D(3, 3, padding="same")(x)
    return L.ReLU()((x + y) * 2 - y)


def functions(x, prefix):
    y = L.Conv2D(3, 3, padding="same")(x)
    return keras.ops.relu(keras.ops.concatenate([x, y], axis=-1))


def python_code(x, prefix):
    return L.Lambda(lambda t: t * 2)(L.Conv2D(4, 3, padding="same")(x))


def inner_model(x, prefix):
    image = keras.Input(x.shape[1:])
    y = L.Conv2D(4, 3, padding="same")(image)
    return keras.Model(image, L.Concatenate()([y, L.Conv2D(2, 1)(y)]))(x)


def inner_model_twice(x, prefix):
    image = keras.Input((*x.shape[1:3], 4))
    inner = keras.Model(image, L.Conv2D(4, 3, padding="same")(image) + image)
    return inner(inner(L.Conv2D(4, 1)(x)))


def inner_sequential(x, prefix):
    return keras.Sequential([L.Conv2D(4, 3, padding="same"), L.ReLU()])(x)


def split(x, prefix):
    first, second = keras.ops.split(L.Conv2D(4, 3, padding="same")(x), 2, axis=-1)
    return L.Multiply()([keras.ops.sigmoid(first), second])


def used_in_part(x, prefix):
    _, second = keras.ops.split(L.Conv2D(4, 3, padding="same")(x), 2, axis=-1)
    return second


def model_of_two_outputs(x, prefix):
    image = keras.Input(x.shape[1:])
    y = L.Conv2D(4, 3, padding="same")(image)
    first, second = keras.Model(image, [y, L.ReLU()(y)])(x)
    return first + second


def random(x, prefix):
    x = L.RandomFlip(seed=1)(x)
    return L.Dropout(0.5, seed=2)(L.GaussianNoise(0.1)(L.Conv2D(4, 3, padding="same")(x)))


def with_options(x, prefix):
    y = L.Conv2D(4, 1)(x)
    y = L.BatchNormalization()(y, training=False)
    return L.MultiHeadAttention(1, 2, name=f"{prefix}_attention")(y, value=y)


def to_the_power(x, prefix):
    return L.Add()([x, x]) ** 2


MAKERS = [
    unnamed,
    recurrent,
    unnamed_recurrent,
    sums,
    functions,
    python_code,
    inner_model,
    inner_model_twice,
    inner_sequential,
    split,
    used_in_part,
    model_of_two_outputs,
    random,
    with_options,
    to_the_power,
]


def network(make):
    """Return an encoder of two such blocks, and a decoder."""

    class Block(EncoderBlock):
        def make_block(self, x, prefix="block"):
            return L.MaxPooling2D(2)(make(x, prefix))

    class Net(EncoderDecoder):
        encoder_stack = (Block(), Block())
        decoder_stack = (SimpleUpsamplingBlock(refine_convs_filters=2),) * 2

    return Net()


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def net(request):
    """A network; the notebook has made layers before."""
    for _ in range(3):
        unnamed(keras.Input(SHAPE), "")
    return network(request.param)


def test_such_a_network_is_traced_the_same_each_time(net):
    graph = trace(net, SHAPE)
    unnamed(keras.Input(SHAPE), "")

    assert trace(net, SHAPE).rows == graph.rows


def test_such_a_network_is_as_shown_when_another_process_builds_it(net):
    graph = trace(net, SHAPE)

    built = rebuild(pickle.loads(cloudpickle.dumps(net)), SHAPE)

    assert compare(built, analyze(graph)) == []
    assert len(built.layers) == len(graph)


def test_every_layer_of_such_a_network_is_run(net):
    graph, model = trace(net, SHAPE), build(net, SHAPE)
    batch = np.random.default_rng(0).random((2, *SHAPE), np.float32)

    found = dict(features(model, batch, {node.name for node in graph}))

    assert {name: value.shape for name, value in found.items()} == {
        node.name: node.shape for node in graph
    }
    expected = np.asarray(model(batch, training=False))[0]
    np.testing.assert_allclose(found[graph.outputs[0].name], expected, rtol=1e-4, atol=1e-5)


def test_every_layer_of_such_a_network_is_timed(net):
    graph, model = trace(net, SHAPE), build(net, SHAPE)

    times = time_layers(model, np.ones((1, *SHAPE), np.float32), time_limit=0.1)

    assert times.left_out == ()
    # A layer of several outputs has one time, under the name of the first that is used.
    names = [layer.name for layer in times.layers]
    assert {node.name for node in graph if node.inputs} >= {*names}
    further = {node.name for node in graph if node.inputs} - {*names}
    assert all("_output" in name for name in further)


def test_every_layer_of_such_a_network_has_a_gradient(net):
    graph = trace(net, SHAPE)
    middle = next(node for node in graph if node.block and node.block.name == "stack0_enc1")

    field = effective_field(net, SHAPE, middle.name, (1, 1))

    assert field.strength.shape == SHAPE[:2]


def test_unnamed_layers_are_counted_within_the_network():
    names = [node.name for node in trace(network(unnamed), SHAPE)]

    assert [name for name in names if name.startswith("conv2d")] == ["conv2d", "conv2d_1"]


def test_the_model_has_the_names_of_the_graph():
    net = network(unnamed)
    unnamed(keras.Input(SHAPE), "")

    assert [layer.name for layer in build(net, SHAPE).layers] == [
        node.name for node in trace(net, SHAPE)
    ]


def test_a_notebooks_own_layers_are_counted_on():
    first = L.Conv2D(1, 1).name
    build(network(unnamed), SHAPE)
    second = L.Conv2D(1, 1).name

    def number(name):
        return int(name.removeprefix("conv2d").removeprefix("_") or 0)

    assert number(second) > number(first)


def test_a_layer_that_was_made_before_keeps_its_name_and_no_other_gets_it():
    keras.backend.clear_session()
    kept = L.Conv2D(4, 3, padding="same")  # which Keras calls conv2d

    def make(x, prefix):
        x = L.Conv2D(4, 1)(x)
        return kept(x)

    net = network(make)
    names = [node.name for node in trace(net, SHAPE)]

    assert kept.name == "conv2d"
    assert names.count("conv2d") == 1
    assert {"conv2d_1", "conv2d_2", "conv2d_call1"} <= {*names}
    assert trace(net, SHAPE).rows == trace(net, SHAPE).rows


class Stubborn(L.Layer):
    """Runs on values alone."""

    def call(self, x):
        return x * float(x.numpy().max())

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def test_a_layer_that_cannot_be_compiled_by_itself_is_left_out_and_told(monkeypatch):
    image = keras.Input(SHAPE)
    batch = np.ones((1, *SHAPE), np.float32)
    conv = L.Conv2D(2, 3)
    whole = time_model(keras.Model(image, conv(image)), batch, time_limit=0)
    monkeypatch.setattr(layer_timing, "time_model", lambda *args, **options: whole)

    times = time_layers(
        keras.Model(image, conv(Stubborn(name="stubborn")(image))), batch, time_limit=0
    )

    assert times.left_out == ("stubborn",)
    assert [layer.name for layer in times.layers] == [conv.name]
    view = ForwardView(lambda: None, lambda figure: None)
    view.show_layers(times)
    assert "Not timed, since they can" in said(view._result)
    assert "stubborn" in said(view._result)
