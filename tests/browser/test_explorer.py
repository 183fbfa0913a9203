"""The explorer as a user has it: in JupyterLab, with a mouse, a keyboard and a slow machine."""

import io
import json
import random
import re
import time
from ast import literal_eval
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
from attrs import evolve
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from explorer import EncoderDecoder, UNet, analyze, presets, to_json, trace
from explorer.core.formatting import byte_size, short_count
from explorer.core.settling import SETTLED

# Starting TensorFlow takes long on a slow machine; what is waited for mostly comes at once.
PATIENCE = 90_000
expect.set_options(timeout=PATIENCE)

IMPORT = "from explorer import *"
SHOW = "widget = Explorer()\nwidget"
SMALL = presets["U-Net (small)"]
SHAPE = (256, 256, 1)
TINY_NET = UNet(filters=4, down_blocks=2, up_blocks=2)
TINY = "widget = Explorer(UNet(filters=4, down_blocks=2, up_blocks=2), (64, 64, 1))\nwidget"

# What the views say. Rounded figures of the table have the exact ones as their title.
SHOWN = r"""
    () => {
        const texts = (parent, selector) =>
            [...parent.querySelectorAll(selector)].map(found => found.title || found.textContent);
        const blocks = {};
        for (const block of document.querySelectorAll('.explorer-canvas g.node[data-item]')) {
            const lines = texts(block, 'text');
            const params = lines.map(line => line.match(/([\d,]+) parameters/)).find(Boolean);
            blocks[block.dataset.item.replace(/^\w+-/, "")] =
                [lines.find(line => /^\d+ × \d+ × \d+$/.test(line)), params ? params[1] : '0'];
        }
        const cards = {};
        for (const card of document.querySelectorAll('.explorer-totals .explorer-total')) {
            const value = card.querySelector('b').firstChild.textContent;
            if (!card.matches(':last-child')) cards[card.dataset.name] = value;
        }
        return {
            cards,
            blocks,
            rows: [...document.querySelectorAll('.explorer-table tbody tr')]
                .map(row => texts(row, 'td')),
            total: texts(document, '.explorer-table tfoot td'),
        };
    }
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


def sizes(values) -> str:
    return " × ".join(map(str, values))


def expected(architecture: EncoderDecoder, shape=SHAPE) -> dict:
    """What the views should say about a network, in the form of SHOWN."""
    report = analyze(trace(architecture, shape))
    more = len(report.output_shapes) - 1
    blocks: dict[str, list] = {}
    for node, row in zip(trace(architecture, shape), report.layers, strict=True):
        name = node.block.name if node.block else node.name
        params = blocks.get(name, ["", 0])[1] + row.params
        blocks[name] = [sizes(row.shape), params]
    return {
        "cards": {
            "parameters": short_count(report.total_params),
            "compute": short_count(report.macs),
            "memory": byte_size(report.peak_memory_bytes),
            "sees up to": f"{report.receptive_field[0]} px",
            "output": "×".join(map(str, report.output_shapes[-1])) + (f" +{more}" if more else ""),
        },
        "blocks": {name: [shape, f"{params:,}"] for name, (shape, params) in blocks.items()},
        "rows": [
            [
                row.name,
                row.kind,
                sizes(row.shape),
                str(row.stride),
                f"{row.params:,}",
                f"{row.macs:,}",
                f"{row.memory_bytes:,}",
                sizes(row.receptive_field),
            ]
            for row in report.layers
        ],
        "total": [
            f"total of {len(report.layers)} layers",
            "",
            "",
            "",
            f"{report.total_params:,}",
            short_count(report.macs),
            f"peak {byte_size(report.peak_memory_bytes)}",
            "",
        ],
    }


def expect_views(page: Page, architecture: EncoderDecoder, shape=SHAPE) -> None:
    """Wait until diagram, table and totals all show a network."""
    wanted = expected(architecture, shape)
    # A long network is drawn without figures at first.
    blocks = {name: [sizes, "0"] for name, (sizes, _) in wanted["blocks"].items()}
    either = wanted, wanted | {"blocks": blocks}
    open_tab(page, "Layers")
    shown = eventually(page, lambda: page.evaluate(SHOWN), either.__contains__)
    assert shown in either
    # From the screen alone, too: the views agree with each other.
    total = whole(shown["total"][4])
    assert sum(whole(row[4]) for row in shown["rows"]) == total
    if shown["blocks"] == wanted["blocks"]:
        assert sum(whole(params) for _, params in shown["blocks"].values()) == total


def whole(text: str) -> int:
    return int(text.replace(",", ""))


def eventually(page: Page, read: Callable[[], Any], is_wanted: Callable[[Any], bool] = bool) -> Any:
    """What is read as soon as it is as wanted, or in the end."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not is_wanted(value := read()) and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    return value


def run_below(page: Page, source: str) -> None:
    """Run a source in a new cell, below the present one."""
    page.evaluate(
        """
        async source => {
            const {commands, shell} = jupyterapp;
            await commands.execute('notebook:insert-cell-below');
            shell.currentWidget.content.activeCell.model.sharedModel.setSource(source);
            await commands.execute('notebook:run-cell');
        }
        """,
        source,
    )


