"""Files that the user chose, on their way from the browser."""

from collections.abc import Sequence

from explorer.widget.messages import FilePart


class Parts:
    """Puts a file together, which comes in parts."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def take(self, message: FilePart, buffers: Sequence[memoryview]) -> bytes | None:
        """Return the whole content with its last part, and None before that."""
        if message.part == 0:
            self._parts = []
        self._parts += map(bytes, buffers)
        if message.part + 1 < message.parts:
            return None
        content, self._parts = b"".join(self._parts), []
        return content
