"""Drawings laid out by Graphviz, in this process."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from explorer.core.drawing.fonts import measured_with
from explorer.core.network.errors import Refusal

#: The process has one error stream: a second thread would keep the first one's silence for it.
_one_at_a_time = threading.RLock()
_kept: int | None = None  # a descriptor of the error stream while it is turned off


def is_there() -> bool:
    """Return whether drawings can be laid out here."""
    return find_spec("pygraphviz") is not None


def drawn(dot: str, file_format: str, options: str) -> bytes:
    """Return a drawing in a format.

    Args:
        dot: The drawing in Graphviz' language.
        file_format: As Graphviz names it, such as "svg".
        options: Of Graphviz' command line.
    """
    try:
        import pygraphviz
    except ModuleNotFoundError as error:
        raise Refusal(
            "Drawings can't be laid out by this Python, which has no pygraphviz: save this one as "
            ".dot, for Graphviz elsewhere."
        ) from error
    graph = pygraphviz.AGraph(string=dot)
    with _native_silence(), measured_with():
        content: bytes = graph.draw(format=file_format, prog="dot", args=options)
    return content


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
