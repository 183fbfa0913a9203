"""The views' own logic, in a page without Jupyter: what they are sent stands in for the kernel."""

import json
from typing import Any

import attrs
import pytest
from playwright.sync_api import Page as BrowserPage

from explorer.core.words.arithmetic import Fact
from explorer.widget.front import STYLE
from explorer.widget.front.page import Page
from explorer.widget.front.widget import FrontWidget
from explorer.widget.messages import (
    Curve,
    CurvePoint,
    Figure,
    LayerQuantity,
    LayerRow,
    LayerTotal,
    StripStep,
)
from explorer.widget.panels.charts.plot import Frame
from explorer.widget.panels.diagram.panel import Canvas
from explorer.widget.panels.history.panel import HistoryView
from explorer.widget.panels.keras.in_browser import InBrowser
from explorer.widget.panels.layers.panel import LayerTable
from explorer.widget.panels.receptive_field.page import ReceptiveFieldView
from explorer.widget.panels.strip.panel import Strip
from explorer.widget.panels.totals.panel import Totals
from explorer.widget.panels.training.page import Learning
from explorer.widget.panels.window.panel import Window
from explorer.widget.parts import (
    Card,
    EditButton,
    Facts,
    Fold,
    Head,
    Items,
    Line,
    Link,
    Measured,
    MoveButton,
    Paragraph,
    Part,
    Section,
    Swatch,
    Table,
    TableRow,
    TimeButton,
    Words,
)

#: A model that holds traits, and notes what the view sends.
MODEL = """
    const heard = [];
    const model = {
        state: STATE,
        sent: [],
        get: name => model.state[name],
        set: (name, value) => { model.state[name] = value; },
        save_changes: () => {},
        send: message => model.sent.push(message),
        on: (event, listener) => heard.push([event, listener]),
        off: (event, listener) => {
            heard.splice(heard.findIndex(one => one[0] === event && one[1] === listener), 1);
        },
        change: state => {
            Object.assign(model.state, state);
            const events = [...Object.keys(state).map(name => `change:${name}`), "change"];
            for (const [event, listener] of [...heard]) if (events.includes(event)) listener();
        },
        heard,
    };
"""


@pytest.fixture(scope="module")
def page(browser) -> BrowserPage:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_content("<div class='explorer'></div>")
    yield page
    page.close()


def run(page: BrowserPage, kind: type[FrontWidget], script: str, given: Any = None) -> Any:
    """Return what a script returns that has all that stands in a view's module."""
    source, _, _ = str(kind._esm).partition("export default")
    return page.evaluate(f"given => {{ {source}\n{script} }}", given)


def render(page: BrowserPage, kind: type[FrontWidget], script: str, **traits: Any) -> Any:
    """Return what a script returns that has a view, `el`, and its `model`."""
    widget = kind.__new__(kind)
    FrontWidget.__init__(widget, **traits)
    names = [name for name in widget.keys if name not in FrontWidget.class_trait_names()]
    state = widget.get_state(names)
    widget.close()
    model = MODEL.replace("STATE", json.dumps(state))
    view = "const el = document.createElement('div'); document.body.replaceChildren(el);"
    return run(page, kind, f"{model}{view} const forget = render({{model, el}});\n{script}")


# Parts.

BOLD = "<b>bold</b>"


