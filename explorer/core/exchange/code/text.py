"""Lines of Python, broken where ruff would break them."""

import keyword
import re
from collections.abc import Sequence

import attrs

#: Most signs of a line.
WIDTH = 100


def quoted(text: str) -> str:
    """Return a text as a Python literal, in double quotes where that takes no escapes."""
    literal = repr(text)
    if literal[0] == "'" and '"' not in text:
        return '"' + literal[1:-1].replace("\\'", "'") + '"'
    return literal


def identifier(text: str) -> str:
    """Return a text as a name of Python's."""
    name = re.sub(r"\W", "_", text, flags=re.ASCII) or "_"
    return f"_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name


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
