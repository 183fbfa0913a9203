"""In a web page, every question has an answer at once: a sentence that names the way on."""

import asyncio
import sys
from types import SimpleNamespace
from typing import get_args

import attrs
import pytest

from explorer import UNet, time_forward, worker
from explorer.core.asking.failures import NoKeras
from explorer.core.asking.questions import Question, Rebuild, See
from explorer.core.network.errors import Refusal
from explorer.core.pictures import shown as module
from explorer.core.pictures.seen import PHOTOGRAPH
from explorer.worker import loop_timer, page, process, thread_timer
from tests.core.pictures.test_images import encoded

NET, SHAPE = UNet(filters=2, down_blocks=1, up_blocks=1), (16, 16, 1)


@pytest.fixture
def in_page(monkeypatch):
    monkeypatch.setattr(worker, "IN_PAGE", True)


def asked(question):
    """Return what the page's answerer calls back with, before it returns."""
    found = []
    page.shared_worker().submit("owner", question, found.append, found.append)
    [answer] = found
    return answer


@pytest.mark.parametrize(
    "kind",
    [kind for kind in get_args(Question) if kind is not See],
    ids=lambda kind: kind.__name__,
)
def test_what_needs_keras_is_refused_with_the_ways_on(kind):
    error = asked(kind(*[None] * len(attrs.fields(kind))))

    assert isinstance(error, NoKeras)
    assert isinstance(error, Refusal)
    assert "Binder" in str(error)
    assert "pip install" in str(error)


def test_a_picture_is_seen_as_the_worker_sees_it(monkeypatch):
    from PIL import Image

    content = encoded(Image.new("L", (4, 4), 128))

    assert asked(See(content, SHAPE)).png.startswith(b"\x89PNG")

    monkeypatch.setitem(sys.modules, "explorer.core.pictures.images", None)
    assert asked(See(content, SHAPE)).png == content
    assert module.shown(None, SHAPE).png == PHOTOGRAPH.read_bytes()


def test_it_is_chosen_in_one_place(in_page):
    assert worker.shared_worker() is page.shared_worker()
    with pytest.raises(RuntimeError, match="event loop"):
        worker.later(0.0, print)


def test_elsewhere_there_are_threads_and_a_process():
    assert worker.shared_worker() is process.shared_worker()
    timer = worker.later(3600, print)
    timer.cancel()
    timer.join(30)
    assert isinstance(timer, thread_timer._WakingTimer)
    assert not isinstance(timer, loop_timer._LoopTimer)


def test_functions_of_a_notebook_say_the_same(in_page):
    with pytest.raises(NoKeras, match="Binder"):
        time_forward(NET, SHAPE)


def test_the_answerer_is_ready_and_has_nothing_to_wait_for():
    answerer = page.shared_worker()

    answerer.cancel("owner")

    assert answerer.is_ready
    assert answerer.outlook("owner", "at work") == "at work"
    assert isinstance(asked(Rebuild(NET, SHAPE)), NoKeras)


@pytest.mark.parametrize(
    ("package", "fetched"), [("attrs", []), ("no_such_package", ["no_such_package"])]
)
def test_a_package_is_fetched_before_it_is_imported_unless_it_is_there(
    in_page, monkeypatch, package, fetched
):
    said = []

    async def fetch(name):
        said.append(name)

    async def main():
        worker.load(package, lambda: said.append("called"))
        while "called" not in said:
            await asyncio.sleep(0)

    monkeypatch.setitem(sys.modules, "pyodide_js", SimpleNamespace(loadPackage=fetch))
    asyncio.run(asyncio.wait_for(main(), 30))

    assert said == [*fetched, "called"]
