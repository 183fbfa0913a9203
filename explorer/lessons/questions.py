"""Questions, whose right answers and typical mistakes are computed, never typed in.

A question takes what a learner gives as text, so that it can be kept, handed in and judged again.
"""

import re
from collections.abc import Iterable
from math import ceil, floor, isfinite, log10
from random import Random
from typing import Self

import attrs

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design
from explorer.core.exchange.links import SharedDesign, from_link, to_link
from explorer.core.formatting import listed, shortened
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Node
from explorer.core.network.names import block_id, is_block, layer_id, nodes_of
from explorer.lessons.pictures.grids import GridPicture


@attrs.frozen
class Verdict:
    """What is said of an answer.

    Attributes:
        is_right: Whether it is right.
        reason: Why it is wrong, where that is a typical mistake, or how the right one comes about.
    """

    is_right: bool
    reason: str


@attrs.frozen
class Mistake:
    """A typical error.

    Attributes:
        answer: What it leads to.
        reason: What was overlooked, as a sentence to who made it.
    """

    answer: float | str
    reason: str


@attrs.frozen(kw_only=True)
class Question:
    """What is asked before it is seen.

    Attributes:
        prompt: The question.
        reason: How the right answer comes about, told once that was given.
        hint: What is said of a wrong answer that is no typical mistake.
        reveals: What is put on screen once an answer was given; None: what is there stays.
        pictures: Grids that are shown then.
    """

    prompt: str
    reason: str
    hint: str = "Look again, then try a variant of the question."
    reveals: Design | None = None
    pictures: tuple[GridPicture, ...] = ()

    def taken(self, given: str) -> str:
        """Return what was given as it is kept and judged.

        Raises:
            Refusal: If it is no answer at all, such as a word where a number is asked for.
        """
        raise NotImplementedError

    def judged(self, answer: str) -> Verdict:
        """Return what is said of an answer, as `taken` returns it."""
        raise NotImplementedError

    @property
    def solution(self) -> str:
        """A right answer, which `taken` takes."""
        raise NotImplementedError

    @property
    def tells_mistakes_apart(self) -> bool:
        """Whether each typical mistake gets the reason that belongs to it, if it isn't right."""
        return True

    def told(self, answer: float | str) -> str:
        """Return an answer for a reader."""
        return str(answer)

    @property
    def told_solution(self) -> str:
        """The right answer for a reader."""
        return self.told(self.solution)


_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[-+]?\d+)?", re.IGNORECASE)
_BETWEEN = r"[,\xa0\u2009\u202f' ]"
_GROUPED = re.compile(rf"[-+]?(?!0\D)\d{{1,3}}(?:{_BETWEEN}\d{{3}})+(?:\.\d+)?")
#: One separator, which thousands as well as decimals may follow.
_EITHER = re.compile(r"[-+]?(?!0\D)\d{1,3}[.,]\d{3}")
_PREFIXES = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_BYTES: dict[str, int] = {"b": 1, "byte": 1, "bytes": 1} | {
    f"{prefix}{end}": 1024**power
    for power, prefix in enumerate(("ki", "mi", "gi"), 1)
    for end in ("", "b")
}
#: Other words for a unit.
_ALIKE = (("px", "pixel", "pixels"), ("times", "×", "x"))


def numbers_of(text: str, unit: str = "") -> tuple[float, ...]:
    """Return what the number that a learner typed can mean: "2.320" is 2320, or a little over 2.

    Args:
        text: What was typed: with or without separators, and with a prefix or the unit after it.
        unit: What it is a number of.

    Raises:
        Refusal: If there is none, or more than one, or what stands after it is not understood.
    """
    written = text.strip().replace("−", "-")
    found = _GROUPED.match(written) or _NUMBER.match(written)
    if not found or re.search(r"\d", written[found.end() :]):
        raise Refusal(f"“{shortened(text, 30)}” is not a number: type one, such as 128.")
    digits, factor = found.group(), _factor(written[found.end() :], unit)
    decimal, whole = digits.replace(",", "."), re.sub(_BETWEEN, "", digits)
    if _EITHER.fullmatch(digits):
        ways = [whole.replace(".", ""), decimal]
    else:
        ways = [whole if _GROUPED.fullmatch(digits) else decimal]
    # 1.005 × 1000 is a little less than 1005.
    numbers = tuple(float(way) if factor == 1 else round(float(way) * factor, 9) for way in ways)
    if not all(map(isfinite, numbers)):
        raise Refusal(f"“{shortened(text, 30)}” is too large: type a number such as 128.")
    return numbers


