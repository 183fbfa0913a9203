"""The process that Keras runs in, and what waits: in threads, or in a web page in its event loop.

Here alone it is decided which of them serve.
"""

import sys
from collections.abc import Callable

from explorer.core.ports import Answerer, Timer

#: Whether Python runs in a web page (Pyodide), where no thread, process or socket can be started.
IN_PAGE = sys.platform == "emscripten"


def shared_worker() -> Answerer:
    """Return the worker that all panels ask; its modules are imported with the first question."""
    if IN_PAGE:
        from explorer.worker import page

        return page.shared_worker()
    from explorer.worker import process

    return process.shared_worker()


def later(seconds: float, call: Callable[[], None]) -> Timer:
    """Call something after these seconds, unless the timer is cancelled before."""
    if IN_PAGE:
        from explorer.worker import loop_timer

        return loop_timer.later(seconds, call)
    from explorer.worker import thread_timer

    return thread_timer.later(seconds, call)


def load(package: str, call: Callable[[], None]) -> Timer:
    """Call something in a moment that imports a package; a page fetches this before."""
    if IN_PAGE:
        from explorer.worker import page

        return page.load(package, call)
    return later(0.0, call)