def in_kernel(page: Page, code: str, expression: str = "None"):
    """Run code in the notebook's kernel, as the next cell would, and give an expression's value."""
    reply = page.evaluate(
        """
        async ([code, value]) => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const reply = await kernel.requestExecute({code, user_expressions: {value}}).done;
            return reply.content;
        }
        """,
        [code, f"__import__('json').dumps({expression})"],
    )
    assert reply["status"] == "ok", reply
    value = reply["user_expressions"]["value"]
    assert value["status"] == "ok", value
    return json.loads(literal_eval(value["data"]["text/plain"]))


def keras_process(page: Page) -> psutil.Process:
    """The process in which the notebook's kernel has Keras."""
    kernel = psutil.Process(in_kernel(page, "import os", "os.getpid()"))

    def found() -> psutil.Process | None:
        workers = (child for child in kernel.children() if "LokyProcess-" in str(child.cmdline()))
        return next(workers, None)

    process = eventually(page, found)
    assert process is not None
    return process


@contextmanager
def suspended(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        if process.is_running():
            process.resume()


# Where things are on the page.


def control(page: Page, label: str) -> Locator:
    return page.locator(".explorer-control:visible").filter(has=page.get_by_text(label, exact=True))


def number(page: Page, label: str) -> Locator:
    return control(page, label).locator("input[type=number]")


def handle(page: Page, label: str) -> Locator:
    return control(page, label).get_by_role("slider")


def type_number(page: Page, label: str, value: object) -> None:
    number(page, label).fill(str(value))
    number(page, label).press("Enter")


def drag(page: Page, label: str, pixels: int) -> None:
    """Drag a slider with the mouse, in small moves."""
    handle(page, label).scroll_into_view_if_needed()
    box = handle(page, label).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + pixels, y, steps=15)
    page.mouse.up()


def open_tab(page: Page, title: str) -> None:
    tab = page.get_by_role("tab", name=title)
    if tab.get_attribute("aria-selected") != "true":
        tab.click()


def set_option(page: Page, name: str, value: str | bool) -> None:
    """Choose how the diagram is drawn."""
    open_tab(page, "Diagram")
    page.get_by_role("button", name="How it is drawn").click()
    if isinstance(value, bool):
        control(page, name).get_by_role("checkbox").set_checked(value)
    else:
        control(page, name).locator("select").select_option(value)
    page.get_by_role("button", name="How it is drawn").click()


def set_detail(page: Page, detail: str) -> None:
    set_option(page, "detail", detail)


def expect_error(page: Page, label: str, *parts: str) -> None:
    error = page.locator(".explorer").get_by_role("alert")
    for part in parts:
        expect(error).to_contain_text(part)
    expect(error).to_have_count(1)
    marked = control(page, label)
    expect(marked).to_have_class(re.compile(r"\bexplorer-refused\b"))
    for field in marked.locator("input, [role=slider]").all():
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile(r"^Not applied: "))


def expect_no_error(page: Page) -> None:
    expect(page.locator(".explorer").get_by_role("alert")).to_have_count(0)
    expect(page.locator(".explorer [aria-invalid]")).to_have_count(0)


def expect_keras_agrees(page: Page, layers: int) -> None:
    good = page.locator(".explorer-good")
    expect(good).to_contain_text(f"verified: Keras builds the same {layers} layers")


@pytest.fixture
def opened(notebook, kept_notebook) -> Iterator[Callable[..., Page]]:
    """Opens a notebook that shows an explorer; in the end no page may have logged an error.

    Arguments: ``show``, what shows it; ``keras``, whether Keras follows; ``fresh``, whether page
    and kernel are its own, and none that other tests have had; and what ``notebook`` takes.
    """
    pages = []

    def open_explorer(show: str = SHOW, keras: bool = True, fresh: bool = False, **options) -> Page:
        # What needs no Keras need not wait while TensorFlow is imported beside it.
        seconds = SETTLED if keras else 3600
        settled = f"import explorer.core.settling\nexplorer.core.settling.SETTLED = {seconds}\n"
        run = notebook if fresh else kept_notebook
        page = run([f"{settled}{IMPORT}\n{show}"], **options)
        pages.append(page)
        page.locator(".explorer-canvas svg").wait_for(timeout=PATIENCE)
        return page

    yield open_explorer

    for page in pages:
        assert page.console_errors == []


def test_all_but_keras_works_while_tensorflow_starts(notebook):
    page = notebook([IMPORT])
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("websocket", lambda socket: requests.append(socket.url))
    run_below(page, SHOW)
    expect(page.locator(".explorer-busy")).to_contain_text("Keras is starting")
    with suspended(keras_process(page)):
        expect_views(page, SMALL)

        drag(page, "filters", 20)
        dragged = int(handle(page, "filters").get_attribute("aria-valuetext"))
        assert dragged > SMALL.filters
        expect(number(page, "filters")).to_have_value(str(dragged))
        expect_views(page, UNet(filters=dragged, down_blocks=3, up_blocks=3))
        total = page.evaluate(SHOWN)["total"]
        assert whole(total[4]) == in_kernel(page, "", "widget.report.total_params")
        expect(page.locator(".explorer-busy")).to_contain_text("Keras is starting")

    expect_keras_agrees(page, layers=41)
    expect(page.locator(".explorer-good small")).to_contain_text("TensorFlow")

    hosts = {urlsplit(url).hostname for url in requests if not url.startswith(("data:", "blob:"))}
    assert hosts <= {"127.0.0.1", "localhost"}
    assert page.console_errors == []


