"""A window that slides over a small grid plays, is stepped through, and waits when asked to."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from explorer import UNet, animate, layers, trace
from explorer.lessons.pictures.grids import checkerboard_picture, overlap_picture
from explorer.widget.panels.lessons.motion import Motion
from tests.browser.test_explorer import PATIENCE
from tests.browser.test_front import render

CONV = layers.Conv2D(name="conv", filters=1)
TRANSPOSED = layers.Conv2DTranspose(name="up", filters=1)
BILINEAR = layers.UpSampling2D(name="up", interpolation="bilinear")

#: What stands in the cells of a grid, by place; what is empty is left out.
NUMBERS = """
    place => Object.fromEntries([...document.querySelectorAll('.explorer-grid')[place]
        .querySelectorAll('.explorer-grid-cell')]
        .map(cell => [cell.querySelector('rect').dataset.place, cell.querySelector('text')])
        .map(([place, text]) => [place, text.textContent]).filter(([, text]) => text))
"""
MARKED = """
    place => [...document.querySelectorAll('.explorer-grid')[place]
        .querySelectorAll('.explorer-grid-marked > rect:first-child')]
        .map(each => each.dataset.place)
"""
#: The smallest type of all texts in grids, in pixels of the screen.
SMALLEST = """
    () => Math.min(...[...document.querySelectorAll('.explorer-grid text')]
        .filter(text => text.textContent)
        .map(text => text.getScreenCTM().a * parseFloat(getComputedStyle(text).fontSize)))
"""
HEIGHTS = """
    () => [...document.querySelectorAll('.explorer-sliding-text, .explorer-grid svg')]
        .map(each => each.getBoundingClientRect().height)
"""
#: Texts that reach out of their cell.
TOO_WIDE = """
    () => [...document.querySelectorAll('.explorer-grid-cell > text')]
        .filter(text => text.getBBox().width > 1).map(text => text.textContent)
"""


@pytest.fixture
def show(browser) -> Iterator[Callable[..., Page]]:
    """Shows a widget in a page of a width, whose user wants motion as usual or less of it."""
    pages = []

    def open_page(shown: Motion, width: int = 700, motion: str = "no-preference") -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion=motion)
        pages.append(page)
        page.set_content("<html lang='en'><title>Grids</title><body></body></html>")
        page.add_style_tag(content=str(Motion._css))
        traits = {name: getattr(shown, name) for name in ("sliding", "step", "plays", "pictures")}
        render(page, Motion, "", **traits)
        return page

    yield open_page

    for page in pages:
        page.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong by the rules of WCAG 2.2 AA."""
    rules = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, context="body", options={"runOnly": rules}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def text_of(page: Page):
    return page.locator(".explorer-sliding-text")


def test_it_plays_to_the_end_and_can_be_paused(show):
    shown = animate(CONV, size=2)
    page = show(shown)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(text_of(page)).to_have_attribute("aria-live", "off")
    expect(text_of(page)).to_have_text(shown.sliding.steps[-1].text)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(text_of(page)).to_have_attribute("aria-live", "polite")
    assert page.evaluate(NUMBERS, 2) == {
        f"{row} {column}": shown.sliding.steps[2 * row + column].writes[0].text
        for row in range(2)
        for column in range(2)
    }

    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("step 1 of 4")).to_be_visible()


def test_who_wants_less_motion_starts_it_and_sees_no_sliding(show):
    page = show(animate(CONV, size=2), motion="reduce")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_role("combobox", name="Speed").select_option("fast")
    page.wait_for_timeout(600)
    expect(page.get_by_text("step 1 of 4")).to_be_visible()
    frame = page.locator(".explorer-grid-window").first
    assert frame.evaluate("frame => getComputedStyle(frame).transitionDuration") == "0s"

    page.get_by_role("button", name="Play").click()
    expect(page.get_by_text("step 4 of 4")).to_be_visible()


def test_the_window_slides_for_everybody_else(show):
    page = show(animate(CONV))
    frame = page.locator(".explorer-grid-window").first
    assert frame.evaluate("frame => getComputedStyle(frame).transitionDuration") == "0.3s"


