"""The JavaScript of a view, as anywidget sends it to the browser."""

import re
from functools import cache
from pathlib import Path

_FRONT = Path(__file__).parent
#: Comments that have lines of their own.
_COMMENTS = re.compile(
    r"^[ \t]*(?:/\*\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL
)


def module(path: Path, *needed: str) -> str:
    """Return the source of a view's module, after what it shares with others.

    It goes to the browser with each widget, and into each notebook that keeps its widgets' state;
    so comments, which are for readers of the files, stay behind.

    Args:
        path: Its file. It exports `render`, and `initialize`, which comes from here.
        *needed: Names of the files here that it needs besides those that every view does.
    """
    files = [_FRONT / f"{name}.js" for name in ("dom", "keeping_up", *needed)]
    return "\n".join(map(_code, [*files, path]))


@cache
def _code(file: Path) -> str:
    return _COMMENTS.sub("", file.read_text(encoding="utf-8"))