def laid_out(page: BrowserPage, *parts: Part, script: str = "return el.innerHTML") -> Any:
    return render(page, Page, script, parts=parts)


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (Line(BOLD, "muted"), '<div class="explorer-muted">TEXT</div>'),
        (
            Line(BOLD, "good", detail=BOLD),
            '<div class="explorer-status explorer-good" role="status">TEXT<small>TEXT'
            "</small></div>",
        ),
        (
            Line(BOLD, "bad", code=BOLD),
            '<div class="explorer-status explorer-bad" role="alert">TEXT<pre>TEXT</pre></div>',
        ),
        (
            Paragraph((Words(BOLD), Words(BOLD, "strong"), Words(BOLD, "muted"))),
            '<p class="">TEXT <b>TEXT</b> <span class="explorer-muted">TEXT</span></p>',
        ),
        (
            Items(((Link(BOLD, '"x"'), Words("y")),), mark="muted"),
            '<ul class="explorer-muted"><li><button type="button" data-select="&quot;x&quot;">TEXT'
            "</button> y</li></ul>",
        ),
        (
            Facts((Fact(BOLD, BOLD, BOLD), Fact("a", "b"))),
            "<dl><dt>TEXT</dt><dd>TEXT<small>TEXT</small></dd><dt>a</dt><dd>b</dd></dl>",
        ),
        (
            Table(
                BOLD,
                (Head("a"), Head(BOLD, is_numeric=True)),
                (
                    TableRow(BOLD, (BOLD,), True),
                    TableRow("c", ("d",)),
                    TableRow("e", ("f",), False),
                ),
            ),
            '<table><caption>TEXT</caption><thead><tr><th scope="col" class="">a</th>'
            '<th scope="col" class="explorer-numeric">TEXT</th></tr></thead><tbody>'
            '<tr class="explorer-differs"><th scope="row">TEXT</th>'
            '<td class="explorer-numeric">TEXT</td></tr>'
            '<tr><th scope="row">c</th><td class="explorer-numeric">d</td></tr>'
            '<tr class="explorer-same"><th scope="row">e</th>'
            '<td class="explorer-numeric">f</td></tr></tbody></table>',
        ),
        (
            Measured(Card("a", "b", "c"), (Fact(BOLD, BOLD),)),
            '<div class="explorer-timing"><div class="explorer-card" title=""><span>a</span>'
            '<b>b</b><small>c</small></div><div class="explorer-facts"><span>TEXT</span>'
            "<b>TEXT</b></div></div>",
        ),
        (
            Section(BOLD, (Section("in", (Line("x", "muted"),)),)),
            '<section><h3>TEXT</h3><section><h3>in</h3><div class="explorer-muted">x</div>'
            "</section></section>",
        ),
        (
            Fold(
                BOLD,
                BOLD,
                (Table("c", (Head("", button=MoveButton("m", BOLD, "it")), Head("d")), ()),),
                "a",
            ),
            '<details data-fold="a"><summary><b>TEXT</b> <small>TEXT</small></summary>'
            '<table><caption>c</caption><thead><tr><th scope="col" class=""><button type="button" '
            'class="jupyter-button" data-move="m" title="it" aria-label="it">TEXT</button></th>'
            '<th scope="col" class="">d</th></tr></thead><tbody></tbody></table></details>',
        ),
        (
            Paragraph((EditButton("block-a"), TimeButton())),
            '<p class=""><button type="button" class="jupyter-button" data-edit="block-a">Edit '
            'this block</button> <button type="button" class="jupyter-button" data-time="">Time '
            "every layer</button></p>",
        ),
        (
            Paragraph((Swatch(BOLD, "#123456", "#000"),), mark="legend"),
            '<p class="explorer-legend"><span class="explorer-swatch"><svg width="11" height="11" '
            'aria-hidden="true"><rect width="11" height="11" rx="2" fill="#123456" stroke="#000">'
            "</rect></svg> TEXT</span></p>",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_part_is_laid_out_and_its_text_is_text(page, part, shown):
    assert laid_out(page, part) == shown.replace("TEXT", "&lt;b&gt;bold&lt;/b&gt;")


def test_pictures_are_shown_with_what_became_of_them(page):
    png = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
        "0000000a49444154789c6360000000020001e221bc330000000049454e44ae426082"
    )
    script = """
        const view = new DataView(new Uint8Array(given).buffer);
        const part = {kind: "pictures", image: {caption: "input", png: view},
                      results: [{caption: "channel <3>", png: view}]};
        const el = document.createElement("div");
        addParts(el, [part]);
        const images = [...el.querySelectorAll("img")];
        return Promise.all(images.map(image => image.decode())).then(() =>
            images.map(image => [image.alt, image.naturalWidth]));
    """
    assert run(page, Page, script, list(png)) == [["input", 1], ["channel <3>", 1]]


def test_a_page_without_parts_takes_no_place_and_follows_changes(page):
    script = """
        const before = [el.hidden, el.innerText];
        model.change({parts: [{kind: "line", text: "new", mark: "busy", detail: "", code: ""}]});
        const now = [el.hidden, el.innerText];
        model.change({parts: []});
        const after = [el.hidden, el.innerText, heard.length];
        forget();
        return [before, now, after, heard.length];
    """
    assert laid_out(page, script=script) == [[True, ""], [False, "new"], [True, "", 1], 0]


def test_a_page_that_scrolls_can_be_reached_by_keyboard(page):
    shown = render(page, Page, "return [el.tabIndex, el.ariaLabel]", label="Times of A and B")
    assert shown == [0, "Times of A and B"]


#: Has a view look as in the explorer, in a pane of some width.
STYLED = f"""
    el.classList.add("explorer-comparison");
    el.style.cssText = `--px: 1px; font-family: sans-serif; width: ${{width}}px`;
    const style = document.createElement("style");
    style.textContent = {json.dumps(STYLE.read_text(encoding="utf-8"))};
    document.body.append(style);
"""


def test_in_a_narrow_pane_figures_stand_beside_each_other_unbroken(page):
    heads = (Head("figure"), Head("A", True), Head("B", True), Head("change"))
    rows = (
        TableRow("trainable parameters", ("535 k", "134 k", "−75 %"), True),
        TableRow("output", ("256×256×16", "256×256×8", "differs"), True),
    )
    script = """
        const lines = element => {
            const range = document.createRange();
            range.selectNodeContents(element);
            return range.getClientRects().length;
        };
        const cells = [...el.querySelectorAll("tbody td")];
        return [
            el.scrollWidth <= el.clientWidth,
            Math.max(...cells.map(lines)),
            cells.slice(3).every((cell, place) => cell.offsetLeft === cells[place].offsetLeft),
        ];
    """
    table = Table("Figures", heads, rows)
    script = f"const width = 252; {STYLED} {script}"
    assert laid_out(page, table, script=script) == [True, 1, True]


