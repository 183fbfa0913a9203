"""A module of PyTorch's for blocks of one form."""

import re
from typing import Any

from explorer.core.exchange.code.bodies import (
    Written,
    definition,
    function_lines,
    input_names,
    setting,
    told,
)
from explorer.core.exchange.code.forms import Line, Loop, Maybe, kept_of, lines_of, outer_refs
from explorer.core.exchange.code.places import placed
from explorer.core.exchange.code.plan import Argument, Function, Inner
from explorer.core.exchange.code.text import Call, assigned, counted, quoted
from explorer.core.exchange.code.torch_layers import (
    MODULES,
    applied,
    channels_after,
    factor,
    module,
)


def class_name(function: Function) -> str:
    """Return what the module of a function is called."""
    return "".join(word.capitalize() for word in function.name.split("_"))


def channel_names(function: Function) -> list[str]:
    """Return the arguments that say how many channels its inputs have."""
    return ["channels" if name == "x" else f"{name}_channels" for name in input_names(function)]


@placed
def class_lines(function: Function) -> list[str]:
    """Return the lines of a module for blocks of one form."""
    inputs = input_names(function)
    kept: dict[str, None] = {}
    made = (line for item in function.items for line in lines_of(item))
    keys = {line.name[1:] for line in made if _is_module(line)}
    owner = "self.set_" if keys & set(function.arguments) else "self."

    def write(written: Written) -> list[str]:
        texts = {}
        is_module = _is_module(written.line)
        for field, value in _settings_at(function, written.place).items():
            texts[field] = setting(value, owner)
            if isinstance(value, Argument) and not is_module:
                kept[value.name] = None
        layer = function.layer_at(written.place).layer
        words = dict(written.line.words)
        key = _key(written.line.name)
        if isinstance(layer, Inner):
            call: Call | str = Call(f"self[{key}]", written.inputs)
        else:
            call = applied(layer, words, texts, key, written.inputs)
        return lines_of_call(written.start, call, written.indent)

    forward = function_lines(function, inputs, write, owner, indent=8)
    for place, item in enumerate(function.items):
        if isinstance(item, Maybe):
            kept[item.flag] = None
        elif isinstance(item, Loop) and isinstance(function.rounds[place], Argument):
            kept[function.rounds[place].name] = None
    arguments = ["self", *channel_names(function), *function.arguments]
    return [
        "",
        "",
        f"class {class_name(function)}(nn.ModuleDict):",
        f'    """{told(function)}"""',
        "",
        *definition("def __init__", arguments, 4),
        "        super().__init__()",
        *(f"        {owner}{name} = {name}" for name in function.arguments if name in kept),
        *_made_lines(function)[0],
        "",
        f"    def forward(self, {', '.join(inputs)}):",
        *forward,
    ]


def _settings_at(function: Function, place: tuple[int, int]) -> dict[str, Any]:
    return {
        field: value
        for (item, line, field), value in function.settings.items()
        if (item, line) == place
    }


def _key(name: str) -> str:
    """Return the key of a layer in its block, as text."""
    return f"f{quoted(name[1:])}" if "{i}" in name else quoted(name[1:])


def _is_module(line: Line) -> bool:
    return isinstance(line.kind, Function) or issubclass(line.kind, MODULES)


def _made_lines(function: Function) -> tuple[list[str], str]:
    """Return the lines that make the layers of a block, and the channels of what it returns."""
    lines: list[str] = []
    channels: dict[Any, str] = {-1 - k: name for k, name in enumerate(channel_names(function))}

    def made(line: Line, place: tuple[int, int], read: list[str], indent: int) -> str:
        """Add the line of a layer, and return the channels of its output."""
        node = function.layer_at(place)
        settings = _settings_at(function, place)
        if isinstance(node.layer, Inner):
            texts = {field: setting(value) for field, value in settings.items()}
            given = [f"{field}={text}" for field, text in texts.items()]
            call = Call(class_name(node.layer.function), [*read, *given])
            lines.extend(assigned(f"self[{_key(line.name)}] = ", call, indent))
            texts |= zip(channel_names(node.layer.function), read, strict=True)
            result = _made_lines(node.layer.function)[1]
            return re.sub(r"[^\W\d]\w*", lambda name: texts[name[0]], result)
        if isinstance(node.layer, MODULES):
            values = {k: None if isinstance(v, Argument) else v for k, v in settings.items()}
            texts = {k: setting(v) for k, v in settings.items()}
            call = module(node, dict(line.words), texts, values, read[0])
            lines.extend(assigned(f"self[{_key(line.name)}] = ", call, indent))
        return channels_after(node.layer, {k: setting(v) for k, v in settings.items()}, read)

    items = function.items
    for place, item in enumerate(items):
        if isinstance(item, Line):
            channels[place] = made(item, (place, 0), [channels[ref] for ref in item.inputs], 8)
            continue
        first = channels[item.first]
        before = len(lines)
        after, kept = _round(item, place, channels, first, made, 12)
        begun = lines[before:]
        del lines[before:]
        head = _head(function, place, item)
        if after == first:
            channels[place] = _gathered(function, place, item, kept) or first
            lines += [head, *begun] if begun else []
            continue
        later = {channels[r] for it in items[place + 1 :] for r in outer_refs(it) if r in channels}
        within = {channels[r] for line in item.body for r in line.inputs if isinstance(r, int)}
        held = set(re.findall(r"\w+", " ".join(later | within))) | set(function.arguments)
        names = ("channels", "width", *(f"width{k}" for k in range(2, 100)))
        name = next(name for name in names if name not in held)
        if first != name:
            lines.append(f"        {name} = {first}")
        lines.append(head)
        after, kept = _round(item, place, channels, name, made, 12)
        adds = after.startswith(f"{name} + ")
        lines.append(
            f"            {name} {'+=' if adds else '='} {after.removeprefix(f'{name} + ')}"
        )
        depends = isinstance(item, Maybe) or re.search(rf"\b{name}\b", after)
        gathered = _gathered(function, place, item, kept)
        channels[place] = gathered or (name if depends else after)
    return lines, channels[len(items) - 1]


def _gathered(function: Function, place: int, item: Loop | Maybe, kept: str) -> str:
    """Return the channels of all that a loop gathers, as text; none where it gathers nothing."""
    if kept_of(item) is None:
        return ""
    assert isinstance(item, Loop)
    end = function.rounds[place]
    if isinstance(end, int):
        rounds = str(end - item.start)
    else:
        rounds = f"({end.name} - {item.start})" if item.start else end.name
    return f"{rounds} * {factor(kept)}"


def _head(function: Function, place: int, item: Loop | Maybe) -> str:
    if isinstance(item, Maybe):
        return f"        if {item.flag}:"
    return f"        for i in {counted(item.start, setting(function.rounds[place]))}:"


def _round(
    item: Loop | Maybe, place: int, channels: dict[Any, str], first: str, made: Any, indent: int
) -> tuple[str, str]:
    """Make the layers of a loop's body; return the channels that go round, and those gathered."""
    inner: dict[Any, str] = {**channels, ("before",): first}
    for at, line in enumerate(item.body):
        read = [inner[ref] for ref in line.inputs]
        inner["in", at] = made(line, (place, at), read, indent)
    last = len(item.body) - 1
    kept = kept_of(item)
    return inner["in", last], inner["in", last if kept is None else kept]


def lines_of_call(start: str, call: "Call | str", indent: int) -> list[str]:
    """Return the lines of an assignment, none where it changes nothing."""
    if isinstance(call, Call):
        return assigned(start, call, indent)
    return [] if start == f"{call} = " else [f"{' ' * indent}{start}{call}"]
