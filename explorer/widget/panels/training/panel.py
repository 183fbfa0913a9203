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

from explorer.core.analysis.design import Design
from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.questions import DrawWeights, SaveTrained
from explorer.core.asking.training import Learnt, Training
from explorer.core.asking.twins import check_differ
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.families import ReadModel
from explorer.core.formatting import byte_size, printable, product
from explorer.core.guard import guarded
from explorer.core.network.errors import ParameterError, Refusal, problem_text
from explorer.core.network.layers import Shape
from explorer.core.network.tracing import trace
from explorer.core.training.fitting import output_strides, side_for
from explorer.widget.controls.form import close_with_parts
from explorer.widget.messages import SavedFile
from explorer.widget.panels.tab_view import TabView
from explorer.widget.panels.training.course import Course
from explorer.widget.panels.training.page import (
    HONEST,
    MOVING,
    Chosen,
    TrainingView,
    output_note,
)
from explorer.worker import IN_PAGE, shared_worker

if TYPE_CHECKING:
    from explorer.core.asking.keras_file import KerasFile

#: Seconds of a question, or a step if that takes longer; curves move as often. What the network
#: predicts after each of its steps comes with the answer, and the page shows it in turn: to ask for
#: each of shorter steps would take longer than to make them.
SLICE = 0.1
#: Seconds between two times that the other views look at the weights again.
PAUSE = 3.0
#: What is said of a file.
SAVED_WEIGHTS = (
    "It holds the design’s weights, as build() and “Load” above the feature maps take them. A 1×1 "
    "convolution that training put behind the design is not in it: “Save model” has that, too."
)
SAVED_MODEL = "It holds the whole model that learnt, with the convolution that answers the task."


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
            counts=lambda training: self._course is not None and training is self._course.training,
        )
        # What the user asks for once: a file, or random weights.
        self._saving: Ask[str] = Ask(shared_worker, state.lock, alert, "", counts=lambda _: True)
        self._shown: Design | None = None
        self._course: Course | None = None  # of what has learnt, if only for a moment
        self._looked = 0.0  # when the other views looked at the weights
        self.widget = TrainingView(self._chosen)
        self.widget.train.on_click(self._train_clicked)
        self.widget.twins.on_click(self._twins_clicked)
        self.widget.seeds.on_click(self._seeds_clicked)
        self.widget.stop.on_click(self._stop_clicked)
        self.widget.reset.on_click(self._reset_clicked)
        self.widget.save.on_click(self._save_weights_clicked)
        self.widget.save_model.on_click(self._save_model_clicked)
        self._chosen()

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
        self._show_task()
        if self._course:
            if not self._is_of_design:
                self._leave(self._course)
            elif not self._course.runs:
                self.widget.learning.is_old = False
                self._show_stopped(self._course)
        self._show_buttons()

    def _leave(self, course: Course) -> None:
        """Say that what has learnt is not what is on screen; it learns no more."""
        if course.runs:
            course.runs = False
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
            if self._course:
                self._course.runs = False
            self._asking.close()
            self._saving.close()
            close_with_parts(self.widget)

    @property
    def _is_of_design(self) -> bool:
        """Whether what has learnt is the design on screen, with what is chosen."""
        course = self._course
        if course is None:
            return False
        try:
            chosen = self.widget.chosen
            if course.pair:
                return course.pair == self._wanted_twins(chosen)
            return (course.training,) == self._wanted(chosen)
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
        side = _common_side(a, b, chosen)
        try:
            beside = _training_of(a, chosen, side)
        except ValueError as error:
            raise Refusal(f"A can’t learn this. {problem_text(error)}") from error
        own = _training_of(b, chosen, side)
        check_differ(beside, own)
        return beside, own

    def _show_task(self) -> None:
        try:
            chosen = self.widget.chosen
        except ParameterError:  # which is told already
            return
        self.widget.show_task(chosen, self._other_sizes(chosen))

    def _other_sizes(self, chosen: Chosen) -> list[str]:
        """Return what is to be said of pictures that have another size than the chosen one."""
        b, side = self._state.design, chosen.side
        own = _shape(b, side)[:2]
        told = []
        if own != (side, side):
            stride = b.architecture.maximum_stride
            is_next = own[0] == own[1] == side_for(stride, side)
            why = f"the design’s stride, {stride}, does not divide {side}"
            why = why if is_next else "the model’s own size"
            told.append(f"Pictures of {product(*own)} px are taken: {why}.")
        if a := self._pinned():
            common = _common_side(a, b, chosen)
            both = {_shape(each, common)[:2] for each in (a, b)}
            if len(both) == 1 and own not in both:  # what differs is refused
                size = product(*both.pop())
                told.append(
                    f"Beside A, pictures of {size} px are taken: a size that both can take."
                )
        return told

    # What the user does.

    @guarded
    def _chosen(self) -> None:
        """Another setting: what has learnt went by the former ones."""
        with self._state.lock:
            try:
                chosen = self.widget.chosen
            except ParameterError as error:
                self._follow()
                self.widget.show_state(self.widget.told(error), "bad")
                return
            if self._course is None:
                self._show_idle()
            elif self._course.runs:
                self._course.until = self._course.seconds + chosen.stretch
            self._follow()

    def _show_idle(self) -> None:
        """Say nothing, but in a web page that there is no Keras."""
        if not IN_PAGE:
            self.widget.show_state("")
            return
        from explorer.core.asking.failures import NO_KERAS

        self.widget.show_state(NO_KERAS, "muted")

    @guarded
    def _train_clicked(self, _: Any) -> None:
        with self._state.lock:
            course = self._course
            if course and course.runs:
                return
            if course and self._may_go_on:
                self._go(course)
            else:
                self._begin(self._wanted)

    @guarded
    def _twins_clicked(self, _: Any) -> None:
        with self._state.lock:
            if not (self._course and self._course.runs):
                self._begin(self._wanted_twins)

    @guarded
    def _seeds_clicked(self, _: Any) -> None:
        with self._state.lock:
            if self._course and self._may_repeat:
                self._course.seeds = len(self._course.runs_so_far) + 2
                self._course.next_seed()
                self._go(self._course)

    def _begin(self, wanted: Callable[[Chosen], tuple[Training, ...]]) -> None:
        try:
            *beside, own = wanted(self.widget.chosen)
        except Exception as error:  # a class that the user wrote can raise anything
            self.widget.show_state(printable(self.widget.told(error)), "bad")
            return
        self.widget.show_nothing()
        self._course = Course(own, (beside[0], own) if beside else None)
        self._go(self._course)

    def _go(self, course: Course) -> None:
        """Learn with the present seed: begin, or go on."""
        course.runs = True
        course.until = course.seconds + self.widget.chosen.stretch
        self._show_buttons()
        self.widget.show_state(self._asking.outlook("Building and compiling the model …"))
        self.widget.show_difference(course.difference)
        self._ask(course, len(course.curve.losses) if course.curve.scores else None)

    @guarded
    def _stop_clicked(self, _: Any) -> None:
        with self._state.lock:
            course = self._course
            if course is None:
                return
            course.runs = False  # the step under way is still told
            self.widget.show_state("Stopping after this step …")
            if not course.curve.scores:  # it may be compiled for long
                self._give_up(course)
            self._show_buttons()

    def _give_up(self, course: Course) -> None:
        """Drop what has learnt nothing yet, but not what was learnt with other seeds."""
        if course.earlier:
            self._asking.drop()
            self._show_stopped(course)
        else:
            self._reset()

    @guarded
    def _reset_clicked(self, _: Any) -> None:
        with self._state.lock:
            course = self._course
            self._reset()
            if course:  # all views go back to random weights
                question = DrawWeights(course.training.settings.seed)
                self._saving.submit("", question, lambda _: self._weights_changed(), self._not_done)

    def _reset(self) -> None:
        self._asking.drop()
        self._course = None
        self.widget.show_nothing()
        self._show_buttons()

    @guarded
    def _save_weights_clicked(self, _: Any) -> None:
        self._save("weights", ".weights.h5")

    @guarded
    def _save_model_clicked(self, _: Any) -> None:
        self._save("keras-file", ".keras")

    def _save(self, kind: str, ending: str) -> None:
        with self._state.lock:
            if self._course is None or self._saving.is_under_way:
                return
            name = f"{printable(self._state.design.graph.name)}{ending}"
            question = SaveTrained(self._course.training, kind)
            self._saving.submit(name, question, partial(self._saved, name), self._not_done)

    def _saved(self, name: str, file: "KerasFile") -> None:
        self.widget.learning.send_message(
            SavedFile(name, "application/octet-stream"), [file.content]
        )
        if not (self._course and self._course.runs):
            size = byte_size(len(file.content))
            what = SAVED_MODEL if name.endswith(".keras") else SAVED_WEIGHTS
            told = f"{what} Weights: {file.weights}."
            self.widget.show_state(f"{name}: {size}", "good", told)

    # What Keras answers.

    def _ask(self, course: Course, after: int | None) -> None:
        # The first answer is to come soon: with it, there is something to be seen.
        question = course.question(after, 0.0 if after is None else SLICE)
        self._asking.submit(course.training, question, self._answered, self._not_done)

    def _answered(self, answer: Learnt | tuple[Learnt, Learnt]) -> None:
        course = self._course
        assert course is not None
        *beside, learnt = answer if isinstance(answer, tuple) else (answer,)
        course.take(learnt, beside[0] if beside else None)
        if learnt.held_out:
            self.widget.show_held_out(learnt.held_out)
            graphs = [self._state.design.graph]
            if course.pair and (a := self._pinned()):
                graphs.append(a.graph)
            has_moving = any(
                node.kind == "BatchNormalization" for graph in graphs for node in graph
            )
            channels = course.training.task.channels
            about = [
                output_note(each.strides, each.adds_convolution, channels)
                for each in (*beside, learnt)
            ]
            if len(set(about)) > 1:
                about = [f"{name}: {text}" for name, text in zip("AB", about, strict=True)]
            notes = dict.fromkeys(about)
            self.widget.show_notes(HONEST, *notes, MOVING if has_moving else "")
        self.widget.show_answers(learnt.answered, beside[0].answered if beside else ())
        self.widget.show_looks(learnt.looks, "B’s effective" if course.pair else "Effective")
        self.widget.show_curves(
            course.training,
            course.curve,
            course.curve_of_a if course.pair else None,
            course.earlier,
        )
        if not self._is_of_design:
            self._leave(course)
        elif course.runs and not course.is_whole:
            self.widget.show_state(course.progress)
            if perf_counter() - self._looked > PAUSE:
                self._look_again()
            self._ask(course, learnt.step)
        elif course.runs and len(course.runs_so_far) < course.seeds:
            course.next_seed()
            self._go(course)
        else:
            course.runs = False
            self._show_stopped(course)
            self._look_again()
        self._show_buttons()

    def _look_again(self) -> None:
        self._looked = perf_counter()
        self._weights_changed()

    def _not_done(self, failure: Failure) -> None:
        if self._course:
            self._course.runs = False
        self.widget.show_state(printable(failure.text), "bad")
        self._show_buttons()

    def _show_stopped(self, course: Course) -> None:
        if not course.has_learnt:
            return
        self.widget.show_difference(course.difference)
        size = product(*course.training.input_shape[:2])
        whose = "B" if course.pair else "this design"
        self.widget.show_state(
            f"{course.result}, on pictures of {size} px",
            "good",
            f"Feature maps, effective field and forward pass of {whose} have these weights from "
            "now on, until other ones are loaded or drawn.",
        )

    @property
    def _may_go_on(self) -> bool:
        """Whether there is something that can learn more."""
        course = self._course
        if course is None or not course.has_learnt or not self._is_of_design:
            return False
        return course.steps is None or not course.is_whole

    @property
    def _may_repeat(self) -> bool:
        """Whether both have learnt, and nothing else is to be done before they do so again."""
        course = self._course
        if course is None or course.pair is None or course.runs or not course.is_whole:
            return False
        return bool(course.curve.losses) and self._is_of_design

    def _show_buttons(self) -> None:
        course, of_design = self._course, self._is_of_design
        runs = course is not None and course.runs
        is_pair = course is not None and course.pair is not None
        self.widget.show_buttons(
            runs=runs,
            has_learnt=course is not None,
            goes_on=self._may_go_on,
            ready=not IN_PAGE,
            saves=course is not None and bool(course.curve.scores) and of_design,
        )
        self.widget.show_twins(
            pinned=self._pinned() is not None,
            may_begin=not (IN_PAGE or runs or (is_pair and of_design)),
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


def _common_side(a: Design, b: Design, chosen: Chosen) -> int:
    """Return the side of pictures that two designs take."""
    steps = lcm(a.architecture.maximum_stride, b.architecture.maximum_stride)
    return side_for(steps, chosen.side)


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
