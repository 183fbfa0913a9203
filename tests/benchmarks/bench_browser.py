"""What a user waits for, in JupyterLab in a browser: the first picture, and each new one.

The same is done without the explorer: a slider whose handler builds the model in Keras, in the
kernel, draws a node per layer and lists the layers. Runs under pytest for the fixtures of the
browser tests, and prints a table. Needs Chromium.
"""

import inspect
import sys
from ast import literal_eval
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from benchmarking import Row, draw_layers, print_machine, print_table
from playwright.sync_api import Page, expect

MOVES, MOVES_LONG, MOVES_BY_HAND = 120, 60, 20  # a 95th percentile of few is the slowest one
STARTS, STARTS_BY_HAND = 7, 3
PASSES = 3
PATIENCE = 120_000

EXPLORER = "from explorer import Explorer, UNet\nwidget = Explorer(UNet())\nwidget"
EXPLORER_PICTURE = ".explorer-canvas svg"
LONG = """
from explorer import Explorer, presets
widget = Explorer(presets["FC-DenseNet103"])
widget
"""
BY_HAND = f"""
import html, keras, ipywidgets, plotly.graph_objects
from typing import Any
from explorer import UNet, build

{inspect.getsource(draw_layers)}

slider = ipywidgets.IntSlider(64, 1, 128, description="filters")
picture = ipywidgets.HTML()

def show(_=None):
    keras.backend.clear_session()
    svg, table = draw_layers(build(UNet(filters=slider.value), (256, 256, 1)))
    picture.value = (
        f'<div class="by-hand">{{svg[svg.index("<svg"):]}}<pre>{{html.escape(table)}}</pre></div>'
    )

slider.observe(show, "value")
show()
ipywidgets.VBox([slider, picture])
"""
BY_HAND_PICTURE = ".by-hand svg"

# Runs the cell and gives the milliseconds until there is a picture on the screen.
FIRST_PICTURE = """
    ([source, picture, patience]) => new Promise((resolve, reject) => {
        const {commands, shell} = jupyterapp;
        shell.currentWidget.content.activeCell.model.sharedModel.setSource(source);
        const start = performance.now();
        const observer = new MutationObserver(() => {
            if (!document.querySelector(picture)) return;
            observer.disconnect();
            requestAnimationFrame(() => resolve(performance.now() - start));
        });
        observer.observe(document.body, {childList: true, subtree: true});
        commands.execute('notebook:run-cell');
        setTimeout(() => reject(new Error(`no ${picture}`)), patience);
    })
"""
# Notes the milliseconds from each key or mouse movement to the frame that shows what it changed.
RECORD = """
    picture => {
        window.recorded = [];
        let start = null;
        const begin = event => { start ??= event.timeStamp; };
        document.addEventListener('keydown', begin, true);
        let shown = document.querySelector(picture);
        let text = shown.textContent; // a picture can be drawn anew, or its numbers be written anew
        new MutationObserver(() => {
            const present = document.querySelector(picture);
            if (!present || start === null) return;
            if (present === shown && present.textContent === text) return;
            [shown, text] = [present, present.textContent];
            const began = start;
            start = null;
            requestAnimationFrame(() => window.recorded.push(performance.now() - began));
        }).observe(document.body, {childList: true, subtree: true});
    }
"""


def main() -> None:
    root = str(Path(__file__).parents[2])
    sys.path.insert(0, root)
    options = ["--rootdir", root, "-p", "tests.browser.conftest", "-m", "benchmark"]
    sys.exit(pytest.main([__file__, *options, "--quiet", "--capture=no"]))


@pytest.mark.benchmark
def test_waiting_times(notebook: Callable[..., Page]) -> None:
    starts = [first_picture(notebook, EXPLORER, EXPLORER_PICTURE) for _ in range(STARTS)]
    by_hand = [first_picture(notebook, BY_HAND, BY_HAND_PICTURE) for _ in range(STARTS_BY_HAND)]
    seconds, rss, uss = zip(*starts, strict=True)
    seconds_by_hand, rss_by_hand, uss_by_hand = zip(*by_hand, strict=True)
    moves = new_pictures(notebook, EXPLORER, EXPLORER_PICTURE, MOVES)
    listed = new_pictures(notebook, EXPLORER, EXPLORER_PICTURE, MOVES, open_layers)
    long = new_pictures(notebook, LONG, EXPLORER_PICTURE, MOVES_LONG, show_layers, "growth rate")
    moves_by_hand = new_pictures(notebook, BY_HAND, BY_HAND_PICTURE, MOVES_BY_HAND)
    print("\n")
    print_machine()
    print_table(
        [
            Row("slider to new picture, 53 layers", "ms", moves, moves_by_hand, 60, "p95"),
            Row("… layer table open", "ms", listed, moves_by_hand, 80, "p95"),
            Row("… 492 layers listed, repeated ones folded", "ms", long, moves_by_hand, 150, "p95"),
            Row("cell to first picture", "s", seconds, seconds_by_hand, 1),
            Row("kernel's memory, RSS", "MiB", rss, rss_by_hand, 160),
            Row("kernel's memory, USS", "MiB", uss, uss_by_hand),
        ]
    )


