"""One screen: everything that an edit changes is in view, in every window."""

import pytest
from playwright.sync_api import Locator, Page, expect

from explorer import presets
from tests.browser.test_explorer import (
    TINY,
    control,
    eventually,
    expect_result,
    handle,
    in_kernel,
    open_tab,
    opened,  # noqa: F401 — a fixture
    type_number,
)
from tests.browser.test_screen import block, heading

LARGE = "widget = Explorer(presets['U-Net'])\nwidget"

#: Sizes of the texts of the diagram on screen, in pixels.
TEXT_SIZES = """
    () => [...document.querySelectorAll('.explorer-canvas svg text')]
        .map(text => text.getScreenCTM().a * parseFloat(getComputedStyle(text).fontSize))
"""
#: Whether all of an element is on screen.
IN_VIEW = """
    element => {
        const {top, left, bottom, right} = element.getBoundingClientRect();
        const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
        return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth
            && (element === hit || element.contains(hit));
    }
"""


def show_whole(page: Page) -> Locator:
    """The explorer, scrolled to as a user would."""
    workspace = page.locator(".explorer-workspace")
    workspace.evaluate("element => element.scrollIntoView({block: 'end'})")
    return workspace


def test_the_opening_view_has_all_in_one_window(opened):  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False)
    workspace = show_whole(page).bounding_box()
    assert workspace["height"] == 740
    canvas = page.locator(".explorer-canvas").bounding_box()
    assert canvas["height"] >= 0.65 * workspace["height"]
    assert min(page.evaluate(TEXT_SIZES)) >= 10

    for part in (
        page.locator(".explorer-family select"),
        handle(page, "filters"),
        page.get_by_role("button", name="▶ Run"),
        *page.locator(".explorer-total").all(),
        *page.locator(".explorer-canvas g.node[data-item]").all(),
        heading(page),
        page.get_by_role("slider", name="Place in the network"),
    ):
        assert part.evaluate(IN_VIEW), part
    assert handle(page, "filters").locator("xpath=../..").bounding_box()["width"] >= 160


def test_a_design_is_edited_timed_looked_at_and_compared_without_scrolling(opened):  # noqa: F811
    page = opened(TINY)
    show_whole(page)
    scrolled = "() => document.querySelector('.jp-WindowedPanel-outer').scrollTop"
    before = page.evaluate(scrolled)
    time, field = page.locator(".explorer-total").last, page.locator(".explorer-field svg")

    handle(page, "filters").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".explorer-total").first.locator("small")).to_contain_text("%")
    page.get_by_role("button", name="▶ Run").click()
    expect_result(page, channels=5)
    expect(time.locator("b")).to_contain_text("s")
    assert time.evaluate(IN_VIEW)
    block(page, "stack0_dec0").click()
    expect(heading(page)).to_have_text("stack0_dec0")
    open_tab(page, "Receptive field")
    expect(field.first).to_be_visible()
    assert field.first.evaluate(IN_VIEW)
    assert handle(page, "filters").evaluate(IN_VIEW)
    open_tab(page, "Diagram")
    open_tab(page, "Compare")
    page.get_by_role("button", name="Pin as A").click()
    type_number(page, "filters", 8)
    expect(block(page, "stack0_enc0")).to_contain_text("changed")
    assert page.evaluate(scrolled) == before