@pytest.mark.parametrize("width", [200, 2000])
def test_a_table_that_is_too_wide_scrolls_and_breaks_no_word(page, width):
    table = Table("Blocks", (Head("block"), Head("what differs")), (TableRow("a", ("x" * 60,)),))
    script = f"""
        const width = {width};
        {STYLED}
        return [el.scrollWidth > el.clientWidth, el.querySelector("td").offsetHeight < 40];
    """
    assert laid_out(page, table, script=script) == [width < 300, True]


# The table of layers.

COUNTED = LayerQuantity("parameters", "Their number", "count", True, "", False)
SHORT = LayerQuantity("memory", "Bytes", "bytes", False, "peak ", False)
TIMED = LayerQuantity("time", "Seconds", "seconds", False, "", True)


def row(name: str, parameters: float | None, time: float | None = None) -> LayerRow:
    figures = {"parameters": parameters, "memory": 2048.0, "time": time}
    return LayerRow(f"layer-{name}", "block-x", name, "Conv2D", (4, 4, 2), 2.0, None, figures)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "count", "0"),
        (999, "count", "999"),
        (1000, "count", "1.00 k"),
        (999_499, "count", "999 k"),
        (999_999, "count", "1.00 M"),
        (12_345_678, "count", "12.3 M"),
        (1023, "bytes", "1023 B"),
        (1024, "bytes", "1.00 KiB"),
        (5 * 2**40, "bytes", "5120 GiB"),
        (0.0000012, "seconds", "1.20 µs"),
        (0.0999, "seconds", "99.9 ms"),
        (2.5, "seconds", "2.50 s"),
    ],
)
def test_figures_are_written_in_short(page, value, unit, text):
    script = "return writers[given.unit](given.value)"
    assert run(page, LayerTable, script, {"value": value, "unit": unit}) == text


def table(page: BrowserPage, script: str, rows: list[LayerRow], **totals: LayerTotal) -> Any:
    return render(
        page,
        LayerTable,
        "const texts = () => [...el.querySelectorAll('tbody tr')].map(row =>"
        " [...row.cells].map(cell => cell.innerText));"
        "const heads = [...el.querySelectorAll('th > button')];" + script,
        quantities=(COUNTED, SHORT, TIMED),
        rows=tuple(rows),
        totals=totals,
    )


def test_what_is_unknown_is_said_so_and_its_sum_is_a_lower_bound(page):
    rows = [row("a", 1234), row("b", None)]
    cells, foot = table(
        page,
        "return [texts(), [...el.querySelectorAll('tfoot td')].map(cell => cell.innerText)]",
        rows,
        parameters=LayerTotal(1234, False),
        memory=LayerTotal(4096, True),
    )
    assert [line[4] for line in cells] == ["1,234", "unknown"]
    assert [line[6] for line in cells] == ["unknown", "unknown"]
    assert foot == ["total of 2 layers", "", "", "", "≥ 1,234", "peak 4.00 KiB", ""]


def test_times_have_a_column_once_they_are_there_with_shares_of_all(page):
    hidden = table(page, "return heads.at(-1).parentElement.hidden", [row("a", 1)])
    assert hidden
    rows = [row("a", 1, 0.003), row("b", 1, 0.001), row("c", 1)]
    script = "return texts().map(line => line.at(-1))"
    assert table(page, script, rows, time=LayerTotal(0.004, True)) == [
        "3.00 ms (75 %)",
        "1.00 ms (25 %)",
        "",
    ]
    assert table(page, script, rows, time=LayerTotal(0.004, False)) == ["3.00 ms", "1.00 ms", ""]


def test_a_column_sorts_down_up_and_back_to_the_network_s_order(page):
    rows = [row("b", 2), row("a", 30), row("c", None)]
    script = """
        const names = () => texts().map(line => line[0]);
        const click = place => { heads[place].click(); return names(); };
        const sorted = () => heads[4].parentElement.ariaSort;
        return [names(), click(4), sorted(), click(4), sorted(), click(4), sorted(), click(0)];
    """
    assert table(page, script, rows) == [
        ["b", "a", "c"],
        *(["a", "b", "c"], "descending"),
        *(["c", "b", "a"], "ascending"),
        *(["b", "a", "c"], "none"),
        ["a", "b", "c"],
    ]


def test_a_list_sorts_by_columns_that_a_narrow_table_hides(page):
    script = """
        const select = el.querySelector("select");
        const reverse = el.querySelector("select + button");
        const names = () => texts().map(line => line[0]);
        const choose = value => {
            select.value = value;
            select.dispatchEvent(new Event("change"));
            return names();
        };
        const offered = [...select.options].filter(option => !option.disabled);
        const stride = offered.find(option => option.text === "by stride").value;
        const hidden = reverse.hidden;
        const sorted = choose(stride);
        reverse.click();
        return [offered.map(option => option.text), hidden, sorted, names(), choose("")];
    """
    rows = [attrs.evolve(row(name, 1), stride=stride) for name, stride in (("b", 2.0), ("a", 4.0))]
    offered, hidden, *orders = table(page, script, rows)
    assert offered[:3] == ["in order", "by layer", "by kind"]
    assert "by time" not in offered
    assert hidden
    assert orders == [["a", "b"], ["b", "a"], ["b", "a"]]