def _factor(after: str, unit: str) -> float:
    """Return what a number is to be multiplied by, for what stands after it."""
    after = after.strip().rstrip(".")
    size = _BYTES.get(unit.casefold())
    if not after:
        return 1
    if size and after.casefold() in _BYTES:
        return _BYTES[after.casefold()] / size
    alike = next((each for each in _ALIKE if unit in each), (unit, unit.removesuffix("s")))
    names = {"", *map(_plain, alike)}
    if _plain(after) in names:
        return 1
    if not size and after[0] in _PREFIXES and _plain(after[1:]) in names:
        return _PREFIXES[after[0]]
    prefixes = "KiB, MiB or GiB" if size else "k, M or G"
    raise Refusal(
        f"“{shortened(after, 30)}” after the number is not understood: type the number alone"
        f"{f', in {unit}' if unit else ''}, or with {prefixes} after it."
    )


def _plain(words: str) -> str:
    return " ".join(words.casefold().replace("-", " ").split())


def written(number: float) -> str:
    """Return a number as it is kept: a whole one without a point."""
    return str(int(number)) if number == int(number) else repr(float(number))


@attrs.frozen(kw_only=True)
class NumberQuestion(Question):
    """A number is asked for.

    Attributes:
        answer: The right one.
        unit: What it is a number of.
        within: By how much an answer may differ, relative to the right one.
        mistakes: Typical errors. One that leads to the right answer is none.
    """

    answer: float
    unit: str = ""
    within: float = 0.0
    mistakes: tuple[Mistake, ...] = ()

    def taken(self, given: str) -> str:
        """Return the number as text; see `Question`."""
        readings = numbers_of(given, self.unit)
        kept = written(min(readings, key=self._strays))
        return kept if kept == given else self.taken(kept)  # as who grades it reads it

    def _strays(self, number: float) -> tuple[bool, bool, float]:
        """Return how little a reading of an ambiguous number is likely to be meant."""
        mistakes = (float(mistake.answer) for mistake in self.mistakes)
        return (
            not self._is(number, self.answer),
            not any(self._is(number, mistake) for mistake in mistakes),
            abs(number - self.answer),
        )

    def judged(self, answer: str) -> Verdict:
        """See `Question`."""
        number = float(answer)
        if self._is(number, self.answer):
            return Verdict(True, self.reason)
        for mistake in self.mistakes:
            if self._is(number, float(mistake.answer)):
                return Verdict(False, mistake.reason)
        return Verdict(False, self.hint)

    @property
    def tells_mistakes_apart(self) -> bool:
        """See `Question`."""
        said = ((self.judged(written(float(each.answer))), each) for each in self.mistakes)
        return all(verdict.is_right or verdict.reason == each.reason for verdict, each in said)

    def told(self, answer: float | str) -> str:
        """Return a number with its unit; see `Question`."""
        number = float(answer)
        text = (f"{number:,.0f}" if number == int(number) else self._rounded(number)).replace(
            "-", "−"
        )
        is_one = number == 1 and self.unit != "times"
        return f"{text} {self.unit.removesuffix('s') if is_one else self.unit}".strip()

    def _rounded(self, number: float) -> str:
        """Return a number with six digits, or no more than an answer needs to be right."""
        digits = 2 + ceil(-log10(self.within)) if self.within else 6
        places = max(0, digits - 1 - floor(log10(abs(number))))
        text = f"{number:,.{places}f}"
        return text.rstrip("0").rstrip(".") if places else text

    def _is(self, number: float, other: float) -> bool:
        return abs(number - other) <= max(self.within * abs(other), 1e-9 * abs(other))

    @property
    def solution(self) -> str:
        """See `Question`."""
        return written(self.answer)


@attrs.frozen(kw_only=True)
class ChoiceQuestion(Question):
    """One of several sentences is right.

    Attributes:
        right: The right one.
        mistakes: The others, with what each overlooks.
        choices: All of them in the order in which they are shown.
    """

    right: str
    mistakes: tuple[Mistake, ...]
    choices: tuple[str, ...]

    @classmethod
    def drawn(
        cls, random: Random, right: str, mistakes: Iterable[Mistake], **fields: object
    ) -> Self:
        """Return a question with its choices in any order; mistakes that say the same are one.

        Args:
            random: Gives the order.
            right: The right choice.
            mistakes: The others; one that is the right one is left out.
            **fields: The rest of the question.
        """
        wrong = {str(mistake.answer): mistake for mistake in reversed([*mistakes])}
        wrong.pop(right, None)
        choices = [right, *reversed(wrong)]
        random.shuffle(choices)
        return cls(right=right, mistakes=tuple(wrong.values()), choices=tuple(choices), **fields)  # type: ignore[arg-type]

    def taken(self, given: str) -> str:
        """See `Question`."""
        if given not in self.choices:
            raise Refusal(
                f"“{given}” is none of the choices: choose one of {listed(self.choices)}."
            )
        return given

    def judged(self, answer: str) -> Verdict:
        """See `Question`."""
        if answer == self.right:
            return Verdict(True, self.reason)
        reasons = (mistake.reason for mistake in self.mistakes if mistake.answer == answer)
        return Verdict(False, next(reasons, self.hint))

    @property
    def solution(self) -> str:
        """See `Question`."""
        return self.right


