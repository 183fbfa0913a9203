"""One screen: everything that an edit changes is in view, in every window."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, expect

from explorer import presets
from explorer.core.drawing.palette import LIGHT
from tests.browser.test_explorer import (
    IN_VIEW,
    PATIENCE,
    TINY,
    control,
    eventually,
    expect_result,
    handle,
    in_kernel,
    number,
    open_tab,
    opened,  # noqa: F401 — a fixture
    set_detail,
    type_number,
)
from tests.browser.test_screen import block, heading

LARGE = "widget = Explorer(presets['U-Net'])\nwidget"

#: Sizes of the texts of the diagram on screen, in pixels.
TEXT_SIZES = """
    () => [...document.querySelectorAll('.explorer-canvas svg text')]
        .map(text => text.getScreenCTM().a * parseFloat(getComputedStyle(text).fontSize))
"""
#: Texts that reach out of their boxes.
CUT_OFF = """
    selector => [...document.querySelectorAll(selector)]
        .filter(box => box.scrollWidth > box.clientWidth).map(box => box.textContent)
"""
#: Lines that a text takes.
LINES = """
    element => {
        const range = new Range();
        range.selectNodeContents(element);
        return new Set([...range.getClientRects()].map(line => line.top)).size;
    }
"""
#: Has the controls' views made a second time.
MADE_ANEW = """
from ipywidgets.widgets.widget import _instances
controls = next(each for each in _instances.values()
                if "explorer-controls" in getattr(each, "_dom_classes", ()))
kept, controls.children = controls.children, ()
controls.children = kept
"""
#: Lines of the figures that reach out of the bar.
OUT_OF_THE_BAR = """
    () => {
        const bar = document.querySelector('.explorer-bar').getBoundingClientRect();
        return [...document.querySelectorAll('.explorer-total > *')]
            .filter(line => {
                const {top, bottom} = line.getBoundingClientRect();
                const own = line.closest('.explorer-total').getBoundingClientRect();
                return top < own.top || bottom > Math.min(own.bottom, bar.bottom);
            }).map(line => line.textContent);
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


def test_figures_of_a_training_step_are_whole_and_say_so(opened):  # noqa: F811
    page = opened(TINY)
    show_whole(page)
    open_tab(page, "Run and time")
    page.get_by_label("inference or training").select_option("training step")
    page.get_by_role("button", name="▶ Run").click()
    time = page.locator(".explorer-total").last
    expect(time.locator("span")).to_contain_text("training", timeout=PATIENCE)
    expect(page.locator(".explorer-total span").nth(2)).to_have_text("memory, training")
    assert page.evaluate(CUT_OFF, ".explorer-total") == []


def test_the_controls_of_a_block_come_into_view(opened):  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False)
    show_whole(page)
    block(page, "stack0_enc1").click()
    page.get_by_role("button", name="Edit this block").click()
    kind = page.locator(".explorer-kind select")
    expect(kind).to_be_visible()
    assert eventually(page, lambda: kind.evaluate(IN_VIEW))
    scrolled = "() => document.querySelector('.explorer-controls').scrollTop"
    before = page.evaluate(scrolled)
    page.locator(".explorer-controls").hover()
    page.mouse.wheel(0, -before)  # and whoever looks elsewhere then is not led back
    assert eventually(page, lambda: page.evaluate(scrolled) == 0)


def test_values_of_controls_are_whole_and_no_handle_lies_over_them(opened):  # noqa: F811
    page = opened("widget = Explorer(presets['FC-DenseNet103'])\nwidget", keras=False)
    show_whole(page)
    assert page.evaluate(CUT_OFF, ".explorer-controls .explorer-control input") == []
    grip = handle(page, "bottleneck layers").bounding_box()
    number = control(page, "bottleneck layers").locator("input[type=number]").bounding_box()
    assert grip["x"] + grip["width"] > number["x"]  # it stands beneath
    assert grip["y"] >= number["y"] + number["height"] - 1


