import contextlib
import errno
import logging
import os
import signal
import sys
import threading
import time
import types
import warnings
import weakref
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import psutil
import pytest

from explorer import ParameterError, UNet, analyze, time_forward, trace
from explorer.core.asking.failures import GivenUp, WorkerDied
from explorer.core.asking.measurement import Measurement
from explorer.widget.panels.keras.status import compare
from explorer.worker import in_process
from explorer.worker import process as module
from explorer.worker.process import CannotStart, Worker
from explorer.worker.tasks.forward import expect_run, rebuild, run_forward

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
SHAPE = (32, 32, 1)


@pytest.fixture(scope="module")
def worker():
    made = Worker()
    yield made
    made.stop()


def ask(worker: Worker, work, owner: object = "test", seconds: float = 120):
    """The result of one request."""
    result: Future = Future()
    worker.submit(owner, work, result.set_result, result.set_exception)
    return result.result(timeout=seconds)


def test_work_runs_in_another_process(worker):
    assert ask(worker, os.getpid) != os.getpid()
    assert worker.is_ready


def write_everywhere() -> None:
    os.write(2, b"by native code")
    print("by Python", file=sys.stderr)
    logging.getLogger("jax").critical("by a log")
    warnings.warn("by a warning", stacklevel=1)


# JAX sets the level to 1 when a cell imports it.
@pytest.mark.parametrize(
    ("level", "logs"), [(None, False), ("1", False), ("2", False), ("0", True)]
)
def test_what_is_logged_is_not_shown_unless_asked_for(monkeypatch, capfd, level, logs):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if level:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    chatty = Worker()

    ask(chatty, write_everywhere)

    shown = capfd.readouterr().err
    assert "by Python" in shown
    for found in ("by native code", "by a log", "by a warning"):
        assert (found in shown) == logs
    chatty.stop()


def test_a_rebuilt_model_equals_the_report(worker):
    built = ask(worker, partial(rebuild, SMALL, SHAPE))

    assert compare(built, analyze(trace(SMALL, SHAPE))) == []
    assert built.seconds > 0
    assert built.environment.startswith("Keras ")


def test_counts_beyond_64_bits_are_exact(worker):
    largest = 2**31 - 1
    net = UNet(filters=2, kernel_size=largest, down_blocks=1, up_blocks=1)

    built = ask(worker, partial(rebuild, net, SHAPE))

    assert built.trainable_params > 2**64
    assert compare(built, analyze(trace(net, SHAPE))) == []


def test_a_forward_pass_brings_timing_and_pictures(worker):
    result = ask(worker, partial(run_forward, SMALL, (32, 48, 3), 2, None))

    assert result.timing.batch_size == 2
    assert result.timing.input_shape == (32, 48, 3)
    assert result.image.png.startswith(b"\x89PNG")
    assert len(result.channels) == 2, "the output has two channels"
    assert compare(result.built, analyze(trace(SMALL, (32, 48, 3)))) == []


def test_stacked_outputs_show_the_last_one(worker):
    net = UNet(filters=2, stacks=2, down_blocks=1, up_blocks=1)

    result = ask(worker, partial(run_forward, net, SHAPE, 1, None))

    assert len(result.channels) == 2


def test_a_class_from_a_notebook_cell_is_built(worker):
    from explorer import EncoderDecoder, SimpleConvBlock, SimpleUpsamplingBlock

    class Mine(EncoderDecoder):
        encoder_stack = (SimpleConvBlock(filters=3),)
        decoder_stack = (SimpleUpsamplingBlock(refine_convs_filters=3),)

    built = ask(worker, partial(rebuild, Mine(), SHAPE))

    assert compare(built, analyze(trace(Mine(), SHAPE))) == []


_held = []


def grow() -> int:
    """Take 400 MB, as a large model does, and keep them."""
    _held.append(bytearray(os.urandom(1)) * 400_000_000)
    return os.getpid()


def test_a_process_that_holds_a_large_model_is_kept(worker):
    first = ask(worker, os.getpid)
    deadline = threading.Event()
    for _ in range(3):
        assert ask(worker, grow) == first
        deadline.wait(1.1)  # loky looks at the memory at most once a second
    assert ask(worker, os.getpid) == first
    worker.stop()


