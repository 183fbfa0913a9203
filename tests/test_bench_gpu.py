"""The benchmark of GPUs runs on machines without one, and tells when a claim does not hold."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"
PARTS = ("devices", "times", "agreement", "layers", "memory", "refusal", "exhaustion")


@pytest.mark.benchmark
@pytest.mark.parametrize(("backend", "compilers"), [("tensorflow", 2), ("jax", 1)])
def test_a_dry_run_goes_through_everything(backend, compilers):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "bench_gpu.py", "--dry-run", "--device", "CPU:0"],
        cwd=BENCHMARKS.parents[1],
        env={
            **os.environ,
            "PYTHONPATH": str(BENCHMARKS.parents[1]),
            "KERAS_BACKEND": backend,
            "JAX_PLATFORMS": "cpu",
        },
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "A DRY RUN, as asked for" in done.stdout
    verdicts = {}
    for part in done.stdout.split("\n== ")[1:]:
        name, *lines = part.splitlines()
        verdicts[name] = [line for line in lines if line.startswith(("PASS", "FAIL", "unknown"))]
    assert tuple(verdicts) == PARTS
    assert all(verdicts.values())
    sure = [line for name in PARTS for line in verdicts[name] if line.startswith("PASS")]
    assert len(sure) >= 10, done.stdout
    # A row for each step, precision and compiler, beneath the head.
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 2 * 3 * compilers
    assert any("float16" in row and "training step" in row for row in rows)


@pytest.fixture
def bench_gpu(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "tensorflow"))
    monkeypatch.syspath_prepend(BENCHMARKS)
    import bench_gpu

    return bench_gpu


@pytest.mark.parametrize(
    ("dry", "holds", "is_time", "failed"),
    [
        (False, True, False, 0),
        (False, None, False, 0),
        (False, False, False, 1),
        (False, False, True, 1),
        (True, False, False, 1),
        (True, False, True, 0),
    ],
)
def test_only_what_can_be_judged_fails(bench_gpu, capsys, dry, holds, is_time, failed):
    verdicts = bench_gpu.Verdicts(dry)

    verdicts.say("it is so", holds, "3 of 4", is_time)

    assert verdicts.failed == failed
    word = {True: "PASS", False: "FAIL", None: "unknown"}[holds]
    printed = capsys.readouterr().out
    assert printed.startswith(word)
    assert printed.endswith("it is so: 3 of 4\n")


def test_a_part_that_breaks_off_fails_and_the_others_run(bench_gpu, monkeypatch, capsys):
    from explorer.keras_side.backends import Device

    ran = []

    def broken(plan, say):
        raise RuntimeError("as asked")

    def last(plan, say):
        ran.append(plan.dry)

    answers = "Keras", (Device("CPU:0", "a model", None),), ("graph",)
    monkeypatch.setattr(bench_gpu, "asked", lambda work: answers)
    monkeypatch.setattr(bench_gpu, "PARTS", (broken, last))
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py"])

    assert bench_gpu.main() == 1
    assert ran == [True]
    assert "FAIL: broken: RuntimeError: as asked" in capsys.readouterr().out


class Driver:
    """NVIDIA's driver: notes what it is asked, and how long a run took is known."""

    def __init__(self, refuses: str = "") -> None:
        self.asked: list[str] = []
        self.refuses = refuses

    def __getattr__(self, name: str):
        def call(*arguments) -> int:
            self.asked.append(name)
            if name == "cuEventElapsedTime":
                ctypes.cast(arguments[0], ctypes.POINTER(ctypes.c_float))[0] = 2.5
            return 999 if name == self.refuses else 0

        return call


def test_a_run_is_timed_between_two_events_on_an_idle_device(bench_gpu, monkeypatch):
    driver = Driver()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    clock = bench_gpu.clock_of("GPU:1")
    driver.asked.clear()

    assert clock(lambda: driver.asked.append("run")) == 0.0025
    assert driver.asked == [
        "cuCtxSynchronize",
        "cuEventRecord",
        "run",
        "cuCtxSynchronize",
        "cuEventRecord",
        "cuEventSynchronize",
        "cuEventElapsedTime",
    ]


def test_without_events_the_host_times_and_says_so(bench_gpu, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(refuses="cuCtxSetCurrent"))

    clock = bench_gpu.clock_of("GPU:0")

    assert "cuCtxSetCurrent returned 999" in clock.name
    assert clock(lambda: None) >= 0
