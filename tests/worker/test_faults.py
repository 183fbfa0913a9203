"""The Keras process is killed, crashed, exhausted and hung; the kernel and its screen go on."""

import contextlib
import itertools
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from unittest.mock import patch

import attrs
import numpy as np
import pytest

import explorer
from explorer import UNet
from explorer.keras_side import timing
from explorer.worker.in_process import TIME_LIMIT
from explorer.worker.process import Worker
from explorer.worker.tasks import forward as keras_tasks
from tests.said import result_of, said

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals and limits")

NET = UNet(filters=2, down_blocks=2, up_blocks=2)
SHAPE = (32, 32, 1)
FAULTS = 100

#: In what a fault strikes: the work of a layer, or of a measurement.
STAGES = {"build": "build", "compile": "call", "pass": "_timed"}

#: What the user must be told: what happened, likely why, and what to do.
FAULT_TEXTS = {
    "kill": ("killed (SIGKILL)", "memory ran out", "smaller batch"),
    "crash": ("crashed (SIGSEGV)", "native code", "smaller batch"),
    "exhaust": ("memory", "smaller batch"),
    "exhaust_backend": ("memory", "smaller batch"),
    "hang": ("gave no answer for", "too large", "smaller batch"),
}


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    while True:
        time.sleep(60)


def exhaust() -> None:
    """Ask for more than a limit on the process leaves."""
    with little_memory():
        np.ones((1_000, 1_000, 1_000))


def exhaust_backend() -> None:
    """Let the backend ask for it, which then waits ten seconds for memory to come free."""
    import keras

    with little_memory():
        keras.ops.zeros((1_000, 1_000, 1_000))
        np.ones((1_000, 1_000, 1_000))  # zeros that are only traced take nothing


@contextlib.contextmanager
def little_memory():
    import resource

    import psutil

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + 50_000_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


@attrs.frozen
class Strike:
    """A forward pass that a fault strikes, from the third step of a stage on."""

    fault: str
    stage: str

    def __call__(self, *args: object, **options: object) -> object:
        import keras

        name = STAGES[self.stage]
        owner = timing if self.stage == "pass" else keras.layers.Conv2D
        original, steps = getattr(owner, name), itertools.count(1)

        def striking(*inner: object, **inner_options: object) -> object:
            if next(steps) >= 3:
                globals()[self.fault]()
            return original(*inner, **inner_options)

        # What is built already would not be built again.
        keras_tasks._last = None
        keras_tasks._rebuilder.cache_clear()
        with patch.object(owner, name, striking):
            return keras_tasks.run_forward(*args, **options)


class Screen:
    """An explorer with a Keras process of its own, and what it says."""

    def __init__(self) -> None:
        self.worker = Worker()
        self.widget = explorer.Explorer(NET, SHAPE)
        self.keras = self.widget._panels.keras
        self.keras._asking.worker = self.worker
        self.forward = self.keras.forward
        self._answered = threading.Event()
        self.forward.stop.observe(self._stop_changed, names="disabled")

    def _stop_changed(self, change) -> None:
        if change.new:
            self._answered.set()

    def run(self) -> str:
        """Click, and return what is shown once the answer is there."""
        self._answered.clear()
        self.forward.button.click()
        assert self._answered.wait(120), "no answer"
        return result_of(self.forward)

    def strike(self, fault: str, stage: str) -> str:
        # In a process that is there, a short limit is one for the work alone.
        self.worker.time_limit = 1.0 if fault == "hang" else TIME_LIMIT
        picture = None, ""
        ask, ran = partial(partial, Strike(fault, stage)), self.keras._ran
        self.keras._run = lambda: self.keras._measure(ask, ran, picture)
        try:
            return self.run()
        finally:
            del self.keras._run
            self.worker.time_limit = TIME_LIMIT

    def close(self) -> None:
        self.widget.close()
        self.worker.stop()


def survive(ways: list[tuple[str, str]]) -> int:
    """Strike an explorer of its own in each of these ways, and return how many it outlived."""
    screen = Screen()
    try:
        drawing = screen.widget._panels.screen.diagram.canvas.svg
        assert "forward pass" in screen.run()
        for fault, stage in ways:
            told = screen.strike(fault, stage)

            for text in FAULT_TEXTS[fault]:
                assert text in told, (fault, stage, told)
            assert screen.widget.architecture == NET
            assert screen.widget._panels.screen.diagram.canvas.svg == drawing
            assert said(screen.widget._panels.problem) == ""
            assert "forward pass" in screen.run(), "the next request works"
            assert "[good]" in said(screen.keras.status)
    finally:
        screen.close()
    return len(ways)


def test_a_hundred_faults_cost_a_message_each(monkeypatch):
    # Nothing is asked for but what is clicked.
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    ways = [(fault, stage) for fault in FAULT_TEXTS for stage in STAGES]
    # What leaves the process alive is quickly done, so there is more of it.
    frequency = {"exhaust": 30, "exhaust_backend": 0}
    weights = [frequency.get(fault, 1) for fault, _ in ways]
    every = ways + random.Random(0).choices(ways, weights, k=FAULTS - len(ways))

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(survive, [every[::2], every[1::2]])) == FAULTS
