"""Every family from its controls to its timed forward pass, and blocks edited one by one."""

import re

import pytest
from attrs import evolve
from playwright.sync_api import Page, expect

from explorer import Custom, Head, presets, trace
from tests.browser.test_explorer import (
    control,
    expect_keras_agrees,
    expect_no_error,
    expect_views,
    handle,
    number,
    open_tab,
    opened,  # noqa: F401 — a fixture
    type_number,
)

SIZE = 64
SHAPE = (SIZE, SIZE, 3)
FAMILIES = [
    "U-Net (small)",
    "LEAP CNN",
    "Stacked hourglass",
    "Residual hourglass",
    "FC-DenseNet56",
    "ResNet50",
]


def run_forward(page: Page) -> None:
    page.get_by_role("button", name="▶ Run").click()
    result = page.locator(".explorer-page", has=page.locator(".explorer-timing"))
    expect(result).to_contain_text("median")
    expect(result).to_contain_text(f"1 image of {SIZE} × {SIZE} × 3")
    expect(result.locator("img").first).to_be_visible()


def test_every_family_runs_from_its_controls_to_its_forward_pass(opened):  # noqa: F811
    page = opened(f"widget = Explorer(input_shape={SHAPE})\nwidget")
    family = page.get_by_label("architecture")
    for name in FAMILIES:
        family.select_option(name)
        expect_views(page, presets[name], SHAPE)
        label = "growth rate" if "DenseNet" in name else "filters"
        value = int(number(page, label).first.input_value()) // 4
        type_number(page, label, value)
        field = label.replace(" ", "_")
        net = evolve(presets[name], **{field: value})
        expect_views(page, net, SHAPE)
        expect_keras_agrees(page, layers=len(trace(net, SHAPE)))
        run_forward(page)
    expect_no_error(page)


def test_single_blocks_are_edited_and_the_family_comes_back(opened):  # noqa: F811
    page = opened(f"widget = Explorer(presets['LEAP CNN'], {SHAPE})\nwidget")
    before = presets["LEAP CNN"]
    written = Custom.of(before)
    editor = page.locator(".explorer-own-blocks")

    page.locator("[data-item='block-stack0_enc1']").click()
    open_tab(page, "Explain")
    page.get_by_role("button", name="Edit this block").click()
    blocks = editor.locator(".explorer-blocks select")
    expect(blocks.locator("option:checked")).to_have_text("encoder 1 · 3 conv 3×3, 128, max pool")

    wanted = page.get_by_text("filters", exact=True)
    filters = editor.locator(".explorer-control").filter(has=wanted).locator("input[type=number]")
    filters.fill("9")
    filters.press("Enter")
    encoder = list(written.encoder)
    encoder[1] = evolve(encoder[1], filters=9)
    expect_views(page, before.with_block("encoder", 1, encoder[1]), SHAPE)
    expect(page.get_by_label("architecture")).to_have_value("LEAP CNN, own settings")
    expect(handle(page, "down blocks")).to_be_visible()
    own = page.get_by_role("group", name="Blocks with own settings")
    expect(own.get_by_role("button", name="encoder 1", exact=True)).to_be_visible()
    page.get_by_role("button", name="Remove the own settings of encoder 1").click()
    expect_views(page, before, SHAPE)
    expect(own).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(own).to_be_visible()

    editor.get_by_role("button", name="Duplicate").click()
    encoder.insert(1, encoder[1])
    expect_views(page, evolve(written, encoder=tuple(encoder)), SHAPE)
    expect(page.get_by_label("architecture")).to_have_value("Custom")
    expect(own).to_be_hidden()

    editor.get_by_label("kind").select_option("ResNetStage")
    expect(page.locator("[data-item='block-stack0_enc2']")).to_contain_text("2 times:")
    expect_no_error(page)
    run_forward(page)

    steps = page.get_by_label("history").locator("option")
    assert [text.partition(". ")[2] for text in steps.all_inner_texts()] == [
        "start",
        "encoder 1: filters 128 → 9",
        "duplicated encoder 1",
        "encoder 2: class SimpleConvBlock → ResNetStage",
    ]

    blocks.select_option("decoder 0 · 2 conv 3×3, 512, transposed conv")
    for _ in range(2):
        editor.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("alert")).to_contain_text("only downsamples by 16")

    editor.get_by_role("button", name="Back to LEAP CNN, own settings").click()
    before = before.with_block("encoder", 1, encoder[1])
    expect_views(page, before, SHAPE)
    expect(own).to_be_visible()

    blocks.select_option("heads: none")
    editor.get_by_role("button", name="Add").click()
    expect(page.locator("[data-item='head-head']")).to_contain_text(f"{SIZE} × {SIZE} × 1")
    expect(page.locator(".explorer-total").first).to_have_attribute(
        "aria-label", re.compile("129 of all in heads")
    )
    net = evolve(before, heads=(Head(),))
    expect_keras_agrees(page, layers=len(trace(net, SHAPE)))


OWN = f"""
import attrs
import keras

@attrs.frozen
class Squeezed(EncoderBlock):
    width: int = 4

    def make_block(self, x_in, prefix="squeezed"):
        name = f"{{prefix}}_conv"
        x = keras.layers.SeparableConv2D(self.width, 3, padding="same", name=name)(x_in)
        x = keras.layers.Permute((2, 1, 3), name=f"{{prefix}}_turned")(x)
        return keras.layers.MaxPooling2D(name=f"{{prefix}}_pool")(x)

@attrs.frozen
class Mine(EncoderDecoder):
    width: int = 4
    deep: bool = False

    @property
    def encoder_stack(self):
        return [Squeezed(self.pool_all, 2, self.width)] * (2 if self.deep else 1)

    pool_all = True

    @property
    def decoder_stack(self):
        return [SimpleUpsamplingBlock(refine_convs_filters=self.width)] * (2 if self.deep else 1)

widget = Explorer(Mine(), {SHAPE})
widget
"""


@pytest.mark.parametrize("source", [OWN], ids=["keras"])
def test_a_network_written_in_the_notebook_is_explored(opened, source):  # noqa: F811
    page = opened(source)
    open_tab(page, "Layers")
    rows = page.locator(".explorer-table tbody tr")
    expect(rows).to_have_count(11)
    type_number(page, "width", 7)
    expect(page.locator(".explorer-totals")).to_contain_text(f"{SIZE}×{SIZE}×7")
    expect(page.locator(".explorer-totals")).to_contain_text("unknown")
    control(page, "deep").get_by_role("checkbox").check()
    expect(rows).to_have_count(21)
    expect_keras_agrees(page, layers=21)
    run_forward(page)
    expect_no_error(page)
