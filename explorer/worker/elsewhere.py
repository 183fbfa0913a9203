"""Keras asked on another machine: by a process that a worker of an executor starts there.

Dask's workers may start none by `multiprocessing`, and neither Keras nor what it holds of a GPU
shall stay in them. So a worker starts a Python, which asks a Keras process as a kernel does.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from explorer.core.asking.failures import WorkerDied
from explorer.core.network.errors import Refusal
from explorer.searching.running import checked_executor, is_dask, is_lost, submitted

#: Seconds between two looks at whether a worker can do what is waited for, and for which none may.
PAUSE, PATIENCE = 5.0, 60.0

_SERVE = "from explorer.worker.elsewhere import serve; serve()"


def result(work: Callable[[], Any], executor: Executor) -> Any:
    """Return what comes of work that asks Keras, on the machine of an executor's worker.

    Whoever is interrupted cancels what has not begun; what has begun goes on to its end. While a
    cluster has no worker at all, as one that is being started, it is waited for.

    Args:
        work: What to do there; it is pickled.
        executor: Any of `concurrent.futures`' kind.

    Raises:
        Refusal: If no worker has the resources that the executor asks for, or one lacks a package.
        WorkerDied: If the worker was lost, or the process that it started.
        Exception: What the work raises.
    """
    import cloudpickle  # type: ignore[import-untyped]

    checked_executor(executor, "measurement")
    if lacking := _lacking(executor):
        raise Refusal(lacking)
    future = submitted(executor, _in_own_process, cloudpickle.dumps(work))
    could = monotonic()
    try:
        while not wait([future], timeout=PAUSE).done:
            lacking = _lacking(executor)
            if not lacking:
                could = monotonic()
            elif monotonic() - could > PATIENCE:  # one that was lost may be started again
                raise Refusal(lacking)
        came, error = pickle.loads(future.result())
    except Exception as raised:
        if is_lost(raised):
            raise WorkerDied(
                f"The executor lost the worker that measured ({raised or type(raised).__name__}): "
                "look at its log, or try again with fewer or smaller networks."
            ) from raised
        came, error = None, raised
    finally:
        future.cancel()
    if isinstance(error, ImportError):
        raise Refusal(
            f"A worker of the executor can't import what is needed ({error}): install there what "
            "is installed here."
        ) from error
    if error is not None:
        raise error
    return came


def _lacking(executor: Any) -> str:
    """Return that no worker of Dask's has the resources that are asked for, if there are any."""
    wanted = (is_dask(executor) and executor._kwargs.get("resources")) or {}
    if not wanted:
        return ""
    workers = executor._client.scheduler_info(n_workers=-1)["workers"].values()
    for worker in workers:
        if all(worker["resources"].get(name, 0) >= least for name, least in wanted.items()):
            return ""
    if not workers:
        return ""
    told = " ".join(f"{name}={least:g}" for name, least in wanted.items())
    return (
        f"None of the cluster's {len(workers)} workers has the resources {told}: start one that "
        f'does, by dask worker … --resources "{told}", or ask for none.'
    )


def _in_own_process(work: bytes) -> bytes:
    """Return what comes of pickled work in a new process, pickled; runs in the worker."""
    folders = os.pathsep.join(each for each in sys.path if isinstance(each, str))
    with TemporaryDirectory() as made:
        answer = Path(made, "answer")  # what is printed goes to the worker's log
        done = subprocess.run(
            [sys.executable, "-c", _SERVE, answer],
            input=work,
            env=os.environ | {"PYTHONPATH": folders},
        )
        if done.returncode != 0:
            raise WorkerDied(
                f"The process that a worker of the executor started to measure ended with code "
                f"{done.returncode}: the worker's log may say why."
            )
        return answer.read_bytes()


def serve() -> None:
    """Do the work that standard input has, and write what comes of it; runs in the new process."""
    import cloudpickle

    from explorer.worker.in_process import end_with
    from explorer.worker.process import shared_worker

    # Interrupting a kernel interrupts the processes of its workers too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(os.getppid())
    came, error = None, None
    try:
        came = pickle.load(sys.stdin.buffer)()
    except Exception as raised:
        error = raised
    shared_worker().stop()
    try:
        content = cloudpickle.dumps((came, error))
    except Exception as raised:  # it holds what can't be sent
        about = error or raised
        content = pickle.dumps((None, RuntimeError(f"{type(about).__name__}: {about}")))
    Path(sys.argv[1]).write_bytes(content)
