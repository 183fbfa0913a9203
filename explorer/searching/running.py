"""Chunks of work on an executor: streamed as they are done, done again where a worker is lost."""

import os
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import suppress
from functools import partial
from typing import Any, Literal, TypeVar

from explorer.core.network.errors import ParameterError

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")

#: Chunks that an executor has, or two for each of its threads, so that it never lacks one.
AHEAD = 256
#: How often a chunk is given to an executor before it is done here.
TRIES = 3
#: Items from which on other processes save more time than it takes to start them.
ENOUGH = 3000
#: Processes of this machine at most, and the seconds that idle ones wait for more.
MOST_PROCESSES, PATIENCE = 16, 60
#: By how much they are nicer than others.
NICE = 10
#: Seconds after which whoever waits for a result is asked whether to go on.
PAUSE = 0.5


def chosen(executor: Executor | Literal["serial"] | None, items: int) -> Executor | None:
    """Return what does the work; None: this process.

    Args:
        executor: What is asked for; None: processes of this machine, where they pay.
        items: How much there is to do.
    """
    if executor == "serial" or (executor is None and items < ENOUGH):
        return None
    return _processes() if executor is None else checked_executor(executor)


def checked_executor(executor: Executor, of: str = "search") -> Executor:
    """Return an executor of a search or of something else, if it is one.

    Raises:
        ParameterError: If not.
    """
    if not isinstance(executor, Executor):
        raise ParameterError(
            of,
            "executor",
            executor,
            "is no executor",
            "give one of concurrent.futures' kind; Dask's is client.get_executor()",
        )
    return executor


def is_dask(executor: Executor) -> bool:
    """Return whether an executor is Dask's."""
    return type(executor).__module__.startswith("distributed.")


def threads_of(executor: Executor) -> int:
    """Return how many threads the workers of an executor have; of one that won't tell, our cores.

    Dask's is asked for those of its cluster as it is now; mpi4py's and the standard library's tell
    how many workers they have.
    """
    client: Any = getattr(executor, "_client", None)
    try:
        if hasattr(client, "nthreads"):
            told = sum(client.nthreads().values())
        else:
            told = getattr(executor, "num_workers", getattr(executor, "_max_workers", 0))
    except Exception:  # whatever a cluster raises that can't be reached just now
        told = 0
    return told if isinstance(told, int) and told > 0 else os.cpu_count() or 1


def _give_way() -> None:
    """Have this process take the time that others leave: edits on screen come first."""
    with suppress(AttributeError, OSError):  # there is no such thing on Windows
        os.nice(NICE)


def _processes() -> Executor | None:
    """Return a process for each core, or None where there is one core, or no process starts."""
    try:
        import loky
    except ImportError:  # in a web page
        return None
    cores = min(loky.cpu_count(), MOST_PROCESSES)
    if cores < 2:
        return None
    try:
        # Those of an earlier search are there still.
        made: Executor = loky.get_reusable_executor(
            cores, timeout=PATIENCE, reuse=True, initializer=_give_way
        )
    except (OSError, ImportError):  # no room for the locks that they share, or no locks
        return None
    return made


def is_lost(error: BaseException) -> bool:
    """Return whether a worker was lost, rather than that its work went wrong."""
    # Dask says so where several of its workers were, one after the other.
    return (
        isinstance(error, BrokenExecutor | CancelledError) or type(error).__name__ == "KilledWorker"
    )


def submitted(executor: Executor, do: Callable[[Chunk], Result], chunk: Chunk) -> Future[Result]:
    """Return the future of a chunk of work that is given to an executor."""
    # Dask would look for a result of the same work first, which takes as long as all else for it.
    options = {"pure": False} if is_dask(executor) else {}
    return executor.submit(do, chunk, **options)


def _pickled(do: Callable[[Chunk], Any], chunk: Chunk) -> bytes:
    return pickle.dumps(do(chunk))


def results(
    do: Callable[[Chunk], Result],
    chunks: Sequence[Chunk],
    executor: Executor | None,
    divided: Callable[[Chunk], Iterable[Chunk]] = lambda chunk: (chunk,),
) -> Iterator[Result | None]:
    """Yield what comes of each chunk, as it is done, in any order; None while nothing comes.

    Whoever stops listening cancels what has not begun.

    Args:
        do: Does a chunk; it goes to another process with it.
        chunks: The chunks.
        executor: Does them; None: they are done here, one after the other.
        divided: Divides a chunk that is done here after all, since whoever listens may have others
            waiting for it.

    Raises:
        Exception: What `do` raises.
    """
    if executor is None:
        yield from map(do, chunks)
        return
    # Of a list, Dask would send each item by itself, which takes it 15 times as long.
    far, near = (partial(_pickled, do), pickle.loads) if is_dask(executor) else (do, None)
    ahead = max(AHEAD, 2 * threads_of(executor))
    waiting = list(reversed(chunks))
    tries: Counter[int] = Counter()
    running: dict[Future[Any], Chunk] = {}
    is_broken = False
    try:
        while waiting or running:
            while waiting and len(running) < ahead and not is_broken:
                chunk = waiting.pop()
                try:
                    running[submitted(executor, far, chunk)] = chunk
                except (BrokenExecutor, RuntimeError, OSError, AssertionError):
                    waiting.append(chunk)  # it was lost or shut down, or may not start
                    is_broken = True
            if not running:
                yield from map(do, divided(waiting.pop()))
                continue
            done, _ = wait(running, timeout=PAUSE, return_when=FIRST_COMPLETED)
            if not done:
                yield None
            for future in done:
                chunk = running.pop(future)
                try:
                    result = future.result()
                except Exception as error:
                    cannot_travel = isinstance(error, pickle.PicklingError)
                    if not cannot_travel and not is_lost(error):
                        raise
                    tries[id(chunk)] += 1
                    is_broken = is_broken or cannot_travel or tries[id(chunk)] >= TRIES
                    waiting.append(chunk)
                else:
                    yield near(result) if near else result
    finally:
        for future in running:
            future.cancel()
