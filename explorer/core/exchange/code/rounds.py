"""Calls that are alike as loops: over what differs between them, and over stacks."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from explorer.core.exchange.code.flow import STACK_INPUT, Flow, Segment, Step
from explorer.core.exchange.code.forms import words_of
from explorer.core.exchange.code.places import placed
from explorer.core.exchange.code.plan import PLAIN, Unit
from explorer.core.exchange.code.text import TAKEN, WIDTH, counted, listed, literal, quoted


class Round:
    """What differs between steps that are alike, as a loop over them says it.

    Attributes:
        steps: The steps.
    """

    def __init__(self, steps: Sequence[Step], stack: int | None) -> None:
        self.steps = steps
        self._lists: dict[str, list[Any]] = {}
        self._uses_i = False
        rows = [_tokens(step.unit.name, stack) for step in steps]
        columns = list(zip(*rows, strict=True))
        numbers = [list(map(int, c)) for c in columns if len(set(c)) > 1]
        in_steps = [c[0] for c in numbers if c == list(range(c[0], c[0] + len(c)))]
        self._start = in_steps[0] if in_steps else 0
        parts = [column[0] for column in columns]
        vary = [at for at, column in enumerate(columns) if len(set(column)) > 1]
        for at in sorted(vary, key=lambda at: int(columns[at][-1])):  # the others are multiples
            hint = "stride" if re.search(r"_s$|_to_s$", columns[at - 1][0]) else "number"
            parts[at] = f"{{{self._number(list(map(int, columns[at])), hint)}}}"
        #: The name, as text of Python's.
        self.name = quoted("".join(parts))
        if vary or stack is not None:
            self.name = f"f{self.name}"

    def _number(self, values: list[int], hint: str) -> str:
        more = values[0] - self._start
        if values == [self._start + more + k for k in range(len(values))]:
            self._uses_i = True
            return f"i + {more}" if more > 0 else f"i - {-more}" if more else "i"
        for name, others in self._lists.items():
            if others[-1] and not values[-1] % others[-1]:
                factor = values[-1] // others[-1]
                if factor and values == [factor * other for other in others]:
                    return f"{factor} * {name}" if factor > 1 else name
        return self._listed(values, hint)

    def _listed(self, values: list[Any], hint: str) -> str:
        for name, others in self._lists.items():
            if others == values and name.startswith(hint):
                return name
        name = hint
        while name in TAKEN or name in self._lists:
            name += "_"
        self._lists[name] = values
        return name

    def value(self, values: Sequence[Any], hint: str) -> str:
        """Return a setting that may differ between the steps, as text.

        Args:
            values: Its value in each step.
            hint: What it is called.
        """
        if all(value == values[0] for value in values):
            return literal(values[0])
        last = len(values) - 1
        if list(values) == [k > 0 for k in range(len(values))]:
            self._uses_i = True
            return f"i > {self._start}"
        if list(values) == [k < last for k in range(len(values))]:
            self._uses_i = True
            return f"i < {self._start + last}"
        return self._listed(list(values), hint)

    @placed
    def header(self, indent: int) -> list[str]:
        """Return the lines that begin the loop."""
        space, count = " " * indent, len(self.steps)
        if not self._lists:
            return [f"{space}for i in {counted(self._start, str(self._start + count))}:"]
        variables, rows = ", ".join(self._lists), list(zip(*self._lists.values(), strict=True))
        items = [literal(row if len(row) > 1 else row[0]) for row in rows]
        if not self._uses_i:
            start, end = f"for {variables} in ", ":"
        else:
            target = f"({variables})" if len(self._lists) > 1 else variables
            end = f", {self._start}):" if self._start else "):"
            start = f"for i, {target} in enumerate("
        line = f"{space}{start}[{', '.join(items)}]{end}"
        if len(line) <= WIDTH:
            return [line]
        line = f"{space}{start}settings{end}"
        if len(line) > WIDTH and self._uses_i:
            rest = [f"{space}    settings{end.removesuffix('):')}", f"{space}):"]
            return [*listed("settings = ", items, "", indent), f"{space}{start}", *rest]
        return [*listed("settings = ", items, "", indent), line]


def _tokens(name: str, stack: int | None) -> list[str]:
    """Return a name, with its numbers apart; that of the stack is a variable, if it is given."""
    tokens = re.split(r"(\d+)", name)
    if stack is not None and tokens[:2] == ["stack", str(stack)] and PLAIN.fullmatch(name):
        return ["stack{stack}" + tokens[2], *tokens[3:]]
    return tokens


def _are_alike(a: Unit, b: Unit, stack: int | None) -> bool:
    """Return whether one line with other numbers makes both."""
    if a.function is not b.function or (
        a.function is None
        and (
            type(a.output.layer) is not type(b.output.layer)
            or words_of(a.output.layer) != words_of(b.output.layer)
        )
    ):
        return False
    if not (PLAIN.fullmatch(a.name) and PLAIN.fullmatch(b.name)):
        return False
    pairs = _tokens(a.name, stack), _tokens(b.name, stack)
    return len(pairs[0]) == len(pairs[1]) and all(
        p == q or (at % 2 and str(int(p)) == p and str(int(q)) == q)
        for at, (p, q) in enumerate(zip(*pairs, strict=True))
    )


#: Returns the lines of steps that are alike: what they are, how deep they stand, and whether their
#: results are kept.
Write = Callable[[Round, int], list[str]]


def main_lines(flow: Flow, write: Write, with_results: bool = True, indent: int = 4) -> list[str]:
    """Return the lines of all steps: those that are alike as loops, and so are stacks.

    Args:
        flow: The steps.
        write: Returns the lines of a round.
        with_results: Whether lines stand before and after steps that hand on their results.
        indent: Spaces before the lines.
    """
    lines: list[str] = []
    stacks = [segment for segment in flow.segments if segment.stack is not None]
    of_stacks = _stack_lines(stacks, write, with_results, indent)
    for segment in flow.segments:
        if of_stacks is None or segment.stack is None:
            lines += _segment_lines(segment, write, with_results, indent)
        elif segment is stacks[0]:
            lines += of_stacks
    return lines


def _stack_lines(
    stacks: Sequence[Segment], write: Write, with_results: bool, indent: int
) -> list[str] | None:
    """Return a loop over stacks; None: they are not alike."""
    if len(stacks) < 2 or [segment.stack for segment in stacks] != list(range(len(stacks))):
        return None
    head = f"{' ' * indent}for stack in range({len(stacks)}):"
    whole = [
        _segment_lines(segment, write, with_results, indent + 4, segment.stack)
        for segment in stacks
    ]
    if all(lines == whole[0] for lines in whole):
        return [head, *whole[0]]
    *steps, merge = stacks[0].steps
    if merge.unit.role != "merge" or any(lines != whole[0] for lines in whole[1:-1]):
        return None
    rest = Segment(0, [line for line in stacks[0].before if line != STACK_INPUT], steps)
    if _segment_lines(rest, write, with_results, indent + 4, 0) != whole[-1]:
        return None
    bare = Segment(0, stacks[0].before, steps)
    return [
        head,
        *_segment_lines(bare, write, with_results, indent + 4, 0),
        f"{' ' * (indent + 4)}if stack < {len(stacks) - 1}:",
        *_segment_lines(Segment(0, [], [merge]), write, with_results, indent + 8, 0),
    ]


def _segment_lines(
    segment: Segment, write: Write, with_results: bool, indent: int, stack: int | None = None
) -> list[str]:
    before = segment.before if with_results else []
    lines = [f"{' ' * indent}{line}" for line in before]
    rounds: list[list[Step]] = []
    for step in segment.steps:
        last = rounds[-1] if rounds else []
        if last and _goes_on(last, step, stack, with_results):
            last.append(step)
        else:
            rounds.append([step])
    for steps in rounds:
        lines += _round_lines(steps, write, with_results, indent, stack)
    return lines


def _goes_on(steps: Sequence[Step], step: Step, stack: int | None, with_results: bool) -> bool:
    """Return whether a step is one more round of a loop over those before it."""
    first, last = steps[0], steps[-1]
    if not _are_alike(first.unit, step.unit, stack):
        return False
    if not with_results:
        return True
    if first.inputs != step.inputs or first.target != step.target or last.after != first.after:
        return False
    return step.after == first.after or not first.after  # then what is after it is after the loop


def _round_lines(
    steps: Sequence[Step], write: Write, with_results: bool, indent: int, stack: int | None
) -> list[str]:
    """Return the lines of steps that are alike: a loop, if there are several and it fits."""
    found, deeper = Round(steps, stack), indent + (4 if len(steps) > 1 else 0)
    lines = write(found, deeper)
    if with_results:
        lines += [f"{' ' * deeper}{line}" for line in steps[0].after]
    if len(steps) == 1 or not lines:
        return lines
    last = []
    if with_results and steps[-1].after != steps[0].after:
        last = [f"{' ' * indent}{line}" for line in steps[-1].after]
    header = found.header(indent)
    if any(len(line) > WIDTH for line in header):
        each = (_round_lines([step], write, with_results, indent, stack) for step in steps)
        return [line for lines in each for line in lines]
    return [*header, *lines, *last]
