"""What runs in the Keras process, whatever it is asked: it says how far it is, and gives up."""

import gc
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Any

import psutil

from explorer.core.asking.failures import GivenUp

#: Seconds that a request may take without a sign of progress; one that takes longer hangs.
TIME_LIMIT = 300.0
#: Seconds that a stage of a request may take, whatever it said: a day.
LONGEST_STAGE = 86_400.0

#: How the backends, and CUDA beneath them, say that memory ran out.
_EXHAUSTED = re.compile(r"resource.?exhausted|out.of.memory|alloc.?failed", re.IGNORECASE)

# Semaphores: no lock of them can be lost with a process.
_signal: Any = None  # released when a request is overtaken
_able: Any = None  # to be released when the process can answer
_is_overtaken = False
_patience: Any = None  # a semaphore of as many units as time limits that may still pass
_stage_limits = 1  # how many of them a stage of the request under way may take


def is_overtaken() -> bool:
    """Return whether nobody waits for the request under way any more; asked in the worker.

    Asking is also the sign that the request makes progress.
    """
    global _is_overtaken
    _show_progress()
    _is_overtaken = _is_overtaken or (_signal is not None and _signal.acquire(block=False))
    return _is_overtaken


def expect(seconds: float) -> None:
    """Say how long each stage of the request under way may take, if that is long.

    Args:
        seconds: Between two times that `is_overtaken` is asked, generously.
    """
    global _stage_limits
    _stage_limits = max(1, ceil(min(seconds, LONGEST_STAGE) / TIME_LIMIT))
    _show_progress()


def _show_progress() -> None:
    """Have the kernel wait for another stage."""
    if _patience is None:
        return
    while _patience.acquire(block=False):
        pass
    for _ in range(_stage_limits):
        _patience.release()


def begin(parent: int, overtaken: Any, able: Any, patience: Any) -> None:
    """Prepare the process.

    Args:
        parent: The kernel's process: when it ends, so does this one.
        overtaken: A semaphore that the kernel releases when a request is overtaken.
        able: One to be released when the process can answer.
        patience: One of as many units as time limits that may still pass.
    """
    global _signal, _able, _patience
    _signal, _able, _patience = overtaken, able, patience
    # Interrupting a kernel interrupts its processes too; this one is the kernel's to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):  # where memory runs out, Linux shall end this process, not the kernel
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "0":
        _silence_logs()
    end_with(parent)


def _silence_logs() -> None:
    """Keep logs and warnings out of the notebook, where they look like errors.

    TensorFlow writes some lines before it reads how much it may say. What the code of a user's own
    class prints still comes.
    """
    logging.disable()
    warnings.simplefilter("ignore")
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def end_with(parent: int) -> None:
    """End this process when its parent is gone."""

    def watch() -> None:
        pause = threading.Event()
        while psutil.pid_exists(parent) and os.getppid() == parent:
            pause.wait(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class RunAgain(Exception):
    """Raised by a request that is to be run again, for want of memory; once each way.

    Attributes:
        first: What to run before it in a new process; None to stay in this one.
        refusal: What to tell if the process does not survive it; empty if it surely does.
    """

    def __init__(self, first: Callable[[], Any] | None = None, refusal: str = "") -> None:
        super().__init__(first, refusal)
        self.first = first
        self.refusal = refusal


_is_afresh = False
_is_tried = False


def is_afresh() -> bool:
    """Return whether the request under way has been given a new process; asked in the worker."""
    return _is_afresh


def is_tried() -> bool:
    """Return whether the request under way may cost the process; asked in the worker."""
    return _is_tried


def again(first: Callable[[], Any] | None, is_tried: bool, work: Callable[[], Any]) -> Any:
    """Run what asked for that by `RunAgain`.

    Args:
        first: What the process lacks, if it is a new one.
        is_tried: Whether it may cost the process.
        work: What to run.
    """
    global _is_afresh, _is_tried
    _is_afresh, _is_tried = first is not None, is_tried
    try:
        if first:
            first()
        return work()
    finally:
        _is_afresh = _is_tried = False


def _module_of(work: Callable[[], Any]) -> str:
    return str(getattr(getattr(work, "func", work), "__module__", ""))


def run(work: Callable[[], Any]) -> Any:
    """Run a request, with errors that the kernel can read without importing anything."""
    global _is_overtaken, _stage_limits
    _is_overtaken, _stage_limits = False, 1
    try:
        needs_keras = _module_of(work).startswith("explorer.")
        if needs_keras:
            from explorer.keras_side.backends import find_device

            find_device()  # imports Keras and starts its backend
        if _able is not None:
            _able.release()
        if needs_keras and is_overtaken():
            raise GivenUp
        return work()
    except Exception as error:
        module = type(error).__module__.partition(".")[0]
        text = f"{type(error).__name__}: {error}"
        if module == "explorer" or (module == "builtins" and not isinstance(error, MemoryError)):
            raise
        plain: Exception = RuntimeError(text)
        if isinstance(error, MemoryError) or _EXHAUSTED.search(text):
            plain = MemoryError(
                "Running the model took more memory than there is: use a smaller batch, image "
                f"size or width. ({text[:300]})"
            )
    # Raised in there, it would hold the error, and so the tensors of all that was under way.
    gc.collect()
    raise plain