def test_how_all_differs_from_a_is_in_the_bar(opened):  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False)
    show_whole(page)
    open_tab(page, "Compare")
    page.get_by_role("button", name="Pin as A").click()
    type_number(page, "filters", 24)
    type_number(page, "filters", 20)
    of_a = page.locator(".explorer-total i")
    expect(of_a.first).to_contain_text("A +56 %")
    changes = page.locator(".explorer-comparison td:last-child", has_text="%")
    assert changes.count() > 3
    for change in changes.all():
        assert change.evaluate(LINES) == 1, "one ends between a number and its unit"
    full = page.get_by_role("button", name="Fill the window")

    def check():
        assert of_a.count() == page.locator(".explorer-total").count() - 1  # there is no time yet
        assert eventually(page, lambda: page.evaluate(OUT_OF_THE_BAR) == [])
        assert page.evaluate(CUT_OFF, ".explorer-total") == []

    check()
    assert page.locator(".explorer-bar").bounding_box()["height"] == 44
    full.click()
    check()
    full.click()
    page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
    for width in (1440, 1100, 960, 720):
        page.set_viewport_size({"width": width, "height": 900})
        check()


def test_the_end_of_a_layer_s_name_is_seen_in_a_narrow_table(opened):  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False)
    show_whole(page)
    open_tab(page, "Layers")
    cell = page.locator(".explorer-table tbody td:first-child").filter(has_text="skip_concat").first
    name, place = cell.locator("bdi").bounding_box(), cell.bounding_box()
    assert name["width"] > place["width"]
    assert name["x"] + name["width"] <= place["x"] + place["width"]
    # An ellipsis stands for the beginning.
    span = cell.locator("span")
    assert span.bounding_box()["x"] >= place["x"]
    assert span.evaluate("span => getComputedStyle(span).textOverflow") == "ellipsis"

    heads = page.locator(".explorer-table th")
    sorter, shape = page.get_by_title("Sort by").bounding_box(), heads.nth(2).bounding_box()
    assert sorter["x"] + sorter["width"] <= shape["x"]
    assert page.evaluate(CUT_OFF, ".explorer-sorter select") == []
    params, table = heads.nth(4).bounding_box(), page.locator(".explorer-table").bounding_box()
    assert params["x"] + params["width"] <= table["x"] + table["width"]


def test_what_keras_says_ends_in_a_whole_line_and_is_whole_when_pointed_at(opened):  # noqa: F811
    page = opened(TINY)
    show_whole(page)
    said, foot = page.locator(".explorer-foot .explorer-good"), page.locator(".explorer-foot")
    expect(said).to_be_visible()
    lines = "said => said.clientHeight / parseFloat(getComputedStyle(said).lineHeight)"
    hidden = "said => said.scrollHeight - said.clientHeight"
    assert said.evaluate(lines) == pytest.approx(4, abs=0.05)
    assert said.evaluate(hidden) > 0
    box, below = said.bounding_box(), foot.bounding_box()
    assert box["y"] + box["height"] <= below["y"] + below["height"]
    strip = page.locator(".explorer-strip-view").bounding_box()
    said.hover()
    assert said.evaluate(hidden) == 0
    assert page.locator(".explorer-strip-view").bounding_box() == strip
    page.mouse.move(0, 0)
    page.get_by_role("region", name="What Keras says").focus()
    assert said.evaluate(hidden) == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_label_and_its_choice_share_a_line(opened, theme):  # noqa: F811
    page = opened(TINY, keras=False, theme=theme)
    for name in ("downsample by", "upsample by"):
        assert control(page, name).locator("label").evaluate(LINES) == 1, name
    assert page.evaluate(CUT_OFF, ".explorer-controls select") == []
    assert page.evaluate(OUTSIDE) == []


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
    expect(heading(page)).to_have_text("decoder 0")
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
        ("time", "Run and time"),
    ):
        page.locator(f".explorer-total[data-name='{name}']").click()
        expect(page.get_by_role("tab", name=title)).to_have_attribute("aria-selected", "true")


#: How much of the drawing is in view.
SHARE_IN_VIEW = """
    () => {
        const canvas = document.querySelector(".explorer-canvas");
        const drawn = canvas.querySelector("svg").getBoundingClientRect();
        const shares = [canvas.clientWidth / drawn.width, canvas.clientHeight / drawn.height];
        return Math.min(1, shares[0]) * Math.min(1, shares[1]);
    }
"""


