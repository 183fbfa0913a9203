"""How long the Keras process takes to rebuild, and how well it measures and estimates."""

import gc
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import attrs
import numpy as np
import tensorflow as tf
from benchmarking import Row, milliseconds, print_machine, print_table

from explorer import UNet, analyze, build, presets, trace
from explorer.core.analysis.memory_need import needed_bytes
from explorer.core.formatting import byte_size
from explorer.keras_side.rebuild import Rebuilder
from explorer.keras_side.timing import time_model

NET, SHAPE = UNet(), (256, 256, 1)
REBUILDS, BUILDS = 20, 7
#: One parameter changed: from few layers that are new to all of them.
CHANGES = {
    "the height": (NET, (288, 256, 1)),
    "one up block less": (attrs.evolve(NET, up_blocks=3), SHAPE),
    "no middle block": (attrs.evolve(NET, middle_block=False), SHAPE),
    "interpolation": (attrs.evolve(NET, up_interpolate=True), SHAPE),
    "three convolutions a block": (attrs.evolve(NET, convs_per_block=3), SHAPE),
    "the kernel size": (attrs.evolve(NET, kernel_size=5), SHAPE),
    "the filters": (attrs.evolve(NET, filters=72), SHAPE),
}


def main() -> None:
    print_machine()
    # As in the Keras process, which gathers garbage between requests.
    Rebuilder().rebuild(NET, SHAPE)
    gc.collect()
    gc.freeze()
    gc.disable()
    graph = trace(NET, SHAPE)
    plain = [timed(partial(build, graph)) for _ in range(BUILDS)]
    nothing = [timed(lambda: rebuilt(Rebuilder(), NET, SHAPE)) for _ in range(REBUILDS)]
    rows = [Row("rebuild a 53-layer U-Net from nothing", "ms", nothing, plain, 40)]
    medians = []
    for name, (net, shape) in CHANGES.items():
        times = change(net, shape)
        medians.append(float(np.median(times)))
        rows.append(Row(f"rebuild it after a change of {name}", "ms", times, plain))
    rows.append(Row("rebuild it after one of these changes", "ms", medians, plain, 16))
    rows.append(pass_times())
    print_table(rows)
    gc.enable()
    print_estimates()


def timed(work) -> float:
    gc.collect()
    return milliseconds(work)


def rebuilt(rebuilder: Rebuilder, net, shape) -> None:
    rebuilder.rebuild(net, shape)
    assert rebuilder.problem is None, rebuilder.problem


def change(net, shape) -> list[float]:
    """Milliseconds of rebuilds, to and fro between the network and its change."""
    rebuilder = Rebuilder()
    rebuilt(rebuilder, NET, SHAPE)
    both = [(net, shape), (NET, SHAPE)]
    return [timed(partial(rebuilt, rebuilder, *both[i % 2])) for i in range(REBUILDS)]


def pass_times() -> Row:
    """What is measured, beside a plain loop around the same model."""
    model = build(presets["U-Net (small)"], SHAPE)
    images = np.random.default_rng(0).random((1, *SHAPE), dtype=np.float32)
    function = tf.function(lambda x: model(x, training=False))
    data = tf.constant(images)
    ours, theirs = [], []
    for _ in range(7):
        ours.append(1000 * time_model(model, images, time_limit=2)[0].median)
        loop = [milliseconds(lambda: function(data).numpy()) for _ in range(40)]
        theirs.append(float(np.median(loop[5:])))
    return Row("time a forward pass of the small U-Net", "ms", ours, theirs)


def print_estimates() -> None:
    """How far the estimate of the memory is from what a first pass takes."""
    script = Path(__file__).parents[1] / "measure_memory.py"
    print(f"\n{'memory of a first pass':24}{'measured':>12}{'estimated':>12}{'ratio':>8}")
    for name, net in presets.items():
        done = subprocess.run([sys.executable, script, name], capture_output=True, check=True)
        measured = json.loads(done.stdout)["peak"]
        estimate = needed_bytes(analyze(trace(net, SHAPE)), batch_size=1)
        print(
            f"{name:24}{byte_size(measured):>12}{byte_size(estimate):>12}"
            f"{estimate / measured:>8.2f}"
        )


if __name__ == "__main__":
    main()
