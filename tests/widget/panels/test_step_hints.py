"""The tooltip of a number tells what its next steps would do, once edits rest."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

import explorer.worker.process
from explorer import Explorer, UNet
from explorer.core.analysis import sensitivity as sensitivity_module
from explorer.core.analysis.design import Design
from explorer.core.analysis.sensitivity import sensitivity
from explorer.widget.messages import Steps
from tests.core.analysis.test_sensitivity import PROFILE
from tests.still_worker import StillWorker

SMALL = UNet(filters=8, down_blocks=2, up_blocks=2)
NOTHING = Steps("", ())


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Explorer]:
    """An explorer that settles when it is told to."""
    monkeypatch.setattr(explorer.worker.process, "shared_worker", StillWorker)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    widget = Explorer(SMALL, (64, 64, 1))
    yield widget
    widget.close()


def look(shown: Explorer, name: str) -> None:
    shown._panels.names._handle_custom_msg({"steps_of": name}, [])


def settle(shown: Explorer) -> None:
    """Do what a timer does once a design has stayed for a while."""
    settling = shown._panels._steps._settling
    if settling._wanted is not None:
        settling._settled(settling._wanted)


def told(shown: Explorer) -> Steps:
    found: Steps = shown._panels.names.steps
    return found


def test_the_steps_of_the_control_that_is_looked_at_are_told(shown: Explorer) -> None:
    settle(shown)
    assert told(shown) == NOTHING, "nobody looks"
    look(shown, "filters")
    assert told(shown) == NOTHING
    settle(shown)
    assert told(shown).of == "filters"
    down, up = told(shown).words
    assert down.startswith("filters 8 → 6: −")
    assert up.startswith("filters 8 → 12: +")
    assert up.endswith(", receptive field same and output stride same")
    [every] = [
        each for each in sensitivity(shown._state.design) if each.parameter.name == "filters"
    ]
    assert told(shown).words == every.words

    look(shown, "stacks")
    settle(shown)
    [only] = told(shown).words
    assert only.startswith("stacks 1 → 2: ")
    look(shown, "height")
    settle(shown)
    assert told(shown) == Steps("height", ())


def test_times_are_told_once_they_are_known(shown: Explorer) -> None:
    look(shown, "convs_per_block")
    settle(shown)
    assert "time" not in "".join(told(shown).words)
    shown._state.tell_times(PROFILE)
    assert told(shown) == NOTHING
    settle(shown)
    assert all(" % time told for CPU (some)" in words for words in told(shown).words)


def test_an_edit_takes_them_away_and_those_of_the_new_design_come_once_it_rests(
    shown: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_out: list[Design] = []
    work_out = sensitivity_module.sensitivity

    def noting(design: Design, **more: Any) -> object:
        worked_out.append(design)
        return work_out(design, **more)

    monkeypatch.setattr(sensitivity_module, "sensitivity", noting)
    look(shown, "filters")
    settle(shown)
    for filters in range(9, 20):
        shown.controls["filters"].value = filters
        assert told(shown) == NOTHING
    assert len(worked_out) == 1
    settle(shown)
    assert told(shown).words[1].startswith("filters 19 → 24: ")
    look(shown, "")
    shown.controls["filters"].value = 30
    settle(shown)
    assert told(shown) == NOTHING
    assert len(worked_out) == 2, "nobody looks any more"


def test_what_was_overtaken_is_not_told(shown: Explorer, monkeypatch: pytest.MonkeyPatch) -> None:
    work_out = sensitivity_module.sensitivity

    def overtaken(design: Design, **more: Any) -> object:
        found = work_out(design, **more)
        if design.architecture == SMALL:
            shown.controls["filters"].value = 10
        return found

    monkeypatch.setattr(sensitivity_module, "sensitivity", overtaken)
    look(shown, "filters")
    settle(shown)
    assert told(shown) == NOTHING
    settle(shown)
    assert told(shown).words[1].startswith("filters 10 → 12: ")


def test_a_refused_edit_leaves_what_is_true_of_the_design(shown: Explorer) -> None:
    look(shown, "up_blocks")
    settle(shown)
    before = told(shown)
    shown.controls["up_blocks"].value = 9
    assert shown.architecture == attrs.evolve(SMALL)
    assert told(shown) == before
