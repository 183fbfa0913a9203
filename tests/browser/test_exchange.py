"""Designs leave the explorer as links and files, and come back from them."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from explorer import UNet, load, to_json
from explorer.core.analysis.design import Design, Input
from explorer.core.exchange.links import SharedDesign, to_link
from tests.browser.test_explorer import (
    IN_VIEW,
    TINY,
    TINY_NET,
    eventually,
    in_kernel,
    keras_process,
    number,
    opened,  # noqa: F401 — a fixture
    suspended,
    type_number,
)
from tests.browser.test_screen import violations
from tests.browser.test_workspace import show_whole
from tests.core.exchange.test_nnunet import NEW, VOLUME
from tests.onnx_side.test_files import PARAMETERS, unet
from tests.widget.test_explorer_of_models import model_without_rule

OTHER = UNet(filters=8, down_blocks=3, up_blocks=3)
#: A file of SLEAP's that leaves open how many body parts there are.
SLEAP = {
    "model": {
        "backbone": {"unet": {"max_stride": 8, "output_stride": 2, "filters": 8}},
        "heads": {"single_instance": {"part_names": None, "output_stride": 2}},
    }
}


def open_text(page: Page, text: str) -> None:
    page.get_by_label("A link, or what a file says").fill(text)
    page.locator(".explorer-exchange-pane").get_by_role("button", name="Open", exact=True).click()


def test_a_link_is_copied_and_opened_again(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show_whole(page)
    page.get_by_role("button", name="Save and share").click()
    field = page.get_by_label("Link to this design")
    expect(field).to_have_value(re.compile("^#design="))
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert load(link).architecture == TINY_NET

    type_number(page, "filters", 9)
    assert page.locator(".explorer-exchange-pane:visible").count() == 0
    page.get_by_role("button", name="Open…").click()
    open_text(page, link)
    expect(number(page, "filters")).to_have_value("4")
    page.get_by_role("button", name="Undo (Ctrl+Z)").click()
    expect(number(page, "filters")).to_have_value("9")


def test_files_are_saved_and_opened_again(opened, tmp_path):  # noqa: F811
    page = opened(TINY, keras=False)
    show_whole(page)
    page.get_by_role("button", name="Save and share").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Layers as CSV").click()
    assert download.value.suggested_filename == "UNet.csv"
    assert "stack0_enc0_conv0" in download.value.path().read_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON", exact=True).click()
    assert load(download.value.path()).architecture == TINY_NET

    file = tmp_path / "other.json"
    file.write_text(to_json(OTHER))
    page.get_by_role("button", name="Open…").click()
    page.locator(".explorer-exchange input[type=file]").set_input_files(file)
    expect(number(page, "filters")).to_have_value("8")
    assert in_kernel(page, "", "widget.architecture.down_blocks") == 3


def test_the_model_is_saved_with_its_weights(opened):  # noqa: F811
    page = opened(TINY, keras=False, fresh=True)  # a kernel that takes a while to save the first
    show_whole(page)
    page.get_by_role("button", name="Save and share").click()
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Keras model").click()
        for name in ("Keras model", "Keras weights", "ONNX"):
            expect(page.get_by_role("button", name=name)).to_be_disabled()
    assert download.value.suggested_filename == "UNet.keras"
    loaded = load(download.value.path())
    assert loaded.architecture.model.count_params() == Design(TINY_NET).report.total_params
    expect(page.get_by_text("weights: random (seed 0)")).to_be_visible()
    expect(page.get_by_role("button", name="ONNX")).to_be_enabled()
    with page.expect_download() as download:
        page.get_by_role("button", name="Keras weights").click()
    assert download.value.suggested_filename == "UNet.weights.h5"
    expect(page.get_by_text("UNet.weights.h5: ")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("ending", ["keras", "onnx"])
def test_a_model_is_read_and_sized_while_edits_are_answered(opened, tmp_path, ending):  # noqa: F811
    path = tmp_path / f"other.{ending}"
    if ending == "keras":
        model = model_without_rule()
        model.save(path)
        total = model.count_params()
    else:
        path.write_bytes(unet().SerializeToString())
        total = PARAMETERS
    page = opened(TINY, keras=False, fresh=True)  # a kernel that has imported neither
    show_whole(page)
    page.get_by_role("button", name="Open…").click()
    page.locator(".explorer-exchange input[type=file]").set_input_files(path)
    reading = page.get_by_text(f"Reading {path.name} …")
    expect(reading).to_be_visible()
    type_number(page, "filters", 7)
    assert in_kernel(page, "", "widget.architecture.filters") == 7
    account = page.locator(".explorer-exchange .explorer-page:visible")
    expect(account).to_contain_text("ONNX: " if ending == "onnx" else "Keras: ", timeout=90_000)
    expect(reading).to_have_count(0)
    assert in_kernel(page, "", "widget.report.total_params") == total
    assert in_kernel(page, "import sys", "{'keras', 'onnx'} & {*sys.modules} == set()")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Close").locator("visible=true").click()
    if ending == "keras":  # which has to be asked for it; the screen goes on meanwhile
        with suspended(keras_process(page)):
            type_number(page, "height (px)", 72)
            expect(page.get_by_text("Reading the model at 72 × 48 × 3 …")).to_be_visible()
            type_number(page, "batch size", 2)
            page.get_by_role("button", name="Undo (Ctrl+Z)").click()
            expect(number(page, "height (px)")).to_have_value("32")
    type_number(page, "height (px)", 80)
    size = "widget.input_shape[0]"
    assert eventually(page, lambda: in_kernel(page, "", size), (80).__eq__) == 80
    assert in_kernel(page, "", "'keras' in sys.modules") is False
    undo = page.get_by_role("button", name="Undo (Ctrl+Z)")
    undo.click()
    undo.click()
    expect(number(page, "filters")).to_have_value("7")


def test_what_a_file_leaves_open_is_asked_for_and_told_until_closed(opened, tmp_path):  # noqa: F811
    page = opened(TINY, keras=False)
    show_whole(page)
    file = tmp_path / "fly.json"
    file.write_text(json.dumps(SLEAP))
    page.get_by_role("button", name="Open…").click()
    page.locator(".explorer-exchange input[type=file]").set_input_files(file)
    account = page.locator(".explorer-exchange .explorer-page:visible")
    expect(account).to_contain_text("SLEAP")
    page.get_by_label("body parts").fill("13")
    page.get_by_role("button", name="Use", exact=True).click()
    expect(page.get_by_label("body parts")).to_have_count(0)
    heads = "[head.channels for head in widget.architecture.heads]"
    assert eventually(page, lambda: in_kernel(page, "", heads), [13].__eq__) == [13]

    type_number(page, "filters", 9)
    expect(account).to_contain_text("model.backbone.unet")
    account.click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Close").locator("visible=true").click()
    expect(account).to_have_count(0)
    assert in_kernel(page, "", heads) == [13]


def test_the_configuration_of_a_file_is_chosen(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    show_whole(page)
    page.get_by_role("button", name="Open…").click()
    small = NEW | {"patch_size": [256, 128]}
    open_text(page, json.dumps({"configurations": {"2d": NEW, "3d": VOLUME, "small": small}}))
    which = page.get_by_label("configuration")
    expect(which).to_have_value("2d")
    expect(which.get_by_role("option", name="3d")).to_be_disabled()
    which.select_option("small")
    account = page.locator(".explorer-exchange .explorer-page:visible")
    expect(account).to_contain_text("nnU-Net plans, small: ")
    assert in_kernel(page, "", "widget.input_shape") == [256, 128, 1]
    expect(which).to_have_value("small")
    assert violations(page) == []


def test_what_cannot_be_opened_costs_a_sentence(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    show_whole(page)
    page.get_by_role("button", name="Open…").click()
    open_text(page, '{"class": "UNet", "filters": 0}')
    alert = page.locator(".explorer-exchange [role=alert]:visible")
    expect(alert).to_contain_text("UNet.filters=0 is too small")
    expect(page.get_by_label("A link, or what a file says")).to_have_value(re.compile("filters"))
    assert in_kernel(page, "", "widget.architecture.filters") == 4
    page.keyboard.press("Escape")
    expect(alert).to_have_count(0)
    expect(page.get_by_role("button", name="Open…")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_panes_are_in_view_and_accessible(opened, theme):  # noqa: F811
    page = opened(TINY, keras=False, theme=theme)
    shared = SharedDesign(OTHER, Input(128, 96, 3, 4), pinned=Design(TINY_NET))
    for width in (1440, 1000, 700):
        page.set_viewport_size({"width": width, "height": 900})
        show_whole(page)
        for name in ("Save and share", "Open…"):
            page.get_by_role("button", name=name).click()
            if name == "Open…":
                open_text(page, to_link(shared))
            last = "BibTeX" if name != "Open…" else "batch_size"
            shown = page.locator(".explorer-exchange-pane:visible").get_by_text(last).last
            expect(shown).to_be_visible()
            shown.scroll_into_view_if_needed()
            assert shown.evaluate(IN_VIEW), (width, name)
            assert violations(page) == []
        page.get_by_role("button", name="Open…").click()
