"""A search against brute force, on every executor, whatever becomes of its workers."""

import contextlib
import os
import signal
import sys
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from itertools import product
from multiprocessing import get_context
from pickle import PicklingError
from types import SimpleNamespace
from typing import Any

import loky
import pytest

from explorer import FCDenseNet, Hourglass, UNet, analyze, trace
from explorer.core.analysis.budgets import Budget
from explorer.core.network.errors import ParameterError
from explorer.searching import running
from explorer.searching.front import dominates
from explorer.searching.judging import chunks
from explorer.searching.running import ENOUGH, chosen, results, threads_of
from explorer.searching.search import CHUNK, LARGEST, check, chunk_size, search
from explorer.searching.space import Duplicate, Space

VARY = {
    "filters": [4, 6, 8],
    "down_blocks": [1, 2, 3],
    "kernel_size": [3, 5],
    "stem_blocks": [0, 1],
    "stem_kernel_size": [3, 5, 7],
}
BUDGETS = (Budget("parameters", at_most=30_000), Budget("receptive field", at_least=20))
SHAPE = (32, 32, 1)


def by_hand() -> set[tuple]:
    """The front, and nothing of the search's own code."""
    found = {}
    for filters, down, kernel, stem, stem_kernel in product(*VARY.values()):
        if stem == 0 and stem_kernel != 3:
            continue  # a kernel of no stem
        net = UNet(
            filters=filters,
            down_blocks=down,
            kernel_size=kernel,
            stem_blocks=stem,
            stem_kernel_size=stem_kernel,
            up_blocks=down + stem,
        )
        report = analyze(trace(net, SHAPE))
        if report.total_params <= 30_000 and min(report.receptive_field) >= 20:
            found[net] = (report.total_params, report.macs)
    return {
        (net, scores)
        for net, scores in found.items()
        if not any(dominates(other, scores) for other in found.values())
    }


def found_with(executor: Executor | None):
    found = search(UNet, BUDGETS, vary=VARY, input_shape=SHAPE, executor=executor)
    return {
        (each.design.architecture, (each.values["parameters"], each.values["multiply-adds"]))
        for each in found
    }


def test_finds_what_brute_force_does() -> None:
    found = search(UNet, BUDGETS, vary=VARY, input_shape=SHAPE)
    assert found_with(None) == by_hand()
    assert found.tried == 108
    assert found.skipped["the same network as another"] == 36
    assert sum(found.skipped.values()) + len(found.candidates) <= found.tried
    assert set(found.missed) <= {"parameters", "receptive field"}


def test_any_executor_gives_the_same() -> None:
    serial = repr(search(UNet, BUDGETS, vary=VARY, input_shape=SHAPE))
    with ThreadPoolExecutor(2) as threads:
        assert repr(search(UNet, BUDGETS, vary=VARY, input_shape=SHAPE, executor=threads)) == serial
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        assert (
            repr(search(UNet, BUDGETS, vary=VARY, input_shape=SHAPE, executor=processes)) == serial
        )


def square(number: int) -> int:
    return number * number


MAIN = os.getpid()


