"""What the site shows at an address; whatever stands there, one gets an explorer."""

import base64
import zlib
from urllib.parse import urlencode

import pytest

from explorer import Explorer, Lesson, UNet
from explorer.core.analysis.design import Input
from explorer.core.exchange.links import LONGEST, VERSION, SharedDesign, to_link
from explorer.widget.address import shown_at
from tests.still_worker import StillWorker

LINK = to_link(SharedDesign(UNet(filters=2, down_blocks=2, up_blocks=2), Input(64, 96, 3)))


def packed(text: str) -> str:
    return base64.urlsafe_b64encode(zlib.compress(text.encode())).decode().rstrip("=")


@pytest.fixture
def shown(monkeypatch):
    """Shows what is at an address; its class, and what it says of the address, come back."""
    monkeypatch.setattr("explorer.worker.process.shared_worker", StillWorker)
    explorers = []

    def show(address: str) -> tuple[Explorer, str]:
        explorers.append(shown_at(address))
        return explorers[-1], explorers[-1]._panels.exchange.problem

    yield show
    for each in explorers:
        each.close()


@pytest.mark.parametrize(
    "address",
    [
        LINK,
        LINK.replace("#", "?"),
        LINK.partition("&")[0],
        f"?utm_source=mail&lesson=x{LINK}",
        f"?design=damaged{LINK}",
        f"{LINK}&fbclid=abc",
    ],
)
def test_a_design(shown, address):
    widget, problem = shown(address)
    assert problem == ""
    assert widget.link == LINK


@pytest.mark.parametrize("address", ["", "#", "?", "//[", "?theme=dark", "#section", "?designs=3"])
def test_nothing_of_ours(shown, address):
    widget, problem = shown(address)
    assert problem == ""
    assert type(widget) is Explorer


@pytest.mark.parametrize("name", ["", "Ada", 'Ada "\\ O’Hara', "?a=b&#c", "\U0001f600"])
def test_a_lesson_with_its_learner(shown, name):
    widget, problem = shown("?" + urlencode({"lesson": 2, "name": name}))
    assert problem == ""
    assert isinstance(widget, Lesson)
    assert (widget.results.lesson, widget.results.seed) == (2, name)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("?design=", "damaged or cut off"),
        ("?design=garbage", "damaged or cut off"),
        (LINK[:-30], "damaged or cut off"),
        (LINK.replace("design=", "design=A"), "damaged or cut off"),
        ("?design=%3Cscript%3E", "damaged or cut off"),
        (f"#design={'A' * (LONGEST + 1)}", f"at most {LONGEST:,}"),
        (f"#design={packed(' ' * 3 * 10**7)}", "no design has as many"),
        (f"{LINK.partition('&')[0]}&v={VERSION + 1}", "open it with a newer explorer"),
        (f"#design={packed('{}')}", "architecture"),
        (f"#design={packed('[' * 30_000)}", "at most 50"),
        (f"#design={packed('null')}", "link"),
        ("?lesson=99", "number=99 is no lesson"),
        ("?lesson=", "is no lesson"),
        ("?lesson=x", "number='x' is no lesson"),
        ("?lesson=-1", "number='-1' is no lesson"),
        ("?lesson=٣", "number='٣' is no lesson"),
        (f"?lesson={'9' * 5000}", "is no lesson"),
    ],
    ids=range(17),
)
def test_what_cannot_be_shown_is_said_in_an_explorer(shown, address, said):
    widget, problem = shown(address)
    assert said in problem
    assert type(widget) is Explorer
    assert "\n" not in problem
    assert len(problem) < 300
