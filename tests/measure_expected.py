"""How far the memory that is expected of training is from what it takes.

python -m tests.measure_expected table          every preset, batches of 1 and 4
python -m tests.measure_expected draw [count]   drawn networks

Each network has a process of its own, and is trained as one does it with Keras; what importing
takes does not count. It needs Linux.
"""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from explorer import presets
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.expected_memory import expected_bytes
from explorer.core.families import Architecture
from explorer.core.formatting import byte_size
from explorer.core.network.errors import ParameterError
from tests.measure_limited import drawn_network

#: Most that a run may be expected to take: larger ones get smaller images.
MOST = 5e9
SIZES = (256, 192, 160, 128)
#: Of drawn networks.
LEAST_DRAWN, MOST_DRAWN, MOST_MACS = 100e6, 2e9, 15e9


def drawn(seed: int) -> Design:
    """Return a network with an input that a training step takes some seconds for."""
    chance = random.Random(seed)
    while True:
        try:
            net = drawn_network(chance)
            side = net.maximum_stride * chance.randint(1, max(1, 512 // net.maximum_stride))
            size = Input(side, side, chance.choice((1, 3)), chance.choice((1, 2, 4, 8)))
            design = Design(net, size)
            expected = expected_bytes(design) or 0
        except ParameterError:
            continue
        macs = design.report.macs * design.input.batch_size
        if LEAST_DRAWN < expected < MOST_DRAWN and macs < MOST_MACS:
            return design


def chosen(name: str, batch_size: int) -> Design:
    """Return a preset with the largest of the sizes that it may have."""
    designs = [Design(presets[name], Input(side, side, 1, batch_size)) for side in SIZES]
    return next(each for each in designs if (expected_bytes(each) or 0) < MOST)


def resident(which: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(which + r":\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


def take(design: Design) -> int:
    """Return the bytes that training takes at its peak in this process, which has to be new."""
    import numpy as np

    from explorer.keras_side.backends import find_device
    from explorer.keras_side.build import build, import_keras

    find_device()
    keras = import_keras()
    keras.ops.convert_to_tensor(np.zeros(1))
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak
    model = build(design.architecture, design.input.shape)
    shape = (design.input.batch_size, *design.input.shape)
    images = np.random.default_rng(0).random(shape, dtype=np.float32)
    model.compile(optimizer="adam", loss="mse")
    targets = [np.zeros((len(images), *output.shape[1:])) for output in model.outputs]
    for _ in range(3):
        model.train_on_batch(images, targets if len(targets) > 1 else targets[0])
    return resident("VmHWM") - before


def measured(design: Design, which: str) -> int:
    """Return the same of a process of its own.

    Args:
        design: The network and its input.
        which: The preset's name, or the seed that it was drawn by.
    """
    size = design.input
    what = [str(size.batch_size), str(size.height), str(size.channels), which]
    done = subprocess.run(
        [sys.executable, "-m", "tests.measure_expected", "one", *what],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(json.loads(done.stdout.splitlines()[-1])["peak"])


def print_row(design: Design, which: str) -> None:
    taken, expected = measured(design, which), expected_bytes(design) or 0
    size = f"{design.input.batch_size} × {design.input.height}²"
    print(
        f"{which:20} {size:9} {byte_size(taken):>9} {byte_size(expected):>9} "
        f"{expected / taken:.2f}",
        flush=True,
    )


def main() -> None:
    what, *given = sys.argv[1:]
    if what == "one":
        batch, side, channels, which = given
        net: Architecture = presets[which] if which in presets else drawn(int(which)).architecture
        size = Input(int(side), int(side), int(channels), int(batch))
        print(json.dumps({"peak": take(Design(net, size))}))
    elif what == "table":
        for name in presets:
            for batch_size in (1, 4):
                print_row(chosen(name, batch_size), name)
    else:
        for seed in range(int(given[0]) if given else 15):
            print_row(drawn(seed), str(seed))


if __name__ == "__main__":
    main()
