"""A lesson: it puts its designs on screen, asks, and keeps what was answered."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import attrs
import traitlets

from explorer.core.analysis.design import Design
from explorer.core.analysis.receptive_field import Box
from explorer.core.editing.snapshot import Scene
from explorer.core.guard import guarded
from explorer.core.network.errors import Refusal
from explorer.lessons.outcomes import Given, Outcome, from_json, kept
from explorer.lessons.plan import Plan, Step, lesson
from explorer.lessons.questions import BuildQuestion, ClickQuestion, link_of
from explorer.widget.front import GRIDS
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import SavedFile
from explorer.widget.panels.lessons.messages import (
    BeginLesson,
    CourseEntry,
    GiveAnswer,
    GoOn,
    GoToStep,
    KeepOutcome,
    LeaveLesson,
    LessonPage,
    Restore,
    SaveOutcome,
    ShowAgain,
    TakeVariant,
)
from explorer.widget.panels.lessons.page import Shown, course, following, page
from explorer.worker import IN_PAGE

#: What is said of answers that are there again.
RESTORED = "Your answers of before are there again. To begin anew, use another name."


class LessonView(FrontWidget):
    """The pane of the lesson; while none has begun, the list of them.

    Attributes:
        page: What is said; None: the list is shown.
        course: The list.
        name: Whose variants are drawn.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "terms", "files", "grids", "sliding")
    _css = "\n".join(
        each.read_text(encoding="utf-8") for each in (GRIDS, Path(__file__).with_name("panel.css"))
    )
    sends = (
        BeginLesson
        | GoToStep
        | GiveAnswer
        | TakeVariant
        | ShowAgain
        | LeaveLesson
        | SaveOutcome
        | KeepOutcome
        | GoOn
        | Restore
    )
    gets = SavedFile

    page = shared(LessonPage | None, None)
    course = shared(tuple[CourseEntry, ...], ())
    name: Any = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        scene: Callable[[], Scene],
        show: Callable[[Design, str, bool], None],
        look: Callable[[str, str, Box | None], None],
        alert: Callable[[str], None],
        lock: AbstractContextManager[Any],
        **options: Any,
    ) -> None:
        """Begin with the list.

        Args:
            scene: Returns what is on screen.
            show: Shows a design as a step of this name, and whether another subject begins with it.
            look: Opens the tab of this title, or the diagram, selects this, and marks an object.
            alert: Shows the text of an unforeseen error.
            lock: The lock under which the screen changes.
            **options: Of the widget.
        """
        super().__init__(course=course(), **options)
        self._scene = scene
        self._show = show
        self._look = look
        self._alert = alert
        self._lock = lock
        self._shown: Shown | None = None
        self._step: Step | None = None
        #: What was answered in each lesson, by its number and the learner's name.
        self._outcomes: dict[tuple[int, str], Outcome] = {}
        self._begun = 0, ""
        self.on_sent(lambda message, _: self._act(message))

    @property
    def outcome(self) -> Outcome | None:
        """What was answered in the lesson that was begun last; None if none was."""
        return self._outcomes.get(self._begun)

    def begin(self, plan: Plan, name: str) -> None:
        """Begin a lesson, or go on with it, with the variants of somebody."""
        with self._lock:
            self.name = name
            self._begun = plan.number, name
            outcome = self._outcomes.setdefault(self._begun, Outcome(plan.number, name))
            found = None if outcome.given or IN_PAGE else kept(*self._begun)
            self._go(Shown(plan, outcome, kept=found))

    def show(self, scene: Scene) -> None:
        """Say how what is on screen now keeps to what is asked."""
        if self.page and self.page.question and self._step:
            question = following(
                self.page.question, self._step.question, scene.design, scene.selected
            )
            self.page = attrs.evolve(self.page, question=question)

    @guarded
    def _act(self, message: Any) -> None:
        with self._lock:
            if isinstance(message, BeginLesson):
                self.begin(lesson(message.begin), message.name.strip())
                return
            if not (shown := self._shown):
                return
            match message:
                case GoToStep():
                    place = max(0, min(message.step, len(shown.plan.names)))
                    self._go(attrs.evolve(shown, place=place))
                case GiveAnswer():
                    self._take(shown, message.give)
                case TakeVariant():
                    if shown.given:
                        self._go(attrs.evolve(shown, attempt=shown.attempt + 1, problem=""))
                case ShowAgain():
                    self._set_up()
                case LeaveLesson():
                    self._shown = self._step = None
                    self.page = None
                case SaveOutcome():
                    self._save(shown.outcome)
                case KeepOutcome():
                    self._keep(shown)
                case GoOn():
                    self._go_on(shown)
                case Restore():
                    self._restore(shown, message.restore)

    def _save(self, outcome: Outcome) -> None:
        file = SavedFile(outcome.file_name, "application/json")
        self.send_message(file, [outcome.to_json().encode()])

    def _keep(self, shown: Shown) -> None:
        """Write the answers to the notebook's folder, which is where the kernel runs."""
        try:
            note = f"Saved as {shown.outcome.save().name}, beside the notebook."
        except OSError as error:
            note = f"Not saved: {error.strerror}. Use “Save my answers” at the end of the lesson."
        self._shown = attrs.evolve(shown, note=note)
        self._tell(self._scene())

    def _go_on(self, shown: Shown) -> None:
        """Take the answers that were kept, and show the step after the last one answered."""
        if not shown.kept or shown.outcome.given:
            return
        outcome = self._outcomes[self._begun] = shown.kept
        answered = {each.step for each in outcome.given}
        names = shown.plan.names
        last = max(place for place, name in enumerate(names) if name in answered)
        self._step = None  # which is drawn anew, whatever was shown
        self._go(Shown(shown.plan, outcome, place=last + 1))

    def _restore(self, shown: Shown, text: str) -> None:
        """Go on with what the page kept, as a lesson that was left is gone on with."""
        if shown.outcome.given:
            return
        try:
            found = from_json(text)
        except Refusal:  # of another version, say
            return
        if (found.lesson, found.seed) == self._begun and found.given:
            self._go_on(attrs.evolve(shown, kept=found))
            assert self._shown
            self._shown = attrs.evolve(self._shown, note=RESTORED)
            self._tell(self._scene())

    def _go(self, shown: Shown) -> None:
        """Show a step: of a question that was answered the variant that was answered last."""
        shown = attrs.evolve(shown, note="")
        if self._shown is None or self._shown.place != shown.place or self._step is None:
            attempts = [each.attempt for each in shown.outcome.given if each.step == shown.name]
            shown = attrs.evolve(shown, attempt=max(attempts, default=0), problem="")
        self._shown, self._step = shown, shown.step
        self._set_up()

    def _set_up(self) -> None:
        """Put what the step is about on screen."""
        assert self._shown
        step, shown = self._step, self._shown
        if step:
            question = step.question
            revealed = question.reveals if question and shown.given else None
            design = revealed or step.design
            if design:
                begins = revealed is None or self._scene().design != step.design
                self._show(design, f"Lesson {shown.plan.number}: {step.title}", begins)
            self._look(step.opens, step.select, step.box)
        self._tell(self._scene())

    def _take(self, shown: Shown, given: str) -> None:
        """Commit an answer, unless it is none."""
        step = self._step
        if step is None or step.question is None or shown.given:
            return
        scene = self._scene()
        asked = step.question
        try:
            if isinstance(asked, ClickQuestion):
                given = scene.selected
            elif isinstance(asked, BuildQuestion):
                given = link_of(scene.design)
            answer = Given(shown.name, shown.attempt, asked.taken(given))
        except Refusal as error:
            self._shown = attrs.evolve(shown, problem=str(error))
            self._tell(scene)
            return
        outcome = attrs.evolve(shown.outcome, given=(*shown.outcome.given, answer))
        self._outcomes[outcome.lesson, outcome.seed] = outcome
        self._shown = attrs.evolve(shown, outcome=outcome, problem="", note="")
        if asked.reveals:
            self._set_up()
        else:
            self._tell(scene)

    def _tell(self, scene: Scene) -> None:
        assert self._shown
        self.page = page(self._shown, self._step, scene.design, scene.selected)
