"""A lesson from the learner's seat."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from playwright.sync_api import Page, expect

from explorer.lessons.outcomes import Outcome, from_json
from explorer.lessons.plan import Plan, Step, lesson, lessons
from explorer.lessons.questions import BuildQuestion
from tests.browser.test_explorer import (
    eventually,
    in_kernel,
    opened,  # noqa: F401 — a fixture
    run_below,
    type_number,
)
from tests.browser.test_screen import block

PLAN = lesson(1)
STEPS = {name: PLAN.step(name, "Ada") for name in PLAN.names}
BEGIN = "from explorer import Lesson\nwidget = Lesson(1, seed='Ada')\nwidget"


def pane(page: Page):
    return page.get_by_role("region", name="Lesson")


def press(page: Page, name: str) -> None:
    pane(page).get_by_role("button", name=name, exact=True).click()


def go_to(page: Page, name: str) -> None:
    place = PLAN.names.index(name) + 1
    pane(page).get_by_role("button", name=re.compile(rf"^Step {place}\b")).click()
    expect(pane(page).get_by_role("heading", level=2)).to_have_text(STEPS[name].title)


def expect_verdict(page: Page, *said: str) -> None:
    verdict = pane(page).locator(".explorer-lesson-verdict")
    for text in said:
        expect(verdict).to_contain_text(text)


def test_a_learner_predicts_sees_and_hands_in(opened, tmp_path: Path) -> None:  # noqa: F811
    page = opened(BEGIN, keras=False)
    for name in PLAN.names[: PLAN.names.index("channels_after_a_convolution")]:
        expect(pane(page).get_by_role("heading", level=2)).to_have_text(STEPS[name].title)
        press(page, "Next")
    expect(pane(page)).to_contain_text(STEPS["channels_after_a_convolution"].question.prompt)

    # A typical mistake is told as what it is, the result is shown, and a variant has other numbers.
    asked = STEPS["channels_after_a_convolution"].question
    field = pane(page).get_by_role("textbox")
    field.fill("many")
    field.press("Enter")
    expect_verdict(page, "“many” is not a number")
    field.fill(str(asked.mistakes[0].answer))
    field.press("Enter")
    expect_verdict(page, "Not right.", asked.mistakes[0].reason, asked.told_solution)
    shown = page.locator(".explorer-control-filters input[type=number]")
    expect(shown).to_have_value(str(asked.reveals.architecture.filters))
    press(page, "Try a variant")
    variant = PLAN.step("channels_after_a_convolution", "Ada", 1).question
    expect(pane(page)).to_contain_text(variant.prompt)
    pane(page).get_by_role("textbox").fill(variant.solution)
    press(page, "This is my answer")
    expect_verdict(page, "Right.", variant.reason)

    # What is clicked in the diagram is an answer.
    go_to(page, "block_with_most_channels")
    clicked = STEPS["block_with_most_channels"].question
    block(page, clicked.solution.removeprefix("block-")).click()
    expect(pane(page)).to_contain_text("Selected: ")
    press(page, "This is my answer")
    expect_verdict(page, "Right.", clicked.reason)

    # The explorer is the answer sheet.
    go_to(page, "build_one")
    build = STEPS["build_one"].question
    press(page, "This is my network")
    expect_verdict(page, "Not yet.")
    net = build.example.architecture
    in_kernel(page, f"widget.architecture = explorer.{net!r}")
    expect(pane(page).locator(".explorer-lesson-missed")).to_have_count(0)
    press(page, "This is my network")
    expect_verdict(page, "Right.", build.reason)

    pane(page).get_by_role("button", name="End", exact=True).click()
    with page.expect_download() as download:
        press(page, "Save my answers")
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == Outcome(1, "Ada").file_name
    outcome = from_json(file.read_text(encoding="utf-8"))
    assert outcome.right_at("channels_after_a_convolution") == 1
    assert outcome.right_at("build_one") == 0
    assert json.loads(in_kernel(page, "", "widget.results.to_json()")) == json.loads(
        outcome.to_json()
    )
    assert page.console_errors == []


def test_a_lesson_is_chosen_in_any_explorer_and_points_at_what_it_speaks_of(opened):  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False)
    expect(pane(page)).to_have_count(0)
    page.get_by_role("button", name="Lessons").click()
    pane(page).get_by_label("Your name").fill("Ada")
    press(page, PLAN.title)
    go_to(page, "channels_after_a_convolution")
    outlined = "element => getComputedStyle(element).outlineStyle"
    assert page.locator(".explorer-control-filters").evaluate(outlined) == "solid"
    type_number(page, "filters", 7)  # whatever is tried meanwhile is taken back on request
    press(page, "Show the network of this step again")
    before = STEPS["channels_after_a_convolution"].design.architecture.filters
    expect(page.locator(".explorer-control-filters input[type=number]")).to_have_value(str(before))
    page.get_by_role("button", name="Lessons", exact=True).click()
    expect(pane(page)).to_have_count(0)
    assert page.locator(".explorer-control-filters").evaluate(outlined) == "none"


def test_where_no_file_can_be_kept_the_page_keeps_the_answers(opened) -> None:  # noqa: F811
    in_page = """
