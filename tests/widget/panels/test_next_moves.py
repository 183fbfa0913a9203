"""What to try next is worked out once nothing changes, and a click does it, to be undone."""

from collections.abc import Iterator

import attrs
import pytest

import explorer.worker.process
from explorer import Explorer, UNet, presets
from explorer.core.analysis import design as design_module
from explorer.core.analysis import sensitivity as sensitivity_module
from explorer.core.analysis.design import Design, Input
from explorer.core.editing import moves as moves_module
from explorer.widget.panels.inspector.panel import Inspector
from explorer.widget.parts import MoveButton
from tests.core.analysis.test_sensitivity import PROFILE
from tests.said import all_of, said
from tests.still_worker import StillWorker

SMALL = UNet(filters=8, down_blocks=2, up_blocks=2)


@pytest.fixture
def worked_out(monkeypatch) -> list[object]:
    """The designs whose moves were worked out."""
    noted: list[object] = []
    moves = moves_module.moves_in_slices

    def noting(design):
        noted.append(design.architecture)
        return moves(design)

    monkeypatch.setattr(moves_module, "moves_in_slices", noting)
    return noted


@pytest.fixture
def shown(monkeypatch, worked_out) -> Iterator[Explorer]:
    """An explorer that settles when it is told to."""
    monkeypatch.setattr(explorer.worker.process, "shared_worker", StillWorker)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    monkeypatch.setattr("explorer.core.settling.SLICE", 3600)
    widget = Explorer(SMALL, (64, 64, 1))
    yield widget
    widget.close()


def inspector_of(shown: Explorer) -> Inspector:
    return shown._panels.screen.inspector


def settle(shown: Explorer) -> None:
    """Do what a timer does once a design has stayed for a while."""
    settling = inspector_of(shown)._next_moves._settling
    if settling._wanted is not None:
        settling._settled(settling._wanted)


def offered(shown: Explorer) -> list[str]:
    buttons = all_of(MoveButton, inspector_of(shown))
    return [button.move for button in buttons if not button.text]


def take(shown: Explorer, words: str) -> None:
    inspector_of(shown)._handle_custom_msg({"move": words}, [])


def test_a_move_is_offered_once_the_design_has_settled_and_taken_by_a_click(shown):
    assert offered(shown) == []
    settle(shown)
    words = offered(shown)
    assert len(words) == 3
    text = said(inspector_of(shown))
    assert "What to try next" in text
    assert "48 px → 108 px" in text

    take(shown, "One level more")
    assert shown.architecture == UNet(filters=8, down_blocks=3, up_blocks=3)
    assert offered(shown) == [], "those of the design before are gone at once"
    assert "down blocks 2 → 3" in shown._panels.history.steps[-1].replace("_", " ")
    shown._panels._actions.go(-1, True)
    assert shown.architecture == SMALL


def test_edits_and_what_is_selected_cost_nothing(shown, worked_out):
    settle(shown)
    for filters in range(9, 20):
        shown.controls["filters"].value = filters
    assert worked_out == [SMALL]
    shown._panels.screen.select("block-stack0_enc0")
    settle(shown)
    assert worked_out == [SMALL], "a block is explained"
    shown._panels.screen.select("")
    settle(shown)
    assert [each.filters for each in worked_out] == [8, 19]
    shown._panels.screen.select("block-stack0_enc0")
    shown._panels.screen.select("")
    assert len(offered(shown)) == 3, "they are known"
    shown._panels.screen.side.choose("Layers")
    shown.controls["filters"].value = 30
    settle(shown)
    assert len(worked_out) == 2, "nobody looks"
    shown._panels.screen.side.choose("Explain")
    settle(shown)
    assert len(worked_out) == 3


def test_a_move_of_an_earlier_design_or_of_other_words_does_nothing(shown):
    settle(shown)
    words = offered(shown)[0]
    shown.controls["filters"].value = 9
    take(shown, "Paint it")
    assert shown.architecture.filters == 9
    take(shown, words)  # of before the edit: what it would lead to is another design's
    assert shown.architecture.filters == 9


