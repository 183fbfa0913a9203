"""Words that are explained where they stand: by pointer, by keys, and all of them in a list."""

from playwright.sync_api import Page, expect

from explorer.core.words.glossary import GLOSSARY, found
from tests.browser.test_explorer import TINY, in_kernel, opened, type_number  # noqa: F401
from tests.browser.test_screen import block, heading
from tests.browser.test_snapshot import CLICK_BLOCK
from tests.browser.test_snapshot import opened as opened_file  # noqa: F401

CARD = ".explorer-term-card"
#: The texts of the explanation, as they stand before words are marked.
TEXTS = """
    body => {
        const copy = body.cloneNode(true);
        for (const word of copy.querySelectorAll(".explorer-term"))
            word.replaceWith(word.textContent);
        copy.normalize();
        const walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
        const texts = [];
        while (walker.nextNode()) {
            const { data, parentElement } = walker.currentNode;
            if (!parentElement.closest("button")) texts.push(data);
        }
        return texts;
    }
"""
#: What can be clicked, in the pane of the words, that lies beneath the card.
COVERED = """
    card => {
        const box = card.getBoundingClientRect();
        return [...document.querySelectorAll(".explorer-side button")].filter(button => {
            const {left, right, top, bottom} = button.getBoundingClientRect();
            return left < box.right && right > box.left && top < box.bottom && bottom > box.top;
        }).length;
    }
"""
CELLS = "() => jupyterapp.shell.currentWidget.content.widgets.length"


def word(page: Page, term: str):
    return page.locator(f".explorer-inspector .explorer-term[data-term='{term}']")


def test_a_word_is_explained_to_the_pointer_beside_what_one_may_click(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    block(page, "stack0_enc1").click()
    expect(heading(page)).to_have_text("encoder 1")
    body = page.locator(".explorer-inspector-body")
    marked = body.locator(".explorer-term").evaluate_all("all => all.map(a => a.dataset.term)")
    assert marked == list(
        dict.fromkeys(entry.term for text in body.evaluate(TEXTS) for entry in found(text))
    )
    assert len(marked) > 8

    card = page.locator(CARD)
    word(page, "resolution").hover()
    expect(card).to_contain_text("at half the resolution")
    expect(card.locator("svg rect")).not_to_have_count(0)
    expect(word(page, "resolution")).to_have_attribute("aria-expanded", "true")
    assert card.evaluate(COVERED) == 0
    card.hover()  # the pointer may go there
    page.wait_for_timeout(400)
    expect(card).to_be_visible()
    page.locator(".explorer-bar").hover(position={"x": 4, "y": 4})
    expect(card).to_be_hidden()

    word(page, "stride").click()
    page.locator(".explorer-bar").hover(position={"x": 4, "y": 4})
    page.wait_for_timeout(400)
    expect(card).to_contain_text("Lesson 2")  # a click holds it
    card.locator(".explorer-term[data-term='position']").click()
    expect(card).to_contain_text("as a pixel is one of an image")
    heading(page).click()
    expect(card).to_be_hidden()


def test_a_word_is_explained_to_the_keyboard_and_no_key_reaches_the_notebook(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    block(page, "stack0_enc1").click()
    expect(heading(page)).to_have_text("encoder 1")
    cells = page.evaluate(CELLS)
    card, first = page.locator(CARD), page.locator(".explorer-inspector .explorer-term").first
    page.get_by_role("button", name="Edit this block").focus()
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    expect(card).to_contain_text("first half of the network")
    page.keyboard.press("Enter")
    expect(card).to_be_focused()
    for key in ("a", "b", "x", "m", "Shift+Enter"):
        page.keyboard.press(key)
    assert page.evaluate(CELLS) == cells
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(first).to_be_focused()
    for key in ("a", "b", "x"):
        page.keyboard.press(key)
    assert page.evaluate(CELLS) == cells

    # What is drawn anew has the focus where it was.
    page.keyboard.press("Tab")
    in_kernel(page, "widget.controls['filters'].value = 6")
    expect(page.locator(".explorer-inspector")).to_contain_text("×6")
    expect(page.locator(".explorer-inspector .explorer-term").nth(1)).to_be_focused()

    # In the full window, Escape closes the card first.
    page.get_by_role("button", name="Fill the window").click()
    word(page, "stride").click()
    expect(card).to_be_visible()
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    expect(page.locator(".explorer-full")).to_have_count(1)


def test_all_terms_are_listed_and_can_be_searched(opened):  # noqa: F811
    page = opened(TINY, keras=False)
    page.get_by_role("button", name="Keys, and what arrows mean").click()
    page.get_by_role("button", name="Glossary", exact=True).click()
    terms = page.locator(".explorer-glossary-list dt:visible")
    expect(terms).to_have_count(len(GLOSSARY))
    search = page.get_by_role("searchbox", name="Search the glossary")
    expect(search).to_be_focused()
    search.press_sequentially("checkerboard")
    expect(terms).to_have_text(["transposed convolution"])
    page.keyboard.press("Escape")
    expect(search).to_be_hidden()
    expect(page.get_by_role("button", name="Glossary", exact=True)).to_be_focused()


def test_a_saved_page_explains_its_words(opened_file):  # noqa: F811
    page = opened_file()
    page.locator(CLICK_BLOCK).click()
    word(page, "resolution").hover()
    expect(page.locator(CARD)).to_contain_text("at half the resolution")
    page.keyboard.press("Escape")
    expect(page.locator(CARD)).to_be_hidden()

    # A small window, as at 200 %: nothing of the card is out of sight.
    page.set_viewport_size({"width": 720, "height": 450})
    word(page, "stride").click()
    box = page.locator(CARD).bounding_box()
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= 720
    assert box["y"] + box["height"] <= 450

    page.get_by_role("button", name="Glossary").click()
    expect(page.locator(".explorer-glossary-list dt:visible")).to_have_count(len(GLOSSARY))