def test_what_is_typed_or_assigned_is_what_counts(opened):
    page = opened(keras=False)
    expect(page.locator(".explorer-family select")).to_have_value("U-Net (small)")

    # Beyond the slider's range.
    type_number(page, "filters", 200)
    expect_views(page, UNet(filters=200, down_blocks=3, up_blocks=3))
    expect(handle(page, "filters")).to_have_attribute("aria-valuetext", "200")
    # Between the slider's steps.
    type_number(page, "filters × per level", 1.75)
    wide = UNet(filters=200, filters_rate=1.75, down_blocks=3, up_blocks=3)
    expect_views(page, wide)
    expect(page.locator(".explorer-family select")).to_have_value("U-Net, own settings")
    type_number(page, "kernel size (px)", 5)
    wide = evolve(wide, kernel_size=5)
    expect_views(page, wide)
    expect(number(page, "filters")).to_have_value("200")
    expect(number(page, "filters × per level")).to_have_value("1.75")

    assert in_kernel(page, "", "to_json(widget.architecture)") == to_json(wide)
    report = analyze(trace(wide, SHAPE))
    assert in_kernel(page, "", "widget.report.total_params") == report.total_params
    assert in_kernel(page, "", "len(widget.graph)") == len(report.layers)
    assert in_kernel(page, "", "[widget.input_shape, widget.batch_size]") == [[*SHAPE], 1]

    in_kernel(page, "widget.architecture = UNet(filters=8, down_blocks=2, up_blocks=1)")
    small = UNet(filters=8, down_blocks=2, up_blocks=1)
    expect_views(page, small)
    for label, value in (("filters", "8"), ("down blocks", "2"), ("up blocks", "1")):
        expect(number(page, label)).to_have_value(value)
        expect(handle(page, label)).to_have_attribute("aria-valuetext", value)
    in_kernel(page, "widget.input_shape = (64, 96, 3)")
    expect_views(page, small, (64, 96, 3))
    expect(number(page, "width (px)")).to_have_value("96")

    in_kernel(page, "widget.batch_size = 4")
    expect(number(page, "batch size")).to_have_value("4")
    report = analyze(trace(small, (64, 96, 3)))
    memory = page.locator(".explorer-total[data-name=memory] b")
    expect(memory).to_contain_text(byte_size(report.peak_memory(4)))


def test_a_chain_keeps_the_outputs_resolution_until_it_is_opened(opened):
    page = opened(keras=False)
    chain = page.get_by_role("button", name="up blocks follow down blocks")
    expect(chain).to_have_attribute("aria-pressed", "true")
    handle(page, "down blocks").press("ArrowRight")
    expect_views(page, UNet(filters=16, down_blocks=4, up_blocks=4))
    expect(number(page, "up blocks")).to_have_value("4")
    expect(page.get_by_label("history").locator("option")).to_have_count(2)

    chain.click()
    expect(chain).to_have_attribute("aria-pressed", "false")
    handle(page, "down blocks").press("ArrowRight")
    expect_views(page, UNet(filters=16, down_blocks=5, up_blocks=4))
    expect_no_error(page)


@pytest.mark.parametrize(("label", "most"), [("filters", 1024), ("width (px)", 4096)])
def test_a_slider_reaches_far_and_a_pixel_is_a_small_step(opened, label, most):
    page = opened(keras=False)
    before = int(handle(page, label).get_attribute("aria-valuetext"))
    for pixels, least, largest in ((1, 1, 1.13), (9, 1.01, 1.6)):
        drag(page, label, pixels)
        value = handle(page, label).get_attribute("aria-valuetext")
        expect(number(page, label)).to_have_value(value)
        assert least <= int(value) / before <= largest
    # What is typed stays, also between two stops.
    odd = before + (8 if "px" in label else 1)
    type_number(page, label, odd)
    expect(handle(page, label)).to_have_attribute("aria-valuetext", str(odd))
    handle(page, label).press("ArrowRight")
    expect(handle(page, label)).not_to_have_attribute("aria-valuetext", str(odd))
    expect(number(page, label)).not_to_have_value(str(odd))
    type_number(page, label, odd)
    expect(handle(page, label)).to_have_attribute("aria-valuetext", str(odd))
    expect(number(page, label)).to_have_value(str(odd))
    handle(page, label).press("End")
    expect(number(page, label)).to_have_value(str(most))


