"""The tiny trained networks are as good as is recorded, at the precision in which they ship."""

import keras
import numpy as np
import pytest

from explorer import build_pretrained, pretrained
from explorer.core.pictures import images
from explorer.core.training.examples import held_out
from explorer.core.training.metrics import score


@pytest.mark.parametrize("name", pretrained)
def test_the_metric_is_that_which_is_recorded(name):
    example = pretrained[name]
    task, shape = example.training.task, example.training.input_shape
    model = build_pretrained(name)
    assert model.input_shape[1:] == shape

    examples = held_out(task, shape)
    outputs = model(examples.images, training=False)
    last = outputs[-1] if isinstance(outputs, list) else outputs
    answers = keras.ops.sigmoid(last) if task.is_mask else last
    value = score(task, examples, np.asarray(answers))
    assert value == pytest.approx(example.metric, rel=0.01)
    assert value > 0.75 if task.metric.higher_is_better else value < 5  # it has learnt


@pytest.mark.parametrize("side", [64, 192, 512])
@pytest.mark.parametrize("name", pretrained)
def test_the_middle_of_the_photograph_which_is_looked_at_first_answers(name, side):
    model = build_pretrained(name, (side, side, 1))
    features = keras.Model(model.inputs[0], model.layers[-1].input)
    photograph = images.to_input(images.chosen(None), (side, side, 1))

    at_the_middle = features(photograph[None])[0, side // 2, side // 2]

    assert np.any(np.asarray(at_the_middle) > 0)


def test_it_takes_other_sizes():
    model = build_pretrained("U-Net", (32, 96, 1))
    given = build_pretrained("U-Net")
    assert model.input_shape == (None, 32, 96, 1)
    assert all(map(np.array_equal, model.get_weights(), given.get_weights()))
