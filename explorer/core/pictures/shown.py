"""A picture as a network sees it, also where neither NumPy nor Pillow can be had."""

from explorer.core.network.layers import Shape
from explorer.core.pictures.seen import PHOTOGRAPH, Seen


def shown(content: bytes | None, shape: Shape) -> Seen:
    """Return a picture as a network sees it; without NumPy and Pillow, as the browser shows it.

    Args:
        content: The file's content, or None for the photograph.
        shape: `(height, width, channels)` of the network's input.

    Raises:
        ImageError: If the content is not a picture that can be used.
    """
    try:
        from explorer.core.pictures.images import see
    except ModuleNotFoundError:
        return Seen(content or PHOTOGRAPH.read_bytes(), "as the browser decodes the file")
    return see(content, shape)