def test_a_refused_value_leaves_the_views_and_says_what_to_do(opened):
    page = opened(keras=False)
    expect_views(page, SMALL)

    type_number(page, "height (px)", 250)
    expect_error(page, "height (px)", "250", "248", "256")
    expect(number(page, "height (px)")).to_have_value("250")
    expect_views(page, SMALL)
    type_number(page, "height (px)", 256)
    expect_no_error(page)
    expect_views(page, SMALL)

    type_number(page, "filters", 0)
    expect_error(page, "filters", "filters 0 is too small")
    expect_views(page, SMALL)
    type_number(page, "filters", 16)
    expect_no_error(page)

    type_number(page, "up blocks", 4)
    expect_error(page, "up blocks", "4 up blocks upsample by 16")
    expect_views(page, SMALL)
    type_number(page, "down blocks", 4)
    expect_no_error(page)
    expect_views(page, UNet(filters=16, down_blocks=4, up_blocks=4))


def test_what_was_refused_stands_beside_its_control_and_moves_nothing(opened):
    page = opened(keras=False)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator(".explorer-workspace").evaluate(
        "element => element.scrollIntoView({block: 'end'})"
    )
    controls = page.locator(".explorer-controls .explorer-control")
    places = "all => all.map(found => JSON.stringify(found.getBoundingClientRect()))"
    pane = page.locator(".explorer-controls")
    for label, value in (("up blocks", 5), ("height (px)", 250), ("batch size", 0)):
        control(page, label).scroll_into_view_if_needed()
        before = controls.evaluate_all(places)
        type_number(page, label, value)
        expect_error(page, label, str(value))
        assert controls.evaluate_all(places) == before

        note = page.locator(".explorer-refusal")
        box, at, frame = (
            note.bounding_box(),
            control(page, label).bounding_box(),
            pane.bounding_box(),
        )
        assert box["x"] >= frame["x"] + frame["width"], "it covers no control"
        middle = at["y"] + at["height"] / 2
        assert box["y"] <= middle <= box["y"] + box["height"], "it is beside it"
        for part in (note, *note.get_by_role("button").all()):
            assert part.evaluate(IN_VIEW)
        page.get_by_role("button", name="Undo").click()
        expect_no_error(page)

    type_number(page, "up blocks", 5)
    expect_error(page, "up blocks", "5")
    pane.evaluate("element => element.scrollTo(0, element.scrollHeight)")
    note = page.locator(".explorer-refusal")
    assert eventually(page, lambda: note.evaluate(IN_VIEW), bool), "whatever is scrolled away"
    page.get_by_role("button", name="Set down blocks to 5").click()
    expect_no_error(page)
    expect_views(page, UNet(filters=16, down_blocks=5, up_blocks=5))
    page.get_by_role("button", name="Undo").click()
    expect_views(page, SMALL)


def test_what_was_refused_can_be_hidden_and_shown_again(opened):
    page = opened(TINY, keras=False)
    note, marked = page.locator(".explorer-refusal"), control(page, "up blocks")
    hide = note.get_by_role("button", name="Hide this message")

    def expect_hidden() -> None:
        expect(note).to_be_hidden()
        expect(marked).to_have_class(re.compile(r"\bexplorer-refused\b"))
        field = number(page, "up blocks")
        expect(field).to_have_accessible_description(re.compile("^Not applied: "))

    page.get_by_role("button", name="Fill the window").click()
    number(page, "filters").hover()  # a term would show its card, which Escape closes first
    type_number(page, "up blocks", 3)
    expect_error(page, "up blocks", "3 up blocks upsample by 8")
    page.keyboard.press("Escape")
    expect_hidden()
    expect(page.locator(".explorer-full")).to_have_count(1)
    number(page, "filters").focus()
    expect(note).to_be_hidden()
    number(page, "up blocks").focus()
    expect_error(page, "up blocks", "3 up blocks upsample by 8")

    hide.press("Enter")
    expect_hidden()
    expect(marked.locator(":focus")).to_have_count(1)
    type_number(page, "filters", 6)
    expect_error(page, "up blocks", "filters 6 waits until then.")
    hide.click()
    expect_hidden()
    marked.hover()
    expect_error(page, "up blocks", "filters 6 waits until then.")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator(".explorer-full")).to_have_count(0)


@pytest.mark.parametrize("viewport", [(1440, 900), (1280, 720), (720, 450)])
def test_what_was_refused_covers_nothing_that_one_goes_to_next(opened, viewport):
    page = opened(TINY, keras=False, viewport=viewport)
    page.locator(".explorer-workspace").evaluate(
        "element => element.scrollIntoView({block: 'end'})"
    )
    page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
    if not number(page, "filters").is_visible():
        page.get_by_role("button", name="Hide or show the controls").click()
    type_number(page, "filters", 0)
    expect_error(page, "filters", "filters 0 is too small")
    covered = """
        () => {
            const note = document.querySelector('.explorer-refusal').getBoundingClientRect();
            const stage = '.explorer-stage [role=tab], .explorer-stage .explorer-tools > *';
            return [...document.querySelectorAll(stage + ', .explorer-controls input')]
                .filter(each => each.checkVisibility()).filter(each => {
                    const {left, right, top, bottom} = each.getBoundingClientRect();
                    return left < note.right && note.left < right && top < note.bottom
                        && note.top < bottom;
                }).map(each => each.outerHTML);
        }
    """
    assert eventually(page, lambda: page.evaluate(covered), [].__eq__) == []


