"""Rebuilding a Keras model in a fraction of the time that building it takes.

Most of a plain build goes into initial values of weights, and most of the rest into making layers
and into what calling them checks. Here, layers whose configuration and input channels did not
change are used again, with their weights; new weights get values only when the model is about to
run; and calls are recorded in Keras' graph directly, with the output shapes that Keras computes.

The three private parts of Keras that this needs (a call's record, the list of variables without
values, and giving one its value) stand in this file alone. Where they fail, the plain build takes
over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

from explorer.analysis import BYTES_PER_VALUE
from explorer.encoder_decoder import EncoderDecoder
from explorer.graph import Graph, Node, trace
from explorer.keras_model import as_model, build, dtype_policy, import_keras
from explorer.layers import Shape


class Rebuilder:
    """Builds one model after the other, of which only the last one may be used.

    Attributes:
        graph: The layers of the last model.
        problem: Why the last model was built plainly, if it was.
    """

    def __init__(self) -> None:
        self.graph: Graph | None = None
        self.problem: Exception | None = None
        self._model: Any = None
        self._setting: tuple[str, str] | None = None
        self._kept: dict[Any, Any] = {}  # layers of the last model, by what they depend on
        self._elsewhere: dict[Any, Any] = {}  # layers whose weights are wanted on this device

    def rebuild(
        self,
        architecture: EncoderDecoder,
        input_shape: Shape,
        dtype: str = "float32",
        device: str = "CPU:0",
    ) -> Any:
        """Return the `keras.Model` of an architecture; it must be given weights before it runs.

        Args:
            architecture: The architecture.
            input_shape: `(height, width, channels)`.
            dtype: Name of the Keras dtype policy.
            device: Keras' name of the device that the weights will lie on.
        """
        keras = import_keras()
        if self._setting != (dtype, device):
            self._setting = (dtype, device)
            self._elsewhere |= {k: layer for k, layer in self._kept.items() if _has_values(layer)}
            self._kept = {}
        graph = self.graph = trace(architecture, input_shape)
        self.problem = None
        with dtype_policy(dtype), keras.device(device.lower()):
            if not graph.read_from_keras:
                try:
                    self._model = self._rebuild(keras, graph)
                    return self._model
                except Exception as error:  # whatever another version of Keras may raise
                    self.problem = error
                    self._kept = {}
            keras.backend.clear_session(free_memory=False)  # of plain builds, Keras keeps traces
            self._model = build(architecture if graph.read_from_keras else graph, input_shape)
        return self._model

    def _rebuild(self, keras: Any, graph: Graph) -> Any:
        kept, self._kept = self._kept, {}
        tensors: dict[Node, Any] = {}
        with _without_values(keras):
            for node in graph:
                if not node.inputs:
                    tensors[node] = keras.Input(node.shape, name=node.name)
                    continue
                shapes = [source.shape for source in node.inputs]
                has_weights = any(node.layer.weights(shapes))
                key = node.layer, tuple(s[-1] for s in shapes) if has_weights else len(shapes)
                layer = self._kept[key] = kept.pop(key, None) or node.layer.keras_layer()
                tensors[node] = _recorded(keras, layer, [tensors[s] for s in node.inputs])
            return as_model(graph, tensors)

    def give_weights(self) -> None:
        """Give values to those weights of the last model that have none yet.

        A layer that has been on another device, or of another dtype, brings its weights along.
        """
        with import_keras().device(self._setting[1].lower() if self._setting else "cpu:0"):
            for variable in self._model.variables:
                if variable._value is None:
                    variable._deferred_initialize()
            for key, layer in self._elsewhere.items():
                if key in self._kept:
                    self._kept[key].set_weights(layer.get_weights())
        self._elsewhere = {}

    @property
    def held_bytes(self) -> int:
        """Memory of the last model's weights that have values."""
        there = [v for v in self._model.variables if v._value is not None]
        return BYTES_PER_VALUE * sum(int(prod(variable.shape)) for variable in there)


def _has_values(layer: Any) -> bool:
    return bool(layer.variables) and all(v._value is not None for v in layer.variables)


def _recorded(keras: Any, layer: Any, inputs: list[Any]) -> Any:
    """Return the output of a layer's call, without what calling it would check again."""
    from keras.src.ops.node import Node as Call

    layer._inbound_nodes.clear()
    layer._outbound_nodes.clear()
    given = inputs if len(inputs) > 1 else inputs[0]
    shape = [tensor.shape for tensor in inputs] if len(inputs) > 1 else inputs[0].shape
    if not layer.built:
        layer.build(shape)
    output = keras.KerasTensor(layer.compute_output_shape(shape), dtype=layer.compute_dtype)
    Call(layer, call_args=(given,), call_kwargs={}, outputs=output)
    return output


@contextmanager
def _without_values(keras: Any) -> Iterator[None]:
    """Create variables without values."""
    from keras.src.backend.common import global_state

    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])
