"""The tab “Design”, as a person uses it who knows what the network is for."""

import json
import re

from playwright.sync_api import expect

from explorer import UNet, analyze, trace
from tests.browser.test_explorer import (
    PATIENCE,
    number,
    open_tab,
    opened,  # noqa: F401 — a fixture
)

SHAPE = (1024, 1024, 1)

#: Values of the top bar that are cut off.
CUT_OFF = """
    () => [...document.querySelectorAll('.explorer-total b')].filter(value => {
        const range = document.createRange();
        range.selectNodeContents(value);
        const figure = value.closest('.explorer-total').getBoundingClientRect();
        return range.getBoundingClientRect().right > figure.right;
    }).map(value => value.textContent)
"""


def test_what_a_person_wants_takes_four_clicks(opened, tmp_path):  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False)
    keys = page.keyboard
    open_tab(page, "Design")  # a click
    page.get_by_label("image height in px").click()  # a click
    for typed in ("1024", "1024", "", "180 px", "", "", "2 GB"):
        if typed:
            keys.press("ControlOrMeta+a")
            keys.type(typed)
        keys.press("Tab")
    budgets = page.locator(".explorer-budgets")
    expect(budgets).to_contain_text("missed by 72 px", timeout=PATIENCE)
    expect(budgets).to_contain_text(re.compile(r"258 MiB: passed"))
    figure = page.locator(".explorer-total[data-name=budgets]")
    expect(figure).to_contain_text("1 of 2")
    assert page.evaluate(CUT_OFF) == []
    page.get_by_role("button", name="▶ Search").click()  # a click
    points = page.locator(".explorer-search .scatterlayer .trace").first.locator(".points path")
    expect(points.first).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".explorer-search")).to_contain_text(re.compile(r"found, \d+ tried"))
    rows = page.locator(".explorer-found-table tbody tr")
    expect(points).to_have_count(rows.count())
    expect(rows.first).to_be_in_viewport()

    filters, convs, blocks = (int(text) for text in rows.first.locator("td").all_inner_texts()[:3])
    net = UNet(filters=filters, convs_per_block=convs, down_blocks=blocks, up_blocks=blocks)
    report = analyze(trace(net, SHAPE))
    assert min(report.receptive_field) >= 180
    assert report.peak_memory_bytes <= 2e9
    points.first.click(force=True)  # a click; what plotly lays above it hears it

    expect(number(page, "filters")).to_have_value(str(filters))
    expect(figure).to_contain_text("2 of 2")
    expect(rows.first).to_have_class(re.compile("explorer-selected"))
    figure.hover()
    expect(page.locator(".explorer-totals .explorer-hint")).to_contain_text("2 of 2 budgets kept")

    with page.expect_download() as coming:
        page.get_by_role("button", name="CSV").click()
    coming.value.save_as(tmp_path / "found.csv")
    lines = (tmp_path / "found.csv").read_text().splitlines()
    assert len(lines) == 1 + rows.count()

    page.get_by_role("button", name="Undo").click()
    expect(number(page, "filters")).to_have_value("16")


def test_a_file_of_objects_sets_how_far_the_field_is_to_see(opened, tmp_path):  # noqa: F811
    page = opened("widget = Explorer()\nwidget", keras=False)
    open_tab(page, "Design")
    page.get_by_text("A field that holds objects").click()
    file = tmp_path / "boxes.json"
    boxes = [{"bbox": [0, 0, side, 9]} for side in range(10, 210)]
    file.write_text(json.dumps({"annotations": boxes}))
    with page.expect_file_chooser() as chooser:
        page.locator(".explorer-search-objects").get_by_role("button").click()
    chooser.value.set_files(file)
    told = page.locator(".explorer-search-objects")
    expect(told).to_contain_text("200 objects in boxes.json: median 109 px, largest 209 px")
    amount = page.get_by_label("amount of receptive field")
    expect(amount).to_have_value("199 px")
    page.get_by_label("percent of the objects").fill("50")
    page.keyboard.press("Tab")
    expect(amount).to_have_value("109 px")

    file.write_text("{}")
    with page.expect_file_chooser() as chooser:
        page.locator(".explorer-search-objects").get_by_role("button").click()
    chooser.value.set_files(file)
    expect(told.get_by_role("alert")).to_contain_text("no list of annotations")
    page.get_by_label("sizes of objects in px").fill("30, 60 × 44")
    page.keyboard.press("Tab")
    expect(told).to_contain_text("2 objects: median 30 px, largest 60 px")
    expect(told.get_by_role("alert")).to_be_hidden()
    assert page.console_errors == []
