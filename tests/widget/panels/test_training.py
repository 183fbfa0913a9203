"""The panel asks a little at a time, follows the design, and can be stopped."""

import threading

import attrs
import pytest

import explorer.worker.process
from explorer import Head, ResidualHourglass, UNet
from explorer.core.analysis.design import Design, Input
from explorer.core.asking.failures import WorkerDied
from explorer.core.asking.keras_file import KerasFile
from explorer.core.asking.questions import DrawWeights, SaveTrained, Train, TrainTwins
from explorer.core.asking.training import Answered, HeldOut, Learnt, Looks, Score
from explorer.core.asking.weights import Weights
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.families import ReadModel
from explorer.core.network.tracing import trace
from explorer.widget.messages import CurvePoint
from explorer.widget.panels.training.page import MOST_POINTS, thinned
from explorer.widget.panels.training.panel import TrainingPanel
from tests.said import said
from tests.still_worker import StillWorker

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
DESIGN = Design(SMALL, Input(32, 32, 1))


class Teacher(StillWorker):
    """Answers as the process would, at so many seconds of training a question."""

    def next(self):
        return self.requests[-1][1]

    def learn(self, steps: int = 2, seconds: float = 1.0, strides=(1,)) -> None:
        _, work, done, _ = self.requests[-1]
        assert isinstance(work, Train)
        if work.after is None:
            score = Score(0, seconds, 0.1)
            pictures = (HeldOut(b"image", b"truth"),) * 4
            answered = (Answered(0, (b"a",) * 4),)
            done(Learnt(0, seconds, (), (score,), pictures, strides, answered=answered))
            return
        step = work.after + steps
        score = Score(step, 0.0, 0.1 + step / 100)
        self.time = getattr(self, "time", 1.0) + seconds
        answered = tuple(Answered(work.after + 1 + k, (b"b",) * 4) for k in range(steps))
        losses = (0.5,) * steps
        done(Learnt(step, self.time, losses, (score,), (), strides, answered=answered))

    def learn_twins(self, steps: int = 2, seconds: float = 1.0, better: float = 0.1) -> None:
        """Answer of both, of which A is better by so much."""
        _, work, done, _ = self.requests[-1]
        assert isinstance(work, TrainTwins)
        step = 0 if work.after is None else work.after + steps
        if work.until is not None:
            step = min(step, work.until)
        self.time = seconds + (0.0 if work.after is None else self.time)
        pictures = (HeldOut(b"image", b"truth"),) * 4 if work.after is None else ()
        losses = (0.5,) * (step - (work.after or 0))

        def told(value: float, picture: bytes) -> Learnt:
            score = Score(step, self.time, value)
            answered = (Answered(step, (picture,) * 4),)
            return Learnt(step, self.time, losses, (score,), pictures, (1,), answered=answered)

        done((told(0.6 + better, b"d"), told(0.6, b"c")))

    def fail(self, error: Exception) -> None:
        self.requests[-1][3](error)


@pytest.fixture
def worker(monkeypatch) -> Teacher:
    found = Teacher()
    monkeypatch.setattr(explorer.worker.process, "shared_worker", lambda: found)
    return found


@pytest.fixture
def pinned() -> list[Design | None]:
    """What is pinned as A."""
    return [None]


@pytest.fixture
def shown(worker, pinned):
    """A panel that shows a design, and what it told the other views."""
    made = []

    def show(design: Design = DESIGN):
        state = State(design, threading.RLock())
        told: list[None] = []
        panel = TrainingPanel(state, pytest.fail, lambda: told.append(None), lambda: pinned[0])
        panel.show(Scene(design))
        made.append(panel)
        return state, panel, told

    yield show
    for panel in made:
        panel.close()


def state_of(panel) -> str:
    return said(panel.widget._state.parts)


def test_it_asks_again_after_each_answer_and_stops_when_its_time_is_up(shown, worker):
    _, panel, told = shown()
    panel.widget.train.click()
    first = worker.next()
    assert (first.training.architecture, first.training.input_shape) == (SMALL, (64, 64, 1))
    assert first.after is None
    worker.learn()
    assert worker.next().after == 0
    worker.learn()
    assert worker.next().after == 2
    assert "58 s left" in state_of(panel)
    assert len(panel.widget.learning.loss.points) == 2
    assert len(panel.widget.learning.answers) == 2  # of each step
    assert panel.widget.learning.metric.now == "0.12"
    count = len(worker.requests)
    worker.learn(seconds=60)
    assert len(worker.requests) == count
    assert "IoU 0.14 after 4 steps" in state_of(panel)
    assert not panel.widget.train.disabled
    assert told


