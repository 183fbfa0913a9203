"""One function writes every kind of file."""

import pytest

from explorer import ResNet, UNet, export, load
from explorer.core.exchange.exporting import WRITERS
from explorer.core.exchange.keras_code import keras_code
from explorer.core.exchange.tables import as_csv, as_latex, as_markdown
from explorer.core.exchange.torch_code import torch_code
from explorer.core.network.errors import Refusal
from explorer.core.words.methods import methods
from explorer.core.words.sources import bibtex

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
SHAPE = (32, 48, 3)


def test_our_own_json_is_exported():
    assert load(export(ResNet(), "json")).architecture == ResNet()


@pytest.mark.parametrize("kind", ["sleap", "sleap-nn"])
def test_a_network_alone_is_exported_and_comes_back(kind):
    assert load(export(UNet(up_blocks=2), kind)).architecture == UNet(up_blocks=2)


def test_code_tables_and_paragraphs_are_kinds():
    for kind, write in (
        ("keras", keras_code),
        ("torch", torch_code),
        ("csv", as_csv),
        ("markdown", as_markdown),
        ("latex", as_latex),
        ("methods", methods),
    ):
        assert export(SMALL, kind, SHAPE) == write(SMALL, SHAPE)
    assert export(SMALL, "bibtex") == bibtex(SMALL)


@pytest.mark.parametrize("kind", ["keras", "torch", "csv", "markdown", "latex", "methods", "link"])
def test_what_has_figures_needs_the_inputs_shape(kind):
    with pytest.raises(Refusal, match="give input_shape"):
        export(SMALL, kind, (32, None, 3))


def test_a_kind_that_is_not_written_is_refused_and_the_others_are_named():
    with pytest.raises(ValueError, match="'docx' is no kind of file") as caught:
        export(UNet(), "docx")
    assert all(kind in str(caught.value) for kind in WRITERS)
