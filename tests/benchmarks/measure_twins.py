"""Prints by how much one network of a pair is better than the other, over many seeds.

    python tests/benchmarks/measure_twins.py --seeds 20
    python tests/benchmarks/measure_twins.py --pair upsampling --seeds 5 --steps 300 --save
    python tests/benchmarks/measure_twins.py --preset "U-Net (small)" --down-blocks 3 --seconds 60

Both make the same steps from the same pictures. How many these are, is measured once: what the
first network makes in the panel's default time, unless `--steps` says it. So all seeds are alike.
The time is the machine's: on a quiet one.

`--save` writes what was measured into the file that lessons tell it from, under the name of the
pair, or that of `--name`; it writes after each seed, so that what was broken off is there.
"""

import argparse
import json
from math import isfinite
from statistics import fmean, median

import attrs

from explorer import UNet, presets, to_json, train, train_twins
from explorer.lessons.measured import FILE
from explorer.widget.panels.training.page import STRETCH

#: The gap that is wanted, in IoU.
WANTED = 0.1
#: Steps between those of which the metric is saved.
EVERY = 50
#: What is changed for the second network, what both are called, and the side of the pictures. What
#: is large in them grows with the side; lines stay as fine.
PAIRS = {
    "skips": ({"skips": "none"}, ("with skips", "without"), 64),
    "upsampling": ({"up_interpolate": True}, ("transposed", "interpolated"), 64),
    "field": ({"down_blocks": 1, "up_blocks": 1}, ("large field", "small field"), 128),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pair", choices=PAIRS, default="skips")
    parser.add_argument("--preset", default="U-Net (small)")
    parser.add_argument("--filters", type=int, help="of the first level; else the preset's")
    parser.add_argument("--down-blocks", type=int, help="as many up blocks; else the preset's")
    parser.add_argument("--task", default="masks")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--seconds", type=float, default=STRETCH)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--name", help="what is saved is called; else as the pair")
    given = parser.parse_args()

    change, names, side = PAIRS[given.pair]
    first = presets[given.preset]
    assert isinstance(first, UNet)
    if given.filters:
        first = attrs.evolve(first, filters=given.filters)
    if given.down_blocks:
        blocks = {"down_blocks": given.down_blocks, "up_blocks": given.down_blocks}
        first = attrs.evolve(first, **blocks)
    second = attrs.evolve(first, **change)
    shape = (side, side, 1)
    steps = given.steps
    if steps is None:
        steps = len(train(first, given.task, shape, seconds=given.seconds).losses)
    print(f"{first}\nagainst {change}, {given.task} of {side} px, {steps} steps", flush=True)
    measured = {
        "task": given.task,
        "side": side,
        "designs": [json.loads(to_json(each)) for each in (first, second)],
        "names": names,
        "steps": list(range(EVERY, steps + 1, EVERY)),
        "runs": [],
    }
    gains = []
    for seed in range(given.first, given.first + given.seeds):
        twins = train_twins(first, second, given.task, shape, steps, [seed], names=names)
        run = twins.runs[0]
        gains += twins.gains
        print(
            f"seed {seed:2}: {names[0]} {run.a.metric:.3f} in {run.a.seconds:.0f} s, "
            f"{names[1]} {run.b.metric:.3f} in {run.b.seconds:.0f} s, gap {gains[-1]:+.3f}",
            flush=True,
        )
        if given.save:
            measured["runs"].append([_at(curve, measured["steps"]) for curve in (run.a, run.b)])
            _save(given.name or given.pair, measured)
    count = sum(gain >= WANTED for gain in gains)  # what is no number is not as large
    known = [gain for gain in gains if isfinite(gain)]
    print(f"a gap of at least {WANTED}: {count} of {len(gains)} seeds ({count / len(gains):.0%})")
    print(
        f"mean {fmean(known):+.3f}, median {median(known):+.3f}, "
        f"from {min(known):+.3f} to {max(known):+.3f}"
    )
    if len(known) < len(gains):
        print(f"no number: {len(gains) - len(known)} seeds")


def _at(curve, steps: list[int]) -> list[float | None]:
    """Return the metric at these steps; None where an answer was no number."""
    values = {score.step: score.value for score in curve.scores}
    return [round(values[step], 3) if isfinite(values[step]) else None for step in steps]


def _save(name: str, measured: dict) -> None:
    """Write what was measured beside what the file has of other pairs, a pair a line."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    lines = (
        f"{json.dumps(key)}: {json.dumps(value)}"
        for key, value in sorted({**known, name: measured}.items())
    )
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
