"""Writes what the browser's half knows of the widgets' traits and messages: `make messages`.

python tests/write_messages.py
"""

import importlib
import inspect
import pkgutil
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
import traitlets

import explorer.widget
from explorer.widget import front
from explorer.widget.front.widget import FrontWidget
from explorer.widget.parts import Part, Run

FILE = Path(front.__file__).with_name("messages.d.ts")

HEAD = """\
// Made by `make messages` of the widgets, messages.py, parts.py and what these hold: change those.
// Of each class of widgets there are the traits that it shares with its view, and the messages that
// the view sends and gets.
"""

PLAIN: dict[Any, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    bytes: "DataView<ArrayBuffer>",
    types.NoneType: "null",
    Any: "unknown",
}
#: Unions that have a name of their own.
NAMED = {Run: "Run", Part: "Part"}
TRAITS: dict[type, Any] = {
    traitlets.Unicode: str,
    traitlets.Int: int,
    traitlets.Bool: bool,
    traitlets.Bytes: bytes,
}


def widgets_of_ours() -> list[type[FrontWidget]]:
    """Return the classes of widgets that have a view of their own."""
    for found in pkgutil.walk_packages(explorer.widget.__path__, "explorer.widget."):
        importlib.import_module(found.name)
    kinds = FrontWidget.__subclasses__()
    ours = [kind for kind in kinds if kind.__module__.startswith("explorer.")]
    return sorted(ours, key=lambda kind: kind.__name__)


def declarations() -> str:
    """Return the file's content."""
    found: dict[Any, str] = {}  # of the classes and unions that are part of others
    parts = [HEAD]
    for widget in widgets_of_ours():
        fields = {
            name: _written(trait.metadata.get("kind") or TRAITS[type(trait)], found)
            for name, trait in widget.class_traits(sync=True).items()
            if name not in FrontWidget.class_trait_names()
        }
        if fields:
            parts.append(_interface(f"{widget.__name__}State", _first_line(widget), fields))
        for direction, kind in (("Sends", widget.sends), ("Gets", widget.gets)):
            if kind is not None:
                parts.append(f"type {widget.__name__}{direction} = {_written(kind, found)};\n")
    named: dict[str, Any] = {}
    for kind in found:
        name = NAMED.get(kind) or kind.__name__
        if named.setdefault(name, kind) is not kind:
            raise TypeError(f"{kind} has the name of {named[name]}")
    return "\n".join(parts + [found[named[name]] for name in sorted(named)])


def _written(kind: Any, found: dict[Any, str]) -> str:
    """Return a type as TypeScript writes it; the classes in it are added to those found."""
    if kind in PLAIN:
        return PLAIN[kind]
    origin, args = get_origin(kind), get_args(kind)
    if kind in NAMED:
        if kind not in found:
            found[kind] = ""  # it may have itself in it
            found[kind] = f"type {NAMED[kind]} = {_union(args, found)};\n"
        return NAMED[kind]
    if origin is Literal:
        return " | ".join("true" if arg is True else f'"{arg}"' for arg in args)
    if origin in (Union, types.UnionType):
        return _union(args, found)
    if origin is tuple and args[1:] == (...,):
        inner = _written(args[0], found)
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if origin is dict:
        return f"Record<{_written(args[0], found)}, {_written(args[1], found)}>"
    if not attrs.has(kind):
        raise TypeError(f"{kind} has no type in TypeScript")
    if kind not in found:
        found[kind] = ""  # it may have itself in it
        hints = get_type_hints(kind)
        fields = {field.name: _written(hints[field.name], found) for field in attrs.fields(kind)}
        found[kind] = _interface(kind.__name__, _first_line(kind), fields)
    return str(kind.__name__)


def _union(kinds: Sequence[Any], found: dict[Any, str]) -> str:
    return " | ".join(dict.fromkeys(_written(kind, found) for kind in kinds))


def _interface(name: str, doc: str, fields: dict[str, str]) -> str:
    lines = [f"/** {doc} */", f"interface {name} {{"]
    lines += [f"  {field}: {kind};" for field, kind in fields.items()]
    return "\n".join([*lines, "}"]) + "\n"


def _first_line(kind: type) -> str:
    return (inspect.getdoc(kind) or "").partition("\n")[0]


if __name__ == "__main__":
    FILE.write_text(declarations(), encoding="utf-8")
