"""A design as a page holds what the kernel would have said, and asks for nothing else."""

import base64
import gzip
import json
import re
from xml.etree import ElementTree

import keras
import pytest
from ipywidgets.widgets.widget import _instances

import explorer.worker.process
from explorer import Explorer, UNet, presets
from explorer.core.drawing.dot import DETAILS
from explorer.core.network.names import block_id, layer_id
from tests.still_worker import StillWorker

SMALL = UNet(filters=2, down_blocks=1, up_blocks=1)
ELSEWHERE = re.compile(r"https?://(?!www\.w3\.org/)[^\s\"']+")


@pytest.fixture(autouse=True)
def still(monkeypatch):
    monkeypatch.setattr(explorer.worker.process, "shared_worker", StillWorker)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)


@pytest.fixture
def widget():
    made = Explorer(SMALL, (32, 32, 1))
    made._panels.screen.side.choose("Layers")
    yield made
    made.close()


def held(page: str) -> dict:
    (packed,) = re.findall(r'<script [^>]*id="explorer-held"[^>]*>([^<]+)</script>', page)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def said(view) -> dict:
    return json.loads(json.dumps(view.get_state()))


def test_each_selection_shows_what_it_does_with_a_kernel(widget):
    kept = held(widget.snapshot())
    screen = widget._panels.screen
    graph = widget.graph
    selections = {"", *map(layer_id, graph), *map(block_id, graph)}
    assert set(kept["marks"]) == selections
    for selected in selections:
        screen.select(selected)
        marks = kept["marks"][selected]
        for name, view in (("layers", screen.side.views["Layers"]), ("strip", screen.strip)):
            assert marks[name]["selected"] == said(view)["selected"]
        shown = kept["drawings"]["blocks"]["shown"][selected]
        assert shown == screen.diagram.canvas.shown
    screen.side.choose("Explain")
    for selected in selections:
        screen.select(selected)
        explained = said(screen.inspector)
        marks = kept["marks"][selected]["inspector"]
        assert marks == {
            name: explained[name] for name in ("heading", "prefix", "parts", "selected")
        }


def test_there_is_a_drawing_for_each_detail_and_it_is_the_screens(widget):
    kept = held(widget.snapshot())
    assert set(kept["drawings"]) == set(DETAILS)
    canvas = said(widget._panels.screen.diagram.canvas)
    traits = kept["drawings"]["blocks"]["traits"]
    assert traits["items"] == canvas["items"]
    assert traits["places"] == canvas["places"]
    assert kept["views"]["totals"]["figures"] == said(widget._panels.totals)["figures"]
    for drawing in kept["drawings"].values():
        assert set(drawing["shown"].values()) - {""} <= {
            item["id"] for item in drawing["traits"]["items"]
        }


@pytest.mark.parametrize("name", ["U-Net (small)", "FC-DenseNet103", "ResNet152"])
def test_it_is_small_and_needs_nothing_from_elsewhere(name):
    widget = Explorer(presets[name])
    page = widget.snapshot()
    widget.close()
    assert len(page.encode()) < 1_000_000
    assert not ELSEWHERE.findall(page)
    assert not re.findall(r"(?:src|href)=", re.sub(r"<script.*?</script>", "", page, flags=re.S))


def test_it_is_written_to_a_file(widget, tmp_path):
    page = widget.snapshot(tmp_path / "design.html")
    assert (tmp_path / "design.html").read_text(encoding="utf-8") == page
    assert page.startswith("<!doctype html>")


def test_it_says_how_to_edit_it(widget):
    page = widget.snapshot()
    (text,) = re.findall(r"<pre>(.*?)</pre>", page, flags=re.S)
    code = ElementTree.fromstring(f"<pre>{text}</pre>").text
    made = eval(code.splitlines()[-1], {"Explorer": Explorer})
    assert made.architecture == SMALL
    made.close()


def test_names_stay_text():
    image = keras.Input((8, 8, 1))
    layer = keras.layers.ReLU(name="<b>&<!--")
    widget = Explorer(keras.Model(image, layer(image), name="<i>&<script>"))
    page = widget.snapshot()
    widget.close()
    assert "<b>" not in page
    assert "<i>" not in page
    assert "<title>&lt;i&gt;&amp;&lt;script&gt;" in page
    rows = held(page)["views"]["layers"]["rows"]
    assert rows[-1]["name"] == "<b>&<!--"


def test_it_leaves_no_widget_behind(widget):
    before = set(_instances)
    widget.snapshot()
    assert set(_instances) == before


def test_the_views_that_were_open_stay_as_they_were(widget):
    widget._panels.screen.select("block-stack0_enc0")
    before = said(widget._panels.screen.diagram.canvas)
    widget.snapshot()
    assert said(widget._panels.screen.diagram.canvas) == before
    assert widget._panels.screen.scene.selected == "block-stack0_enc0"
