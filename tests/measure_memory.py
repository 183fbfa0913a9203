"""Prints how much memory a preset's first pass takes at its peak, in a process of its own.

What is there before, and so is not counted: Keras with its backend, and the model without weights.

python tests/measure_memory.py "U-Net" [size] [batch] [step]
"""

import json
import re
import sys
from pathlib import Path

import numpy as np

from explorer import presets
from explorer.core.asking.measurement import Measurement
from explorer.keras_side import timing
from explorer.keras_side.backends import find_device
from explorer.keras_side.rebuild import Rebuilder


def resident(which: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(which + r":\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


def main() -> None:
    timing._peak_flops = lambda *_: 1.0  # whose matrices are larger than a small model
    name = sys.argv[1]
    size, batch = (int(text) for text in [*sys.argv[2:4], 256, 1][:2])
    step = (sys.argv[4:] or ["forward pass"])[0]
    find_device()
    rebuilder = Rebuilder()
    model = rebuilder.rebuild(presets[name], (size, size, 1))
    assert rebuilder.problem is None
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak
    rebuilder.give_weights()
    images = np.random.default_rng(0).random((batch, size, size, 1), dtype=np.float32)
    timing.time_model(model, images, Measurement(step=step), time_limit=0)
    print(json.dumps({"peak": resident("VmHWM") - before}))


if __name__ == "__main__":
    main()
