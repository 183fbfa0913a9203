"""A timer counts what the machine was awake for, and can be called off."""

import threading

from explorer.worker import thread_timer as module
from explorer.worker.thread_timer import later


def test_a_call_comes_after_its_time():
    called = threading.Event()

    later(0.001, called.set)

    assert called.wait(30)


def test_what_is_called_off_does_not_come(monkeypatch):
    monkeypatch.setattr(module, "_SLICE", 0.001)
    called = threading.Event()
    timer = later(3600, called.set)

    timer.cancel()

    timer.join(30)
    assert not timer.is_alive()
    assert not called.is_set()


def test_a_sleep_of_the_machine_counts_as_a_slice(monkeypatch):
    """However long one wait takes by the clock, others follow until all were lived through."""
    called = threading.Event()
    timer = module._WakingTimer(10.0, called.set)
    waits = []
    monkeypatch.setattr(timer.finished, "wait", waits.append)

    timer.run()

    assert called.is_set()
    assert waits == [1.0] * 10


def test_what_is_put_off_comes_once_and_so_many_seconds_after_that(monkeypatch):
    called = []
    timer = module._WakingTimer(0.2, lambda: called.append("first"))
    now = 0.0
    waits = []

    def wait(seconds):
        """A wait in the midst of which it is put off, twice."""
        nonlocal now
        waits.append(round(seconds, 3))
        now += seconds / 2
        if len(waits) < 3:
            assert timer.put_off(0.2, lambda: called.append("last"))
        now += seconds / 2

    monkeypatch.setattr(timer.finished, "wait", wait)
    monkeypatch.setattr(module.time, "monotonic", lambda: now)

    timer.run()

    assert called == ["last"]
    assert waits == [0.2, 0.1, 0.15]
    assert not timer.put_off(0.2, called.clear), "it has come"


def test_what_is_due_earlier_needs_a_timer_of_its_own():
    timer = later(3600, print)
    assert not timer.put_off(1.0, print)
    timer.cancel()
    assert not timer.put_off(7200, print), "it was called off"
