"""A model as a file that Keras, or its exporter, wrote."""

import attrs

from explorer.core.asking.weights import Weights


@attrs.frozen
class KerasFile:
    """What a file holds.

    Attributes:
        content: The file.
        weights: Where the weights in it come from.
    """

    content: bytes = attrs.field(repr=False)
    weights: Weights
