"""The code of the design on screen, and which of its lines the last edit changed."""

import threading

import attrs
import pytest

from explorer import Head, UNet, presets
from explorer.core.analysis.design import Design, Input
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.exchange.exporting import export
from explorer.core.exchange.text_places import text_with_places
from explorer.widget.panels.code import page as page_module
from explorer.widget.panels.code.page import changed_lines
from explorer.widget.panels.code.panel import CodeView
from explorer.widget.panels.exchange import saving

NET = UNet(filters=4, down_blocks=2, up_blocks=2)
SHAPE = (64, 64, 1)
KINDS = ("keras", "torch", "sleap", "sleap-nn", "json")


class Panel:
    """The view of a state, as the screen shows it."""

    def __init__(self, architecture) -> None:
        self.alerts = []
        self.state = State(Design(architecture, Input().of_shape(SHAPE)), threading.RLock())
        self.view = CodeView(self.state, self.alerts.append)
        self.state.subscribe(lambda design: self.view.show(Scene(design)))
        self.state.tell()

    @property
    def code(self):
        return self.view.code

    def edit(self, **changes) -> None:
        self.state.update("an edit", architecture=attrs.evolve(self.architecture, **changes))

    @property
    def architecture(self):
        return self.state.design.architecture

    def choose(self, kind: str) -> None:
        self.view._handle_custom_msg({"write_as": kind}, [])

    def lines(self, places) -> list[str]:
        lines = self.code.text.split("\n")
        return [lines[place] for place in places]


@pytest.fixture
def panel():
    made = []

    def make(architecture=NET):
        made.append(Panel(architecture))
        return made[-1]

    yield make
    for each in made:
        each.view.close()
        assert each.alerts == []


def test_each_kind_is_what_export_writes(panel):
    shown = panel()
    assert [kind.kind for kind in shown.view.kinds] == list(KINDS)
    assert [kind.label for kind in shown.view.kinds] == [saving.NAMES[kind][0] for kind in KINDS]
    for kind in KINDS:
        shown.choose(kind)
        assert shown.code.kind == kind
        assert shown.code.text == export(NET, kind, SHAPE)
        assert shown.code.changed == shown.code.cut == ()
        assert shown.code.problem == shown.code.note == ""
    shown.choose("onnx")
    shown.choose("no kind")
    assert shown.code.kind == "json"


def test_lines_that_the_last_edit_changed_are_marked(panel):
    shown = panel()
    shown.choose("json")
    shown.edit(filters=5)
    assert shown.lines(shown.code.changed) == ['  "filters": 5,']
    assert shown.code.first == shown.code.changed[0]
    assert shown.code.note == "The last edit changed 1 line."
    shown.edit(up_interpolate=True)
    assert shown.lines(shown.code.changed) == ['  "up_interpolate": true,']
    shown.choose("sleap-nn")
    assert shown.lines(shown.code.changed) == ["      up_interpolate: true"]
    shown.state.move(-1, relative=True)
    assert shown.code.text == export(shown.architecture, "sleap-nn", SHAPE)
    assert shown.lines(shown.code.changed) == ["      filters: 5"]
    shown.state.move(-1, relative=True)
    assert shown.code.changed == ()
    assert shown.code.first is None


def test_what_is_seen_is_the_change_and_not_the_number_of_parameters(panel):
    shown = panel()
    shown.edit(filters=5)
    first, *others = shown.lines(shown.code.changed)
    assert first.endswith('parameters."""')
    assert others
    assert shown.lines([shown.code.first]) == others[:1]


def test_lines_that_went_are_marked_where_they_stood(panel):
    shown = panel(attrs.evolve(NET, heads=(Head("a", channels=2), Head("b", channels=3))))
    shown.choose("json")
    shown.edit(heads=(Head("a", channels=2),))
    assert shown.code.cut
    assert "took lines away" in shown.code.note
    assert '"b"' not in shown.code.text


@pytest.mark.parametrize(
    ("before", "after", "changed", "cut"),
    [
        ("a\nb\nc\n", "a\nB\nc\n", (1,), ()),
        ("a\nb\nc\n", "a\nc\n", (), (0,)),
        ("a\nb\nc\n", "b\nc\n", (), (0,)),
        ("a\nb\n", "a\nx\ny\nb\n", (1, 2), ()),
        ("a\nb\nc\nd\n", "A\nb\nd\n", (0,), (1,)),
        ("a\n", "a\n", (), ()),
    ],
)
def test_lines_are_compared_as_a_whole(before, after, changed, cut):
    assert changed_lines(before, after) == (changed, cut)


def test_an_edit_that_changes_no_line_says_so(panel):
    shown = panel()
    shown.edit(filters=5)
    shown.state.update("a batch", input=attrs.evolve(shown.state.design.input, batch_size=4))
    assert shown.code.changed == ()
    assert shown.code.note == "The last edit changed no line."


def test_what_cannot_be_written_says_why_and_is_compared_with_nothing(panel):
    shown = panel()
    shown.choose("sleap")
    shown.state.update("another", architecture=presets["FC-DenseNet56"])
    assert shown.code.text == ""
    assert "SLEAP has no FCDenseNet" in shown.code.problem
    shown.state.update("back", architecture=NET)
    assert shown.code.text
    assert shown.code.problem == shown.code.note == ""
    assert shown.code.changed == ()


def test_a_class_of_the_users_that_breaks_is_told(panel, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(page_module, "text_with_places", broken)
    assert panel().code.problem.startswith("ZeroDivisionError: oh")


def test_only_what_is_new_is_written_and_only_the_kind_that_is_shown(panel, monkeypatch):
    written = []

    def note(design, kind):
        written.append((design.architecture.filters, kind))
        return text_with_places(design, kind)

    monkeypatch.setattr(page_module, "text_with_places", note)
    shown = panel()
    shown.edit(filters=5)
    shown.edit(filters=6)
    assert written == [(4, "keras"), (5, "keras"), (6, "keras")]
    shown.view.show(Scene(shown.state.design, "block-stack0_enc0"))
    assert len(written) == 3
    shown.choose("torch")
    assert written[3:] == [(6, "torch"), (5, "torch")]


def test_the_lines_of_the_block_that_has_the_selected_layer_are_told(panel):
    shown = panel()
    assert shown.view.selected == ""
    shown.view.show(Scene(shown.state.design, "layer-stack0_dec1_s2_to_s1_skip_concat"))
    assert shown.view.selected == "block-stack0_dec1"
    lines = shown.lines(shown.code.blocks[shown.view.selected])
    assert "stack0_dec{i}" in "".join(lines[:4])
    shown.choose("json")
    assert '  "up_blocks": 2,' in shown.lines(shown.code.blocks[shown.view.selected])
    shown.edit(up_blocks=1)
    shown.view.show(Scene(shown.state.design, "block-stack0_dec1"))
    assert shown.view.selected == ""
