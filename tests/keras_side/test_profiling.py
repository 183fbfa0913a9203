import numpy as np
import pytest

from explorer.core.analysis.device_profile import work_of
from explorer.core.asking.failures import GivenUp
from explorer.core.asking.measurement import Measurement
from explorer.core.families import presets
from explorer.core.network.errors import Refusal
from explorer.core.network.tracing import trace
from explorer.keras_side import profiling
from explorer.keras_side.profiling import measure_profile, non_negative


def test_what_is_not_negative_is_found():
    generator = np.random.default_rng(0)
    rows = generator.random((40, 8))
    wanted = np.array([0, 3, 0, 0.5, 2, 0, 0, 1e-3])
    assert non_negative(rows, rows @ wanted) == pytest.approx(wanted, abs=1e-6)


def test_where_less_than_nothing_would_fit_nothing_is_found():
    """Held against all choices of which are zero."""
    generator = np.random.default_rng(1)
    for _ in range(20):
        rows, wanted = generator.normal(size=(12, 4)), generator.normal(size=12)
        least = min(
            np.sum((rows[:, used] @ found - wanted) ** 2)
            for used in ([place for place in range(4) if mask >> place & 1] for mask in range(16))
            if min(found := np.linalg.lstsq(rows[:, used], wanted)[0], default=0) >= 0
        )
        found = non_negative(rows, wanted)
        assert min(found) >= 0
        assert np.sum((rows @ found - wanted) ** 2) == pytest.approx(least)


def test_a_kind_that_there_is_nothing_of_takes_no_time():
    assert non_negative(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([2.0, 2.0])) == pytest.approx(
        [2, 0]
    )


def test_what_is_timed_is_always_the_same_and_has_all_kinds_of_work():
    timed = list(profiling._to_time(1))
    again = list(profiling._to_time(1))
    assert [repr(graph.nodes) for graph, *_ in timed] == [repr(graph.nodes) for graph, *_ in again]
    assert sum(is_network for *_, is_network in timed) == len(profiling._SMALL)
    kinds = set().union(*(work_of(graph, batch_size) for graph, batch_size, _ in timed))
    for name, architecture in presets.items():
        assert work_of(trace(architecture, (256, 256, 1)), 1).keys() <= kinds, name


def test_a_gpu_is_given_more():
    most = {images: max(batch for _, batch, _ in profiling._to_time(images)) for images in (1, 16)}
    assert most[16] == 16 * most[1]


class Clock:
    """Models whose time is what it is said to be."""

    def __init__(self, monkeypatch, seconds):
        self.seconds = seconds
        monkeypatch.setattr(profiling, "build", lambda graph: graph)
        monkeypatch.setattr(profiling, "time_model", self.time)

    def time(self, graph, batch, how, **_):
        work = work_of(graph, len(batch))
        total = sum(self.seconds.get(name, 0) * amount for name, amount in work.items())

        class Timing:
            median = total
            compiler = "graph"

        return Timing, None


SECONDS = {"calls": 2e-4, "convolutions": 3e-5, "convolutions: multiply-adds": 1e-11}


def test_what_kinds_of_work_take_is_found(monkeypatch):
    Clock(monkeypatch, SECONDS)
    profile = measure_profile(Measurement(), 1000)
    assert profile.error < 0.001
    assert profile.compiler == "graph"
    for name, seconds in SECONDS.items():
        assert profile.seconds[name] == pytest.approx(seconds, rel=0.01)


def test_with_too_little_time_nothing_is_told():
    with pytest.raises(Refusal, match="In 0 s only 0 small networks could be timed on CPU"):
        measure_profile(Measurement(), 0)


def test_a_profile_that_nobody_waits_for_is_given_up():
    with pytest.raises(GivenUp):
        measure_profile(Measurement(), 1000, is_stale=lambda: True)


def test_a_few_small_networks_are_timed(monkeypatch):
    few = list(profiling._to_time(1))[:12]
    monkeypatch.setattr(profiling, "_to_time", lambda images: iter(few))
    monkeypatch.setattr(profiling, "FEWEST", len(few))
    profile = measure_profile(Measurement(device="CPU:0"), 1000)
    graph, batch_size, _ = next(each for each in few if each[2])
    work = work_of(graph, batch_size)
    assert sum(profile.seconds[name] * amount for name, amount in work.items()) > 0
    assert min(profile.seconds.values()) >= 0
    assert profile.device.startswith("CPU")
    assert profile.compiler == "graph"
