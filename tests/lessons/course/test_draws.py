"""How many answers the lessons' tests hold against Keras, all together."""

from explorer.lessons.plan import lessons
from explorer.lessons.questions import BuildQuestion
from tests.lessons.keras_answers import DRAWS


def test_a_thousand_answers_are_held_against_keras() -> None:
    asked = (plan.step(name, "0").question for plan in lessons().values() for name in plan.names)
    held = [each for each in asked if each and not isinstance(each, BuildQuestion)]
    assert len(held) * DRAWS >= 1000
