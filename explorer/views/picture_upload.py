"""The user's own picture, on its way from the browser."""

from typing import Any

import anywidget
import traitlets

from explorer.views.modules import module


class PictureUpload(anywidget.AnyWidget):
    """Buttons to choose a picture, and to go back to the photograph.

    Attributes:
        picture: The file chosen last: its `name`, `content` and when it was chosen, in ms; empty
            for the photograph.
        problem: Why the browser could not send a file.
        is_own: Whether a picture of the user's is in use.
    """

    _esm = module("picture_upload.js")

    picture: Any = traitlets.Dict().tag(sync=True)
    problem: Any = traitlets.Unicode().tag(sync=True)
    is_own: Any = traitlets.Bool().tag(sync=True)
