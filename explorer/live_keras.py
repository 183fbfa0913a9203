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
from explorer.design import Design
from explorer.guard import guarded
from explorer.later import once_settled
from explorer.parameters import ParameterError
from explorer.state import State
from explorer.views.forward_view import ForwardView
from explorer.views.keras_status import KerasStatus

if TYPE_CHECKING:
    from explorer.keras_tasks import Built, ForwardPass
    from explorer.layer_timing import LayerTimes
    from explorer.worker import Worker


class LiveKeras:
    """Keeps the Keras model in step with the design on screen.

    Attributes:
        status: The line on what Keras is doing.
        forward: The forward pass.
        picture: Content of the user's picture, or None for the photograph.
    """

    def __init__(
        self,
        state: State,
        alert: Callable[[str], None],
        show_times: Callable[["LayerTimes"], None],
        picture_changed: Callable[[], None],
    ) -> None:
        """Make the views.

        Args:
            state: What is on screen.
            alert: Shows the text of an unforeseen error.
            show_times: Shows every layer's time.
            picture_changed: Called when the user has chosen another picture.
        """
        self._state = state
        self._alert = alert
        self._show_times = show_times
        self._settling: threading.Timer | None = None
        self.picture: bytes | None = None
        self._accepted: tuple[bytes | None, str] = None, ""  # the last picture that ran, its name
        self._picture_changed = picture_changed
        self._verified: Design | None = None  # the last design that Keras built
        self._followed: Design | None = None  # the last one that was shown
        self.status = KerasStatus(layout=plain_layout())
        self.forward = ForwardView(self._chosen)
        self.forward.button.on_click(self._run_clicked)
        self.forward.stop.on_click(self._stop_clicked)
        self.forward.layers.on_click(self.time_layers)
        self.forward.after_every_change.observe(self._always_chosen, names="value")
        self.forward.upload.observe(self._uploaded, names="picture")
        self.forward.upload.observe(self._not_uploaded, names="problem")

    def close(self) -> None:
        """Drop what was asked for."""
        self._stop_settling()
        if "_worker" in vars(self):
            self._worker.cancel(self)

    @cached_property
    def _worker(self) -> "Worker":
        from explorer.worker import shared_worker

        return shared_worker()

    def show(self, design: Design) -> None:
        """Have Keras follow; what runs, or was measured, of the same design goes on or stays."""
        if design != self._followed:
            self.design_changed()
            self._followed = design

    def design_changed(self) -> None:
        """Have Keras rebuild the model once the design has stayed the same for a moment."""
        with self._state.lock:
            self.forward.show_nothing()
            self._stop_settling()
            self._settling = once_settled(self._settled)

    def _stop_settling(self) -> None:
        if self._settling:
            self._settling.cancel()
        self._settling = None

    @guarded
    def _settled(self) -> None:
        from explorer.keras_tasks import rebuild  # before the lock: the first time takes a while

        with self._state.lock:
            if threading.current_thread() is not self._settling:
                return  # the design changed, or the user clicked, while this waited for the lock
            if self.forward.after_every_change.value:
                self._run()
                return
            design = self._state.design
            self._show_waiting(design)
            self._worker.submit(
                self,
                partial(rebuild, design.architecture, design.input.shape),
                partial(self._rebuilt, design),
                partial(self._not_rebuilt, design),
            )

    def _run(self) -> None:
        """Run the model; what was to follow once the design has settled comes with it."""
        from explorer.keras_tasks import run_forward

        with self._state.lock:
            self._stop_settling()
            picture = self.picture, self.forward.source
            self._ask(partial(run_forward, upload=self.picture), partial(self._ran, picture))

    def _ask(
        self, work: Callable[..., Any], done: Callable[..., None], layers: bool = False
    ) -> None:
        """Have the model run in some way, with what is chosen."""
        design = self._state.design
        self._show_waiting(design)
        # The input is no layer to time.
        at_work = f"Timing {len(design.graph) - 1:,} layers …" if layers else "Running …"
        self.forward.show_running(self._worker.outlook(self, at_work), layers)
        self._worker.submit(
            self,
            partial(
                work,
                design.architecture,
                design.input.shape,
                design.input.batch_size,
                how=self.forward.measurement,
            ),
            partial(done, design),
            partial(self._not_run, design),
        )

    def _show_waiting(self, design: Design) -> None:
        if design != self._verified or not self._worker.is_ready:
            self.status.show_busy(self._worker.outlook(self, "Keras is rebuilding the model …"))

    @guarded
    def _rebuilt(self, design: Design, built: "Built") -> None:
        with self._state.lock:
            if design == self._state.design:
                self._verified = design
                self.forward.show_devices(built.devices)
                self.status.show_built(built, design.report)

    @guarded
    def _ran(
        self, picture: tuple[bytes | None, str], design: Design, result: "ForwardPass"
    ) -> None:
        with self._state.lock:
            self._accepted = picture
            self._rebuilt(design, result.built)
            if design == self._state.design:
                self.forward.show(result, design.report)

    @guarded
    def _timed(self, design: Design, times: "LayerTimes") -> None:
        with self._state.lock:
            if design == self._state.design:
                self.forward.show_layers(times)
                self._show_times(times)

    @guarded
    def _not_rebuilt(self, design: Design, error: Exception) -> None:
        from explorer.worker import failure_text

        with self._state.lock:
            if design == self._state.design:
                self._verified = None
                self.status.show_failure(failure_text(error, "The next change or run"))

    @guarded
    def _not_run(self, design: Design, error: Exception) -> None:
        from explorer.images import ImageError
        from explorer.worker import WorkerDied, failure_text

        with self._state.lock:
            if isinstance(error, ImageError):
                self.picture, name = self._accepted
                self.forward.show_source(name)
                self._picture_changed()
            if isinstance(error, ParameterError) and error.owner == "Measurement":
                self.forward.show_refusal(error)
            elif design == self._state.design:
                self.forward.show_failure(failure_text(error, "The next change or run"))
                if design != self._verified or isinstance(error, WorkerDied):
                    self._not_rebuilt(design, error)

    @guarded
    def _run_clicked(self, _: Any) -> None:
        self._run()

    @guarded
    def time_layers(self, _: Any = None) -> None:
        """Time every layer of the design on screen."""
        from explorer.keras_tasks import run_layers

        with self._state.lock:
            self._stop_settling()
            self._ask(run_layers, self._timed, layers=True)

    @guarded
    def _stop_clicked(self, _: Any) -> None:
        with self._state.lock:
            self._worker.cancel(self)
            self.design_changed()

    def _chosen(self) -> None:
        """Measure again in the way that was chosen, where that is wished."""
        if self.forward.after_every_change.value:
            self._run_clicked(None)

    @guarded
    def _always_chosen(self, change: Any) -> None:
        if change.new:
            self._run_clicked(None)

    @guarded
    def _uploaded(self, change: Any) -> None:
        self.picture = change.new.get("content")
        self._picture_changed()
        self.forward.show_source(str(change.new.get("name", "")))
        self.forward.upload.problem = ""
        self._run_clicked(None)

    @guarded
    def _not_uploaded(self, change: Any) -> None:
        if change.new:
            self.forward.show_failure(change.new)
