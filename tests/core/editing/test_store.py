import threading

import pytest

from explorer import LeapCNN, ParameterError, UNet
from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input
from explorer.core.editing.store import State

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)


def test_a_design_is_analysed_for_its_input():
    design = Design(SMALL, Input(height=32, width=64, channels=3))

    assert design.graph.input_shape == (32, 64, 3)
    assert design.report.output_shapes == ((32, 64, 2),)


def test_a_design_that_cannot_be_is_refused_at_once():
    with pytest.raises(ParameterError, match="height=30"):
        State(Design(SMALL, Input(height=30, width=32)), threading.RLock())


def test_a_refused_change_leaves_the_design_and_tells_nobody():
    state = State(Design(SMALL), threading.RLock())
    before, heard = state.design, []
    state.subscribe(heard.append)

    with pytest.raises(ParameterError):
        state.update(input=Input(height=250))

    assert state.design is before
    assert heard == []


def test_listeners_hear_of_new_designs_until_they_leave():
    state = State(Design(SMALL), threading.RLock())
    heard = []
    leave = state.subscribe(heard.append)

    state.update(architecture=LeapCNN(filters=2))
    leave()
    state.update(architecture=SMALL)

    assert [design.architecture for design in heard] == [LeapCNN(filters=2)]


def test_the_same_design_again_is_no_news():
    state = State(Design(SMALL), threading.RLock())
    heard = []
    state.subscribe(heard.append)

    state.update(architecture=UNet(filters=2, down_blocks=2, up_blocks=2), input=Input())

    assert heard == []


def test_changes_from_several_threads_each_see_a_whole_design():
    state = State(Design(SMALL), threading.RLock())
    seen = []
    state.subscribe(lambda design: seen.append((design, state.design)))

    def change(filters: int) -> None:
        state.update(architecture=UNet(filters=filters, down_blocks=2, up_blocks=2))

    threads = [threading.Thread(target=change, args=(n,)) for n in range(3, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == 10
    assert all(told is current for told, current in seen)


def test_listeners_hear_of_budgets_that_differ_and_the_history_stays():
    state = State(Design(SMALL), threading.RLock())
    heard = []
    state.subscribe(lambda design: heard.append((design, state.budgets)))
    budgets = (Budget("parameters", at_most=1000),)

    state.limit(budgets)
    state.limit(list(budgets))

    assert heard == [(state.design, budgets)]
    assert len(state.history.steps) == 1
