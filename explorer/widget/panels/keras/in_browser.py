"""Networks that the page runs, by TensorFlow.js: on the visitor's GPU, without Keras."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import attrs
import traitlets

from explorer.core.guard import guarded
from explorer.core.pictures.seen import PHOTOGRAPH
from explorer.widget import front
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import (
    Code,
    FieldHere,
    FoundHere,
    LookedHere,
    LookHere,
    NotRunHere,
    RanHere,
    RunHere,
    WantsCode,
)
from explorer.widget.panels.keras.page_questions import Asked, Result

_LIBRARY = front.STYLE.parent / "tensorflow_js"
_RUNNER = Path(__file__).with_name("runner")


def runner_code() -> list[bytes]:
    """Return what a page runs networks with: TensorFlow.js, its backends, and one file of ours."""
    library = (
        "tf-core.min.js",
        "tf-backend-webgpu.min.js",
        "tf-backend-wasm.min.js",
        "tfjs-backend-wasm-simd.wasm",
    )
    own = ("backends", "layers", "gradients", "weights", "pictures", "running", "answering")
    return [
        *((_LIBRARY / name).read_bytes() for name in library),
        b"\n".join((_RUNNER / f"{name}.js").read_bytes() for name in own),
    ]


@attrs.frozen
class _Waits:
    """Who waits for an answer."""

    answered: Callable[[Any, Sequence[bytes]], None]
    failed: Callable[[str], None]


class InBrowser(FrontWidget):
    """Has the page run a network; the last question counts.

    Attributes:
        asked: What is to be run; None: nothing.
        picture: The content of a picture's file, on which it is run.
        weights: All weights in turn, as little-endian float16; empty: the page draws them.
    """

    _esm = module(Path(__file__).with_name("in_browser.js"), "code")
    sends = WantsCode | RanHere | LookedHere | FoundHere | NotRunHere
    gets = Code

    asked = shared(RunHere | LookHere | FieldHere | None, None)
    picture = traitlets.Bytes().tag(sync=True)
    weights = traitlets.Bytes().tag(sync=True)

    def __init__(
        self, lock: AbstractContextManager[Any], alert: Callable[[str], None], **options: Any
    ) -> None:
        """Begin with nothing asked.

        Args:
            lock: The lock under which the screen changes.
            alert: Shows the text of an unforeseen error.
            **options: Of the widget.
        """
        super().__init__(**options)
        self._lock = lock
        self._alert = alert
        self._number = 0
        self._waits: _Waits | None = None
        self.on_sent(self._receive)

    def ask(
        self,
        asked: Asked[Any, Result],
        picture: bytes | None,
        done: Callable[[Result], None],
        failed: Callable[[str], None],
    ) -> None:
        """Ask something of a network, in the place of what runs.

        Args:
            asked: What.
            picture: The content of a picture's file; None: the photograph.
            done: Called with what was found.
            failed: Called with why nothing was.

        Raises:
            ParameterError: If it is to be measured in a way that a page can't.
            Refusal: If the network has a layer that no page runs, or is too large for one.
        """
        self.stop()
        question = asked.question(self._number + 1)

        def answered(message: Any, buffers: Sequence[bytes]) -> None:
            done(asked.read(message, buffers))

        weights = asked.weights
        self._number = question.number
        self._waits = _Waits(answered, failed)
        with self.hold_sync():
            self.picture = PHOTOGRAPH.read_bytes() if picture is None else picture
            self.weights = weights
            self.asked = question

    @property
    def is_busy(self) -> bool:
        """Whether an answer is waited for."""
        return self._waits is not None

    def stop(self) -> None:
        """End what runs."""
        self._waits = None
        with self.hold_sync():
            self.asked = None
            # Else a notebook that keeps its widgets' state would have them.
            self.picture = self.weights = b""

    @guarded
    def _receive(
        self,
        message: WantsCode | RanHere | LookedHere | FoundHere | NotRunHere,
        buffers: Sequence[memoryview],
    ) -> None:
        if isinstance(message, WantsCode):
            self.send_message(Code("runner"), runner_code())
            return
        with self._lock:
            waits = self._waits
            if not waits or message.number != self._number:
                return
            self.stop()
            if isinstance(message, NotRunHere):
                waits.failed(
                    f"The browser could not run it: {message.problem}. Use a smaller batch or "
                    "image, another picture, or another device."
                )
                return
            waits.answered(message, [bytes(buffer) for buffer in buffers])
