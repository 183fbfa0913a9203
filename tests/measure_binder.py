"""Measures what a Binder machine would need: server, kernel and Keras process together.

JupyterLab's server starts a kernel, in which the explorer is shown and each thing that it asks of
Keras is asked, one after the other; all in a control group of 2 GiB, on one core. Memory is
proportional set size: what processes share counts once. The browser is the visitor's.

python tests/measure_binder.py    It needs Linux and the right to make control groups.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import websocket

from tests.measure_limited import limited

#: Seconds between two looks at the memory.
PAUSE = 0.02
#: Seconds within which each thing has to end.
PATIENCE = 300

SHOW = """
import threading
from IPython.display import display
from explorer import Explorer, presets
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import *
from explorer.core.asking.training import Training, TrainingSettings
from explorer.worker import shared_worker

widget = Explorer()
display(widget)

def ask(question):
    answered, got = threading.Event(), []
    def note(answer):
        got.append(answer)
        answered.set()
    shared_worker().submit("measured", question, note, note)
    assert answered.wait(300)
    if isinstance(got[0], Exception):
        print(got[0])

def shown(name=None):
    net = presets[name] if name else widget.architecture
    return net, (256, 256, 1)

def last(net, shape):
    from explorer import trace
    return trace(net, shape).outputs[-1]
"""

#: What is asked one after the other, by what it is called.
ACTIONS = {
    "explorer on screen": SHOW,
    "model rebuilt": "ask(Rebuild(*shown()))",
    "forward pass": "ask(RunForward(*shown(), 1, None, Measurement()))",
    "every layer timed": "ask(TimeLayers(*shown(), 1, Measurement()))",
    "feature maps": """
layer = last(*shown()).name
ask(Features(*shown(), None, (layer,), layer))""",
    "gradient": "ask(Gradient(*shown(), last(*shown()).name, (128, 128), None))",
    "compared with itself": "ask(TimePair(*shown(), *shown(), 1, Measurement()))",
    "training step": "ask(RunForward(*shown(), 1, None, Measurement(step='training step')))",
    "learning a task": "ask(Train(Training(*shown()), None, 10.0))",
    "two learning a task in turns": """
twins = [Training(*shown(), TrainingSettings(seed=seed)) for seed in (0, 1)]
ask(TrainTwins(*twins, None, 10.0))""",
    "device measured": "ask(ProfileDevice(Measurement(), 60.0))",
    "forward pass, U-Net of 34.5 M parameters": (
        "ask(RunForward(*shown('U-Net'), 1, None, Measurement()))"
    ),
    "gradient, U-Net of 34.5 M parameters": (
        "ask(Gradient(*shown('U-Net'), last(*shown('U-Net')).name, (128, 128), None))"
    ),
    "forward pass, FC-DenseNet103": (
        "ask(RunForward(*shown('FC-DenseNet103'), 1, None, Measurement()))"
    ),
    "training step, U-Net of 34.5 M parameters": (
        "ask(RunForward(*shown('U-Net'), 1, None, Measurement(step='training step')))"
    ),
}


def proportional(process: psutil.Process) -> int:
    """Return the proportional set size of a process in bytes; 0 if it has gone."""
    with contextlib.suppress(OSError, psutil.Error):
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
        if found := re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE):
            return int(found[1]) * 1024
    return 0


class Meter:
    """Looks at the memory of processes until it is ended.

    Attributes:
        peak: Most bytes of all together, and then of server, kernel and Keras process.
    """

    def __init__(self, server: psutil.Process) -> None:
        self._server = server
        self._ended = threading.Event()
        self.peak = (0, 0, 0, 0)
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Meter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(PAUSE):
            with contextlib.suppress(psutil.Error):
                kernels = self._server.children()
                workers = [child for kernel in kernels for child in kernel.children(recursive=True)]
                parts = [
                    sum(map(proportional, each)) for each in ([self._server], kernels, workers)
                ]
                self.peak = max(self.peak, (sum(parts), *parts))


@contextlib.contextmanager
def serving(group: Path) -> Iterator[tuple[psutil.Process, str, str]]:
    """Serve JupyterLab in a control group on one core; its process, address and token."""
    token = uuid.uuid4().hex

    def confine() -> None:
        (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    options = ["--no-browser", "--allow-root", f"--IdentityProvider.token={token}"]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options, "--ServerApp.port_retries=50"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=confine,
    )
    try:
        assert server.stderr
        said = ""
        while not (found := re.search(r"(127\.0\.0\.1:\d+)/lab", said)):
            line = server.stderr.readline()
            assert line, said
            said += line
        threading.Thread(target=server.stderr.read, daemon=True).start()
        yield psutil.Process(server.pid), found[1], token
    finally:
        server.terminate()
        server.wait(30)


def run(connection: websocket.WebSocket, code: str) -> str:
    """Run code in the kernel; what it printed, or its error."""
    identity = uuid.uuid4().hex
    header = {"msg_id": identity, "msg_type": "execute_request", "session": identity}
    header |= {"username": "", "version": "5.3", "date": ""}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    connection.send(json.dumps({**message, "channel": "shell", "buffers": []}))
    said = ""
    while True:
        raw = connection.recv()
        if isinstance(raw, bytes):  # a message with buffers, such as the picture's
            continue
        reply = json.loads(raw)
        if reply["parent_header"].get("msg_id") != identity:
            continue
        if reply["msg_type"] == "stream" and reply["content"]["name"] == "stdout":
            said += reply["content"]["text"]
        if reply["msg_type"] == "error":
            said += f"{reply['content']['ename']}: {reply['content']['evalue']}"
        if reply["msg_type"] == "execute_reply":
            return said.strip()


def main() -> None:
    with limited() as group, serving(group) as (server, address, token):
        request = urllib.request.Request(
            f"http://{address}/api/kernels?token={token}", data=b"{}", method="POST"
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            kernel = json.load(answer)["id"]
        connection = websocket.create_connection(
            f"ws://{address}/api/kernels/{kernel}/channels?token={token}", timeout=PATIENCE
        )
        print("| what | all | server | kernel | Keras process |\n|---|---|---|---|---|")
        for name, code in ACTIONS.items():
            with Meter(server) as meter:
                said = run(connection, code)
                time.sleep(2 * PAUSE)
            sizes = " | ".join(f"{size / 2**20:,.0f} MiB" for size in meter.peak)
            print(f"| {name} | {sizes} |", flush=True)
            if said:
                print(f"  {said}", flush=True)
        connection.close()


if __name__ == "__main__":
    main()
