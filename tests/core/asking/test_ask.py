"""A question is asked in place of the last one, and only what still counts is handed over."""

import threading

import pytest

from explorer.core.asking.ask import Ask
from explorer.core.asking.failures import WorkerDied
from tests.still_worker import StillWorker


class Asked:
    """An ask of a worker that does nothing, and what was handed over."""

    def __init__(self, **options) -> None:
        self.alerts: list[str] = []
        self.got: list = []
        self.worker = StillWorker()
        self.ask: Ask[str] = Ask(
            StillWorker, threading.RLock(), self.alerts.append, "Again.", **options
        )
        self.ask.worker = self.worker

    def submit(self, question: str = "one", **options) -> None:
        failed = lambda failure: self.got.append(failure.text)  # noqa: E731
        self.ask.submit(question, list, self.got.append, failed, **options)

    def answer(self, result="found", place: int = -1) -> None:
        _, _, done, failed = self.worker.requests[place]
        (failed if isinstance(result, Exception) else done)(result)


def test_an_answer_is_handed_over_and_the_question_stays():
    asked = Asked()
    assert (asked.ask.question, asked.ask.is_under_way) == (None, False)
    asked.submit()
    assert (asked.ask.question, asked.ask.is_under_way) == ("one", True)

    asked.answer()

    assert (asked.ask.question, asked.ask.is_under_way) == ("one", False)
    assert asked.got == ["found"]
    asked.ask.drop()
    assert asked.worker.cancelled == [], "what was answered needs no giving up"


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("bad"), "bad"), (KeyError(), "KeyError"), (WorkerDied("Lost."), "Lost. Again.")],
)
def test_a_failure_is_said(error, text):
    asked = Asked()
    asked.submit()

    asked.answer(error)

    assert asked.got == [text]
    assert not asked.ask.is_under_way


@pytest.mark.parametrize("late", ["found", ValueError("late")])
@pytest.mark.parametrize("way", ["drop", "outdate", "close"])
def test_what_no_longer_counts_is_dropped(way, late):
    asked = Asked()
    asked.submit()

    getattr(asked.ask, way)()

    assert asked.worker.cancelled == ([] if way == "outdate" else [asked.ask])
    assert asked.ask.is_under_way == (way == "outdate")
    asked.answer(late)
    assert (asked.got, asked.ask.question, asked.ask.is_under_way) == ([], None, False)


def test_an_answer_to_an_earlier_equal_question_does_not_count():
    asked = Asked()
    asked.submit()
    asked.submit()

    asked.answer("first", place=0)
    assert asked.ask.is_under_way
    asked.answer("second")

    assert asked.got == ["second"]


def test_the_asker_can_decide_what_counts_until_it_is_closed():
    wanted = {"one"}
    asked = Asked(counts=wanted.__contains__)
    asked.submit("one")
    asked.submit("two")
    asked.answer("first", place=0)
    asked.answer("second")
    wanted.add("two")
    asked.ask.drop()
    asked.answer("third")
    asked.ask.close()
    asked.answer("fourth")

    assert asked.got == ["first", "third"]


def test_what_is_to_be_known_anyway_is_told_first():
    asked = Asked()
    error = ValueError("late")
    asked.submit(anyway=asked.got.append)
    asked.answer()
    asked.ask.drop()
    asked.answer(error)

    assert asked.got == [None, "found", error]
    asked.ask.close()
    asked.answer(error)
    assert len(asked.got) == 3


def test_what_is_prepared_is_handed_over_unless_it_is_dropped_meanwhile():
    asked = Asked()
    asked.submit(prepare=str.upper)
    asked.answer()
    asked.submit(prepare=lambda _: asked.ask.drop())
    asked.answer()

    assert asked.got == ["FOUND"]


def test_an_answer_that_comes_at_once_is_no_longer_under_way():
    asked = Asked()
    asked.worker.submit = lambda owner, work, done, failed: failed(OSError("no process"))

    asked.submit()

    assert asked.got == ["no process"]
    assert not asked.ask.is_under_way


def test_unforeseen_errors_are_alerted():
    asked = Asked()
    asked.submit(prepare=lambda _: 1 / 0)

    asked.answer()

    assert "ZeroDivisionError" in asked.alerts[0]
    assert not asked.ask.is_under_way


def test_once_closed_nothing_is_asked():
    asked = Asked()
    asked.ask.close()

    asked.submit()

    assert asked.worker.requests == []


def test_while_the_process_starts_that_is_the_outlook():
    asked = Asked()
    assert asked.ask.outlook("At work …") == "At work …"
    asked.worker.is_ready = False
    assert "Keras is starting" in asked.ask.outlook("At work …")
