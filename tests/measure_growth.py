"""Prints the memory of the kernel and of its Keras process after 100 and after 1,000 rebuilds.

In a process of its own, so that other tests' memory does not count.
"""

import gc
import json
import random
import threading

import psutil

from explorer import Explorer, Hourglass, LeapCNN, UNet
from explorer.core import settling as later
from explorer.worker.process import shared_worker


def drawn(draw: random.Random):
    if draw.random() < 0.2:
        return Hourglass(
            2, 2, stem_filters=4, filters=draw.randint(2, 9), stacks=draw.randint(1, 2)
        )
    blocks = draw.randint(1, 4)
    family, convolutions = draw.choice(
        ((UNet, "convs_per_block"), (LeapCNN, "down_convs_per_block"))
    )
    return family(
        filters=draw.randint(2, 12),
        down_blocks=blocks,
        up_blocks=draw.randint(0, blocks),
        up_interpolate=draw.random() < 0.5,
        **{convolutions: draw.randint(1, 3)},
    )


def main() -> None:
    later.SETTLED = 0.0
    draw = random.Random(0)
    widget = Explorer(drawn(draw), (64, 64, 1))
    answered = threading.Event()
    wrong = []

    def said(change) -> None:
        (line,) = change.new
        if line.mark != "busy":
            answered.set()
        if line.mark == "bad":
            wrong.append(line.text)

    widget._panels.keras.status.observe(said, names="parts")
    worker = shared_worker()
    found = {}
    for number in range(1, 1001):
        architecture = drawn(draw)
        answered.clear()
        if architecture != widget.architecture:
            widget.architecture = architecture
            assert answered.wait(120), "no answer"
        if number in (100, 1000):
            gc.collect()
            process = next(iter(worker._executor._processes))
            found[number] = {
                "kernel": psutil.Process().memory_info().rss,
                "worker": psutil.Process(process).memory_info().rss,
            }
    worker.stop()
    assert not wrong, wrong[:3]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
