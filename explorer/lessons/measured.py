"""What networks that learnt side by side were measured to reach.

`measured.json` is written by `tests/benchmarks/measure_twins.py`; what is told of it is computed.
"""

import json
from functools import cache
from pathlib import Path
from statistics import fmean

import attrs

from explorer.core.exchange.own_json import from_json
from explorer.core.formatting import counted
from explorer.core.network.encoder_decoder import EncoderDecoder
from explorer.core.training.tasks import task_of

FILE = Path(__file__).with_name("measured.json")
#: A difference that counts, in the metric's unit.
CLEAR = 0.1


@attrs.frozen
class MeasuredPair:
    """Two networks that learnt from the same pictures, with several seeds.

    Attributes:
        names: What they are called.
        task: What they learnt; more of its metric is better.
        side: Height and width of the pictures, in pixels.
        designs: The networks.
        steps: At which steps the metric was computed.
        runs: The metric at these steps, of both, for each seed; None where an answer was no number.
    """

    names: tuple[str, str]
    task: str
    side: int
    designs: tuple[EncoderDecoder, EncoderDecoder]
    steps: tuple[int, ...]
    runs: tuple[tuple[tuple[float | None, ...], tuple[float | None, ...]], ...]

    def values(self, step: int) -> tuple[tuple[float, float], ...]:
        """Return the metric of both after a step, for each seed in which it is a number."""
        at = self.steps.index(step)
        pairs = ((a[at], b[at]) for a, b in self.runs)
        return tuple((a, b) for a, b in pairs if a is not None and b is not None)

    def gaps(self, step: int) -> tuple[float, ...]:
        """Return by how much the first is better after a step, for each of these seeds."""
        return tuple(a - b for a, b in self.values(step))

    def told(self) -> str:
        """Say what both reached in the end, by how much they differ and in how many seeds."""
        step = self.steps[-1]
        gaps = self.gaps(step)
        (first, second), (a, b) = self.names, map(fmean, zip(*self.values(step), strict=True))
        clear = sum(gap >= CLEAR for gap in gaps)
        return (
            f"after {counted(step, 'step')} (mean of {counted(len(gaps), 'seed')}) {first} "
            f"{_text(a)} and {second} {_text(b)} {task_of(self.task).metric.name}: a gap of "
            f"{_text(fmean(gaps))}, from {_text(min(gaps))} to {_text(max(gaps))}, at least "
            f"{CLEAR:g} in {clear} of {counted(len(self.runs), 'seed')}"
        )

    def told_of_time(self, step: int) -> str:
        """Say how the gap went on after a step, in the seeds whose answers are numbers."""
        last = self.steps[-1]
        known = attrs.evolve(
            self, runs=tuple(run for run in self.runs if None not in run[0] + run[1])
        )
        sooner, later = (fmean(known.gaps(at)) for at in (step, last))
        seeds = f"with {counted(len(known.runs), 'seed')}"
        told = f"from {_text(sooner)} after {step} steps to {_text(later)} after {last}, {seeds}"
        if _text(later) < _text(sooner):
            return f"a part of it is slower learning: it fell {told}"
        return f"it is more than slower learning: it went {told}"


def _text(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # no zero is negative


@cache
def measured() -> dict[str, MeasuredPair]:
    """Return what was measured, by name."""
    known = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: MeasuredPair(
            names=tuple(found["names"]),
            task=found["task"],
            side=found["side"],
            designs=tuple(from_json(json.dumps(each)) for each in found["designs"]),
            steps=tuple(found["steps"]),
            runs=tuple((tuple(first), tuple(second)) for first, second in found["runs"]),
        )
        for name, found in known.items()
    }
