"""The user's own picture, on its way from the browser."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import traitlets

from explorer.widget.front.files import Parts
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget
from explorer.widget.messages import FilePart


class PictureUpload(FrontWidget):
    """Buttons to choose a picture, and to go back to the photograph.

    The browser sends a picture in parts, a buffer each, since servers close the connection at a
    message of more than some megabytes. No parts are the photograph.

    Attributes:
        picture: The file chosen last: its `name` and `content`, and its `number` among those that
            were chosen; empty for the photograph.
        problem: Why the browser could not send a file.
        is_own: Whether a picture of the user's is in use.
    """

    _esm = module(Path(__file__).with_name("picture.js"), "files")
    sends = FilePart

    picture: Any = traitlets.Dict()
    problem: Any = traitlets.Unicode().tag(sync=True)
    is_own: Any = traitlets.Bool().tag(sync=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._parts = Parts()
        self._number = 0
        self.on_sent(self._receive)

    def _receive(self, message: FilePart, buffers: Sequence[memoryview]) -> None:
        content = self._parts.take(message, buffers)
        if content is None:
            return
        self._number += 1
        self.picture = (
            {"name": message.name, "content": content, "number": self._number}
            if message.parts
            else {}
        )
