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
