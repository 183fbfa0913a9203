import threading

import attrs
import pytest

from explorer import (
    BlockEdit,
    LeapCNN,
    ResNetStage,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    presets,
)
from explorer.core.analysis.design import Design, Input
from explorer.core.editing.history import MOST_STEPS, History
from explorer.core.editing.store import State
from explorer.core.families import Custom

UP = SimpleUpsamplingBlock()
SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(clock) -> History:
    return History(Design(SMALL), clock)


def wide(filters: int, **changes: object) -> Design:
    return Design(attrs.evolve(SMALL, filters=filters, **changes))


def labels(history: History) -> list[str]:
    return [step.label for step in history.steps]


def test_what_begins_anew_is_compared_with_nothing_before_it(history):
    assert history.before is None
    history.record(wide(3))
    history.record(wide(8), "a lesson's", begins=True)
    assert history.before is None
    history.record(wide(9))
    assert history.before == wide(8)
    history.move(1)
    assert history.before == Design(SMALL)


def test_each_step_says_what_led_to_it(history):
    history.record(wide(3))
    history.record(wide(3, up_interpolate=True))
    history.record(Design(LeapCNN(), Input(width=64)))
    history.record(Design(LeapCNN(), Input(width=128, height=128, channels=3)))
    history.record(Design(Custom(encoder=(SimpleConvBlock(filters=2),))))
    history.record(Design(Custom(encoder=(SimpleConvBlock(filters=2),) * 2)))
    seven = SimpleConvBlock(filters=7), SimpleConvBlock(filters=2)
    history.record(Design(Custom(encoder=seven)))

    assert labels(history) == [
        "start",
        "filters 2 → 3",
        "upsample by transposed conv → bilinear",
        "architecture U-Net, own settings → LEAP CNN, width 256 → 64",
        "height 256 → 128, width 64 → 128 and 1 more",
        "architecture LEAP CNN → Custom, height 128 → 256 and 2 more",
        "encoder 1 none → SimpleConvBlock",
        "encoder 0: filters 2 → 7",
    ]
    assert history.position == 7


@pytest.mark.parametrize(
    ("a", "b"),
    [("U-Net (small)", "U-Net"), ("FC-DenseNet56", "FC-DenseNet67"), ("ResNet50", "ResNet101")],
)
def test_a_preset_is_named_that_another_one_of_its_family_became(history, a, b):
    history.record(Design(presets[a]))
    history.record(Design(presets[b], Input(width=64)))

    assert labels(history)[2] == f"architecture {a} → {b}, width 256 → 64"


def test_a_block_of_a_list_is_called_as_the_diagram_calls_it(history):
    net = Custom.of(SMALL)
    history.record(Design(net))
    *before, pooling, first, last = net.encoder
    net = attrs.evolve(net, encoder=[*before, pooling, first, attrs.evolve(last, filters=3)])
    history.record(Design(net))
    smallest = attrs.evolve(pooling, pool=False)
    history.record(Design(attrs.evolve(net, encoder=[*before, smallest, first], decoder=[])))

    assert labels(history)[1:3] == [
        "architecture U-Net, own settings → Custom",
        "middle 1: filters 8 → 3",
    ]
    assert "last pooling: pool on → off" in labels(history)[3]


def test_an_edited_block_is_told_by_its_place(history):
    block = SMALL.encoder_stack[1]
    edited = SMALL.with_block("encoder", 1, attrs.evolve(block, filters=96))
    history.record(Design(edited))
    history.record(Design(edited.with_block("encoder", 1, attrs.evolve(block, filters=97))))
    history.record(Design(edited.with_block("encoder", 1, ResNetStage(filters=3))))
    history.record(Design(SMALL))
    resting = attrs.evolve(SMALL, edits=[BlockEdit(section="decoder", index=9, block=UP)])
    history.record(Design(resting))

    assert labels(history) == [
        "start",
        "encoder 1: filters 4 → 96",
        "encoder 1: filters 96 → 97",
        "encoder 1: class SimpleConvBlock → ResNetStage",
        "encoder 1: class ResNetStage → SimpleConvBlock",
        "decoder 9: own settings off → on",
    ]


