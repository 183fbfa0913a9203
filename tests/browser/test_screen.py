"""The views in a real browser: looked around in, selected in, compared, by mouse and by key."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from explorer import UNet, presets, trace
from explorer.core.drawing.boxes import cards_of, folded_rows_of
from explorer.core.formatting import printable
from explorer.core.network.parameters import parameters_of
from tests.browser.test_explorer import (
    IN_VIEW,
    OVERFLOWING,
    TINY,
    TINY_NET,
    control,
    eventually,
    expect_result,
    expect_views,
    handle,
    in_kernel,
    number,
    open_tab,
    opened,  # noqa: F401 — a fixture
    set_detail,
    set_option,
    type_number,
)

TABS = ("Receptive field", "Feature maps", "Charts", "Train", "Design", "Diagram")
TABS += ("Layers", "Compare", "Code", "Run and time", "Explain")

#: What scrolls though it is not meant to: with the axis, and what it holds beside what it shows.
SCROLLING = """
    () => {
        const meant = {
            '.explorer-canvas': 'xy', '.explorer-table': 'xy', '.explorer-inspector': 'y',
            '.explorer-controls': 'y', '.explorer-foot > .explorer-page': 'y',
            '.explorer-figures': 'x', '.widget-tab-contents > .widget-box': 'y',
            '.explorer-film': 'x', '.explorer-comparison': 'x', '.explorer-blocks select': 'y',
            '.explorer-code pre': 'y',
        };
        const found = [];
        for (const element of document.querySelectorAll('.explorer, .explorer *')) {
            if (!element.checkVisibility()) continue;
            const style = getComputedStyle(element);
            const axes = Object.keys(meant).filter(each => element.matches(each))
                .map(each => meant[each]).join('');
            for (const [axis, overflow, whole, shown] of [
                ['x', style.overflowX, element.scrollWidth, element.clientWidth],
                ['y', style.overflowY, element.scrollHeight, element.clientHeight],
            ]) {
                if (/auto|scroll/.test(overflow) && whole > shown && !axes.includes(axis)) {
                    found.push(`${element.className} ${axis}: ${whole} in ${shown}`);
                }
            }
        }
        return found;
    }
"""
#: Labels of tabs that are cut off, or stand over what lies beside them.
CUT_OFF = """
    () => {
        return [...document.querySelectorAll('.explorer .lm-TabBar-tabLabel')].filter(label => {
            const range = document.createRange();
            range.selectNodeContents(label);
            const text = range.getBoundingClientRect();
            const tab = label.parentElement.getBoundingClientRect();
            const bar = label.closest('.lm-TabBar').getBoundingClientRect();
            return text.left < tab.left || text.right > tab.right || tab.right > bar.right
                || text.top < tab.top || text.bottom > tab.bottom;
        }).map(label => label.textContent);
    }
"""
#: The least room between labels of tabs that stand beside each other.
LEAST_GAP = """
    () => {
        const range = document.createRange();
        const labels = [...document.querySelectorAll('.explorer .lm-TabBar-tabLabel')];
        const boxes = labels.filter(label => label.checkVisibility()).map(label => {
            range.selectNodeContents(label);
            return range.getBoundingClientRect();
        });
        const gaps = boxes.slice(1).map((box, place) => box.left - boxes[place].right);
        return Math.min(...gaps.filter(gap => gap > -100));
    }
"""
#: Tabs that stand in another row than the first of their pane.
OTHER_ROWS = """
    () => [...document.querySelectorAll('.explorer .lm-TabBar-content')].flatMap(bar => {
        const end = bar.firstElementChild.getBoundingClientRect().bottom;
        return [...bar.children].filter(tab => tab.getBoundingClientRect().top > end - 5);
    }).map(tab => tab.textContent)
