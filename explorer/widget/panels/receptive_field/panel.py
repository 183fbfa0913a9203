"""The receptive field on the user's picture: what a layer can see, and what it looks at.

The theoretical window is computed here, at once. The gradient, which shows the effective receptive
field, is asked of the Keras process, or without it of the page, a moment after the last change,
while the panel is on screen.
"""

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import attrs

from explorer.core.analysis.receptive_field import Box, ReceptiveWindow, receptive_window
from explorer.core.analysis.seeing_more import Remedies, remedies
from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.failures import NoKeras
from explorer.core.asking.questions import Gradient, See
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.formatting import printable
from explorer.core.guard import guarded
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.network.graph import Node
from explorer.core.network.layers import Shape
from explorer.core.settling import Settling
from explorer.widget.controls.form import plain_layout
from explorer.widget.messages import (
    At,
    Column,
    FieldLine,
    Move,
    ObjectBox,
    Position,
    Row,
    SetObject,
    Size,
    TakeRemedy,
)
from explorer.widget.panels.receptive_field.page import (
    Message,
    ReceptiveFieldView,
    budget_offers,
    object_line,
    rectangle,
    window_line,
    with_object,
)
from explorer.widget.panels.receptive_field.subject import (
    Answer,
    Prepared,
    Subject,
    answer_of,
    answer_of_page,
    photograph,
)
from explorer.widget.panels.tab_view import TabView
from explorer.worker import later, shared_worker

if TYPE_CHECKING:
    from explorer.core.pictures.seen import Seen
    from explorer.widget.panels.keras.in_browser import InBrowser
    from explorer.widget.panels.pretrained import TrainedExamples


