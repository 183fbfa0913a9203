"""What is filled in by the package, since what does it stands above the network."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol


class ByKeras(Protocol):
    """What only Keras can do."""

    def is_imported(self) -> bool:
        """Return whether Keras is in this process already."""

    def trace_with_keras(self, architecture: Any, input_shape: tuple[int, ...]) -> Any:
        """Return the graph of an architecture whose blocks call Keras layers themselves."""

    def read_again(
        self, config: str, classes: Mapping[str, type], shape: tuple[int, ...] | None
    ) -> Any:
        """Return the graph of a model's configuration."""

    def keras_layer(self, layer: Any) -> Any:
        """Return a new Keras layer of a layer's configuration."""


by_keras: ByKeras | None = None

#: Returns a graph's layers as a table in HTML.
as_html: Callable[[Any], str] | None = None

#: Returns the design in a Keras file, given its path and the `Answers` of whoever loads it.
load_keras_file: Callable[[Path, Any], Any] | None = None

#: Returns the design in the JSON of a Keras model, given the text and the `Answers`.
load_keras_text: Callable[[str, Any], Any] | None = None

#: Returns the design in an ONNX file, given its path and the `Answers`.
load_onnx_file: Callable[[Path, Any], Any] | None = None

#: Returns the bytes of a file of Keras, given the architecture, the kind and the input's shape.
keras_file: Callable[[Any, str, Any], bytes] | None = None