def die_once(given: tuple[int, int]) -> int:
    main, number = given
    if os.getpid() != main and number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def test_a_worker_that_dies_costs_nothing_but_time() -> None:
    chunks = [(MAIN, number) for number in range(20)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        found = sorted(each for each in results(die_once, chunks, processes) if each is not None)
    assert found == [number * number for number in range(20)]


class Broken(Executor):
    """Takes some chunks, and loses them all."""

    def __init__(self, takes: int, why: Exception | None = None) -> None:
        self.takes = takes
        self.why = why or BrokenExecutor("gone")

    def fail(self, *given, **named):
        raise OSError("no room for locks")

    def submit(self, fn, /, *args, **kwargs):
        if not self.takes:
            raise BrokenExecutor("gone")
        self.takes -= 1
        future: Future = Future()
        future.set_exception(self.why)
        return future


@pytest.mark.parametrize("takes", [0, 1, 50])
def test_an_executor_that_is_lost_is_done_without(takes: int) -> None:
    assert sorted(results(square, range(10), Broken(takes))) == [n * n for n in range(10)]


def test_a_chunk_that_is_done_here_after_all_is_divided() -> None:
    """Whoever listens may have others waiting."""
    found = results(sum, [[1, 2], [3, 4, 5]], Broken(0), lambda chunk: [[each] for each in chunk])
    assert list(found) == [1, 2, 3, 4, 5]


def test_each_thread_of_a_large_cluster_has_a_chunk() -> None:
    class Large(Executor):
        _max_workers = 400

        def __init__(self) -> None:
            self.running: list[Future] = []

        def submit(self, fn, /, *args, **kwargs):
            self.running.append(Future())
            return self.running[-1]

    executor = Large()
    coming = results(square, range(1000), executor)
    assert next(coming) is None
    assert len(executor.running) == 800
    coming.close()  # type: ignore[attr-defined]


@pytest.mark.skipif(not hasattr(os, "nice"), reason="no process is nicer than another")
def test_processes_of_this_machine_give_way(monkeypatch) -> None:
    monkeypatch.setattr(loky, "cpu_count", lambda: 2)
    processes = chosen(None, ENOUGH)
    try:
        assert processes is not None
        theirs = processes.submit(os.nice, 0).result()
    finally:
        processes.shutdown(kill_workers=True)
    assert theirs == min(19, os.nice(0) + running.NICE)


def test_what_cannot_travel_is_done_here() -> None:
    executor = Broken(50, PicklingError("a class of a notebook"))
    assert sorted(results(square, range(10), executor)) == [n * n for n in range(10)]


def test_whoever_waits_is_asked_whether_to_go_on() -> None:
    class Stuck(Executor):
        def submit(self, fn, /, *args, **kwargs):
            return Future()

    stops = []
    found = search(
        UNet,
        vary=VARY,
        input_shape=SHAPE,
        executor=Stuck(),
        progress=lambda *told: stops.append(told) or True,
    )
    assert stops == [(0, 108, ())]
    assert found.tried == 0


def test_processes_of_this_machine_are_taken_where_they_pay(monkeypatch) -> None:
    assert chosen("serial", 10**6) is None
    assert chosen(None, ENOUGH - 1) is None
    with ThreadPoolExecutor(1) as threads:
        assert chosen(threads, 1) is threads
    serial = search(UNet, BUDGETS, vary=VARY, input_shape=SHAPE, executor="serial")
    with monkeypatch.context() as patched:
        patched.setattr(running, "ENOUGH", 50)
        patched.setattr(loky, "cpu_count", lambda: 2)
        found = search(UNet, BUDGETS, vary=VARY, input_shape=SHAPE)
        assert type(chosen(None, 50)).__module__.startswith("loky")
        chosen(None, 50).shutdown(kill_workers=True)
    assert repr(found) == repr(serial)


def test_one_core_or_no_processes_is_done_without(monkeypatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(loky, "cpu_count", lambda: 1)
        assert chosen(None, ENOUGH) is None
    with monkeypatch.context() as patched:
        patched.setattr(loky, "cpu_count", lambda: 2)
        patched.setattr(loky, "get_reusable_executor", Broken(0).fail)
        assert chosen(None, ENOUGH) is None
    monkeypatch.setitem(sys.modules, "loky", None)  # as in a web page
    assert chosen(None, ENOUGH) is None


def test_an_error_in_the_work_is_raised() -> None:
    with ThreadPoolExecutor(1) as threads, pytest.raises(TypeError):
        list(results(square, ["a"], threads))


def test_who_stops_keeps_what_there_is() -> None:
    seen = []

    def stop(done: int, total: int, some) -> bool:
        seen.append((done, total))
        return done >= CHUNK

    found = search(UNet, vary=VARY, input_shape=SHAPE, progress=stop)
    assert seen == [(CHUNK, 108)]
    assert found.tried == CHUNK


@pytest.mark.parametrize(
    ("count", "cores", "sizes"),
    [
        (500, 2, [125] * 4),
        (500, 4, [63] * 7 + [59]),
        (5000, 2, [LARGEST] * 20),
        (20, 16, [1] * 20),
        (1, 1, [1]),
        (5000, 6, [209] * 23 + [193]),
    ],
)
def test_no_core_waits_long_for_another_at_the_end_of_a_round(
    count: int, cores: int, sizes: list[int]
) -> None:
    found = chunks(range(count), chunk_size(count, cores))
    assert [len(some) for some in found] == sizes


@pytest.mark.parametrize(
    ("count", "threads", "sizes"),
    [
        (500, 2, [250] * 2),
        (5000, 2, [500] * 10),
        (5000, 3, [417] * 11 + [413]),
        (500, 96, [25] * 20),
        (20, 16, [20]),
    ],
)
def test_dask_has_few_chunks_and_every_thread_as_many(
    count: int, threads: int, sizes: list[int]
) -> None:
    found = chunks(range(count), chunk_size(count, threads, for_dask=True))
    assert [len(some) for some in found] == sizes


class Cluster(Executor):
    """An executor as others are: it tells its workers' threads by attributes of its own."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def lost() -> Any:
    raise OSError("the cluster can't be reached")


@pytest.mark.parametrize(
    ("attributes", "threads"),
    [
        ({"_client": SimpleNamespace(nthreads=lambda: {"tcp://a": 4, "tcp://b": 8})}, 12),
        ({"_client": SimpleNamespace(nthreads=dict)}, None),
        ({"_client": SimpleNamespace(nthreads=lost)}, None),
        ({"num_workers": 96}, 96),
        ({"_max_workers": 7}, 7),
        ({"_max_workers": None}, None),
        ({}, None),
    ],
    ids=["dask", "dask-without-workers", "dask-lost", "mpi4py", "standard", "untold", "none"],
)
def test_chunks_are_for_the_workers_of_the_executor(
    attributes: dict[str, Any], threads: int | None
) -> None:
    assert threads_of(Cluster(**attributes)) == (threads or os.cpu_count() or 1)


def test_a_pool_has_chunks_for_each_of_its_workers() -> None:
    sizes: list[int] = []

    class Noting(ThreadPoolExecutor):
        def submit(self, call: Any, /, numbers: Any) -> Any:
            sizes.append(len(numbers))
            return super().submit(call, numbers)

    with Noting(6) as threads:
        search(UNet, vary=VARY, input_shape=SHAPE, executor=threads)
    assert sizes == [9] * 12


def test_what_is_judged_of_a_large_space_depends_on_the_seed() -> None:
    once, again, other = (
        [each.number for each in found.candidates]
        for found in (
            search(UNet, vary=VARY, input_shape=SHAPE, most=20, seed=seed) for seed in (1, 1, 2)
        )
    )
    assert 10 < len(once) <= 20
    assert once == again != other


def test_a_sample_is_improved_and_does_not_depend_on_the_executor() -> None:
    given = {"vary": VARY, "input_shape": SHAPE, "most": 40, "seed": 3}
    serial = search(UNet, BUDGETS, **given)
    with ThreadPoolExecutor(2) as threads:
        assert repr(search(UNet, BUDGETS, **given, executor=threads)) == repr(serial)
    assert serial.tried == 40


def test_every_combination_has_its_number() -> None:
    space = Space.of(UNet, VARY)
    assert space.size == 108
    values = [tuple(space.values(number).items()) for number in range(space.size)]
    every = product(*([(name, value) for value in all_] for name, all_ in space.varied))
    assert values == list(every)


@pytest.mark.parametrize("family", [UNet, Hourglass, FCDenseNet])
def test_what_is_handy_is_valid(family: type) -> None:
    space = Space.of(family)
    assert space.size > 1000
    made = 0
    for number in space.drawn(200, 0):
        with contextlib.suppress(Duplicate, ParameterError):
            space.architecture(number)
            made += 1
    assert made > 10


def test_the_depth_takes_the_decoder_along() -> None:
    found = search(
        UNet, minimise=["output stride"], vary={"down_blocks": [1, 2, 3]}, input_shape=SHAPE
    )
    assert {each.design.report.output_shapes[-1][:2] for each in found} == {(32, 32)}
    alone = search(
        UNet(down_blocks=2, up_blocks=2),
        vary={"down_blocks": [2, 3], "up_blocks": [1]},
        input_shape=SHAPE,
    )
    assert {each.design.architecture.up_blocks for each in alone.candidates} == {1}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"vary": {"beauty": [1]}}, "beauty"),
        ({"vary": {"filters": [0]}}, "filters"),
        ({"vary": {"filters": []}}, "no handy values"),
        ({"minimise": ["beauty"]}, "is no measure"),
        ({"input_shape": (32,)}, "shape"),
    ],
)
def test_what_cannot_be_is_refused(given: dict, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        search(UNet, **given)


def test_checks_one_network() -> None:
    checked = check(UNet(filters=4, down_blocks=2, up_blocks=2), BUDGETS, SHAPE)
    assert [each.budget for each in checked] == list(BUDGETS)
    assert checked[1].value == 48
    assert [each.is_met for each in checked] == [True, True]


def test_leaves_as_a_table() -> None:
    found = search(UNet, BUDGETS, vary=VARY, input_shape=SHAPE)
    frame = found.to_pandas()
    assert len(frame) == len(found)
    assert list(frame["parameters"]) == sorted(frame["parameters"])
    assert found.to_csv().count("\n") == len(found) + 1
    assert '"filters"' in found.to_json()


def test_a_search_for_a_short_time_needs_a_profile():
    with pytest.raises(ParameterError, match=r"search\.profile=None tells no time: give one"):
        search(UNet, minimise=("time",))
    with pytest.raises(ParameterError, match="give one, such as profile_device"):
        search(UNet, [Budget("time", at_most=0.02)])
