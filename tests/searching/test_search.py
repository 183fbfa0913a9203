"""A search against brute force, on every executor, whatever becomes of its workers."""

import contextlib
import os
import signal
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from itertools import product
from multiprocessing import get_context

import pytest

from explorer import FCDenseNet, Hourglass, UNet, analyze, trace
from explorer.core.analysis.budgets import Budget
from explorer.core.network.errors import ParameterError
from explorer.searching.front import dominates
from explorer.searching.running import results
from explorer.searching.search import check, search
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
        found = sorted(results(die_once, chunks, processes))
    assert found == [number * number for number in range(20)]


class Broken(Executor):
    """Takes some chunks, and loses them all."""

    def __init__(self, takes: int) -> None:
        self.takes = takes

    def submit(self, fn, /, *args, **kwargs):
        if not self.takes:
            raise BrokenExecutor("gone")
        self.takes -= 1
        future: Future = Future()
        future.set_exception(BrokenExecutor("gone"))
        return future


@pytest.mark.parametrize("takes", [0, 1, 50])
def test_an_executor_that_is_lost_is_done_without(takes: int) -> None:
    assert sorted(results(square, range(10), Broken(takes))) == [n * n for n in range(10)]


def test_an_error_in_the_work_is_raised() -> None:
    with ThreadPoolExecutor(1) as threads, pytest.raises(TypeError):
        list(results(square, ["a"], threads))


def test_who_stops_keeps_what_there_is() -> None:
    seen = []

    def stop(done: int, total: int, some) -> bool:
        seen.append((done, total))
        return done >= 64

    found = search(UNet, vary=VARY, input_shape=SHAPE, progress=stop)
    assert seen == [(64, 108)]
    assert found.tried == 64


def test_large_spaces_are_sampled_by_seed() -> None:
    once, again, other = (
        search(UNet, vary=VARY, input_shape=SHAPE, most=20, seed=seed) for seed in (1, 1, 2)
    )
    assert once.tried == 20
    assert repr(once) == repr(again) != repr(other)


def test_every_combination_has_its_number() -> None:
    space = Space.of(UNet, VARY)
    assert space.size == 108
    values = [space.values(number) for number in range(space.size)]
    assert len({tuple(each.items()) for each in values}) == 108
    assert [space.number(each) for each in values] == list(range(108))


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
