"""Text of a file to plain values: JSON or YAML, within bounds, and nothing is executed."""

import json
import math
from collections.abc import Iterable
from typing import Any

import yaml

from explorer.core.exchange.own_json import DEEPEST, MOST, check_size
from explorer.core.network.errors import Refusal

#: Most characters of a YAML text, which takes far longer to read than JSON.
LONGEST_YAML = 200_000
#: Most digits of a whole number.
_MOST_DIGITS = 18


def parsed(text: str) -> Any:
    """Return what a text of JSON or YAML says: numbers, texts, lists and dicts.

    Raises:
        Refusal: If it is neither, or more than a description of a network needs.
    """
    return _json(text) if text.lstrip()[:1] in ("{", "[") else _yaml(text)


def _json(text: str) -> Any:
    check_size(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_doubles,
            parse_int=lambda digits: int(_short(digits)),
            parse_float=lambda number: _finite(float(number), number),
            parse_constant=lambda name: _finite(math.nan, name),
        )
    except json.JSONDecodeError as error:
        how = "ends too early" if error.pos >= len(text.rstrip()) else "is damaged"
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal(f"This JSON {how} ({where}): {error.msg}.") from error


def _without_doubles(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    _check_names(name for name, _ in pairs)
    return dict(pairs)


def _check_names(names: Iterable[Any]) -> None:
    """Refuse names of fields of which one is there twice."""
    seen = set()
    for name in names:
        if name in seen:
            raise Refusal(f"The field {name[:100]!r} is given twice: leave one of them.")
        seen.add(name)


def _short(digits: str) -> str:
    if len(digits) > _MOST_DIGITS:
        raise Refusal(
            f"A number of {len(digits):,} digits ({digits[:8]}…) is none that a network has: give "
            "the one that is meant."
        )
    return digits


def _finite(value: float, written: str) -> float:
    if not math.isfinite(value):
        raise Refusal(f"The number {written[:20]} is not finite: give one that is.")
    return value


def _yaml(text: str) -> Any:
    if len(text) > LONGEST_YAML:
        raise Refusal(
            f"This is no JSON, and as YAML it has {len(text):,} characters: {LONGEST_YAML:,} are "
            "read at most."
        )
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", "is damaged")
        raise Refusal(f"This is neither JSON nor YAML{where}: {problem}.") from error


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, within bounds; what is no plain value is refused."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._count = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if getattr(event, "tag", None) is not None:
            raise Refusal(
                f"The YAML tag {event.tag[:100]!r} is not read: write the value without it."
            )
        is_alias, before = isinstance(event, yaml.AliasEvent), self._count
        self._depth += 1
        if self._depth > DEEPEST:
            raise Refusal(f"This YAML lies more than {DEEPEST} levels deep: a network needs less.")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias and id(node) not in self._sizes:
            raise Refusal(f"The YAML alias *{event.anchor[:100]} stands within what it stands for.")
        self._count += self._sizes[id(node)] if is_alias else 1
        if self._count > MOST:
            raise Refusal(f"This YAML has more than {MOST:,} values: a network needs less.")
        self._sizes[id(node)] = self._count - before
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        # Before what it merges is put into it, which it may well override.
        names = [name for name, _ in node.value]
        if not all(isinstance(name, yaml.ScalarNode) for name in names):
            raise Refusal("A field of this YAML has a list or an object as its name: use text.")
        for tag in {name.tag for name in names}:
            _check_names(name.value for name in names if name.tag == tag)
        return node

    def construct_yaml_int(self, node: Any) -> int:
        _short(node.value)
        try:
            return int(super().construct_yaml_int(node))
        except ValueError as error:  # such as 0b_
            raise Refusal(f"The number {node.value!r} has no digits: give one.") from error

    def construct_yaml_float(self, node: Any) -> float:
        return _finite(float(super().construct_yaml_float(node)), node.value)


_PREFIX = "tag:yaml.org,2002:"
_Loader.add_constructor(f"{_PREFIX}int", _Loader.construct_yaml_int)
_Loader.add_constructor(f"{_PREFIX}float", _Loader.construct_yaml_float)
# Dates stay the text that they are.
_Loader.add_constructor(f"{_PREFIX}timestamp", _Loader.construct_yaml_str)