def test_moves_that_took_longer_do_not_replace_those_of_a_later_design(shown, monkeypatch):
    settling = inspector_of(shown)._next_moves._settling
    moves = moves_module.moves_in_slices

    def overtaken(design):
        if design.architecture == SMALL:
            shown.controls["filters"].value = 9
            settle(shown)
        return moves(design)

    monkeypatch.setattr(moves_module, "moves_in_slices", overtaken)
    settling._settled(settling._wanted)

    assert "One level more" in offered(shown)
    take(shown, "One level more")
    assert shown.architecture == UNet(filters=9, down_blocks=3, up_blocks=3)


def test_a_step_is_offered_once_the_design_has_settled_and_taken_by_a_click(shown):
    assert "What would a step do?" not in said(inspector_of(shown))
    settle(shown)
    assert "What would a step do?\nfilters 8: parameters −44 % / +12" in said(inspector_of(shown))

    take(shown, "down_blocks 2 → 3")
    assert shown.architecture == UNet(filters=8, down_blocks=3, up_blocks=3), "one step for both"
    assert "What would a step do?" not in said(inspector_of(shown)), "of the design before"
    take(shown, "filters 8 → 12")
    assert shown.architecture.filters == 8, "not worked out for this network"
    assert "down blocks 2 → 3" in shown._panels.history.steps[-1].replace("_", " ")
    shown._panels._actions.go(-1, True)
    assert shown.architecture == SMALL

    settle(shown)
    take(shown, "up_blocks 2 → 3")  # which is said to be impossible, and has no button
    assert shown.architecture == SMALL


def test_the_steps_tell_times_once_they_are_known(shown):
    settle(shown)
    assert "time told" not in said(inspector_of(shown))
    shown._state.tell_times(PROFILE)
    assert "What would a step do?" not in said(inspector_of(shown))
    settle(shown)
    text = said(inspector_of(shown))
    assert "What to try next" in text
    lines = [line for line in text.splitlines() if line.startswith("time told for CPU (some) | ")]
    assert len(lines) > 5
    assert "time told for CPU (some) | same | same" in lines
    assert any("%" in line for line in lines)

    untimed = attrs.evolve(PROFILE, seconds={"calls": 0.001})
    shown._state.tell_times(untimed)
    settle(shown)
    assert "time told for CPU (some) | not known | not known" in said(inspector_of(shown))


def test_what_is_overtaken_before_the_steps_are_begun_costs_no_more(shown, monkeypatch):
    settling = inspector_of(shown)._next_moves._settling
    moves = moves_module.moves_in_slices

    def overtaken(design):
        shown.controls["filters"].value = 9
        return moves(design)

    monkeypatch.setattr(moves_module, "moves_in_slices", overtaken)
    monkeypatch.setattr(sensitivity_module, "sensitivity_in_slices", pytest.fail)
    settling._settled(settling._wanted)
    assert inspector_of(shown)._next_moves._known is None


def test_what_is_worked_out_in_slices_is_the_same(shown, monkeypatch):
    settle(shown)
    whole = said(inspector_of(shown))
    shown.architecture = SMALL
    monkeypatch.setattr("explorer.core.settling.SLICE", -1)
    inspector_of(shown)._next_moves._known = None
    inspector_of(shown)._show_again()
    assert "What to try next" not in said(inspector_of(shown))

    settle(shown)
    inspector_of(shown)._next_moves._settling.join(30)
    assert said(inspector_of(shown)) == whole


@pytest.mark.parametrize("name", presets)
@pytest.mark.parametrize(
    "work", [moves_module.moves_in_slices, sensitivity_module.sensitivity_in_slices]
)
def test_no_slice_has_more_to_do_than_a_network(work, name, monkeypatch):
    design = Design(presets[name], Input(256, 256, 3))
    design.report  # noqa: B018 — is on screen
    done = []
    for what in ("trace", "analyze"):
        call = getattr(design_module, what)

        def noting(*given, what=what, call=call):
            done.append(what)
            return call(*given)

        monkeypatch.setattr(design_module, what, noting)
    slices = 0
    for _ in work(design):
        assert done in ([], ["trace"], ["analyze"])
        slices += bool(done)
        done.clear()
    assert slices > 3


def test_the_snapshot_has_no_button_that_nobody_hears(shown):
    settle(shown)
    page = shown.snapshot()
    assert "What to try next" not in page
    assert "What would a step do?" not in page