@pytest.mark.benchmark
def test_forward_pass_in_the_page(notebook: Callable[..., Page]) -> None:
    page = notebook(["from explorer import Explorer, time_forward\nwidget = Explorer()\nwidget"])
    page.get_by_role("tab", name="Run and time").click()
    page.get_by_label("device").select_option("this browser")
    stop = page.get_by_role("button", name="Stop", exact=True)
    in_page = []
    for _ in range(PASSES):
        page.get_by_role("button", name="▶ Run").click()
        expect(stop).to_be_enabled(timeout=PATIENCE)
        expect(stop).to_be_disabled(timeout=PATIENCE)
        asked = "widget._panels.keras.forward._timed[-1][0].median"
        in_page.append(1000 * float(evaluated(page, asked)))
    asked = "time_forward(widget.architecture, widget.input_shape).median"
    by_keras = [1000 * float(evaluated(page, asked)) for _ in range(PASSES)]
    close(page)
    print("\n")
    print_table(
        [Row("forward pass in the page; by Keras, 256 × 256 pixels", "ms", in_page, by_keras)]
    )


def first_picture(
    notebook: Callable[..., Page], source: str, picture: str
) -> tuple[float, float, float]:
    """Seconds from running a fresh kernel's first cell to its picture; the kernel's memory."""
    page = notebook([""])
    seconds = page.evaluate(FIRST_PICTURE, [source, picture, PATIENCE]) / 1000
    used = kernel(page).memory_full_info()
    close(page)
    return seconds, used.rss / 2**20, used.uss / 2**20


def evaluated(page: Page, expression: str) -> str:
    """Return what an expression is in the kernel, as it is printed."""
    return page.evaluate(
        """
        async expression => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({code: '', user_expressions: {expression}});
            return (await future.done).content.user_expressions.expression.data['text/plain'];
        }
        """,
        expression,
    )


def kernel(page: Page) -> psutil.Process:
    return psutil.Process(literal_eval(evaluated(page, "__import__('os').getpid()")))


def close(page: Page) -> None:
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.context.close()


def open_layers(page: Page) -> None:
    page.get_by_role("tab", name="Layers").click()
    page.locator(".explorer-table tbody tr").first.wait_for(timeout=PATIENCE)


def show_layers(page: Page) -> None:
    page.get_by_role("button", name="How it is drawn").click()
    page.get_by_label("detail", exact=True).select_option("layers")
    page.locator("rect.explorer-layer").nth(100).wait_for(state="attached", timeout=PATIENCE)


def new_pictures(
    notebook: Callable[..., Page],
    source: str,
    picture: str,
    moves: int,
    prepare: Callable[[Page], None] = lambda page: None,
    parameter: str = "filters",
) -> list[float]:
    """Milliseconds from each press of an arrow key on a slider to the picture that it changes."""
    page = notebook([source])
    page.locator(picture).wait_for(timeout=PATIENCE)
    if "Explorer" in source:  # else TensorFlow starts in its own process meanwhile
        page.locator(".explorer-good").wait_for(timeout=PATIENCE)
    prepare(page)
    slider = page.locator(".widget-slider").filter(has=page.get_by_text(parameter, exact=True))
    handle = slider.get_by_role("slider")
    handle.focus()
    page.evaluate(RECORD, picture)
    for move in range(moves):
        # To and fro: at the slider's end nothing would change.
        handle.press("ArrowRight" if move % 60 < 30 else "ArrowLeft")
        page.wait_for_function("count => recorded.length === count", arg=move + 1, timeout=PATIENCE)
    times = page.evaluate("recorded")
    close(page)
    return times


if __name__ == "__main__":
    main()
