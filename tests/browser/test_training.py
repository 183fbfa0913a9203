"""A network that learns while one watches: curves move, and it stops and goes on at will."""

import re

from playwright.sync_api import Page, expect

from tests.browser.test_explorer import (
    PATIENCE,
    TINY,
    eventually,
    open_tab,
    opened,  # noqa: F401 — a fixture
    type_number,
)

#: Places of the last point of each curve.
ENDS = """
    () => [...document.querySelectorAll('.explorer-curve-end')]
        .map(end => end.getAttribute('cx') + ',' + end.getAttribute('cy'))
"""
#: How the lines of the first chart are dashed.
DASHES = """
    () => [...document.querySelector('.explorer-curves figure').querySelectorAll('g polyline')]
        .map(line => getComputedStyle(line).strokeDasharray)
"""
#: Counts how often the first answer is shown.
COUNT = """
    () => {
        window.counted = 0;
        const image = document.querySelector('img[alt="held-out picture 1: the network’s answer"]');
        const observer = new MutationObserver(changes => { window.counted += changes.length; });
        observer.observe(image, {attributeFilter: ['src']});
    }
"""


def learning_steps(page: Page) -> int:
    told = page.locator(".explorer-stage").get_by_text(re.compile(r"\d+ steps? in")).text_content()
    found = re.search(r"(\d+) steps? in", told.replace(",", ""))
    assert found
    return int(found[1])


def test_a_network_learns_while_one_watches_stops_and_goes_on(opened):  # noqa: F811
    page = opened(TINY)
    open_tab(page, "Train")
    page.get_by_role("button", name="▶ Train").click()
    answers = page.get_by_alt_text("the network’s answer")
    expect(answers).to_have_count(4, timeout=PATIENCE)
    expect(page.locator(".explorer-curve-end")).to_have_count(2, timeout=PATIENCE)
    before, first = page.evaluate(ENDS), answers.first.get_attribute("src")
    assert eventually(page, lambda: page.evaluate(ENDS)[1] != before[1])
    assert eventually(page, lambda: answers.first.get_attribute("src") != first)

    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="▶ Go on")).to_be_enabled(timeout=PATIENCE)
    stopped = learning_steps(page)
    page.get_by_role("button", name="▶ Go on").click()
    assert eventually(page, lambda: learning_steps(page) > stopped)

    type_number(page, "filters", 5)
    expect(page.get_by_text("This is of the former design")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name="▶ Train")).to_be_enabled()


def test_answers_of_every_step_are_shown(opened):  # noqa: F811
    page = opened(TINY)
    open_tab(page, "Train")
    size = page.locator(".explorer-training").get_by_label("batch size")
    size.fill("64")  # steps that the screen can show
    size.press("Enter")
    page.get_by_role("button", name="▶ Train").click()
    expect(page.get_by_alt_text("the network’s answer")).to_have_count(4, timeout=PATIENCE)
    before = learning_steps(page)
    page.evaluate(COUNT)
    assert eventually(page, lambda: learning_steps(page) > before + 20)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="▶ Go on")).to_be_enabled(timeout=PATIENCE)
    told = page.get_by_text(re.compile(r"IoU .* after .* steps? in")).text_content()
    found = re.search(r"(\d+) steps in", told)
    assert found
    steps = int(found[1])
    # What was shown before was counted by nobody: a question of 0.1 s, or the one that was played.
    assert eventually(page, lambda: page.evaluate("counted") >= 0.9 * (steps - before))


def test_a_learns_beside_b_and_the_difference_is_told(opened):  # noqa: F811
    page = opened(TINY)
    open_tab(page, "Train")
    beside = page.get_by_role("button", name="▶ Train A beside it")
    expect(beside).to_be_hidden()
    open_tab(page, "Compare")
    page.get_by_role("button", name="Pin as A").click()
    type_number(page, "filters", 6)
    beside.click(timeout=PATIENCE)
    expect(page.get_by_alt_text("A’s answer")).to_have_count(4, timeout=PATIENCE)
    expect(page.get_by_alt_text("B’s answer")).to_have_count(4)
    expect(page.locator(".explorer-curve-end")).to_have_count(4, timeout=PATIENCE)
    # In one go: lines are drawn anew with each step, and one that is away has no style.
    dashes = page.evaluate(DASHES)
    assert len(set(dashes)) == 2
    expect(page.locator(".explorer-curves figcaption").last).to_have_text(
        re.compile(r"IoU, held out\s*A [\d.]+\s*B [\d.]+")
    )

    page.get_by_role("button", name="Stop", disabled=False).click()
    difference = page.get_by_label("Difference of A and B")
    expect(difference).to_contain_text(re.compile(r"A [\d.]+, B [\d.]+;"), timeout=PATIENCE)
    page.get_by_role("button", name="▶ 2 more seeds").click()
    expect(difference).to_contain_text("mean of 3 seeds", timeout=PATIENCE)
    expect(page.locator(".explorer-earlier")).to_have_count(8)