@pytest.mark.parametrize("preset", presets)
def test_every_network_can_be_read_at_first_view(opened, preset):  # noqa: F811
    page = opened(f"widget = Explorer(presets[{preset!r}])\nwidget", keras=False)
    # Of long ones the edge of the outermost boxes is out of view.
    least = 0.9 if "ourglass" in preset else 0.999
    assert eventually(page, lambda: page.evaluate(SHARE_IN_VIEW), least.__le__) >= least
    assert min(page.evaluate(TEXT_SIZES)) >= (10 if preset == "U-Net (small)" else 9)


@pytest.mark.parametrize("viewport", [(1280, 720), (800, 900), (720, 450)])
def test_in_every_window_the_diagram_is_in_view_and_can_be_read(opened, viewport):  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False, viewport=viewport)
    page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
    canvas = page.locator(".explorer-canvas")
    workspace = show_whole(page)
    assert eventually(page, lambda: canvas.evaluate(IN_VIEW))
    assert canvas.bounding_box()["y"] - workspace.bounding_box()["y"] < 170
    assert min(page.evaluate(TEXT_SIZES)) >= 9


def test_what_would_be_too_small_is_written_in_fewer_words_until_there_is_room(opened):  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False, viewport=(1280, 720))
    canvas = page.locator(".explorer-canvas")
    family = page.locator(".explorer-family select")
    for preset, first in (("U-Net", "256 × 256 × 64"), ("U-Net (small)", "256 × 256 × 16")):
        family.select_option(preset)
        expect(canvas).to_contain_text(first)
        expect(canvas).not_to_contain_text("conv")
        assert eventually(page, lambda: page.evaluate(SHARE_IN_VIEW), (0.999).__le__) >= 0.999
        assert min(page.evaluate(TEXT_SIZES)) >= 9

    page.set_viewport_size({"width": 1440, "height": 900})
    expect(canvas).to_contain_text("conv")
    for name in ("Show the whole diagram", "Fit to the width"):
        for _ in range(5):
            page.get_by_role("button", name="Zoom in").click()
        expect(canvas.locator("rect.explorer-layer").first).to_be_attached()
        page.get_by_role("button", name=name).click()
        expect(canvas.locator("rect.explorer-layer")).to_have_count(0)

    set_detail(page, "layers")
    page.get_by_role("button", name="Show the whole diagram").click()
    expect(canvas.locator("rect.explorer-layer").first).to_be_attached()
    set_detail(page, "by zoom")
    expect(canvas.locator("rect.explorer-layer")).to_have_count(0)


def test_layers_that_are_many_can_be_read_and_looked_around_in(opened):  # noqa: F811
    page = opened("widget = Explorer(presets['FC-DenseNet103'])\nwidget", keras=False)
    set_detail(page, "layers")
    expect(page.locator(".explorer-minimap")).to_be_visible()
    assert min(page.evaluate(TEXT_SIZES)) >= 7