class ReceptiveField(TabView):
    """Shows the theoretical window and the effective receptive field of the selected layer.

    Attributes:
        widget: What is shown.
    """

    def __init__(
        self,
        state: State,
        picture: Callable[[], bytes | None],
        alert: Callable[[str], None],
        examples: "TrainedExamples | None" = None,
    ) -> None:
        """Make the panel; the position in the middle is chosen.

        Args:
            state: What is on screen.
            picture: Returns the content of the user's picture, or None for the photograph.
            alert: Shows the text of an unforeseen error.
            examples: Trained networks, one of which is offered where weights are random; None:
                there are none.
        """
        self._state = state
        self._examples = examples
        self._picture = picture
        self._alert = alert
        self._scene: Scene | None = None
        self._shown: Scene | None = None
        self._subject: Subject | None = None
        self._is_visible = False
        # Parts of the picture's height and width: they outlast another layer or input size.
        self._place = 0.5, 0.5
        self._object: tuple[float, float, float, float] | None = None  # top, left, height, width
        self._problem = ""  # with what the user typed
        restart = "The next change starts it again."
        self._settling = Settling(later, state.lock, self._ask, alert, self._prepare)
        self._gradient: Ask[Gradient] = Ask(shared_worker, state.lock, alert, restart)
        # At a picture.
        self._looking: Ask[tuple[bytes, Shape]] = Ask(shared_worker, state.lock, alert, restart)
        self._prepared: Prepared | None = None
        self._answer: Answer | None = None
        self._need: tuple[Node, tuple[int, int]] | None = None
        self._remedies: Remedies | None = None  # for that need
        self.widget = ReceptiveFieldView(self._received)
        self.widget.observe(self._toggled, names="effective")

    def show(self, scene: Scene) -> None:
        """Show the field of a scene's layer: the selected one, or else that of the last output."""
        with self._state.lock:
            last = self._scene
            if self._is_visible and self._shown and _is_same(self._shown, scene):
                return
            self._shown = None
            self._is_visible = True
            self._scene = scene
            self._refresh(at_once=last is None)
            self._shown = scene  # at last: what is broken off is shown again

    def hide(self) -> None:
        """Give up what is under way: the panel is no longer on screen."""
        with self._state.lock:
            self._is_visible = False
            self._settling.stop()
            if self._gradient.is_under_way or self._page_is_busy:
                self._forget()

    def close(self) -> None:
        """Give up what is under way."""
        with self._state.lock:
            self.hide()
            for part in (self._settling, self._gradient, self._looking):
                part.close()
            if "_browser" in vars(self):
                self._browser.close()

    def look_at(self, box: Box) -> None:
        """Take a box as the object's, in pixels of the input, and look from its middle."""
        with self._state.lock:
            height, width = self._state.design.input.shape[:2]
            middle = (box.top + box.height / 2) / height, (box.left + box.width / 2) / width
            self._place, self._problem = middle, ""
            self._object = _object(
                ObjectBox(box.top, box.left, box.height, box.width), height, width
            )
            self._refresh()

    def picture_changed(self) -> None:
        """Show another picture: the user has chosen one, or the photograph again."""
        with self._state.lock:
            self._forget()
            self._refresh(at_once=True)

    def weights_changed(self) -> None:
        """Show the gradient anew; the former one stays until it is there."""
        with self._state.lock:
            question = self._gradient.question
            if not self._is_visible:
                self._forget()
            elif question and not self._gradient.is_under_way:
                self._submit(question)

    # From the scene to the view.

    def _refresh(self, at_once: bool = False) -> None:
        """Show what is known, and see to the rest at once or when all has settled."""
        scene = self._scene
        if scene is None or not self._is_visible:
            return
        subject = self._subject = self._find(scene)
        if subject.question != self._gradient.question:
            self._answer = None
            self._gradient.outdate()
            self._stop_page()
        window = subject.window or ReceptiveWindow(None, None)
        with self.widget.hold_sync():
            self.widget.size = Size(*subject.image)
            self.widget.layer = subject.name
            self.widget.grid = Size(*subject.node.shape[:2]) if subject.position else None
            self.widget.position = Position(*subject.position) if subject.position else None
            self.widget.whole = rectangle(window.whole)
            self.widget.inside = rectangle(window.inside)
            self.widget.object = rectangle(subject.target)
            self._show_answer()
            self._write()
        self._settling.wait(0.0 if at_once else None)

    def _find(self, scene: Scene) -> Subject:
        node = scene.node or scene.graph.outputs[-1]
        height, width, _ = scene.graph.input_shape
        target = None
        if self._object is not None:
            top, left, tall, wide = self._object
            first_row = min(round(top * height), height - 1)
            first_column = min(round(left * width), width - 1)
            last_row = max(first_row, round((top + tall) * height) - 1)
            last_column = max(first_column, round((left + wide) * width) - 1)
            target = Box(first_row, first_column, last_row, last_column)
        if len(node.shape) != 3:
            return Subject(scene, node, None, None, target)
        row, column = (
            min(int(part * size), size - 1)
            for part, size in zip(self._place, node.shape[:2], strict=True)
        )
        window = receptive_window(scene.graph, node, row, column)
        return Subject(scene, node, (row, column), window, target)

    def _write(self) -> None:
        """Write what is known."""
        subject = self._subject
        if subject is None:
            return
        problems = [self._problem, self._prepared.problem if self._prepared else ""]
        lines = [FieldLine(problem, "bad") for problem in problems if problem]
        if self._prepared and self._prepared.note:
            lines.append(FieldLine(f"Picture: {self._prepared.note}."))
        name = subject.name
        if subject.position is None:
            lines.append(FieldLine(f"The output of {name} has no pixels: select another layer."))
            self.widget.lines = tuple(lines)
            return
        told = len(lines)
        largest = subject.scene.design.report[subject.node.name].receptive_field
        lines.append(window_line(name, subject.image, subject.window, largest))
        side = 0
        if self.widget.effective:
            effective = self._answer.line if self._answer else self._waiting_line()
            if self._answer and self._answer.is_untrained and self._examples:
                offer = self._examples.offer(subject.scene.design.architecture)
                effective = attrs.evolve(effective, offers=(offer,))
            lines.append(effective)
            side = self._answer.side if self._answer else 0
        if subject.target is None:
            lines.append(
                FieldLine("Drag a box around an object to see whether the window holds it.")
            )
        else:
            line = object_line(name, subject.target, subject.window, side, self._known_remedies)
            if line:  # what one asks, and can mend, comes first
                offers = budget_offers(subject.target, self._state.budgets)
                lines.insert(told, attrs.evolve(line, offers=(*line.offers, *offers)))
        self.widget.lines = tuple(lines)

    @property
    def _known_remedies(self) -> Remedies | None:
        """What would let the layer see the object, once it was looked for."""
        is_known = self._subject is not None and self._subject.need == self._need
        return self._remedies if is_known else None

    def _waiting_line(self) -> FieldLine:
        message = "Computing the gradient …"
        if self._gradient.question:
            message = self._gradient.outlook(message)
        return FieldLine(f"Effective: {message}", "busy")

    # What follows once nothing has changed for a moment.

    def _prepare(self) -> None:
        """Look for the picture, and for what would let the layer see more."""
        # Before the lock: the first time takes a while.
        shared_worker()

        with self._state.lock:
            subject = self._subject
            if subject is None or not self._is_visible:
                return
            content, prepared, need = self._picture(), self._prepared, self._need
        shape = subject.scene.graph.input_shape
        if prepared is None or not prepared.is_of(content, shape):
            if content is None:
                self._show_picture(photograph(content, shape))
            else:
                self._look(content, shape)
        if subject.need and subject.need != need:
            found = remedies(subject.scene.design, *subject.need)
            with self._state.lock:
                if self._subject and self._subject.need == subject.need:  # not an earlier one
                    self._need, self._remedies = subject.need, found
                    self._write()

    def _look(self, content: bytes, shape: Shape) -> None:
        """Have the worker decode the user's file: what it takes then is not the kernel's."""
        with self._state.lock:
            looking = self._looking
            is_sought = looking.is_under_way and looking.question == (content, shape)
            if self._is_visible and not is_sought:
                looking.submit(
                    (content, shape),
                    See(content, shape),
                    partial(self._looked, content, shape),
                    partial(self._not_looked, content, shape),
                )

    def _looked(self, content: bytes, shape: Shape, seen: "Seen") -> None:
        self._show_picture(Prepared(content, shape, seen.png, seen.note))

    def _not_looked(self, content: bytes, shape: Shape, failure: Failure) -> None:
        self._show_picture(attrs.evolve(photograph(content, shape), problem=failure.text))

    def _show_picture(self, prepared: "Prepared") -> None:
        """Show a picture, if it is still the one that counts, and ask for its gradient."""
        with self._state.lock:
            subject = self._subject
            if subject is None:
                return
            if not prepared.is_of(self._picture(), subject.scene.graph.input_shape):
                return
            self._prepared = prepared
            self.widget.picture = prepared.png
            self._write()
        self._ask()

    def _ask(self) -> None:
        """Ask for the gradient, unless it was, or the picture is still being decoded."""
        with self._state.lock:
            question = self._subject.question if self._subject else None
            wanted = self._is_visible and self.widget.effective
            if not wanted or question is None or question == self._gradient.question:
                return
            if self._prepared is None or not self._prepared.is_of(
                self._picture(), question.input_shape
            ):
                return
            self._answer = None
            self._submit(question)
            self._write()

    def _submit(self, question: Gradient) -> None:
        assert self._prepared is not None
        self._gradient.submit(
            question,
            attrs.evolve(question, upload=self._prepared.upload),
            self._show_result,
            self._failed,
            prepare=answer_of,
        )

    def _failed(self, failure: Failure) -> None:
        from explorer.widget.panels.keras.page_questions import Field

        subject = self._subject
        if subject is None or not isinstance(failure.error, (NoKeras, ImportError)):
            self._show_failure(failure.text)
            return
        question = self._gradient.question
        assert self._prepared
        assert question
        example = self._examples and self._examples.of(question.architecture)
        weights = example or (self._examples.seed if self._examples else 0)
        try:
            self._browser.ask(
                Field(subject.scene.graph, weights, question.layer, question.position),
                self._prepared.upload,
                lambda found: self._show_result(answer_of_page(found)),
                self._show_failure,
            )
        except Refusal as error:
            self._show_failure(printable(str(error)), is_untrained=example is None)

    @cached_property
    def _browser(self) -> "InBrowser":
        """What has the page run networks where Keras is not there."""
        from explorer.widget.panels.keras.in_browser import InBrowser

        return InBrowser(self._state.lock, self._alert, layout=plain_layout())

    @property
    def _page_is_busy(self) -> bool:
        return "_browser" in vars(self) and self._browser.is_busy

    def _stop_page(self) -> None:
        if self._page_is_busy:
            self._browser.stop()

    def _show_failure(self, text: str, is_untrained: bool = False) -> None:
        line = FieldLine(f"Effective: {text}", "bad")
        self._show_result(Answer(line, is_untrained=is_untrained))

    def _show_result(self, answer: Answer) -> None:
        self._answer = answer
        with self.widget.hold_sync():
            self._show_answer()
            self._write()

    def _show_answer(self) -> None:
        self.widget.heat = self._answer.heat if self._answer else b""
        self.widget.most = self._answer.square if self._answer else None

    def _forget(self) -> None:
        """Drop the answer, and give the question up."""
        self._answer = None
        self._gradient.drop()
        self._stop_page()
        self._show_answer()

    # What the user does.

    @guarded
    def _toggled(self, _: Any) -> None:
        with self._state.lock:
            self._forget()
            self._refresh(at_once=True)

    @guarded
    def _received(self, message: Message) -> None:
        with self._state.lock:
            if self._subject is None:
                return
            if isinstance(message, TakeRemedy):
                self._apply(message.remedy)
                return
            try:
                self._take(self._subject, message)
                self._problem = ""
            except ParameterError as error:
                self._problem = printable(str(error))
            self._refresh()

    def _apply(self, words: str) -> None:
        """Do what is offered: change the design, take the object as a budget, or an example."""
        if self._examples and self._examples.take(words):
            return
        target = self._subject.target if self._subject else None
        if target and words in [each.words for each in budget_offers(target, self._state.budgets)]:
            self._state.limit(with_object(target, self._state.budgets))
            self._write()
            return
        offered = self._known_remedies
        if offered is None or offered.present != self._state.design:
            return
        for way in offered.ways:
            if way.words == words:
                self._state.update(step=words, architecture=way.design.architecture)
                return

    def _take(self, subject: Subject, message: Message) -> None:
        """Take what the user gave.

        Raises:
            ParameterError: If it is not in the picture, or in the layer's output.
        """
        if isinstance(message, SetObject):
            self._object = _object(message.object, *subject.image) if message.object else None
        elif isinstance(message, At):
            at = message.at
            self._place = min(max(at.y, 0.0), 1.0), min(max(at.x, 0.0), 1.0)
        elif subject.position is not None:
            row, column = subject.position
            rows, columns = subject.node.shape[:2]
            match message:
                case Row():
                    row = _checked("row", message.row, 0, rows - 1)
                case Column():
                    column = _checked("column", message.column, 0, columns - 1)
                case Move():
                    row = min(max(row + message.rows, 0), rows - 1)
                    column = min(max(column + message.columns, 0), columns - 1)
            self._place = (row + 0.5) / rows, (column + 0.5) / columns


def _object(box: ObjectBox, height: int, width: int) -> tuple[float, float, float, float]:
    """Return top, left, height and width of a box as parts of the picture's.

    Raises:
        ParameterError: If it is not in the picture.
    """
    top = _checked("object top", box.top, 0, height - 1)
    left = _checked("object left", box.left, 0, width - 1)
    tall = _checked("object height", box.height, 1, height - top)
    wide = _checked("object width", box.width, 1, width - left)
    return top / height, left / width, tall / height, wide / width


def _checked(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, int) and least <= value <= most:
        return value
    problem = (
        "does not fit into the picture" if name.startswith("object") else "is not in the layer"
    )
    raise ParameterError(
        "ReceptiveField", name, value, problem, f"give a whole number from {least} to {most}"
    )


def _is_same(one: Scene, other: Scene) -> bool:
    """Return whether two scenes have the same layer to show; times are not shown here."""
    return one.design is other.design and one.selected == other.selected
