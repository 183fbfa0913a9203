"""Trains the tiny networks that ship, and writes their weights: `tests/write_pretrained.py [name]`.

All five take five minutes of a core, the FC-DenseNet two of them (call it with `nice`). The seed
gives the same pictures and first weights; made twice on one machine, U-Net and LEAP CNN had the
same metric to three digits.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from explorer.core.asking.pretrained import Pretrained, file_of, pretrained
from explorer.core.training.metrics import score
from explorer.keras_side.training import Learner


def write(name: str, example: Pretrained) -> None:
    """Train a network, and write what it has learnt."""
    start = time.process_time()
    learner = Learner(example.training)
    learner.learn(float("inf"), until=example.steps)
    seconds = time.process_time() - start
    weights = {}
    for layer in learner.design.layers:
        rounded = [values.astype("<f2") for values in layer.get_weights()]
        layer.set_weights(rounded)
        for place, values in enumerate(rounded):
            weights[f"{layer.name}/{place}"] = values.shape, np.ascontiguousarray(values).tobytes()
    held_out = learner._examples
    metric = score(example.training.task, held_out, learner._answer(held_out.images))
    told = {"metric": f"{metric:.4f}", "seconds": f"{seconds:.0f}"}
    content = file_of(weights, told)
    example.path.write_bytes(content)
    print(
        f"{name}: {metric:.3f} after {seconds:.0f} s of the processor, {len(content):,} bytes",
        flush=True,
    )


if __name__ == "__main__":
    for chosen in sys.argv[1:] or pretrained:
        write(chosen, pretrained[chosen])
