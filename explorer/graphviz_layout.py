"""Drawings laid out by Graphviz, in this process."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from explorer.core.drawing.fonts import measured_with
from explorer.core.drawing.pdf import as_pdf
from explorer.core.network.errors import Refusal

#: The process has one error stream: a second thread would keep the first one's silence for it.
_one_at_a_time = threading.RLock()
_kept: int | None = None  # a descriptor of the error stream while it is turned off


def writes(file_format: str) -> bool:
    """Return whether drawings can be laid out here, and written in a format.

    Args:
        file_format: As Graphviz names it.
    """
    return _is_installed() or (file_format in ("svg", "pdf") and _of_page() is not None)


def _is_installed() -> bool:
    return find_spec("pygraphviz") is not None


def _of_page() -> Callable[[str], str] | None:
    """Return what makes SVGs where Python runs in a page that has Graphviz for it (`boot.mjs`)."""
    if sys.platform != "emscripten":
        return None
    import js

    return getattr(js, "explorerLayOut", None)


def drawn(dot: str, file_format: str, options: str) -> bytes:
    """Return a drawing in a format.

    Args:
        dot: The drawing in Graphviz' language.
        file_format: As Graphviz names it, such as "svg".
        options: Of Graphviz' command line.

    Raises:
        ValueError: If there is no Graphviz here that writes this format.
    """
    if not _is_installed():
        return _drawn_by_page(dot, file_format)
    import pygraphviz

    graph = pygraphviz.AGraph(string=dot)
    with _native_silence(), measured_with():
        content: bytes = graph.draw(format=file_format, prog="dot", args=options)
    return content


def _drawn_by_page(dot: str, file_format: str) -> bytes:
    lay_out = _of_page()
    if lay_out is None:
        remedy = "save" if sys.platform == "emscripten" else "install that, or save"
        raise Refusal(
            "Drawings can't be laid out by this Python, which has no pygraphviz: "
            f"{remedy} this one as .dot, for Graphviz elsewhere."
        )
    if file_format not in ("svg", "pdf"):
        raise Refusal(
            f"A diagram can't be saved as .{file_format} in a web page, which has no pygraphviz: "
            "save it as .svg or .pdf."
        )
    svg = lay_out(dot)
    return as_pdf(svg) if file_format == "pdf" else svg.encode()


@contextmanager
def _native_silence() -> Iterator[None]:
    """Keep what Graphviz and its font library print out of the notebook, where it is red.

    They warn of font settings that are newer than themselves, and of lines that are hard to route:
    nothing a user can act on. Python waits while Graphviz draws, so nothing else is lost. Graphviz'
    warnings could be turned off there, but not those of its font library.
    """
    global _kept
    with _one_at_a_time:
        try:
            # What an interrupted drawing kept still waits to be put back.
            kept = _kept = os.dup(2) if _kept is None else _kept
        except OSError:  # there is no error stream to turn off
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, 2)
            _kept = None
            os.close(kept)
