"""The network on screen learns a small task, in the Keras process, a little at a time.

Each answer is followed by the next question while the network is to learn, so that what others ask
of Keras is answered in between. Where a design is pinned as A, it can learn beside B, the one on
screen: with the first seed for as long as the user wants, with further ones for as many steps.
"""

from collections.abc import Callable
from functools import partial
from math import lcm
from time import perf_counter
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.analysis.design import Design
from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.questions import DrawWeights, SaveTrained, Train, TrainTwins
from explorer.core.asking.training import LearningCurve, Learnt, Training
from explorer.core.asking.twins import TwinRun, Twins, check_differ
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.families import ReadModel
from explorer.core.formatting import byte_size, counted, printable, product
from explorer.core.guard import guarded
from explorer.core.network.errors import ParameterError, Refusal, problem_text
from explorer.core.network.layers import Shape
from explorer.core.network.tracing import trace
from explorer.core.training.fitting import output_strides, side_for
from explorer.widget.controls.form import close_with_parts
from explorer.widget.messages import SavedFile
from explorer.widget.panels.tab_view import TabView
from explorer.widget.panels.training.page import (
    HONEST,
    MOVING,
    Chosen,
    TrainingView,
    output_note,
    progress,
)
from explorer.worker import IN_PAGE, shared_worker

if TYPE_CHECKING:
    from explorer.core.asking.keras_file import KerasFile

#: Seconds of a question: what others ask of Keras waits no longer, unless a step takes longer.
SLICE = 0.3
#: Seconds between two times that the other views look at the weights again.
PAUSE = 3.0
#: Steps whose times give the pace.
RECENT = 10


