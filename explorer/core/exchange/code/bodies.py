"""What stands in a function or module for blocks of one form: a line for each layer, and loops."""

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from explorer.core.exchange.code.forms import Line, Loop, kept_of, outer_refs
from explorer.core.exchange.code.plan import Argument, Function
from explorer.core.exchange.code.text import VARIABLES, Call, assigned, counted, literal


def definition(start: str, arguments: Sequence[str], indent: int = 0) -> list[str]:
    """Return the lines that begin a function."""
    return assigned("", Call(start, arguments), indent, end=":")


def input_names(function: Function) -> list[str]:
    """Return what a function calls the features that it reads."""
    role = function.units[0].role
    second = {"merge": "stack_input", "decoder": "skip"}.get(role, "other")
    more = [second if k == 1 else f"{second}{k}" for k in range(1, function.sources)]
    return ["x", *more]


def told(function: Function) -> str:
    """Return which blocks a function makes, in a sentence."""
    names = [unit.name for unit in function.units]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"What {names[0]}{more} of the diagram do{'' if more else 'es'}."


def setting(value: Any, owner: str = "") -> str:
    """Return a setting: a literal, or the argument that gives it (of an owner, such as "self.")."""
    return owner + value.name if isinstance(value, Argument) else literal(value)


@attrs.frozen
class Written:
    """A layer within a function.

    Attributes:
        line: The layer.
        place: Place of its item in the form, and its own within that.
        start: What comes before it, such as "x = ".
        inputs: The variables that it reads.
        indent: Spaces before its line.
    """

    line: Line
    place: tuple[int, int]
    start: str
    inputs: list[str]
    indent: int


def function_lines(
    function: Function,
    variables: Sequence[str],
    write: Callable[[Written], list[str]],
    owner: str = "",
    indent: int = 4,
) -> list[str]:
    """Return the lines that apply a function's layers, and return what they make.

    Args:
        function: The function.
        variables: What its inputs are called.
        write: Returns the lines of one layer.
        owner: What comes before names of arguments, such as "self.".
        indent: Spaces before the lines.
    """
    lines: list[str] = []
    named: dict[Any, str] = {-1 - k: variable for k, variable in enumerate(variables)}
    items = function.items
    for place, item in enumerate(items):
        live = {
            named[ref] for later in items[place + 1 :] for ref in outer_refs(later) if ref in named
        }
        if isinstance(item, Line):
            inputs = [named[ref] for ref in item.inputs]
            features = [named[r] for r in item.inputs if r < 0 or kept_of(items[r]) is None]
            named[place] = _target(features, live)
            start = "return " if place == len(items) - 1 else f"{named[place]} = "
            lines += write(Written(item, (place, 0), start, inputs, indent))
            continue
        live |= {named[ref] for line in item.body for ref in line.inputs if isinstance(ref, int)}
        round_ = named[item.first]
        if round_ in live:
            round_ = _target([], live)
            lines.append(f"{' ' * indent}{round_} = {named[item.first]}")
        if isinstance(item, Loop):
            end = setting(function.rounds[place], owner)
            lines.append(f"{' ' * indent}for i in {counted(item.start, end)}:")
        else:
            lines.append(f"{' ' * indent}if {owner}{item.flag}:")
        inner: dict[Any, str] = {**named, ("before",): round_}
        kept, deeper = kept_of(item), indent + 4
        names = ("added", *(f"added{k}" for k in range(2, 1_000)))
        gathered = next(name for name in names if name not in named.values())
        if kept is not None:
            lines.insert(-1, f"{' ' * indent}{gathered} = []")
        for at, line in enumerate(item.body):
            inputs = [inner[ref] for ref in line.inputs]
            needed = {ref for later in item.body[at + 1 :] for ref in later.inputs}
            held = live | {inner[ref] for ref in needed if ref in inner}
            target = round_ if at == len(item.body) - 1 else _target(inputs, held)
            inner["in", at] = target
            lines += write(Written(line, (place, at), f"{target} = ", inputs, deeper))
            if at == kept:
                lines.append(f"{' ' * deeper}{gathered}.append({target})")
                last = function.rounds[place]
                end = setting(last - 1) if isinstance(last, int) else f"{setting(last, owner)} - 1"
                lines.append(f"{' ' * deeper}if i < {end}:")
                deeper += 4
        named[place] = round_ if kept is None else gathered
    if not isinstance(items[-1], Line):
        lines.append(f"{' ' * indent}return {named[len(items) - 1]}")
    return lines


def _target(inputs: Sequence[str], live: set[str]) -> str:
    """Return the variable of a result: that of an input that is no longer needed, or a new one."""
    free = [variable for variable in inputs if variable not in live]
    if "x" in free:
        return "x"
    more = (f"x{k}" for k in range(1, 1_000))
    return free[0] if free else next(v for v in (*VARIABLES, *more) if v not in live)
