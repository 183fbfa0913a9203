"""Comparing: a pinned network, A, beside the one that is edited, B.

A is compared at B's input, so that their figures are about the same image. Where A cannot take
that size, it keeps its own, and the panel says so.
"""

from collections.abc import Callable
from typing import Any

import attrs

from explorer.core.analysis.comparison import Comparison, compare, figures, parameter_changes
from explorer.core.analysis.design import Design, Input
from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import TimePair
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.families.titles import title_of
from explorer.core.guard import guarded
from explorer.core.network.errors import problem_text
from explorer.widget.panels.comparison.page import ComparisonView
from explorer.widget.panels.tab_view import TabView
from explorer.worker import shared_worker

#: A, as it is compared, and B.
Pair = tuple[Design, Design]


class Compare(TabView):
    """Compares a pinned design with the one on screen, and times both.

    Attributes:
        widget: What is shown.
    """

    def __init__(
        self,
        state: State,
        alert: Callable[[str], None],
        show_comparison: Callable[[Comparison | None], None],
        how: Callable[[], Measurement],
    ) -> None:
        """Make the panel; nothing is pinned.

        Args:
            state: What is on screen.
            alert: Shows the text of an unforeseen error.
            show_comparison: Draws A and B in one diagram, or, given None, B alone. Called under
                the state's lock; its `b` is the graph of the design shown.
            how: Returns how the user wants to measure.
        """
        self._state = state
        self._alert = alert
        self._show_comparison = show_comparison
        self._how = how
        self._pinned: Design | None = None
        self._last_faced: _Faced | None = None
        self._shown: Pair | None = None
        # The last question is what is being timed, or what the times shown are of.
        self._asking: Ask[Pair] = Ask(
            shared_worker, state.lock, alert, "The next measurement starts it again."
        )
        self.widget = ComparisonView()
        self.widget.pin.on_click(self._pin_clicked)
        self.widget.unpin.on_click(self._unpin_clicked)
        self.widget.swap.on_click(self._swap_clicked)
        self.widget.time.on_click(self._time_clicked)
        self.widget.stop.on_click(self._stop_clicked)
        self._unsubscribe = state.subscribe(self._design_changed)

    @property
    def pinned(self) -> Design | None:
        """A with the input that it was pinned with, or None."""
        return self._pinned

    def facing(self, b: Design) -> Design | None:
        """Return A as it is compared with B: at B's input, where it can take that; None: no A."""
        return self._faced(self._pinned, b).design if self._pinned else None

    def pin(self, design: Design | None) -> None:
        """Make a design A; None: give A up."""
        with self._state.lock:
            self._drop_timing()
            self._pinned = design
            self._show(self._state.design)

    def show(self, scene: Scene) -> None:
        """Show how the scene's design, B, differs from A."""
        self._show(scene.design)

    def hide(self) -> None:
        """Have the diagram show B alone: the panel is no longer on screen."""
        with self._state.lock:
            self._forget()

    def close(self) -> None:
        """Drop what was asked of Keras, and hear of no further design."""
        with self._state.lock:
            self._asking.close()
            self._unsubscribe()

    def _show(self, b: Design) -> None:
        if self._pinned is None:
            self._forget()
            self.widget.show_nothing()
            return
        faced = self._faced(self._pinned, b)
        a = faced.design
        # An equal design that was made anew has another graph, and the diagram is of that.
        if self._shown and self._shown[0] is a and self._shown[1] is b:
            return
        comparison = compare(a.graph, b.graph)
        changes = (
            *parameter_changes(a.architecture, b.architecture),
            *parameter_changes(a.input, b.input),
        )
        names = title_of(a.architecture), title_of(b.architecture)
        self.widget.show(names, comparison, figures(a.report, b.report), changes, faced.note)
        self._show_comparison(comparison)
        self._shown = a, b  # at last: what is broken off is shown again

    def _forget(self) -> None:
        """Take the comparison out of the diagram."""
        if self._shown:
            self._show_comparison(None)
            self._shown = None

    def _faced(self, pinned: Design, b: Design) -> "_Faced":
        """Return A as it is compared with B."""
        last = self._last_faced
        if last is None or last.pinned is not pinned or last.input != b.input:
            last = self._last_faced = _face(pinned, b.input)
        return last

    # What the user does.

    @guarded
    def _pin_clicked(self, _: Any) -> None:
        with self._state.lock:
            self.pin(self._state.design)

    @guarded
    def _unpin_clicked(self, _: Any) -> None:
        self.pin(None)

    @guarded
    def _swap_clicked(self, _: Any) -> None:
        with self._state.lock:
            pinned, b = self._pinned, self._state.design
            if pinned is None:
                return
            a = self._faced(pinned, b).design
            self._pinned = b
            self._state.update(architecture=a.architecture, input=a.input)
            self._show(self._state.design)

    @guarded
    def _time_clicked(self, _: Any) -> None:
        with self._state.lock:
            if self._pinned is None:
                return
            b = self._state.design
            a = self._faced(self._pinned, b).design
            question = TimePair(
                a.architecture,
                a.input.shape,
                b.architecture,
                b.input.shape,
                b.input.batch_size,
                self._how(),
            )
            self.widget.show_running(self._asking.outlook("A and B are run in turns …"))
            self._asking.submit((a, b), question, self.widget.show_timing, self._failed)

    @guarded
    def _stop_clicked(self, _: Any) -> None:
        with self._state.lock:
            self._drop_timing()

    def _failed(self, failure: Failure) -> None:
        self.widget.show_failure(failure.text)

    @guarded
    def _design_changed(self, design: Design) -> None:
        """Take times away that are about another design, also while the panel is hidden."""
        if self._asking.question and design != self._asking.question[1]:
            self._drop_timing()

    def _drop_timing(self) -> None:
        if self._asking.question:
            self.widget.show_no_timing()
            self._asking.drop()  # at last: what is broken off is done again


@attrs.frozen
class _Faced:
    """A pinned design as it is compared.

    Attributes:
        pinned: The design as it was pinned.
        input: B's input.
        design: The pinned architecture with B's input, or with the size that it was pinned with.
        note: Why it is not B's size, if it is not.
    """

    pinned: Design
    input: Input
    design: Design
    note: str


def _face(pinned: Design, given: Input) -> _Faced:
    if given == pinned.input:
        return _Faced(pinned, given, pinned, "")
    try:
        design = Design(pinned.architecture, given)
        _ = design.report  # raises where the architecture cannot take the input
        return _Faced(pinned, given, design, "")
    except Exception as error:  # a class that the user wrote can raise anything
        own = attrs.evolve(pinned.input, batch_size=given.batch_size)
        note = (
            f"A cannot take B's input of {_size(given)}, so it keeps the {_size(own)} that it was "
            f"pinned with, and figures are about different images. {problem_text(error)}"
        )
        return _Faced(pinned, given, attrs.evolve(pinned, input=own), note)


def _size(given: Input) -> str:
    return " × ".join(map(str, given.shape))