def test_a_click_selects_the_row_wherever_it_was_sorted_to(page):
    script = """
        heads[4].click();
        el.querySelector("tbody tr").click();
        model.change({selected: ["layer-a"]});
        const marked = [...el.querySelectorAll(".explorer-selected")].map(row => row.dataset.id);
        return [model.sent, marked];
    """
    rows = [row("b", 2), row("a", 30)]
    assert table(page, script, rows) == [[{"select": "layer-a"}], ["layer-a"]]


def test_the_rows_are_one_tab_stop_with_arrows(page):
    script = """
        document.body.append(el);
        const buttons = () => [...el.querySelectorAll("tbody button")];
        const stops = () => buttons().filter(each => each.tabIndex === 0).map(e => e.textContent);
        const seen = [stops()];
        buttons()[0].focus();
        for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "Home", "End"]) {
            const press = {key, bubbles: true};
            document.activeElement.dispatchEvent(new KeyboardEvent("keydown", press));
            seen.push(stops());
        }
        model.change({rows: model.state.rows.slice(0, 2)});
        seen.push(stops());
        return seen.map(each => each.join());
    """
    rows = tuple(row(name, 1) for name in "abc")
    seen = render(page, LayerTable, script, quantities=(COUNTED,), rows=rows, totals={})
    assert seen == ["a", "b", "c", "c", "b", "a", "c", "a"]


def test_cells_that_stay_the_same_are_not_made_anew(page):
    script = """
        const before = el.querySelector("tbody td:nth-child(3)");
        const [first] = model.state.rows;
        model.change({rows: [{...first, figures: {...first.figures, parameters: 7}}], totals: {}});
        return [before === el.querySelector("tbody td:nth-child(3)"), texts()[0][4]];
    """
    assert table(page, script, [row("a", 2)]) == [True, "7"]


# The receptive field.


@pytest.mark.parametrize(
    ("a", "b", "box"),
    [
        ((1.2, 2.7), (5.1, 3.0), (1, 2, 5, 1)),
        ((5.1, 3.0), (1.2, 2.7), (1, 2, 5, 1)),
        ((3.0, 3.0), (3.0, 3.0), (3, 3, 1, 1)),
        ((10.0, 20.0), (10.0, 20.0), (9, 19, 1, 1)),
    ],
)
def test_a_dragged_box_is_of_whole_pixels_within_the_picture(page, a, b, box):
    points = [{"y": y, "x": x} for y, x in (a, b)]
    script = "return boxBetween(...given, {height: 10, width: 20})"
    found = run(page, ReceptiveFieldView, script, points)
    assert found == dict(zip(("top", "left", "height", "width"), box, strict=True))


def test_a_new_box_is_in_the_middle_and_boxes_are_compared_side_by_side(page):
    script = """
        const box = middleOf({height: 9, width: 16});
        return [box, isSame(box, {...box}), isSame(box, {...box, left: 5}), isSame(box, null)];
    """
    middle = {"top": 2, "left": 4, "height": 5, "width": 8}
    assert run(page, ReceptiveFieldView, script) == [middle, True, False, False]


# The history, and looking around in a drawing.


@pytest.mark.parametrize(
    ("position", "refused", "disabled"),
    [
        (0, False, [True, False]),
        (0, True, [False, False]),
        (1, False, [False, False]),
        (2, False, [False, True]),
    ],
)
def test_only_what_there_is_can_be_undone_and_redone(page, position, refused, disabled):
    script = """
        const buttons = [...el.querySelectorAll("button")];
        for (const button of buttons) button.click();
        return [buttons.map(button => button.disabled), model.sent];
    """
    steps = ("start", "filters 2 → 4", "<b>")
    found, sent = render(page, HistoryView, script, steps=steps, position=position, refused=refused)
    assert found == disabled
    messages = [{"by": -1}, {"by": 1}]
    assert sent == [message for message, off in zip(messages, disabled, strict=True) if not off]


def test_the_list_of_steps_follows_and_keeps_what_stays(page):
    script = """
        const list = el.querySelector("select");
        const first = list.options[0];
        let chosen = 0;
        const place = Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, "selectedIndex");
        Object.defineProperty(list, "selectedIndex", {
            get: () => place.get.call(list),
            set: index => { chosen += 1; place.set.call(list, index); },
        });
        const shown = (...steps) => {
            model.change({ steps, position: steps.length - 1 });
            const now = [...list.options].map(({ text, value }) => `${value} ${text}`);
            return [now, list.value, chosen, list.options[0] === first];
        };
        return [shown("start", "4 → 5"), shown("start", "4 → 6"), shown("anew")];
    """
    assert render(page, HistoryView, script, steps=("start",), position=0) == [
        [["0 0. start", "1 1. 4 → 5"], "1", 1, True],
        [["0 0. start", "1 1. 4 → 6"], "1", 1, True],
        [["0 0. anew"], "0", 1, True],
    ]