@pytest.mark.parametrize(
    ("looks", "told"),
    [
        ((), ""),
        ((Looks(0, 17),) * 2, "Effective field at the middle: 95 % within 17×17 px"),
        ((Looks(0, 0), Looks(10, 13)), "within 13×13 px; untrained none"),
        ((Looks(0, 9), Looks(10, 0)), "middle: none; untrained 9×9 px"),
    ],
)
def test_what_it_looks_at_is_said(shown, looks, told):
    _, panel, _ = shown()
    panel.widget.show_looks(looks)
    assert told in said(panel.widget._looks.parts)
    panel.widget.show_nothing()
    assert not panel.widget._looks.parts


def test_it_can_be_stopped_and_goes_on_where_it_was(shown, worker):
    _, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    worker.learn()
    panel.widget.stop.click()
    worker.learn()
    assert len(worker.requests) == 3
    assert panel.widget.train.description == "▶ Go on"
    panel.widget.train.click()
    assert worker.next().after == 4
    assert len(panel.widget.learning.loss.points) == 4


def test_stopped_before_there_is_anything_it_is_given_up(shown, worker):
    _, panel, _ = shown()
    panel.widget.train.click()
    panel.widget.stop.click()
    assert worker.cancelled
    assert panel.widget.train.description == "▶ Train"
    assert not state_of(panel)


def test_reset_forgets_what_was_learnt(shown, worker):
    _, panel, told = shown()
    panel.widget.train.click()
    worker.learn()
    panel.widget.stop.click()
    panel.widget.reset.click()
    assert panel.widget.learning.metric is None
    assert panel.widget.learning.held_out == ()
    _, work, done, _ = worker.requests[-1]
    assert work == DrawWeights(0)
    before = len(told)
    done(None)
    assert len(told) == before + 1  # all views show random weights again
    panel.widget.train.click()
    assert worker.next().after is None


def test_an_edit_stops_it_and_says_whose_weights_these_are(shown, worker):
    state, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    state.update(architecture=UNet(filters=3, down_blocks=2, up_blocks=2))
    panel.show(Scene(state.design))
    assert worker.cancelled
    assert panel.widget.learning.is_old
    assert "former design" in state_of(panel)
    assert panel.widget.train.description == "▶ Train"
    assert panel.widget.save.disabled
    panel.widget.train.click()
    assert worker.next().after is None
    assert worker.next().training.architecture == state.design.architecture
    assert not panel.widget.learning.is_old


def test_an_edit_that_is_taken_back_lets_it_go_on(shown, worker):
    state, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    worker.learn()
    panel.widget.stop.click()
    worker.learn()
    state.update(architecture=UNet(filters=3, down_blocks=2, up_blocks=2))
    panel.show(Scene(state.design))
    state.update(architecture=SMALL)
    panel.show(Scene(state.design))
    assert not panel.widget.learning.is_old
    assert panel.widget.train.description == "▶ Go on"


def test_an_edit_while_another_tab_is_open_stops_it_with_the_next_answer(shown, worker):
    state, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    state.update(architecture=UNet(filters=3, down_blocks=2, up_blocks=2))
    count = len(worker.requests)
    worker.learn()
    assert len(worker.requests) == count
    assert "former design" in state_of(panel)


def test_another_task_starts_anew(shown, worker):
    _, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    panel.widget._form.controls["task"].holder.value = "dots"
    assert "former design or settings" in state_of(panel)
    assert "A disc, a ring and a cross" in said(panel.widget._task.parts)
    panel.widget.train.click()
    assert worker.next().training.settings.task == "dots"
    assert worker.next().after is None


def test_a_design_that_answers_for_no_pixel_is_refused_at_once(shown, worker):
    vector = attrs.evolve(SMALL, heads=(Head(global_pool=True),))
    _, panel, _ = shown(Design(vector, Input(32, 32, 1)))
    panel.widget.train.click()
    assert not worker.requests
    assert "turn off its global pool" in state_of(panel)
    assert not panel.widget.train.disabled


