"""What the two halves of a widget send each other is what the JavaScript is told of it."""

import json
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
import pytest
import traitlets

from explorer.core.analysis.design import Design
from explorer.core.editing.snapshot import Scene
from explorer.core.families import presets
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import Find, GoBy, GoTo, LaysOut, Save, Select, Toggle
from explorer.widget.panels.diagram.panel import Canvas
from explorer.widget.panels.layers.panel import LayerTable
from tests.write_messages import FILE, declarations, widgets_of_ours


def test_the_declarations_are_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == declarations(), "run `make messages`"


def test_another_trait_or_message_makes_them_stale(monkeypatch) -> None:
    before = declarations()
    monkeypatch.setattr(Canvas, "sends", Select | Toggle)
    assert declarations() != before


class Pair(FrontWidget):
    """A widget for tests."""

    sends = Select | Find | GoTo | GoBy | Save | LaysOut
    choices = shared(tuple[Find, ...], ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"select": ""}, Select("")),
        ({"find": "a", "step": -1}, Find("a", -1)),
        ({"by": 2}, GoBy(2)),
        ({"save": "svg"}, Save("svg")),
        ({"lays_out": True}, LaysOut(True)),
        ({"lays_out": False}, LaysOut(False)),
    ],
)
def test_a_message_is_read(content, message) -> None:
    assert heard(content) == [message]


@pytest.mark.parametrize(
    "content",
    [
        None,
        3,
        "select",
        [],
        {},
        {"select": 3},
        {"select": None},
        {"find": "a"},
        {"find": "a", "step": "1"},
        {"find": "a", "step": 1, "more": 1},
        {"to": True},
        {"to": 1.5},
        {"lays_out": 1},
        {"lays_out": "yes"},
        {"lays_out": None},
        {"save": "exe"},
        {"select": "a", "to": 1},
        {"other": 1},
    ],
)
def test_what_is_no_message_is_left_alone_and_noted(content, caplog) -> None:
    assert heard(content) == []
    [record] = caplog.records
    assert record.getMessage().startswith(f"Pair: {content!r} is no message: ")
    caplog.clear()


@pytest.mark.parametrize(
    "widget", [kind for kind in widgets_of_ours() if kind.sends], ids=lambda kind: kind.__name__
)
def test_every_message_that_a_page_can_send_is_read(widget) -> None:
    for kind in get_args(widget.sends) or (widget.sends,):
        for message in examples(kind):
            content = json.loads(json.dumps(attrs.asdict(message)))
            assert heard(content, widget.sends) == [message]


def examples(kind: Any) -> list[Any]:
    """Some values of a type that messages have."""
    plain = {str: ["", "é"], int: [-1, 0], float: [0.5, 2], bool: [True, False]}
    if kind in plain:
        return plain[kind]
    origin, args = get_origin(kind), get_args(kind)
    if kind in (None, NoneType):
        return [None]
    if origin is Literal:
        return list(args)
    if origin in (Union, UnionType):
        return [value for arg in args for value in examples(arg)]
    if origin is tuple:
        return [(), tuple(examples(args[0]))]
    if origin is dict:
        return [{}, {"name": examples(args[1])[0]}]
    hints = get_type_hints(kind)
    fields = {field.name: examples(hints[field.name]) for field in attrs.fields(kind)}
    return [
        kind(**{name: values[place % len(values)] for name, values in fields.items()})
        for place in range(max(map(len, fields.values()), default=1))
    ]


def heard(content, sends=Pair.sends) -> list:
    pair, found = Pair(), []
    pair.sends = sends
    pair.on_sent(lambda message, buffers: found.append(message))
    pair._handle_custom_msg(content, [])
    pair.close()
    return found


def test_a_trait_is_sent_as_objects_with_names() -> None:
    pair = Pair(choices=(Find("a", 1),))
    assert pair.get_state()["choices"] == [{"find": "a", "step": 1}]
    pair.close()


def test_the_rows_of_a_table_are_objects_that_json_has() -> None:
    table = LayerTable(print)
    table.show(Scene(Design(presets["U-Net (small)"])))
    state = json.loads(json.dumps(table.get_state(["rows", "totals", "quantities"])))
    first = state["rows"][0]
    assert first["shape"] == [256, 256, 1]
    assert {quantity["name"] for quantity in state["quantities"]} == set(first["figures"])
    assert set(state["totals"]) == set(first["figures"])
    table.close()


def test_a_type_that_typescript_does_not_have_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(Canvas, "sends", complex)
    with pytest.raises(TypeError, match="complex"):
        declarations()


def test_two_classes_of_one_name_are_refused(monkeypatch) -> None:
    other = attrs.make_class("Find", {"other": attrs.field(type=str)})
    monkeypatch.setattr(Canvas, "sends", Find | other)
    with pytest.raises(TypeError, match="has the name of"):
        declarations()


def test_no_list_without_a_type_is_sent() -> None:
    untyped = (traitlets.List, traitlets.Dict, traitlets.Tuple)
    for kind in widgets_of_ours():
        traits = kind.class_traits(sync=True)
        own = {name: traits[name] for name in traits if name not in FrontWidget.class_trait_names()}
        assert not [name for name, trait in own.items() if isinstance(trait, untyped)], kind