def test_in_a_narrow_window_panes_are_drawers(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
    type_number(page, "filters", 6)
    expect(page.locator(".explorer-total small").first).to_contain_text("%")
    controls, side = page.locator(".explorer-controls"), page.locator(".explorer-side")
    canvas = page.locator(".explorer-canvas")
    buttons = [
        page.get_by_role("button", name="Hide or show the controls"),
        page.get_by_role("button", name="Hide or show explanation and tables"),
    ]
    for width, shown in ((1440, [True, True]), (960, [True, False]), (720, [False, False])):
        page.set_viewport_size({"width": width, "height": 900})
        show_whole(page)
        assert page.evaluate(CUT_OFF, ".explorer-total") == []
        assert page.evaluate(OUT_OF_THE_BAR) == []
        for pane, button, is_shown in zip((controls, side), buttons, shown, strict=True):
            pressed = ["false", "true"]
            assert eventually(page, pane.is_visible, is_shown.__eq__) == is_shown, (width, pane)
            expect(button).to_have_attribute("aria-pressed", pressed[is_shown])
            button.click()
            assert eventually(page, pane.is_visible, (not is_shown).__eq__) != is_shown
            expect(button).to_have_attribute("aria-pressed", pressed[not is_shown])
            button.click()
        assert canvas.bounding_box()["width"] > 400
        assert canvas.bounding_box()["height"] > 350
    for button in buttons:  # of two that lie over the diagram, one does
        button.click()
    assert eventually(
        page, lambda: [controls.is_visible(), side.is_visible()], [False, True].__eq__
    )
    expect(buttons[0]).to_have_attribute("aria-pressed", "false")


def test_nothing_shines_through_a_drawer(opened):  # noqa: F811
    page = opened(TINY, keras=False, viewport=(650, 900))
    page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
    show_whole(page)
    page.get_by_role("button", name="Hide or show the controls").click()
    expect(page.locator(".explorer-controls")).to_be_visible()
    label = page.get_by_role("tab", name="Diagram").bounding_box()
    hit = """([x, y]) => Boolean(document.elementFromPoint(x, y).closest('.explorer-controls'))"""
    middle = label["x"] + label["width"] / 2, label["y"] + label["height"] / 2
    assert page.evaluate(hit, middle)


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
    tick = page.locator(".explorer-controls input[type=checkbox]").first
    width = tick.bounding_box()["width"]
    full = page.get_by_role("button", name="Fill the window")
    full.click()
    assert page.locator(".explorer-workspace").bounding_box() == {
        "x": 0,
        "y": 0,
        "width": 1440,
        "height": 900,
    }
    assert label.evaluate(size) > 1.2 * before
    assert tick.bounding_box()["width"] > 1.2 * width
    type_number(page, "filters", 6)
    expect(block(page, "stack0_enc0")).to_contain_text("× 6")
    expect(page.locator(".explorer-total small").first).to_contain_text("%")
    assert page.evaluate(OUT_OF_THE_BAR) == []
    assert min(page.evaluate(TEXT_SIZES)) > 12
    page.keyboard.press("Escape")
    assert label.evaluate(size) == before
    expect(full).to_have_attribute("aria-pressed", "false")


def test_escape_closes_what_is_open_and_then_leaves_the_full_window(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    full = page.get_by_role("button", name="Fill the window")
    more = page.get_by_role("button", name="How it is drawn")
    choices = page.locator(".explorer-diagram > .explorer-choices")

    def escape(is_full: bool) -> None:
        page.keyboard.press("Escape")
        expect(full).to_have_attribute("aria-pressed", str(is_full).lower())

    full.click()
    expect(full).to_have_attribute("title", "Leave the full window (Esc)")
    escape(is_full=False)
    expect(full).to_have_attribute("title", "Fill the window")

    full.click()
    for inside in (more, choices.locator("select").first):
        more.click()
        inside.focus()
        escape(is_full=True)
        expect(choices).to_be_hidden()
        expect(more).to_be_focused()
        expect(more).to_have_attribute("aria-expanded", "false")
    more.click()
    choices.locator("select").first.click()
    page.keyboard.press("Escape")  # of its list
    expect(choices).to_be_visible()
    page.locator(".explorer-strip-view").click()
    expect(choices).to_be_hidden()
    more.click()
    more.click()
    expect(choices).to_be_hidden()

    page.get_by_role("button", name="Keys, and what arrows mean").click()
    page.get_by_role("button", name="Glossary", exact=True).focus()
    escape(is_full=True)
    expect(page.locator(".explorer-help")).to_be_hidden()
    block(page, "stack0_enc0").focus()
    expect(page.get_by_role("tooltip")).to_be_visible()
    escape(is_full=True)
    expect(page.get_by_role("tooltip")).to_be_hidden()
    number(page, "filters").fill("6")
    escape(is_full=True)
    page.keyboard.press("Enter")
    escape(is_full=False)


def test_a_small_window_is_filled_too(opened):  # noqa: F811
    page = opened(TINY, keras=False, viewport=(800, 900))
    page.get_by_role("button", name="Fill the window").click()
    for pane in ("controls", "stage", "foot"):
        expect(page.locator(f".explorer-{pane}")).to_be_visible()
    assert page.locator(".explorer-canvas").bounding_box()["width"] > 500
    controls = page.locator(".explorer-controls").bounding_box()
    assert controls["x"] + controls["width"] < 300


def test_a_narrow_column_fills_the_window_as_a_wide_one_does(opened):  # noqa: F811
    page = opened(TINY, keras=False, viewport=(1000, 900))
    page.get_by_role("button", name="Fill the window").click()
    for pane in ("controls", "stage", "side", "foot"):
        expect(page.locator(f".explorer-{pane}")).to_be_visible()
    strip = page.get_by_role("slider", name="Place in the network").bounding_box()
    assert strip["width"] > 700
    side = page.locator(".explorer-side")
    for width, is_shown in ((980, False), (985, True)):
        page.set_viewport_size({"width": width, "height": 900})
        assert eventually(page, side.is_visible, is_shown.__eq__) == is_shown


OUTSIDE = """
    () => {
        const pane = document.querySelector('.explorer-controls');
        const right = pane.getBoundingClientRect().left + pane.clientWidth;
        const inputs = [...pane.querySelectorAll('select, input, .widget-label')];
        return inputs.filter(one => one.getBoundingClientRect().right > right)
            .map(one => one.title || one.textContent);
    }
"""


@pytest.mark.parametrize("viewport", [(1280, 720), (1920, 1080), (2560, 1440)])
def test_controls_in_larger_type_have_a_larger_pane(opened, viewport):  # noqa: F811
    page = opened(TINY, keras=False, viewport=viewport)
    page.get_by_role("button", name="Fill the window").click()
    assert page.evaluate(OUTSIDE) == []
    rate = control(page, "filters × per level")
    words = """
        label => {
            const range = new Range();
            range.selectNodeContents(label);
            return range.getBoundingClientRect().right;
        }
    """
    written = rate.locator(".widget-label").first.evaluate(words)
    assert written <= rate.locator("input[type=number]").bounding_box()["x"]


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


def test_every_part_but_what_has_no_effect_is_a_tab_stop(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    open_tab(page, "Layers")
    reached = """
        () => {
            const at = document.activeElement;
            if (!at.closest('.explorer')) return null;
            const isOff = at.closest('[disabled], .noUi-target[disabled], :disabled');
            const name = at.getAttribute('aria-label') ?? at.textContent;
            return [name.trim().slice(0, 40), Boolean(isOff), Boolean(at.closest('tbody'))];
        }
    """
    page.locator(".explorer-family select").focus()
    stops = []
    while (stop := page.evaluate(reached)) and len(stops) < 100:
        stops.append(stop)
        page.keyboard.press("Tab")
    assert "Blocks and heads" in {name for name, _, _ in stops}
    fold = page.get_by_role("button", name="Blocks and heads")
    expect(fold).to_have_attribute("aria-expanded", "false")
    fold.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".explorer-blocks select")).to_be_visible()
    # Also one that ipywidgets makes anew.
    in_kernel(page, MADE_ANEW)
    expect(fold).to_have_attribute("aria-expanded", "true")
    fold.focus()
    expect(fold).to_be_focused()
    assert not [name for name, is_off, _ in stops if is_off]
    assert sum(in_table for _, _, in_table in stops) == 1, "the rows are one stop"


def test_a_kernel_that_has_gone_costs_one_line(opened):  # noqa: F811
    page = opened(TINY, keras=False, fresh=True)
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


def test_who_comes_nearer_sees_more_of_each_block(opened):  # noqa: F811
    page = opened("widget = Explorer(presets['FC-DenseNet103'])\nwidget", keras=False)
    canvas = page.locator(".explorer-canvas")
    boxes = canvas.locator("g.node[data-item]:not(.explorer-layer)")

    # All of it can be read at first: each block with its shape.
    expect(canvas).not_to_contain_text("conv")
    expect(canvas).to_contain_text("8 × 8 × 240")
    frame = canvas.bounding_box()
    for box in boxes.all():
        inner = box.bounding_box()
        assert inner["y"] >= frame["y"]
        assert inner["y"] + inner["height"] <= frame["y"] + frame["height"]
    assert min(page.evaluate(TEXT_SIZES)) >= 9

    target = block(page, "stack0_enc3").bounding_box()
    page.mouse.move(target["x"] + 20, target["y"] + 10)
    page.keyboard.down("Control")
    for more in ("5 times", "7 times:", "dense0_conv"):
        for _ in range(12):
            if more in canvas.text_content():
                break
            page.mouse.wheel(0, -120)
            page.wait_for_timeout(100)
        expect(canvas).to_contain_text(more)
    page.keyboard.up("Control")
    for _ in range(8):
        page.get_by_role("button", name="Zoom out").click()
        page.wait_for_timeout(100)
    expect(canvas).not_to_contain_text("conv")

    # What the user chose stays.
    set_detail(page, "blocks")
    for _ in range(8):
        page.get_by_role("button", name="Zoom out").click()
    expect(canvas).to_contain_text("7 times")


def test_repeated_layers_are_folded_until_one_wants_to_see_them(opened):  # noqa: F811
    page = opened("widget = Explorer(presets['ResNet152'])\nwidget", keras=False)
    set_detail(page, "layers")
    canvas = page.locator(".explorer-canvas")
    fold = canvas.locator("rect.explorer-layer[data-item$=enc3_block2_1_conv]")
    expect(canvas).to_contain_text("the 10 layers above, 34 times more")
    expect(canvas).to_contain_text("the 10 layers above, once more")
    assert canvas.locator("svg").bounding_box()["height"] < 3000

    # What is found in it is shown by its row.
    search = page.get_by_role("searchbox", name="find a layer")
    search.fill("enc3_block20_add")
    expect(fold).to_have_class(re.compile("explorer-selected"))
    assert fold.evaluate(IN_VIEW)
    fold.click()
    found = canvas.locator("[data-item$=enc3_block20_add]")
    expect(found).to_have_class(re.compile("explorer-selected"))
    expect(canvas).not_to_contain_text("34 times more")

    # They stand in columns, and what marks a row covers that of its own column.
    rows = canvas.locator("[data-block$=stack0_enc3].explorer-layer")
    rows = [row.bounding_box() for row in rows.all()]
    starts = [row["x"] for above, row in pairwise(rows) if row["y"] < above["y"]]
    assert len(starts) == 5
    card = canvas.locator("[data-item$=stack0_enc3]").bounding_box()
    for row in rows:
        right = row["x"] + row["width"]
        following = (start for start in starts if start > row["x"] + 5)
        assert right < next(following, card["x"] + card["width"] + 1)
        assert row["width"] > 0.8 * card["width"] / 6

    # The card's handle folds them again, and so does Enter.
    canvas.locator("g.node", has_text="block35_out_relu").locator("g[id$=_toggle]").click()
    expect(canvas).to_contain_text("34 times more")
    fold.focus()
    page.keyboard.press("Enter")
    expect(canvas).to_contain_text("block35_out_relu")
    expect(fold).to_be_focused()
    assert fold.evaluate(IN_VIEW)


def test_an_overview_shows_where_in_a_large_drawing_one_is(opened):  # noqa: F811
    page = opened("widget = Explorer(presets['ResNet50'])\nwidget", keras=False)
    show_whole(page)
    canvas, minimap = page.locator(".explorer-canvas"), page.locator(".explorer-minimap")
    expect(canvas.locator("g.node")).not_to_have_count(0)
    expect(minimap).to_be_hidden()
    set_detail(page, "layers")
    expect(minimap).to_be_visible()
    expect(minimap.locator("text")).to_have_count(0)
    boxes = canvas.locator("g.node[data-item]")
    small = minimap.locator("g rect")
    expect(small).to_have_count(boxes.count())
    for box, its in zip(boxes.all(), small.all(), strict=True):
        shares = [
            (inner.bounding_box()[side] - whole[side] * (side in "xy")) / whole[length]
            for inner, whole in (
                (box, canvas.locator("svg").bounding_box()),
                (its, minimap.bounding_box()),
            )
            for side, length in (("y", "height"), ("height", "height"), ("width", "width"))
        ]
        assert shares[:3] == pytest.approx(shares[3:], abs=0.03)
        assert its.get_attribute("fill") in {header for header, _ in LIGHT.cards.values()}

    inner, outer = minimap.bounding_box(), canvas.bounding_box()
    assert outer["y"] < inner["y"]
    assert inner["y"] + inner["height"] < outer["y"] + outer["height"]
    shares = """
        () => {
            const canvas = document.querySelector('.explorer-canvas');
            const map = document.querySelector('.explorer-minimap').getBoundingClientRect();
            const frame = document.querySelector('.explorer-frame').getBoundingClientRect();
            const {scrollTop, scrollHeight, clientHeight} = canvas;
            return [(frame.top - map.top) / map.height - scrollTop / scrollHeight,
                (frame.height) / map.height - clientHeight / scrollHeight];
        }
    """

    def is_true(differences: list[float]) -> bool:
        return max(map(abs, differences)) < 0.03  # as wide as the frame's line

    assert is_true(eventually(page, lambda: page.evaluate(shares), is_true))
    page.mouse.move(inner["x"] + 10, inner["y"] + inner["height"] / 2)
    page.mouse.down()
    page.mouse.move(inner["x"] + 10, inner["y"] + inner["height"] - 1, steps=3)
    page.mouse.up()
    bottom = "canvas => canvas.scrollHeight - canvas.clientHeight - canvas.scrollTop"
    assert abs(canvas.evaluate(bottom)) < 2
    assert is_true(eventually(page, lambda: page.evaluate(shares), is_true))
    # The wheel over it moves the drawing, at its end, too, and with Ctrl it zooms; the page stays.
    scrolled = "() => document.querySelector('.jp-WindowedPanel-outer').scrollTop"
    place, width = page.evaluate(scrolled), "canvas => canvas.querySelector('svg').clientWidth"
    page.mouse.wheel(0, 50)
    page.mouse.wheel(0, -200)
    assert eventually(page, lambda: canvas.evaluate(bottom), lambda left: left > 100) > 100
    before = canvas.evaluate(width)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -60)
    page.keyboard.up("Control")
    assert eventually(page, lambda: canvas.evaluate(width), lambda now: now > before) > before
    assert page.evaluate(scrolled) == place

    page.get_by_role("button", name="Show the whole diagram").click()
    expect(minimap).to_be_hidden()