def test_a_value_that_cannot_be_used_is_said(shown, worker):
    _, panel, _ = shown()
    panel.widget._form.controls["learning_rate"].holder.value = 0
    assert "learning rate 0.0 is too small" in state_of(panel)
    panel.widget.train.click()
    assert not worker.requests


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("side", 1, "picture size 1 is too small: give a whole number from 8 to 1,024."),
        ("stretch", 0, "train for 0 is too small: give a whole number from 1 to 3,600."),
    ],
)
def test_a_wrong_field_is_named_as_on_screen_and_nothing_begins(
    shown, worker, pinned, name, value, told
):
    pinned[0] = WITHOUT
    _, panel, _ = shown()
    panel.widget._form.controls[name].holder.value = value
    assert state_of(panel) == f"[bad] {told}"
    for button in (panel.widget.train, panel.widget.twins):
        panel.widget.show_state("")
        button.click()
        assert state_of(panel) == f"[bad] {told}"
    assert not worker.requests


def test_a_wrong_field_stops_what_learns_and_says_so_until_it_is_right(shown, worker):
    _, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    worker.learn()
    stretch = panel.widget._form.controls["stretch"].holder
    stretch.value = 0
    assert worker.cancelled
    assert "train for 0 is too small" in state_of(panel)
    assert panel.widget.stop.disabled
    stretch.value = 30
    assert panel.widget.train.description == "▶ Go on"
    panel.widget.train.click()
    assert worker.next().after == 2


def test_another_size_of_pictures_than_the_chosen_one_is_told(shown, worker, pinned):
    eight = Design(UNet(filters=2, down_blocks=3, up_blocks=3), Input(32, 32, 1))
    state, panel, _ = shown(eight)

    def told() -> str:
        return said(panel.widget._task.parts)

    assert "×" not in told()
    panel.widget._form.controls["side"].holder.value = 60
    assert "Pictures of 64×64 px are taken: the design’s stride, 8, does not divide 60." in told()
    panel.widget.train.click()
    assert worker.next().training.input_shape == (64, 64, 1)
    worker.learn()
    assert "64×64 px" in told()
    state.update(architecture=SMALL)  # 4 divides 60
    panel.show(Scene(state.design))
    assert "×" not in told()

    pinned[0] = eight
    panel.pinned_changed()
    assert "Beside A, pictures of 64×64 px are taken: a size that both can take." in told()
    panel.widget._form.controls["side"].holder.value = 64
    assert "×" not in told()


def test_a_model_of_one_size_takes_pictures_of_that(shown):
    model = attrs.evolve(ReadModel.of(trace(SMALL, (32, 32, 1))), fixed="it reshapes")
    _, panel, _ = shown(Design(model, Input(32, 32, 1)))
    task = panel.widget._task
    assert "Pictures of 32×32 px are taken: the model’s own size." in said(task.parts)
    panel.widget._form.controls["side"].holder.value = 32
    assert "×" not in said(task.parts)


def test_a_lost_process_is_told_and_nothing_goes_on_by_itself(shown, worker):
    _, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    worker.fail(WorkerDied("The Keras process crashed."))
    assert "crashed" in state_of(panel)
    assert not panel.widget.train.disabled


def test_weights_are_saved_while_it_learns(shown, worker, monkeypatch):
    _, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    worker.learn()
    panel.widget.stop.click()
    worker.learn()
    sent = []
    monkeypatch.setattr(
        panel.widget.learning, "send_message", lambda *message: sent.append(message)
    )
    panel.widget.save.click()
    _, work, done, _ = worker.requests[-1]
    assert isinstance(work, SaveTrained)
    assert work.kind == "weights"
    done(KerasFile(b"content", Weights(0, "training here", 3, 3)))
    ((message, buffers),) = sent
    assert (message.file, buffers) == ("UNet.weights.h5", [b"content"])
    assert "from training here" in state_of(panel)
    assert "“Save model” has that, too" in state_of(panel)

    panel.widget.save_model.click()
    _, work, done, _ = worker.requests[-1]
    assert work.kind == "keras-file"
    done(KerasFile(b"whole", Weights(0, "training here", 4, 4)))
    assert (sent[-1][0].file, sent[-1][1]) == ("UNet.keras", [b"whole"])
    assert "with the convolution that answers the task" in state_of(panel)


