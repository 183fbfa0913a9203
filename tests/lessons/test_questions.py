"""What is taken for an answer, and what is said of it."""

from random import Random

import attrs
import pytest

from explorer import UNet
from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input
from explorer.core.network.errors import Refusal
from explorer.core.network.names import block_id, layer_id
from explorer.lessons.questions import (
    BuildQuestion,
    ChoiceQuestion,
    ClickQuestion,
    Mistake,
    NumberQuestion,
    Verdict,
    link_of,
    numbers_of,
)

DESIGN = Design(UNet(filters=4, down_blocks=1, up_blocks=1), Input(32, 32, 1))


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("128", "", 128),
        (" 128 px ", "px", 128),
        ("128 pixels.", "px", 128),
        ("−4", "", -4),
        ("1,234,567", "", 1_234_567),
        ("1 234 567", "", 1_234_567),
        ("1\N{NO-BREAK SPACE}234", "", 1234),
        ("0,5", "", 0.5),
        ("0,125", "", 0.125),  # which no group of thousands begins with
        ("0.125", "", 0.125),
        (".5", "", 0.5),
        ("-3", "", -3),
        ("1e3", "", 1000),
        ("1,234.5", "", 1234.5),
        ("64 channels", "channels", 64),
        ("1 channel", "channels", 1),
        ("1.5×", "times", 1.5),
        ("2.32 k", "parameters", 2320),
        ("2.32k parameters", "parameters", 2320),
        ("10K", "px", 10_000),
        ("1.0 M", "", 1_000_000),
        ("2.43 G multiply adds", "multiply-adds", 2_430_000_000),
        ("18 MiB", "bytes", 18 * 1024**2),
        ("18 Ki", "bytes", 18 * 1024),
        ("1 byte", "bytes", 1),
        ("18 MiB", "KiB", 18 * 1024),
        ("18 kib", "KiB", 18),
        ("2048 B", "KiB", 2),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, unit: str, number: float) -> None:
    assert numbers_of(text, unit) == (number,)


@pytest.mark.parametrize("text", ["", "many", "3 or 4", "12×12", "1,2,3", "px 3", "1/2", "nan"])
def test_what_is_no_number_is_refused_and_not_wrong(text: str) -> None:
    with pytest.raises(Refusal, match="is not a number: type one"):
        numbers_of(text)


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        (
            "12 %",
            "px",
            "“%” after the number is not understood: type the number alone, in px, or with",
        ),
        ("2 m", "px", "“m” after the number"),
        ("64 channels", "px", "“channels” after"),
        ("2 Mi", "parameters", "“Mi” after"),
        (
            "2 kB",
            "bytes",
            "“kB” after .* in bytes, or with KiB, MiB or GiB after it",
        ),  # 1000 or 1024
        ("2 M", "KiB", "“M” after"),
        ("2 wide", "", "type the number alone, or with k, M or G after it"),
    ],
)
def test_what_is_not_understood_after_a_number_is_refused(text: str, unit: str, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        NumberQuestion(prompt="?", reason="so", answer=2, unit=unit).taken(text)


@pytest.mark.parametrize(
    ("text", "answer", "taken"),
    [
        ("2.320", 2320, "2320"),
        ("2,320", 2320, "2320"),
        ("012,345", 12_345, "12345"),
        ("1.389", 1.389, "1.389"),
        ("1,389", 1.389, "1.389"),
        ("2.320 k", 2320, "2320"),
        ("2.304", 128, "2304"),  # the mistake
        ("2.400", 2320, "2400"),
        ("2,400", 1.389, "2.4"),
        ("2.3850", 2385, "2385"),
    ],
)
def test_an_ambiguous_separator_is_read_in_the_learners_favour(
    text: str, answer: float, taken: str
) -> None:
    mistakes = (Mistake(2304, "no"),)
    asked = NumberQuestion(prompt="?", reason="so", answer=answer, mistakes=mistakes)
    assert asked.taken(text) == taken
    assert asked.taken(taken) == taken


@pytest.mark.parametrize("text", ["1e999", "-1e999", "9" * 400])
def test_a_number_that_no_float_holds_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="is too large: type a number"):
        NumberQuestion(prompt="?", reason="so", answer=8).taken(text)


