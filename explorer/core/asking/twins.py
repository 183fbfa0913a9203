"""Two networks that learn side by side, from the same pictures, and which of them is better."""

import math
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import attrs

from explorer.core.asking.training import LearningCurve, Training
from explorer.core.formatting import counted
from explorer.core.network.errors import Refusal
from explorer.core.training.tasks import Metric

if TYPE_CHECKING:
    import pandas


@attrs.frozen
class TwinRun:
    """How two networks learnt from the same pictures, with the same seed.

    Attributes:
        seed: Of the weights to begin with, and of the pictures.
        a: How A learnt.
        b: How B learnt.
    """

    seed: int
    a: LearningCurve
    b: LearningCurve


@attrs.frozen
class Twins:
    """What came of two networks that learnt side by side, with one seed or more.

    In a seed, both make the same steps from the same pictures, and layers that are alike in both
    (name and shape of their weights) begin with the same weights. So only the designs differ, and
    chance: how much that is, the spread over the seeds tells.

    Attributes:
        a: What A learnt, and how, with the first seed.
        b: The same of B.
        runs: How both learnt, for each seed.
        names: What A and B are called.
    """

    a: Training
    b: Training
    runs: tuple[TwinRun, ...]
    names: tuple[str, str] = ("A", "B")

    @property
    def step(self) -> int:
        """The step at which both are compared: the last one at which the metric was computed."""
        return self.runs[0].a.scores[-1].step

    @property
    def gains(self) -> tuple[float, ...]:
        """By how much A is better than B in each seed, in the metric's unit.

        It is positive where A is better, also where less of the metric is, and NaN where an answer
        was no number.
        """
        sign = 1 if self._metric.higher_is_better else -1
        return tuple(sign * (run.a.metric - run.b.metric) for run in self.runs)

    @property
    def mean(self) -> float:
        """Mean of the gains that are numbers; NaN if none is."""
        return fmean(self._known) if self._known else math.nan

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest of the gains that are numbers; NaN if none is."""
        return (min(self._known), max(self._known)) if self._known else (math.nan, math.nan)

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the gains over seeds (n − 1 below); None of fewer than two."""
        return stdev(self._known) if len(self._known) > 1 else None

    @property
    def is_clear(self) -> bool:
        """Whether the same one is better in each of several seeds, by more than is written.

        Of three seeds, one in four does that by chance where the designs are as good.
        """
        least, most = self.spread
        tells = self._metric.text(abs(self.mean)) != self._metric.text(0.0)
        return len(self._known) > 1 and (least > 0 or most < 0) and tells

    @property
    def _metric(self) -> Metric:
        return self.a.task.metric

    @property
    def _known(self) -> list[float]:
        return [gain for gain in self.gains if math.isfinite(gain)]

    def __str__(self) -> str:
        """Say in a sentence or two which is better, by how much and in how many seeds."""
        known, lost = self._known, len(self.runs) - len(self._known)
        told = f"{self._metric.name} after {counted(self.step, 'step')}"
        if not known:
            return f"{told}: an answer was no number in {_of(lost, lost)}."
        if len(known) > 1:
            told += f", mean of {counted(len(known), 'seed')}"
        a, b = self.names
        pairs = [(r.a.metric, r.b.metric) for r in self.runs]
        pairs = [pair for pair in pairs if all(map(math.isfinite, pair))]
        means = [fmean(values) for values in zip(*pairs, strict=True)]
        told += f": {a} {self._metric.text(means[0])}, {b} {self._metric.text(means[1])}"
        told += f"; {self._verdict()}."
        if lost:
            told += f" Left out: an answer was no number in {_of(lost, len(self.runs))}."
        return told

    def _verdict(self) -> str:
        """Say which is better; neither, if that differs with the seed."""
        known, text = self._known, self._metric.text
        (least, most), mean, (a, b) = self.spread, self.mean, self.names
        better = a if mean > 0 else b
        if len(known) == 1:
            if text(abs(mean)) == text(0.0):
                return "no difference in one seed"
            return f"{better} is {text(abs(mean))} better in one seed, which may be chance"
        if self.is_clear:
            spread = sorted((abs(least), abs(most)))
            return (
                f"{better} is {text(abs(mean))} better, in {_of(len(known), len(known))} "
                f"(spread {text(spread[0])} to {text(spread[1])}, "
                f"standard deviation {text(stdev(known))})"
            )
        wins = sum(gain > 0 for gain in known)
        ends = " to ".join(f"{text(abs(gain))} {_side(gain)}" for gain in (least, most))
        return f"no clear difference: {a} is better in {_of(wins, len(known))}, from {ends}"

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the curves: a row for each seed and step.

        A loss is that of the step that led there; the metric is there where it was computed.
        """
        import pandas

        frames = {}
        for run in self.runs:
            columns = {}
            for name, curve in zip(self.names, (run.a, run.b), strict=True):
                columns[f"{name} loss"] = pandas.Series((math.nan, *curve.losses))
                values = {score.step: score.value for score in curve.scores}
                columns[f"{name} {self._metric.name}"] = pandas.Series(values, dtype=float)
            frames[run.seed] = pandas.DataFrame(columns)
        return pandas.concat(frames, names=["seed", "step"])


def check_differ(a: Training, b: Training) -> None:
    """Refuse a network that is to be compared with itself.

    Raises:
        Refusal: If both are the same, or their pictures are not of one size.
    """
    if a.input_shape != b.input_shape:
        shapes = " and ".join("×".join(map(str, each.input_shape)) for each in (a, b))
        raise Refusal(
            f"A and B take pictures of {shapes}, and are to learn from the same ones: choose a "
            "size that both can take."
        )
    if a.architecture == b.architecture:
        raise Refusal("A and B are the same network, so both learn alike: change one of them.")


def _of(count: int, all_: int) -> str:
    return f"{count} of {counted(all_, 'seed')}"


def _side(gain: float) -> str:
    return "worse" if gain < 0 else "better"