def test_what_the_output_gets_is_said(shown, worker):
    _, panel, _ = shown(Design(UNet(filters=2, down_blocks=2, up_blocks=1), Input(32, 32, 1)))
    panel.widget.train.click()
    worker.learn(strides=(2,))
    notes = said(panel.widget._notes.parts)
    assert "gets a 1×1 convolution to 1 channel; it has stride 2" in notes
    assert "averaged over 2×2 px" in notes
    assert "Toy data" in notes


def test_moving_averages_that_lag_behind_are_told(shown, worker):
    _, panel, _ = shown(Design(ResidualHourglass(stacks=1), Input(64, 64, 1)))
    panel.widget.train.click()
    worker.learn()
    told = said(panel.widget._notes.parts)
    assert "lag behind" in told
    assert "Toy data" in told
    _, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    assert "lag behind" not in said(panel.widget._notes.parts)


def test_a_metric_is_told_of_the_step_that_it_was_computed_at(shown, worker):
    _, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    worker.learn()
    worker.requests[-1][2](Learnt(5, 60.0, (0.5,) * 3, (), (), (1,)))  # no look followed
    assert "IoU 0.12 after 2 of 5 steps in 60 s" in state_of(panel)


def test_answers_that_are_no_numbers_are_told_as_such(shown, worker):
    _, panel, _ = shown()
    panel.widget.train.click()
    worker.learn()
    lost = Score(2, 0.0, float("nan"))
    worker.requests[-1][2](Learnt(2, 60.0, (float("nan"),) * 2, (lost,), (), (1,)))
    assert "IoU no number after 2 steps" in state_of(panel)
    assert panel.widget.learning.metric.now == "no number"
    assert panel.widget.learning.loss.now == "no number"


def test_long_curves_are_drawn_of_means():
    points = [CurvePoint(float(i), float(i % 2)) for i in range(4 * MOST_POINTS)]
    few = thinned(points)
    assert len(few) == MOST_POINTS
    assert few[0] == CurvePoint(1.5, 0.5)
    assert thinned(points[:5]) == tuple(points[:5])


WITHOUT = Design(UNet(filters=2, down_blocks=2, up_blocks=2, skips="none"), Input(32, 32, 1))


@pytest.fixture
def twins(shown, worker, pinned):
    """A panel where A is pinned, and has begun to learn beside B."""
    pinned[0] = WITHOUT
    state, panel, _ = shown()
    panel.widget.twins.click()
    return state, panel


def difference(panel) -> str:
    return said(panel.widget._difference.parts)


def finish_first_seed(panel, worker, better: float = 0.1) -> None:
    """Let both make two steps, and their time be up."""
    worker.learn_twins()
    worker.learn_twins(seconds=60, better=better)


def test_a_can_learn_beside_b_while_it_is_pinned(shown, worker, pinned):
    _, panel, _ = shown()
    assert panel.widget.twins.layout.display == "none"
    pinned[0] = WITHOUT
    panel.pinned_changed()
    assert panel.widget.twins.layout.display != "none"
    panel.widget.twins.click()
    asked = worker.next()
    assert (asked.a.architecture, asked.b.architecture) == (WITHOUT.architecture, SMALL)
    assert asked.a.settings == asked.b.settings
    assert asked.a.input_shape == asked.b.input_shape == (64, 64, 1)
    assert (asked.after, asked.until) == (None, None)


def test_both_are_shown_and_told_apart(twins, worker):
    _, panel = twins
    worker.learn_twins()
    worker.learn_twins()
    view = panel.widget.learning
    assert [(each.name, each.now) for each in view.metric.beside] == [("A", "0.70")]
    assert view.metric.now == "0.60"
    (step,) = view.answers
    assert (step.own, step.of_a) == ((b"c",) * 4, (b"d",) * 4)
    assert "A and B: 2 steps" in state_of(panel)
    assert not difference(panel)


