"""What is on screen: a frozen design, and the one place that holds the current one."""

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any

import attrs

from explorer.analysis import Report, analyze
from explorer.architectures import Architecture
from explorer.graph import Graph, trace
from explorer.guard import Unbroken
from explorer.history import History
from explorer.layers import Shape
from explorer.parameters import parameter


@attrs.frozen
class Input:
    """What the network is given.

    Attributes:
        height: Height of an image in pixels.
        width: Width of an image in pixels.
        channels: Channels of an image.
        batch_size: Images in one forward pass.
    """

    height: int = parameter(
        256, doc="Height of the input image.", minimum=1, slider=(32, 512), unit="px"
    )
    width: int = parameter(
        256, doc="Width of the input image.", minimum=1, slider=(32, 512), unit="px"
    )
    channels: int = parameter(
        1, doc="Channels of the input image: 1 is grey, 3 is colour.", minimum=1, slider=(1, 4)
    )
    batch_size: int = parameter(
        1, doc="Images in one forward pass.", minimum=1, maximum=4096, slider=(1, 32)
    )

    @property
    def shape(self) -> Shape:
        """`(height, width, channels)`."""
        return self.height, self.width, self.channels


@attrs.frozen(slots=False)
class Design:
    """An architecture with its input; everything else is computed from it, once.

    Attributes:
        architecture: The architecture.
        input: What it is given.
    """

    architecture: Architecture
    input: Input = attrs.field(factory=Input)

    @cached_property
    def graph(self) -> Graph:
        """The architecture's layers for this input."""
        return trace(self.architecture, self.input.shape)

    @cached_property
    def report(self) -> Report:
        """The analysis of the graph."""
        return analyze(self.graph)


class State:
    """The current design, and who wants to hear of a new one.

    Attributes:
        lock: Held while the design changes: handlers of widgets run in several threads.
        unbroken: Has everybody told again after an interrupt, which may have left some untold.
        history: Where the user has been.
    """

    def __init__(self, design: Design) -> None:
        self.lock = threading.RLock()
        self._design = _analysed(design)
        self.history = History(design)
        self.unbroken = Unbroken(self.tell)
        self._listeners: list[Callable[[Design], None]] = []

    @property
    def design(self) -> Design:
        """The current design; it has always been analysed without error."""
        return self._design

    def update(self, **changes: Any) -> None:
        """Replace parts of the design and tell everybody.

        Args:
            **changes: Fields of `Design`.

        Raises:
            ParameterError: If the new design is not valid; the present one stays.
        """
        with self.lock:
            self.unbroken.do(self._update, changes)

    def _update(self, changes: dict[str, Any]) -> None:
        design = attrs.evolve(self._design, **changes)
        if design != self._design:
            self._design = _analysed(design)
            self.tell()

    def move(self, steps: int, relative: bool = False) -> None:
        """Go to a step of the history, or so many steps from the present one; tell everybody."""
        with self.lock:
            self.unbroken.do(self._move, steps, relative)

    def _move(self, steps: int, relative: bool) -> None:
        position = self.history.position + steps if relative else steps
        self._design = _analysed(attrs.evolve(self.history.move(position)))
        self.tell()

    def tell(self) -> None:
        """Note the design in the history, where it is new, and tell everybody of it."""
        with self.lock:
            self.history.record(self._design)
            for listener in list(self._listeners):
                listener(self._design)

    def subscribe(self, listener: Callable[[Design], None]) -> Callable[[], None]:
        """Call `listener` with every new design; returns the call that ends this."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:  # else it was called before
                self._listeners.remove(listener)

        return unsubscribe


def _analysed(design: Design) -> Design:
    design.report  # noqa: B018 — raises for a design that cannot be
    return design
