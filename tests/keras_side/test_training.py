"""A network that learns: the same by its seed, and right where TensorFlow is not."""

from io import BytesIO
from itertools import pairwise

import keras
import numpy as np
import pytest
from PIL import Image

from explorer import UNet, presets
from explorer.core.analysis.report import analyze
from explorer.core.asking.position import signs
from explorer.core.asking.training import Training, TrainingSettings
from explorer.core.network.heads import Head
from explorer.core.network.tracing import trace
from explorer.core.training.pictures import answer_png
from explorer.core.training.tasks import HELD_OUT, SHOWN, TASKS
from explorer.keras_side import training
from explorer.keras_side.backends import backend
from explorer.keras_side.given_models import as_read_model
from explorer.keras_side.training import ANSWER, Learner, learn_in_turns
from explorer.keras_side.transposed import avoid_fault

SMALL = UNet(filters=4, down_blocks=1, up_blocks=1, convs_per_block=1)
SHAPE = (32, 32, 1)


def begun(architecture=SMALL, shape=SHAPE, **settings) -> Learner:
    return Learner(Training(architecture, shape, TrainingSettings(**settings)))


def learn(learner: Learner, steps: int, shows: bool = False) -> Learner:
    while learner.step < steps:
        learner.learn(0, shows=shows)
    return learner


@pytest.mark.parametrize("task", TASKS)
def test_a_network_learns_each_task(task):
    learner = learn(begun(task=task, learning_rate=0.01), 21, shows=True)
    told = learner.told(None)

    assert np.mean(told.losses[-5:]) < 0.95 * np.mean(told.losses[:5])
    assert [each.step for each in told.scores] == [0, 2, 5, 10, 20]
    assert len(told.held_out) == SHOWN <= HELD_OUT
    assert [each.step for each in told.answered] == list(range(22))
    assert {len(each.answers) for each in told.answered} == {SHOWN}
    assert told.step == len(told.losses) == 21


def test_a_seed_gives_the_same_curve_and_another_another():
    one, again, other = (learn(begun(seed=seed), 6) for seed in (3, 3, 4))
    assert one.losses == pytest.approx(again.losses, rel=1e-4)
    assert [s.value for s in one.scores] == pytest.approx([s.value for s in again.scores], rel=1e-3)
    assert one.losses != pytest.approx(other.losses, rel=1e-2)


def test_what_follows_a_step_is_told():
    learner = learn(begun(), 5)
    told = learner.told(3)
    assert told.losses == tuple(learner.losses[3:])
    assert not told.held_out
    assert [each.step for each in told.scores] == [5]


def test_no_look_is_lost_between_two_answers():
    learner = begun()
    seen = []
    after = None
    while learner.step < 11:
        learner.learn(0)
        told = learner.told(after)
        seen += [each.step for each in told.scores]
        after = told.step
    assert seen == [0, 2, 5, 10]


def test_two_learn_in_turns_and_are_level_in_the_end():
    both = [begun(), begun(UNet(filters=4, down_blocks=1, up_blocks=1, skips="none"))]
    order = []
    for index, learner in enumerate(both):
        step = learner._make_step
        learner._make_step = lambda index=index, step=step: (order.append(index), step())
    learn_in_turns(both, 0.0)
    assert [each.progress for each in both] == [(0, 1), (0, 1)]
    learn_in_turns(both, 0.0)
    learn_in_turns(both, 600.0, until=5)
    assert order == [0, 1] * 5
    assert [each.progress for each in both] == [(5, 3), (5, 3)]
    learn_in_turns(both, 600.0, until=5)
    assert len(order) == 10


def test_one_that_is_behind_catches_up_when_it_goes_on():
    both = [begun(), begun(seed=1)]
    asked = iter([False, False, False, True])  # a look each, and a step of the first
    learn_in_turns(both, 600.0, lambda: next(asked))
    assert [each.step for each in both] == [1, 0]
    learn_in_turns(both, 0.0, lambda: next(asked, False), until=1)
    assert [each.step for each in both] == [1, 1]


def test_who_learns_in_turns_learns_what_it_does_alone():
    alone = learn(begun(), 3)
    both = [begun(), begun(UNet(filters=4, down_blocks=1, up_blocks=1, skips="none"))]
    learn_in_turns(both, 600.0, until=3)
    assert both[0].losses == pytest.approx(alone.losses, rel=1e-4)
    assert both[1].losses != pytest.approx(alone.losses, rel=1e-3)


def test_each_stack_learns_and_the_last_answers():
    stacked = UNet(filters=2, down_blocks=1, up_blocks=1, convs_per_block=1, stacks=2)
    learner = learn(begun(stacked), 1)
    answers = [layer for layer in learner.model.layers if layer.name.startswith(ANSWER)]
    assert [layer.name for layer in answers] == [f"{ANSWER}0", f"{ANSWER}1"]
    assert len(learner.strides) == 2
    for layer in answers:  # Adam moved each
        assert abs(np.asarray(layer.bias)).max() > 0


