"""What was waited for is called once all has settled, unless it was called off."""

import threading

import pytest

from explorer.core.settling import Settling
from explorer.worker.thread_timer import later


class Waiting:
    """A settling with what it called, and what it alerted."""

    def __init__(self, prepare=None, call=lambda: None) -> None:
        self.lock = threading.RLock()
        self.calls: list[threading.Thread] = []
        self.alerts: list[str] = []
        self.settling = Settling(
            later,
            self.lock,
            lambda: (self.calls.append(threading.current_thread()), call()),
            self.alerts.append,
            prepare,
        )


def test_of_several_changes_the_last_one_alone_is_followed_by_a_call():
    waiting = Waiting()
    waiting.settling.join()
    for _ in range(3):
        waiting.settling.wait(3600)
    waiting.settling.wait(0)

    waiting.settling.join(30)

    assert len(waiting.calls) == 1
    assert waiting.calls != [threading.current_thread()]


def test_changes_in_a_row_share_a_timer():
    waiting, started = Waiting(), []

    def counted(seconds, call):
        started.append(later(seconds, call))
        return started[-1]

    waiting.settling._later = counted
    for _ in range(50):
        waiting.settling.wait(60)
    waiting.settling.wait(0.001)

    waiting.settling.join(30)
    assert len(started) == 2, "what is due earlier needs another one"
    assert len(waiting.calls) == 1


@pytest.mark.parametrize("way", ["stop", "close", "wait"])
def test_a_timer_that_has_fired_can_still_be_called_off(way):
    fired = threading.Event()
    waiting = Waiting(prepare=fired.set)
    with waiting.lock:
        waiting.settling.wait(0)
        assert fired.wait(30)
        thread = waiting.settling._timer
        getattr(waiting.settling, way)(*[3600] * (way == "wait"))
    thread.join(30)

    assert waiting.calls == []
    waiting.settling.close()


def test_once_closed_nothing_is_waited_for():
    waiting = Waiting()
    waiting.settling.close()

    waiting.settling.wait(0)

    waiting.settling.join(30)
    assert waiting.calls == []


def test_errors_are_alerted_and_what_could_not_be_prepared_is_not_called():
    broken = Waiting(prepare=lambda: 1 / 0), Waiting(call=lambda: 1 / 0)
    for waiting in broken:
        waiting.settling.wait(0)
        waiting.settling.join(30)
        assert "ZeroDivisionError" in waiting.alerts[0]

    assert [len(waiting.calls) for waiting in broken] == [0, 1]


@pytest.fixture
def queued():
    """A settling that waits for nothing, what it is to call next, and what it did."""
    calls, done = [], []

    class Queued:
        def cancel(self):
            calls.clear()

        def put_off(self, seconds, call):
            return False

    def queue(seconds, call):
        calls.append(call)
        return Queued()

    def work():
        for part in range(3):
            done.append(part)
            yield

    settling = Settling(queue, threading.RLock(), lambda: done.append("told"), pytest.fail, work)
    return settling, calls, done


@pytest.mark.parametrize(("slice_", "turns"), [(-1, 4), (3600, 1)])
def test_work_gives_way_after_each_slice(queued, monkeypatch, slice_, turns):
    monkeypatch.setattr("explorer.core.settling.SLICE", slice_)
    settling, calls, done = queued
    settling.wait()
    for turn in range(turns):
        assert "told" not in done
        assert len(done) == turn
        (call,) = calls
        calls.clear()
        call()

    assert done == [0, 1, 2, "told"]
    assert calls == []


@pytest.mark.parametrize("way", ["stop", "close", "wait"])
def test_work_is_given_up_with_what_was_waited_for(queued, monkeypatch, way):
    monkeypatch.setattr("explorer.core.settling.SLICE", -1)
    settling, calls, done = queued
    settling.wait()
    calls.pop()()
    (late,) = calls
    getattr(settling, way)()
    late()

    assert done == [0]
    assert len(calls) == (way == "wait")


def test_slices_in_threads_are_waited_for(monkeypatch):
    monkeypatch.setattr("explorer.core.settling.SLICE", -1)
    waiting = Waiting(prepare=lambda: iter(range(5)))
    waiting.settling.wait(0)

    waiting.settling.join(30)

    assert len(waiting.calls) == 1
