"""Where a model's weights come from."""

import attrs

#: How the names of files with weights end: Keras chooses the format by it.
WEIGHTS_ENDING = ".weights.h5"


@attrs.frozen
class Weights:
    """Where the weights of a model come from.

    Attributes:
        seed: What the random ones were drawn with.
        file: Name of the file that the others were loaded from.
        loaded: How many layers have weights from it.
        layers: How many layers have weights at all.
        note: Why they are not those of the user's model.
    """

    seed: int = 0
    file: str = ""
    loaded: int = 0
    layers: int = 0
    note: str = ""

    @property
    def are_random(self) -> bool:
        """Whether none of them were loaded."""
        return self.loaded == 0

    def __str__(self) -> str:
        """Words for a line that begins with "weights:"."""
        drawn = f"random (seed {self.seed})"
        if self.are_random:
            return f"{drawn}; {self.note}" if self.note else drawn
        if self.loaded == self.layers:
            return f"from {self.file}"
        return (
            f"loaded from {self.file}: {self.loaded} of {self.layers} layers with weights; "
            f"the rest {drawn}"
        )