def test_a_coarse_output_learns_what_it_can_tell():
    coarse = UNet(filters=4, down_blocks=2, up_blocks=1)
    learner = learn(begun(coarse), 2)
    assert learner.strides == (2,)
    assert learner.scores[0].value >= 0


def test_a_linear_head_of_the_tasks_channels_answers_itself():
    with_head = UNet(filters=4, down_blocks=1, up_blocks=1, heads=(Head(channels=3),))
    own = begun(with_head, task="dots")
    assert own.model.output is own.design.output
    assert begun(with_head, task="masks").model.layers[-1].name == ANSWER


def test_a_model_of_the_users_begins_with_its_own_weights():
    image = keras.Input((32, 32, 1))
    model = keras.Model(image, keras.layers.Conv2D(5, 3, padding="same", name="own")(image))
    learner = begun(as_read_model(model))
    assert np.array_equal(learner.design.get_layer("own").get_weights()[0], model.get_weights()[0])
    before = np.array(model.get_weights()[0])
    learn(learner, 2)
    assert not np.array_equal(learner.design.get_weights()[0], before)
    assert np.array_equal(model.get_weights()[0], before)


def test_other_weights_lead_to_other_answers():
    """What is compiled looks at the present weights."""
    learner = learn(begun(learning_rate=0.05, task="denoise"), 3)
    assert learner.scores[0].value != learner.scores[1].value
    true = np.asarray(learner.model(learner._examples.images[:SHOWN], training=False))
    told = learner._answer(learner._examples.images[:SHOWN])
    assert np.allclose(told, true, atol=1e-4)


def test_after_each_step_all_that_is_shown_is_answered_anew():
    learner = begun(learning_rate=0.05, task="denoise")
    told = []
    while learner.step < 7:  # a look at all follows the second and the fifth alone
        learner.learn(0, shows=True)
        now = np.asarray(learner.model(learner._examples.images[:SHOWN], training=False))
        (answered,) = learner.told(2).answered
        told.append(answered.answers)
        for png, true in zip(told[-1], now, strict=True):
            shown, wanted = (
                np.asarray(Image.open(BytesIO(each)), int)
                for each in (png, answer_png(true, SHAPE[0]))
            )
            assert np.abs(shown - wanted).max() <= 1  # of 255: sums are of another order
    for before, after in pairwise(told):
        assert all(old != new for old, new in zip(before, after, strict=True))
    learner.learn(0)
    assert not learner.told(2).answered


def test_all_steps_between_two_answers_are_shown_of_two_as_well():
    both = [begun(), begun(UNet(filters=4, down_blocks=1, up_blocks=1, skips="none"))]
    learn_in_turns(both, 0.0, shows=True)
    learn_in_turns(both, 60.0, until=12, shows=True)
    for learner in both:
        told = learner.told(0)
        assert [each.step for each in told.answered] == list(range(13))
        assert not learner.told(12).answered  # each is told once


@pytest.mark.parametrize(
    ("architecture", "side", "at_once"),
    [(SMALL, 512, 1), (presets["U-Net (small)"], 64, SHOWN), (presets["ResNet50"], 1024, SHOWN)],
)
def test_pictures_are_answered_together_where_a_step_takes_no_less_memory(
    architecture, side, at_once
):
    report = analyze(trace(architecture, (side, side, 1)))
    assert training._at_once(report, 2) == at_once


def test_pictures_one_by_one_are_answered_the_same():
    learner = learn(begun(), 1)
    together = learner._answer(learner._examples.images)
    learner._at_once, learner._inference = 1, None
    one_by_one = learner._answer(learner._examples.images)
    assert one_by_one.shape == together.shape == (HELD_OUT, *SHAPE[:2], 1)
    assert np.allclose(one_by_one, together, atol=1e-5)


def test_the_step_of_some_rows_is_that_of_keras():
    """As an embedding's gradient is."""
    tensorflow = pytest.importorskip("tensorflow")
    values = np.arange(12, dtype="float32").reshape(4, 3)
    slope = tensorflow.IndexedSlices(tensorflow.constant([[1.0, 2.0, -3.0]]), [2], [4, 3])
    both = backend().adam(0.01), keras.optimizers.Adam(0.01)
    weights = [keras.Variable(values) for _ in both]
    for _ in range(3):
        for optimizer, weight in zip(both, weights, strict=True):
            optimizer.apply([slope], [weight])
    assert np.allclose(*weights, rtol=1e-5)
    assert not np.allclose(weights[0], values, atol=1e-2)


