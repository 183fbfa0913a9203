"""What to try next: a click on it changes the network, and undo brings it back."""

import re

from playwright.sync_api import expect

from tests.browser.test_explorer import TINY, in_kernel, opened  # noqa: F401

SETTLED = "import explorer.core.settling\nexplorer.core.settling.SETTLED = 0.05\n"


def test_a_move_is_made_and_undone(opened):  # noqa: F811
    page = opened(SETTLED + TINY, keras=False)
    section = page.locator(".explorer-inspector section").filter(has_text="What to try next")
    moves = section.get_by_role("button")
    move = section.get_by_role("button", name="One level more", exact=True)
    move.click()
    expect(page.locator(".explorer-total[data-name='sees up to'] b")).to_contain_text("108 px")
    assert in_kernel(page, "", "widget.architecture.down_blocks") == 3
    # Those of the new network come where the old ones were; the focus stays in the explorer.
    expect(section).to_contain_text("108 px → 220 px")
    assert page.evaluate("() => Boolean(document.activeElement.closest('.explorer-inspector'))")
    expect(moves.locator("visible=true")).not_to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".explorer-total[data-name='sees up to'] b")).to_contain_text("48 px")
    expect(section).to_contain_text("48 px → 108 px")


def test_a_step_is_made_and_the_next_one_is_at_hand(opened):  # noqa: F811
    page = opened(SETTLED + TINY, keras=False)
    inspector = page.locator(".explorer-inspector")
    fold = inspector.locator("details[data-fold=kernel_size]")
    fold.locator("summary").click()
    button = fold.get_by_role("button", name="kernel size 3 → 5", exact=True)
    button.scroll_into_view_if_needed()
    top = inspector.evaluate("element => element.scrollTop")
    assert top > 0
    button.click()
    expect(fold.get_by_role("button", name="kernel size 5 → 7", exact=True)).to_be_visible()
    assert in_kernel(page, "", "widget.architecture.kernel_size") == 5
    expect(fold.locator("summary")).to_be_focused()
    assert inspector.evaluate("element => element.scrollTop") == top
    page.locator(".explorer-canvas [data-item='block-stack0_enc0']").click()
    expect(inspector.locator("h2")).to_have_text("encoder 0")
    assert inspector.evaluate("element => element.scrollTop") == 0


def test_the_tooltip_of_a_number_tells_its_next_steps(opened):  # noqa: F811
    page = opened(SETTLED + TINY, keras=False)
    control = page.locator(".explorer-parameters .explorer-control-filters")
    label = control.locator(".widget-label").first
    doc = label.get_attribute("title")
    box = control.locator("input[type=number]")
    told = "filters 4 → 3: −"
    box.hover()
    expect(label).to_have_attribute("title", re.compile(f"^{re.escape(doc)}\n{told}"))
    for part in (box, control.locator(".slider-container")):
        expect(part).to_have_attribute("title", re.compile(f"^{told}"))
    expect(box).to_have_attribute("aria-description", re.compile(f"^{told}"))
    box.fill("6")
    box.press("Enter")
    expect(box).to_have_attribute("aria-description", re.compile("filters 6 → 8: "))
    handle = page.locator(".explorer-control-kernel_size [role=slider]")
    handle.focus()
    expect(handle).to_have_attribute("aria-description", re.compile("kernel size 3 → 5: "))
    assert box.get_attribute("aria-description") is None
    assert (label.get_attribute("title"), box.get_attribute("title")) == (doc, "")
