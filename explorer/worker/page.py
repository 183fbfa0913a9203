"""Who answers questions in a web page, where Keras cannot be had: with one sentence, at once."""

import asyncio
from collections.abc import Callable
from functools import lru_cache, partial
from importlib.util import find_spec
from typing import Any

from explorer.core.asking.failures import NO_KERAS, NoKeras
from explorer.core.asking.questions import See
from explorer.core.pictures.shown import shown
from explorer.core.ports import Timer
from explorer.worker.loop_timer import later


class PageAnswerer:
    """Says of every question to Keras that it can't be answered here."""

    #: It need not start.
    is_ready = True

    def submit(
        self,
        owner: object,
        work: Any,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Answer at once, before this returns."""
        if isinstance(work, See):
            done(shown(work.content, work.shape))
        else:
            failed(NoKeras(NO_KERAS))

    def cancel(self, owner: object) -> None:
        """Do nothing: all is answered."""

    def outlook(self, owner: object, at_work: str) -> str:
        """Return what to tell until the answer comes, which is at once."""
        return at_work


@lru_cache(maxsize=1)
def shared_worker() -> PageAnswerer:
    """Return the answerer of this page."""
    return PageAnswerer()


def load(package: str, call: Callable[[], None]) -> Timer:
    """Call something once a package is there, which is fetched if it is not."""
    return later(0.0, call if find_spec(package) else partial(_begin, package, call))


async def _fetched(package: str, call: Callable[[], None]) -> None:
    import pyodide_js

    try:
        await pyodide_js.loadPackage(package)
    finally:
        call()  # which says so where it is missing


#: What is under way: the event loop alone would let go of it.
_TASKS: set[asyncio.Task[None]] = set()


def _begin(package: str, call: Callable[[], None]) -> None:
    task = asyncio.create_task(_fetched(package, call))
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
