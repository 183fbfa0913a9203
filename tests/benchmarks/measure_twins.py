"""Prints by how much skips are better than none on fine masks, over many seeds.

    python tests/benchmarks/measure_twins.py --seeds 20
    python tests/benchmarks/measure_twins.py --preset "U-Net (small)" --down-blocks 3 --seconds 60

Each seed has the panel's default time for the network with skips; the other makes the same steps.
How many these are, is measured once with the first seed, unless `--steps` says it, so that all
seeds are alike. The time is the machine's: on a quiet one.
"""

import argparse
from math import isfinite
from statistics import median

import attrs

from explorer import presets, train, train_twins
from explorer.widget.panels.training.page import STRETCH

#: The gap that is wanted, in IoU.
WANTED = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="U-Net (small)")
    parser.add_argument("--down-blocks", type=int, help="as many up blocks; else the preset's")
    parser.add_argument("--task", default="masks")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=STRETCH)
    parser.add_argument("--steps", type=int)
    given = parser.parse_args()

    with_skips = presets[given.preset]
    if given.down_blocks:
        blocks = {"down_blocks": given.down_blocks, "up_blocks": given.down_blocks}
        with_skips = attrs.evolve(with_skips, **blocks)
    without = attrs.evolve(with_skips, skips="none")
    steps = given.steps
    if steps is None:
        steps = len(train(with_skips, given.task, seconds=given.seconds).losses)
    print(f"{with_skips}\n{given.task}, {steps} steps", flush=True)
    gains = []
    for seed in range(given.seeds):
        twins = train_twins(
            with_skips, without, given.task, steps=steps, seeds=[seed], names=("skips", "none")
        )
        run = twins.runs[0]
        gains += twins.gains
        print(
            f"seed {seed:2}: skips {run.a.metric:.3f} in {run.a.seconds:.0f} s, "
            f"none {run.b.metric:.3f} in {run.b.seconds:.0f} s, gap {gains[-1]:+.3f}",
            flush=True,
        )
    count = sum(gain >= WANTED for gain in gains)  # what is no number is not as large
    known = [gain for gain in gains if isfinite(gain)]
    print(f"a gap of at least {WANTED}: {count} of {len(gains)} seeds ({count / len(gains):.0%})")
    print(f"median {median(known):+.3f}, from {min(known):+.3f} to {max(known):+.3f}")
    if len(known) < len(gains):
        print(f"no number: {len(gains) - len(known)} seeds")


if __name__ == "__main__":
    main()