def group(page: Page, title: str) -> Locator:
    heading = page.get_by_role("button", name=title, exact=True)
    return page.locator(".explorer-group:visible").filter(has=heading)


def test_controls_without_effect_make_place_and_their_group_says_why(opened):
    page = opened(keras=False)
    stem, kernel = group(page, "Stem"), control(page, "stem kernel size (px)")
    expect(stem).to_contain_text("off: stem blocks is 0")
    expect(kernel).to_have_count(0)

    type_number(page, "stem blocks", 1)
    expect(kernel).to_be_visible()
    expect(stem).not_to_contain_text("off")
    type_number(page, "stem kernel size (px)", 7)
    stemmed = UNet(filters=16, down_blocks=3, up_blocks=4, stem_blocks=1, stem_kernel_size=7)
    expect_views(page, stemmed)

    control(page, "middle block").get_by_role("checkbox").uncheck()
    expect_views(
        page,
        UNet(
            filters=16,
            down_blocks=3,
            up_blocks=4,
            stem_blocks=1,
            stem_kernel_size=7,
            middle_block=False,
        ),
    )
    type_number(page, "up blocks", 0)
    expect(group(page, "Decoder")).to_contain_text("off: up blocks is 0, middle block is off")
    expect(control(page, "upsample by")).to_have_count(0)


def test_a_group_can_be_folded_but_hides_no_error(opened):
    page = opened(keras=False)
    size = page.get_by_role("button", name="Size", exact=True)
    size.press("Enter")
    expect(size).to_have_attribute("aria-expanded", "false")
    expect(control(page, "filters")).to_have_count(0)
    in_kernel(page, "widget.controls['filters'].value = 0")
    expect_error(page, "filters", "filters 0")
    expect(control(page, "kernel size (px)")).to_have_count(0)
    size.click()
    expect(control(page, "kernel size (px)")).to_be_visible()


LAYERS = {"Stacked hourglass": 116, "LEAP CNN": 40, "U-Net": 53}


def test_every_architecture_can_be_chosen_and_its_views_arranged(opened):
    page = opened()
    family = page.locator(".explorer-family select")
    for name, layers in LAYERS.items():
        family.select_option(name)
        expect_views(page, presets[name])
        expect(page.locator(".explorer-table tfoot")).to_contain_text(f"total of {layers} layers")
        expect(family).to_have_value(name)
    expect_no_error(page)

    # Sorting: largest first, smallest first, back to the network's order; the total stays.
    in_order = page.evaluate(SHOWN)["rows"]
    heading = page.get_by_role("columnheader", name="parameters")
    for direction in ("descending", "ascending"):
        heading.get_by_role("button").click()
        expect(heading).to_have_attribute("aria-sort", direction)
        shown = page.evaluate(SHOWN)
        params = [whole(row[4]) for row in shown["rows"]]
        assert params == sorted(params, reverse=direction == "descending")
        assert sorted(shown["rows"]) == sorted(in_order)
        assert shown["total"] == expected(presets["U-Net"])["total"]
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "none")
    expect_views(page, presets["U-Net"])

    # Detail: every layer by name, or none.
    canvas = page.locator(".explorer-canvas")
    layer = canvas.get_by_text("act0_relu", exact=True)
    expect(layer).to_have_count(0)
    set_detail(page, "layers")
    expect(layer.first).to_be_visible()
    expect(canvas.get_by_text("1024 × 1024", exact=False)).to_have_count(0)
    expect_views(page, presets["U-Net"])
    set_detail(page, "blocks")
    expect(layer).to_have_count(0)

    # Size: larger, smaller, and back to what fits.
    svg = canvas.locator("svg")

    def width() -> float:
        return svg.bounding_box()["width"]

    fitting = width()
    assert fitting <= canvas.bounding_box()["width"]
    page.get_by_title("Zoom in").click()
    assert width() == pytest.approx(1.25 * fitting, rel=0.01)
    # An edit keeps the size that was chosen.
    type_number(page, "filters", 60)
    expect_views(page, UNet(filters=60))
    assert width() > 1.1 * fitting
    page.get_by_title("Zoom out").click()
    page.get_by_title("Zoom out").click()
    assert width() < fitting
    page.get_by_title("Show the whole diagram").click()
    assert width() == pytest.approx(fitting, rel=0.05)


def upload(page: Page, name: str | Path, content: bytes = b"") -> None:
    """Choose a file, or what is to be taken for one of this name."""
    open_tab(page, "Run and time")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=re.compile("Use own picture")).click()
    if isinstance(name, Path):
        chooser.value.set_files(name)
    else:
        chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})


def expect_result(page: Page, channels: int) -> None:
    """Wait for the result of a forward pass with so many channels shown."""
    pictures = page.locator(".explorer-pictures img")
    expect(pictures).to_have_count(1 + channels)
    decoded = "images => images.every(image => image.complete && image.naturalWidth > 0)"
    assert eventually(page, lambda: pictures.evaluate_all(decoded))


# Mean brightness of the left and the right half of the input as it is shown.
HALVES = """
    image => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [2, 1];
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0, 2, 1);
        const pixels = context.getImageData(0, 0, 2, 1).data;
        return [pixels[0], pixels[4]];
    }
"""