def test_a_number_is_right_within_its_bounds_alone() -> None:
    asked = NumberQuestion(prompt="?", reason="so", answer=200, within=0.05)
    assert asked.judged(asked.taken("209")).is_right
    assert not asked.judged(asked.taken("211")).is_right
    exact = NumberQuestion(prompt="?", reason="so", answer=200)
    assert not exact.judged(exact.taken("200.001")).is_right


@pytest.mark.parametrize(
    ("number", "unit", "told"),
    [
        (1, "ways", "1 way"),
        (2, "ways", "2 ways"),
        (1, "px", "1 px"),
        (1, "times", "1 times"),
        (2604, "ways", "2,604 ways"),
        (-1, "", "−1"),
    ],
)
def test_a_number_is_told_with_its_unit(number: float, unit: str, told: str) -> None:
    assert NumberQuestion(prompt="?", reason="so", answer=9, unit=unit).told(number) == told


def test_a_mistake_that_happens_to_be_right_is_right() -> None:
    asked = NumberQuestion(prompt="?", reason="so", answer=4, mistakes=(Mistake(4, "no"),))
    assert asked.judged("4").is_right


@pytest.mark.parametrize(
    ("number", "within", "told"),
    [
        (25 / 18, 0.015, "1.389 times"),
        (25 / 18, 0.0, "1.38889 times"),
        (1091.4375, 0.01, "1,091 times"),
        (1234567.5, 0.01, "1,234,568 times"),
        (0.5, 0.01, "0.5 times"),
        (-4 / 3, 0.02, "−1.333 times"),
    ],
)
def test_a_number_is_told_no_finer_than_it_is_judged(
    number: float, within: float, told: str
) -> None:
    question = NumberQuestion(prompt="?", reason="so", answer=9, unit="times", within=within)
    assert question.told(number) == told
    exact = attrs.evolve(question, answer=number)
    assert exact.judged(exact.taken(told)).is_right or not within


def test_the_first_of_two_mistakes_that_lead_to_the_same_is_told() -> None:
    asked = NumberQuestion(
        prompt="?", reason="so", answer=4, mistakes=(Mistake(5, "one"), Mistake(5, "two"))
    )
    assert asked.judged("5").reason == "one"
    assert asked.judged("6").reason == asked.hint
    asked = ChoiceQuestion.drawn(
        Random(0),
        "a",
        [Mistake("b", "one"), Mistake("b", "two"), Mistake("a", "no")],
        prompt="?",
        reason="so",
    )
    assert sorted(asked.choices) == ["a", "b"]
    assert asked.judged("b").reason == "one"


def test_a_choice_that_is_none_is_refused() -> None:
    asked = ChoiceQuestion.drawn(Random(0), "a", [Mistake("b", "one")], prompt="?", reason="so")
    with pytest.raises(Refusal, match="none of the choices"):
        asked.taken("")


def test_a_click_counts_as_what_is_asked_for() -> None:
    node = next(node for node in DESIGN.graph if node.block)
    block = ClickQuestion(prompt="?", reason="so", design=DESIGN, right=frozenset([block_id(node)]))
    assert block.judged(block.taken(layer_id(node))).is_right
    layer = ClickQuestion(prompt="?", reason="so", design=DESIGN, right=frozenset([layer_id(node)]))
    with pytest.raises(Refusal, match="A block is selected: open it"):
        layer.taken(block_id(node))
    for nothing in ("", "layer-gone"):
        with pytest.raises(Refusal, match="Nothing of this network is selected"):
            layer.taken(nothing)


def test_a_network_is_taken_once_it_keeps_to_all_that_is_asked() -> None:
    asked = BuildQuestion(
        prompt="?",
        reason="so",
        budgets=(Budget("parameters", at_most=3000), Budget("output stride", at_least=1)),
        example=DESIGN,
    )
    larger = Design(UNet(filters=32, down_blocks=1, up_blocks=1), DESIGN.input)
    # Only what is missed is told, and in the end how it comes about.
    with pytest.raises(Refusal, match=r"^Not yet\. At most [^:]*: no, [^:]*parameters\.$"):
        asked.taken(link_of(larger))
    with pytest.raises(Refusal, match="link"):
        asked.taken("something")
    assert asked.judged(asked.taken(asked.solution)) == Verdict(True, "so")
    assert asked.told_solution.startswith("for example UNet(filters=4")
    assert attrs.evolve(asked, words="a small one").told_solution == "for example a small one"
