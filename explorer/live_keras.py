"""What the screen asks of the Keras process, and what becomes of its answers.

A design that has stayed the same for a moment is rebuilt, and run when the user wishes. An answer
about another design than the one on screen is dropped. The worker and what it needs are imported
when the first request is made, which is after the first picture.
"""

import threading
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from explorer.controls import plain_layout
from explorer.guard import guarded
from explorer.state import Design, State
from explorer.views.formatting import memory
from explorer.views.forward_view import ForwardView
from explorer.views.keras_status import KerasStatus

if TYPE_CHECKING:
    from explorer.worker import Built, ForwardPass, Worker

#: Seconds that a change must outlast before Keras rebuilds the model.
SETTLED = 0.3


class LiveKeras:
    """Keeps the Keras model in step with the design on screen.

    Attributes:
        status: The line on what Keras is doing.
        forward: The forward pass.
    """

    def __init__(self, state: State, alert: Callable[[str], None]) -> None:
        self._state = state
        self._alert = alert
        self._settling: threading.Timer | None = None
        self._picture: bytes | None = None
        self._verified: Design | None = None  # the last design that Keras built
        self.status = KerasStatus(layout=plain_layout())
        self.forward = ForwardView()
        self.forward.button.on_click(self._run_clicked)
        self.forward.after_every_change.observe(self._always_chosen, names="value")
        self.forward.upload.observe(self._uploaded, names="value")

    def close(self) -> None:
        """Drop what was asked for."""
        if self._settling:
            self._settling.cancel()
        if "_worker" in vars(self):
            self._worker.cancel(self)

    @cached_property
    def _worker(self) -> "Worker":
        from explorer.worker import shared_worker

        return shared_worker()

    def design_changed(self) -> None:
        """Have Keras rebuild the model once the design has stayed the same for a moment."""
        self.forward.show_nothing()
        if self._settling:
            self._settling.cancel()
        self._settling = threading.Timer(SETTLED, self._settled)
        self._settling.daemon = True
        self._settling.start()

    @guarded
    def _settled(self) -> None:
        if self.forward.after_every_change.value:
            self._run()
            return
        from explorer.worker import rebuild

        design = self._state.design
        if self._is_too_large(design):
            return
        self._show_waiting(design)
        self._worker.submit(
            self,
            partial(rebuild, design.architecture, design.input.shape),
            partial(self._rebuilt, design),
            partial(self._not_rebuilt, design),
        )

    def _run(self) -> None:
        from explorer.worker import run_forward

        design = self._state.design
        given = design.input
        if self._is_too_large(design):
            return
        self._show_waiting(design)
        self.forward.show_running()
        self._worker.submit(
            self,
            partial(run_forward, design.architecture, given.shape, given.batch_size, self._picture),
            partial(self._ran, design),
            partial(self._not_run, design),
        )

    def _is_too_large(self, design: Design) -> bool:
        """Say so when the weights alone need more memory than there is."""
        import psutil

        free: int = psutil.virtual_memory().available
        needed = design.report.weights_bytes
        if needed > free:
            self.status.show_failure(
                f"Not rebuilt in Keras: the weights need {memory(needed)}, and {memory(free)} of "
                "memory is free. Use fewer filters or blocks."
            )
            self.forward.show_nothing()
        return needed > free

    def _show_waiting(self, design: Design) -> None:
        if not self._worker.is_ready:
            self.status.show_starting()
        elif design != self._verified:
            self.status.show_building()

    @guarded
    def _rebuilt(self, design: Design, built: "Built") -> None:
        with self._state.lock:
            if design == self._state.design:
                self._verified = design
                self.status.show_built(built, design.report)

    @guarded
    def _ran(self, design: Design, result: "ForwardPass") -> None:
        with self._state.lock:
            self._rebuilt(design, result.built)
            if design == self._state.design:
                self.forward.show(result, design.report.macs)

    @guarded
    def _not_rebuilt(self, design: Design, error: Exception) -> None:
        with self._state.lock:
            if design == self._state.design:
                self._verified = None
                self.status.show_failure(_message(error))

    @guarded
    def _not_run(self, design: Design, error: Exception) -> None:
        from explorer.images import ImageError
        from explorer.worker import WorkerDied

        with self._state.lock:
            if isinstance(error, ImageError):
                self._picture = None
                self.forward.show_source("")
            if design == self._state.design:
                self.forward.show_failure(_message(error))
                if design != self._verified or isinstance(error, WorkerDied):
                    self._not_rebuilt(design, error)

    @guarded
    def _run_clicked(self, _: Any) -> None:
        if self._settling:
            self._settling.cancel()
        self._run()

    @guarded
    def _always_chosen(self, change: Any) -> None:
        if change.new:
            self._run_clicked(None)

    @guarded
    def _uploaded(self, change: Any) -> None:
        if change.new:
            self._picture = bytes(change.new[0]["content"])
            self.forward.show_source(change.new[0]["name"])
            self._run_clicked(None)


def _message(error: Exception) -> str:
    from explorer.worker import WorkerDied

    message = str(error) or type(error).__name__
    if isinstance(error, WorkerDied):
        message += " The next change or run starts it again."
    return message
