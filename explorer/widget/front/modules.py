"""The JavaScript of a view, as anywidget sends it to the browser."""

from pathlib import Path

_FRONT = Path(__file__).parent


def module(path: Path) -> str:
    """Return the source of a view's module, after what the views share.

    Args:
        path: Its file. It exports `render`, and `initialize`, which comes from here.
    """
    files = [*sorted(_FRONT.glob("*.js")), path]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
