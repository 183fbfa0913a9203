"""The timed forward pass: what starts it, the picture that it takes, and what came out."""

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as widgets

from explorer.controls import plain_layout
from explorer.diagram import size_text
from explorer.views.formatting import duration, short_count

if TYPE_CHECKING:
    from explorer.timing import Timing
    from explorer.worker import ForwardPass, Picture


class ForwardView(widgets.VBox):
    """Controls of the forward pass, and its result.

    Attributes:
        button: Starts a pass.
        after_every_change: Whether each change of the design starts one.
        upload: The user's picture.
    """

    def __init__(self) -> None:
        self.button = widgets.Button(
            description="Run forward pass",
            button_style="primary",
            tooltip="Run the picture through the Keras model and time it",
        )
        self.after_every_change = widgets.Checkbox(
            description="after every change",
            indent=False,
            tooltip="Run and time the model after every change of the design",
            layout=plain_layout(),
        )
        self.upload = widgets.FileUpload(
            accept="image/*",
            description="Use own picture",
            tooltip="The picture is resized to the input size; without one, a photograph is used",
            layout=plain_layout(),
        )
        self._source = widgets.HTML(layout=plain_layout())
        self._result = widgets.HTML(layout=plain_layout())
        row = widgets.Box(
            [self.button, self.after_every_change, self.upload, self._source],
            layout=plain_layout(),
        )
        row.add_class("explorer-row")
        super().__init__([row, self._result], layout=plain_layout())
        self.show_source("")

    def show_source(self, name: str) -> None:
        """Say which picture the next pass takes; an empty name is the default photograph."""
        text = name or "photograph: astronaut, from scikit-image"
        self._source.value = f'<span class="explorer-muted">{escape(text)}</span>'

    def show_running(self) -> None:
        """Say that a pass is under way."""
        self._result.value = '<div class="explorer-status explorer-busy">Running …</div>'

    def show_nothing(self) -> None:
        """Take the result away: it is about another design than the one shown."""
        self._result.value = ""

    def show_failure(self, message: str) -> None:
        """Say what went wrong."""
        self._result.value = (
            f'<div class="explorer-status explorer-bad" role="alert">{escape(message)}</div>'
        )

    def show(self, result: "ForwardPass", macs: int) -> None:
        """Show a result.

        Args:
            result: The pass.
            macs: Multiply-accumulates of one image, for the speed reached.
        """
        channels = "".join(map(_figure, result.channels))
        self._result.value = (
            f'<div class="explorer-forward">{_timing(result.timing, macs)}'
            f'<div class="explorer-pictures">{_figure(result.image)}'
            f'<span class="explorer-arrow" aria-hidden="true">→</span>{channels}</div>'
            '<p class="explorer-muted">The strongest channels of the output (largest mean absolute '
            "value), each stretched from black to white. The weights are random: the network is "
            "not trained.</p></div>"
        )


def _timing(timing: "Timing", macs: int) -> str:
    speed = 2 * macs * timing.batch_size / timing.median
    images = "image" if timing.batch_size == 1 else "images"
    rate = timing.images_per_second
    rows = [
        ("10th to 90th percentile", f"{duration(timing.p10)} to {duration(timing.p90)}"),
        ("throughput", f"{rate:,.0f} images/s" if rate >= 10 else f"{rate:.2f} images/s"),
        ("speed", f"{short_count(speed)}FLOP/s"),
        ("measured runs", f"{timing.runs} after {timing.warmup_runs} for warming up"),
        ("input", f"{timing.batch_size} {images} of {size_text(timing.input_shape)}"),
        ("compiled in", f"{duration(timing.compile_time)} ({timing.compiler}), not counted"),
        ("first call", f"{duration(timing.first_call_time)}, not counted"),
        ("device", timing.device),
        ("backend", f"{timing.backend}, {timing.dtype}"),
    ]
    facts = "".join(f"<span>{escape(name)}</span><b>{escape(value)}</b>" for name, value in rows)
    return (
        '<div class="explorer-timing"><div class="explorer-total"><span>forward pass</span>'
        f"<b>{escape(duration(timing.median))}</b><small>median</small></div>"
        f'<div class="explorer-facts">{facts}</div></div>'
    )


def _figure(picture: "Picture") -> str:
    data = b64encode(picture.png).decode()
    caption = escape(picture.caption)
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
