"""What learns, alone or beside A, with which seed, and how far it is."""

import attrs

from explorer.core.asking.questions import Train, TrainTwins
from explorer.core.asking.training import LearningCurve, Learnt, Training
from explorer.core.asking.twins import TwinRun, Twins
from explorer.core.formatting import counted
from explorer.widget.panels.training.page import progress

#: Steps whose times give the pace.
RECENT = 10


@attrs.define
class Course:
    """How a network learns; changed by the panel, under its lock.

    Attributes:
        training: What learns with the present seed.
        pair: A and B with the first seed, where two learn.
        runs: Whether it is to go on.
        until: After how many seconds it stops.
        seeds: With how many seeds both are to learn.
        earlier: What both learnt with the seeds before the present one.
        curve: How it learnt with the present seed; of two, B.
        curve_of_a: How A did.
    """

    training: Training
    pair: tuple[Training, Training] | None = None
    runs: bool = False
    until: float = 0.0
    seeds: int = 1
    earlier: list[TwinRun] = attrs.Factory(list)
    curve: LearningCurve = attrs.field(factory=LearningCurve)
    curve_of_a: LearningCurve = attrs.field(factory=LearningCurve)
    _times: list[tuple[int, float]] = attrs.Factory(list)  # steps, and seconds at each answer

    @property
    def seconds(self) -> float:
        """How long it has trained, with the present seed; A and B together."""
        return self.curve.seconds + self.curve_of_a.seconds

    @property
    def steps(self) -> int | None:
        """How many steps are to be made with a further seed: as with the first; None: no such."""
        return len(self.earlier[0].b.losses) if self.earlier else None

    @property
    def has_learnt(self) -> bool:
        """Whether there is something to be seen, with whatever seed."""
        return bool(self.curve.scores or self.earlier)

    @property
    def is_whole(self) -> bool:
        """Whether what was to be learnt with the present seed is learnt."""
        if self.steps is None:
            return bool(self.curve.scores) and (not self.runs or self.seconds >= self.until)
        return len(self.curve.losses) >= self.steps

    @property
    def runs_so_far(self) -> tuple[TwinRun, ...]:
        """What both have learnt, with each seed that is done."""
        return (*self.earlier, *((self._present,) if self.is_whole else ()))

    @property
    def _present(self) -> TwinRun:
        return TwinRun(self.training.settings.seed, self.curve_of_a, self.curve)

    @property
    def difference(self) -> str:
        """Which of both is better, with the seeds that are done; empty: it is not known."""
        runs = self.runs_so_far
        return str(Twins(*self.pair, runs)) if self.pair and runs else ""

    def next_seed(self) -> None:
        """Put what was learnt aside, and take the next seed."""
        self.earlier.append(self._present)
        self.curve = self.curve_of_a = LearningCurve()
        self._times = []
        self.training = self._with_seed[1]

    @property
    def _with_seed(self) -> tuple[Training, Training]:
        """A and B with the present seed."""
        assert self.pair is not None
        a, b = self.pair
        seed = (b.settings.seed + len(self.earlier)) % 2**31
        settings = attrs.evolve(b.settings, seed=seed)
        return attrs.evolve(a, settings=settings), attrs.evolve(b, settings=settings)

    def question(self, after: int | None, seconds: float) -> Train | TrainTwins:
        """Return what lets it go on for so many seconds; see `Train`."""
        if self.pair:
            return TrainTwins(*self._with_seed, after, seconds, self.steps, shows=True)
        return Train(self.training, after, seconds, shows=True)

    def take(self, learnt: Learnt, of_a: Learnt | None) -> None:
        """Take what was learnt since, of A as well where two learn."""
        self.curve = self.curve.extended(learnt)
        if of_a:
            self.curve_of_a = self.curve_of_a.extended(of_a)
        self._times.append((learnt.step, self.seconds))

    @property
    def progress(self) -> str:
        """How far it is, and how long it will take."""
        step, pace = len(self.curve.losses), self._pace
        if self.steps is None:
            told = progress(step, self.seconds, self.until - self.seconds, pace)
            return f"A and B: {told}" if self.pair else told
        left = f"; {pace * (self.steps - step):.0f} s left for this seed" if pace else ""
        number = len(self.earlier) + 1
        return f"Seed {number} of {self.seeds}: step {step:,} of {self.steps:,}{left}"

    @property
    def _pace(self) -> float | None:
        """Seconds of a step, lately; the first ones, which compile, are left out."""
        recent = [each for each in self._times if each[0] > 1][-RECENT:]
        if len(recent) < 2 or recent[-1][0] == recent[0][0]:
            return None
        return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])

    @property
    def result(self) -> str:
        """What came of it, in words."""
        if self.pair:
            steps = counted(len(self.curve.losses), "step")
            of_seeds = f"Seed {len(self.earlier) + 1} of {self.seeds}: " if self.earlier else ""
            return (
                f"{of_seeds}{steps} each, A in {self.curve_of_a.seconds:.0f} s, B in "
                f"{self.curve.seconds:.0f} s"
            )
        metric = self.training.task.metric
        value = metric.text(self.curve.metric)
        return f"{metric.name} {value} after {self.curve.looked_after} in {self.seconds:.0f} s"
