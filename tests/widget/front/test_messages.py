"""What the browser's half says of the widgets' traits is what they have."""

import importlib
import pkgutil
import re
from pathlib import Path

import anywidget
import pytest

import explorer.widget
from explorer.widget import front

MESSAGES = Path(front.__file__).with_name("messages.d.ts")
INTERFACE = re.compile(r"^interface (\w+)State \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^  (\w+)\??:", re.MULTILINE)


def declared(text: str) -> dict[str, set[str]]:
    """Return the fields of each interface of a widget's state, by the widget's class."""
    return {name: set(FIELD.findall(body)) for name, body in INTERFACE.findall(text)}


def synced() -> dict[str, set[str]]:
    """Return the traits that each widget of ours shares with the browser, if any."""
    for found in pkgutil.walk_packages(explorer.widget.__path__, "explorer.widget."):
        importlib.import_module(found.name)
    base = set(anywidget.AnyWidget.class_trait_names(sync=True))
    ours = [
        widget
        for widget in anywidget.AnyWidget.__subclasses__()
        if widget.__module__.startswith("explorer.widget.")
    ]
    traits = {widget.__name__: set(widget.class_trait_names(sync=True)) - base for widget in ours}
    public = {
        name: {trait for trait in names if not trait.startswith("_")}
        for name, names in traits.items()
    }
    return {name: names for name, names in public.items() if names}


def test_each_widget_has_an_interface_with_its_traits() -> None:
    assert declared(MESSAGES.read_text(encoding="utf-8")) == synced()


@pytest.mark.parametrize("field", ["  is_own: boolean;\n", "  found: string;\n"])
def test_a_field_that_is_missing_is_noticed(field: str) -> None:
    text = MESSAGES.read_text(encoding="utf-8")
    assert field in text
    assert declared(text.replace(field, "")) != synced()


def test_a_field_that_no_widget_has_is_noticed() -> None:
    text = MESSAGES.read_text(encoding="utf-8")
    more = text.replace("interface FilmState {\n", "interface FilmState {\n  surplus: string;\n")
    assert declared(more)["Film"] - synced()["Film"] == {"surplus"}