@pytest.mark.parametrize(
    ("mode", "space", "room", "zoom"),
    [
        ("readable", 2000, 3000, 1.3),
        ("readable", 2000, 1500, 0.75),
        ("readable", 700, 3000, 0.7),
        ("readable", 100, 100, 0.62),
        ("width", 100, 100, 0.1),
        ("width", 2000, 100, 1),
        ("all", 2000, 100, 0.05),
    ],
)
def test_a_drawing_is_fitted_as_the_mode_says(page, mode, space, room, zoom):
    script = """
        const canvas = document.createElement("div");
        document.body.append(canvas);
        canvas.innerHTML = '<svg viewBox="0 0 750 1500"></svg>';
        const zoomer = new PanZoom(canvas, () => {});
        [zoomer.mode, zoomer.space, zoomer.room] = [given.mode, given.space, given.room];
        return zoomer.fitting;
    """
    fitting = run(page, Canvas, script, {"mode": mode, "space": space, "room": room})
    assert fitting == pytest.approx(zoom)


def test_the_overview_does_not_ask_where_a_new_drawing_is_scrolled_to(page):
    """The browser would lay the page out for the answer, and once more for the frame's place."""
    script = """
        const canvas = document.createElement("div");
        document.body.replaceChildren(canvas);
        const svg = '<svg viewBox="0 0 900 900"><g class="graph"></g></svg>';
        canvas.innerHTML = `<div style="height: 5000px">${svg}</div>`;
        canvas.style = "height: 300px; overflow: auto";
        const zoom = new PanZoom(canvas, () => {});
        [zoom.space, zoom.room] = [300, 300];
        const map = new Minimap(document.body, zoom);
        const scrolled = new Promise(resolve => canvas.addEventListener("scroll", resolve));
        canvas.scrollTop = 120;
        return scrolled.then(() => {
            let asked = 0;
            for (const name of ["scrollLeft", "scrollTop"]) {
                Object.defineProperty(canvas, name, { get: () => { asked += 1; return 0; } });
            }
            map.show();
            return [asked, Number(map.frame.getAttribute("y")) * zoom.present * (96 / 72)];
        });
    """
    asked, top = run(page, Canvas, script)
    assert asked == 0
    assert top == pytest.approx(120)


# The figures, the strip, and the frame.

FIGURES = (
    Figure("parameters", "1.20 M", "+125 %", "−10 %", "Numbers\n1,200,000", "Layers"),
    Figure("output", "8×8×2", "", "", "Shape", "Diagram"),
)
TIME = Figure("CPU, forward", "26 ms", "", "", "Time", "Run and time")


def test_figures_are_one_tab_stop_with_arrows_and_say_what_they_mean(page):
    script = """
        document.body.append(el);
        const buttons = () => [...el.querySelectorAll("button")];
        const stops = () => buttons().filter(button => button.tabIndex === 0).length;
        const press = key => document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", {key, bubbles: true}));
        const hint = el.querySelector("[role=tooltip]");
        const seen = [];
        const note = () => seen.push([document.activeElement.dataset.name, hint.textContent]);
        buttons()[0].focus();
        note();
        press("ArrowRight");
        note();
        press("ArrowRight");
        note();
        press("ArrowRight");
        note();
        press("ArrowLeft");
        document.activeElement.click();
        press("Escape");
        return [seen, stops(), hint.hidden, model.sent, buttons()[0].textContent];
    """
    seen, stops, hidden, sent, words = render(page, Totals, script, figures=FIGURES, time=TIME)
    first = ["parameters", "Numbers\n1,200,000"]
    assert seen == [first, ["output", "Shape"], ["CPU, forward", "Time"], first]
    assert (stops, hidden) == (1, True)
    assert sent == [{"open": "Run and time"}]
    assert words == "parameters1.20 M+125 %A −10 %"


def test_the_focus_stays_on_a_figure_that_changes(page):
    script = """
        document.body.append(el);
        el.querySelectorAll("button")[2].focus();
        model.change({time: {...model.state.time, value: "9 ms"}});
        return document.activeElement.textContent;
    """
    assert render(page, Totals, script, figures=FIGURES, time=TIME) == "CPU, forward9 ms"


def test_a_view_shows_once_what_it_heard_while_a_drawing_was_laid_out(page):
    script = """
        const time = () => el.querySelectorAll("button")[el.querySelectorAll("button").length - 1];
        const before = time();
        waiting.layouts += 1;
        model.change({ time: { ...model.state.time, value: "8 ms" } });
        model.change({ time: { ...model.state.time, value: "9 ms" } });
        const isKept = time() === before;
        waiting.layouts -= 1;
        const count = waiting.listeners.size;
        showAll();
        return [isKept, count, time().querySelector("b").textContent, waiting.listeners.size];
    """
    assert render(page, Totals, script, figures=FIGURES, time=TIME) == [True, 1, "9 ms", 0]


def test_a_view_that_is_gone_shows_nothing_more(page):
    script = """
        waiting.layouts += 1;
        const heardAt = waiting.listeners;
        model.change({ time: { ...model.state.time, value: "8 ms" } });
        const before = heardAt.size;
        forget();
        waiting.layouts -= 1;
        return [before, heardAt.size];
    """
    assert render(page, Totals, script, figures=FIGURES, time=TIME) == [1, 0]


STEPS = tuple(
    StripStep(
        f"layer-{name}", "block-x", f"{name}\nfacts", "#0b62a6", height, channels, total, held
    )
    for name, height, channels, total, held in (
        ("a", 64, 1, 100.0, 0.0),
        ("b", 64, 8, 300.0, 100.0),
        ("c", 32, 16, 150.0, 50.0),
    )
)


