"""What of a picture a network sees, in values that need neither NumPy nor Pillow."""

from pathlib import Path

import attrs

from explorer.core.network.errors import Refusal

#: The default photograph, of an astronaut (NASA, public domain).
PHOTOGRAPH = Path(__file__).with_name("astronaut.png")


class ImageError(Refusal):
    """An upload that is not a picture that can be used."""


@attrs.frozen
class Seen:
    """A picture as a network sees it, small enough for the screen.

    Attributes:
        png: The content of a PNG of at most 512 pixels to a side; or, where nothing can decode
            pictures, the file.
        note: How the values in its file are shown; mostly nothing.
    """

    png: bytes
    note: str
