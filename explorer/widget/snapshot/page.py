"""A design as one file that any browser shows, without a kernel or a network.

Its views are those of the screen, with the code that they have there. What the kernel would answer
to a selection is written down beforehand, once for everything that can be selected.
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import attrs

from explorer.core.analysis.connections import wiring_of
from explorer.core.drawing.dot import DETAILS
from explorer.core.editing.snapshot import Scene
from explorer.core.network.names import block_id, layer_id
from explorer.widget import front
from explorer.widget.controls.form import close_with_parts
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget
from explorer.widget.panels.diagram.canvas import Canvas
from explorer.widget.panels.glossary.panel import Glossary
from explorer.widget.panels.inspector.panel import Inspector, explained
from explorer.widget.panels.layers.panel import LayerTable
from explorer.widget.panels.screen import Screen
from explorer.widget.panels.strip.panel import Strip
from explorer.widget.panels.totals.panel import Totals
from explorer.widget.saved_view import AGAIN, Saved

_FOLDER = Path(__file__).parent
#: Leaves a view for `snapshot.js`, which comes last.
_REGISTER = "(globalThis.explorerRenders ??= new Map()).set({name}, render);"


def snapshot(screen: Screen, totals: Totals, glossary: Glossary, saved: Saved) -> str:
    """Return a page that shows what is on screen.

    Args:
        screen: The views.
        totals: The figures above them.
        glossary: What explains their words.
        saved: What a notebook keeps of the same.
    """
    table = LayerTable(lambda _: None)
    table.show(screen.scene)
    views: dict[str, FrontWidget] = {
        "totals": totals,
        "diagram": screen.diagram.canvas,
        "inspector": screen.inspector,
        "strip": screen.strip,
        "layers": table,
        "glossary": glossary,
    }
    states = {name: view.get_state() for name, view in views.items()}
    close_with_parts(table)
    scenes = _scenes(screen)
    held = {
        "views": {name: _traits(state) for name, state in states.items()},
        "marks": _marks(screen, scenes),
        "drawings": {detail: _drawing(screen, scenes, detail) for detail in DETAILS},
    }
    root = ElementTree.parse(_FOLDER / "page.html").getroot()
    _fill(root, saved, states)
    body = root.find("body")
    assert body is not None
    packed = b64encode(gzip.compress(json.dumps(held).encode(), mtime=0)).decode()
    attributes = {"type": "application/gzip", "id": "explorer-held"}
    ElementTree.SubElement(body, "script", attributes).text = packed
    code = [
        f"{state['_esm']}\n{_REGISTER.format(name=repr(name))}" for name, state in states.items()
    ]
    for each in [*code, module(_FOLDER / "snapshot.js")]:
        ElementTree.SubElement(body, "script", type="module").text = each
    return f"<!doctype html>\n{ElementTree.tostring(root, 'unicode', 'html')}\n"


def _fill(root: ElementTree.Element, saved: Saved, states: dict[str, Any]) -> None:
    """Write texts and style sheets into the page."""
    sheets = [front.STYLE, _FOLDER.parent / "panels" / "window" / "panel.css"]
    texts = {sheet.read_text(encoding="utf-8"): None for sheet in sheets}
    texts |= dict.fromkeys(str(state.get("_css", "")) for state in states.values())
    style = "\n".join((*texts, (_FOLDER / "snapshot.css").read_text(encoding="utf-8")))
    again = "To edit it, run this code:" if saved.code else AGAIN
    contents = {"title": saved.title, "style": style, "h1": saved.title, "pre": saved.code}
    for tag, text in contents.items():
        for element in root.iter(tag):
            element.text = text
    for element in root.iter("p"):
        if element.get("class") == "explorer-again":
            element.text = again


def _traits(state: dict[str, Any]) -> dict[str, Any]:
    """Return the traits that a view reads: its code stands in the page, the rest is ipywidgets'."""
    return {
        name: value
        for name, value in state.items()
        if not name.startswith("_") and name not in ("layout", "tabbable", "tooltip")
    }


def _scenes(screen: Screen) -> list[Scene]:
    """Return what is shown for each thing that can be selected, and for nothing."""
    scene = screen.scene
    of_nodes = [name(node) for node in scene.graph for name in (layer_id, block_id)]
    selections = dict.fromkeys(["", *of_nodes, *(item.id for item in screen.diagram.canvas.items)])
    return [attrs.evolve(scene, selected=selected) for selected in selections]


def _marks(screen: Screen, scenes: Sequence[Scene]) -> dict[str, Any]:
    """Return what each selection shows in every view but the diagram."""
    wiring = wiring_of(screen.scene.graph)
    return {
        scene.selected: {
            "inspector": Inspector.as_json(explained(scene, wiring)),
            "strip": Strip.as_json(screen.strip.marked(scene)),
            "layers": LayerTable.as_json(LayerTable.marked(scene)),
        }
        for scene in scenes
    }


def _drawing(screen: Screen, scenes: Sequence[Scene], detail: str) -> dict[str, Any]:
    """Return what the diagram shows with so much detail, and where each selection is in it."""
    drawn = screen.diagram.drawn(screen.scene, detail)
    traits = {
        "svg": drawn.paper().svg(),
        "dot": detail,  # which only tells drawings apart
        "places": drawn.drawing.places,
        "items": drawn.items,
        "changed": (),
    }
    shown = {scene.selected: drawn.item_of(scene) for scene in scenes}
    return {"traits": Canvas.as_json(traits), "shown": shown}
