"""Settings that must stand before anything else is imported."""

import os
from collections.abc import Iterator
from pathlib import Path

# TensorFlow reads its variable once, at import.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")

import pytest
from hypothesis import settings

# A slow machine is not a bug, and what fails on a server must fail again at home.
settings.register_profile("explorer", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("explorer")


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def every_message_is_read(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail where a page sends what its widget can't read, unless a test calls `caplog.clear`."""
    yield
    log = "explorer.widget.front.widget"
    assert [each.getMessage() for each in caplog.get_records("call") if each.name == log] == []


#: Files whose tests one process runs, before all other tests: what they share takes long to make.
WHOLE = ("tests/browser/", "tests/keras_side/test_machine_memory.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give processes whole files first, and then single tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.split("::")[0] if nodeid.startswith(WHOLE) else nodeid

    return Scheduling(config, log)
