"""Each question to Keras is answered by a function that takes its fields."""

import inspect
import pickle
import subprocess
import sys
from typing import get_args

import attrs
import pytest

from explorer import UNet
from explorer.core.asking.measurement import Measurement
from explorer.core.asking.questions import Question, Rebuild, TimeModel
from explorer.worker.answering import answer, answers

SMALL, SHAPE = UNet(filters=2, down_blocks=1, up_blocks=1), (16, 16, 1)


def test_every_question_has_its_answer():
    assert set(answers()) == set(get_args(Question))


@pytest.mark.parametrize("asked", get_args(Question), ids=lambda cls: cls.__name__)
def test_the_fields_of_a_question_are_the_arguments_of_what_answers_it(asked):
    names = [field.name for field in attrs.fields(asked)]

    assert names == list(inspect.signature(answers()[asked]).parameters)


def test_a_question_travels_and_is_answered():
    built = answer(pickle.loads(pickle.dumps(Rebuild(SMALL, SHAPE))))
    timing = answer(TimeModel(SMALL, SHAPE, 2, Measurement(), time_limit=0))

    assert len(built.layers) == 17
    assert (timing.input_shape, timing.batch_size) == (SHAPE, 2)


def test_a_kernel_asks_and_is_answered_without_what_answers():
    code = (
        "import sys\n"
        "from explorer import UNet, time_forward\n"
        "net = UNet(filters=2, down_blocks=1, up_blocks=1)\n"
        "print(time_forward(net, (16, 16, 1), time_limit=0).runs)\n"
        "print({'keras', 'tensorflow', 'numpy', 'explorer.worker.tasks'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["5", "set()"]