def test_the_first_seed_may_be_chance_and_two_more_make_as_many_steps(twins, worker):
    _, panel = twins
    assert panel.widget.seeds.layout.display == "none"
    finish_first_seed(panel, worker)
    assert panel.widget.seeds.layout.display != "none"
    assert "A 0.70, B 0.60; A is 0.10 better in one seed, which may be chance" in difference(panel)
    panel.widget.seeds.click()
    for seed, better in ((1, 0.12), (2, 0.14)):
        asked = worker.next()
        assert {asked.a.settings.seed, asked.b.settings.seed} == {seed}
        assert (asked.after, asked.until) == (None, 2)
        worker.learn_twins()
        assert f"Seed {seed + 1} of 3: step 0 of 2" in state_of(panel)
        count = len(worker.requests)
        worker.learn_twins(better=better)
    assert len(worker.requests) == count
    assert "mean of 3 seeds" in difference(panel)
    assert "A is 0.12 better, in 3 of 3 seeds (spread 0.10 to 0.14" in difference(panel)
    earlier = [each.name for each in panel.widget.learning.metric.beside]
    assert earlier == ["A", "B", "A", "B", "A"]
    assert panel.widget.train.description == "▶ Train"
    assert not panel.widget.save.disabled


def test_no_clear_difference_is_told_as_such(twins, worker):
    _, panel = twins
    finish_first_seed(panel, worker)
    panel.widget.seeds.click()
    for better in (-0.1, 0.1):
        worker.learn_twins()
        worker.learn_twins(better=better)
    assert "no clear difference: A is better in 2 of 3 seeds" in difference(panel)


def test_twins_stop_and_go_on(twins, worker):
    _, panel = twins
    worker.learn_twins()
    panel.widget.stop.click()
    worker.learn_twins()
    assert "one seed" in difference(panel)
    panel.widget.train.click()
    assert worker.next().after == 2
    assert not difference(panel)
    worker.learn_twins(steps=4, seconds=100)
    panel.widget.seeds.click()
    assert worker.next().until == 6


def test_a_further_seed_that_is_stopped_keeps_what_the_others_gave(twins, worker):
    _, panel = twins
    finish_first_seed(panel, worker)
    panel.widget.seeds.click()
    panel.widget.stop.click()  # nothing was answered yet
    assert "one seed" in difference(panel)
    panel.widget.train.click()
    assert (worker.next().after, worker.next().a.settings.seed) == (None, 1)
    worker.learn_twins()
    panel.widget.stop.click()
    worker.learn_twins(steps=1)
    panel.widget.train.click()
    assert worker.next().after == 1
    worker.learn_twins()
    assert "2 of 2 seeds" in difference(panel)
    assert worker.next().a.settings.seed == 2


def test_another_a_is_another_pair(twins, worker, pinned):
    _, panel = twins
    finish_first_seed(panel, worker)
    pinned[0] = Design(UNet(filters=3, down_blocks=2, up_blocks=2), Input(32, 32, 1))
    panel.pinned_changed()
    assert panel.widget.learning.is_old
    assert not difference(panel)
    assert not panel.widget.twins.disabled
    pinned[0] = WITHOUT
    panel.pinned_changed()
    assert not panel.widget.learning.is_old
    assert "one seed" in difference(panel)


def test_unpinned_while_both_learn_they_stop(twins, worker, pinned):
    _, panel = twins
    worker.learn_twins()
    pinned[0] = None
    panel.pinned_changed()
    assert worker.cancelled
    assert "former design" in state_of(panel)
    panel.widget.train.click()
    assert isinstance(worker.next(), Train)


def test_what_cannot_be_twins_is_said(shown, worker, pinned):
    pinned[0] = DESIGN
    _, panel, _ = shown()
    panel.widget.twins.click()
    assert "A and B are the same network" in state_of(panel)
    pinned[0] = Design(attrs.evolve(SMALL, heads=(Head(global_pool=True),)), Input(32, 32, 1))
    panel.widget.twins.click()
    assert "A can’t learn this" in state_of(panel)
    assert not worker.requests


def test_twins_take_a_size_that_both_can(shown, worker, pinned):
    pinned[0] = Design(UNet(filters=2, down_blocks=3, up_blocks=3), Input(32, 32, 1))
    _, panel, _ = shown()
    panel.widget._form.controls["side"].holder.value = 20
    panel.widget.twins.click()
    assert worker.next().a.input_shape == worker.next().b.input_shape == (24, 24, 1)
