"""A worker for tests of what asks it and shows its answers: nothing runs until the test says so."""

import threading

from explorer.worker.answering import answer
from explorer.worker.process import Worker


class StillWorker(Worker):
    """Notes what it is asked.

    Attributes:
        requests: Owner, work, and what to call with the result or the error, of each request.
        asked: Released once for each request, which may come from a timer.
        cancelled: The owners that cancelled their requests.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_ready = True
        self.requests: list[tuple] = []
        self.asked = threading.Semaphore(0)
        self.cancelled: list[object] = []

    def submit(self, owner, work, done, failed) -> None:
        self.requests.append((owner, work, done, failed))
        self.asked.release()

    def cancel(self, owner) -> None:
        self.cancelled.append(owner)

    def answer(self) -> None:
        """Answer the latest request in this process."""
        _, work, done, failed = self.requests[-1]
        try:
            result = work() if callable(work) else answer(work)
        except Exception as error:
            failed(error)
        else:
            done(result)
