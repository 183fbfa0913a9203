"""What marimo relies on: it shows anywidgets, and of other objects what `_mime_` returns."""

import html
import re

import anywidget
import pytest

import explorer.worker.process
from explorer import Explorer, UNet, animate, layers
from explorer.widget import front
from tests.still_worker import StillWorker


@pytest.fixture
def widget(monkeypatch):
    monkeypatch.setattr(explorer.worker.process, "shared_worker", StillWorker)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    made = Explorer(UNet(filters=2, down_blocks=1, up_blocks=1), (32, 32, 1))
    yield made
    made.close()


def test_an_explorer_is_shown_to_be_read(widget):
    kind, content = widget._mime_()
    assert kind == "text/html"
    [held] = re.findall(r'^<iframe [^>]*srcdoc="([^"]*)"[^>]*></iframe>$', content)
    assert html.unescape(held) == widget.snapshot()


@pytest.fixture
def motion():
    made = animate(layers.Conv2D(name="a", filters=1, kernel_size=3))
    yield made
    made.close()


def test_a_layer_at_work_is_an_anywidget_alone(motion):
    assert isinstance(motion, anywidget.AnyWidget)
    referring = {name for name, value in motion.get_state().items() if "IPY_MODEL_" in repr(value)}
    assert referring <= {"layout"}  # marimo has no other widgets, and does without that one


def test_it_takes_no_colour_of_a_page_that_has_others_of_the_same_name(motion):
    of_explorer = set(re.findall(r"(--[\w-]+):", front.STYLE.read_text(encoding="utf-8")))
    used = set(re.findall(r"var\((--[\w-]+)", motion._css))
    assert used & of_explorer == {"--px"}
