"""How long one edit takes: tracing and analysing, beside building the same model in Keras.

And beside the nearest other tools, which count what a PyTorch model that is there already takes.
"""

import gc
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import attrs
import keras
from benchmarking import Row, milliseconds, print_machine, print_table

from explorer import EncoderDecoder, Hourglass, LeapCNN, Report, UNet, analyze, trace

SHAPE = (256, 256, 1)
# Milliseconds that a trace and its analysis are to stay under.
AIMS = {UNet(): 2, LeapCNN(): None, Hourglass(): None}
WARM_UP, TRACES, BUILDS = 10, 200, 7


def main() -> None:
    print_machine()
    rows = []
    for architecture, aim in AIMS.items():
        expected = analyse(architecture)
        name = f"trace and analyse {type(architecture).__name__}, {len(expected.layers)} layers"
        builds = [build(architecture, expected.total_params) for _ in range(BUILDS + 1)]
        times = [milliseconds(partial(analyse, architecture)) for _ in range(WARM_UP + TRACES)]
        rows.append(Row(name, "ms", times[WARM_UP:], builds[1:], aim))
    print_table(rows + beside_tools())


def analyse(architecture: EncoderDecoder) -> Report:
    # An edit makes a new value, which remembers nothing of the last one.
    return analyze(trace(attrs.evolve(architecture), SHAPE))


def beside_tools() -> list[Row]:
    """The same beside each tool, in a process of its own: PyTorch and TensorFlow may clash."""
    script = Path(__file__).with_name("counting_tools.py")
    done = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    if "missing" in found:
        print(f"Not compared with other tools, since not installed: {', '.join(found['missing'])}")
        return []
    for tool, counted in found.items():
        macs = counted["macs"] / analyse(UNet()).macs
        print(f"{tool} counts {counted['params']:,} parameters, and {macs:.3f} times our MACs")
    return [
        Row(f"trace and analyse UNet; by hand: {tool}", "ms", counted["ours"], counted["theirs"])
        for tool, counted in found.items()
    ]


def build(architecture: EncoderDecoder, params: int) -> float:
    """Milliseconds to build and count the model in Keras, from nothing."""

    def count() -> None:
        image = keras.Input(SHAPE)
        output, _ = architecture.make_backbone(image)
        assert keras.Model(image, output).count_params() == params

    keras.backend.clear_session()
    gc.collect()
    return milliseconds(count)


if __name__ == "__main__":
    main()
