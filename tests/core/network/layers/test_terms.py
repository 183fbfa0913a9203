"""What is worked out is what is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.core.network.layers.terms import NOTHING, Part, Terms

PYTHON = str.maketrans({"×": "*", "÷": "/", ",": None})
numbers = st.integers(1, 9)
factors = st.lists(
    st.one_of(numbers, st.builds(lambda part, parts: Part(part * parts, parts), numbers, numbers)),
    max_size=4,
).map(tuple)
terms = st.builds(
    Terms,
    st.lists(factors.filter(bool), max_size=3).map(tuple),
    st.lists(numbers, max_size=2).map(tuple),
)


@given(terms)
def test_terms_are_written_as_they_are_worked_out(made):
    assert eval(str(made).translate(PYTHON)) == made.value


@given(terms)
def test_an_equation_has_two_equal_sides_or_is_a_number(made):
    left, equals, right = made.equation.partition(" = ")
    assert bool(equals) != made.is_number
    assert {eval(side.translate(PYTHON)) for side in (left, right) if side} == {made.value}


@pytest.mark.parametrize(
    ("made", "equation"),
    [
        (Terms(((3, 3, 64, 128), (128,))), "3×3×64×128 + 128 = 73,856"),
        (Terms(((3, 3, Part(64, 2), 128),)), "3×3×(64 ÷ 2)×128 = 36,864"),
        (Terms(((3, 3, 4), (4, 8)), (5, 6)), "(3×3×4 + 4×8) × 5×6 = 2,040"),
        (Terms(((4,),), (64,)), "4 × 64 = 256"),
        (Terms(((1234,),)), "1,234"),
        (NOTHING, "0"),
    ],
)
def test_equations_are_written_as_people_read_them(made, equation):
    assert made.equation == equation


def test_a_part_is_the_number_that_it_is_written_as():
    part = Part(64, 2)
    assert (part, part + 1, str(part), f"{part}") == (32, 33, "(64 ÷ 2)", "(64 ÷ 2)")