"""


def block(page: Page, name: str) -> Locator:
    return page.locator(f".explorer-canvas [data-item='block-{name}']")


def layer(page: Page, name: str) -> Locator:
    return page.locator(f".explorer-canvas [data-item='layer-{name}']")


def heading(page: Page) -> Locator:
    open_tab(page, "Explain")
    return page.locator(".explorer-inspector h2")


def selected_rows(page: Page) -> list[str]:
    open_tab(page, "Layers")
    rows = page.locator(".explorer-table tr.explorer-selected td:first-child")
    return rows.all_text_contents()


def test_what_is_selected_anywhere_is_selected_everywhere(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    enc0 = [node.name for node in trace(TINY_NET, (64, 64, 1)) if "enc0" in node.name]
    block(page, "stack0_enc0").click()
    expect(heading(page)).to_have_text("encoder 0")
    assert eventually(page, lambda: selected_rows(page), enc0.__eq__) == enc0

    # A block shows its layers by its handle, or by a double click.
    block(page, "stack0_enc0").locator("[id$=_toggle]").click()
    expect(layer(page, "stack0_enc0_conv0")).to_have_attribute("role", "button")
    layer(page, "stack0_enc0_conv1").click()
    expect(heading(page)).to_have_text("stack0_enc0_conv1")
    expect(page.locator(".explorer-inspector")).to_contain_text("3×3×4×4 + 4 = 148")
    expect(page.locator(".explorer-strip-step.explorer-selected")).to_have_count(1)
    assert eventually(page, lambda: selected_rows(page), ["stack0_enc0_conv1"].__eq__)
    page.locator(".explorer-table tbody").get_by_role(
        "button", name="stack0_dec1_s2_to_s1_skip_concat"
    ).click()
    expect(block(page, "stack0_dec1")).to_have_attribute("aria-pressed", "true")
    open_tab(page, "Explain")
    page.locator(".explorer-inspector").get_by_role("button", name="stack0_enc0_act1_relu").click()
    expect(layer(page, "stack0_enc0_act1_relu")).to_have_attribute("aria-pressed", "true")
    block(page, "stack0_enc0").dblclick(position={"x": 10, "y": 10})
    expect(layer(page, "stack0_enc0_conv0")).to_have_count(0)

    # The pointer brings up a layer's facts.
    block(page, "stack0_dec0").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("stride 2, sees")
    page.mouse.move(0, 0)
    expect(page.get_by_role("tooltip")).to_have_count(0)

    search = page.get_by_label("find a layer")
    search.fill("concat")
    expect(page.locator(".explorer-found")).to_have_text("1 of 2")
    search.press("Enter")
    expect(page.locator(".explorer-found")).to_have_text("2 of 2")
    expect(heading(page)).to_have_text("stack0_dec1_s2_to_s1_skip_concat")
    search.fill("nothing")
    expect(page.locator(".explorer-found")).to_contain_text("no layer has")
    page.get_by_role("button", name="Clear the selection").click()
    expect(page.locator(".explorer-canvas [aria-pressed=true]")).to_have_count(0)
    expect(page.locator(".explorer-inspector")).to_contain_text("skip connections do")
    # The strip below selects, too.
    page.locator(".explorer-strip-step").nth(3).click()
    expect(heading(page)).to_have_text("stack0_enc0_conv1")
    page.keyboard.press("ArrowRight")
    expect(heading(page)).to_have_text("stack0_enc0_act1_relu")


def hovered(page: Page) -> dict[str, list[str]]:
    """What strip, table and diagram mark."""
    return page.evaluate(
        """
        () => Object.fromEntries(Object.entries({
            strip: ['.explorer-strip-step', step => step.dataset.place],
            table: ['.explorer-table tr', row => row.dataset.id],
            diagram: ['.explorer-canvas [data-item]', item => item.dataset.item],
        }).map(([view, [selector, name]]) => [view, [...document.querySelectorAll(selector)]
            .filter(element => element.matches('.explorer-hovered')).map(name)]))
        """
    )


def test_what_is_hovered_anywhere_is_marked_everywhere(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    graph = trace(TINY_NET, (64, 64, 1))
    ids = [f"layer-{node.name}" for node in graph]
    enc0 = [id_ for id_ in ids if "enc0" in id_]
    conv1 = "layer-stack0_enc0_conv1"
    open_tab(page, "Layers")
    set_detail(page, "blocks")

    def expect_marked(diagram: str, layers: list[str]) -> None:
        wanted = {
            "strip": [str(ids.index(each)) for each in layers],
            "table": layers,
            "diagram": [diagram] if diagram else [],
        }
        assert eventually(page, lambda: hovered(page), wanted.__eq__) == wanted

    block(page, "stack0_enc0").hover(position={"x": 20, "y": 8})
    expect_marked("block-stack0_enc0", enc0)
    page.locator(".explorer-table tr", has_text="stack0_enc0_conv1").hover()
    expect_marked("block-stack0_enc0", [conv1])
    page.locator(".explorer-strip-step").nth(ids.index(conv1)).hover()
    expect_marked("block-stack0_enc0", [conv1])
    box = block(page, "stack0_enc0")
    assert box.evaluate("box => getComputedStyle(box).outlineStyle") == "none", (
        "it is as wide as all texts"
    )
    assert (
        box.locator("polygon").first.evaluate("box => getComputedStyle(box).strokeDasharray")
        == "4px, 3px"
    )
    page.mouse.move(0, 0)
    expect_marked("", [])

    # The keyboard's focus counts, and what is drawn anew is marked as before.
    page.keyboard.press("Tab")
    block(page, "stack0_enc0").focus()
    expect_marked("block-stack0_enc0", enc0)
    page.keyboard.press("Enter")
    expect(layer(page, "stack0_enc0_conv0")).to_be_attached()
    expect_marked("block-stack0_enc0", enc0)
    layer(page, "stack0_enc0_conv1").hover()
    expect_marked(conv1, [conv1])
    open_tab(page, "Explain")
    page.locator(".explorer-inspector").get_by_role("button", name="decoder 0").first.hover()
    assert eventually(page, lambda: hovered(page)["diagram"], ["block-stack0_dec0"].__eq__)
    expect(page.locator(".explorer-canvas [aria-pressed=true]")).to_have_count(0)


def test_charts_and_film_mark_what_is_hovered_elsewhere(opened):  # noqa: F811
    page = opened(TINY)
    ids = [f"layer-{node.name}" for node in trace(TINY_NET, (64, 64, 1))]
    conv1 = "stack0_enc0_conv1"
    place = ids.index(f"layer-{conv1}")
    open_tab(page, "Layers")
    row = page.locator(".explorer-table tr", has_text=conv1)
    open_tab(page, "Charts")
    area = page.locator(".js-plotly-plot .nsewdrag").first
    area.wait_for()
    marks = page.locator(".explorer-chart-step")
    expect(marks).to_have_count(len(ids))

    row.hover()
    hovered = page.locator(".explorer-chart-step.explorer-hovered")
    expect(hovered).to_have_count(1)
    assert marks.nth(place).get_attribute("class") == hovered.get_attribute("class")
    box, mark = area.bounding_box(), hovered.bounding_box()
    step = box["width"] / len(ids)
    assert mark["x"] == pytest.approx(box["x"] + place * step, abs=2)
    assert mark["width"] == pytest.approx(step, abs=2)  # its outline, too
    assert mark["y"] == pytest.approx(box["y"], abs=2)
    area.hover(position={"x": (place + 2.5) * step, "y": 20})
    row_of = page.locator(f".explorer-table tr[data-id='{ids[place + 2]}']")
    expect(row_of).to_have_class(re.compile("explorer-hovered"))
    page.mouse.move(0, 0)
    expect(page.locator(".explorer-hovered")).to_have_count(0)

    open_tab(page, "Feature maps")
    frame = page.locator(".explorer-film button", has_text="encoder 0")
    frame.wait_for(timeout=60_000)
    row.hover()
    expect(frame).to_have_class(re.compile("explorer-hovered"))
    expect(page.locator(".explorer-film .explorer-hovered")).to_have_count(1)
    frame.hover()
    expect(row).to_have_class(re.compile("explorer-hovered"))


MORE = UNet(filters=4, down_blocks=2, up_blocks=2, convs_per_block=3)
MORE_LAYERS, LESS_LAYERS, NO_DECODER = (
    f"widget.architecture = UNet(filters=4, down_blocks=2, {rest})"
    for rest in ("up_blocks=2, convs_per_block=3", "up_blocks=1", "up_blocks=0")
)


def test_no_mark_stays_of_what_an_edit_takes_from_under_the_pointer(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    open_tab(page, "Layers")
    rows = page.locator(".explorer-table tbody tr")
    of_step = page.locator(".explorer-strip-step.explorer-hovered")
    rows.nth(8).hover()
    expect(of_step).to_have_attribute("data-place", "8")
    # More layers come before: another one is in that row, and its old one two rows further down.
    in_kernel(page, MORE_LAYERS)
    expect(page.locator(".explorer-table tbody tr")).to_have_count(len(trace(MORE, (64, 64, 1))))
    expect(rows.nth(8)).to_have_class(re.compile("explorer-hovered"))
    expect(of_step).to_have_count(1)
    expect(of_step).to_have_attribute("data-place", "8")

    block(page, "stack0_dec1").hover()
    expect(of_step).not_to_have_count(1)
    in_kernel(page, LESS_LAYERS)
    expect(block(page, "stack0_dec1")).to_have_count(0)
    under = """() => [...document.querySelectorAll('.explorer-canvas [data-item]:hover')]
        .map(item => item.dataset.item)"""
    wanted = page.evaluate(under)
    assert eventually(page, lambda: hovered(page)["diagram"], wanted.__eq__) == wanted
    page.mouse.move(0, 0)

    # The keyboard's focus goes on to another block.
    page.keyboard.press("Tab")
    block(page, "stack0_dec0").focus()
    expect(of_step).not_to_have_count(0)
    in_kernel(page, NO_DECODER)
    expect(block(page, "stack0_dec0")).to_have_count(0)
    wanted = [page.evaluate("() => document.activeElement.dataset.item")]
    assert eventually(page, lambda: hovered(page)["diagram"], wanted.__eq__) == wanted


ODD = """
import attrs
from explorer.core.network.layers import Conv2D
@attrs.frozen
class Odd(UNet):
    def make_backbone(self, x, current_stride=1):
        for name in NAMES:
            x = Conv2D(name=name, filters=2, kernel_size=1)(x)
        return x, []
