"""The code beside the diagram: it follows edits, and is copied."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.test_explorer import (
    IN_VIEW,
    TINY,
    in_kernel,
    number,
    open_tab,
    opened,  # noqa: F401 — a fixture
    type_number,
)
from tests.browser.test_screen import violations
from tests.browser.test_workspace import show_whole

CELLS = "jupyterapp.shell.currentWidget.content.model.toJSON().cells"


def written(page: Page, kind: str) -> str:
    """What the kernel writes of the design on screen."""
    code = "from explorer import export\ndesign = widget._panels.screen.scene.design"
    return in_kernel(page, code, f"export(design.architecture, {kind!r}, design.input.shape)")


def lines(page: Page) -> Locator:
    return page.locator(".explorer-code pre")


def test_the_code_follows_edits_and_marks_what_they_changed(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    show_whole(page)
    open_tab(page, "Code")
    expect(lines(page)).to_have_text(written(page, "keras"))
    marked = lines(page).locator(".explorer-line-changed")
    expect(marked).to_have_count(0)
    scrolled = "document.querySelector('.jp-WindowedPanel-outer').scrollTop"
    before = page.evaluate(scrolled)

    type_number(page, "filters", 5)
    expect(lines(page)).to_have_text(written(page, "keras"))
    expect(marked.last).to_contain_text("5")
    seen = marked.nth(1)
    expect(seen).to_be_in_viewport()
    assert seen.evaluate(IN_VIEW)
    assert page.evaluate(scrolled) == before
    number(page, "filters").press("Control+z")
    expect(marked).to_have_count(0)

    for kind in ("torch", "sleap", "sleap-nn", "json"):
        page.get_by_label("Written as").select_option(kind)
        expect(lines(page)).to_have_text(written(page, kind))
    type_number(page, "filters", 6)
    expect(marked).to_have_text('"filters": 6,')
    expect(page.locator(".explorer-code")).to_contain_text("The last edit changed 1 line.")
    page.get_by_label("Written as").select_option("sleap-nn")
    page.locator(".explorer-family select").select_option("LEAP CNN")
    expect(page.locator(".explorer-code")).to_contain_text("sleap-nn has no LeapCNN")
    expect(lines(page)).to_be_hidden()


def test_the_lines_of_the_selected_block_are_marked_and_seen(opened):  # noqa: F811
    page = opened(TINY.replace("blocks=2", "blocks=3"), keras=False)
    show_whole(page)
    open_tab(page, "Code")
    selected = lines(page).locator(".explorer-line-selected")
    expect(selected).to_have_count(0)
    select = "widget._panels.screen.select({!r})"
    for kind in ("torch", "keras"):
        page.get_by_label("Written as").select_option(kind)
        for block, name in (("enc1", "stack0_enc{i}"), ("dec2", "stack0_dec{i}")):
            in_kernel(page, select.format(f"block-stack0_{block}"), "0")
            call = selected.filter(has_text=name).first
            expect(call).to_be_in_viewport()
            assert call.evaluate(IN_VIEW)
    page.get_by_label("Written as").select_option("json")
    expect(selected.first).to_contain_text('"class": "UNet"')
    page.get_by_label("Written as").select_option("keras")

    # What the pointer is on is marked in the diagram, if it tells of one block.
    line = lines(page).locator("span").filter(has_text="keras.Input(")
    line.hover()
    expect(line).to_have_class(re.compile("explorer-hovered"))
    expect(page.locator(".explorer-canvas .explorer-hovered")).to_have_count(1)
    assert violations(page) == []


def test_all_of_the_code_is_copied(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show_whole(page)
    open_tab(page, "Code")
    text = written(page, "keras")
    expect(lines(page)).to_have_text(text)
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == text
    # What is selected, which pages copy that may not write to the clipboard.
    assert page.evaluate("getSelection().toString()").rstrip() == text.rstrip()
    type_number(page, "filters", 5)
    expect(page.get_by_text("Copied.")).to_have_count(0)


def test_keys_in_the_code_scroll_it_and_leave_the_cells_alone(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    show_whole(page)
    open_tab(page, "Code")
    before = [cell["source"] for cell in page.evaluate(CELLS)]
    page.get_by_label("Written as").focus()
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(lines(page)).to_be_focused()
    for key in ("x", "m", "a", "PageDown"):
        page.keyboard.press(key)
    page.wait_for_function("document.querySelector('.explorer-code pre').scrollTop > 0")
    expect(lines(page)).to_be_focused()
    assert [cell["source"] for cell in page.evaluate(CELLS)] == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_code_is_in_view_and_accessible(opened, theme):  # noqa: F811
    page = opened(TINY, keras=False, theme=theme)
    for filters, width in enumerate((1440, 1000, 700), start=5):
        page.set_viewport_size({"width": width, "height": 900})
        show_whole(page)
        if width == 1440:
            open_tab(page, "Code")
        if width == 1000:  # there it is a drawer
            page.get_by_role("button", name="Hide or show explanation and tables").click()
        page.get_by_label("Written as").select_option("json")
        in_kernel(page, f"widget.controls['filters'].value = {filters}", "0")
        changed = lines(page).locator(".explorer-line-changed")
        expect(changed).to_contain_text(f'"filters": {filters}')
        for shown in (lines(page), changed, page.get_by_role("button", name="Copy", exact=True)):
            assert shown.evaluate(IN_VIEW), width
        assert violations(page) == []