def fail():
    raise ValueError("as asked")


def test_an_error_in_the_process_reaches_the_owner(worker):
    with pytest.raises(ValueError, match="as asked"):
        ask(worker, fail)
    assert ask(worker, os.getpid) > 0


def test_what_cannot_be_sent_is_an_error_and_not_a_hang(worker):
    lock = threading.Lock()

    with pytest.raises(Exception, match="pickle"):
        ask(worker, lambda: lock)
    assert ask(worker, os.getpid) > 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_killed_process_costs_one_request(worker):
    first = ask(worker, os.getpid)

    with pytest.raises(WorkerDied, match="memory"):
        ask(worker, partial(os.kill, first, signal.SIGKILL))
    assert not worker.is_ready
    assert ask(worker, os.getpid) not in (first, os.getpid())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_process_killed_while_idle_is_replaced(worker):
    first = ask(worker, os.getpid)
    process = psutil.Process(first)

    process.kill()
    process.wait(timeout=30)

    # The loss shows to the kernel a moment later; until then a request can still be lost with it.
    for _ in range(2):
        try:
            assert ask(worker, os.getpid) not in (first, os.getpid())
            return
        except WorkerDied:
            continue
    pytest.fail("the process was not replaced")


def test_a_loss_that_has_shown_costs_no_request(worker):
    first = ask(worker, os.getpid)
    process = psutil.Process(first)
    process.kill()
    process.wait(timeout=30)
    manager = worker._executor._executor_manager_thread
    manager.join(timeout=30)

    assert ask(worker, os.getpid) not in (first, os.getpid())


def wait_for(path: str) -> str:
    """Block the process until a file is there: a request whose end the test decides."""
    while not os.path.exists(path):
        time.sleep(0.01)
    return "waited"


def test_of_several_waiting_requests_of_one_owner_the_latest_runs(worker, tmp_path):
    gate = tmp_path / "gate"
    results: dict[str, Future] = {name: Future() for name in ("running", "old", "new", "other")}

    def submit(name: str, owner: str, work) -> None:
        worker.submit(owner, work, results[name].set_result, results[name].set_exception)

    submit("running", "me", partial(wait_for, str(gate)))
    submit("old", "me", partial(str, "old"))
    submit("other", "you", partial(str, "other"))
    submit("new", "me", partial(str, "new"))
    gate.touch()

    assert results["running"].result(60) == "waited"
    assert results["new"].result(60) == "new"
    assert results["other"].result(60) == "other"
    assert not results["old"].done()


def test_a_request_that_waits_for_another_owners_is_said_to(worker, tmp_path):
    gate = tmp_path / "gate"
    done: Future = Future()
    assert "starting" in Worker().outlook("me", "at work")
    worker.submit("you", partial(wait_for, str(gate)), done.set_result, done.set_exception)

    assert worker.outlook("you", "at work") == "at work", "its own are overtaken"
    assert "Waiting until Keras has done" in worker.outlook("me", "at work")

    gate.touch()
    done.result(60)
    while worker.outlook("me", "at work") != "at work":
        time.sleep(0.01)


def test_a_cancelled_request_does_not_run(worker, tmp_path):
    gate = tmp_path / "gate"
    running, cancelled = Future(), Future()
    worker.submit("you", partial(wait_for, str(gate)), running.set_result, running.set_exception)
    worker.submit("me", os.getpid, cancelled.set_result, cancelled.set_exception)

    worker.cancel("me")
    gate.touch()

    assert running.result(60) == "waited"
    assert ask(worker, os.getpid, owner="third") > 0
    assert not cancelled.done()


def test_a_callback_that_fails_does_not_stop_the_queue(worker):
    called = threading.Event()

    def fail_to_show(_: object) -> None:
        called.set()
        raise RuntimeError("on purpose")

    worker.submit("me", os.getpid, fail_to_show, fail_to_show)

    assert called.wait(60)
    assert ask(worker, os.getpid) > 0