def test_moving_goes_to_the_nearest_step_there_is(history):
    history.record(wide(3))

    assert history.move(0) == Design(SMALL)
    assert history.move(-5) == Design(SMALL)
    assert history.move(9) == wide(3)
    assert history.position == 1


def test_a_new_design_takes_the_place_of_what_was_undone(history):
    history.record(wide(3))
    history.record(wide(3, up_interpolate=True))
    history.move(0)

    history.record(wide(5))

    assert labels(history) == ["start", "filters 2 → 5"]


def test_a_dragged_slider_is_one_step(history, clock):
    for filters in (3, 4, 5):
        history.record(wide(filters))
        clock.now -= 9.9
    assert labels(history) == ["start", "filters 2 → 5"]

    history.record(wide(2))
    assert labels(history) == ["start"], "it was dragged back"
    assert history.position == 0


def test_a_slider_that_another_one_follows_is_one_step(history, clock):
    for depth in (3, 4, 5):
        history.record(wide(2, down_blocks=depth, up_blocks=depth))
        clock.now -= 9.9

    assert labels(history) == ["start", "down blocks 2 → 5, up blocks 2 → 5"]


def test_going_on_from_a_step_that_was_gone_back_to_keeps_it(history, clock):
    history.record(wide(3))
    history.record(wide(3, down_blocks=3))
    history.move(1)
    clock.now -= 19.9
    history.record(wide(4))

    assert labels(history) == ["start", "filters 2 → 3", "filters 3 → 4"]


def test_another_parameter_or_a_pause_begins_a_step(history, clock):
    history.record(wide(3))
    clock.now -= 9.9
    history.record(wide(3, up_interpolate=True))
    history.record(wide(4, up_interpolate=True))
    history.record(wide(5, up_interpolate=True))

    assert len(history.steps) == 5


def test_the_start_and_the_latest_steps_are_kept(history):
    for filters in range(3, 3 + 2 * MOST_STEPS):
        history.record(wide(filters))

    assert len(history.steps) == MOST_STEPS
    assert history.steps[0].design == Design(SMALL)
    assert history.steps[-1].design == wide(2 + 2 * MOST_STEPS)
    assert history.position == MOST_STEPS - 1


def test_what_is_computed_from_a_design_is_not_kept(history):
    design = wide(3)
    assert design.report.total_params > 0

    history.record(design)

    assert history.steps[-1].design == design
    assert "report" not in vars(history.steps[-1].design)


def test_a_state_goes_back_and_forth_and_tells_everybody():
    state = State(Design(SMALL), threading.RLock())
    heard = []
    state.subscribe(heard.append)
    state.update(architecture=LeapCNN(filters=2))

    state.move(0)
    state.move(1)

    assert [design.architecture for design in heard] == [
        LeapCNN(filters=2),
        SMALL,
        LeapCNN(filters=2),
    ]
    assert state.design.report.total_params == heard[0].report.total_params
    assert len(state.history.steps) == 2


def test_what_another_subject_begins_with_is_compared_with_nothing():
    state = State(Design(SMALL), threading.RLock())
    state.update("a lesson", begins=True, architecture=LeapCNN(filters=2))
    assert state.history.before is None
    state.update(architecture=LeapCNN(filters=3))
    assert state.history.before.architecture == LeapCNN(filters=2)
    state.move(1)
    assert state.history.before is None
    state.move(0)
    state.move(1)
    assert [step.begins for step in state.history.steps] == [False, True, False]


def test_a_step_can_have_words_of_its_own():
    state = State(Design(SMALL), threading.RLock())
    state.update("more filters", architecture=attrs.evolve(SMALL, filters=3))
    state.update("more of them", architecture=attrs.evolve(SMALL, filters=4))
    state.update(architecture=attrs.evolve(SMALL, filters=5))

    assert labels(state.history) == ["start", "more filters", "more of them", "filters 4 → 5"]
    state.tell()
    assert len(state.history.steps) == 4
