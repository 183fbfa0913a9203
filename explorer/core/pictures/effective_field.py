"""What a layer really looks at."""

import attrs
import numpy as np


@attrs.frozen(eq=False)
class EffectiveField:
    """How much each pixel of a picture influences one position of a layer's output.

    Attributes:
        strength: The gradient's absolute value, summed over the picture's channels, `(height,
            width)`, float32.
        center: Row and column of the position's centre in the picture, in pixels: 0.5 lies
            between the first two.
        weights: Where the model's weights come from, in words.
        is_untrained: Whether they are random.
    """

    strength: np.ndarray
    center: tuple[float, float]
    weights: str
    is_untrained: bool

    @property
    def is_finite(self) -> bool:
        """Whether the values stayed within what float32 holds."""
        return bool(np.isfinite(self.strength).all())

    @property
    def has_gradient(self) -> bool:
        """Whether any pixel has an influence at all: none has where each activation is dead."""
        return self.is_finite and bool(self.strength.any())

    def side(self, share: float) -> int:
        """Return the side, in pixels, of the smallest square that holds a share of the gradient.

        Args:
            share: From 0 to 1; of the sum of all strengths.

        Returns:
            The side of a square around the centre, 0 without a gradient. Near the border, a part
            of the square lies outside the picture.
        """
        if not self.has_gradient:
            return 0
        rows, columns = (
            np.abs(np.arange(size) - at)
            for size, at in zip(self.strength.shape, self.center, strict=True)
        )
        distance = np.maximum.outer(rows, columns).ravel()
        order = np.argsort(distance)
        held = np.cumsum(self.strength.ravel()[order], dtype=np.float64)
        last = order[np.searchsorted(held, share * held[-1] * (1 - 1e-9))]
        return int(np.ceil(2 * distance[last] + 1 - 1e-6))
