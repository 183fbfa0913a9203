"""How far the memory that is expected of a run is from what it takes.

python -m tests.measure_expected table [preset ...]   measure presets, batches of 1 and 4
python -m tests.measure_expected show                 the table of what was measured last
python -m tests.measure_expected draw [count]         drawn networks

A run is what the explorer times: TensorFlow's function of a forward pass, or of a training step
with Adam on the mean squared error. Each has a process of its own, in which a small network ran
before: what importing and that took does not count. The weights' values do. What is measured is the
median of three, and stays in `tests/data/memory_peaks.json`; most of what is there now are single
runs. It needs Linux.
"""

import gc
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from explorer import UNet, presets
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.expected_memory import expected_bytes, expected_forward_bytes
from explorer.core.analysis.memory_need import needed_bytes
from explorer.core.asking.measurement import Measurement
from explorer.core.families import Architecture
from explorer.core.formatting import byte_size
from explorer.core.network.errors import ParameterError
from tests.measure_limited import drawn_network

#: What is expected of each kind of run.
EXPECTED: dict[str, Callable[[Design], int | None]] = {
    "forward pass": expected_forward_bytes,
    "training step": expected_bytes,
}
PEAKS = Path(__file__).with_name("data") / "memory_peaks.json"
SIDE, BATCH_SIZES = 256, (1, 4)
#: Most that a run may need: larger ones are not measured.
MOST = 12 * 2**30
REPEATS = 3
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


def preset(name: str, batch_size: int) -> Design:
    """Return a preset with its input."""
    return Design(presets[name], Input(SIDE, SIDE, 1, batch_size))


def resident(which: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(which + r":\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


def take(design: Design, step: str) -> int:
    """Return the bytes that a run takes at its peak in this process, which has to be new."""
    from explorer.keras_side.backends import find_device

    find_device()
    _run(Design(UNet(filters=2, down_blocks=1, up_blocks=1), Input(16, 16, 1)), step)
    gc.collect()
    gc.freeze()  # or tracing takes minutes, in which Python goes through what was imported
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forgets the peak
    _run(design, step)
    return resident("VmHWM") - before


def _run(design: Design, step: str) -> None:
    import numpy as np

    from explorer.keras_side import timing
    from explorer.keras_side.build import build, import_keras

    how = Measurement(step=step)
    model = build(design.architecture, design.input.shape)
    shape = (design.input.batch_size, *design.input.shape)
    images = np.random.default_rng(0).random(shape, dtype=np.float32)
    batch = [import_keras().ops.convert_to_tensor(images)]
    prepare = timing._training_step if how.trains else timing._forward
    compiled, more = prepare(model, batch, how, "graph")
    for _ in range(2):
        compiled.run(*batch, *more)


def measured(design: Design, step: str, which: str) -> int:
    """Return the same of a process of its own.

    Args:
        design: The network and its input.
        step: "forward pass" or "training step".
        which: The preset's name, or the seed that it was drawn by.
    """
    size = design.input
    what = [step, str(size.batch_size), str(size.height), str(size.channels), which]
    done = subprocess.run(
        [sys.executable, "-m", "tests.measure_expected", "one", *what],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(json.loads(done.stdout.splitlines()[-1])["peak"])


def known_peaks() -> dict[tuple[str, str, int], list[int]]:
    """Return what was measured of presets, by name, kind of run and size of the batch."""
    rows = json.loads(PEAKS.read_text(encoding="ascii"))
    return {(name, step, batch_size): taken for name, step, batch_size, taken in rows}


def measure_presets(names: list[str]) -> None:
    """Measure presets and keep what they took."""
    known = known_peaks()
    for name in names:
        for step in EXPECTED:
            for batch_size in BATCH_SIZES:
                design = preset(name, batch_size)
                if needed_bytes(design.report, batch_size, step=step) > MOST:
                    continue
                taken = [measured(design, step, name) for _ in range(REPEATS)]
                known[name, step, batch_size] = taken
                print_row(design, step, name, taken)
                rows = [json.dumps([*key, value]) for key, value in known.items()]
                PEAKS.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="ascii")


def print_row(design: Design, step: str, which: str, taken: list[int]) -> None:
    expected, middle = EXPECTED[step](design) or 0, median(taken)
    size = f"{design.input.batch_size} × {design.input.height}²"
    print(
        f"| {which} | {step} | {size} | {byte_size(expected)} | {byte_size(middle)} | "
        f"{middle / expected:.2f} |",
        flush=True,
    )


def main() -> None:
    what, *given = sys.argv[1:]
    if what == "one":
        step, batch, side, channels, which = given
        net: Architecture = presets[which] if which in presets else drawn(int(which)).architecture
        size = Input(int(side), int(side), int(channels), int(batch))
        print(json.dumps({"peak": take(Design(net, size), step)}))
    elif what == "table":
        measure_presets(given or list(presets))
    elif what == "show":
        for (name, step, batch_size), taken in known_peaks().items():
            print_row(preset(name, batch_size), step, name, taken)
    else:
        for seed in range(int(given[0]) if given else 15):
            for step in EXPECTED:
                print_row(drawn(seed), step, str(seed), [measured(drawn(seed), step, str(seed))])


if __name__ == "__main__":
    main()
