"""Whatever is done to the controls, in whatever order, the screen stays whole and true."""

import random
import time
from collections.abc import Iterator
from typing import Any

import ipywidgets as widgets
import pytest

import explorer
from explorer import Hourglass, LeapCNN, UNet, presets
from explorer.core.exchange.own_json import subclasses
from explorer.core.network.names import block_id
from explorer.widget.controls.group_head import GroupHead
from explorer.widget.panels.diagram.panel import Canvas
from explorer.widget.panels.history.panel import HistoryView
from explorer.widget.panels.keras.panel import LiveKeras
from explorer.widget.panels.keras.picture import PictureUpload
from explorer.worker.process import Worker
from tests.core.network.test_user_classes import Residual
from tests.said import said

EVENTS = 10_000
SMALL = (
    UNet(filters=2, down_blocks=2, up_blocks=2),
    LeapCNN(filters=2, down_blocks=2, up_blocks=2),
    Hourglass(2, 2, stem_filters=2, filters=2, filter_increase=1, stacks=1),
)
SHAPE = (32, 32, 1)
#: What a user wrote: the editor offers it, and knows nothing of what its fields may be.
OF_A_USER = Residual
#: Larger networks are left soon, so that there is time for more events.
MANY_LAYERS = 120

INTS = (*[-1, 0, 1, 2, 2, 3, 3, 4, 4] * 3, 7, 8, 16, 33, 10**7, 10**12)
FLOATS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e9, float("nan"))
TEXTS = ("", "1", "2, 3", "4.5", "-3", "on", "<b>&", "relu", "🙂", "x" * 500)


def widgets_of(root: widgets.Widget) -> Iterator[widgets.Widget]:
    """Yield all that can be seen of a widget, and can be used."""
    layout = getattr(root, "layout", None)
    if isinstance(layout, widgets.Layout) and layout.display == "none":
        return
    yield root
    children = getattr(root, "children", ())
    if isinstance(root, widgets.Tab):
        children = children[root.selected_index : root.selected_index + 1]
    for child in children:
        yield from widgets_of(child)


def one_event(draw: random.Random, widget: explorer.Explorer) -> str:
    """Do something to a random control, as a browser would; returns what was done."""
    usable = [
        found
        for found in widgets_of(widget)
        if isinstance(found, KINDS) and not getattr(found, "disabled", False)
    ]
    found = draw.choice(usable)
    if isinstance(found, widgets.Button):
        found.click()
        return f"click {found.description}"
    if isinstance(found, Canvas):
        node = draw.choice(widget.graph.nodes)
        name = draw.choice([block_id(node), f"layer-{node.name}", "", "block-<none>", "nonsense"])
        act = draw.choice(
            [
                {"select": name},
                {"toggle": name},
                {"find": name[-5:], "step": 1},
                {"save": "dot"},
                {},
            ]
        )
        found._handle_custom_msg(act, [])
        return f"{act}"
    if isinstance(found, HistoryView):
        move = draw.choice([{"to": -1}, {"to": 0}, {"by": -1}, {"by": 1}, {"to": 10**9}, {}])
        found._handle_custom_msg(move, [])
        return f"move {move}"
    if isinstance(found, PictureUpload):
        content = draw.choice([b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(50)])
        part, parts = draw.choice([(0, 0), (0, 1), (0, 2), (1, 2)])
        sent = {"name": "<b>.png", "part": part, "parts": parts}
        found._handle_custom_msg(sent, [memoryview(content)])
        return "upload"
    if isinstance(found, widgets.Tab):
        found.selected_index = draw.randrange(len(found.children))
        return f"open tab {found.selected_index}"
    if isinstance(found, GroupHead):
        found.folded = not found.folded
        return f"fold {found.title}"
    if isinstance(found, widgets.Checkbox):
        value: object = not found.value
    elif isinstance(found, CHOICES):
        if not found.options:
            return "nothing to choose"
        entry = draw.choice(found.options)
        value = entry[1] if isinstance(entry, tuple) else entry
    elif isinstance(found, (widgets.IntSlider, widgets.FloatSlider)):
        steps = int((found.max - found.min) / found.step)
        value = found.min + draw.randint(0, steps) * found.step
    elif isinstance(found, widgets.FloatText):
        value = draw.choice(INTS if found.step == 1 and draw.random() < 0.9 else FLOATS)
    else:
        value = draw.choice(TEXTS)
    found.value = value
    return f"{found.description} = {value!r}"


