"""Drawings are laid out by the page where it can, else by the kernel."""

import json
import re
from collections.abc import Iterator

import attrs
import pytest
from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import expect

from explorer import UNet, diagram, presets, trace
from explorer.widget.panels.diagram.canvas import LAYOUT_CODE, Canvas
from tests.browser.test_explorer import (
    IMPORT,
    SHOW,
    TINY,
    in_kernel,
    opened,  # noqa: F401 — a fixture
    type_number,
)
from tests.browser.test_fonts import DRAWN, OVERFLOWING
from tests.browser.test_front import render

#: Notes each drawing that the kernel lays out, but for what the notebook keeps.
COUNT = """
import explorer.widget.saved_view
explorer.widget.saved_view.CALM = 3600
import explorer.core.drawing.diagram as drawings
laid_out, inner = [], drawings.laid_out
drawings.laid_out = lambda *args: laid_out.append(args) or inner(*args)
"""
#: A worker that never begins, as where a page's policy forbids it.
FORBIDDEN = """
window.Worker = class extends EventTarget {
    constructor() { super(); setTimeout(() => this.dispatchEvent(new Event('error'))); }
    postMessage() {}
};
"""

#: What a view is given when it asks for it, and drawings in Graphviz' language.
CODE = [file.read_text(encoding="utf-8") for file in LAYOUT_CODE]
#: What is edited of a family: the first of these that it has.
FIRST = ("filters", "growth_rate", "up_filters", "first_filters")
DOTS = [diagram(trace(UNet(filters=n), (64, 64, 1))).dot for n in range(2, 22)]


def boxes(page: BrowserPage):
    return page.locator(".explorer-canvas g.node[data-item]")


def test_the_page_lays_out_what_is_edited_and_the_kernel_no_more(notebook):
    page = notebook([f"{IMPORT}\n{SHOW}"])
    page.wait_for_function("globalThis.explorerLayout")
    assert page.evaluate("explorerLayout.works")
    in_kernel(page, COUNT)
    for filters in (8, 12):
        type_number(page, "filters", filters)
        expect(boxes(page).filter(has_text=f"× {filters}").first).to_be_visible()
    boxes(page).first.click()
    expect(page.locator("g.explorer-selected")).to_have_count(1)
    assert in_kernel(page, "", "len(laid_out)") == 0


@pytest.mark.parametrize("obstacle", ["delete window.Worker", FORBIDDEN], ids=["no", "forbidden"])
def test_the_kernel_lays_out_for_a_page_that_cannot(notebook, obstacle):
    prepare = f"from IPython.display import Javascript\ndisplay(Javascript({obstacle!r}))\n"
    page = notebook([f"{IMPORT}\n{prepare}{SHOW}"])
    in_kernel(page, COUNT)
    type_number(page, "filters", 12)
    expect(boxes(page).filter(has_text="× 12").first).to_be_visible()
    assert in_kernel(page, "", "len(laid_out)") >= 1


def lay_out(page: BrowserPage, script: str, **traits):
    """Return what a script returns once the page can lay out."""
    given = """
        const drawn = [];
        const picture = () => el.querySelector("svg")?.textContent ?? "";
        new MutationObserver(() => { drawn.push(picture()); })
            .observe(el.querySelector(".explorer-canvas"), { childList: true });
        const until = async condition => {
            while (!condition()) await new Promise(resolve => setTimeout(resolve, 5));
        };
        const give = code => {
            for (const [event, listener] of heard) {
                if (event === "msg:custom") listener({ code: "graphviz" }, code);
            }
        };
        const said = () => model.sent.map(({lays_out}) => lays_out).filter(is => is !== undefined);
    """
    return render(page, Canvas, f"{given} return (async () => {{ {script} }})();", **traits)


