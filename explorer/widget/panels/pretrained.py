"""Tiny trained networks to start from: their design in the controls, their weights in use."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from explorer.core.analysis.design import Design, Input
from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.questions import UsePretrained
from explorer.core.editing.store import State
from explorer.core.families import Architecture
from explorer.core.guard import as_part_of, guarded, is_under_way
from explorer.widget.controls.form import plain_layout
from explorer.widget.messages import Offer
from explorer.worker import shared_worker

if TYPE_CHECKING:
    from explorer.core.asking.pretrained import Pretrained


class TrainedExamples:
    """Puts a tiny trained network on screen, and has the views show it with its weights.

    Attributes:
        alert: Shows the text of an unforeseen error.
        seed: Of random weights that the page draws where Keras is not there.
    """

    def __init__(
        self,
        state: State,
        show: Callable[[Design, str], None],
        weights_changed: Callable[[], None],
        alert: Callable[[str], None],
    ) -> None:
        """Begin with none in use.

        Args:
            state: What is on screen.
            show: Shows a design, as a step with a name.
            weights_changed: Has the views look at the weights again.
            alert: Shows the text of an unforeseen error.
        """
        self._state = state
        self._show = show
        self._weights_changed = weights_changed
        self.alert = alert
        self.seed = 0
        self._asking: Ask[str] = Ask(
            shared_worker, state.lock, alert, "Choose the example again.", counts=lambda _: True
        )
        self._in_use = ""

    def use(self, name: str) -> None:
        """Show the network of a name with its weights; one step of the history.

        Where Keras is not there, the views have the page run it.
        """
        from explorer.core.asking.pretrained import pretrained_of

        with self._state.lock:
            example = pretrained_of(name)
            self._in_use = name
            self._asking.submit(name, UsePretrained(name), self._changed, self._changed)
            given = _fitting(self._state.design.input, example)
            self._show(Design(example.architecture, given), f"trained example: {name}")

    def _changed(self, _: "Failure | None") -> None:
        # Without an answer the views say what weights they have.
        self._weights_changed()

    def forget(self) -> None:
        """Other weights were asked for."""
        self._in_use = ""

    def name_of(self, architecture: Architecture) -> str:
        """Return which of them is on screen with its weights; empty: none is."""
        if not self._in_use:
            return ""
        from explorer.core.asking.pretrained import pretrained

        return self._in_use if pretrained[self._in_use].architecture == architecture else ""

    def of(self, architecture: Architecture) -> "Pretrained | None":
        """Return the example that is on screen with its weights."""
        from explorer.core.asking.pretrained import pretrained

        return pretrained.get(self.name_of(architecture))

    def offer(self, architecture: Architecture) -> Offer:
        """Return the example to look at instead of a network with random weights."""
        from explorer.core.asking.pretrained import pretrained

        alike = (n for n, e in pretrained.items() if type(e.architecture) is type(architecture))
        name = next(alike, next(iter(pretrained)))
        return Offer(f"Show a trained {name}", f"a tiny example: {pretrained[name].about}")

    def take(self, words: str) -> bool:
        """Use the example that was offered in these words, and return whether one was."""
        from explorer.core.asking.pretrained import pretrained

        name = words.removeprefix("Show a trained ")
        if name == words or name not in pretrained:
            return False
        self.use(name)
        return True

    def close(self) -> None:
        """Ask nothing any more."""
        self._asking.close()


def _fitting(given: Input, example: "Pretrained") -> Input:
    """Return the input on screen in grey; of the size that was learnt from if its own is none."""
    height, width, channels = example.training.input_shape
    stride = example.architecture.maximum_stride
    if not (given.height % stride or given.width % stride):
        height, width = given.height, given.width
    return given.of_shape((height, width, channels))


class ExampleList(widgets.Dropdown):
    """The examples, of which one can be chosen."""

    options: Any
    value: Any

    def __init__(self, examples: TrainedExamples) -> None:
        """List them.

        Args:
            examples: What shows the one that is chosen.
        """
        from explorer.core.asking.pretrained import pretrained

        self._examples = examples
        named = [(f"{name}: {example.result}", name) for name, example in pretrained.items()]
        super().__init__(
            description="trained example",
            options=[("none", ""), *named],
            tooltip="Show a tiny network that was trained for some seconds on drawn pictures: its "
            "design goes into the controls, and “Undo” takes it back",
            style={"description_width": "initial"},
            layout=plain_layout(),
        )
        self.observe(self._picked, names="value")

    def show(self, architecture: Architecture) -> None:
        """Show which of them is on screen."""
        as_part_of(self, self.set_trait, "value", self._examples.name_of(architecture))

    @guarded
    def _picked(self, change: Any) -> None:
        if change.new and not is_under_way(self):
            self._examples.use(change.new)

    def _alert(self, message: str) -> None:
        self._examples.alert(message)
