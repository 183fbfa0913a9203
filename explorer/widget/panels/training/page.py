"""What is seen of a network that learns: its curves, and what it says of pictures held out."""

from collections.abc import Callable, Iterable, Sequence
from math import ceil, isfinite
from pathlib import Path
from typing import Any, Literal

import attrs
import ipywidgets as widgets
import traitlets

from explorer.core.asking.training import (
    Answered,
    HeldOut,
    LearningCurve,
    Looks,
    Score,
    Training,
    TrainingSettings,
)
from explorer.core.asking.twins import TwinRun
from explorer.core.formatting import counted, product
from explorer.core.network.errors import ParameterError, problem_text
from explorer.core.network.parameters import parameter, parameters_of
from explorer.core.training.tasks import HELD_OUT, TASKS
from explorer.widget.controls.form import Form, page, plain_layout
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import (
    Curve,
    CurveBeside,
    CurvePoint,
    HeldOutPicture,
    SavedFile,
    StepAnswers,
)
from explorer.widget.parts import Line, words

#: Most points of a curve that are drawn: of more, means.
MOST_POINTS = 200
#: Seconds that a network learns at a stretch.
STRETCH = 60

HONEST = (
    "Toy data, and seconds of training: it shows what this design picks up first, not how good it "
    "gets, nor how it fares on photographs."
)

MOVING = (
    "Batch normalisation answers by moving averages (of momentum 0.99, unless the design says "
    "otherwise), which lag behind for the first few hundred steps: the metric improves later than "
    "the loss."
)


@attrs.frozen(kw_only=True)
class Chosen(TrainingSettings):
    """What the user chooses."""

    side: int = parameter(
        64,
        label="picture size",
        unit="px",
        doc="Height and width of the pictures; of designs whose stride does not divide it, the "
        "next size that fits.",
        minimum=8,
        maximum=1024,
        slider=(64, 64),
    )
    stretch: int = parameter(
        STRETCH,
        label="train for",
        unit="s",
        doc="Seconds after which it stops; “Go on” trains for as long again.",
        minimum=1,
        maximum=3600,
        slider=(STRETCH, STRETCH),
    )

    @property
    def settings(self) -> TrainingSettings:
        """What of it the curve depends on."""
        names = [field.name for field in attrs.fields(TrainingSettings)]
        return TrainingSettings(**{name: getattr(self, name) for name in names})