from explorer.widget.panels.lessons import page, panel
page.IN_PAGE = panel.IN_PAGE = True
"""
    page = opened(f"{in_page}{BEGIN}", keras=False, fresh=True)
    go_to(page, "channels_after_a_convolution")
    asked = STEPS["channels_after_a_convolution"].question
    pane(page).get_by_role("textbox").fill(asked.solution)
    press(page, "This is my answer")
    expect_verdict(page, "Right.", asked.reason)
    # As who loads the page again: nothing is left of the former kernel's.
    run_below(page, BEGIN.replace("widget", "again"))
    restored = pane(page).last
    expect(restored.locator(".explorer-lesson-note")).to_contain_text("are there again")
    expect(restored.locator(".explorer-lesson-right")).to_have_count(1)
    assert in_kernel(page, "", "again.results == widget.results") is True


def test_question_and_button_are_within_the_pane(opened) -> None:  # noqa: F811
    page = opened(BEGIN, keras=False)
    go_to(page, "channels_after_a_convolution")
    for width, height in ((1440, 900), (1280, 720), (700, 900)):
        page.set_viewport_size({"width": width, "height": height})
        expect_in_pane(page)
    page.get_by_role("button", name="Fill the window").click()
    expect_in_pane(page)


def words(found: tuple[Plan, str]) -> int:
    plan, name = found
    step = plan.step(name, "Ada")
    choices = getattr(step.question, "choices", ())
    return len(step.text) + len(step.question.prompt) + sum(map(len, choices))


def asking() -> Iterator[tuple[Plan, str]]:
    """Return the steps that ask something."""
    for plan in lessons().values():
        yield from ((plan, name) for name in plan.names if plan.step(name, "Ada").question)


def longest_steps() -> dict[str, tuple[Plan, str]]:
    """Return of each kind of question the step of most words."""
    kinds: dict[str, list[tuple[Plan, str]]] = {}
    for plan, name in asking():
        kinds.setdefault(type(plan.step(name, "Ada").question).__name__, []).append((plan, name))
    return {kind: max(found, key=words) for kind, found in kinds.items()}


def longest_questions() -> Iterator[tuple[Plan, list[str]]]:
    """Return each lesson with the steps whose question or choices leave least room.

    What is to be built is left out: its limits stay in sight, and its question needn't.
    """
    for plan, found in groupby(asking(), key=lambda each: each[0]):
        drawn = ((name, plan.step(name, "Ada")) for _, name in found)
        steps = {name: it for name, it in drawn if not isinstance(it.question, BuildQuestion)}
        measures: list[Callable[[Step], int]] = [
            lambda step: len(step.question.prompt),
            lambda step: sum(map(len, getattr(step.question, "choices", ()))),
        ]
        longest = {max(steps, key=lambda name: measure(steps[name])) for measure in measures}
        yield plan, [name for name in steps if name in longest]


def show(page: Page, plan: Plan, name: str) -> None:
    place = plan.names.index(name) + 1
    pane(page).get_by_role("button", name=re.compile(rf"^Step {place}\b")).click()
    heading = pane(page).get_by_role("heading", level=2)
    expect(heading).to_have_text(plan.step(name, "Ada").title)


def begin(page: Page, plan: Plan) -> None:
    pane(page).get_by_label("Your name").fill("Ada")
    press(page, plan.title)


def test_the_answer_is_in_sight_beside_the_longest_questions(opened) -> None:  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False)
    page.get_by_role("button", name="Lessons").click()
    for plan, name in longest_steps().values():
        begin(page, plan)
        show(page, plan, name)
        for width, height in ((1440, 900), (1280, 720), (720, 450)):  # the last: 200 %
            page.set_viewport_size({"width": width, "height": height})
            expect_in_pane(page)
        page.set_viewport_size({"width": 1440, "height": 900})
        press(page, "Back to the list of lessons")


#: What of an open question can't be seen at once, without scrolling.
OUT_OF_SIGHT = """
    () => {
        const out = [];
        const within = (part, frame) => {
            const [a, b] = [part.getBoundingClientRect(), frame.getBoundingClientRect()];
            const isIn = a.top >= b.top - 1 && a.bottom <= b.bottom + 1 && a.height > 0;
            if (!isIn) out.push(`${part.textContent}: ${a.bottom} of ${b.bottom}`);
        };
        const one = selector => document.querySelector(selector);
        const body = one('.explorer-lesson-body');
        within(one('.explorer-lesson-question > p'), body);
        within(one('.explorer-lesson-question'), body);
        within(one('.explorer-lesson-foot'), one('.explorer-lesson'));
        const answers = one('.explorer-lesson-choices');
        for (const each of answers?.children ?? []) within(each, answers);
        const open = body.clientHeight - one('.explorer-lesson-question').offsetHeight;
        if (open < 40) out.push(`${open} px to read the text`);
        return out;
    }
