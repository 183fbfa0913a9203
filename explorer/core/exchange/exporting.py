"""A design as text, or as a file, for other programs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from explorer.core.analysis.design import Input
from explorer.core.exchange.keras_code import keras_code
from explorer.core.exchange.links import SharedDesign, to_link
from explorer.core.exchange.loaded import OpenShape
from explorer.core.exchange.own_json import to_json
from explorer.core.exchange.sleap import to_sleap
from explorer.core.exchange.sleap_nn import to_sleap_nn
from explorer.core.exchange.tables import as_csv, as_latex, as_markdown
from explorer.core.exchange.torch_code import torch_code
from explorer.core.families import Architecture
from explorer.core.network import hooks
from explorer.core.network.errors import Refusal
from explorer.core.words.methods import methods
from explorer.core.words.sources import bibtex

#: What writes an architecture, its input's shape and, to be changed, a document that was opened.
Writer = Callable[[Any, OpenShape, Mapping[str, Any] | None], str | bytes]

#: Kinds of files that Keras writes, with a network's weights.
WITH_WEIGHTS = ("keras-file", "weights", "onnx")


def _by_keras(kind: str) -> Writer:
    """Return what writes a file of Keras, which is bytes."""

    def write(architecture: Any, input_shape: OpenShape, _: Mapping[str, Any] | None) -> bytes:
        assert hooks.keras_file is not None
        return hooks.keras_file(architecture, kind, input_shape)

    return write


def _figures(write: Callable[[Architecture, Sequence[int]], str]) -> Writer:
    """Return the writer of what depends on the input's shape."""

    def writer(architecture: Architecture, shape: OpenShape, _: object) -> str:
        sides = [side for side in shape if side is not None]
        if len(sides) < len(shape):
            raise Refusal("Its figures depend on the input: give input_shape.")
        return write(architecture, sides)

    return writer


def _link(architecture: Architecture, shape: Sequence[int]) -> str:
    return to_link(SharedDesign(architecture, Input().of_shape(shape)))


WRITERS: Mapping[str, Writer] = {
    "json": lambda architecture, *_: to_json(architecture),
    "keras": _figures(keras_code),
    "torch": _figures(torch_code),
    "sleap": to_sleap,
    "sleap-nn": to_sleap_nn,
    "link": _figures(_link),
    "csv": _figures(as_csv),
    "markdown": _figures(as_markdown),
    "latex": _figures(as_latex),
    "methods": _figures(methods),
    "bibtex": lambda architecture, *_: bibtex(architecture),
    **{kind: _by_keras(kind) for kind in WITH_WEIGHTS},
}


def export(
    architecture: Architecture,
    kind: str,
    input_shape: OpenShape = (None, None, None),
    document: Mapping[str, Any] | None = None,
) -> str | bytes:
    """Return a design as the text, or the bytes, of a file.

    Args:
        architecture: The design.
        kind: One of `WRITERS`, such as "json", "keras" (Python), "sleap" or "csv", which are text;
            "keras-file", "weights" (random ones where the design has none) or "onnx", which are
            bytes, and import Keras.
        input_shape: `(height, width, channels)` of the network's input; None: left open.
        document: `Loaded.document` of the file that the design comes from, where that is of the
            same kind: what it says of other things stays.

    Raises:
        Refusal: A `ValueError` that lists what such a file can't express.
    """
    if kind not in WRITERS:
        raise Refusal(f"{kind!r} is no kind of file that is written: use {', '.join(WRITERS)}.")
    return WRITERS[kind](architecture, input_shape, document)
