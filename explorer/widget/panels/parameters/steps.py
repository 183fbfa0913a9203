"""What a step of a control would do: worked out for the one that is looked at, once edits rest."""

from collections.abc import Callable
from time import perf_counter

from explorer.core import settling
from explorer.core.analysis.design import Design
from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.editing.store import State
from explorer.core.formatting import printable
from explorer.core.settling import Settling
from explorer.widget.controls.names import Names
from explorer.widget.messages import Steps
from explorer.worker import later

#: Nothing is told.
NONE = Steps("", ())


class StepHints:
    """Tells the page what the next steps of a parameter would do, while it looks at its control."""

    def __init__(self, names: Names, state: State, alert: Callable[[str], None]) -> None:
        """Begin with none that is looked at.

        Args:
            names: What shows it beside the control.
            state: What is on screen.
            alert: Shows the text of an unforeseen error.
        """
        self._names = names
        self._state = state
        self._looked_at = ""
        self._edited = 0.0
        self._found: tuple[Design, DeviceProfile | None, Steps] = state.design, None, NONE
        self._settling = Settling(later, state.lock, self._tell, alert, self._work_out)
        names.on_sent(lambda message, _: self._look(message.steps_of))

    def show(self) -> None:
        """Tell nothing more of the design before, and work it out anew once edits rest."""
        self._edited = perf_counter()
        self._names.steps = NONE
        self._settling.stop()
        if self._looked_at:
            self._settling.wait()

    def close(self) -> None:
        """Work nothing out any more."""
        self._settling.close()

    def _look(self, name: str) -> None:
        with self._state.lock:
            self._looked_at = name
            if name and name != self._names.steps.of:
                self._settling.wait(max(0.0, self._edited + settling.SETTLED - perf_counter()))

    def _work_out(self) -> None:
        from explorer.core.analysis.sensitivity import sensitivity

        with self._state.lock:
            design, profile = self._state.design, self._state.profile
            name = self._looked_at
        told = [
            printable(words)
            for found in sensitivity(design, of=name, profile=profile)
            for step, words in zip((found.down, found.up), found.words, strict=True)
            if step.value is not None
        ]
        self._found = design, profile, Steps(name, tuple(told))

    def _tell(self) -> None:
        design, profile, steps = self._found
        is_present = design is self._state.design and profile is self._state.profile
        if is_present and steps.of == self._looked_at:  # not an earlier one
            self._names.steps = steps