CHOICES = (widgets.Dropdown, widgets.Select, widgets.SelectionSlider, widgets.ToggleButtons)
KINDS = (
    *CHOICES,
    widgets.Button,
    widgets.Checkbox,
    widgets.IntSlider,
    widgets.FloatSlider,
    widgets.FloatText,
    widgets.Text,
    GroupHead,
    widgets.Tab,
    PictureUpload,
    HistoryView,
    Canvas,
)


def check_views(widget: explorer.Explorer, with_drawing: bool) -> None:
    design = widget._state.design
    assert "Something went wrong" not in said(widget._panels.problem), said(widget._panels.problem)
    assert widget.architecture == design.architecture
    assert widget.input_shape == design.input.shape
    screen = widget._panels.screen
    if screen.side.opened == "Layers":  # a closed one is shown nothing
        table = screen.views["Layers"]
        assert [row.name for row in table.rows] == [node.name for node in widget.graph]
        assert table.totals["parameters"].sum == widget.report.total_params
    if with_drawing and screen.stage.opened == "Diagram":
        canvas = screen.diagram.canvas
        drawn = {item.id for item in canvas.items if not item.parent}
        assert drawn == {block_id(node) for node in widget.graph}
        boxes = {selected: box for box, selected in canvas.places.items()}
        assert all(f'id="{boxes[card]}"' in canvas.svg for card in drawn)


def rest(widget: explorer.Explorer) -> None:
    """Wait until Keras has built what is shown, and agrees."""
    keras = widget._panels.keras
    keras.forward.after_every_change.value = False
    # What is still measured would only be waited for.
    worker = keras._asking.worker
    measured = [worker._running, *worker._waiting.values()]
    for owner in {request.owner for request in measured if request}:
        worker.cancel(owner)
    keras._asking.drop()
    for _ in range(3):
        with widget._state.lock:
            keras._verified = None
            keras.status.show_busy("")
            keras.design_changed()
        # An answer to what was asked before may still come first: it is not the one waited for.
        assert is_done(keras), said(keras.status)
        # What the random passes did to the process may still have come to light just now.
        if "starts it again" not in said(keras.status):
            break
    assert "[good]" in said(keras.status), said(keras.status)
    assert keras._verified == widget._state.design


def is_done(keras: LiveKeras) -> bool:
    """Return whether all that a panel was to ask has been asked and answered within two minutes."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with keras._state.lock:
            if keras._settling._wanted is None and not keras._asking.is_under_way:
                return True
        time.sleep(0.01)
    return False


@pytest.fixture(scope="module")
def worker():
    made = Worker()
    yield made
    made.stop()


def known_here(base: type) -> dict[str, Any]:
    """Return the classes of blocks without those that other tests define, which may not work."""
    return {
        name: cls
        for name, cls in subclasses(base).items()
        if cls.__module__.startswith("explorer.") or cls is OF_A_USER
    }


@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_random_events(seed, worker, monkeypatch, caplog):
    monkeypatch.setattr("explorer.core.settling.SETTLED", 0.05)
    monkeypatch.setattr("explorer.worker.process.shared_worker", lambda: worker)
    monkeypatch.setattr("explorer.widget.controls.block_editor.subclasses", known_here)
    draw = random.Random(seed)
    widget = explorer.Explorer(SMALL[0], SHAPE)
    widget._panels.keras._asking.worker = worker
    done = []
    try:
        for number in range(EVENTS // 10):
            done.append(one_event(draw, widget))
            check_views(widget, with_drawing=number % 20 == 0)
            if len(widget.graph) > MANY_LAYERS:
                with widget.hold_trait_notifications():
                    widget.architecture, widget.input_shape = draw.choice(SMALL), SHAPE
        rest(widget)
        caplog.clear()  # not all of what is sent is a message
    except BaseException as error:
        error.add_note(f"after {done[-30:]}")
        raise
    finally:
        widget.close()


def test_every_preset_can_follow_every_other(monkeypatch, worker):
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    widget = explorer.Explorer(presets["U-Net (small)"])
    names = list(presets)
    random.Random(0).shuffle(names)
    for name in names:
        widget._panels.family.value = name
        check_views(widget, with_drawing=True)
    widget.close()