widget = Explorer(Odd(down_blocks=1, up_blocks=1), (16, 16, 1))
widget
"""


def test_a_click_selects_the_layer_whatever_it_is_called(opened):  # noqa: F811
    names = ["a:b", "box1", "\\N", "tail\\", "&lt;", "<b>", '"', "\x07", "\ud800", "x" * 16_000]
    page = opened(f"NAMES = {names}\n{ODD}", keras=False)
    boxes = page.locator(".explorer-canvas g.node[data-item]")

    expect(boxes).to_have_count(len(names) + 1)
    for place, name in enumerate(names):
        boxes.nth(place + 1).click()
        expect(heading(page)).to_have_text(printable(name))
        expect(boxes.nth(place + 1)).to_have_attribute("aria-pressed", "true")
        open_tab(page, "Layers")
        expect(page.locator(".explorer-table tr.explorer-selected td:first-child")).to_have_text(
            printable(name)
        )
    width = boxes.last.bounding_box()["width"]
    assert width < 800, "a long name is shortened"
    boxes.last.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("x" * 16_000)


def test_keys_pressed_in_the_explorer_never_reach_the_notebook(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    cells = "() => jupyterapp.shell.currentWidget.content.model.toJSON().cells"
    before = [(cell["cell_type"], cell["source"]) for cell in page.evaluate(cells)]
    open_tab(page, "Charts")
    page.locator(".js-plotly-plot").wait_for()
    open_tab(page, "Diagram")
    open_tab(page, "Layers")
    places = [
        handle(page, "filters"),
        control(page, "middle block").get_by_role("checkbox"),
        page.locator(".explorer-family select"),
        page.get_by_role("button", name="▶ Run"),
        page.get_by_role("tab", name="Layers"),
        page.get_by_title("Zoom in"),
        page.locator(".explorer-canvas [data-item][tabindex='0']"),
        page.locator(".explorer-table th button").first,
        page.locator(".explorer-total").first,
        page.get_by_role("slider", name="Place in the network"),
        page.get_by_role("button", name="Keys, and what arrows mean"),
    ]
    for place in places:
        for key in ("x", "d", "d", "m", "y", "a", "b", "c", "v", "z", "1", "0", "0"):
            place.focus()
            page.keyboard.press(key)
    # Nor after a click on what takes no focus: it would go to the cell.
    cell = "() => jupyterapp.shell.currentWidget.content.activeCell.node.focus()"
    clicked = [
        page.get_by_title("Undo (Ctrl+Z)"),
        page.get_by_role("tab", name="Layers"),
        page.locator(".explorer-totals button").first,
        page.locator(".explorer-group-head").first,
        page.locator(".explorer-table tbody td").nth(2),
        page.locator(".explorer-canvas svg"),
    ]
    for place in clicked:
        page.evaluate(cell)
        place.scroll_into_view_if_needed()
        box = place.bounding_box()
        page.mouse.move(box["x"] + 4, box["y"] + 4)
        page.mouse.down()
        page.mouse.move(box["x"] + 8, box["y"] + 8)
        page.mouse.up()
        expect(page.locator(".explorer:focus-within")).to_have_count(1)
        for key in ("x", "d", "d", "a"):
            page.keyboard.press(key)
    assert [(cell["cell_type"], cell["source"]) for cell in page.evaluate(cells)] == before
    expect(page.locator(".jp-Dialog")).to_have_count(0)

    # Our own go on: arrows, Enter and undo.
    page.locator(".explorer-family select").select_option("U-Net (small)")
    expect(number(page, "filters")).to_have_value("16")
    type_number(page, "filters", 7)
    expect(handle(page, "filters")).to_have_attribute("aria-valuetext", "7")
    handle(page, "filters").focus()
    page.keyboard.press("ArrowRight")
    expect(number(page, "filters")).to_have_value("8")
    page.keyboard.press("Control+z")
    # To 7, or to 16 where the two edits came so close that they are one step.
    expect(number(page, "filters")).not_to_have_value("8")
    node = page.locator(".explorer-canvas [data-item][tabindex='0']")
    node.focus()
    first = node.get_attribute("data-item")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".explorer-canvas [data-item]:focus")).not_to_have_attribute(
        "data-item", first
    )
    focused = page.locator(".explorer-canvas [data-item]:focus").get_attribute("data-item")
    page.keyboard.press("Enter")
    expect(page.locator(".explorer-canvas .explorer-layer").first).to_be_attached()
    assert focused.startswith("block-")
    assert [(cell["cell_type"], cell["source"]) for cell in page.evaluate(cells)] == before


def test_a_checkbox_has_its_doc_as_tooltip(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    boxes = [found for found in parameters_of(UNet) if found.value_type is bool and not found.words]
    docs = {found.label: found.doc for found in boxes}
    for label, doc in docs.items():
        box = control(page, label).get_by_role("checkbox")
        expect(box).to_have_attribute("title", doc)
        expect(control(page, label).locator("label span", has_text=label)).to_have_attribute(
            "title", doc
        )
    open_tab(page, "Run and time")
    always = page.get_by_label("after every change")
    expect(always).to_have_attribute(
        "title", "Run and time the model after every change of the design"
    )


def test_a_long_search_stays_in_its_place(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    tools = page.locator(".explorer-tools")
    before = tools.bounding_box()

    page.get_by_placeholder("find a layer").fill("w" * 2000)

    expect(page.locator(".explorer-found")).to_contain_text("no layer has “www")
    assert tools.bounding_box() == before
    assert page.evaluate(OVERFLOWING) == []


def test_families_that_are_chosen_again_leave_nothing_behind(opened):  # noqa: F811
    page = opened("widget = Explorer(input_shape=(256, 256, 1))\nwidget", keras=False)
    family = page.locator(".explorer-family select")
    session = page.context.new_cdp_session(page)

    def go_through() -> None:
        for name in ("LEAP CNN", "Stacked hourglass", "FC-DenseNet56", "ResNet50", "U-Net (small)"):
            family.select_option(name)
            expect_views(page, presets[name])

    def nodes() -> int:
        session.send("HeapProfiler.collectGarbage")
        return session.send("Memory.getDOMCounters")["nodes"]

    go_through()
    go_through()
    first = nodes()
    for _ in range(3):
        go_through()

    # What was looked at last may be held for a while, by the tools of the browser, too.
    last = eventually(page, nodes, lambda last: last - first < 100)
    assert last - first < 100, (first, last)


def test_the_keyboard_walks_along_the_graph(opened):  # noqa: F811
    page = opened(TINY, keras=False)

    def focused() -> str:
        return page.evaluate("() => document.activeElement.dataset?.item ?? ''")

    def press(key: str, wanted: str) -> None:
        page.keyboard.press(key)
        assert eventually(page, focused, wanted.__eq__) == wanted

    page.get_by_label("Save the diagram").focus()
    press("Tab", "alone-image_in")
    press("ArrowRight", "block-stack0_enc0")
    expect(heading(page)).to_have_text("encoder 0")
    expect(page.get_by_role("tooltip")).to_contain_text("encoder 0")
    press("ArrowDown", "block-stack0_dec1")  # along the skip connection
    press("ArrowUp", "block-stack0_enc0")  # and back
    press("ArrowRight", "block-stack0_enc1")
    page.keyboard.press("Enter")
    expect(layer(page, "stack0_enc1_pool")).to_have_count(1)
    assert eventually(page, focused, "block-stack0_enc1".__eq__) == "block-stack0_enc1"
    press("ArrowLeft", "block-stack0_enc0")
    press("ArrowRight", "block-stack0_enc1")
    press("ArrowRight", "layer-stack0_enc1_pool")
    press("ArrowRight", "layer-stack0_enc1_conv0")
    press("Escape", "block-stack0_enc1")
    # An edit leaves the focus where it was.
    page.evaluate("() => document.activeElement.id")
    page.keyboard.press("Control+z")
    assert focused() == "block-stack0_enc1"

    # No key that pans or goes to an end reaches the notebook.
    page.evaluate("addEventListener('keydown', ({key}) => { window.reached = key; })")
    press("Home", "alone-image_in")
    press("End", "block-stack0_dec1")
    for _ in range(6):
        page.get_by_title("Zoom in").click()
    canvas = page.locator(".explorer-canvas")
    canvas.click(position={"x": 4, "y": 4})
    top = "canvas => canvas.scrollTop / canvas.clientHeight"
    for place in (block(page, "stack0_enc0"), canvas):
        canvas.evaluate("canvas => canvas.scrollTo(0, 0)")
        place.focus()
        before = canvas.evaluate(top)
        page.keyboard.press("PageDown")
        assert canvas.evaluate(top) > before + 0.5
        page.keyboard.press("PageUp")
        assert canvas.evaluate(top) == pytest.approx(before, abs=0.01)
    assert page.evaluate("() => window.reached") is None


def test_one_can_look_around_in_a_long_network(opened):  # noqa: F811
    page = opened("widget = Explorer(presets['FC-DenseNet103'], (64, 64, 1))\nwidget", keras=False)
    canvas = page.locator(".explorer-canvas")
    set_detail(page, "layers")
    cards = cards_of(trace(presets["FC-DenseNet103"], (64, 64, 1)))
    rows = sum(len(folded_rows_of(card)) for card in cards if card.is_block)
    expect(page.locator(".explorer-canvas rect.explorer-layer")).to_have_count(rows)

    def width() -> float:
        return canvas.locator("svg").bounding_box()["width"]

    def place() -> list[float]:
        return canvas.evaluate("canvas => [canvas.scrollLeft, canvas.scrollTop]")

    readable = width()
    canvas.hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    assert eventually(page, lambda: width() > 1.5 * readable)
    before, box = place(), canvas.bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 200, steps=5)
    page.mouse.up()
    assert place() == pytest.approx([before[0] + 200, before[1] + 100], abs=3)
    expect(heading(page)).not_to_contain_text("conv")  # a pan selects nothing

    show_all, fit = (
        page.get_by_title("Show the whole diagram"),
        page.get_by_title("Fit to the width"),
    )
    expect(show_all).to_have_attribute("aria-pressed", "false")
    show_all.click()
    expect(show_all).to_have_attribute("aria-pressed", "true")
    whole = canvas.locator("svg").bounding_box()
    assert whole["width"] <= box["width"]
    assert whole["height"] <= 900

    # What is searched is scrolled to, within the canvas, and large enough to be read.
    search = page.get_by_label("find a layer")
    search.fill("stack0_dec4")
    marked = canvas.locator("rect.explorer-selected").first
    expect(marked).to_be_visible()
    inside = """
        element => {
            const [a, b] = [element, element.closest('.explorer-canvas')]
                .map(found => found.getBoundingClientRect());
            return a.top >= b.top && a.bottom <= b.bottom;
        }
    """
    assert eventually(page, lambda: marked.evaluate(inside))
    assert marked.bounding_box()["height"] > 12
    search.fill("")
    expect(show_all).to_have_attribute("aria-pressed", "true")
    assert width() == pytest.approx(whole["width"], abs=2)

    # What fits goes on fitting, in another window and for another network.
    def fits() -> bool:
        return width() == pytest.approx(canvas.evaluate("canvas => canvas.clientWidth"), abs=2)

    def scale() -> float:
        return width() / canvas.locator("svg").evaluate("svg => svg.viewBox.baseVal.width")

    fit.click()
    assert fits()
    assert width() <= readable
    page.set_viewport_size({"width": 1240, "height": 900})
    assert eventually(page, fits)
    page.get_by_title("Zoom in").click()
    expect(fit).to_have_attribute("aria-pressed", "false")
    page.locator(".explorer-family select").select_option("U-Net (small)")
    expect(block(page, "stack0_dec3")).to_be_attached()
    expect(fit).to_have_attribute("aria-pressed", "true")
    assert fits()

    # A zoom by hand outlasts edits.
    page.get_by_title("Zoom in").click()
    by_hand = scale()
    type_number(page, "filters", 9)
    expect(block(page, "stack0_enc0")).to_contain_text("× 9")
    assert scale() == pytest.approx(by_hand, rel=0.01)


def test_a_network_without_what_was_selected_is_shown_from_its_start(opened):  # noqa: F811
    page = opened("widget = Explorer(presets['FC-DenseNet103'], (64, 64, 1))\nwidget", keras=False)
    canvas = page.locator(".explorer-canvas")

    def scrolled() -> float:
        return canvas.evaluate("canvas => canvas.scrollTop")

    set_detail(page, "layers")
    expect(canvas).to_contain_text("skip_concat")
    block(page, "stack0_dec0").dispatch_event("click")
    assert eventually(page, lambda: scrolled() > 0)
    page.locator(".explorer-family select").select_option("ResNet50")
    expect(heading(page)).to_have_text("ResNet50")
    expect(block(page, "stack0_dec0")).to_have_count(0)
    assert eventually(page, lambda: scrolled() == 0)


def test_the_drawing_is_arranged_coloured_and_saved(opened):  # noqa: F811
    page = opened(TINY)
    svg = page.locator(".explorer-canvas svg")

    def ratio() -> float:
        return svg.evaluate("({viewBox: {baseVal: box}}) => box.width / box.height")

    def choose(name: str, value: str | bool) -> None:
        set_option(page, name, value)

    assert ratio() < 2
    choose("direction", "left to right")
    assert eventually(page, lambda: ratio() > 3)
    choose("draw sizes", True)
    expect(page.locator(".explorer-canvas rect.explorer-layer")).not_to_have_count(0)
    expect(page.locator(".explorer-legend")).to_contain_text("as high as the feature")
    choose("direction", "U")
    choose("colour by", "MACs")
    expect(block(page, "stack0_dec1")).to_contain_text(re.compile(r"% · .* MACs"))
    expect(page.locator(".explorer-legend")).to_contain_text("of all MACs")
    choose("colour by", "time")
    open_tab(page, "Run and time")
    page.get_by_role("button", name="Time every layer").click()
    expect(block(page, "stack0_dec1")).to_contain_text(re.compile(r"% · .* .?s"))
    open_tab(page, "Explain")
    expect(page.locator(".explorer-inspector")).to_contain_text("time")

    starts = {"SVG": b"<?xml", "PDF": b"%PDF", "PNG": b"\x89PNG", "DOT": b"digraph"}
    for name, start in starts.items():
        with page.expect_download() as download:
            page.get_by_label("Save the diagram").select_option(name)
        assert download.value.suggested_filename == f"UNet.{name.lower()}"
        assert download.value.path().read_bytes().startswith(start)

    # What an edit changes is marked for a moment, and only that.
    choose("colour by", "kind")
    page.get_by_label("middle block", exact=True).uncheck()
    expect(page.locator(".explorer-canvas .explorer-changed")).not_to_have_count(0)
    expect(block(page, "stack0_enc0")).not_to_have_class("explorer-changed")


def test_charts_follow_edits_and_clicks_select(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    open_tab(page, "Charts")
    bars = page.locator(".js-plotly-plot .barlayer .point path")
    expect(bars.first).to_be_attached()
    page.evaluate("() => { document.querySelector('.js-plotly-plot').dataset.kept = 'yes'; }")
    charts = page.locator(".explorer-charts")
    before = charts.inner_text()

    type_number(page, "filters", 9)
    expect_inner_text_other_than(charts, before)
    expect(page.locator(".js-plotly-plot")).to_have_attribute("data-kept", "yes")
    # What lies above the bars takes the click.
    bar = max(bars.all(), key=lambda bar: (bar.bounding_box() or {"height": 0})["height"])
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(heading(page)).to_contain_text("middle_contract_conv0")
    charts.get_by_role("radio", name="by block").or_(
        charts.get_by_role("button", name="by block")
    ).first.click()
    expect(charts).to_contain_text("by block")


def expect_inner_text_other_than(found: Locator, before: str) -> None:
    assert eventually(found.page, lambda: found.inner_text() != before)


def test_what_a_pixel_sees_is_shown_on_the_picture(opened):  # noqa: F811
    page = opened(TINY)
    open_tab(page, "Receptive field")
    field = page.locator(".explorer-field")
    picture = field.get_by_role("application")
    expect(field.locator("image").first).to_have_attribute("href", re.compile("^blob:"))
    inside = field.locator("rect.explorer-field-inside").last
    lines = field.get_by_role("status")

    def window() -> list[float]:
        return [float(inside.get_attribute(name)) for name in ("x", "y", "width", "height")]

    box = picture.bounding_box()
    picture.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(lines).to_contain_text("sees up to 48×48 px (this pixel: ")
    before = window()
    for _ in range(4):  # the greatest stride: windows in between need not differ
        picture.press("ArrowRight")
    assert eventually(page, lambda: window()[0] == before[0] + 4)

    # The window follows the selection, the heat map follows from the real model.
    expect(lines).to_contain_text("95 % of the gradient within")
    expect(field.locator("image").nth(1)).to_have_attribute("href", re.compile("^blob:"))
    page.locator(".explorer-strip-step").nth(4).click()
    expect(lines).to_contain_text("sees up to 5×5 px (this pixel: 5×5)")
    assert eventually(page, lambda: window()[2:] == [5, 5])

    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    corner = [box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"]]
    page.mouse.move(*corner)
    page.mouse.down()
    page.mouse.move(corner[0] + 0.5 * box["width"], corner[1] + 0.4 * box["height"], steps=5)
    page.mouse.up()
    expect(lines).to_contain_text("is smaller than the object")
    expect(lines).to_contain_text("The network's output can")
    lines.get_by_role("button", name="kernel size 3 → 9").click()
    expect(page.get_by_label("history").locator("option:checked")).to_have_text(
        re.compile(r"\d+\. kernel size 3 → 9")
    )
    expect(lines).to_contain_text("sees up to 17×17 px (this pixel: 17×17)")
    page.get_by_role("button", name="Undo").click()
    expect(lines).to_contain_text("sees up to 5×5 px (this pixel: 5×5)")
    field.get_by_role("button", name="Remove box").click()
    expect(lines).not_to_contain_text("smaller than the object")


@pytest.mark.parametrize("viewport", [(1440, 900), (1280, 720)])
def test_what_lets_a_layer_see_more_is_offered_in_view(opened, viewport):  # noqa: F811
    page = opened(viewport=viewport)
    block(page, "stack0_enc0").click(position={"x": 20, "y": 8})
    open_tab(page, "Receptive field")
    field = page.locator(".explorer-field")
    expect(field.get_by_role("status")).to_contain_text("encoder 0")
    page.locator(".explorer-workspace").evaluate("each => each.scrollIntoView({block: 'end'})")
    box = field.get_by_role("application").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.7 * box["height"], steps=5)
    page.mouse.up()
    offers = field.locator(".explorer-field-offers").first  # a trained example may be another
    expect(offers).to_contain_text("multiply")
    for part in (field.get_by_role("application"), *offers.get_by_role("button").all()):
        assert part.evaluate(IN_VIEW)
    pane = page.get_by_role("tabpanel").filter(has=field)
    assert pane.evaluate("pane => pane.scrollTop") == 0
    lines = """
        () => [...document.querySelectorAll('.explorer-field-offers small')].flatMap(cost => {
            const walker = document.createTreeWalker(cost, NodeFilter.SHOW_TEXT);
            const texts = []; // a term that is explained is a button among them
            while (walker.nextNode()) texts.push(walker.currentNode);
            const places = text => [...text.data.matchAll(/multiply.adds/g)];
            return texts.flatMap(text => places(text).map(({index}) => {
                const range = document.createRange();
                range.setStart(text, index);
                range.setEnd(text, index + 13);
                return range.getClientRects().length;
            }));
        })
    """
    assert set(page.evaluate(lines)) == {1}, "no figure's name is broken"


def test_the_pictures_way_through_the_network_is_a_film_strip(opened, lab):  # noqa: F811
    page = opened(f"{TINY}.model.save_weights('mine.weights.h5')\nwidget", fresh=True)
    open_tab(page, "Feature maps")
    film = page.locator(".explorer-film")
    panel = page.get_by_role("tabpanel").filter(has=film)
    expect(film.get_by_role("button")).to_have_count(8)
    expect(panel).to_contain_text("random (seed 0): the network is not trained")
    film.get_by_role("button", name=re.compile("encoder 1")).click()
    expect(heading(page)).to_have_text("encoder 1")
    large = page.get_by_role("dialog")
    expect(large).to_contain_text("a picture of 32 × 32 pixels")
    width = large.locator("img").bounding_box()["width"]
    assert width >= 512
    assert width % 32 == 0  # each value is a square of whole pixels
    page.keyboard.press("ArrowRight")
    expect(heading(page)).to_have_text("last pooling")
    expect(large).to_contain_text("a picture of 16 × 16 pixels")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(film.get_by_role("button", name=re.compile("encoder 1"))).to_be_focused()
    expect(panel).to_contain_text("channels of stack0_enc1_act1_relu, 32 × 32 × 8")

    path = panel.get_by_label("weights file")
    path.fill("no.weights.h5")
    panel.get_by_role("button", name="Load").click()
    expect(panel).to_contain_text("There is no file no.weights.h5")
    path.fill("mine.weights.h5")
    panel.get_by_role("button", name="Load").click()
    expect(panel).to_contain_text("weights: from mine.weights.h5")
    type_number(page, "convs per block", 3)
    expect(panel).to_contain_text("layers with weights; the rest random")


def test_the_whole_way_of_a_picture_is_in_view(opened):  # noqa: F811
    page = opened()
    open_tab(page, "Feature maps")
    frames = page.locator(".explorer-film button")
    expect(frames).to_have_count(len(cards_of(trace(presets["U-Net (small)"], (256, 256, 1)))))
    page.locator(".explorer-workspace").evaluate("each => each.scrollIntoView({block: 'end'})")
    for frame in frames.all():
        assert frame.evaluate(IN_VIEW)


def test_two_designs_are_compared_and_timed_in_turns(opened):  # noqa: F811
    page = opened(TINY)
    open_tab(page, "Compare")
    page.get_by_role("button", name="Pin as A").click()
    type_number(page, "down blocks", 3)
    expect(block(page, "stack0_enc2")).to_contain_text("changed")
    page.get_by_label("middle block", exact=True).uncheck()
    expect(page.locator(".explorer-canvas")).to_contain_text("only in A")
    expect(page.locator(".explorer-legend")).to_contain_text("only in B")
    tables = page.get_by_role("region", name="Differences of A and B")
    expect(tables).to_contain_text("down blocks")
    page.get_by_role("button", name="Time both").click()
    panel = page.get_by_role("tabpanel").filter(has=tables)
    expect(panel).to_contain_text(re.compile("as (fast|long) as A"))
    page.get_by_role("button", name="Swap").click()
    middle = control(page, "middle block").get_by_role("checkbox")
    expect(middle).to_be_checked()
    expect(page.locator(".explorer-total").first.locator("i")).to_have_text(re.compile("^A "))
    open_tab(page, "Layers")
    expect(page.locator(".explorer-canvas")).not_to_contain_text("only in A")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_is_accessible_and_fits(opened, theme):  # noqa: F811
    page = opened(TINY, theme=theme)
    block(page, "stack0_enc0").dblclick()
    expect(layer(page, "stack0_enc0_conv0")).to_have_count(1)
    page.get_by_role("button", name="Blocks and heads").click()
    for title in TABS:
        open_tab(page, title)
        wait_for_content(page, title)
        # In a narrow window, as at 200 % zoom, nothing is cut off.
        for width in (1440, 640):
            page.set_viewport_size({"width": width, "height": 900})
            found = eventually(page, lambda: page.evaluate(OVERFLOWING), [].__eq__)
            assert found == [], (title, width)
        assert violations(page) == [], title
        page.set_viewport_size({"width": 1440, "height": 900})


def test_nothing_scrolls_that_should_not(opened):  # noqa: F811
    page = opened()
    page.locator(".explorer-good").wait_for()

    def look(what: str) -> None:
        for width in (2560, 1440, 1024, 700, 640):
            page.set_viewport_size({"width": width, "height": 900})
            for kind in (SCROLLING, OVERFLOWING):
                found = eventually(page, lambda kind=kind: page.evaluate(kind), [].__eq__)
                assert found == [], (what, width)
        page.set_viewport_size({"width": 1440, "height": 900})

    look("at first")
    page.get_by_role("button", name="▶ Run").click()
    expect_result(page, channels=8)
    page.get_by_role("button", name="Time every layer").click()
    expect(page.get_by_text("layers, each alone")).to_be_visible()
    page.get_by_role("button", name="Blocks and heads").click()
    for title in TABS:
        open_tab(page, title)
        wait_for_content(page, title)
        look(title)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_labels_of_tabs_are_whole(opened, theme):  # noqa: F811
    page = opened(TINY, keras=False, theme=theme)
    side = page.get_by_role("button", name="Hide or show explanation and tables")
    for width in (1440, 1024, 700):  # of the side: 280, 340 and 244 px
        page.set_viewport_size({"width": width, "height": 900})
        for title in (*TABS, TABS[0]):
            if width < 1440 and title == "Layers":
                side.click()
            open_tab(page, title)
            expect(page.get_by_role("tab", name=title)).to_have_attribute("aria-selected", "true")
            cut_off = eventually(page, lambda: page.evaluate(CUT_OFF), [].__eq__)
            assert cut_off == [], (title, width)
            if width > 700:
                assert page.evaluate(OTHER_ROWS) == [], (title, width)
                assert page.evaluate(LEAST_GAP) > 7, (title, width)
            if width < 1440 and title == "Explain":
                side.click()


LONG_LABELS = """
    () => [...document.querySelectorAll('.explorer .widget-label, .explorer label')]
        .filter(label => label.checkVisibility())
        .filter(label => label.scrollWidth > label.clientWidth
            || label.scrollHeight > label.clientHeight + 1)
        .map(label => label.textContent)
