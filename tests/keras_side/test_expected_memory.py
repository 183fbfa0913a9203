"""The memory that is expected of training is held against what it takes, in new processes."""

import sys

import pytest

from explorer import presets
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.expected_memory import expected_bytes
from tests.measure_expected import measured


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from Linux' /proc")
@pytest.mark.parametrize(("name", "batch_size"), [("U-Net (small)", 4), ("nnU-Net", 1)])
def test_a_training_step_takes_what_is_expected(name: str, batch_size: int) -> None:
    design = Design(presets[name], Input(256, 256, 1, batch_size))
    expected, taken = expected_bytes(design), measured(design, name)
    assert expected is not None
    assert 0.8 < expected / taken < 1.25, (expected, taken)
