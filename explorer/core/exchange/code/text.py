"""Lines of Python, broken where ruff would break them."""

import keyword
import re
from collections.abc import Sequence
from typing import Any

import attrs

#: Most signs of a line.
WIDTH = 100
#: What intermediate results are called.
VARIABLES = ("x", "y", "z", "u", "v", "w")

#: What code of ours calls other things.
TAKEN = {
    *VARIABLES, "i", "stack", "skips", "outputs", "image", "stack_input", "self", "name", "layers",
    "settings", "keras", "torch", "nn", "F", "range", "enumerate", "zip", "super", "isinstance",
    "max", "tuple", "float", "print",
}  # fmt: skip


def quoted(text: str) -> str:
    """Return a text as a Python literal, in double quotes where that takes no escapes."""
    literal = repr(text)
    if literal[0] == "'" and '"' not in text:
        return '"' + literal[1:-1].replace("\\'", "'") + '"'
    return literal


def literal(value: Any) -> str:
    """Return a number, truth value or tuple of them as Python writes it."""
    return repr(value)


def counted(start: int, end: str) -> str:
    """Return the numbers of a loop's rounds, as text."""
    return f"range({start}, {end})" if start else f"range({end})"


def identifier(text: str) -> str:
    """Return a text as a name of Python's."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII) or "_"
    return f"_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name


def common_start(names: Sequence[str]) -> str:
    """Return what all names begin with."""
    first, last = min(names), max(names)
    same = next((i for i, sign in enumerate(first) if sign != last[i : i + 1]), len(first))
    return first[:same]


def first_of(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def without_numbers(name: str) -> str:
    """Return a name without the parts that are numbered: "conv" of "block0_1_conv"."""
    return "_".join(part for part in name.split("_") if not re.search(r"\d", part)).strip("_")


@attrs.frozen
class Call:
    """A call, of which every argument is text or a list of texts, and a second call of its result.

    Attributes:
        head: What is called.
        arguments: Its arguments.
        then: The arguments of the call of what it returns; None: there is no such call.
    """

    head: str
    arguments: Sequence["str | list[str]"]
    then: "Sequence[str | list[str]] | None" = None


def _flat(argument: "str | list[str]") -> str:
    return argument if isinstance(argument, str) else f"[{', '.join(argument)}]"


def _joined(arguments: Sequence["str | list[str]"]) -> str:
    return ", ".join(map(_flat, arguments))


def assigned(target: str, call: Call, indent: int, end: str = "") -> list[str]:
    """Return the lines of an assignment of what a call returns.

    Args:
        target: What comes before the call, such as "x = ".
        call: The call.
        indent: Number of spaces before it.
        end: What comes after it.
    """
    start = " " * indent + target + call.head
    first = _joined(call.arguments)
    last = end if call.then is None else f"({_joined(call.then)}){end}"
    if len(f"{start}({first}){last}") <= WIDTH:
        return [f"{start}({first}){last}"]
    if call.then is not None and len(f"{start}({first})(") <= WIDTH:
        return [f"{start}({first})(", *_broken(call.then, indent + 4), " " * indent + f"){end}"]
    return [f"{start}(", *_broken(call.arguments, indent + 4), " " * indent + f"){last}"]


def listed(start: str, items: Sequence[str], end: str, indent: int) -> list[str]:
    """Return the lines of a list, one item a line where it is too long for one."""
    line = f"{' ' * indent}{start}[{', '.join(items)}]{end}"
    if len(line) <= WIDTH:
        return [line]
    inner = " " * (indent + 4)
    return [
        f"{' ' * indent}{start}[",
        *(f"{inner}{item}," for item in items),
        f"{' ' * indent}]{end}",
    ]


def _broken(arguments: Sequence["str | list[str]"], indent: int) -> list[str]:
    """Return the lines between the brackets of a call that is too long for one line."""
    line = " " * indent + _joined(arguments)
    if len(line) <= WIDTH:
        return [line]
    lines = []
    for argument in arguments:
        if isinstance(argument, str):
            lines.append(f"{' ' * indent}{argument},")
        else:
            comma = "," if len(arguments) > 1 else ""
            lines += listed("", argument, comma, indent)
    return lines
