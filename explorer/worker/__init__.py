"""The process that Keras runs in, and what waits in threads."""

from explorer.core.ports import Answerer


def shared_worker() -> Answerer:
    """Return the worker that all panels ask; its modules are imported with the first question."""
    from explorer.worker import process

    return process.shared_worker()