def test_a_forward_pass_is_timed_and_shown(opened, tmp_path):
    page = opened(TINY)
    expect(page.locator(".explorer-timing")).to_have_count(0)
    page.get_by_role("button", name="▶ Run").click()
    expect_result(page, channels=4)
    time_pattern = r"[\d.,]+ (s|ms|µs)"
    expect(page.locator(".explorer-timing b").first).to_have_text(re.compile(f"^{time_pattern}$"))
    expect(page.locator(".explorer-timing small")).to_have_text("median")
    facts = page.locator(".explorer-facts > *").all_text_contents()
    facts = dict(zip(facts[::2], facts[1::2], strict=True))
    assert re.fullmatch(f"{time_pattern} to {time_pattern}", facts["10th to 90th percentile"])
    assert re.fullmatch(r"[\d.,]+ images/s", facts["throughput"])
    assert re.fullmatch(r"\d+ after \d+ for warming up; .* within 2 %", facts["measured runs"])
    assert facts["input"] == "1 image of 64 × 64 × 1"
    assert re.match(time_pattern, facts["compiled in"])
    assert re.match(r"[CG]PU \(.+\)", facts["device"])
    expect_keras_agrees(page, layers=29)

    page.get_by_label("after every change").check()
    expect_result(page, channels=4)
    type_number(page, "filters", 5)
    expect_result(page, channels=5)
    page.get_by_label("after every change").uncheck()

    halves = Image.new("L", (100, 60))
    halves.paste(255, (50, 0, 100, 60))
    png = io.BytesIO()
    halves.save(png, format="PNG")
    upload(page, "halves.png", png.getvalue())
    expect(page.get_by_text("halves.png")).to_be_visible()
    expect_result(page, channels=5)
    left, right = page.locator(".explorer-pictures img").first.evaluate(HALVES)
    assert (left, right) == (pytest.approx(0, abs=16), pytest.approx(255, abs=16))

    # More than the connection to the kernel takes at once: the browser makes it small.
    noise = io.BytesIO()
    Image.frombytes("RGB", (2400, 2400), random.Random(0).randbytes(2400 * 2400 * 3)).save(
        noise, format="PNG", compress_level=0
    )
    assert len(noise.getvalue()) > 12_000_000
    upload(page, "large.png", noise.getvalue())
    expect(page.get_by_text("large.png")).to_be_visible()
    expect_result(page, channels=5)
    # What the browser would cut to 8 bits, or cannot read, arrives whole, in parts.
    counts = np.tile(np.arange(2500, dtype=np.uint16), (2500, 1))
    for name, options in {"deep.png": {"compress_level": 0}, "deep.tif": {}}.items():
        deep = io.BytesIO()
        Image.fromarray(counts).save(deep, {"png": "PNG", "tif": "TIFF"}[name[-3:]], **options)
        assert len(deep.getvalue()) > 12_000_000
        upload(page, name, deep.getvalue())
        expect(page.get_by_text(name)).to_be_visible()
        expect(page.get_by_text("input (16 bit, shown from 2 to 2,496)")).to_be_visible()
        expect_result(page, channels=5)
    upload(page, "raw.png", noise.getvalue()[1:])
    failure = page.locator(".explorer").get_by_role("alert")
    expect(failure).to_contain_text("not a picture that can be read")
    huge = tmp_path / "huge.raw"
    with huge.open("wb") as file:
        file.truncate(100_000_001)
    upload(page, huge)
    expect(failure).to_contain_text("huge.raw has 101 MB: use a picture of at most 100 MB.")
    page.get_by_role("button", name="Use the photograph again").click()
    expect(page.get_by_text("astronaut")).to_be_visible()
    expect_result(page, channels=5)
    expect(page.get_by_role("button", name="Use the photograph again")).to_have_count(0)
    expect(failure).to_have_count(0)
    upload(page, huge)
    expect(failure).to_contain_text("huge.raw has 101 MB")

    upload(page, "words.png", b"These are words.")
    expect(failure).to_contain_text("not a picture that can be read")
    expect(page.get_by_text("astronaut")).to_be_visible()
    type_number(page, "filters", 6)
    expect_views(page, UNet(filters=6, down_blocks=2, up_blocks=2), (64, 64, 1))
    expect_keras_agrees(page, layers=29)
    upload(page, "halves.png", png.getvalue())
    expect_result(page, channels=6)


# The first picture takes the browser longer than the next, as a large one does.
HELD = """
    () => {
        const make = window.createImageBitmap;
        const held = new Promise(done => { window.release = done; });
        window.createImageBitmap = async file => {
            window.createImageBitmap = make;
            await held;
            return make(file);
        };
    }
"""


