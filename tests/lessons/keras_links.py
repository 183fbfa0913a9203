"""What a Keras model is made of, and what feeds what in it."""

from typing import Any

import keras

from explorer.core.analysis.design import Design
from explorer.keras_side.build import build
from explorer.lessons.plan import Step
from tests.keras_helpers import links_of
from tests.lessons.keras_answers import revealed


def unfilled(design: Design | None) -> keras.Model:
    """Return the Keras model of a design for its shapes and links: its weights are not filled."""
    assert design is not None
    keras.backend.clear_session(free_memory=False)
    with keras.StatelessScope(initialize_variables=False):
        return build(design.architecture, design.input.shape)


def revealed_links(step: Step) -> keras.Model:
    """Return the Keras model, not filled, of the design that a step's question reveals."""
    return unfilled(revealed(step))


def sources(layer: Any) -> tuple[str, ...]:
    """Return the names of the layers that feed a layer; none of an input."""
    return () if isinstance(layer, keras.layers.InputLayer) else links_of(layer)


def of_kind(model: keras.Model, kind: Any) -> list[Any]:
    """Return the layers of a kind."""
    return [layer for layer in model.layers if isinstance(layer, kind)]
