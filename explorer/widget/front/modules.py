"""The JavaScript of a view, as anywidget sends it to the browser."""

from pathlib import Path

_FRONT = Path(__file__).parent


def module(path: Path) -> str:
    """Return the source of a view's module, with what each of them needs.

    Args:
        path: Its file. It exports `render`, and `initialize`, which comes from here.
    """
    shared = (_FRONT / "keeping_up.js").read_text(encoding="utf-8")
    return shared + path.read_text(encoding="utf-8")
