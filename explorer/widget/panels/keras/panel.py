"""What the screen asks of the Keras process, and what becomes of its answers.

A design that has stayed the same for a moment is rebuilt, and run when the user wishes. An answer
about another design than the one on screen is dropped. The worker and what it needs are imported
when the first request is made, which is after the first picture.
"""

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeGuard

import attrs

from explorer.core.analysis.design import Design
from explorer.core.asking.ask import Ask, Failure
from explorer.core.asking.failures import NoKeras, WorkerDied
from explorer.core.asking.measurement import IN_BROWSER
from explorer.core.asking.questions import Rebuild, RunForward, TimeLayers
from explorer.core.editing.store import State
from explorer.core.guard import guarded
from explorer.core.network.errors import ParameterError, Refusal
from explorer.core.pictures.seen import ImageError
from explorer.core.settling import Settling
from explorer.widget.controls.form import close_with_parts, plain_layout
from explorer.widget.panels.keras.forward_pass import ForwardView
from explorer.widget.panels.keras.status import KerasStatus
from explorer.worker import IN_PAGE, later, shared_worker

if TYPE_CHECKING:
    from explorer.core.asking.forward_pass import Built, ForwardPass
    from explorer.core.asking.timing import LayerTimes
    from explorer.widget.messages import Figure
    from explorer.widget.panels.keras.in_browser import InBrowser


#: Pictures that are kept beside the last one until it is known that this can be used.
UNREAD = 4


