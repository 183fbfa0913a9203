"""The lesson's pane, without a browser."""

from pathlib import Path

import pytest

from explorer import Explorer, Lesson, UNet, grade
from explorer.core.network.errors import ParameterError
from explorer.core.network.names import block_id
from explorer.lessons.outcomes import Outcome, from_json
from explorer.lessons.plan import lesson, lessons
from explorer.widget.messages import Rectangle
from explorer.widget.panels.lessons.messages import (
    BeginLesson,
    GiveAnswer,
    GoOn,
    GoToStep,
    KeepOutcome,
    LeaveLesson,
    Restore,
    ShowAgain,
    TakeVariant,
)
from explorer.widget.panels.lessons.panel import RESTORED

PLAN = lesson(1)
FILE = Outcome(1, "Ada").file_name
PLACE = {name: place for place, name in enumerate(PLAN.names)}


@pytest.fixture
def widget():
    made = Lesson(1, seed="Ada")
    yield made
    made.close()


def pane(widget: Explorer):
    return widget._panels.lesson


def go_to(widget: Explorer, name: str):
    pane(widget)._act(GoToStep(PLACE[name]))
    return PLAN.step(name, "Ada")


def give(widget: Explorer, answer: object = "") -> None:
    pane(widget)._act(GiveAnswer(str(answer)))


def test_a_lesson_begins_with_its_first_step_and_design(widget: Lesson) -> None:
    step = PLAN.step(PLAN.names[0], "Ada")
    assert widget.architecture == step.design.architecture
    assert pane(widget).page.heading == step.title
    assert pane(widget).page.question is None
    assert widget._panels.window.lessons
    assert widget.results.given == ()


def test_a_wrong_answer_gets_its_reason_the_result_and_a_variant(widget: Lesson) -> None:
    step = go_to(widget, "channels_after_a_convolution")
    assert widget.architecture == step.design.architecture
    mistake = step.question.mistakes[0]
    give(widget, mistake.answer)
    page = pane(widget).page
    assert (page.question.verdict, page.question.reason) == ("wrong", mistake.reason)
    assert page.marks[page.place] == "wrong"
    assert page.question.given == step.question.told(mistake.answer)
    assert widget.architecture == step.question.reveals.architecture  # which now is seen
    give(widget, step.question.solution)  # too late: an answer is committed
    assert len(widget.results.given) == 1

    pane(widget)._act(TakeVariant(True))
    variant = PLAN.step("channels_after_a_convolution", "Ada", 1)
    page = pane(widget).page
    assert (page.question.prompt, page.question.given) == (variant.question.prompt, "")
    assert widget.architecture == variant.design.architecture
    give(widget, variant.question.solution)
    page = pane(widget).page
    assert (page.question.verdict, page.question.reason) == ("right", variant.question.reason)
    assert page.question.given == variant.question.told_solution  # with its unit
    assert page.marks[page.place] == "right"
    assert widget.results.right_at("channels_after_a_convolution") == 1


def test_what_differs_is_marked_in_what_an_answer_reveals_and_not_from_step_to_step(
    widget: Lesson,
) -> None:
    step = go_to(widget, "channels_after_a_convolution")
    panels = widget._panels
    assert panels.screen.diagram.canvas.changed == ()
    assert {figure.change for figure in panels.totals.figures} == {""}
    give(widget, step.question.solution)
    assert panels.screen.diagram.canvas.changed
    assert any(figure.change not in {"", "="} for figure in panels.totals.figures)


def test_what_is_no_answer_is_told_and_counts_as_none(widget: Lesson) -> None:
    go_to(widget, "channels_after_a_convolution")
    give(widget, "many")
    asked = pane(widget).page.question
    assert asked.problem == "“many” is not a number: type one, such as 128."
    assert (asked.given, widget.results.given) == ("", ())
    pane(widget)._act(TakeVariant(True))  # there is none before an answer
    assert pane(widget).page.question.prompt == asked.prompt


def test_a_step_is_found_again_as_it_was_left(widget: Lesson) -> None:
    step = go_to(widget, "channels_after_a_convolution")
    give(widget, step.question.solution)
    go_to(widget, "look_around")
    go_to(widget, "channels_after_a_convolution")
    assert pane(widget).page.question.verdict == "right"
    assert widget.architecture == step.question.reveals.architecture