#: The parts that a hint hides of the boxes, that of its own box first.
HIDDEN = """
    ([own, hint]) => {
        const over = hint.getBoundingClientRect();
        const others = [...document.querySelectorAll('.explorer-canvas g.node[data-item]')];
        return [own, ...others.filter(each => each !== own)].map(each => {
            const box = each.getBoundingClientRect();
            const width = Math.min(box.right, over.right) - Math.max(box.left, over.left);
            const height = Math.min(box.bottom, over.bottom) - Math.max(box.top, over.top);
            return Math.max(0, width) * Math.max(0, height) / (box.width * box.height);
        });
    }
"""


def test_the_hint_is_never_where_one_goes_next(opened):  # noqa: F811
    page = opened("widget = Explorer(presets['U-Net (small)'])\nwidget", keras=False)
    show_whole(page)
    hint = page.get_by_role("tooltip")
    canvas = page.locator(".explorer-canvas").bounding_box()
    boxes = page.locator(".explorer-canvas g.node[data-item]").all()
    for box in boxes:
        place = box.bounding_box()
        x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
        for act in (lambda x=x, y=y: page.mouse.move(x, y), box.focus):
            act()
            expect(hint).to_be_visible()
            shown = hint.bounding_box()
            [own, *others] = page.evaluate(HIDDEN, [box.element_handle(), hint.element_handle()])
            assert own == 0
            # By keys it has one more line, which says what they do.
            assert max(others) <= (0.3 if act != box.focus else 0.5), box.get_attribute("data-item")
            assert shown["x"] >= canvas["x"]
            assert shown["x"] + shown["width"] <= canvas["x"] + canvas["width"]
            assert shown["y"] >= canvas["y"]
            assert shown["y"] + shown["height"] <= canvas["y"] + canvas["height"]
    assert len(boxes) > 5