def test_pictures_chosen_within_a_moment_come_in_their_order(opened):
    page = opened(TINY)
    expect_keras_agrees(page, layers=29)
    halves, grey = io.BytesIO(), io.BytesIO()
    half = Image.new("L", (100, 60))
    half.paste(255, (50, 0, 100, 60))
    half.save(halves, format="PNG")
    Image.new("L", (100, 60), 128).save(grey, format="PNG")
    failure = page.locator(".explorer").get_by_role("alert")

    def expect_halves() -> None:
        shown = page.locator(".explorer-pictures img").first
        wanted = [pytest.approx(0, abs=16), pytest.approx(255, abs=16)]
        expect_result(page, channels=4)
        assert eventually(page, lambda: shown.evaluate(HALVES), wanted.__eq__) == wanted

    page.evaluate(HELD)
    upload(page, "grey.png", grey.getvalue())
    upload(page, "halves.png", halves.getvalue())
    page.evaluate("() => window.release()")
    expect(page.get_by_text("halves.png")).to_be_visible()
    expect_halves()
    page.get_by_role("button", name="Use the photograph again").click()
    expect(page.get_by_text("astronaut")).to_be_visible()

    upload(page, "halves.png", halves.getvalue())
    upload(page, "words.png", b"These are words.")
    expect(failure).to_contain_text("words.png: The file is not a picture that can be read")
    expect(page.get_by_text("halves.png")).to_be_visible()
    expect_halves()
    expect(failure).to_contain_text("words.png")


def test_what_is_measured_can_be_chosen_and_every_layer_timed(opened):
    page = opened(TINY)
    open_tab(page, "Layers")
    headings = page.locator(".explorer-table thead th:visible")
    expect(headings.last).to_have_text("receptive field")

    open_tab(page, "Run and time")
    page.get_by_role("button", name="Time every layer").click()
    expect(page.get_by_text("28 layers, each alone")).to_be_visible()
    open_tab(page, "Layers")
    expect(headings.last).to_have_text("time")
    cells = page.locator(".explorer-table tbody tr td:last-child")
    times = cells.all_text_contents()
    assert times[0] == "", "the input takes no time"
    assert all(re.fullmatch(r"[\d.]+ [nµm]?s \(\d+ %\)", time) for time in times[1:]), times

    open_tab(page, "Run and time")
    page.get_by_label("compiled by", exact=True).select_option("XLA")
    page.get_by_label("inference or training", exact=True).select_option("training step")
    page.get_by_role("button", name="▶ Run").click()
    expect(page.locator(".explorer-timing")).to_contain_text("training step")
    expect(page.locator(".explorer-facts")).to_contain_text("(XLA), not counted")
    expect(page.locator(".explorer-pictures")).to_have_count(0)
    type_number(page, "filters", 5)
    open_tab(page, "Layers")
    expect(headings.last).to_have_text("receptive field")


def test_a_pass_can_be_stopped(opened):
    page = opened(TINY)
    expect_keras_agrees(page, layers=29)
    open_tab(page, "Run and time")
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(stop).to_be_disabled()
    with suspended(keras_process(page)):
        page.get_by_role("button", name="▶ Run").click()
        expect(stop).to_be_enabled()
        stop.click()
        expect(stop).to_be_disabled()
    expect_keras_agrees(page, layers=29)
    expect(page.locator(".explorer-timing")).to_have_count(0)


def test_a_keras_process_that_dies_costs_one_line(opened):
    page = opened(TINY, fresh=True)
    expect_keras_agrees(page, layers=29)

    died = page.get_by_text("The Keras process was killed (SIGKILL)")
    process = keras_process(page)
    # Held, so that it dies in the middle of the work.
    with suspended(process):
        type_number(page, "filters", 5)
        expect(page.locator(".explorer-busy")).to_contain_text("Keras is rebuilding")
        process.kill()
        expect(died).to_have_count(1)
    expect(page.locator(".explorer-bad:visible")).to_have_count(1)
    expect_views(page, UNet(filters=5, down_blocks=2, up_blocks=2), (64, 64, 1))

    type_number(page, "filters", 6)
    expect_views(page, UNet(filters=6, down_blocks=2, up_blocks=2), (64, 64, 1))
    expect_keras_agrees(page, layers=29)
    expect(died).to_have_count(0)