class Learning(FrontWidget):
    """Two curves, and pictures: what is given, what is true, and what the network says.

    Attributes:
        loss: What is minimised, at each step.
        metric: How good the answers to the held-out pictures are.
        held_out: The pictures that are shown, with their true answers.
        answers: What the network says of them, after each step of late; the last one stays.
        is_old: Whether all this is of another design than the one shown.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "files")
    _css = Path(__file__).with_name("panel.css")
    gets = SavedFile

    loss = shared(Curve | None, None)
    metric = shared(Curve | None, None)
    held_out = shared(tuple[HeldOutPicture, ...], ())
    answers = shared(tuple[StepAnswers, ...], ())
    is_old: Any = traitlets.Bool().tag(sync=True)


class TrainingView(widgets.VBox):
    """The controls of a training, how far it is, and what came of it.

    Attributes:
        train: Begins anew, or goes on.
        twins: Begins anew, with what is pinned beside.
        seeds: Has both learn again, with two more seeds.
        stop: Stops, to go on at will.
        reset: Forgets what was learnt.
        save: Saves the weights.
        save_model: Saves the whole model.
        learning: The curves and pictures.
    """

    def __init__(self, chosen: Callable[[], None]) -> None:
        """Make the view.

        Args:
            chosen: Called when the user has chosen otherwise.
        """

        def button(text: str, tooltip: str, hides: bool = False, **traits: Any) -> widgets.Button:
            layout = plain_layout(shared=not hides)
            return widgets.Button(description=text, tooltip=tooltip, layout=layout, **traits)

        self.train = button(
            "▶ Train", "Let the design on screen learn the task", button_style="primary"
        )
        self.twins = button(
            "▶ Train A beside it",
            "Let A, which is pinned on the tab Compare, and the design on screen learn from the "
            "same pictures, in turns",
            hides=True,
        )
        self.seeds = button(
            "▶ 2 more seeds",
            "Let both begin anew twice, with other weights and pictures, and make as many steps: "
            "this tells a difference from chance",
            hides=True,
        )
        self.stop = button("Stop", "Stop, to go on at will", disabled=True)
        self.reset = button("Reset", "Forget what was learnt", disabled=True)
        self.save = button(
            "Save weights", "Save the design’s weights as a file of Keras", disabled=True
        )
        self.save_model = button(
            "Save model",
            "Save the whole model that learnt as a .keras file, with what answers the task",
            disabled=True,
        )
        self._form = Form(parameters_of(Chosen), Chosen(), lambda _: chosen())
        self._form.widget.add_class("explorer-choices")
        buttons = [self.train, self.twins, self.seeds, self.stop, self.reset]
        buttons += [self.save, self.save_model]
        row = widgets.Box(buttons, layout=plain_layout())
        row.add_class("explorer-row")
        self._task = page()
        self._state = page()
        self._difference = page(label="Difference of A and B")
        self._difference.add_class("explorer-difference")
        self._looks = page(label="Effective field")
        self.learning = Learning(layout=plain_layout())
        self._notes = page()
        super().__init__(
            [
                row,
                self._form.widget,
                self._task,
                self._state,
                self._difference,
                self._looks,
                self.learning,
                self._notes,
            ],
            layout=plain_layout(),
        )
        self.add_class("explorer-training")

    @property
    def chosen(self) -> Chosen:
        """What the user chose.

        Raises:
            ParameterError: If a value cannot be used.
        """
        return Chosen(**self._form.values)

    def told(self, error: Exception) -> str:
        """Return what is wrong, by the fields' names on screen."""
        if isinstance(error, ParameterError):
            return self._form.told(error)
        return problem_text(error)

    def show_task(self, chosen: Chosen, sizes: Sequence[str]) -> None:
        """Say what is to be learnt.

        Args:
            chosen: What the user chose.
            sizes: Why the pictures have another size than the chosen one, if they do.
        """
        about = Line(TASKS[chosen.task].about, "muted")
        self._task.parts = (about, *(Line(text, "reason") for text in sizes))

    def show_buttons(
        self, *, runs: bool, has_learnt: bool, goes_on: bool, ready: bool, saves: bool
    ) -> None:
        """Let those buttons be used that have something to do.

        Args:
            runs: Whether the network learns just now.
            has_learnt: Whether there is something to forget.
            goes_on: Whether there is something to go on with.
            ready: Whether Keras can be had.
            saves: Whether there are weights to save.
        """
        self.train.description = "▶ Go on" if goes_on else "▶ Train"
        self.train.disabled = runs or not ready
        self.stop.disabled = not runs
        self.reset.disabled = not has_learnt
        self.save.disabled = self.save_model.disabled = not saves

    def show_twins(self, *, pinned: bool, may_begin: bool, may_repeat: bool) -> None:
        """Let two learn side by side.

        Args:
            pinned: Whether there is an A.
            may_begin: Whether it may learn beside the design on screen.
            may_repeat: Whether both have learnt, and may do so with more seeds.
        """
        self.twins.layout.display = "" if pinned else "none"
        self.twins.disabled = not may_begin
        self.seeds.layout.display = "" if may_repeat else "none"

    def show_difference(self, text: str) -> None:
        """Say which of two is better; nothing if the text is empty."""
        self._difference.parts = (words(text),) if text else ()

    def show_state(self, text: str, mark: Any = "busy", detail: str = "") -> None:
        """Say how far it is, or what went wrong; nothing if the text is empty."""
        self._state.parts = (Line(text, mark, detail),) if text else ()

    def show_looks(self, looks: Sequence[Looks], whose: str = "Effective") -> None:
        """Say what the network looks at, and what it looked at before it learnt.

        Args:
            looks: Both, what it looks at last; empty: nothing is known.
            whose: How the line begins.
        """
        if not looks:
            self._looks.parts = ()
            return
        sizes = [f"{product(each.side, each.side)} px" if each.side else "none" for each in looks]
        told = f"95 % within {sizes[-1]}" if looks[-1].side else "none"
        told += f"; untrained {sizes[0]}" if looks[-1].step else ""
        self._looks.parts = (Line(f"{whose} field at the middle: {told}", "muted"),)

    def show_notes(self, *notes: str) -> None:
        """Say beneath the pictures what is to be known of them."""
        self._notes.parts = tuple(Line(note, "muted") for note in notes if note)

    def show_nothing(self) -> None:
        """Take away what was learnt."""
        with self.learning.hold_sync():
            self.learning.loss = self.learning.metric = None
            self.learning.held_out = self.learning.answers = ()
            self.learning.is_old = False
        self.show_state("")
        self.show_difference("")
        self.show_looks(())
        self.show_notes()

    def show_held_out(self, pictures: Sequence[HeldOut]) -> None:
        """Show pictures, with their true answers."""
        self.learning.held_out = tuple(HeldOutPicture(p.image, p.truth) for p in pictures)

    def show_answers(self, answered: Sequence[Answered], of_a: Sequence[Answered] = ()) -> None:
        """Show what the network says of them, and what A says, if it learns beside it."""
        beside = {each.step: each.answers for each in of_a}
        self.learning.answers = tuple(
            StepAnswers(each.answers, beside.get(each.step, ())) for each in answered
        )

    def show_curves(
        self,
        training: Training,
        curve: LearningCurve,
        a: LearningCurve | None = None,
        earlier: Sequence[TwinRun] = (),
    ) -> None:
        """Show how far it is.

        Args:
            training: What learns.
            curve: How it learnt.
            a: How A learnt beside it; None: it learns alone.
            earlier: How both learnt with former seeds.
        """
        task, view = training.task, self.learning
        metric = task.metric

        def told(scores: Sequence[Score]) -> str:
            return metric.text(scores[-1].value) if scores else ""

        # What was learnt before lies beneath.
        others: list[tuple[Literal["A", "B"], LearningCurve, bool]] = []
        for run in earlier:
            others += [("A", run.a, True), ("B", run.b, True)]
        if a:
            others.append(("A", a, False))
        with view.hold_sync():
            view.loss = Curve(
                f"loss: {task.loss}",
                "",
                f"{task.about_loss}; of each step’s pictures before it changes the weights",
                _loss_points(curve),
                _last_loss(curve),
                None,
                tuple(
                    CurveBeside(name, _loss_points(c), "" if before else _last_loss(c))
                    for name, c, before in others
                ),
            )
            view.metric = Curve(
                f"{metric.name}, held out",
                metric.unit,
                f"On {HELD_OUT} pictures that are not learnt from: {metric.about}",
                _score_points(curve),
                told(curve.scores),
                metric.bounds[1],
                tuple(
                    CurveBeside(name, _score_points(c), "" if before else told(c.scores))
                    for name, c, before in others
                ),
            )