def test_a_block_is_clicked_in_the_diagram(widget: Lesson) -> None:
    step = go_to(widget, "block_with_most_channels")
    give(widget)
    assert "click in the diagram first" in pane(widget).page.question.problem
    widget._panels.screen.select(step.question.solution)
    assert pane(widget).page.question.selected
    give(widget)
    assert pane(widget).page.question.verdict == "right"


def test_a_click_in_another_network_than_the_steps_is_no_answer(widget: Lesson) -> None:
    step = go_to(widget, "block_with_most_channels")
    widget.architecture = UNet(filters=4, down_blocks=1, up_blocks=1, stacks=2)
    last = widget.graph.outputs[-1]
    widget._panels.screen.select(block_id(last))
    give(widget)
    assert "Nothing of this network is selected" in pane(widget).page.question.problem
    pane(widget)._act(ShowAgain(True))
    assert widget.architecture == step.design.architecture


def test_what_an_answer_reveals_is_compared_and_a_step_is_not(widget: Lesson) -> None:
    history = widget._state.history
    canvas = widget._panels.screen.diagram.canvas
    step = go_to(widget, "channels_after_a_convolution")
    assert history.before is None
    assert not canvas.changed
    give(widget, step.question.solution)
    assert history.before == step.design
    assert canvas.changed
    go_to(widget, "look_around")
    go_to(widget, "channels_after_a_convolution")
    assert history.before is None


def test_a_step_marks_an_object_on_the_photograph_and_looks_from_its_middle() -> None:
    widget = Lesson(6, seed="Ada")
    box = lesson(6).step("two_fields", "Ada").box
    shown = widget._panels.screen.stage.views["Receptive field"].widget
    assert shown.object == Rectangle(box.top, box.left, box.height, box.width)
    rows, columns = shown.grid.height, shown.grid.width
    height, width, _ = widget.input_shape
    assert shown.position.row == int((box.top + box.height / 2) * rows / height)
    assert shown.position.column == int((box.left + box.width / 2) * columns / width)
    assert any("object" in line.text for line in shown.lines)
    pane(widget)._act(GoToStep(2))  # which says nothing of an object
    assert shown.object == Rectangle(box.top, box.left, box.height, box.width)
    widget.close()


def test_limits_follow_what_is_built(widget: Lesson) -> None:
    step = go_to(widget, "build_one")
    assert not all(limit.is_met for limit in pane(widget).page.question.limits)
    give(widget)
    assert pane(widget).page.question.problem.startswith("Not yet.")
    widget.architecture = step.question.example.architecture
    limits = pane(widget).page.question.limits
    assert all(limit.is_met for limit in limits)
    give(widget)
    asked = pane(widget).page.question
    # What was kept to stays in sight, and is not told a second time.
    assert (asked.verdict, asked.reason, asked.limits) == ("right", step.question.reason, limits)


def test_answers_are_saved_and_graded(widget: Lesson, tmp_path: Path) -> None:
    step = go_to(widget, "channels_after_a_convolution")
    give(widget, step.question.solution)
    path = widget.save(tmp_path / "handed in")
    assert path.name == FILE
    (row,) = grade(tmp_path)
    assert (row.name, row.lesson, row.right_at_once) == ("Ada", 1, 1)


def test_answers_outlast_the_pane_and_the_list(widget: Lesson) -> None:
    step = go_to(widget, "channels_after_a_convolution")
    give(widget, step.question.solution)
    widget._panels.window.lessons = False
    assert pane(widget) not in widget._panels._workspace.children
    widget._panels.window.lessons = True
    pane(widget)._act(LeaveLesson(True))
    assert pane(widget).page is None
    assert len(widget.results.given) == 1
    pane(widget)._act(BeginLesson(1, "Bob"))
    assert widget.results.given == ()
    pane(widget)._act(BeginLesson(1, " Ada "))
    assert len(widget.results.given) == 1


def restarted() -> Lesson:
    """What the same cell shows after the kernel was restarted."""
    return Lesson(1, seed="Ada")


