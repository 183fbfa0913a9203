"""Why an edit was refused, beside its control, with what would put it right."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets

from explorer.core.analysis.design import Design
from explorer.core.editing.remedies import Attempt, working
from explorer.core.network.errors import ParameterError, Remedy, problem_text
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import TakeRemedy

#: Class of the control that it is about.
REFUSED = "explorer-refused"
#: Most changes that are named which wait with a refused one.
MOST_NAMES = 3


class Refusal(FrontWidget):
    """One sentence, and a button for each remedy; nothing where nothing was refused.

    Attributes:
        text: The sentence.
        remedies: What the buttons say.
        is_waiting: Whether it tells what an edit waits for, and was not refused yet.
    """

    _esm = module(Path(__file__).with_name("panel.js"))
    _css = Path(__file__).with_name("panel.css")
    sends = TakeRemedy

    text: Any = traitlets.Unicode().tag(sync=True)
    remedies = shared(tuple[str, ...], ())
    is_waiting: Any = traitlets.Bool().tag(sync=True)

    def __init__(self, take: Callable[[Design], None], **options: Any) -> None:
        """Begin with nothing refused.

        Args:
            take: Called with the design that the remedy leads to which the user chose.
            **options: Of the widget.
        """
        self._take = take
        self._found: tuple[tuple[Remedy, Design], ...] = ()
        self._marked: widgets.DOMWidget | None = None
        super().__init__(**options)
        self.on_sent(self._chosen)

    def show(
        self,
        error: Exception,
        control: widgets.DOMWidget,
        label: str,
        attempt: Attempt,
        waiting: Sequence[str] = (),
        shown: str = "",
    ) -> None:
        """Say why an edit was refused.

        Args:
            error: What is wrong with it.
            control: What it stands beside.
            label: What the field is called that the error names; empty if no control has it.
            attempt: Returns the design of the edit with a remedy.
            waiting: What else was changed, which is done once this is put right.
            shown: What is shown meanwhile, if that is another architecture than was chosen.
        """
        found = working(error, attempt)
        text = problem_text(error)
        if isinstance(error, ParameterError) and (label or error.brief):
            text = error.beside(label, bool(found))
        self._mark(control)
        if waiting:
            text = f"{text.rstrip('.')}. {_waits(waiting)}"
        if shown:
            text += f" Meanwhile {shown} is shown."
        self._write(f"Not applied: {text}", found)

    def wait(self, text: str) -> None:
        """Say what an edit waits for."""
        self._mark(None)
        self._write(text, (), is_waiting=True)

    def clear(self) -> None:
        """A design is shown: what was refused before it is forgotten."""
        self._mark(None)
        self._write("", ())

    def _mark(self, control: widgets.DOMWidget | None) -> None:
        before, self._marked = self._marked, control
        if before is not None and before is not control:
            before.remove_class(REFUSED)
        if control is not None:
            control.add_class(REFUSED)

    def _write(
        self, text: str, found: tuple[tuple[Remedy, Design], ...], is_waiting: bool = False
    ) -> None:
        self._found = found
        with self.hold_sync():
            self.text, self.is_waiting = text, is_waiting
            self.remedies = tuple(remedy.words for remedy, _ in found)

    def _chosen(self, message: TakeRemedy, _: Any) -> None:
        for remedy, design in self._found:
            if remedy.words == message.remedy:
                self._take(design)


def _waits(names: Sequence[str]) -> str:
    """Return "filters 24 waits until then."."""
    more = f"{len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    *others, last = [*names[:MOST_NAMES], *filter(None, [more])]
    told = f"{', '.join(others)} and {last} wait" if others else f"{last} waits"
    return f"{told} until then."