def test_the_process_ends_with_its_parent(tmp_path):
    import subprocess
    import sys

    program = (
        "import os, signal, sys\n"
        "from concurrent.futures import Future\n"
        "from explorer.worker.process import Worker\n"
        "worker, result = Worker(), Future()\n"
        "worker.submit('me', os.getpid, result.set_result, result.set_exception)\n"
        "print(result.result(60), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    pid = int(parent.stdout)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=30)
    assert not psutil.pid_exists(pid)


def overtaken_after(path: str) -> bool:
    """Say that the request runs, and wait until nobody waits for it."""
    from explorer.worker.in_process import is_overtaken

    assert not is_overtaken(), "what the request before was told is forgotten"
    Path(path).touch()
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if is_overtaken():
            raise GivenUp
        time.sleep(0.001)
    return False


def test_a_request_that_is_overtaken_while_it_runs_gives_up(worker, tmp_path):
    first = ask(worker, os.getpid)
    for number in range(3):
        started, overtaken = tmp_path / str(number), Future()
        worker.submit(
            "me",
            partial(overtaken_after, str(started)),
            overtaken.set_result,
            overtaken.set_exception,
        )
        wait_for(str(started))

        assert ask(worker, os.getpid, owner="me") == first, "the process goes on"
        assert not overtaken.done()


def test_another_explorers_request_overtakes_nothing(worker, tmp_path):
    gate = tmp_path / "gate"
    running = Future()
    worker.submit("me", partial(wait_for, str(gate)), running.set_result, running.set_exception)
    other = Future()
    worker.submit("you", os.getpid, other.set_result, other.set_exception)
    gate.touch()

    assert running.result(60) == "waited"
    assert other.result(60) > 0


def test_an_overtaken_request_that_does_not_listen_is_ended(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.2)
    first = ask(worker, os.getpid)
    overtaken = Future()
    never = partial(wait_for, str(tmp_path / "never"))
    worker.submit("me", never, overtaken.set_result, overtaken.set_exception)

    assert ask(worker, os.getpid, owner="me") != first
    assert not overtaken.done()


def test_an_edit_while_keras_is_imported_ends_nothing(monkeypatch):
    monkeypatch.setattr(module, "GRACE", 0.2)
    starting = Worker()
    overtaken = Future()
    work = partial(rebuild, SMALL, SHAPE)
    starting.submit("me", work, overtaken.set_result, overtaken.set_exception)
    executor = starting._executor

    built = ask(starting, work, owner="me")

    assert compare(built, analyze(trace(SMALL, SHAPE))) == []
    assert starting._executor is executor, "the process is the one that was started first"
    assert not overtaken.done()
    starting.stop()


def test_a_process_that_cannot_answer_at_all_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "TIME_LIMIT", 0.5)
    starting = Worker()
    result = Future()
    starting._forget_signals()  # which makes them
    monkeypatch.setattr(starting._able, "acquire", lambda block: False)
    never = partial(wait_for, str(tmp_path / "never"))

    starting.submit("me", never, result.set_result, result.set_exception)

    with pytest.raises(WorkerDied, match="gave no answer"):
        result.result(60)
    starting.stop()


def test_a_request_that_hangs_is_ended_and_said_so(worker, tmp_path):
    ask(worker, os.getpid)
    worker.time_limit = 0.2
    try:
        with pytest.raises(WorkerDied, match=r"no answer for 0\.2 s.*smaller batch"):
            ask(worker, partial(wait_for, str(tmp_path / "never")))
    finally:
        worker.time_limit = module.TIME_LIMIT
    assert ask(worker, os.getpid) > 0


def show_progress(times: int, limits: int, pause: float) -> int:
    """Take several times the limit, of which some may pass between two signs of progress."""
    in_process.expect(limits * module.TIME_LIMIT)
    for _ in range(times):
        assert not in_process.is_overtaken()
        time.sleep(pause)
    return times


@pytest.mark.parametrize(("times", "limits", "pause"), [(40, 1, 0.1), (2, 40, 1.0)])
def test_a_request_that_makes_progress_or_said_that_it_is_long_goes_on(
    worker, times, limits, pause
):
    ask(worker, partial(show_progress, 0, 1, 0))  # which imports this file there
    worker.time_limit = 0.4
    try:
        assert ask(worker, partial(show_progress, times, limits, pause)) == times
    finally:
        worker.time_limit = module.TIME_LIMIT


