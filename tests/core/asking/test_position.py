"""A position's signs are NumPy's, and its centre is in the picture's pixels."""

import numpy as np
import pytest

from explorer.core.asking.position import center, signs


@pytest.mark.parametrize("channels", [0, 1, 2, 7, 64, 3001])
def test_signs_are_those_that_numpy_draws(channels):
    assert signs(channels) == tuple(np.random.default_rng(0).choice((-1, 1), channels))


def test_a_centre_lies_between_the_pixels_that_a_position_covers():
    assert center((0, 3), (4, 4), (8, 16)) == (0.5, 13.5)
    assert center((2, 5), (8, 8), (8, 8)) == (2, 5)
