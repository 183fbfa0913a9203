"""Why there is no answer."""

from explorer.core.network.errors import Refusal

#: What is missing in a web page, and where it is.
NO_KERAS = (
    "Keras does not run in this page: ▶ Run uses the browser. Keras runs on Binder, or where you "
    "pip install the package."
)


class WorkerDied(RuntimeError):
    """The worker process ended in the middle of a request."""


class NoKeras(Refusal):
    """Keras cannot be had where this runs, which says so and names where it can."""


def failure_text(error: Exception, restart: str) -> str:
    """Return what to say of a request that failed.

    Args:
        error: What it failed with.
        restart: Says what starts a lost process again: "The next change starts it again."
    """
    message = str(error) or type(error).__name__
    return f"{message} {restart}" if isinstance(error, WorkerDied) else message


class GivenUp(Exception):
    """A measurement ended early, because nobody waits for it any more."""
