"""The JavaScript of a view, as anywidget sends it to the browser."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def module(name: str) -> str:
    """Return the source of a view's module, with what each of them needs.

    Args:
        name: Its file in this folder. It exports `render`, and `initialize`, which comes from here.
    """
    shared = (_FOLDER / "keeping_up.js").read_text(encoding="utf-8")
    return shared + (_FOLDER / name).read_text(encoding="utf-8")
