"""A notebook that is opened where nothing runs shows the design."""

import base64
import json
import re
import sys
from xml.etree import ElementTree

import attrs
import keras
import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter

import explorer.widget.saved_view
import explorer.worker.process
from explorer import Explorer, UNet
from explorer.core.exchange.links import from_link
from tests.still_worker import StillWorker

SMALL = UNet(filters=2, down_blocks=1, up_blocks=1)
KINDS = {"text/html", "text/markdown", "text/plain"}
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def shown(monkeypatch):
    """What a notebook is given: outputs, and whether each takes the place of an earlier one."""
    monkeypatch.setattr(explorer.worker.process, "shared_worker", StillWorker)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    monkeypatch.setattr(explorer.widget.saved_view, "CALM", 0.01)
    outputs = []

    def display(data, *, raw, display_id=None, update=False):
        assert raw
        outputs.append((data, display_id, update))

    monkeypatch.setattr(explorer.widget.saved_view, "display", display)
    return outputs


@pytest.fixture
def widget(shown):
    made = Explorer(SMALL, (32, 32, 1))
    made._ipython_display_()
    yield made
    made.close()


def picture(html: str) -> str:
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    assert found
    return base64.b64decode(found[1]).decode()


def test_the_view_comes_first_and_then_what_is_kept(widget, shown):
    (view, *_), (kept, name, update) = shown
    assert view[VIEW]["model_id"] == widget.model_id
    assert set(view) == {VIEW, "text/plain"}  # what else it had would be shown beside the other
    assert set(kept) == KINDS
    assert not update
    assert f'class="explorer-saved {name}"' in kept["text/html"]
    assert widget._panels.names.hides == name


def test_what_is_kept_has_picture_figures_layers_and_the_way_back(widget, shown):
    kept = shown[1][0]
    svg = picture(kept["text/html"])
    ElementTree.fromstring(svg)
    assert ">32 × 32 × 2<" in svg
    report = widget.report
    for kind in ("text/html", "text/markdown"):
        for layer in report.layers:
            assert layer.name in kept[kind]
        assert f"{report.total_params:,}" in kept[kind]
    for text in kept.values():
        assert f"sees up to {report.receptive_field[0]} px" in text
        assert "run this cell again" in text
        (link,) = re.findall(r"from_link\(\"([^\"]+)\"\)", text.replace("&amp;", "&"))
        assert from_link(link).architecture == SMALL
    assert "<script" not in svg
    [style] = re.findall("<style>(.*?)</style>", kept["text/html"])
    assert style.count(widget._saved.name) == 1
    assert not re.search("<script|onload", kept["text/html"])


def test_it_follows_what_is_edited(widget, shown):
    widget._panels.parameters.controls["filters"].holder.value = 3
    widget._saved._settling.join(10)
    data, name, update = shown[-1]
    assert update
    assert name == shown[1][1]
    assert "32 × 32 × 3" in data["text/markdown"]
    assert ">32 × 32 × 3<" in picture(data["text/html"])


def test_what_no_notebook_shows_is_not_kept(shown):
    widget = Explorer(SMALL, (32, 32, 1))
    widget.architecture = attrs.evolve(SMALL, filters=3)
    widget._saved._settling.join(10)
    widget.close()
    assert shown == []


def test_it_goes_with_the_widget(shown):
    widget = Explorer(SMALL, (32, 32, 1))
    widget._ipython_display_()
    widget.close()
    assert shown[-1] == ({"text/plain": ""}, shown[1][1], True)


def test_names_stay_text_and_a_model_has_no_link(shown):
    image = keras.Input((8, 8, 1))
    model = keras.Model(image, keras.layers.ReLU(name="<b>&")(image), name="<i>")
    widget = Explorer(model)
    widget._ipython_display_()
    widget.close()
    kept = shown[1][0]
    assert "&lt;b&gt;&amp;" in kept["text/html"]
    assert "<i>" not in kept["text/html"]
    assert r"**\<i\> (as given), input" in kept["text/markdown"]
    assert not any("from_link" in text for text in kept.values())


def test_without_graphviz_there_is_a_table(widget, shown, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    widget._ipython_display_()
    html = shown[-1][0]["text/html"]
    assert "<img" not in html
    assert "stack0_enc0_conv0" in html


@pytest.fixture(scope="module")
def executed():
    """A notebook that was run without a browser."""
    cell = nbformat.v4.new_code_cell("from explorer import Explorer\nwidget = Explorer()\nwidget")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, timeout=180).execute()
    return notebook


def test_an_executed_notebook_keeps_the_state_of_widgets_in_less_than_a_megabyte(executed):
    state = executed.metadata["widgets"]
    assert len(json.dumps(state)) < 600_000
    models = state["application/vnd.jupyter.widget-state+json"]["state"]
    view = executed.cells[0].outputs[0].data[VIEW]
    assert view["model_id"] in models
    ours = [each["state"] for each in models.values() if each["model_name"] == "AnyModel"]
    assert len(ours) > 10
    for each in ours:  # all that a page needs comes with them
        assert "export default" in each["_esm"]
        assert not re.search(r"""(?:from|import)\s*\(?["']""", each["_esm"])


@pytest.mark.parametrize("with_state", [True, False])
def test_nbconvert_shows_the_design(executed, with_state):
    notebook = nbformat.from_dict(json.loads(json.dumps(executed)))
    if not with_state:
        del notebook.metadata["widgets"]
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "256 × 256 × 16" in picture(html)
    assert "stack0_enc0_conv0" in html
    assert "535,488" in html
