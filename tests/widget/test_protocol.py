"""What a front end is sent is enough for it: JupyterLab forgives more than VS Code and Colab do."""

import json
import re

import pytest
from comm.base_comm import BaseComm
from ipywidgets import Widget
from ipywidgets.widgets.widget import _instances

import explorer.worker.process
from explorer import Explorer, UNet
from tests.still_worker import StillWorker

TABS = ("Receptive field", "Feature maps", "Charts", "Train", "Design", "Diagram")
SIDE = ("Layers", "Compare", "Code", "Run and time", "Explain")
MODEL = re.compile(r"IPY_MODEL_(\w+)")
#: An address, but for the names of SVG's elements.
ADDRESS = re.compile(r"https?://(?!www\.w3\.org/)[^\s\"'`)]+")


@pytest.fixture
def sent(monkeypatch):
    """Every message to the browser: kind, model, content and buffers, in order."""
    messages = []

    class Comm(BaseComm):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            messages.append((msg_type, self.comm_id, data or {}, buffers or []))

    monkeypatch.setattr("comm.create_comm", lambda **options: Comm(**options))
    monkeypatch.setattr(explorer.worker.process, "shared_worker", StillWorker)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    Widget.close_all()  # layouts that are shared were opened before
    messages.clear()
    widget = Explorer(UNet(filters=2, down_blocks=1, up_blocks=1), (32, 32, 1))
    screen = widget._panels.screen
    for tabs, titles in ((screen.stage, TABS), (screen.side, SIDE)):
        for title in titles:
            tabs.choose(title)
    screen.stage.choose("Charts")
    screen.stage.views["Charts"].loading.join()
    yield messages
    widget.close()


def opened(sent) -> dict[str, dict]:
    return {model: data["state"] for kind, model, data, _ in sent if kind == "comm_open"}


def test_a_model_is_known_before_another_one_refers_to_it(sent):
    known = set()
    for kind, model, data, _ in sent:
        if kind == "comm_open":
            known.add(model)
        assert set(MODEL.findall(repr(data.get("state")))) <= known
    assert len(known) > 100


def test_the_first_message_of_a_model_holds_all_of_it(sent):
    for kind, model, data, buffers in sent:
        if kind != "comm_open":
            continue
        paths = data.get("buffer_paths", [])
        assert len(paths) == len(buffers)
        given = set(data["state"]) | {path[0] for path in paths}
        widget = _instances[model]
        assert given >= {name for name in widget.keys if getattr(widget, name) is not None}


def test_views_bring_their_code_and_ask_nobody_else(sent):
    ours = [state for state in opened(sent).values() if state["_model_module"] == "anywidget"]
    assert len(ours) > 15
    for state in ours:
        assert "export" in state["_esm"]
        assert not re.search(r"""^\s*import\b.*["']""", state["_esm"], re.MULTILINE)
        assert not ADDRESS.findall(state["_esm"] + state.get("_css", ""))


def test_what_a_notebook_keeps_with_all_tabs_opened_is_small(sent):
    assert sum(len(json.dumps(state, default=len)) for state in opened(sent).values()) < 1_000_000


def test_models_are_those_of_ipywidgets_and_anywidget_alone(sent):
    modules = {state["_model_module"] for state in opened(sent).values()}
    assert modules == {"@jupyter-widgets/base", "@jupyter-widgets/controls", "anywidget"}