"""


@pytest.mark.parametrize("family", ["LEAP CNN", "ResNet50", "FC-DenseNet56"])
def test_labels_of_controls_are_whole(opened, family):  # noqa: F811
    page = opened(f"widget = Explorer(presets['{family}'], (64, 64, 1))\nwidget", keras=False)
    page.get_by_role("button", name="Blocks and heads").click()
    blocks = page.locator(".explorer-blocks select").first
    expect(blocks.locator("option").nth(2)).to_be_attached()
    names = {text.split("·")[-1]: text for text in blocks.locator("option").all_text_contents()}
    assert len(names) > 2
    for text in names.values():
        blocks.select_option(text)
        title = text.split(" · ")[-1]
        kind = page.locator(".explorer-kind select")
        if " · " in text and kind.is_visible():
            expect(kind).to_have_value(title)
        for width in (1440, 1240):
            page.set_viewport_size({"width": width, "height": 900})
            assert eventually(page, lambda: page.evaluate(LONG_LABELS), [].__eq__) == []


def wait_for_content(page: Page, title: str) -> None:
    if title == "Charts":
        expect(page.locator(".js-plotly-plot .barlayer .point").first).to_be_attached()
    elif title == "Receptive field":
        expect(page.locator(".explorer-field")).to_contain_text("95 % of the gradient within")
    elif title == "Feature maps":
        expect(page.locator(".explorer-film button")).not_to_have_count(0)
    elif title == "Compare":
        page.get_by_role("button", name="Pin as A").click()
        type_number(page, "down blocks", 3)  # a block in the editor has filters, too
        expect(page.get_by_role("region", name="Differences of A and B")).to_be_visible()


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong in the explorer, by the rules of WCAG 2.2 AA."""
    rules = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, context=".explorer", options={"runOnly": rules}).response["violations"]
    return [f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}" for each in found]
