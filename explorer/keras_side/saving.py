"""An architecture as a file of Keras, or for programs that run networks without it."""

import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.core.asking.weights import WEIGHTS_ENDING
from explorer.core.families import Architecture
from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.tracing import check_input_shape
from explorer.keras_side.given_models import built

if TYPE_CHECKING:
    import keras


def save_keras(architecture: Architecture, input_shape: Any, path: str | Path) -> None:
    """Save the Keras model of an architecture: as a `.keras` file, its weights, or as ONNX.

    The weights are those of a model that was read, else random ones.

    Args:
        architecture: The architecture.
        input_shape: `(height, width, channels)`.
        path: Where to; its name ends with `.keras`, `.weights.h5` or `.onnx`.

    Raises:
        Refusal: If the name ends otherwise, or Keras can't write it.
        ImportError: If ONNX needs packages that aren't installed.
    """
    path = Path(path)
    ending = next((ending for ending in _SAVE if path.name.endswith(ending)), None)
    if ending is None:
        raise Refusal(f"{path.name} must end with {', '.join(_SAVE)}: choose one of these names.")
    _save(_built(architecture, input_shape), ending, path)


def keras_file(architecture: Architecture, kind: str, input_shape: Any) -> bytes:
    """Return what a file would hold that `save_keras` writes.

    Args:
        architecture: The architecture.
        kind: "keras-file", "weights" or "onnx".
        input_shape: `(height, width, channels)`.

    Raises:
        Refusal: If Keras can't write it.
        ImportError: If ONNX needs packages that aren't installed.
    """
    return model_file(_built(architecture, input_shape), kind)


def _built(architecture: Architecture, input_shape: Any) -> "keras.Model":
    if None in tuple(input_shape):
        raise Refusal(
            f"A file of Keras is for one size, and input_shape={tuple(input_shape)} leaves some "
            "open: give height, width and channels."
        )
    return built(architecture, check_input_shape(input_shape))


def model_file(model: "keras.Model", kind: str) -> bytes:
    """Return a model as the content of a file.

    Args:
        model: A model whose weights have values.
        kind: "keras-file", "weights" or "onnx".

    Raises:
        Refusal: If Keras can't write it, or there is no room for it.
        ImportError: If ONNX needs packages that aren't installed.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="explorer-") as folder:
            path = Path(folder, f"network{_ENDINGS[kind]}")
            _save(model, _ENDINGS[kind], path)
            return path.read_bytes()
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise Refusal(
            f"The file can't be written to the folder for temporary files ({reason}): "
            "make room there, or set TMPDIR to another folder and restart the kernel."
        ) from error


def _save(model: "keras.Model", ending: str, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras about NumPy, which are nobody's here
        _SAVE[ending](model, path)


def _save_onnx(model: "keras.Model", path: Path) -> None:
    import keras

    def spec(image: Any) -> Any:
        return keras.layers.InputSpec(image.dtype, (None, *image.shape[1:]), name=image.name)

    try:
        # Keras finds this out by itself only of a model that was called before.
        signature = keras.tree.map_structure(spec, model.input)
        model.export(path, format="onnx", verbose=False, input_signature=[signature])
    except ImportError as error:
        raise ImportError(
            f"ONNX needs packages of its own: install them with pip install 'explorer[onnx]' "
            f"({first_line(error)})."
        ) from error
    except Exception as error:  # converters raise many kinds
        raise Refusal(
            f"This network can't be written as ONNX by Keras' backend: {first_line(error)}."
        ) from error


_SAVE: Mapping[str, Callable[[Any, Path], None]] = {
    ".keras": lambda model, path: model.save(path),
    WEIGHTS_ENDING: lambda model, path: model.save_weights(path),
    ".onnx": _save_onnx,
}
_ENDINGS = dict(zip(("keras-file", "weights", "onnx"), _SAVE, strict=True))