class TrainingPanel(TabView):
    """Trains the design on screen, and shows how it learns.

    Attributes:
        widget: What is shown.
    """

    def __init__(
        self,
        state: State,
        alert: Callable[[str], None],
        weights_changed: Callable[[], None],
        pinned: Callable[[], Design | None] = lambda: None,
    ) -> None:
        """Make the panel.

        Args:
            state: What is on screen.
            alert: Shows the text of an unforeseen error.
            weights_changed: Has the other views look at the weights again.
            pinned: Returns A, as it is compared with the design on screen, or None.
        """
        self._state = state
        self._alert = alert
        self._weights_changed = weights_changed
        self._pinned = pinned
        self._asking: Ask[Training] = Ask(
            shared_worker,
            state.lock,
            alert,
            "“Reset” and “Train” start it again.",
            counts=lambda training: training is self._training,
        )
        # What the user asks for once: a file, or random weights.
        self._saving: Ask[str] = Ask(shared_worker, state.lock, alert, "", counts=lambda _: True)
        self._shown: Design | None = None
        self._training: Training | None = None  # what has learnt, if only for a moment
        self._runs = False
        self._forget()
        self.widget = TrainingView(self._chosen)
        self.widget.train.on_click(self._train_clicked)
        self.widget.twins.on_click(self._twins_clicked)
        self.widget.seeds.on_click(self._seeds_clicked)
        self.widget.stop.on_click(self._stop_clicked)
        self.widget.reset.on_click(self._reset_clicked)
        self.widget.save.on_click(self._save_clicked)
        self._chosen()

    def _forget(self) -> None:
        self._training, self._runs = None, False
        self._pair: tuple[Training, Training] | None = None  # A and B with the first seed
        self._curve = LearningCurve()
        self._curve_of_a = LearningCurve()
        self._earlier: list[TwinRun] = []  # with the seeds before the present one
        self._seeds = 1  # how many there are to be
        self._times: list[tuple[int, float]] = []  # steps, and seconds at each answer
        self._until = 0.0  # when, of these, it stops
        self._looked = 0.0  # when the other views looked at the weights

    # What the screen tells.

    def show(self, scene: Scene) -> None:
        """Follow the design: what was learnt is of the one that learnt it."""
        with self._state.lock:
            if scene.design == self._shown:
                return
            self._shown = scene.design
            self._follow()

    def pinned_changed(self) -> None:
        """Follow A: what both have learnt is of those that learnt it."""
        with self._state.lock:
            self._follow()

    def _follow(self) -> None:
        if self._training is not None:
            if not self._is_of_design:
                self._leave()
            elif not self._runs:
                self.widget.learning.is_old = False
                self._show_stopped()
        self._show_buttons()

    def _leave(self) -> None:
        """Say that what has learnt is not what is on screen; it learns no more."""
        if self._runs:
            self._runs = False
            self._asking.drop()
        self.widget.learning.is_old = True
        self.widget.show_difference("")
        self.widget.show_state(
            "This is of the former design or settings, and so are the weights that unchanged "
            "layers keep. “Train” starts anew.",
            "reason",
        )

    def close(self) -> None:
        """Stop, and drop what was asked for."""
        with self._state.lock:
            self._runs = False
            self._asking.close()
            self._saving.close()
            close_with_parts(self.widget)

    @property
    def _is_of_design(self) -> bool:
        """Whether what has learnt is the design on screen, with what is chosen."""
        try:
            chosen = self.widget.chosen
            if self._pair:
                return self._pair == self._wanted_twins(chosen)
            return self._training is not None and (self._training,) == self._wanted(chosen)
        except ValueError:
            return False

    def _wanted(self, chosen: Chosen) -> tuple[Training, ...]:
        """Return what is to be trained.

        Raises:
            ValueError: If the design can't learn the task.
        """
        return (_training_of(self._state.design, chosen, chosen.side),)

    def _wanted_twins(self, chosen: Chosen) -> tuple[Training, ...]:
        """Return A and B, which are to be trained on pictures of a size that both take.

        Raises:
            ValueError: If one of them can't learn the task, or both are the same.
        """
        a, b = self._pinned(), self._state.design
        if a is None:
            raise Refusal("No network is pinned as A: pin one on the tab Compare.")
        side = side_for(
            lcm(a.architecture.maximum_stride, b.architecture.maximum_stride), chosen.side
        )
        try:
            beside = _training_of(a, chosen, side)
        except ValueError as error:
            raise Refusal(f"A can’t learn this. {problem_text(error)}") from error
        own = _training_of(b, chosen, side)
        check_differ(beside, own)
        return beside, own

    @property
    def _seconds(self) -> float:
        """How long it has trained, with the present seed; A and B together."""
        return self._curve.seconds + self._curve_of_a.seconds

    @property
    def _steps(self) -> int | None:
        """How many steps are to be made with a further seed: as with the first; None: no such."""
        return len(self._earlier[0].b.losses) if self._earlier else None

    @property
    def _is_whole(self) -> bool:
        """Whether what was to be learnt with the present seed is learnt."""
        if self._steps is None:
            return bool(self._curve.scores) and (not self._runs or self._seconds >= self._until)
        return len(self._curve.losses) >= self._steps

    @property
    def _runs_so_far(self) -> tuple[TwinRun, ...]:
        """What both have learnt, with each seed that is done."""
        return (*self._earlier, *((self._present,) if self._is_whole else ()))

    @property
    def _present(self) -> TwinRun:
        assert self._training is not None
        return TwinRun(self._training.settings.seed, self._curve_of_a, self._curve)

    # What the user does.

    @guarded
    def _chosen(self) -> None:
        """Another setting: what has learnt went by the former ones."""
        with self._state.lock:
            try:
                chosen = self.widget.chosen
            except ParameterError as error:
                self.widget.show_state(str(error), "bad")
                return
            self.widget.show_task(chosen)
            if self._training is None:
                self._show_idle()
            elif self._runs:
                self._until = self._seconds + chosen.stretch
            self._follow()

    def _show_idle(self) -> None:
        """Say nothing, but in a web page that there is no Keras."""
        if not IN_PAGE:
            self.widget.show_state("")
            return
        from explorer.worker.page import NO_KERAS

        self.widget.show_state(NO_KERAS, "muted")

    @guarded
    def _train_clicked(self, _: Any) -> None:
        with self._state.lock:
            if self._runs:
                return
            if self._may_go_on:
                self._go()
            else:
                self._begin(self._wanted)

    @guarded
    def _twins_clicked(self, _: Any) -> None:
        with self._state.lock:
            if not self._runs:
                self._begin(self._wanted_twins)

    @guarded
    def _seeds_clicked(self, _: Any) -> None:
        with self._state.lock:
            if self._may_repeat:
                self._seeds = len(self._runs_so_far) + 2
                self._next_seed()
                self._go()

    def _begin(self, wanted: Callable[[Chosen], tuple[Training, ...]]) -> None:
        try:
            *beside, own = wanted(self.widget.chosen)
        except Exception as error:  # a class that the user wrote can raise anything
            self.widget.show_state(printable(problem_text(error)), "bad")
            return
        self._forget()
        self.widget.show_nothing()
        self._training = own
        if beside:
            self._pair = beside[0], own
        self._go()

    def _go(self) -> None:
        """Learn with the present seed: begin, or go on."""
        self._runs = True
        self._until = self._seconds + self.widget.chosen.stretch
        self._show_buttons()
        self.widget.show_state(self._asking.outlook("Building and compiling the model …"))
        self._show_difference()
        self._ask(len(self._curve.losses) if self._curve.scores else None)

    def _next_seed(self) -> None:
        """Put what was learnt aside, and take the next seed."""
        self._earlier.append(self._present)
        self._curve = self._curve_of_a = LearningCurve()
        self._times = []
        self._training = self._with_seed[1]

    @property
    def _with_seed(self) -> tuple[Training, Training]:
        """A and B with the present seed."""
        assert self._pair is not None
        a, b = self._pair
        seed = (b.settings.seed + len(self._earlier)) % 2**31
        settings = attrs.evolve(b.settings, seed=seed)
        return attrs.evolve(a, settings=settings), attrs.evolve(b, settings=settings)

    @guarded
    def _stop_clicked(self, _: Any) -> None:
        with self._state.lock:
            self._runs = False  # the step under way is still told
            self.widget.show_state("Stopping after this step …")
            if not self._curve.scores:  # it may be compiled for long
                self._give_up()
            self._show_buttons()

    def _give_up(self) -> None:
        """Drop what has learnt nothing yet, but not what was learnt with other seeds."""
        if self._earlier:
            self._asking.drop()
            self._show_stopped()
        else:
            self._reset()

    @guarded
    def _reset_clicked(self, _: Any) -> None:
        with self._state.lock:
            training = self._training
            self._reset()
            if training:  # all views go back to random weights
                question = DrawWeights(training.settings.seed)
                self._saving.submit("", question, lambda _: self._weights_changed(), self._not_done)

    def _reset(self) -> None:
        self._asking.drop()
        self._forget()
        self.widget.show_nothing()
        self._show_buttons()

    @guarded
    def _save_clicked(self, _: Any) -> None:
        with self._state.lock:
            training = self._training
            if training is None or self._saving.is_under_way:
                return
            name = f"{printable(self._state.design.graph.name)}.weights.h5"
            self._saving.submit(
                name, SaveTrained(training, "weights"), partial(self._saved, name), self._not_done
            )

    def _saved(self, name: str, file: "KerasFile") -> None:
        self.widget.learning.send_message(
            SavedFile(name, "application/octet-stream"), [file.content]
        )
        if not self._runs:
            size = byte_size(len(file.content))
            self.widget.show_state(f"{name}: {size}", "good", f"weights: {file.weights}")

    # What Keras answers.

    def _ask(self, after: int | None) -> None:
        assert self._training is not None
        # The first answer is to come soon: with it, there is something to be seen.
        pause = 0.0 if after is None else SLICE
        question: Train | TrainTwins = Train(self._training, after, pause)
        if self._pair:
            question = TrainTwins(*self._with_seed, after, pause, self._steps)
        self._asking.submit(self._training, question, self._answered, self._not_done)

    def _answered(self, answer: Learnt | tuple[Learnt, Learnt]) -> None:
        training = self._training
        assert training is not None
        *beside, learnt = answer if isinstance(answer, tuple) else (answer,)
        self._curve = self._curve.extended(learnt)
        for each in beside:
            self._curve_of_a = self._curve_of_a.extended(each)
        self._times.append((learnt.step, self._seconds))
        if learnt.held_out:
            self.widget.show_held_out(learnt.held_out)
            graphs = [self._state.design.graph]
            if self._pair and (a := self._pinned()):
                graphs.append(a.graph)
            has_moving = any(
                node.kind == "BatchNormalization" for graph in graphs for node in graph
            )
            about = [self._about_output(each) for each in (*beside, learnt)]
            if len(set(about)) > 1:
                about = [f"{name}: {text}" for name, text in zip("AB", about, strict=True)]
            notes = dict.fromkeys(about)
            self.widget.show_notes(HONEST, *notes, MOVING if has_moving else "")
        self.widget.show_curves(
            training, self._curve, self._curve_of_a if self._pair else None, self._earlier
        )
        if not self._is_of_design:
            self._leave()
        elif self._runs and not self._is_whole:
            self.widget.show_state(self._progress)
            if perf_counter() - self._looked > PAUSE:
                self._look_again()
            self._ask(learnt.step)
        elif self._runs and len(self._runs_so_far) < self._seeds:
            self._next_seed()
            self._go()
        else:
            self._runs = False
            self._show_stopped()
            self._look_again()
        self._show_buttons()

    @property
    def _progress(self) -> str:
        """How far it is, and how long it will take."""
        step, pace = len(self._curve.losses), self._pace
        if self._steps is None:
            told = progress(step, self._seconds, self._until - self._seconds, pace)
            return f"A and B: {told}" if self._pair else told
        left = f"; {pace * (self._steps - step):.0f} s left for this seed" if pace else ""
        number = len(self._earlier) + 1
        return f"Seed {number} of {self._seeds}: step {step:,} of {self._steps:,}{left}"

    def _about_output(self, learnt: Learnt) -> str:
        assert self._training is not None
        return output_note(learnt.strides, learnt.adds_convolution, self._training.task.channels)

    def _look_again(self) -> None:
        self._looked = perf_counter()
        self._weights_changed()

    @property
    def _pace(self) -> float | None:
        """Seconds of a step, lately; the first ones, which compile, are left out."""
        recent = [each for each in self._times if each[0] > 1][-RECENT:]
        if len(recent) < 2 or recent[-1][0] == recent[0][0]:
            return None
        return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])

    def _not_done(self, failure: Failure) -> None:
        self._runs = False
        self.widget.show_state(printable(failure.text), "bad")
        self._show_buttons()

    def _show_stopped(self) -> None:
        training = self._training
        if training is None or not (self._curve.scores or self._earlier):
            return
        self._show_difference()
        size = product(*training.input_shape[:2])
        steps = counted(len(self._curve.losses), "step")
        whose = "this design"
        if self._pair:
            whose = "B"
            of_seeds = f"Seed {len(self._earlier) + 1} of {self._seeds}: " if self._earlier else ""
            told = (
                f"{of_seeds}{steps} each, A in {self._curve_of_a.seconds:.0f} s, B in "
                f"{self._curve.seconds:.0f} s"
            )
        else:
            value = training.task.metric.text(self._curve.metric)
            told = f"{training.task.metric.name} {value} after {steps} in {self._seconds:.0f} s"
        self.widget.show_state(
            f"{told}, on pictures of {size} px",
            "good",
            f"Feature maps, effective field and forward pass of {whose} have these weights from "
            "now on, until other ones are loaded or drawn.",
        )

    def _show_difference(self) -> None:
        """Say which of both is better, with the seeds that are done."""
        runs = self._runs_so_far
        told = str(Twins(*self._pair, runs)) if self._pair and runs else ""
        self.widget.show_difference(told)

    @property
    def _may_go_on(self) -> bool:
        """Whether there is something that can learn more."""
        begun = bool(self._curve.scores or self._earlier)
        return begun and self._is_of_design and (self._steps is None or not self._is_whole)

    @property
    def _may_repeat(self) -> bool:
        """Whether both have learnt, and nothing else is to be done before they do so again."""
        done = bool(self._pair) and not self._runs and self._is_whole
        return done and bool(self._curve.losses) and self._is_of_design

    def _show_buttons(self) -> None:
        of_design = self._is_of_design
        self.widget.show_buttons(
            runs=self._runs,
            has_learnt=self._training is not None,
            goes_on=self._may_go_on,
            ready=not IN_PAGE,
            saves=bool(self._curve.scores) and of_design,
        )
        self.widget.show_twins(
            pinned=self._pinned() is not None,
            may_begin=not (IN_PAGE or self._runs or (self._pair and of_design)),
            may_repeat=self._may_repeat,
        )


def _training_of(design: Design, chosen: Chosen, side: int) -> Training:
    """Return what a design is to learn.

    Raises:
        ValueError: If it can't.
    """
    shape = _shape(design, side)
    output_strides(trace(design.architecture, shape))
    return Training(design.architecture, shape, chosen.settings)


def _shape(design: Design, side: int) -> Shape:
    """Return the shape of pictures that a design takes; a model's own where that can't change."""
    shape = design.input.shape
    architecture = design.architecture
    fitting = side_for(architecture.maximum_stride, side)
    wanted = fitting, fitting, shape[2]
    if isinstance(architecture, ReadModel) and (
        architecture.fixed or architecture.needs_keras_at(wanted)
    ):
        return shape
    return wanted