def test_what_stands_behind_a_figure_is_one_click_away(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    for name, title in (
        ("parameters", "Layers"),
        ("sees up to", "Receptive field"),
        ("memory", "Charts"),
        ("output", "Diagram"),
        ("time", "Forward pass"),
    ):
        page.locator(f".explorer-total[data-name='{name}']").click()
        expect(page.get_by_role("tab", name=title)).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("preset", presets)
def test_every_network_can_be_read_at_first_view(opened, preset):  # noqa: F811
    page = opened(f"widget = Explorer(presets[{preset!r}])\nwidget", keras=False)
    assert min(page.evaluate(TEXT_SIZES)) >= 9


def test_in_a_narrow_window_panes_are_drawers(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
    controls, side = page.locator(".explorer-controls"), page.locator(".explorer-side")
    canvas = page.locator(".explorer-canvas")
    buttons = [
        page.get_by_role("button", name="Hide or show the controls"),
        page.get_by_role("button", name="Hide or show explanation and tables"),
    ]
    for width, shown in ((1440, [True, True]), (960, [True, False]), (720, [False, False])):
        page.set_viewport_size({"width": width, "height": 900})
        show_whole(page)
        for pane, button, is_shown in zip((controls, side), buttons, shown, strict=True):
            assert eventually(page, pane.is_visible, is_shown.__eq__) == is_shown, (width, pane)
            button.click()
            assert eventually(page, pane.is_visible, (not is_shown).__eq__) != is_shown
            button.click()
        assert canvas.bounding_box()["width"] > 400
        assert canvas.bounding_box()["height"] > 350


def test_what_is_asked_for_comes_out_of_its_drawer(opened):  # noqa: F811
    page = opened(TINY, keras=False, viewport=(960, 900))
    side = page.locator(".explorer-side")
    assert not side.is_visible()
    page.locator(".explorer-total[data-name=parameters]").click()
    expect(side).to_be_visible()
    expect(page.get_by_role("tab", name="Layers")).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="Hide or show explanation and tables").click()
    expect(side).to_be_hidden()


def test_the_explorer_fills_the_window_with_larger_type(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    label = control(page, "filters").locator(".widget-label").first
    size = "label => parseFloat(getComputedStyle(label).fontSize)"
    before = label.evaluate(size)
    full = page.get_by_role("button", name="Fill the window")
    full.click()
    assert page.locator(".explorer-workspace").bounding_box() == {
        "x": 0,
        "y": 0,
        "width": 1440,
        "height": 900,
    }
    assert label.evaluate(size) > 1.2 * before
    type_number(page, "filters", 6)
    expect(block(page, "stack0_enc0")).to_contain_text("× 6")
    assert min(page.evaluate(TEXT_SIZES)) > 12
    page.keyboard.press("Escape")
    assert label.evaluate(size) == before
    expect(full).to_have_attribute("aria-pressed", "false")


def test_a_narrow_column_fills_the_window_as_a_wide_one_does(opened):  # noqa: F811
    page = opened(TINY, keras=False, viewport=(1000, 900))
    page.get_by_role("button", name="Fill the window").click()
    for pane in ("controls", "stage", "side", "foot"):
        expect(page.locator(f".explorer-{pane}")).to_be_visible()
    strip = page.get_by_role("slider", name="Place in the network").bounding_box()
    assert strip["width"] > 700


def test_the_height_can_be_chosen(opened):  # noqa: F811
    page = opened(TINY.replace("(64, 64, 1))", "(64, 64, 1), height=500)"), keras=False)
    assert page.locator(".explorer-workspace").bounding_box()["height"] == 500


def test_from_the_architecture_to_run_are_few_tab_stops(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    page.locator(".explorer-family select").focus()
    run = page.get_by_role("button", name="▶ Run")
    stops = 0
    while not run.evaluate("button => button === document.activeElement"):
        page.keyboard.press("Tab")
        stops += 1
        assert stops <= 12


def test_a_kernel_that_has_gone_costs_one_line(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    kernel = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    page.evaluate(f"() => {kernel}.restart()")
    expect(page.get_by_role("alert")).to_have_text("The kernel has gone: run the cell again.")
    icons = """
        () => [...document.querySelectorAll('.jupyter-widgets-disconnected')]
            .filter(element => getComputedStyle(element, '::before').display !== 'none').length
    """
    assert page.evaluate(icons) == 0
    page.console_errors.clear()  # JupyterLab's own, of comms that it can't close any more


def test_an_error_moves_nothing_in_the_stage(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    before = page.locator(".explorer-canvas").bounding_box()
    type_number(page, "up blocks", 9)
    expect(page.get_by_role("alert").first).to_be_visible()
    assert page.locator(".explorer-canvas").bounding_box() == before
    assert in_kernel(page, "", "widget.architecture.up_blocks") == 2
