"""Each term on screen is explained once, and found where it is used."""

import re
from functools import cache

import pytest

from explorer import FCDenseNet, Head, ResNet, UNet, presets
from explorer.core.analysis.connections import wiring_of
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.quantities import QUANTITIES, of_networks
from explorer.core.network.layers import Conv2D, Dense
from explorer.core.words.arithmetic import block_facts, configuration, figures
from explorer.core.words.explanations import block_text, layer_text, skips_text
from explorer.core.words.glossary import GLOSSARY, Entry, entry_of, found, meaning, spelled

#: Every preset, and what none of them has: a head, dilation, sums, no dropout.
DESIGNS = (
    *(Design(architecture) for architecture in presets.values()),
    Design(UNet(filters=4, heads=(Head(name="parts", channels=3),), skips="add")),
    Design(ResNet(encoder_stride=8, skips="none")),
    Design(FCDenseNet(layers_per_block=(2,), bottleneck_layers=2, dropout=0.0), Input(32, 64, 3)),
)
#: What `found` looks for, written in another way: whole words, with no longer term around them.
WORD = re.compile(r"[\w\-]+")


@cache
def explanations() -> frozenset[str]:
    """Return what is said of every layer and block of every design."""
    texts: set[str] = {Dense(name="d", units=2).does([(4,)]), Conv2D(name="c", filters=2).kind}
    for design in DESIGNS:
        wiring, report = wiring_of(design.graph), design.report
        texts.add(skips_text(wiring))
        for node in design.graph:
            texts |= {layer_text(node, wiring), node.layer.summary, node.kind}
            for fact in (*figures(node, report), *configuration(node.layer)):
                texts |= {fact.name, fact.value, fact.note}
        for nodes in wiring.parts.values():
            texts.add(block_text(nodes, wiring))
            texts |= {fact.note for fact in block_facts(nodes, report)}
    return frozenset(texts)


def spelled_in(text: str) -> set[str]:
    """Return the spellings that stand in a text as whole words, in no longer one."""
    words = list(WORD.finditer(text))
    held: set[str] = set()
    skip = 0
    for place, word in enumerate(words):
        if place < skip:
            continue
        for count in (3, 2, 1):
            if place + count > len(words):
                continue
            piece = text[word.start() : words[place + count - 1].end()]
            for spelling in (piece, piece[:1].lower() + piece[1:]):
                if spelling in spelled() and place >= skip:
                    held.add(spelling)
                    skip = place + count
    return held


def test_each_term_of_each_explanation_is_found():
    texts = explanations()
    assert len(texts) > 1000
    for text in texts:
        assert {spelled()[word].term for word in spelled_in(text)} == {
            entry.term for entry in found(text)
        }, text


def test_terms_are_found_in_their_order_once_and_not_in_names():
    text = "Strides of stack0_enc1_conv0: a 3×3 conv with stride 2; skips, upsampled."
    assert [entry.term for entry in found(text)] == ["stride", "convolution", "skip connection"]
    assert found("an added-on Dense-ish pooling_x, adds and passes") == []
    assert entry_of("Receptive field") is entry_of("receptive fields")


@pytest.mark.parametrize("entry", GLOSSARY, ids=lambda entry: entry.term)
def test_an_entry_is_written_as_it_should_be(entry):
    assert entry.meaning[0].isupper()
    assert entry.meaning.endswith(".")
    assert len(re.findall(r"[.?!](?:\s|$)", entry.meaning)) <= 3
    assert len(entry.meaning) < 260
    assert entry.lesson is None or 1 <= entry.lesson <= 12
    assert meaning(entry.term) == entry.meaning


def test_no_spelling_stands_for_two_terms():
    spellings = [spelling for entry in GLOSSARY for spelling in entry.spellings]
    assert len(set(spellings)) == len(spellings)
    assert sorted((entry.term for entry in GLOSSARY), key=str.lower) == [
        entry.term for entry in GLOSSARY
    ]


def test_no_term_is_explained_in_a_circle():
    def walk(entry: Entry, above: tuple[str, ...]) -> None:
        assert entry.term not in above, (*above, entry.term)
        for other in found(entry.meaning):
            if other is not entry:
                walk(other, (*above, entry.term))

    for entry in GLOSSARY:
        walk(entry, ())


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda quantity: quantity.name)
def test_all_that_is_counted_is_explained(quantity):
    names = [quantity.name, quantity.words, quantity.headline, *quantity.parts]
    if quantity in of_networks():
        names.append(quantity.network_name)
    for name in names:
        assert name in spelled(), name
    assert meaning(quantity.name) == quantity.meaning
