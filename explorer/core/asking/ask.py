"""What is asked of the Keras process, and which of its answers still count.

A question is about something on screen, which can change before the answer comes. The worker is
had with the first question, which is after the first picture.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

import attrs

from explorer.core.asking.failures import failure_text
from explorer.core.asking.questions import Question
from explorer.core.guard import guarded
from explorer.core.ports import Answerer

About = TypeVar("About")


@attrs.frozen
class Failure:
    """Why there is no answer.

    Attributes:
        error: What the request failed with.
        text: What to say of it.
    """

    error: Exception
    text: str


class Ask(Generic[About]):
    """Asks the worker one question at a time: a newer one takes the place of the last.

    An answer is handed over if it still counts. All that is called here is called under the lock
    under which the screen changes, unless it says otherwise.
    """

    def __init__(
        self,
        answerer: Callable[[], Answerer],
        lock: AbstractContextManager[Any],
        alert: Callable[[str], None],
        restart: str,
        counts: Callable[[About], bool] | None = None,
    ) -> None:
        """Begin with nothing asked.

        Args:
            answerer: Returns who is asked; called with the first question.
            lock: The lock, which one thread can take several times.
            alert: Shows the text of an unforeseen error.
            restart: Says what starts the process again, if a failure is that it was lost: "The
                next change starts it again."
            counts: Returns whether an answer to a question counts, whatever was asked, dropped or
                out of date since; if None, only one to the last question does.
        """
        self._answerer = answerer
        self._lock = lock
        self._alert = alert
        self._restart = restart
        self._counts = counts
        self._latest: _Request | None = None
        self._unanswered: _Request | None = None  # what the worker is at, whether it counts or not
        self._is_closed = False

    @cached_property
    def worker(self) -> Answerer:
        """The worker that is asked."""
        return self._answerer()

    @property
    def question(self) -> About | None:
        """What was asked last, also when it was answered; None if that no longer counts."""
        return self._latest.question if self._latest else None

    @property
    def is_under_way(self) -> bool:
        """Whether the worker has yet to answer, if only what no longer counts."""
        return self._unanswered is not None

    def outlook(self, at_work: str) -> str:
        """Return what to tell of a question.

        Args:
            at_work: What to tell unless it has to wait.
        """
        return self.worker.outlook(self, at_work)

    def submit(
        self,
        question: About,
        work: Question | Callable[[], Any],
        answered: Callable[[Any], None],
        failed: Callable[[Failure], None],
        *,
        prepare: Callable[[Any], Any] | None = None,
        anyway: Callable[[Exception | None], None] | None = None,
    ) -> None:
        """Ask in place of what was asked before.

        Args:
            question: What it is about.
            work: What is asked; or what the worker runs, which is pickled.
            answered: Called with the result, if it counts.
            failed: Called with the failure, if it counts.
            prepare: Called with the result before, without the lock, since it takes a while; what
                it returns is handed over instead.
            anyway: Called first, with the error if there is one, also if the answer no longer
                counts.
        """
        with self._lock:
            if not self._is_closed:
                request = _Request(question, answered, failed, prepare, anyway)
                # Before the worker is asked: where it can't be started, it answers at once.
                self._latest = self._unanswered = request
                answer, fail = partial(self._answered, request), partial(self._failed, request)
                self.worker.submit(self, work, answer, fail)

    def outdate(self) -> None:
        """Let no answer count; the worker goes on until it is asked again."""
        self._latest = None

    def drop(self) -> None:
        """Let no answer count, and have the worker give up.

        It may have answered already; `counts`, where given, decides of that.
        """
        with self._lock:
            if self._unanswered:
                self.worker.cancel(self)
                self._unanswered = None
            self.outdate()

    def close(self) -> None:
        """Drop what was asked, and ask nothing any more."""
        with self._lock:
            self._is_closed = True
            self.drop()

    @guarded
    def _answered(self, request: "_Request", result: Any) -> None:
        with self._lock:
            if not self._has_come(request, None):
                return
        if request.prepare:
            result = request.prepare(result)
        with self._lock:
            if self._is_current(request):
                request.answered(result)

    @guarded
    def _failed(self, request: "_Request", error: Exception) -> None:
        with self._lock:
            if self._has_come(request, error):
                request.failed(Failure(error, failure_text(error, self._restart)))

    def _has_come(self, request: "_Request", error: Exception | None) -> bool:
        """Note that an answer is there, and return whether it counts."""
        if self._unanswered is request:
            self._unanswered = None
        if request.anyway and not self._is_closed:
            request.anyway(error)
        return self._is_current(request)

    def _is_current(self, request: "_Request") -> bool:
        if self._is_closed:
            return False
        return self._counts(request.question) if self._counts else request is self._latest


@attrs.frozen(eq=False)
class _Request:
    question: Any
    answered: Callable[[Any], None]
    failed: Callable[[Failure], None]
    prepare: Callable[[Any], Any] | None
    anyway: Callable[[Exception | None], None] | None
