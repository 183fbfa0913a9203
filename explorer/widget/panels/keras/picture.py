"""The user's own picture, on its way from the browser."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from explorer.widget.front.modules import module


class PictureUpload(anywidget.AnyWidget):
    """Buttons to choose a picture, and to go back to the photograph.

    The browser sends a picture in parts, as messages `{"name", "part", "parts"}` with one buffer
    each, since servers close the connection at a message of more than some megabytes. No parts are
    the photograph.

    Attributes:
        picture: The file chosen last: its `name` and `content`, and its `number` among those that
            were chosen; empty for the photograph.
        problem: Why the browser could not send a file.
        is_own: Whether a picture of the user's is in use.
    """

    _esm = module(Path(__file__).with_name("picture.js"))

    picture: Any = traitlets.Dict()
    problem: Any = traitlets.Unicode().tag(sync=True)
    is_own: Any = traitlets.Bool().tag(sync=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._parts: list[bytes] = []
        self._number = 0
        self.on_msg(self._receive)

    def _receive(
        self, _: object, message: Mapping[str, Any], buffers: Sequence[memoryview]
    ) -> None:
        if message["part"] == 0:
            self._parts = []
        self._parts += map(bytes, buffers)
        if message["part"] + 1 < message["parts"]:
            return
        content, self._parts = b"".join(self._parts), []
        self._number += 1
        self.picture = (
            {"name": message["name"], "content": content, "number": self._number}
            if message["parts"]
            else {}
        )
