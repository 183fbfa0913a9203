"""The memory that is expected of runs is held against what they take, in new processes."""

import sys

import pytest

from tests.measure_expected import EXPECTED, measured, preset


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from Linux' /proc")
@pytest.mark.parametrize(
    ("name", "step", "batch_size"),
    [
        ("U-Net (small)", "training step", 4),
        ("nnU-Net", "training step", 1),
        ("nnU-Net", "forward pass", 1),
    ],
)
def test_a_run_takes_what_is_expected(name: str, step: str, batch_size: int) -> None:
    design = preset(name, batch_size)
    expected, taken = EXPECTED[step](design), measured(design, step, name)
    assert expected is not None
    assert 0.8 < expected / taken < 1.25, (expected, taken)