def open_page(browser, policy: str = "") -> BrowserPage:
    """A page of a server, which is what the kernel would send; a page of none has no workers."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.route(
        "http://localhost/",
        lambda route: route.fulfill(
            body="<div></div>",
            content_type="text/html",
            headers={"Content-Security-Policy": policy} if policy else {},
        ),
    )
    page.goto("http://localhost/")
    page.evaluate("code => { window.code = code; }", CODE)
    return page


@pytest.fixture(scope="module")
def page(browser) -> Iterator[BrowserPage]:
    page = open_page(browser)
    yield page
    page.close()


@pytest.fixture(autouse=True)
def nothing_is_left_of_others(page):
    page.evaluate("delete globalThis.explorerLayout; delete globalThis.explorerCode")


def test_the_last_of_many_drawings_is_drawn_and_not_each(page):
    script = f"""
        give(code);
        for (const dot of {json.dumps(DOTS)}) model.change({{ dot }});
        await until(() => picture().includes("× 21"));
        return [drawn.length, said(), model.state.kept.includes("× 21")];
    """
    drawn, said, kept = lay_out(page, script)
    assert drawn < len(DOTS)
    assert said == [True]
    assert kept


@pytest.mark.parametrize("svg", [None, diagram(trace(UNet(filters=3), (64, 64, 1))).svg()])
def test_who_goes_back_while_a_drawing_is_laid_out_keeps_what_is_there(page, svg):
    back = {"dot": DOTS[0]} if svg is None else {"dot": DOTS[1], "svg": svg}
    script = f"""
        const change = state => model.change(state);
        give(code);
        change({{ dot: {json.dumps(DOTS[0])} }});
        await until(() => picture().includes("× 2"));
        change({{ dot: {json.dumps(DOTS[15])} }});
        change({json.dumps(back)});
        // The worker lays out one drawing after the other.
        await globalThis.explorerLayout.send({{ dot: "graph {{}}" }});
        return picture().includes("× 17");
    """
    assert lay_out(page, script) is False


def test_what_was_kept_gives_way_to_the_present_network(page):
    old = diagram(trace(UNet(filters=2), (64, 64, 1))).svg()
    script = "give(code); await until(() => picture().includes('× 17')); return drawn.length"
    assert lay_out(page, script, dot=DOTS[15], kept=old)


def test_explorers_of_a_page_share_what_lays_out(page):
    assert lay_out(page, "give(code); await until(() => said().includes(true)); return said()")
    assert lay_out(page, "await until(() => said().length); return said()") == [True]


def test_what_the_kernel_drew_is_shown_at_once(page):
    svg = diagram(trace(UNet(filters=2), (64, 64, 1))).svg()
    for traits in ({"svg": svg}, {"kept": svg}):  # with a kernel, and kept from when there was one
        assert "× 2" in lay_out(page, "return picture()", dot=DOTS[0], **traits)


@pytest.mark.parametrize("detail", ["outline", "blocks", "layers"])
@pytest.mark.parametrize("name", presets)
def test_numbers_are_written_into_the_drawing_as_graphviz_would_lay_them_out(page, name, detail):
    net = presets[name]
    field = next(each for each in FIRST if hasattr(net, each))
    drawings = [
        diagram(trace(attrs.evolve(net, **{field: value}), (256, 256, 1)), detail=detail).dot
        for value in (16, 17, 18, 20, 24, 99, 128)
    ]
    script = f"""
        give(code);
        await until(() => said().includes(true));
        const found = [];
        for (const dot of {json.dumps(drawings)}) {{
            const before = el.querySelector("svg");
            model.change({{ dot }});
            const {{ svg }} = await globalThis.explorerLayout.send({{ dot }});
            const [wanted, texts] = readOf(svg);
            const isIn = svg => String(readOf(svg)[1]) === String(texts);
            const end = performance.now() + 10_000;
            await until(() => isIn(model.state.kept) || performance.now() > end);
            const there = readOf(model.state.kept)[0];
            const distances = wanted.map((place, index) => Math.abs(place - there[index]));
            const onScreen = new XMLSerializer().serializeToString(el.querySelector("svg"));
            const isSame = isIn(model.state.kept) && isIn(onScreen);
            found.push([isSame, Math.max(...distances), el.querySelector("svg") === before]);
        }}
        return found;
    """
    read = """
        const readOf = svg => [
            [...svg.matchAll(/points="([^"]*)"/g)]
                .flatMap(([, points]) => points.split(/[ ,]/).map(Number)),
            [...svg.matchAll(/<text[^>]*>([^<]*)/g)].map(([, text]) => text),
        ];
    """
    same, distances, written = zip(*lay_out(page, read + script), strict=True)
    assert all(same)
    assert max(distances) < 5  # points, where Graphviz holds a text for wider than it is
    assert any(written)


def test_what_is_said_of_a_drawing_follows_its_numbers(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    first = boxes(page).nth(1)
    first.click()
    type_number(page, "filters", 6)
    expect(first).to_contain_text("64 × 64 × 6")
    page.evaluate("() => { window.before = document.querySelector('.explorer-canvas svg'); }")
    type_number(page, "filters", 5)

    expect(first).to_contain_text("64 × 64 × 5")
    expect(first).to_have_attribute("aria-label", re.compile("64 × 64 × 5"))
    expect(first).to_have_class(re.compile("explorer-selected"))
    expect(page.locator(".explorer-canvas .explorer-changed")).to_have_count(7)
    expect(boxes(page).first).not_to_have_class(re.compile("explorer-changed"))
    assert page.evaluate("before === document.querySelector('.explorer-canvas svg')")
    type_number(page, "down blocks", 3)
    expect(boxes(page)).to_have_count(10)
    assert not page.evaluate("before === document.querySelector('.explorer-canvas svg')")


def test_what_lays_out_practises_with_what_the_kernel_drew(page):
    """The first edit would wait for a browser that compiles; an empty drawing teaches it little."""
    svg = diagram(trace(UNet(filters=2), (64, 64, 1))).svg()
    script = """
        const asked = [];
        const { postMessage } = Worker.prototype;
        Worker.prototype.postMessage = function (message) {
            asked.push(message.dot);
            postMessage.call(this, message);
        };
        give(code);
        await until(() => said().includes(true));
        Worker.prototype.postMessage = postMessage;
        await globalThis.explorerLayout.send({ dot: "graph {}" });  // after what was asked for
        return [asked.at(-1) === model.state.dot, drawn.length];
    """
    assert lay_out(page, script, dot=DOTS[0], svg=svg) == [True, 0]


def test_a_drawing_that_fails_says_so_and_the_next_one_is_drawn(page):
    script = f"""
        const canvas = el.querySelector(".explorer-canvas");
        give(code);
        model.change({{ dot: "graph {{" }});
        await until(() => canvas.textContent.includes("syntax error"));
        el.querySelector('[aria-label="Zoom in"]').click();
        model.change({{ dot: {json.dumps(DOTS[0])} }});
        await until(() => picture().includes("× 2"));
        return canvas.textContent;
    """
    assert "could not be laid out" not in lay_out(page, script)


def test_the_other_views_wait_for_the_frame_that_shows_the_picture(page):
    """One frame shows all the rest: each of its own would keep the next picture waiting."""
    script = f"""
        give(code);
        await until(() => said().includes(true));
        const shown = [];
        new MutationObserver((_, observer) => {{
            if (!picture()) return;
            observer.disconnect();
            requestAnimationFrame(() => shown.push("frame"));
        }}).observe(el, {{ childList: true, subtree: true }});
        model.change({{ dot: {json.dumps(DOTS[0])} }});
        shown.push(explorerWaiting.layouts);
        explorerWaiting.listeners.add(() => shown.push(picture().includes("× 2")));
        await until(() => shown.length > 2 && !explorerWaiting.layouts);
        return shown;
    """
    assert lay_out(page, script) == [1, "frame", True]


def test_where_there_are_no_frames_the_other_views_follow_all_the_same(page):
    """As in a tab that is not seen."""
    script = f"""
        give(code);
        await until(() => said().includes(true));
        const shown = [];
        const frame = globalThis.requestAnimationFrame;
        globalThis.requestAnimationFrame = () => 0;
        for (const [place, dot] of {json.dumps(DOTS[:2])}.entries()) {{
            model.change({{ dot }});
            explorerWaiting.listeners.add(() => shown.push(picture().includes(`× ${{place + 2}}`)));
            await until(() => shown.length > place && !explorerWaiting.layouts);
        }}
        globalThis.requestAnimationFrame = frame;
        return shown;
    """
    assert lay_out(page, script) == [True, True]


def test_a_view_that_fails_stops_neither_the_others_nor_the_drawing(page):
    script = f"""
        give(code);
        await until(() => said().includes(true));
        const shown = [];
        const fail = () => {{ throw new Error("a view that fails"); }};
        explorerWaiting.listeners.add(fail).add(() => fail()).add(() => shown.push("other"));
        model.change({{ dot: {json.dumps(DOTS[0])} }});
        await until(() => picture().includes("× 2") && !explorerWaiting.layouts);
        model.change({{ dot: {json.dumps(DOTS[15])} }});
        await until(() => picture().includes("× 17"));
        return shown;
    """
    assert lay_out(page, script) == ["other"]


def test_the_other_views_wait_no_longer_than_a_moment(page):
    script = f"""
        give(code);
        await until(() => said().includes(true));
        const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = () => {{}};
        model.change({{ dot: {json.dumps(DOTS[0])} }});
        Worker.prototype.postMessage = post;
        const isShown = new Promise(resolve => explorerWaiting.listeners.add(resolve));
        await isShown;
        return [explorerWaiting.layouts, picture()];
    """
    assert lay_out(page, script) == [0, ""]


@pytest.mark.parametrize("policy", ["worker-src 'none'", "script-src 'unsafe-inline' blob:"])
def test_a_page_whose_policy_forbids_it_says_so(browser, policy):
    page = open_page(browser, policy)
    script = "give(code); await until(() => said().length); return said()"
    assert lay_out(page, script) == [False]
    page.close()


@pytest.mark.parametrize(("name", "options"), DRAWN, ids=str)
def test_all_text_stands_in_its_box_in_the_page_too(page, name, options):
    dot = diagram(trace(presets[name], (256, 256, 1)), **options).dot
    script = f"""
        const style = Object.assign(document.createElement("style"), {{
            textContent: {json.dumps(str(Canvas._css))},
        }});
        document.body.append(style, el);
        give(code);
        model.change({{ dot: {json.dumps(dot)} }});
        await until(() => picture());
        for (const weight of [400, 700]) await document.fonts.load(`${{weight}} 11px Explorer`);
    """
    lay_out(page, script)
    assert page.locator("g.node text").count() > 9
    assert page.evaluate(OVERFLOWING) == []


#: Stands for Graphviz, takes some milliseconds, and draws how often it was called.
COUNTING = """
let calls = 0;
const dot = () => {
    const end = performance.now() + TAKES;
    while (performance.now() < end);
    return `<svg>${++calls}`;
};
export const Graphviz = { load: async () => ({ dot }) };
"""
#: Asks a worker several times, with pauses in which it could lay out more; returns what it drew.
ASK = """
    async ([graphviz, times]) => {
        const address = text => URL.createObjectURL(new Blob([text], {type: "text/javascript"}));
        const worker = new Worker(address(code[1]), {type: "module"});
        const drawn = [];
        for (let asked = 0; asked < times; asked += 1) {
            worker.postMessage(asked ? {dot: "graph {a}"} : {address: address(graphviz)});
            const {data} = await new Promise(resolve => { worker.onmessage = resolve; });
            drawn.push(data.svg);
            await new Promise(resolve => setTimeout(resolve, 100));
        }
        worker.terminate();
        return drawn;
    }
"""


def test_what_was_laid_out_is_laid_out_again_while_nobody_waits(page):
    _, first, *_, last = page.evaluate(ASK, [COUNTING.replace("TAKES", "0"), 10])
    assert first == "<svg>2"  # it was only asked whether it works
    assert int(last.removeprefix("<svg>")) > 10


def test_a_drawing_that_takes_long_is_not_laid_out_again(page):
    drawn = page.evaluate(ASK, [COUNTING.replace("TAKES", "250"), 3])
    assert drawn == ["<svg>1", "<svg>2", "<svg>3"]