def test_the_strip_selects_by_click_and_by_key(page):
    script = """
        document.body.append(el);
        const svg = el.querySelector("svg");
        const press = key => svg.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
        const step = svg.querySelector("[data-place='1']");
        step.dispatchEvent(new MouseEvent("click", {bubbles: true}));
        model.change({selected: ["layer-b"]});
        const value = svg.getAttribute("aria-valuetext");
        for (const key of ["ArrowRight", "ArrowRight", "Home", "ArrowLeft", "End", "x"]) press(key);
        const marked = [...svg.querySelectorAll(".explorer-selected")].map(e => e.dataset.place);
        return [model.sent.map(sent => sent.select), value, marked];
    """
    sent, value, marked = render(page, Strip, script, steps=STEPS, selected=())
    names = [name.removeprefix("layer-") for name in sent]
    assert names == ["b", "c", "c", "a", "a", "c"]
    assert value == "b, facts"
    assert marked == ["1"]


def test_fast_keys_are_not_led_back_by_older_answers(page):
    script = """
        const svg = el.querySelector("svg");
        const press = key => svg.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
        press("ArrowRight");
        press("ArrowRight");
        model.change({selected: ["layer-b"]});
        press("ArrowLeft");
        model.change({selected: ["layer-b"]});
        model.change({selected: ["layer-c"]});
        press("ArrowLeft");
        return model.sent.map(sent => sent.select);
    """
    sent = render(page, Strip, script, steps=STEPS, selected=())
    assert sent == ["layer-b", "layer-c", "layer-b", "layer-b"]


def test_the_strip_draws_a_bar_a_step_and_follows_another_network(page):
    script = """
        const bars = () => [...el.querySelectorAll("path[fill]")].flatMap(path =>
            [...path.getAttribute("d").matchAll(/v(?!-)([\\d.]+)/g)].map(([, high]) => +high));
        const before = bars();
        model.change({selected: ["layer-c"]});
        model.change({selected: [], steps: model.state.steps.slice(0, 1)});
        return [before, bars().length, el.querySelector("svg").getAttribute("viewBox")];
    """
    before, count, box = render(page, Strip, script, steps=STEPS, selected=())
    assert sorted(before) == pytest.approx([90 / 16, 45, 90])  # a path for each colour
    assert (count, box) == (1, "0 0 1 100")


def test_the_frame_hides_panes_fills_the_window_and_helps(page):
    script = """
        const workspace = document.createElement("div");
        workspace.className = "explorer-workspace";
        workspace.innerHTML = "<p class='explorer-controls'></p><p class='explorer-side'></p>"
            + "<style>.explorer-toggled-controls > .explorer-controls { visibility: hidden }"
            + ".explorer-workspace:not(.explorer-toggled-side) > .explorer-side"
            + "{ visibility: hidden }</style>";
        workspace.append(el);
        document.body.append(workspace);
        const [controls, side, full, lessons, help] = el.querySelectorAll("button[aria-pressed]");
        const seen = [];
        for (const button of [controls, side, full, help]) {
            button.click();
            seen.push([workspace.className, button.ariaPressed]);
        }
        const isOnTop = workspace.matches(":popover-open");
        const told = el.querySelector("dl");
        const isTold = !told.hidden && told.textContent.includes("skip connections");
        const escape = {key: "Escape", bubbles: true, cancelable: true};
        help.dispatchEvent(new KeyboardEvent("keydown", escape));
        for (const button of [controls, side, full]) button.click();
        return [seen, isOnTop, isTold, told.hidden, workspace.className, workspace.popover];
    """
    seen, on_top, told, hidden, after, popover = render(page, Window, script)
    # That of a pane is pressed while it is shown.
    assert [pressed for _, pressed in seen] == ["false", "true", "true", "true"]
    assert seen[-1][0] == (
        "explorer-workspace explorer-toggled-controls explorer-toggled-side explorer-full"
    )
    assert on_top
    assert told
    assert hidden
    assert (after, popover) == ("explorer-workspace", None)


def test_that_nothing_runs_is_said_once(page):
    script = """
        const line = el.querySelector(".explorer-gone-line");
        document.body.innerHTML = "<div class='explorer'></div>";
        document.body.firstChild.append(line);
        let hear;
        const standIn = {
            get: () => false, set: () => hear({comm_live: false}), off: () => {},
            on: (_, listener) => { hear = listener; },
        };
        const every = window.setInterval;
        let tick;
        window.setInterval = call => { tick = call; };
        watchKernel(standIn, line);
        window.setInterval = every;
        tick();
        const said = line.textContent;
        const changes = new MutationObserver(() => {});
        changes.observe(line, {childList: true, characterData: true, subtree: true});
        tick();
        return [said, changes.takeRecords().length];
    """
    said, changes = render(page, Window, script)
    assert "run the cell to edit it" in said
    assert changes == 0


