"""Jupyter's server sends what a kernel says at once."""

import asyncio
import logging
import subprocess
import sys
from types import SimpleNamespace

from jupyter_server.services.kernels.websocket import KernelWebsocketHandler

from explorer import server

LOADED = SimpleNamespace(log=logging.getLogger(__name__))


def test_a_connection_to_a_kernel_holds_nothing_back_once_it_is_open(monkeypatch):
    done = []

    async def opens(self, kernel_id):
        done.append(kernel_id)

    monkeypatch.setattr(KernelWebsocketHandler, "open", opens)
    server._load_jupyter_server_extension(LOADED)
    connection = SimpleNamespace(set_nodelay=lambda value: done.append(value))
    asyncio.run(KernelWebsocketHandler.open(connection, "kernel"))
    assert done == [True, "kernel"]


def test_another_server_stays_as_it_is(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "jupyter_server.services.kernels.websocket", None)
    with caplog.at_level("INFO"):
        server._load_jupyter_server_extension(LOADED)
    assert "stay as they are" in caplog.text


def test_the_server_finds_it():
    command = [sys.executable, "-m", "jupyter", "server", "extension", "list"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "explorer.server" in told.stdout + told.stderr
    assert "OK" in (told.stdout + told.stderr).split("Validating explorer.server")[1][:200]
