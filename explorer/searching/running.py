"""Chunks of work on an executor: streamed as they are done, done again where a worker is lost."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from typing import Any, TypeVar

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")

#: Chunks that wait in the executor at most, for each that is wanted back: so that little is lost
#: when the user stops.
AHEAD = 64
#: How often a chunk is given to an executor before it is done here.
TRIES = 3


def results(
    do: Callable[[Chunk], Result], chunks: Sequence[Chunk], executor: Executor | None
) -> Iterator[Result]:
    """Yield what comes of each chunk, as it is done, in any order.

    Whoever stops listening cancels what has not begun.

    Args:
        do: Does a chunk; it goes to another process with it.
        chunks: The chunks.
        executor: Does them; None: they are done here, one after the other.

    Raises:
        Exception: What `do` raises.
    """
    if executor is None:
        yield from map(do, chunks)
        return
    waiting = list(reversed(chunks))
    tries: dict[Any, int] = {}
    running: dict[Future[Result], Chunk] = {}
    is_broken = False
    try:
        while waiting or running:
            while waiting and len(running) < AHEAD and not is_broken:
                chunk = waiting.pop()
                try:
                    running[executor.submit(do, chunk)] = chunk
                except (BrokenExecutor, RuntimeError):  # it was lost, or shut down
                    waiting.append(chunk)
                    is_broken = True
            if not running:
                yield do(waiting.pop())
                continue
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                chunk = running.pop(future)
                try:
                    result = future.result()
                except (BrokenExecutor, CancelledError):
                    key = id(chunk)
                    tries[key] = tries.get(key, 0) + 1
                    if tries[key] >= TRIES:
                        is_broken = True
                    waiting.append(chunk)
                else:
                    yield result
    finally:
        for future in running:
            future.cancel()