def test_marking_a_step_of_the_charts_costs_in_proportion_to_their_number(page):
    script = """
        const cost = count => {
            const root = document.createElement("div");
            const steps = makeSteps(root, () => null);
            const all = Array.from({length: count}, (_, i) => ({id: `layer-${i}`, block: "b"}));
            steps.draw(all);
            const times = all.slice(0, 10).map(spot => {
                const start = performance.now();
                window.dispatchEvent(new CustomEvent("explorer-hover", {detail: {root, spot}}));
                return performance.now() - start;
            });
            const marked = [...root.querySelectorAll("rect")]
                .findIndex(mark => mark.classList.contains("explorer-hovered"));
            steps.end();
            return [Math.min(...times), marked];
        };
        cost(250);
        return [cost(250), cost(2000)];
    """
    (few, marked), (many, also) = run(page, Frame, script)
    assert marked == also == 9
    # Of 8 times as many; it took 140 times as long when each looked at all. Clocks are coarse.
    assert many < 24 * max(few, 1)


# Code that comes from the kernel.

#: Notes the addresses of code that are kept.
ADDRESSES = """
    const kept = new Set();
    let madeCount = 0;
    const [makeAddress, giveBack] = [URL.createObjectURL, URL.revokeObjectURL];
    URL.createObjectURL = blob => {
        const address = makeAddress.call(URL, blob);
        kept.add(address);
        madeCount += 1;
        return address;
    };
    URL.revokeObjectURL = address => { kept.delete(address); giveBack.call(URL, address); };
    const restore = () => {
        URL.createObjectURL = makeAddress;
        URL.revokeObjectURL = giveBack;
    };
"""


def test_code_that_comes_twice_is_kept_once(page):
    script = f"""
        {ADDRESSES}
        const code = new PageCode();
        for (const _ of [1, 2]) code.take(["export default () => 'plotting'"]);
        restore();
        return code.coming.then(([address]) => import(address))
            .then(made => [made.default(), madeCount, kept.size]);
    """
    assert run(page, Frame, script) == ["plotting", 1, 1]


def test_keys_go_on_from_what_was_clicked_before_the_kernel_says_so(page):
    """It may say so to other views first."""
    steps = tuple(StripStep(name, name, name, "#000", 8, 4, 256, 0) for name in "abcde")
    sent = render(
        page,
        Strip,
        """
        const bars = el.querySelectorAll(".explorer-strip-step");
        const svg = el.querySelector("svg");
        const press = key => svg.dispatchEvent(new KeyboardEvent("keydown", {key}));
        const click = place => bars[place].dispatchEvent(new MouseEvent("click", {bubbles: true}));
        click(1);
        press("ArrowRight");
        model.change({selected: ["c"]});
        click(2);  // selected already: the kernel says nothing
        model.change({selected: ["a"]});
        press("ArrowRight");
        return model.sent.map(({ select }) => select);
        """,
        steps=steps,
        selected=("e",),
    )
    assert sent == ["b", "c", "c", "b"]


def test_the_strip_shows_each_network_and_nothing_of_the_one_before(page):
    def steps(*colours: str) -> tuple[StripStep, ...]:
        """Each has twice the channels of the one before, and half its height."""
        return tuple(
            StripStep(f"{n}{colour}", "", f"{n}", colour, 64 >> n, 4 << n, 256, 64 * n)
            for n, colour in enumerate(colours)
        )

    networks = [steps(*colours) for colours in ("aab", "bba", "a", "abcc", "")]
    script = """
        const svg = el.querySelector("svg");
        const drawn = () => [svg.getAttribute("viewBox"), ...[...svg.querySelectorAll("*")].map(
            ({ tagName, attributes }) =>
                [tagName, ...[...attributes].map(({ name, value }) => `${name} ${value}`).sort()]
        )];
        return networks.map(steps => { model.change({ steps }); return drawn(); });
    """
    sent = json.dumps([[attrs.asdict(step) for step in steps] for steps in networks])
    one_after_the_other = render(page, Strip, f"const networks = {sent}; {script}", steps=steps())
    for network, shown in zip(networks, one_after_the_other, strict=True):
        alone = f"const networks = [model.get('steps')]; {script}"
        assert [shown] == render(page, Strip, alone, steps=network)
    assert [len(shown) for shown in one_after_the_other] == [11, 11, 8, 13, 6]


def run_here(page: BrowserPage, worker: str, script: str) -> Any:
    """Return what a script returns that has asked the page to run a network.

    Args:
        page: The page.
        worker: A class that takes the place of the worker.
        script: Has `take`, which gives it the code, and `soon`, which waits for the answers.
    """
    model = MODEL.replace(
        "STATE", "{asked: {number: 1}, picture: new Uint8Array(), weights: new Uint8Array()}"
    )
    begin = f"""
        const OwnWorker = window.Worker;
        window.Worker = {worker};
        delete globalThis.explorerCode;
        const end = serve({{model}});
        const take = () => heard
            .find(([event]) => event === "msg:custom")[1]({{code: "runner"}}, ["", "", "", "", ""]);
        const soon = () => new Promise(resolve => setTimeout(resolve));
        return (async () => {{
            try {{ {script} }} finally {{ end(); restore(); window.Worker = OwnWorker; }}
        }})();
    """
    return run(page, InBrowser, f"{ADDRESSES}{model}{begin}")


