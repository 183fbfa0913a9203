"""Neither process grows with the number of models that it has seen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import explorer
from explorer import LeapCNN, UNet


@pytest.mark.skipif(sys.platform != "linux", reason="a process' memory is told in other ways")
def test_a_thousand_rebuilds_leave_the_memory_as_it_was():
    script = Path(__file__).parents[1] / "measure_growth.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)

    found = json.loads(done.stdout)
    for process in ("kernel", "worker"):
        early, late = found["100"][process], found["1000"][process]
        assert late < 1.05 * early, (process, found)


def test_controls_that_are_replaced_are_given_up():
    from ipywidgets.widgets.widget import _instances

    widget = explorer.Explorer(UNet(filters=2), (64, 64, 1))
    widget._panels.blocks.head.folded = False
    counts = []
    for _ in range(3):
        widget.architecture = LeapCNN(filters=2)
        widget._panels.blocks._editor._list.value = ("encoder", 0)
        widget._panels.blocks._editor._list.value = ("decoder", 0)
        widget.architecture = UNet(filters=2)
        counts.append(len(_instances))

    assert counts[0] == counts[1] == counts[2]
    widget.close()
