"""The tab “Design”: budgets for what is on screen, and a search for what keeps to them.

Combinations are judged here, a few at a time: beside the user in threads, in a web page between
events. An edit has the search rest for a moment, so that it never waits. Many are judged in other
processes, as in Python, which take what time is left.
"""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import attrs
import ipywidgets as widgets

from explorer.core.analysis.budgets import MEASURES, value_of
from explorer.core.analysis.design import Design
from explorer.core.analysis.device_profile import PROFILE_SECONDS, DeviceProfile
from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import ProfileDevice
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.families import ReadModel
from explorer.core.formatting import printable
from explorer.core.guard import guarded
from explorer.core.network.errors import ParameterError, Refusal, problem_text
from explorer.searching.found import Candidate
from explorer.searching.judging import Task
from explorer.widget.controls.form import close_with_parts, plain_layout
from explorer.widget.front.files import Parts
from explorer.widget.messages import (
    AddBudget,
    BudgetRow,
    FilePart,
    FoundRow,
    HoldShare,
    MeasureDevice,
    Minimise,
    RemoveBudget,
    SaveFound,
    SetBudget,
    SetImage,
    SetSizes,
    Size,
    StartSearch,
    StopSearch,
    TakeFound,
    VariableRow,
    Vary,
)
from explorer.widget.panels.search.budget_rows import (
    HINTS,
    OFFERED,
    amount_of,
    budget_of,
    judged,
    limit_of,
    with_amount,
)
from explorer.widget.panels.search.front_plot import FrontPlot, drawing_of, place_of
from explorer.widget.panels.search.objects import Held, objects_in
from explorer.widget.panels.search.page import (
    MOST_ROWS,
    FoundTable,
    SearchForm,
    Wanted,
    caption_of,
    cells_of,
    file_of,
    heads_of,
    name_of,
    outlook,
    told_of_device,
    words_of,
)
from explorer.widget.panels.search.running import Outcome, Running, processes, task_of
from explorer.widget.panels.search.variables import Variable, variables_of
from explorer.widget.panels.tab_view import TabView
from explorer.widget.parts import Line
from explorer.worker import later, shared_worker

#: Seconds of searching at a stretch, and between two stretches.
SLICE, PAUSE = 0.02, 0.004
#: Seconds that it rests after an edit, which is often followed by another.
REST = 0.25
#: Seconds between two times that the screen is told how far it is.
TELL = 0.4


