"""Prints how much memory a preset's first pass takes at its peak, in a process of its own.

python tests/measure_memory.py "U-Net" [size] [batch] [step]
"""

import ctypes
import gc
import json
import re
import sys
from pathlib import Path

import numpy as np

from explorer import UNet, presets, timing
from explorer.keras_rebuild import Rebuilder
from explorer.measurement import Measurement


def resident(which: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(which + r":\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


def run(architecture, size: int, batch: int, step: str) -> None:
    rebuilder = Rebuilder()
    model = rebuilder.rebuild(architecture, (size, size, 1))
    assert rebuilder.problem is None
    rebuilder.give_weights()
    images = np.random.default_rng(0).random((batch, size, size, 1), dtype=np.float32)
    timing.time_model(model, images, Measurement(step=step), time_limit=0)


def main() -> None:
    timing._peak_flops = lambda *_: 1.0  # whose matrices are larger than a small model
    name = sys.argv[1]
    size, batch = (int(text) for text in [*sys.argv[2:4], 256, 1][:2])
    step = (sys.argv[4:] or ["forward pass"])[0]
    # What the first use of everything takes is not the model's.
    run(UNet(filters=4, down_blocks=2, up_blocks=2), 32, 1, step)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else the model would take what was freed
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak
    run(presets[name], size, batch, step)
    print(json.dumps({"peak": resident("VmHWM") - before}))


if __name__ == "__main__":
    main()