def test_what_was_saved_beside_the_notebook_is_gone_on_with(
    widget: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    step = go_to(widget, "channels_after_a_convolution")
    assert not pane(widget).page.can_keep
    give(widget, step.question.mistakes[0].answer)
    assert list(tmp_path.iterdir()) == []  # nothing is written but on request
    pane(widget)._act(KeepOutcome(True))
    assert pane(widget).page.note == f"Saved as {FILE}, beside the notebook."
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    pane(widget)._act(TakeVariant(True))
    assert pane(widget).page.note == ""
    pane(widget)._act(KeepOutcome(True))
    give(widget, "1")  # which the file does not hold
    assert pane(widget).page.note == ""

    again = restarted()
    assert again.results.given == ()  # it is offered, not taken
    assert pane(again).page.offer == f"{FILE}, beside this notebook, holds 1 answer."
    pane(again)._act(GoOn(True))
    page = pane(again).page
    assert again.results.given == widget.results.given[:1]
    assert page.place == PLACE["channels_after_a_convolution"] + 1
    assert (page.offer, page.marks[page.place - 1]) == ("", "wrong")
    pane(again)._act(GoOn(True))  # once is enough
    assert len(again.results.given) == 1
    pane(again)._act(BeginLesson(1, "Bob"))
    assert pane(again).page.offer == ""
    again.close()


@pytest.mark.parametrize("text", ["", "{}", '{"explorer lesson": 1, "lesson": 1, "seed": "Bob"}'])
def test_a_file_that_holds_no_answers_of_this_learner_is_not_offered(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    again = restarted()
    assert pane(again).page.offer == ""
    again.close()


def test_in_a_page_the_answers_outlast_the_kernel(
    widget: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pane(widget).page.kept_as == ""  # with a kernel's folder, the file is what is kept
    for module in ("page", "panel"):
        monkeypatch.setattr(f"explorer.widget.panels.lessons.{module}.IN_PAGE", True)
    step = go_to(widget, "channels_after_a_convolution")
    assert (pane(widget).page.kept_as, pane(widget).page.kept) == (FILE, "")
    give(widget, step.question.solution)
    text = pane(widget).page.kept
    assert from_json(text) == widget.results

    again = restarted()
    bobs = text.replace('"Ada"', '"Bob"')
    for other in ("", "{}", text.replace('lesson": 2', 'lesson": 1'), bobs):
        pane(again)._act(Restore(other))
        assert (again.results.given, pane(again).page.note) == ((), "")
    pane(again)._act(Restore(text))
    assert again.results == widget.results
    page = pane(again).page
    assert page.place == PLACE["channels_after_a_convolution"] + 1
    assert (page.marks[page.place - 1], page.kept) == ("right", text)
    assert page.note == RESTORED
    go_to(again, "block_with_most_channels")
    again._panels.screen.select(PLAN.step("block_with_most_channels", "Ada").question.solution)
    give(again)
    pane(again)._act(Restore(text))  # once is enough
    assert len(again.results.given) == 2
    again.close()


def test_a_folder_that_cannot_be_written_to_is_told(
    widget: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE).mkdir()  # in the way
    step = go_to(widget, "channels_after_a_convolution")
    give(widget, step.question.solution)
    pane(widget)._act(KeepOutcome(True))
    assert pane(widget).page.note.startswith("Not saved: Is a directory.")


def test_the_end_counts(widget: Lesson) -> None:
    pane(widget)._act(GoToStep(len(PLAN.names)))
    assert pane(widget).page.text[0] == "0 of 6 questions right at once, 0 in the end."
    assert not pane(widget).page.can_save


def test_an_explorer_makes_no_pane_until_it_is_asked_for() -> None:
    widget = Explorer(UNet(filters=2, down_blocks=1, up_blocks=1), (32, 32, 1))
    assert "lesson" not in vars(widget._panels)
    widget._panels.window.lessons = True
    assert [entry.number for entry in pane(widget).course][:1] == [1]
    assert widget.architecture == UNet(filters=2, down_blocks=1, up_blocks=1)
    widget.close()


def test_the_glossary_opens_the_lesson_that_is_about_a_term() -> None:
    widget = Explorer(UNet(filters=2, down_blocks=1, up_blocks=1), (32, 32, 1))
    wanted = {term.lesson for term in widget._panels.glossary.terms} - {None}
    assert wanted <= set(lessons())
    widget._panels.glossary._handle_custom_msg({"open_lesson": min(wanted)}, [])
    assert widget._panels.window.lessons
    assert pane(widget).page.title.startswith(f"Lesson {min(wanted)}: ")
    assert widget._panels.problem.parts == ()
    widget.close()


def test_no_such_lesson() -> None:
    with pytest.raises(ParameterError, match=r"Lesson\.number=99 is no lesson"):
        Lesson(99)