class SearchPanel(TabView):
    """Budgets, the search for designs that keep to them, and what it found.

    Attributes:
        form: What is wanted.
        table: What was found.
        plot: The same as points.
        widget: Both.
    """

    def __init__(self, state: State, alert: Callable[[str], None]) -> None:
        """Make the panel.

        Args:
            state: What is on screen.
            alert: Shows the text of an unforeseen error.
        """
        self._asking: Ask[Measurement] = Ask(
            shared_worker, state.lock, alert, "“Measure this device” starts it again."
        )
        self._device_problem: Line | None = None
        self._state = state
        self._alert = alert
        self._rows: tuple[BudgetRow, ...] = ()
        self._last_row = 0
        self._parts = Parts()
        self._held = Held()
        self._file: bytes | None = None  # what is being read
        self._variables: tuple[Variable, ...] = ()
        self._refused: dict[str, tuple[str, str]] = {}  # values as typed, and why not, by name
        self._problem = ""  # with the size of the images
        self._shown: tuple[object, ...] = ()
        self._running: Running | None = None  # the last search, also when it has ended
        self._runs = False
        self._outcome: Outcome | None = None
        self._listed: tuple[tuple[Candidate, tuple[str, ...]], ...] = ()  # with their cells
        self._edited = 0.0
        self._unsubscribe = state.subscribe(self._rest)
        self.form = SearchForm(layout=plain_layout())
        self.table = FoundTable(layout=plain_layout())
        self.form.on_sent(self._received)
        self.table.on_sent(lambda message, _: self._chosen(message))
        self.plot = FrontPlot(self._point_clicked, alert)
        self.plot.layout = plain_layout(shared=False)
        found = widgets.VBox([self.table, self.plot], layout=plain_layout())
        found.add_class("explorer-search-found")
        parts = widgets.Box([self.form, found], layout=plain_layout())
        parts.add_class("explorer-search-parts")
        self.widget = widgets.Box([parts], layout=plain_layout())
        self.widget.add_class("explorer-search")

    # What the screen tells.

    def show(self, scene: Scene) -> None:
        """Show how a design keeps to the budgets, and what of it may be varied."""
        with self._state.lock:
            shown = scene.design, self._state.budgets, self._state.profile
            if shown == self._shown:
                return
            before = self._shown[0] if self._shown else None
            architecture = scene.design.architecture
            if not (isinstance(before, Design) and type(before.architecture) is type(architecture)):
                self._variables, self._refused = variables_of(architecture), {}
            self._problem = ""
            self._follow_budgets()
            self._write()
            self._shown = shown  # at last: what is broken off is shown again

    def close(self) -> None:
        """Stop, and keep nothing."""
        with self._state.lock:
            self._unsubscribe()
            self._runs, self._running = False, None
            self._asking.close()
            close_with_parts(self.widget)

    def _rest(self, _: Design) -> None:
        self._edited = perf_counter()

    def _follow_budgets(self) -> None:
        """Have a row for each budget, which may have been set elsewhere."""
        wanted = [
            (budget.of, limit, MEASURES[budget.of].exact(amount))
            for budget in self._state.budgets
            for limit, amount in (("at least", budget.at_least), ("at most", budget.at_most))
            if amount is not None
        ]
        there = [
            (row.of, row.limit, row.amount) for row in self._rows if amount_of(row) is not None
        ]
        if self._shown and wanted == there:
            return
        rows = [with_amount(self._row(of, limit), amount) for of, limit, amount in wanted]
        names = {of for of, _, _ in wanted}
        self._rows = (*rows, *(self._row(of, limit_of(of)) for of in OFFERED if of not in names))

    def _row(self, of: str, limit: Any) -> BudgetRow:
        """Return a row for another budget."""
        self._last_row += 1
        return BudgetRow(self._last_row, of, limit, "", hint=HINTS.get(of, ""))

    # From what is wanted to the view.

    @property
    def _task(self) -> Task:
        """What is to be searched.

        Raises:
            ValueError: If that can't be.
        """
        architecture, given = self._state.design.architecture, self._state.design.input
        if isinstance(architecture, ReadModel):
            raise Refusal(
                "A model that was read has nothing to vary: start from one of the architectures "
                "in the list at the top."
            )
        varied = [each for each in self._variables if each.is_on]
        for each in varied:
            if each.parameter.name in self._refused:
                raise Refusal(self._refused[each.parameter.name][1])
        vary = {each.parameter.name: each.values for each in varied}
        return task_of(
            architecture, vary, given, self._state.budgets, self.form.minimised, self._state.profile
        )

    def _write(self) -> None:
        """Show all that is wanted, and how far it is."""
        design, form = self._state.design, self.form
        try:
            task = self._task
            told, ready = outlook(task), task.space.size > 1
        except ValueError as error:
            told, ready = printable(problem_text(error)), False
        self._write_found()  # first: when the form says that it is done, there is something
        with form.hold_sync():
            form.image = Size(design.input.height, design.input.width)
            form.problem = self._problem
            form.budgets = tuple(judged(row, design, self._state.profile) for row in self._rows)
            measures = form.measures_device = self._asking.is_under_way
            told_of = self._device_problem or told_of_device(self._state.profile)
            if measures:
                told_of = Line(self._asking.outlook("Measuring this device …"), "busy")
            form.device = (told_of,)
            form.objects = self._held.row
            form.variables = tuple(
                _variable_row(each, *self._refused.get(each.parameter.name, ("", "")))
                for each in self._variables
            )
            form.outlook, form.ready, form.runs = told, ready and not self._runs, self._runs

    def _write_found(self) -> None:
        """Show what was found, and which of it is on screen."""
        outcome, table, form = self._outcome, self.table, self.form
        with form.hold_sync():
            form.done = outcome.found.tried if outcome else 0
            form.count = outcome.count if outcome else 0
            form.told = words_of(outcome, self._runs) if outcome else ()
        with table.hold_sync():
            table.caption = caption_of(outcome) if outcome else ""
            table.heads = heads_of(outcome.found.task) if outcome else ()
            table.rows = tuple(
                FoundRow(each.number, cells, each.design == self._state.design)
                for each, cells in self._listed
            )
            table.can_save = bool(outcome and outcome.found.best)
            table.is_old = self._is_old
        self._draw()

    def _draw(self) -> None:
        """Show the best as points, and where the design on screen is among them."""
        outcome = self._outcome
        is_empty = outcome is None or not outcome.found.candidates
        self.plot.layout.display = "none" if is_empty else ""
        if outcome is None or is_empty:
            return
        names = outcome.found.task.axes
        x, y = (value_of(name, self._state.design, self._state.profile) for name in names)
        place = None if x is None or y is None else (x, y)
        self.plot.show(drawing_of([each for each, _ in self._listed], names, place))

    @guarded
    def _point_clicked(self, x: float, y: float) -> None:
        with self._state.lock:
            if self._outcome is None:
                return
            for each, _ in self._listed:
                if place_of(each, self._outcome.found.task.axes) == (x, y):
                    self._take(each)
                    return

    @property
    def _is_old(self) -> bool:
        """Whether something else would be searched by now."""
        if self._outcome is None:
            return False
        then = self._outcome.found.task
        try:
            now = self._task
            if attrs.evolve(now, space=then.space) != then or now.space.varied != then.space.varied:
                return True
            # What was taken of it differs from what it was searched around in what is varied.
            return any(
                now.space.architecture(each.number) != each.design.architecture
                for each, _ in self._listed[:1]
            )
        except Exception:  # a class that the user wrote can raise anything
            return True

    # What the user does.

    @guarded
    def _received(self, message: Wanted, buffers: Sequence[memoryview]) -> None:
        with self._state.lock:
            match message:
                case SetImage():
                    self._set_image(message)
                case AddBudget(of) if of in MEASURES:
                    self._rows = (*self._rows, self._row(of, limit_of(of)))
                case RemoveBudget(row):
                    self._rows = tuple(each for each in self._rows if each.row != row)
                case SetBudget(row, limit, amount):
                    self._rows = tuple(
                        with_amount(attrs.evolve(each, limit=limit), amount)
                        if each.row == row
                        else each
                        for each in self._rows
                    )
                case SetSizes(text):
                    self._file = None
                    self._hold(self._held.with_sizes(text))
                case HoldShare(percent):
                    self._hold(self._held.with_percent(percent))
                case FilePart():
                    self._file = self._parts.take(message, buffers)
                    if self._file is not None:
                        self._held = attrs.evolve(self._held, is_reading=True, problem="")
                        later(0.0, partial(self._read, message.name, self._file))
                case Vary(name, on, values):
                    self._variables = tuple(
                        self._changed(each, on, values) if each.parameter.name == name else each
                        for each in self._variables
                    )
                case Minimise(first, second) if first in MEASURES and second in MEASURES:
                    self.form.minimised = first, second
                case MeasureDevice(begins):
                    self._measure_device(begins)
                case StartSearch():
                    self._start()
                case StopSearch():
                    self._stop()
            if isinstance(message, (AddBudget, RemoveBudget, SetBudget)):
                self._limit()
            self._write()

    def _limit(self) -> None:
        """Have the budgets of the rows."""
        budgets = [budget_of(each) for each in self._rows]
        self._state.limit(budget for budget in budgets if budget)

    def _hold(self, held: Held) -> None:
        """Have a receptive field wanted that holds some objects; of none, nothing changes."""
        self._held = held
        budget = held.budget
        if budget is None:
            return
        rows = [row for row in self._rows if (row.of, row.limit) == (budget.of, "at least")]
        row = rows[0] if rows else self._row(budget.of, "at least")
        filled = with_amount(row, budget.measure.exact(budget.at_least or 0))
        if rows:
            self._rows = tuple(filled if each is row else each for each in self._rows)
        else:
            self._rows = (*self._rows, filled)
        self._limit()

    @guarded
    def _read(self, name: str, content: bytes) -> None:
        """Read a file of objects beside the user, who may have given others meanwhile."""
        found = objects_in(name, content)
        with self._state.lock:
            if self._file is content:
                self._file = None
                self._hold(self._held.with_file(name, found))
                self._write()

    def _set_image(self, wanted: SetImage) -> None:
        given = self._state.design.input
        try:
            shape = wanted.image_height, wanted.image_width, given.channels
            self._state.update(input=given.of_shape(shape))  # type: ignore[arg-type]
            self._problem = ""
        except ParameterError as error:
            self._problem = printable(str(error))

    def _changed(self, variable: Variable, on: bool, text: str) -> Variable:
        """Return what is varied as the user has it; values that can't be used are told."""
        name = variable.parameter.name
        self._refused.pop(name, None)
        values = variable.values
        if variable.is_free and text != variable.text:
            try:
                values = variable.read(text)
                for value in values:
                    variable.parameter.check(variable.parameter.label, value)
            except ValueError as error:
                self._refused[name] = text, printable(str(error))
                values = variable.values
        return attrs.evolve(variable, is_on=on, values=values)

    def _measure_device(self, begins: bool) -> None:
        """Have the Keras process measure what kinds of work take, or no longer."""
        self._device_problem = None
        if begins:
            question = ProfileDevice(Measurement(), PROFILE_SECONDS)
            self._asking.submit(question.how, question, self._measured, self._not_measured)
        else:
            self._asking.drop()

    def _measured(self, profile: DeviceProfile) -> None:
        self._state.tell_times(profile)
        self._write()

    def _not_measured(self, failure: Failure) -> None:
        self._device_problem = Line(printable(failure.text), "bad")
        self._write()

    def _start(self) -> None:
        if self._runs or not self.form.ready:
            return
        self._running, self._runs = Running(self._task, processes), True
        self._outcome, self._listed = self._running.outcome(), ()
        self._continue(self._running)

    def _stop(self) -> None:
        if self._runs and self._running:
            self._runs = False
            self._tell(self._running.outcome())

    @guarded
    def _chosen(self, message: TakeFound | SaveFound) -> None:
        with self._state.lock:
            if isinstance(message, SaveFound):
                if self._outcome and self._outcome.found.best:
                    file, content = file_of(self._outcome.found, message.save_found)
                    self.table.send_message(file, [content])
                return
            for each, _ in self._listed:
                if each.number == message.take:
                    self._take(each)

    def _take(self, candidate: Candidate) -> None:
        """Show a network that was found."""
        design = candidate.design
        words = f"found: {printable(name_of(candidate))}"
        self._state.update(words, architecture=design.architecture, input=design.input)

    # Beside the user.

    def _continue(self, running: Running) -> None:
        """Search on in a moment, or when no edits come any more."""
        rest = self._edited + REST - perf_counter()
        later(max(PAUSE, rest), partial(self._search, running))

    @guarded
    def _search(self, running: Running) -> None:
        edited = self._edited
        if not self._goes_on(running):
            return
        some = running.next_ones(SLICE, lambda: self._edited != edited or not self._runs)
        with self._state.lock:
            if not self._goes_on(running):
                return
            running.judged += some
            is_done = running.is_done
        told = perf_counter()
        # Without the lock: of many it takes as long as an edit.
        outcome = running.outcome() if is_done or told > running.tell_at else None
        with self._state.lock:
            if not self._goes_on(running):
                return
            if outcome:
                self._runs = not is_done
                self._tell(outcome)
                spent = perf_counter() - told
                running.tell_at = told + max(TELL, 10 * spent)  # most of the time is for searching
            if not is_done:
                self._continue(running)

    def _goes_on(self, running: Running) -> bool:
        """Return whether a search does; one that was stopped has other processes stop, too."""
        goes_on = self._runs and self._running is running
        if not goes_on:
            running.close()
        return goes_on

    def _tell(self, outcome: Outcome) -> None:
        """Show what was found by now."""
        self._outcome = outcome
        shown = outcome.found.best[:MOST_ROWS] or (() if self._runs else outcome.nearest)
        self._listed = tuple((each, cells_of(each)) for each in shown)
        self._write()


def _variable_row(variable: Variable, text: str, problem: str) -> VariableRow:
    found = variable.parameter
    label = f"{found.label} ({found.unit})" if found.unit else found.label
    return VariableRow(
        found.name,
        label,
        found.doc,
        text or variable.text,
        variable.is_on,
        variable.is_free,
        variable.comes_first,
        problem,
    )