def test_a_fused_step_of_adam_is_that_of_keras():
    rng = np.random.default_rng(0)
    begin = [rng.normal(size=shape).astype("float32") for shape in ((3, 3, 2, 4), (4,), ())]
    both = backend().adam(0.01), keras.optimizers.Adam(0.01)
    weights = [[keras.Variable(value) for value in begin] for _ in both]
    for _ in range(5):
        slopes = [keras.ops.convert_to_tensor(rng.normal(size=v.shape), "float32") for v in begin]
        for optimizer, mine in zip(both, weights, strict=True):
            optimizer.apply(slopes, mine)
    for ours, theirs, first in zip(*weights, begin, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-7)
        assert not np.allclose(ours, first, atol=1e-2)


@pytest.mark.parametrize(
    ("kernel", "strides"), [((1, 1), (3, 2)), ((2, 2), (4, 4)), ((1, 3), (2, 2)), ((1, 1), (2, 2))]
)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_kernels_smaller_than_their_stride_get_the_right_gradient(kernel, strides, padding):
    """The gradient, by a step of plain descent, is that of the definition; else memory is lost."""
    rng = np.random.default_rng(0)
    image = keras.Input((27, 25, 17))
    layer = keras.layers.Conv2DTranspose(3, kernel, strides=strides, padding=padding)
    model = keras.Model(image, layer(image))
    x = rng.normal(size=(3, 27, 25, 17)).astype("float32")
    before, plain = layer.get_weights()[0].astype(float), np.asarray(model(x))
    weigh = rng.normal(size=plain.shape).astype("float32")

    avoid_fault(model)

    assert np.allclose(np.asarray(model(x)), plain, atol=1e-4)
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build(model.trainable_variables)
    given = keras.ops.convert_to_tensor(x), [keras.ops.convert_to_tensor(weigh)]
    step = backend().learning_step(
        model, optimizer, lambda output, y: keras.ops.sum(output * y[0]), *given
    )
    step.run(*given)
    gradient = before - layer.get_weights()[0]
    assert np.allclose(gradient, _gradient(x, weigh, kernel, strides, padding), atol=2e-2)


def _gradient(x, weigh, kernel, strides, padding):
    """Return the sum over all positions of input times what it is weighed with, by definition."""
    (tall, wide), (down, right) = kernel, strides
    top, left = (
        max(size - step, 0) // 2 if padding == "same" else 0
        for size, step in zip(kernel, strides, strict=True)
    )
    gradient = np.zeros((tall, wide, weigh.shape[3], x.shape[3]))
    for row, column in np.ndindex(tall, wide):
        rows = np.arange(x.shape[1]) * down + row - top
        columns = np.arange(x.shape[2]) * right + column - left
        in_rows = (rows >= 0) & (rows < weigh.shape[1])
        in_columns = (columns >= 0) & (columns < weigh.shape[2])
        there = weigh[:, rows[in_rows]][:, :, columns[in_columns]].astype(float)
        gradient[row, column] = np.einsum("bhwo,bhwi->oi", there, x[:, in_rows][:, :, in_columns])
    return gradient


def test_what_it_looks_at_is_told_from_the_first_look_on():
    learner = begun(learning_rate=0.02)
    learner.learn(0, shows=True)
    (first, last) = learner.told(None).looks
    assert first == last
    assert first.step == 0
    window = analyze(trace(SMALL, SHAPE)).receptive_field[0]
    while learner.step < 12:
        learner.learn(0, shows=True)
    looks = learner.told(11).looks
    assert [each.step for each in looks] == [0, 10]
    assert looks[0] == first
    assert all(0 < each.side <= window for each in looks)
    assert not begun().told(None).looks


def test_what_it_looks_at_is_that_of_the_present_weights():
    """The gradient is compiled once, as is what answers."""
    learner = learn(begun(learning_rate=0.05), 5, shows=True)
    x = keras.ops.convert_to_tensor(learner._examples.images[:2])
    ones = keras.ops.convert_to_tensor(np.ones(1, np.float32))
    anew = backend().input_gradient(learner.model, x, (16, 16), ones)
    given = keras.ops.convert_to_tensor(np.array(signs(1), np.float32))
    now = np.asarray(learner._gradient.run(x, given))
    assert np.allclose(np.abs(now), np.abs(np.asarray(anew.run(x, ones))), atol=1e-6)
    alone = backend().input_gradient(learner.model, x[:1], (16, 16), ones)
    assert np.allclose(np.abs(now[:1]), np.abs(np.asarray(alone.run(x[:1], ones))), atol=1e-6)
    learn(learner, 12)
    assert not np.allclose(now, np.asarray(learner._gradient.run(x, given)))
