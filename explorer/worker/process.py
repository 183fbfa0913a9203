"""A process beside the notebook kernel, that may run out of memory, crash or hang at no great loss.

One process serves all explorers of a kernel. Each has at most one request waiting (a newer one
takes its place), and they take turns. A request that was overtaken while it ran is told so, and
ended with its process if it does not listen. A process that is lost costs its request; the next
request starts a new one.
"""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import attrs
import loky
import psutil

from explorer.core.asking.failures import WorkerDied
from explorer.core.asking.questions import Question
from explorer.worker import in_process
from explorer.worker.answering import answer
from explorer.worker.in_process import TIME_LIMIT, RunAgain
from explorer.worker.thread_timer import later

#: Seconds that a request which was overtaken may go on.
GRACE = 10.0
#: Seconds between two looks at whether the process can answer.
PAUSE = 0.1
#: Seconds between two looks at the memory that a request leaves which may take it all.
MEMORY_PAUSE = 0.05
#: What it has to leave, as a share of all.
RESERVE = 0.02


class CannotStart(RuntimeError):
    """The worker process cannot be started; says what is in the way."""


#: Where Linux keeps the locks that processes share.
_SHARED = Path("/dev/shm")
#: What the locks of a process take there.
_LOCKS_BYTES = 65_536


def _start_problem(error: OSError) -> CannotStart:
    """Return what is in the way of a process, as far as it can be found out."""
    what = "The Keras process cannot be started: "
    if sys.platform == "linux" and (problem := _folder_problem(_SHARED)):
        return CannotStart(
            f"{what}{_SHARED}, the folder for locks that processes share, {problem}, then try "
            "again."
        )
    try:
        tempfile.gettempdir()
    except OSError:
        return CannotStart(
            f"{what}there is no folder for temporary files that can be written: set TMPDIR to one, "
            "and restart the kernel."
        )
    return CannotStart(f"{what}{error}. End other programs, then try again.")


