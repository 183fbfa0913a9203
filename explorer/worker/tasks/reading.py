"""A model's file as a design, for a kernel that imports neither Keras nor ONNX."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from explorer.core.analysis.design import Design, Input
from explorer.core.editing.remedies import working
from explorer.core.exchange.loaded import Answers, Loaded, LoadedThere
from explorer.core.exchange.loading import load, read_text
from explorer.core.families import ReadModel
from explorer.core.network.errors import ParameterError
from explorer.core.network.graph import Graph
from explorer.core.network.layers import Shape


def read_file(
    path: str, answers: Sequence[tuple[str, Any]], is_pasted: bool = False
) -> LoadedThere:
    """Read a file; runs in the worker.

    Args:
        path: The file; its folder, which the kernel keeps, takes the weights.
        answers: What the user says where it leaves something open, by name.
        is_pasted: Whether it is text that came without a file's name.

    Raises:
        Refusal: If it can't be read.
    """
    if is_pasted:
        loaded = read_text(Path(path).read_text("utf-8"), "The text", Answers(**dict(answers)))
    else:
        loaded = load(Path(path), **dict(answers))
    architecture = loaded.architecture
    if not isinstance(architecture, ReadModel):
        return LoadedThere(loaded)
    return LoadedThere(_with_weights_in(loaded, Path(path).parent), architecture.own_graph)


def read_at(
    model: ReadModel, shown_shape: Shape, input_shape: Shape
) -> dict[Shape, Graph | ParameterError]:
    """Read a model for another size; runs in the worker.

    Args:
        model: The model, which has left its layers in the kernel.
        shown_shape: `(height, width, channels)` of those.
        input_shape: The other size.

    Returns:
        By shape the layers, or why there are none; of this shape, and of those that remedies lead
        to if it is refused.
    """
    whole = attrs.evolve(model, own_graph=model.graph_at(shown_shape))
    found: dict[Shape, Graph | ParameterError] = {}

    def tried(shape: Shape) -> Design:
        try:
            found[shape] = whole.graph_at(shape)
        except ParameterError as error:
            found[shape] = error
            raise
        return Design(whole, Input().of_shape(shape))

    try:
        tried(input_shape)
    except ParameterError as error:
        present = Input().of_shape(input_shape)
        working(error, lambda _, remedy: tried(attrs.evolve(present, **remedy.changes).shape))
    return found


def _with_weights_in(loaded: Loaded, folder: Path) -> Loaded:
    """Return the same with its weights in another folder, since its own goes with this process."""
    architecture = loaded.architecture
    assert isinstance(architecture, ReadModel)
    if not architecture.weights:
        return loaded
    kept = shutil.copy(architecture.weights, folder)
    return attrs.evolve(loaded, architecture=attrs.evolve(architecture, weights=str(kept)))