# For each text on the screen its colour and the one behind it: red, green and blue up to 255.
COLOURS = """
    () => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [1, 1];
        const context = canvas.getContext('2d', {willReadFrequently: true});
        // Colours can be translucent: they are painted, one over the other.
        const painted = colours => {
            for (const colour of colours) {
                context.fillStyle = colour;
                context.fillRect(0, 0, 1, 1);
            }
            return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
        };
        const backgrounds = element => {
            const found = [];
            for (let e = element; e; e = e.parentElement) {
                found.unshift(getComputedStyle(e).backgroundColor);
            }
            return ['white', ...found];
        };
        const found = [];
        const add = (place, element, colour, behind) => {
            found.push([place, element.textContent, painted([...behind, colour]), painted(behind)]);
        };
        for (const text of document.querySelectorAll('.explorer-canvas svg text')) {
            if (!text.textContent.trim() || !text.checkVisibility()) continue;
            const box = text.getBoundingClientRect();
            const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            const shapes = [...text.closest('g.node').querySelectorAll('polygon')]
                .map(shape => [shape.getBoundingClientRect(), getComputedStyle(shape).fill])
                .filter(([r, fill]) => fill !== 'none'
                    && r.left <= x && x <= r.right && r.top <= y && y <= r.bottom)
                .map(([, fill]) => fill);
            const page = backgrounds(text.ownerSVGElement.parentElement);
            add('diagram', text, getComputedStyle(text).fill, [...page, ...shapes]);
        }
        for (const element of document.querySelectorAll('.explorer *')) {
            const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
            if (!own || !element.checkVisibility() || element.closest('svg, style')) continue;
            add('page', element, getComputedStyle(element).color, backgrounds(element));
        }
        return found;
    }
"""
# The parts of the explorer that reach beyond its right edge, and don't scroll to show it.
OVERFLOWING = """
    () => {
        const explorer = document.querySelector('.explorer');
        const edge = explorer.getBoundingClientRect().right + 1;
        const clipped = element => {
            for (let e = element.parentElement; e !== explorer; e = e.parentElement) {
                if (/auto|scroll/.test(getComputedStyle(e).overflowX)) return true;
            }
            return false;
        };
        const found = [...explorer.querySelectorAll('*')]
            .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > edge)
            .filter(e => !clipped(e))
            .map(e => e.className?.baseVal ?? e.className);
        for (let e = explorer; e; e = e.parentElement) {
            const scrolls = /auto|scroll/.test(getComputedStyle(e).overflowX);
            if (scrolls && e.scrollWidth > e.clientWidth + 1) found.push(`around: ${e.className}`);
        }
        return found;
    }
"""


def luminance(colour: list[int]) -> float:
    """Relative luminance of red, green and blue, after WCAG 2."""
    channels = [value / 255 for value in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[int], other: list[int]) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_and_fits(opened, theme):
    page = opened(theme=theme, keras=False)
    expect_views(page, SMALL)
    set_detail(page, "layers")
    expect(page.locator(".explorer-canvas")).to_contain_text("act0_relu")
    type_number(page, "height (px)", 250)
    expect_error(page, "height (px)", "250")

    texts = page.evaluate(COLOURS)
    places = [place for place, *_ in texts]
    assert places.count("diagram") > 100
    assert places.count("page") > 100
    for _, text, colour, behind in texts:
        assert contrast(colour, behind) >= 4.5, (text, colour, behind)
    card = next(text for text in texts if text[:2] == ["diagram", "256 × 256 × 16"])
    text, behind = (luminance(colour) for colour in card[2:])
    assert (text > 0.7 and behind < 0.1) == (theme == "dark")

    for width in (1280, 700):
        page.set_viewport_size({"width": width, "height": 900})
        assert eventually(page, lambda: page.evaluate(OVERFLOWING), [].__eq__) == []


def test_edits_are_undone_and_redone_by_key_button_and_list(opened):
    page = opened(TINY, keras=False)
    undo = page.get_by_role("button", name="Undo (Ctrl+Z)")
    expect(undo).to_be_disabled()
    number = control(page, "filters").locator("input[type=number]")
    number.fill("6")
    number.press("Enter")
    expect_views(page, evolve(TINY_NET, filters=6), (64, 64, 1))
    number.press("Control+z")  # the design's: the number was entered
    expect_views(page, TINY_NET, (64, 64, 1))
    expect(number).to_have_value("4")
    number.press_sequentially("7")
    number.press("Control+z")  # the text's
    expect(number).to_have_value("4")
    number.press("Enter")
    type_number(page, "filters", 5)
    expect_views(page, evolve(TINY_NET, filters=5), (64, 64, 1))
    choice = page.get_by_label("upsample by")
    choice.select_option("bilinear")
    expect_views(page, evolve(TINY_NET, filters=5, up_interpolate=True), (64, 64, 1))

    choice.press("Control+z")
    expect_views(page, evolve(TINY_NET, filters=5), (64, 64, 1))
    expect(choice).to_have_value("transposed conv")
    choice.press("Control+Shift+z")
    expect_views(page, evolve(TINY_NET, filters=5, up_interpolate=True), (64, 64, 1))
    undo.click()
    expect_views(page, evolve(TINY_NET, filters=5), (64, 64, 1))

    other = page.get_by_label("narrow at the end of a block")
    choice.select_option("bilinear")
    other.check()
    other.press("Control+z")  # before the screen shows the step that it undoes
    expect_views(page, evolve(TINY_NET, filters=5, up_interpolate=True), (64, 64, 1))
    expect(other).not_to_be_checked()
    undo.click()
    expect_views(page, evolve(TINY_NET, filters=5), (64, 64, 1))
    choice.select_option("bilinear")
    expect_views(page, evolve(TINY_NET, filters=5, up_interpolate=True), (64, 64, 1))
    undo.click()
    expect_views(page, evolve(TINY_NET, filters=5), (64, 64, 1))

    history = page.get_by_label("history")
    assert history.locator("option").all_text_contents() == [
        "0. start",
        "1. filters 4 → 5",
        "2. upsample by transposed conv → bilinear",
    ]
    history.select_option("2")
    expect_views(page, evolve(TINY_NET, filters=5, up_interpolate=True), (64, 64, 1))
    history.select_option("0")
    expect_views(page, TINY_NET, (64, 64, 1))
    expect(undo).to_be_disabled()