class LiveKeras:
    """Keeps the Keras model in step with the design on screen.

    Attributes:
        status: The line on what Keras is doing.
        forward: The forward pass.
    """

    def __init__(
        self,
        state: State,
        alert: Callable[[str], None],
        show_times: Callable[["LayerTimes"], None],
        picture_changed: Callable[[], None],
        show_time: Callable[["Figure"], None],
        how_changed: Callable[[], None],
    ) -> None:
        """Make the views.

        Args:
            state: What is on screen.
            alert: Shows the text of an unforeseen error.
            show_times: Shows every layer's time.
            picture_changed: Called when the user has chosen another picture.
            show_time: Shows the measured time, or why there is none.
            how_changed: Called when the user has chosen another way to measure.
        """
        self._state = state
        self._alert = alert
        self._show_times = show_times
        self._how_changed = how_changed
        self._settling = Settling(later, state.lock, self._settled, alert, shared_worker)
        self._asking: Ask[Design] = Ask(
            shared_worker,
            state.lock,
            alert,
            "The next change or run starts it again.",
            counts=lambda design: design == state.design,
        )
        # The last picture that ran, and those chosen since: a bad one leaves the others.
        self._pictures = [_PHOTOGRAPH]
        self._picture_changed = picture_changed
        self._verified: Design | None = None  # the last design that Keras built
        self._followed: Design | None = None  # the last one that was shown
        self._is_stopped = False  # whether the user wants no run of it
        self._is_run_here = False  # whether the page was asked to run it
        self.status = KerasStatus(label="What Keras says", layout=plain_layout())
        self.forward = ForwardView(self._chosen, show_time)
        self.forward.button.on_click(self._run_clicked)
        self.forward.stop.on_click(self._stop_clicked)
        self.forward.layers.on_click(self.time_layers)
        self.forward.after_every_change.observe(self._always_chosen, names="value")
        self.forward.upload.observe(self._uploaded, names="picture")
        self.forward.upload.observe(self._not_uploaded, names="problem")

    @property
    def picture(self) -> bytes | None:
        """Content of the user's picture, or None for the photograph."""
        return self._pictures[-1].content

    def close(self) -> None:
        """Drop what was asked for."""
        self._settling.close()
        self._asking.close()
        if "_browser" in vars(self):
            self._browser.close()
        close_with_parts(self.forward)  # which is on screen only once it was opened

    def show(self, design: Design) -> None:
        """Have Keras follow; what runs, or was measured, of the same design goes on or stays."""
        if design != self._followed:
            self._is_stopped = False
            self.design_changed()
            self._followed = design

    def design_changed(self) -> None:
        """Have Keras rebuild the model once the design has stayed the same for a moment."""
        with self._state.lock:
            self._stop_browser()
            self._is_run_here = False
            self.forward.show_nothing()
            self._settling.wait()

    def _settled(self) -> None:
        always = self.forward.after_every_change.value and not self._is_stopped
        how = self.forward.measurement
        if always and not how.is_in_browser:
            self._run()
            return
        design = self._state.design
        if always and not self._is_run_here:
            self._run_in_browser()
        self._show_waiting(design)
        question = Rebuild(design.architecture, design.input.shape)
        self._asking.submit(design, question, self._rebuilt, self._not_rebuilt)

    def _run(self) -> None:
        """Run the model with the picture."""
        with self._state.lock:
            if self.forward.measurement.is_in_browser:
                if self._asking.is_under_way:
                    self._asking.drop()
                    self._settling.wait()
                self._run_in_browser()
                return
            ask = partial(RunForward, upload=self.picture)
            self._measure(ask, self._ran, self._pictures[-1])

    def _run_in_browser(self) -> None:
        """Have the page run the model with the picture; Keras verifies it all the same."""
        from explorer.widget.panels.keras.page_questions import Pass

        self._is_run_here = True
        self.forward.show_running(f"Running in {IN_BROWSER} …")
        asked = Pass(self._state.design, self.forward.measurement)
        try:
            self._browser.ask(asked, self.picture, self._ran, self.forward.show_failure)
        except ParameterError as error:
            self.forward.show_refusal(error)
        except Refusal as error:
            self.forward.show_failure(str(error))

    @cached_property
    def _browser(self) -> "InBrowser":
        """What has the page run models."""
        from explorer.widget.panels.keras.in_browser import InBrowser

        return InBrowser(self._state.lock, self._alert, layout=plain_layout())

    def _stop_browser(self) -> None:
        if "_browser" in vars(self):
            self._browser.stop()

    def _measure(
        self,
        ask: Callable[..., Any],
        answered: Callable[[Any], None],
        picture: "_Chosen | None" = None,
    ) -> None:
        """Have the model run in some way, with what is chosen.

        What was to follow once the design has settled comes with it.

        Args:
            ask: Makes the question of architecture, input shape, batch size, and how to measure.
            answered: Shows what was measured.
            picture: What runs through it; None to time its layers.
        """
        self._settling.stop()
        self._stop_browser()
        design = self._state.design
        self._show_waiting(design)
        # The input is no layer to time.
        layers = f"Timing {len(design.graph) - 1:,} layers …"
        at_work = "Running …" if picture else layers
        self.forward.show_running(self._asking.outlook(at_work), layers=picture is None)
        self._asking.submit(
            design,
            ask(
                design.architecture,
                design.input.shape,
                design.input.batch_size,
                how=self.forward.measurement,
            ),
            answered,
            self._not_run,
            anyway=partial(self._judge, picture),
        )

    def _show_waiting(self, design: Design) -> None:
        if IN_PAGE:  # where the answer comes at once
            return
        if design != self._verified or not self._asking.worker.is_ready:
            self.status.show_busy(self._asking.outlook("Keras is rebuilding the model …"))

    def _rebuilt(self, built: "Built") -> None:
        self._verified = design = self._state.design
        self.forward.show_devices(built.devices)
        self.status.show_built(built, design.report)

    def _ran(self, result: "ForwardPass") -> None:
        if result.built:
            self._rebuilt(result.built)
        self.forward.show_result(result, self._state.design)

    def _timed(self, times: "LayerTimes") -> None:
        self.forward.show_layers(times)
        self._show_times(times)

    def _judge(self, picture: "_Chosen | None", error: Exception | None) -> None:
        """Keep a picture that ran; say of what the user chose that it can't be used.

        That is so for another design, too, which is on screen by now.
        """
        if picture and isinstance(error, ImageError):
            self._refuse(picture, error)
        elif error is None:
            if picture in self._pictures:
                del self._pictures[: self._pictures.index(picture)]
        elif _is_about_choice(error):
            self.forward.show_refusal(error)

    def _refuse(self, picture: "_Chosen", error: Exception) -> None:
        """Go back from a picture that can't be used to the one before, and say why.

        Where that one was overtaken before it ran, it runs now.
        """
        was_shown = picture == self._pictures[-1]
        self._pictures = [other for other in self._pictures if other != picture]
        if not self._asking.is_under_way:
            self.forward.show_nothing_runs()
        self.forward.note(f"{picture.name}: {error}")
        if was_shown:
            self.forward.show_source(self._pictures[-1].name)
            self._picture_changed()
            if len(self._pictures) > 1:
                self._run()

    def _not_rebuilt(self, failure: Failure) -> None:
        self._verified = None
        is_missing = isinstance(failure.error, NoKeras)
        show = self.status.show_missing if is_missing else self.status.show_failure
        show(failure.text)

    def _not_run(self, failure: Failure) -> None:
        if _is_about_choice(failure.error):
            return
        if isinstance(failure.error, ImageError):
            # It is read before the model is built.
            if self._state.design != self._verified and not self._asking.is_under_way:
                self._settling.wait()
            return
        self.forward.show_failure(failure.text)
        if self._state.design != self._verified or isinstance(failure.error, WorkerDied):
            self._not_rebuilt(failure)

    @guarded
    def _run_clicked(self, _: Any) -> None:
        self.forward.forget_notes()
        self._run()

    @guarded
    def time_layers(self, _: Any = None) -> None:
        """Time every layer of the design on screen."""
        with self._state.lock:
            self._measure(TimeLayers, self._timed)

    @guarded
    def _stop_clicked(self, _: Any) -> None:
        with self._state.lock:
            self._is_stopped = True
            self._asking.drop()
            self.design_changed()

    def _chosen(self) -> None:
        """Measure again in the way that was chosen, where that is wished."""
        with self._state.lock:
            self._how_changed()
        if self.forward.after_every_change.value:
            self._run_clicked(None)

    @guarded
    def _always_chosen(self, change: Any) -> None:
        if change.new:
            self._run_clicked(None)

    @guarded
    def _uploaded(self, change: Any) -> None:
        with self._state.lock:
            file = change.new
            chosen = _Chosen(file["content"], file["name"]) if file else _PHOTOGRAPH
            self._pictures = [self._pictures[0], *self._pictures[1:][-UNREAD:], chosen]
            self._picture_changed()
            self.forward.show_source(chosen.name)
            self._run_clicked(None)

    @guarded
    def _not_uploaded(self, change: Any) -> None:
        if change.new:
            self.forward.forget_notes()
            self.forward.note(change.new)
            self.forward.upload.problem = ""  # the next one may be the same


@attrs.frozen
class _Chosen:
    """A picture that the user chose.

    Attributes:
        content: The file; None is the photograph.
        name: Of the file.
    """

    content: bytes | None = attrs.field(repr=False)
    name: str


_PHOTOGRAPH = _Chosen(None, "")


def _is_about_choice(error: Exception) -> TypeGuard[ParameterError]:
    """Return whether an error is about how the user wants to measure."""
    return isinstance(error, ParameterError) and error.owner == "Measurement"
