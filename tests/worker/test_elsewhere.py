"""Keras asked where a worker of an executor is, of Dask's above all."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from explorer import UNet, profile_device, search, time_best
from explorer.core.asking.failures import WorkerDied
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import TimeModel
from explorer.core.network.errors import ParameterError, Refusal
from explorer.worker import elsewhere
from explorer.worker.elsewhere import result
from explorer.worker.timing_functions import asked

distributed = pytest.importorskip("distributed")

# Workers that end say so by warnings, which are errors here.
pytestmark = pytest.mark.filterwarnings("ignore")

GPU = {"GPU": 1}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A cluster of a worker that has a GPU by name; none is needed to measure on its processor."""
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, resources=GPU, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


@pytest.fixture
def executor(client: Any) -> Executor:
    return client.get_executor(resources=GPU)


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as found:
        yield found


def test_the_best_are_timed_where_the_worker_is(executor: Executor) -> None:
    found = search(
        UNet(down_blocks=2, up_blocks=2), vary={"filters": (4, 8)}, input_shape=(32, 32, 1)
    )

    timed = time_best(found, 1, device="CPU:0", executor=executor)

    assert 0 < timed[0].measured < 10
    assert timed.to_json() != found.to_json()


def test_a_device_is_profiled_where_the_worker_is(executor: Executor) -> None:
    with pytest.raises(Refusal, match="give more seconds"):
        profile_device(device="CPU:0", seconds=0, executor=executor)


def test_a_choice_that_cannot_be_used_there_is_told(executor: Executor) -> None:
    question = TimeModel(UNet(), (32, 32, 1), 1, Measurement(device="GPU:7"))
    with pytest.raises(ParameterError, match="GPU:7"):
        result(partial(asked, question), executor)


def test_without_the_resource_nothing_is_waited_for(client: Any) -> None:
    for missing in ({"GPU": 2}, {"TPU": 1}):
        with pytest.raises(Refusal, match=r'None of the cluster.s 1 .*--resources "[GT]PU=\d"'):
            result(os.getpid, client.get_executor(resources=missing))


def test_a_resource_that_is_lost_is_not_waited_for_for_ever(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "PAUSE", 0.05)
    monkeypatch.setattr(elsewhere, "PATIENCE", 0.2)
    answers = iter(["", "", "none has it", "", *["none has it"] * 1000])
    monkeypatch.setattr(elsewhere, "_lacking", lambda executor: next(answers))
    with pytest.raises(Refusal, match="none has it"):
        result(os.getpid, client.get_executor(resources={"TPU": 1}))
    assert next(answers) == "none has it"


def run_at() -> tuple[float, float]:
    began = time.time()
    time.sleep(0.5)
    return began, time.time()


def test_one_is_at_work_at_a_time(executor: Executor) -> None:
    """Though the worker has two threads."""
    with ThreadPoolExecutor(2) as both:
        first, second = sorted(both.map(lambda _: result(run_at, executor), range(2)))
    assert first[1] <= second[0]


def ids() -> tuple[int, int]:
    print("what is printed is no answer")
    return os.getppid(), os.getpid()


def test_nothing_is_left_in_the_worker(client: Any, executor: Executor) -> None:
    (worker,) = client.run(os.getpid).values()
    first, second = result(ids, executor), result(ids, executor)
    assert first[0] == second[0] == worker
    assert first[1] != second[1]


def lose_the_worker() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


def is_running(pid: int) -> bool:
    """Return whether a process has not ended; who should ask how it did may have ended itself."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def lose_it_once(file: Path) -> str:
    if file.exists():
        return "done"
    file.write_text(str(os.getpid()))
    lose_the_worker()
    return "not reached"


def test_a_worker_that_is_lost_costs_nothing_but_time(executor: Executor, tmp_path: Path) -> None:
    file = tmp_path / "lost"
    assert result(partial(lose_it_once, file), executor) == "done"
    begun = int(file.read_text())
    deadline = time.monotonic() + 30  # the process that it had started ends as well
    while is_running(begun) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running(begun)


def test_workers_that_are_lost_again_and_again_are_told(executor: Executor) -> None:
    with pytest.raises(WorkerDied, match="lost the worker that measured"):
        result(lose_the_worker, executor)


class Broken(Executor):
    """Loses its worker, or lacks explorer there."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def submit(self, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(self.error)
        return future


def test_a_cluster_whose_workers_are_still_started_is_waited_for() -> None:
    with (
        distributed.LocalCluster(
            n_workers=0, threads_per_worker=1, resources=GPU, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
        ThreadPoolExecutor(1) as other,
    ):
        waiting = other.submit(result, os.getpid, client.get_executor(resources=GPU))
        cluster.scale(1)
        assert waiting.result() > 0


class Own(Exception):
    """Holds what can't be sent."""

    def __init__(self) -> None:
        super().__init__("the file is empty")
        self.lock = threading.Lock()


def fail() -> None:
    raise Own


def test_an_error_that_cannot_be_sent_is_told_by_its_words(threads: Executor) -> None:
    with pytest.raises(RuntimeError, match="Own: the file is empty"):
        result(fail, threads)


def test_what_is_no_text_among_pythons_paths_is_no_folder(
    threads: Executor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, tmp_path])
    assert result(os.getpid, threads) != os.getpid()


def test_an_interrupt_of_the_kernel_does_not_end_it(threads: Executor) -> None:
    assert result(partial(signal.raise_signal, signal.SIGINT), threads) is None


def test_any_executor_that_loses_its_worker_says_so() -> None:
    with pytest.raises(WorkerDied, match="lost the worker that measured"):
        result(os.getpid, Broken(BrokenProcessPool("gone")))


def test_a_machine_without_the_package_is_told() -> None:
    with pytest.raises(Refusal, match=r"No module named 'explorer'.*install there"):
        result(os.getpid, Broken(ModuleNotFoundError("No module named 'explorer'")))


def need_another_package() -> None:
    import no_such_package  # noqa: F401


def test_a_machine_without_a_package_that_is_needed_is_told(threads: Executor) -> None:
    with pytest.raises(Refusal, match=r"No module named 'no_such_package'.*install there"):
        result(need_another_package, threads)


def test_a_process_that_ends_is_told(threads: Executor) -> None:
    with pytest.raises(WorkerDied, match="ended with code 3"):
        result(partial(os._exit, 3), threads)


def test_what_is_no_executor_is_refused(client: Any) -> None:
    for given in (client, "GPU"):
        with pytest.raises(ParameterError, match=r"is no executor.*client\.get_executor"):
            result(os.getpid, given)
        with pytest.raises(ParameterError, match=r"is no executor.*client\.get_executor"):
            search(UNet, vary={"filters": (4, 8)}, executor=given)
