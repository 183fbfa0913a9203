"""The model as a file, with the weights that it has in this process."""

from explorer.core.asking.keras_file import KerasFile
from explorer.core.families import Architecture
from explorer.core.formatting import byte_size
from explorer.core.network.errors import Refusal
from explorer.core.network.layers import Shape
from explorer.keras_side.build import import_keras
from explorer.keras_side.saving import model_file
from explorer.worker.tasks.forward import model_with_weights, weights_now

#: Most bytes of a file that goes to the browser.
MOST_BYTES = 500 * 2**20


def save_file(architecture: Architecture, input_shape: Shape, kind: str) -> KerasFile:
    """Write the model as a file; runs in the worker.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
        kind: "keras-file", "weights" or "onnx".

    Raises:
        Refusal: If the file would be too large, or Keras can't write it.
        ImportError: If ONNX needs packages that aren't installed.
        MemoryError: If the memory that is free is less than is needed.
    """
    kept = model_with_weights(architecture, input_shape, check_size)
    with import_keras().device(kept.device.name.lower()):
        content = model_file(kept.model, kind)
    check_size(len(content))
    return KerasFile(content, weights_now())


def check_size(size: int) -> None:
    """Raise a `Refusal` if a file of so many bytes is too large for the browser."""
    if size > MOST_BYTES:
        raise Refusal(
            f"The file would have {byte_size(size)}, and at most {byte_size(MOST_BYTES)} go to the "
            "browser: use explorer.save_keras(), which writes it where the kernel runs."
        )