@attrs.frozen(kw_only=True)
class ClickQuestion(Question):
    """Something in the diagram has to be clicked.

    Attributes:
        design: What it is asked of.
        right: The right selections, as `explorer.core.network.names` names them; all are of layers,
            or all of blocks.
        mistakes: Selections that are typical errors.
    """

    design: Design
    right: frozenset[str]
    mistakes: tuple[Mistake, ...] = ()

    @property
    def wants_block(self) -> bool:
        """Whether a block is asked for, and not one layer."""
        return all(map(is_block, self.right))

    def taken(self, given: str) -> str:
        """Return the selection; of a layer where a block is asked for, that of its block."""
        nodes = nodes_of(self.design.graph, given)
        if not nodes:
            raise Refusal("Nothing of this network is selected: click in the diagram first.")
        if self.wants_block:
            return block_id(nodes[-1])
        if is_block(given) and len(nodes) > 1:
            raise Refusal(
                "A block is selected: open it (double click, or its “+”), and click one layer."
            )
        return layer_id(nodes[-1])

    def judged(self, answer: str) -> Verdict:
        """See `Question`."""
        if answer in self.right:
            return Verdict(True, self.reason)
        reasons = (mistake.reason for mistake in self.mistakes if mistake.answer == answer)
        return Verdict(False, next(reasons, self.hint))

    @property
    def solution(self) -> str:
        """See `Question`."""
        return min(self.right)

    @property
    def told_solution(self) -> str:
        """See `Question`."""
        return listed([self.told(each) for each in sorted(self.right)], "or")

    def told(self, answer: float | str) -> str:
        """Return what a selection is called in the diagram; see `Question`."""
        return name_of(self.design, str(answer))


def name_of(design: Design, selected: str) -> str:
    """Return what is selected, as the diagram calls it; empty if nothing is."""
    nodes = nodes_of(design.graph, selected)
    if not nodes:
        return ""
    last = nodes[-1]
    return wiring_of(design.graph).title(last) if is_block(selected) else last.name


def of_layers(nodes: Iterable[Node]) -> frozenset[str]:
    """Return what selects each of these layers."""
    return frozenset(map(layer_id, nodes))


def of_blocks(nodes: Iterable[Node]) -> frozenset[str]:
    """Return what selects the block of each of these layers."""
    return frozenset(map(block_id, nodes))


@attrs.frozen(kw_only=True)
class BuildQuestion(Question):
    """A network has to be built that keeps to budgets; the explorer is the answer sheet.

    Attributes:
        budgets: What it has to keep to.
        example: A design that does.
        words: What the example is; empty: its code tells.
    """

    budgets: tuple[Budget, ...]
    example: Design
    words: str = ""

    def taken(self, given: str) -> str:
        """Return the link to a design, in brief.

        Args:
            given: A link; see `link_of`.

        Raises:
            Refusal: If the design misses a budget, which says how it does; as `from_link` does.
        """
        answer = link_of(from_link(given).design)
        verdict = self.judged(answer)
        if not verdict.is_right:
            raise Refusal(f"Not yet. {verdict.reason}")
        return answer

    def judged(self, answer: str) -> Verdict:
        """See `Question`."""
        design = from_link(answer).design
        checked = [budget.check(design) for budget in self.budgets]
        is_right = all(each.is_met for each in checked)
        missed = (each.words for each in checked if not each.is_met)
        told = " ".join(f"{words[0].upper()}{words[1:]}." for words in missed)
        return Verdict(is_right, self.reason if is_right else told)

    @property
    def solution(self) -> str:
        """See `Question`."""
        return link_of(self.example)

    @property
    def told_solution(self) -> str:
        """See `Question`."""
        if self.words:
            return f"for example {self.words}"
        net = self.example.architecture
        own = [
            f"{field.name}={getattr(net, field.name)!r}"
            for field in attrs.fields(type(net))
            if field.init and getattr(net, field.name) != field.default
        ]
        size = " × ".join(map(str, self.example.input.shape))
        return f"for example {type(net).__name__}({', '.join(own)}) for an input of {size}"


def link_of(design: Design) -> str:
    """Return a design as a `BuildQuestion` takes it.

    Raises:
        Refusal: If it has a Keras model.
    """
    return to_link(SharedDesign(design.architecture, design.input))
