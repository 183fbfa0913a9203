"""What is on screen goes into a link, and comes back from it."""

from html.parser import HTMLParser

import pytest

import explorer
from explorer import Budget, Explorer, Head, ReadModel, UNet, trace
from explorer.core.analysis.design import Design, Input
from explorer.core.exchange.links import SharedDesign, to_link
from explorer.core.network.errors import ParameterError, Refusal
from tests.still_worker import StillWorker

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2, heads=(Head("parts", channels=3),))


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setattr("explorer.worker.process.shared_worker", StillWorker)
    explorers = []
    yield explorers.append
    for each in explorers:
        each.close()


def test_what_is_on_screen_comes_back_from_its_link(made):
    first = Explorer(SMALL, (64, 96, 3))
    made(first)
    first.batch_size = 4
    first._panels.screen.select("stack0_enc1")
    copy = Explorer.from_link(first.link, height=500)
    made(copy)
    assert copy.architecture == SMALL
    assert (copy.input_shape, copy.batch_size) == ((64, 96, 3), 4)
    assert copy._panels.screen.scene.selected == "stack0_enc1"
    assert [step.label for step in copy._state.history.steps] == ["start"]
    assert copy._panels.screen.a is None
    assert copy.link == first.link


def test_what_is_pinned_comes_back_too_with_its_own_input(made):
    first = Explorer(SMALL, (64, 64, 1))
    made(first)
    first._panels.screen.pin(Design(SMALL, Input(64, 64)))
    first.architecture = UNet(filters=4, down_blocks=2, up_blocks=2)
    first.input_shape = (128, 128, 1)
    copy = Explorer.from_link(first.link)
    made(copy)
    assert copy._panels.screen.a == Design(SMALL, Input(64, 64))
    assert copy._panels.screen.side.opened == "Compare"
    copy._panels.screen.pin(None)
    assert copy._panels.screen.a is None
    assert copy.link != first.link


def test_budgets_come_back_unless_others_are_given(made):
    limits = Budget("memory", at_most=2 * 10**9), Budget("receptive field", at_least=18)
    first = Explorer(SMALL, (64, 64, 1), budgets=limits)
    made(first)
    copy = Explorer.from_link(first.link)
    made(copy)
    assert copy.budgets == limits
    assert copy.link == first.link
    with_others = Explorer.from_link(first.link, budgets=limits[:1])
    made(with_others)
    assert with_others.budgets == limits[:1]
    loaded = Explorer(explorer.load(first.link))
    made(loaded)
    assert loaded.budgets == limits


def test_a_link_has_the_address_that_it_is_given(made):
    shown = Explorer(SMALL, (64, 64, 1))
    made(shown)
    assert shown.link.startswith("#design=")
    assert shown.link_to("https://example.org/?x=1#old") == f"https://example.org/?x=1{shown.link}"


@pytest.mark.parametrize(
    "shared",
    [
        SharedDesign(SMALL, Input(63, 64)),
        SharedDesign(SMALL, Input(64, 64), pinned=Design(SMALL, Input(63, 64))),
    ],
)
def test_a_link_to_what_no_network_can_be_is_refused(shared):
    with pytest.raises(ParameterError, match="63"):
        Explorer.from_link(to_link(shared))


def test_a_model_has_no_link(made):
    shown = Explorer(ReadModel.of(trace(SMALL, (64, 64, 1))))
    made(shown)
    with pytest.raises(Refusal, match=r"model\.save"):
        _ = shown.link


def test_what_was_loaded_is_shown_with_the_input_of_its_file():
    text = '{"model": {"backbone": {"unet": {"filters": 4, "max_stride": 32}}, "heads": {}}}'
    loaded = explorer.load(text, channels=3)
    widget = explorer.Explorer(loaded)
    assert (widget.architecture, widget.input_shape) == (loaded.architecture, (256, 256, 3))
    widget.close()
    widget = explorer.Explorer(loaded, (64, 96, 3))
    assert widget.input_shape == (64, 96, 3)
    widget.close()


def test_a_page_shows_what_is_on_screen_by_its_link(made):
    shown = Explorer(SMALL, (64, 64, 1))
    made(shown)

    html = shown.embed("https://example.org/a?b=1&c", height=500)

    frame = HTMLParser()
    found = []
    frame.handle_starttag = lambda tag, options: found.append((tag, dict(options)))
    frame.feed(html)
    [(tag, options)] = found
    assert tag == "iframe"
    assert options["src"] == shown.link_to("https://example.org/a?b=1&c")
    assert options["height"] == "500"
    assert Explorer.from_link(options["src"]).architecture == SMALL