WORKER = """class {
    addEventListener(kind, listener) { if (kind === "message") this.answer = listener; }
    postMessage({number}) { setTimeout(() => this.answer({data: {number, strongest: []}})); }
    terminate() {}
}"""


def test_code_that_comes_twice_runs_a_network_once(page):
    script = """
        take();
        take();
        await soon();
        await soon();
        await soon();
        const numbers = model.sent.slice(1).map(sent => sent.number);
        model.change({asked: null});
        return [numbers, madeCount, kept.size];
    """
    assert run_here(page, WORKER, script) == [[1], 5, 5]


def test_where_no_worker_starts_the_kernel_is_told(page):
    worker = "class { constructor() { throw new Error('not allowed'); } }"
    script = """
        take();
        await soon();
        return model.sent;
    """
    sent = run_here(page, worker, script)
    assert sent[0] == {"wants": "runner"}
    assert sent[1] == {"number": 1, "problem": "Error: not allowed"}


# A network that learns.

#: Makes pictures of so many bytes, and has `shown` note those of each that is shown.
PICTURES = """
    const shown = [];
    const png = bytes => new DataView(new ArrayBuffer(bytes));
    const pictures = [1, 2, 3, 4].map(() => ({image: png(1), truth: png(2)}));
    const step = (...bytes) => ({own: bytes.map(png), of_a: []});
    URL.createObjectURL = ({size}) => { shown.push(size); return 'data:,'; };
    const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
"""


def test_answers_of_all_steps_are_shown_in_turn(page):
    shown = render(
        page,
        Learning,
        PICTURES
        + """
        const steps = [10, 20, 30, 40, 50, 60].map(bytes => step(bytes, bytes, bytes, bytes));
        return (async () => {
            model.change({held_out: pictures});
            const count = shown.length;
            model.change({answers: steps.slice(0, 3)});
            await pause(120);
            model.change({answers: steps.slice(3)});
            await pause(1000);
            const images = [...el.querySelectorAll('img')].map(image => image.alt);
            return {given: shown.slice(0, count), played: shown.slice(count), images};
        })();
        """,
    )
    assert shown["given"] == [1, 2] * 4
    played = shown["played"]
    # The table is made with what is known last, which the page keeps to show if it is made anew.
    made, played = played[:12], played[12:]
    assert made == [1, 2] * 4 + [30] * 4
    assert played == [size for size in (10, 20, 30, 40, 50, 60) for _ in range(4)]
    assert shown["images"][8:] == [
        f"held-out picture {place}: the network’s answer" for place in (1, 2, 3, 4)
    ]


def test_what_is_forgotten_is_not_shown_and_little_waits(page):
    shown = render(
        page,
        Learning,
        PICTURES
        + """
        return (async () => {
            model.change({held_out: pictures, answers: [step(3, 3, 3, 3)]});
            model.change({answers: [step(4, 4, 4, 4), step(5, 5, 5, 5)]});
            model.change({held_out: [], answers: []});
            shown.length = 0;
            await pause(700);
            const none = [...shown];
            const many = Array.from({length: 100}, (_, place) => step(place, 1, 1, 1));
            model.change({held_out: pictures, answers: many});
            shown.length = 0;
            await pause(2500);
            return {none, first: shown[0], last: shown.at(-4), count: shown.length};
        })();
        """,
    )
    assert shown["none"] == []
    assert shown["last"] == 99
    assert shown["count"] < 4 * 41
    assert shown["first"] >= 60


#: The texts that stand out of their chart, and where the charts' grids begin.
CUT_OFF = """
    const css = document.createElement('style');
    css.textContent = CSS;
    document.body.append(css);
    el.classList.add('explorer');
    const texts = [...el.querySelectorAll('svg[role] text')];
    const isIn = ({ownerSVGElement: {viewBox}}, {x, y, width, height}) =>
        x >= 0 && y >= 0 && x + width <= viewBox.baseVal.width
        && y + height <= viewBox.baseVal.height;
    return {
        texts: texts.map(text => text.textContent),
        cutOff: texts.filter(text => !isIn(text, text.getBBox())).map(text => text.textContent),
        left: Number(el.querySelector('.explorer-grid').getAttribute('x1')),
    };
"""


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0.9, ["0", "0.5", "1"]),
        (0.0049, ["0", "0.0025", "0.005"]),
        (0.0024, ["0", "0.00125", "0.0025"]),
        (2.3e-7, ["0", "1.25e-7", "2.5e-7"]),
        (34.0, ["0", "25", "50"]),
        (99999.0, ["0", "5e4", "1e5"]),
        (123456.0, ["0", "1e5", "2e5"]),
        (1e9, ["0", "5e8", "1e9"]),
    ],
)
def test_what_is_written_beside_a_curve_is_not_cut_off(page, highest, labels):
    points = (CurvePoint(1.0, highest), CurvePoint(12345.0, highest / 3))
    curve = Curve("loss", "", "", points, "", None, ())
    script = CUT_OFF.replace("CSS", json.dumps(str(Learning._css)))
    shown = render(page, Learning, script, loss=curve)
    assert shown["texts"][:3] == labels
    assert shown["cutOff"] == []
    assert (shown["left"] == 28) is (max(map(len, labels)) <= 3)