"""


def test_question_and_choices_are_seen_together_wherever_one_reads(opened) -> None:  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False)
    page.get_by_role("button", name="Lessons").click()
    for plan, names in longest_questions():
        begin(page, plan)
        for name in names:
            show(page, plan, name)
            body = pane(page).locator(".explorer-lesson-body")
            for width, height in ((1440, 900), (1280, 720)):
                page.set_viewport_size({"width": width, "height": height})
                for end in ("0", "e.scrollHeight"):
                    body.evaluate(f"e => {{ e.scrollTop = {end}; }}")
                    out = eventually(page, lambda: page.evaluate(OUT_OF_SIGHT), lambda it: not it)
                    assert out == [], (plan.number, name, width, end)
        page.set_viewport_size({"width": 1440, "height": 900})
        press(page, "Back to the list of lessons")


def test_no_mark_lies_beneath_what_is_to_be_built(opened) -> None:  # noqa: F811
    for number in (8, 10):
        show = f"from explorer import Lesson\nwidget = Lesson({number}, seed='Grace')\nwidget"
        page = opened(show, keras=False, viewport=(1440, 900))
        name = next(name for name in lesson(number).names if name.startswith("build"))
        place = lesson(number).names.index(name) + 1
        pane(page).get_by_role("button", name=f"Step {place}, a question").click()
        commit = pane(page).get_by_role("button", name="This is my network")
        expect(commit).to_be_in_viewport(ratio=1)
        assert pane(page).locator(".explorer-lesson-body").evaluate("e => e.scrollTop") == 0
        pane(page).get_by_role("button", name=re.compile("^Step 1$")).click(timeout=5000)
        first = lesson(number).step(lesson(number).names[0], "Grace")
        expect(pane(page).get_by_role("heading", level=2)).to_have_text(first.title)


def test_what_lies_in_a_drawer_is_pointed_at_by_its_button(opened) -> None:  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False, viewport=(1280, 720))
    page.get_by_role("button", name="Lessons").click()
    plan = lesson(4)
    begin(page, plan)
    show(page, plan, "build_one")
    assert plan.step("build_one", "Ada").points_at == "side"
    button = page.get_by_role("button", name="Hide or show explanation and tables")
    outlined = "element => getComputedStyle(element).outlineStyle"
    assert eventually(page, lambda: button.evaluate(outlined), "solid".__eq__) == "solid"
    whole, stage = page.locator(".explorer-workspace"), page.locator(".explorer-stage")
    assert stage.bounding_box()["width"] > whole.bounding_box()["width"] / 2
    expect_in_pane(page)
    button.click()
    side = page.locator(".explorer-side")
    expect(side).to_be_visible()
    assert side.evaluate("e => getComputedStyle(e).position") == "absolute"


def test_no_choice_is_made_for_who_has_made_none(opened) -> None:  # noqa: F811
    plan, name = longest_steps()["ChoiceQuestion"]
    page = opened(
        f"from explorer import Lesson\nwidget = Lesson({plan.number}, seed='Ada')\nwidget",
        keras=False,
    )
    place = plan.names.index(name) + 1
    pane(page).get_by_role("button", name=re.compile(rf"^Step {place}\b")).click()
    press(page, "This is my answer")
    expect(pane(page).locator(".explorer-lesson-problem")).to_have_count(1)
    expect(pane(page).locator("input:checked")).to_have_count(0)


def expect_in_pane(page: Page) -> None:
    """Where a question is answered can be seen, and nothing is cut off, once all is laid out."""
    assert eventually(page, lambda: cut_off(page), lambda found: not found) == []


def cut_off(page: Page) -> list[str]:
    """Return what is wrong with where a question is answered."""
    frame = pane(page).bounding_box()
    commit = pane(page).get_by_role("button", name=re.compile("^This is my "))
    fields = pane(page).locator("input:visible, .explorer-lesson-selected")
    wide = pane(page).evaluate("e => [e.scrollWidth, e.clientWidth]")
    body = pane(page).locator(".explorer-lesson-body").bounding_box()
    wrong = []
    if frame["width"] < 200 or wide[0] > wide[1]:
        wrong.append(f"the pane: {frame}, {wide}")
    for part in (commit, *fields.all()[:1]):
        box = part.bounding_box()
        is_wide = box["x"] + box["width"] > frame["x"] + frame["width"]
        is_high = not frame["y"] <= box["y"] <= frame["y"] + frame["height"] - box["height"]
        if is_wide or is_high:
            wrong.append(f"{box} in {frame}")
    if body["height"] < 60:  # there is room to read the question
        wrong.append(f"the question: {body}")
    return wrong
