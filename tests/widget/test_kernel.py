"""In a real kernel: interrupting it, and ending it, while its Keras process is at work."""

import contextlib
import sys
import time

import psutil
import pytest
from jupyter_client.manager import start_new_kernel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent otherwise")

SHORT = """
from explorer import UNet, time_forward
net = UNet(filters=2, down_blocks=2, up_blocks=2)
time_forward(net, (32, 32, 1), time_limit=0).runs
"""
LONG = """
from explorer import UNet, time_forward
time_forward(UNet(), (512, 512, 1), batch_size=4, time_limit=300).runs
"""


@pytest.fixture
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client, code: str, timeout: float = 120) -> tuple[str, str]:
    """Return how running the code ended, and its value or error."""
    said = []

    def note(message) -> None:
        content = message["content"]
        if message["msg_type"] == "execute_result":
            said.append(content["data"]["text/plain"])
        elif message["msg_type"] == "error":
            said.append(content["ename"])

    reply = client.execute_interactive(code, timeout=timeout, output_hook=note)
    return reply["content"]["status"], "".join(said)


def busy_children(process: psutil.Process) -> list[psutil.Process]:
    """Wait until one of the processes beneath has been computing for a while, and return all."""
    end = time.monotonic() + 120
    at_first: dict[int, float] = {}
    while time.monotonic() < end:
        with contextlib.suppress(psutil.NoSuchProcess):
            children = process.children(recursive=True)
            for child in children:
                # Not its share of a moment, which is small on a busy machine.
                seconds = child.cpu_times().user
                since = seconds - at_first.setdefault(child.pid, seconds)
                if since > 0.3 and child.num_threads() > 5:
                    return children
        time.sleep(0.05)
    raise AssertionError("nothing computes")


def test_an_interrupted_pass_leaves_everything_usable(kernel):
    manager, client = kernel
    assert run(client, SHORT) == ("ok", "5")
    worker = run(
        client, "from explorer.worker.process import shared_worker\nshared_worker().is_ready"
    )
    assert worker == ("ok", "True")

    # A kernel gives up what is sent within a moment after an error, unless told otherwise.
    identity = client.execute(LONG, stop_on_error=False)
    busy_children(psutil.Process(manager.provisioner.pid))
    manager.interrupt_kernel()
    reply = client.get_shell_msg(timeout=60)
    while reply["parent_header"].get("msg_id") != identity:
        reply = client.get_shell_msg(timeout=60)
    assert reply["content"]["ename"] == "KeyboardInterrupt"

    # Had the process not been told, this would wait for the end of the long measurement.
    assert run(client, SHORT, timeout=60) == ("ok", "5")


def test_no_process_is_left_when_the_kernel_is_killed(kernel):
    manager, client = kernel
    client.execute(LONG)
    process = psutil.Process(manager.provisioner.pid)
    children = busy_children(process)

    process.kill()

    gone, alive = psutil.wait_procs(children, timeout=30)
    assert len(gone) >= 1
    assert not alive
