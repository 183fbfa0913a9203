"""What is explained on screen, and that nothing is explained that nobody meets."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import explorer.worker.process
from explorer import Explorer, ResNet, presets
from explorer.core.words.glossary import GLOSSARY, found
from explorer.widget import front
from explorer.widget.panels.glossary.panel import Glossary
from tests.core.words.test_glossary import explanations
from tests.still_worker import StillWorker
from tests.widget.test_words import texts


def strings(value: object) -> Iterator[str]:
    """Return the texts in JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


@pytest.fixture
def view():
    made = Glossary(lambda number: None)
    yield made
    made.close()


def test_the_page_gets_every_term_and_what_finds_them(view):
    state = json.loads(json.dumps(view.get_state(["terms", "pattern"])))
    assert [term["term"] for term in state["terms"]] == [entry.term for entry in GLOSSARY]
    words = [word for term in state["terms"] for word in term["spellings"]]
    assert all(re.fullmatch(state["pattern"], word) for word in words)


def test_each_picture_is_drawn_and_each_drawing_is_of_a_term(view):
    source = (Path(front.__file__).parent / "pictures.js").read_text(encoding="utf-8")
    drawn = set(re.findall(r'^  "?([a-z ]+)"?: \(svg\) =>', source, re.MULTILINE))
    assert drawn == {term.picture for term in view.terms} - {""}
    assert len(drawn) >= 8


def test_every_term_is_met_on_screen(monkeypatch):
    monkeypatch.setattr(explorer.worker.process, "shared_worker", StillWorker)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    shown = list(explanations())
    for architecture in (presets["U-Net (small)"], ResNet(encoder_stride=8)):
        widget = Explorer(architecture)
        screen = widget._panels.screen
        for tabs in (screen.stage, screen.side):
            for title in tabs.titles:
                tabs.choose(title)
        screen.views["Compare"].widget.pin.click()
        for text in texts(widget):
            shown += strings({**json.loads(text), "_esm": ""})
        widget.close()
    met = {entry.term for text in shown for entry in found(text)}
    assert {entry.term for entry in GLOSSARY} - met == set()