@pytest.mark.parametrize(
    ("net", "size", "limits"), [(SMALL, 32, 1), (UNet(), 256, 1), (UNet(), 8192, range(100, 999))]
)
def test_how_long_is_waited_follows_what_is_to_be_computed(monkeypatch, net, size, limits):
    monkeypatch.setattr(in_process, "_stage_limits", 1)

    expect_run([trace(net, (size, size, 1))], 1, Measurement())

    assert in_process._stage_limits in (limits if isinstance(limits, range) else (limits,))


def progress_and_hang(path: str) -> str:
    in_process.expect(3 * module.TIME_LIMIT)
    assert not in_process.is_overtaken()
    return wait_for(path)


def test_a_request_that_hangs_after_progress_is_ended_too(worker, tmp_path):
    ask(worker, partial(show_progress, 0, 1, 0))
    worker.time_limit = 0.2
    try:
        with pytest.raises(WorkerDied, match=r"no answer for 0\.8 s, nor a sign of progress"):
            ask(worker, partial(progress_and_hang, str(tmp_path / "never")))
    finally:
        worker.time_limit = module.TIME_LIMIT
    assert ask(worker, os.getpid) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="where locks lie in a folder")
@pytest.mark.parametrize(
    ("room", "told"),
    [
        ({"f_flag": os.ST_RDONLY}, "is read-only: mount it"),
        ({"f_bavail": 0}, "is full: delete files in it"),
        ({"f_favail": 0}, "is full: delete files in it"),
        (None, "is not there: mount it"),
    ],
)
def test_a_process_that_cannot_be_started_says_what_is_in_the_way(monkeypatch, room, told):
    class Full:
        def Semaphore(self, value):
            raise OSError(errno.ENOSPC, "No space left on device")

    def found(folder):
        assert str(folder) == "/dev/shm"
        if room is None:
            raise FileNotFoundError
        whole = {"f_flag": 0, "f_bavail": 9999, "f_frsize": 4096, "f_files": 99, "f_favail": 99}
        return types.SimpleNamespace(**whole | room)

    blocked = Worker()
    with monkeypatch.context() as patch:
        patch.setattr(module.loky.backend, "get_context", lambda _: Full())
        patch.setattr(os, "statvfs", found)
        with pytest.raises(CannotStart, match=f"^The Keras process.*/dev/shm, the .*{told}") as why:
            ask(blocked, os.getpid)
    assert "\n" not in str(why.value)

    assert ask(blocked, os.getpid) > 0, "once there is room, it starts"
    blocked.stop()


def test_without_a_folder_for_temporary_files_that_is_said(monkeypatch):
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(module.tempfile, "gettempdir", none)

    assert "set TMPDIR" in str(module._start_problem(FileNotFoundError(errno.ENOENT, "none")))


def only_after(path: str) -> int:
    """Ask for a new process until a file is there."""
    assert in_process.is_afresh() == Path(path).exists()
    if not in_process.is_afresh():
        raise in_process.RunAgain(partial(Path(path).touch))
    return os.getpid()


def test_a_request_may_ask_to_be_run_in_a_new_process(worker, tmp_path):
    before = ask(worker, os.getpid)

    found = ask(worker, partial(only_after, str(tmp_path / "first")))

    assert found != before
    assert ask(worker, os.getpid) == found, "the new process stays"
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(before).wait(timeout=30)


def only_if_tried(refusal: str, then) -> object:
    """Ask to be run at the process' risk, then do something."""
    if not in_process.is_tried():
        raise in_process.RunAgain(refusal=refusal)
    return then()


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_may_be_too_much_is_tried_in_the_same_process(worker):
    before = ask(worker, os.getpid)

    assert ask(worker, partial(only_if_tried, "Too much.", os.getpid)) == before
    assert not ask(worker, in_process.is_tried), "only that request was"


def test_where_memory_does_not_last_the_refusal_is_told(worker):
    with pytest.raises(WorkerDied, match=r"^Too much\. It was tried, and memory ran out\.$"):
        ask(worker, partial(only_if_tried, "Too much.", be_killed))
    with pytest.raises(WorkerDied, match="SIGKILL"):
        ask(worker, be_killed)
    assert ask(worker, os.getpid) > 0, "the next request has another process"


def machine(available: int) -> types.SimpleNamespace:
    return types.SimpleNamespace(total=1000, available=available)


