"""How long networks take to reach an IoU of 0.8 on masks: `tests/measure_training.py [seed]`.

Seconds of the clock tell on a machine that does nothing else. On a busy one, those of the processor
do: a quiet machine takes somewhat more than these, divided by its cores.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from explorer import UNet, presets
from explorer.core.asking.training import Training, TrainingSettings
from explorer.core.families import Architecture
from explorer.keras_side.backends import backend
from explorer.keras_side.training import Learner

#: What is to be reached, and after how many seconds of the processor it is given up.
GOAL, LIMIT = 0.8, 300.0


def measure(name: str, architecture: Architecture, seed: int) -> None:
    start = time.process_time()
    training = Training(architecture, (64, 64, 1), TrainingSettings(seed=seed))
    learner = Learner(training)
    while time.process_time() - start < LIMIT:
        learner.learn(0, shows=True)  # as the panel asks
        learner.told(learner.step)
        best = learner.scores[-1]
        if best.step == learner.step and best.value >= GOAL:
            break
    print(
        f"{name}, seed {seed}: IoU {best.value:.2f} at step {best.step} after "
        f"{learner.seconds:.0f} s, {time.process_time() - start:.0f} s of the processor",
        flush=True,
    )


if __name__ == "__main__":
    backend()  # which the panel's process has loaded before: it has checked the design
    chosen = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    measure("UNet()", UNet(), chosen)
    measure("U-Net (small)", presets["U-Net (small)"], chosen)
