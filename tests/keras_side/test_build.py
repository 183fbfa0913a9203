"""A traced graph and the Keras model have the same layers, whichever way the model is made."""

import attrs
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import Hourglass, LeapCNN, ParameterError, UNet, build, trace
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import INPUT_NAME, Graph, input_feature
from explorer.core.network.layers import Layer, layer_kinds
from explorer.core.network.layers.of_keras import KERAS_LAYERS
from tests.core.exchange.test_own_classes import Net
from tests.keras_helpers import direct_model, rows_of_graph, rows_of_model, structure
from tests.strategies import (
    FAMILIES,
    block_calls,
    block_classes,
    families,
    listed,
    make_block,
    shapes_for,
)


def check_architecture(architecture, input_shape):
    graph = trace(architecture, input_shape)
    rows = rows_of_graph(graph)
    assert rows == structure(lambda: build(graph))
    assert rows == structure(lambda: direct_model(architecture, input_shape))


@attrs.frozen
class _Made(Layer):
    """A kind that makes a layer of Keras' itself."""

    def keras_layer(self):
        return keras.layers.GaussianNoise(0.1, name=self.name)


@attrs.frozen
class _Zoom(Layer):
    """A kind of which Keras has a layer with other settings."""

    depth: int = 3

    @property
    def kind(self):
        return "RandomZoom"


def test_kinds_that_keras_has_not_are_refused_with_a_remedy():
    with pytest.raises(Refusal, match="no layer _Blur, which 'stack0_enc0_own' is: name its class"):
        build(Net(), (8, 8, 1))
    with pytest.raises(Refusal, match=r"can't make RandomZoom 'stack0_enc0_own'.*: give its class"):
        build(Net(kind=_Zoom), (8, 8, 1))
    params = sum(node.params for node in trace(Net(), (8, 8, 1)))
    assert build(Net(kind=_Made), (8, 8, 1)).count_params() == params


def test_layers_that_keras_is_said_to_have_are_there():
    missing = {name for name in KERAS_LAYERS if not hasattr(keras.layers, name)}
    assert not missing
    assert layer_kinds().keys() - {"InputLayer"} <= KERAS_LAYERS


def test_every_family_is_drawn():
    assert families() == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@given(st.data())
@settings(max_examples=10)
def test_models_of_a_family_have_the_layers_of_its_graph(family, data):
    architecture = data.draw(FAMILIES[family]())
    check_architecture(architecture, data.draw(shapes_for(architecture)))


@given(st.data())
@settings(max_examples=20)
def test_models_of_listed_blocks_have_the_layers_of_their_graph(data):
    architecture = data.draw(listed())
    check_architecture(architecture, data.draw(shapes_for(architecture)))


@pytest.mark.parametrize("cls", sorted(block_classes(), key=lambda cls: cls.__name__))
@given(st.data())
@settings(max_examples=10)
def test_a_block_makes_the_same_layers_on_keras_tensors(cls, data):
    call = data.draw(block_calls(cls))
    graph = Graph([make_block(call, input_feature)[1]])

    def direct():
        inputs, output = make_block(call, keras.Input)
        return keras.Model([tensor for tensor in inputs if tensor.name in used], output)

    used = [node.name for node in graph.inputs]
    rows = rows_of_graph(graph)
    assert rows == structure(lambda: build(graph))
    assert rows == structure(direct)


@pytest.mark.parametrize(
    ("architecture", "outputs"),
    [
        (UNet(filters=2, down_blocks=2, up_blocks=1), 1),
        (LeapCNN(filters=2, down_blocks=2, up_blocks=2, stacks=2), 2),
        (Hourglass(2, 2, stem_filters=2, filters=2, filter_increase=1), 3),
    ],
)
def test_a_built_model_computes_outputs_of_the_traced_shapes(architecture, outputs):
    graph = trace(architecture, (16, 32, 2))
    model = build(architecture, (16, 32, 2))
    computed = model(np.ones((2, 16, 32, 2), "float32"))
    computed = computed if outputs > 1 else [computed]
    assert [tuple(output.shape[1:]) for output in computed] == [n.shape for n in graph.outputs]
    assert len(computed) == outputs
    assert model.name == type(architecture).__name__.lower()
    assert rows_of_model(model) == rows_of_graph(graph)


def test_features_of_a_graph_can_be_outputs_of_a_model():
    image = input_feature((4, 4, 1), "photo")
    model = build(Graph([image], name="Nothing"))
    assert (model.name, [layer.name for layer in model.layers]) == ("nothing", ["photo"])


def test_an_architecture_is_built_for_an_input_shape_only():
    with pytest.raises(TypeError, match="input_shape"):
        build(UNet())


def test_keras_refuses_a_size_that_does_not_fit_with_the_same_words():
    with pytest.raises(ParameterError, match=r"height=250 .* 240 or 256"):
        UNet(filters=1).make_backbone(keras.Input((250, 256, 1)))


def test_a_keras_input_of_unknown_size_is_accepted():
    output, _ = UNet(filters=1).make_backbone(keras.Input((None, None, 1), name=INPUT_NAME))
    assert output.shape == (None, None, None, 1)