def _folder_problem(folder: Path) -> str:
    """Return why nothing can be written into a folder, and what to do; empty if it can be."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return "is not there: mount it"
    if room.f_flag & os.ST_RDONLY:
        return "is read-only: mount it so that it can be written"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "cannot be written by this user: change its permissions"
    has_room = room.f_bavail * room.f_frsize >= _LOCKS_BYTES and (room.f_favail or not room.f_files)
    return "" if has_room else "is full: delete files in it, or make it larger"


@attrs.frozen(eq=False)
class _Request:
    owner: object
    work: Callable[[], Any]
    done: Callable[[Any], None]
    failed: Callable[[Exception], None]
    refusal: str = ""  # what to tell if memory does not last


class Worker:
    """A process that runs one request after the other; for each owner the latest one counts.

    Attributes:
        is_ready: Whether the process has answered, and has not been lost since.
        time_limit: Seconds without a sign of progress after which the process is taken to hang at
            a request, and ended.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._executor: Any = None
        self._running: _Request | None = None
        self._waiting: dict[object, _Request] = {}
        self._overtaken: _Request | None = None  # the running one, once nobody waits for it
        self._signal: Any = None  # made with the first process, as the next two
        self._able: Any = None
        self._patience: Any = None
        self._can_answer = False  # to the running one
        self._timers: dict[str, threading.Timer] = {}  # that may end the running one, and why
        self._waited = 0  # how often its time was up
        self._ended_because = ""
        self.is_ready = False
        self.time_limit = TIME_LIMIT

    def submit(
        self,
        owner: object,
        work: Question | Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Have a question answered in place of what this owner had waiting or running.

        Args:
            owner: Whose request it is.
            work: The question; or what to run, which is pickled, so a `functools.partial` of a
                module's function.
            done: Called in a thread with the result.
            failed: Called in a thread with the error; `WorkerDied` when the process ended. Of a
                request that was overtaken, neither may be called.
        """
        with self._lock:
            self.cancel(owner)
            call = work if callable(work) else partial(answer, work)
            self._waiting[owner] = _Request(owner, call, done, failed)
        self._start_next()

    def outlook(self, owner: object, at_work: str) -> str:
        """Return what to tell of a request that this owner makes.

        Args:
            owner: Whose request it is.
            at_work: What to tell unless the request has to wait.
        """
        if not self.is_ready:
            return "Keras is starting, which takes some seconds; all else already works …"
        running = self._running
        if running is None or running.owner == owner:
            return at_work
        return "Waiting until Keras has done what it was asked before …"

    def cancel(self, owner: object) -> None:
        """Forget what this owner has waiting or running."""
        with self._lock:
            self._waiting.pop(owner, None)
            running = self._running
            if running is not None and running.owner == owner and not self._overtaken:
                self._overtaken = running
                if self._signal is not None:
                    self._signal.release()
                self._end_after(GRACE, running, "overtaken")

    def _start_next(self) -> None:
        with self._lock:
            if self._running or not self._waiting:
                return
            request = self._waiting.pop(next(iter(self._waiting)))
            self._running = request
            self._overtaken = None
            self._can_answer = False
            self._ended_because = ""
            self._waited = 0
            try:
                self._forget_signals()
                future = self._start(partial(in_process.run, request.work))
            except Exception as error:  # the process could not be started, or was just lost
                future = Future()
                future.set_exception(_start_problem(error) if isinstance(error, OSError) else error)
            self._end_after(self.time_limit, request, "hung")
            if request.refusal:
                self._end_before_memory_runs_out(request)
        # Outside the lock: a finished future calls back at once, in this thread.
        future.add_done_callback(partial(self._finish, request))

    def _forget_signals(self) -> None:
        """Take back what was signalled about the last request; the first time, make the signals."""
        if self._signal is None:
            context = loky.backend.get_context("loky")
            signals = context.Semaphore(0), context.Semaphore(0), context.Semaphore(0)
            self._signal, self._able, self._patience = signals
        for signalled in (self._signal, self._able, self._patience):
            while signalled.acquire(block=False):
                pass

    def _out_of_time(self, request: _Request) -> None:
        """End the process, unless it has shown that the request makes progress."""
        with self._lock:
            if self._running is not request:
                return
            self._waited += 1
            if self._patience is not None and self._patience.acquire(block=False):
                self._end_after(self.time_limit, request, "hung")
                return
        self._end(request, "hung")

    def _start(self, work: Callable[[], Any]) -> "Future[Any]":
        """Give work to the process; one that ended while nothing was asked of it is replaced."""
        if self._executor is not None:
            try:
                return self._submit(work)
            except loky.process_executor.BrokenProcessPool:
                self.is_ready = False
        environment = {
            # Only who asks for all logs gets them; JAX sets another level when it is imported.
            "TF_CPP_MIN_LOG_LEVEL": ("0" if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0" else "3"),
            # Loky replaces processes that grow by 300 MB, as if they leaked; ours holds models.
            "LOKY_MAX_MEMORY_LEAK_SIZE": "1e18",
        }
        self._executor = loky.ProcessPoolExecutor(
            max_workers=1,
            initializer=in_process.begin,
            initargs=(os.getpid(), self._signal, self._able, self._patience),
            env=environment,
        )
        return self._submit(work)

    def _submit(self, work: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = self._executor.submit(work)
        return future

    def _end_after(
        self, seconds: float, request: _Request, reason: str, waited: float = 0.0
    ) -> None:
        """End the process if it is at this request so long after it could answer.

        Args:
            seconds: How long.
            request: The request.
            reason: "hung" or "overtaken".
            waited: Seconds for which it could not answer; after the usual limit it hangs.
        """
        with self._lock:
            if self._running is not request:
                return
            if self._able is not None and self._able.acquire(block=False):
                self._can_answer = True
            if self._can_answer:
                call = partial(self._end, request, reason)
                if reason == "hung":
                    call = partial(self._out_of_time, request)
            elif waited < TIME_LIMIT:
                call = partial(self._end_after, seconds, request, reason, waited + PAUSE)
                seconds = PAUSE
            else:
                call, seconds = partial(self._end, request, "hung"), 0.0
            self._timers[reason] = later(seconds, call)

    def _end_before_memory_runs_out(self, request: _Request) -> None:
        """End the process when it has taken all but a little of the machine's memory.

        Else others would have to give way first. Where a container's limit is reached, Linux ends
        the process itself, and better: of one that was ended from here, it would not wait for the
        memory, and end another.
        """
        memory = psutil.virtual_memory()
        if memory.available < RESERVE * memory.total:
            self._end(request, "memory")
            return
        with self._lock:
            if self._running is request:
                look = partial(self._end_before_memory_runs_out, request)
                self._timers["memory"] = later(MEMORY_PAUSE, look)

    def _end(self, request: _Request, reason: str) -> None:
        """End the process if it is still at this request."""
        with self._lock:
            if self._running is not request or self._executor is None:
                return
            self._ended_because = reason
            executor = self._executor
        executor.shutdown(wait=False, kill_workers=True)

    def _finish(self, request: _Request, future: "Future[Any]") -> None:
        error = future.exception()
        with self._lock:
            for timer in self._timers.values():
                timer.cancel()
            self._timers = {}
            lost = isinstance(error, loky.process_executor.BrokenProcessPool) or bool(
                self._ended_because and error
            )
            overtaken = self._overtaken is request
            self._running = None
            again = isinstance(error, RunAgain) and not overtaken
            if isinstance(error, RunAgain):
                if error.first and self._executor is not None:
                    self._executor.shutdown(wait=False, kill_workers=True)
                    self._executor = None
                if again:
                    work = partial(in_process.again, error.first, bool(error.refusal), request.work)
                    retried = attrs.evolve(request, work=work, refusal=error.refusal)
                    # A newer request keeps its place.
                    self._waiting = {request.owner: retried} | self._waiting
            if lost:
                self._executor = None
            self.is_ready = self._executor is not None and not isinstance(error, CannotStart)
        try:
            if again:
                pass  # it has its turn
            elif error is None:
                request.done(future.result())
            elif overtaken:
                pass  # it was told to give up, or ended
            elif lost:
                request.failed(self._died(error, request.refusal))
            elif isinstance(error, Exception):
                request.failed(error)
        finally:
            self._start_next()

    def _died(self, error: BaseException, refusal: str) -> WorkerDied:
        """Return what to say of a lost process: what happened, likely why, and what to do.

        Args:
            error: What it was lost with.
            refusal: What to say if memory ran out; empty if that was not expected.
        """
        smaller = "use a smaller batch, image size or width"
        killed = not self._ended_because and "SIGKILL" in str(error)
        if refusal and (killed or self._ended_because == "memory"):
            what = f"{refusal} It was tried, and memory ran out."
        elif self._ended_because:
            what = (
                f"The Keras process gave no answer for {self._waited * self.time_limit:g} s, nor a "
                "sign of progress, so it was ended: "
                f"the model is too large for this machine, or Keras hangs; {smaller}, or try again."
            )
        else:
            named = re.search(r"SIG\w+", str(error))
            name = named[0] if named else "no signal"
            if killed:
                what = (
                    "The Keras process was killed (SIGKILL), most likely by the system because "
                    f"memory ran out: {smaller}."
                )
            else:
                what = (
                    f"The Keras process crashed ({name}), most likely in the native code of its "
                    f"backend or a driver, or for lack of memory: {smaller}, or try again."
                )
        died = WorkerDied(what)
        died.__cause__ = error
        return died

    def stop(self) -> None:
        """End the process; a later request starts a new one."""
        with self._lock:
            executor, self._executor = self._executor, None
            self.is_ready = False
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)


@lru_cache(maxsize=1)
def shared_worker() -> Worker:
    """Return the worker of this kernel."""
    return Worker()
