"""What a visitor of the site waits for: the first diagram, and each new one.

The site is what `make site` builds, on this machine, with every other host out of reach. Runs under
pytest for the fixtures of the browser tests, and prints a table. Needs Chromium and npm.
"""

import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest
from bench_browser import EXPLORER_PICTURE, RECORD
from benchmarking import p95, print_machine
from playwright.sync_api import Browser, Page

STARTS, MOVES = 5, 60
PATIENCE = 180_000


def main() -> None:
    root = str(Path(__file__).parents[2])
    sys.path.insert(0, root)
    plugins = ["-p", "tests.browser.conftest", "-p", "tests.browser.test_site"]
    options = ["--rootdir", root, "-m", "benchmark", "--quiet", "--capture=no", *plugins]
    sys.exit(pytest.main([__file__, *options]))


@pytest.mark.benchmark
def test_waiting_times(browser: Browser, site: str) -> None:
    cold, warm = [], []
    for _ in range(STARTS):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        for seconds in (cold, warm):
            page = context.new_page()
            seconds.append(first_diagram(page, site))
            page.close()
        context.close()
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    first_diagram(page, site)
    moves = new_diagrams(page)
    print("\n")
    print_machine()
    print(f"first diagram, empty cache:  median {median(cold):.1f} s, aim 12 s")
    print(f"first diagram, filled cache: median {median(warm):.1f} s, aim 6 s")
    print(f"slider to new diagram: median {median(moves):.0f} ms, aim 80; ", end="")
    print(f"95th percentile {p95(moves):.0f} ms, aim 150")


def first_diagram(page: Page, site: str) -> float:
    """Seconds from opening the site to the diagram."""
    start = perf_counter()
    page.goto(site)
    page.locator(EXPLORER_PICTURE).first.wait_for(timeout=PATIENCE)
    return perf_counter() - start


def new_diagrams(page: Page) -> list[float]:
    """Milliseconds from each press of an arrow key on a slider to the diagram that it changes."""
    slider = page.locator(".widget-slider").filter(has=page.get_by_text("filters", exact=True))
    handle = slider.get_by_role("slider")
    handle.focus()
    page.evaluate(RECORD, EXPLORER_PICTURE)
    for move in range(MOVES):
        handle.press("ArrowRight" if move % 40 < 20 else "ArrowLeft")
        page.wait_for_function("count => recorded.length === count", arg=move + 1, timeout=PATIENCE)
    times: list[float] = page.evaluate("recorded")
    return times


if __name__ == "__main__":
    main()