def _loss_points(curve: LearningCurve) -> tuple[CurvePoint, ...]:
    numbered = enumerate(curve.losses, 1)
    return thinned([CurvePoint(step, loss) for step, loss in numbered if isfinite(loss)])


def _last_loss(curve: LearningCurve) -> str:
    if not curve.losses:
        return ""
    return f"{curve.losses[-1]:.3g}" if isfinite(curve.losses[-1]) else "no number"


def _score_points(curve: LearningCurve) -> tuple[CurvePoint, ...]:
    return thinned([CurvePoint(s.step, s.value) for s in curve.scores if isfinite(s.value)])


def thinned(points: Sequence[CurvePoint]) -> tuple[CurvePoint, ...]:
    """Return at most so many points that they can be told apart: means of what lies together."""
    size = max(1, ceil(len(points) / MOST_POINTS))
    if size == 1:
        return tuple(points)
    parts = [points[first : first + size] for first in range(0, len(points), size)]
    return tuple(
        CurvePoint(_mean(p.step for p in part), _mean(p.value for p in part)) for part in parts
    )


def _mean(values: Iterable[float]) -> float:
    all_ = list(values)
    return sum(all_) / len(all_)


def progress(step: int, seconds: float, left: float, pace: float | None) -> str:
    """Return how far it is, in words.

    Args:
        step: Steps that were made.
        seconds: How long it took.
        left: Seconds that are left.
        pace: Seconds of a step; None: not known yet.
    """
    rate = f", {pace * 1000:,.0f} ms a step" if pace else ""
    return f"{counted(step, 'step')} in {seconds:.0f} s{rate}; {max(0.0, left):.0f} s left"


def output_note(strides: Sequence[int], adds: bool, channels: int) -> str:
    """Say how the design answers the task.

    Args:
        strides: Of each output that learns.
        adds: Whether outputs get a convolution to the task's channels.
        channels: How many those are.
    """
    last = strides[-1]
    which = "The output" if len(strides) == 1 else f"Each of the {len(strides)} outputs"
    told = f"{which} gets a 1×1 convolution to {counted(channels, 'channel')}" if adds else ""
    if not adds:
        told = f"{which} has the task’s {counted(channels, 'channel')} already"
    if len(strides) > 1:
        told += "; all learn, by the mean of their losses, and the last one is shown"
    if last > 1:
        told += (
            f"; it has stride {last}, so answers are averaged over {product(last, last)} px to "
            "learn from, while the metric counts each pixel of the picture"
        )
    return f"{told}."
