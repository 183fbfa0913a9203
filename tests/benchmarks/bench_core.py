"""How long one edit takes: tracing and analysing, beside building the same model in Keras."""

import gc
import os
from functools import partial

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
    print_table(rows)


def analyse(architecture: EncoderDecoder) -> Report:
    # An edit makes a new value, which remembers nothing of the last one.
    return analyze(trace(attrs.evolve(architecture), SHAPE))


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