def test_what_takes_nearly_all_memory_is_ended_before_others_give_way(worker, monkeypatch):
    ask(worker, os.getpid)  # starting it takes longer than what follows
    memory = map(machine, (500, 21, 19))
    monkeypatch.setattr(module.psutil, "virtual_memory", lambda: next(memory))

    with pytest.raises(WorkerDied, match=r"^Too much\. It was tried, and memory ran out\.$"):
        ask(worker, partial(only_if_tried, "Too much.", partial(time.sleep, 60)))
    assert next(memory, None) is None


def test_memory_is_watched_only_while_something_is_tried(worker, monkeypatch):
    monkeypatch.setattr(module.psutil, "virtual_memory", lambda: machine(1))

    assert ask(worker, os.getpid) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="as Linux' /proc says")
def test_where_memory_runs_out_the_process_goes_before_the_kernel(worker):
    path = Path("/proc/self/oom_score_adj")
    if not os.access(path, os.W_OK):
        pytest.skip("this system gives no way to say so")

    assert int(ask(worker, partial(path.read_text, encoding="ascii"))) == 1000
    assert int(path.read_text(encoding="ascii")) < 1000


def test_explorers_take_turns(worker, tmp_path):
    """However fast one of them asks, each of the others is served after at most one of its own."""
    gate, served, done = tmp_path / "gate", [], threading.Event()

    def again(_: object) -> None:
        served.append("eager")
        if not done.is_set():
            worker.submit("eager", os.getpid, again, again)

    def once(_: object) -> None:
        served.append("patient")
        done.set()

    worker.submit("eager", partial(wait_for, str(gate)), again, again)
    worker.submit("patient", os.getpid, once, once)
    gate.touch()

    assert done.wait(60)
    assert served.index("patient") <= 2


class OwnError(Exception):
    """An error of a class that the kernel may not know."""


def fail_in_tensorflow() -> None:
    import tensorflow as tf

    raise tf.errors.InvalidArgumentError(None, None, "as asked")


def exhaust_tensorflow() -> None:
    import tensorflow as tf

    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


def fail_in_an_own_class() -> None:
    raise OwnError("as asked")


class Tensor:
    """Stands for what lies on a device."""


_tensors: weakref.WeakSet = weakref.WeakSet()


def fail_with_a_tensor() -> None:
    tensor = Tensor()
    _tensors.add(tensor)
    raise OwnError("as asked")


def tensors_left() -> int:
    return len(_tensors)


def test_a_failed_request_gives_its_memory_back(worker):
    with pytest.raises(RuntimeError, match="as asked"):
        ask(worker, fail_with_a_tensor)

    assert ask(worker, tensors_left) == 0


@pytest.mark.parametrize(
    "text",
    [
        "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 123 bytes.",
        "INTERNAL: Failed to load in-memory CUBIN: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        "INTERNAL: cudnn handle: CUDNN_STATUS_ALLOC_FAILED",
        "cuBLAS: CUBLAS_STATUS_ALLOC_FAILED",
    ],
)
def test_however_a_device_says_that_memory_ran_out_it_is_a_memory_error(text):
    def work() -> None:
        raise OwnError(text)

    with pytest.raises(MemoryError, match="smaller batch") as caught:
        in_process.run(work)
    assert text in str(caught.value)


@pytest.mark.parametrize("work", [fail_in_tensorflow, fail_in_an_own_class])
def test_errors_reach_the_kernel_as_plain_ones(worker, work):
    with pytest.raises(RuntimeError, match="Error: as asked"):
        ask(worker, work)


def test_a_backend_without_memory_is_a_memory_error(worker):
    with pytest.raises(MemoryError, match=r"smaller batch.*OOM when allocating"):
        ask(worker, exhaust_tensorflow)


def test_time_forward_measures_in_the_worker():
    timing = time_forward(SMALL, SHAPE, batch_size=3)

    assert timing.batch_size == 3
    assert timing.median > 0


def test_time_forward_refuses_what_does_not_fit():
    with pytest.raises(ParameterError, match="batch_size=0"):
        time_forward(SMALL, SHAPE, batch_size=0)
    with pytest.raises(ParameterError, match="height=30"):
        time_forward(SMALL, (30, 32, 1))