def test_buttons_and_keys_step_and_the_text_is_read_out(show):
    shown = animate(CONV)
    page = show(Motion(sliding=shown.sliding, plays=False))
    text = text_of(page)
    expect(text).to_have_text(shown.sliding.steps[0].text)
    expect(text).to_have_attribute("aria-live", "polite")
    page.get_by_role("button", name="Step forward").click()
    expect(text).to_have_text(shown.sliding.steps[1].text)
    page.get_by_role("button", name="Step back").click()
    page.get_by_role("button", name="Step back").click()
    expect(text).to_have_text(shown.sliding.steps[0].text)

    page.get_by_role("group").focus()
    for key, step in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 35)):
        page.keyboard.press(key)
        expect(text).to_have_text(shown.sliding.steps[step].text)
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(text).to_have_text(shown.sliding.steps[1].text)
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()

    slider = page.get_by_role("slider", name="Step")
    slider.fill("20")
    expect(text).to_have_text(shown.sliding.steps[20].text)
    slider.press("ArrowRight")
    expect(text).to_have_text(shown.sliding.steps[21].text)
    page.get_by_role("button", name="Restart").click()
    expect(text).to_have_text(shown.sliding.steps[0].text)
    page.get_by_role("button", name="Restart").press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_what_is_covered_is_marked_and_padding_is_hatched(show):
    page = show(Motion(sliding=animate(CONV, size=3).sliding, plays=False))
    assert sorted(page.evaluate(MARKED, 0)) == sorted(
        f"{row} {column}" for row in (-1, 0, 1) for column in (-1, 0, 1)
    )
    assert page.evaluate(MARKED, 2) == ["0 0"]
    assert page.evaluate(NUMBERS, 0)["-1 -1"] == "0"
    hatched = page.locator(".explorer-grid").first.locator(".explorer-grid-hatched")
    assert hatched.count() == 16
    assert hatched.first.evaluate("each => getComputedStyle(each).fill").startswith("url(")
    expect(page.get_by_role("img", name="Input 3×3, hatched: padding")).to_be_visible()


def test_what_is_added_is_noted_and_the_output_goes_back_with_the_steps(show):
    values, kernel = [[1, 2], [3, 4]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    shown = animate(TRANSPOSED, values=values, kernel=kernel).sliding
    page = show(Motion(sliding=shown, step=3, plays=False))
    assert page.evaluate(NUMBERS, 2) == {
        f"{row} {column}": f"{int(value)}"
        for row, numbers in enumerate(shown.output)
        for column, value in enumerate(numbers)
    }
    notes = (
        page.locator(".explorer-grid").nth(2).locator(".explorer-grid-marked .explorer-grid-note")
    )
    assert sorted(notes.all_text_contents()) == sorted(
        f"+{4 * weight}" for row in kernel for weight in row
    )
    page.get_by_role("button", name="Restart").click()
    first = {f"{row} {column}": str(kernel[row][column]) for row in range(3) for column in range(3)}
    assert page.evaluate(NUMBERS, 2) == first


@pytest.mark.parametrize("width", [300, 700])
@pytest.mark.parametrize("layer", [CONV, TRANSPOSED, BILINEAR], ids=lambda layer: layer.summary)
def test_all_can_be_read_in_narrow_and_wide_places(show, layer, width):
    page = show(Motion(sliding=animate(layer).sliding, step=30, plays=False), width)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(SMALLEST) >= (6 if width == 300 else 8)
    assert violations(page) == []


def test_type_grows_with_a_full_window(show):
    page = show(Motion(sliding=animate(CONV).sliding, plays=False), 1400)
    before = page.evaluate(HEIGHTS)
    page.evaluate("() => document.body.style.setProperty('--px', '1.5px')")
    after = page.evaluate(HEIGHTS)
    assert [round(b / a, 1) for a, b in zip(before, after, strict=True)] == [1.5] * len(before)


def test_pictures_say_what_they_show(show):
    counts = overlap_picture([TRANSPOSED], size=3)
    board = checkerboard_picture(trace(UNet(), (64, 64, 1)), least=8)
    page = show(Motion(pictures=(counts, board)))
    expect(page.get_by_role("img")).to_have_count(2)
    expect(page.get_by_role("img", name=counts.text)).to_be_visible()
    assert page.evaluate(NUMBERS, 0)["2 2"] == "4"
    key = page.get_by_role("list", name="Key: contributions")
    assert key.get_by_role("listitem").all_text_contents() == ["1", "2", "4", "contributions"]
    assert violations(page) == []


def test_in_a_notebook_its_keys_are_its_own(kept_notebook):
    code = "import explorer\nexplorer.animate(explorer.layers.Conv2D(name='a', filters=1))"
    page = kept_notebook([code, "1"])
    group = page.get_by_role("group", name="Conv2D")
    expect(group).to_be_visible(timeout=PATIENCE)
    group.get_by_role("button", name="Restart").click()  # which pauses, if it still plays
    group.focus()
    for key in ("ArrowRight", "x", "m", "a", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expect(group.get_by_text("step 3 of 36")).to_be_visible()
    page.keyboard.press("Space")
    expect(group.get_by_role("button", name="Pause")).to_be_visible()
    assert page.locator(".jp-CodeCell").count() == 2
    assert page.locator(".jp-Cell").count() == 2
    assert page.console_errors == []
