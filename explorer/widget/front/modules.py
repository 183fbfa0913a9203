"""The JavaScript of a view, as anywidget sends it to the browser."""

from pathlib import Path

_FRONT = Path(__file__).parent


def module(path: Path, *needed: str) -> str:
    """Return the source of a view's module, after what it shares with others.

    Args:
        path: Its file. It exports `render`, and `initialize`, which comes from here.
        *needed: Names of the files here that it needs besides those that every view does.
    """
    files = [_FRONT / f"{name}.js" for name in ("dom", "keeping_up", *needed)]
    return "\n".join(file.read_text(encoding="utf-8") for file in [*files, path])
