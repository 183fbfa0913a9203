"""What a file leaves open, or says in its own way, is no obstacle to saving a design into it."""

import json

import attrs
import pytest

from explorer import ResNet, export, load
from explorer.core.exchange.sections import scale_in
from explorer.core.exchange.tables import _csv_cell
from explorer.core.words.methods import methods
from explorer.core.words.sources import CHEN, bibtex

HEADS = {"single_instance": {"part_names": ["a"], "output_stride": 4}}


def of_sleap(**images):
    backbone = {"unet": {"filters": 8, "max_stride": 16}}
    model = {"heads": HEADS, "backbone": backbone}
    return json.dumps({"data": {"preprocessing": images}, "model": model})


def of_sleap_nn(unet=None, heads=None, **images):
    heads = heads or {"single_instance": {"confmaps": HEADS["single_instance"]}}
    model = {"backbone_config": {"unet": {"filters": 8, **(unet or {})}}, "head_configs": heads}
    return json.dumps({"data_config": {"preprocessing": images}, "model_config": model})


@pytest.mark.parametrize("scale", [None, "${x}", 0, -1, True])
def test_a_scale_that_is_none_does_not_count(scale):
    assert scale_in({"scale": scale}, "scale") == 1
    for kind, text in (
        ("sleap", of_sleap(input_scaling=scale)),
        ("sleap-nn", of_sleap_nn(scale=scale)),
    ):
        loaded = load(text, channels=1)
        saved = export(loaded.architecture, kind, (128, 128, 1), loaded.document)
        assert load(saved, channels=1).input_shape == (128, 128, 1)


@pytest.mark.parametrize(("kind", "text"), [("sleap", of_sleap()), ("sleap-nn", of_sleap_nn())])
def test_a_size_that_is_half_open_is_written(kind, text):
    loaded = load(text, channels=1)
    for document in (None, loaded.document):
        saved = export(loaded.architecture, kind, (192, None, 1), document)
        assert load(saved, channels=1).input_shape == (192, None, 1)


@pytest.mark.parametrize(("kind", "text"), [("sleap", of_sleap()), ("sleap-nn", of_sleap_nn())])
def test_a_design_without_heads_is_saved_into_a_file_whose_skeleton_has_parts(kind, text):
    document = json.loads(text)
    skeletons = [{"nodes": [{"name": "A"}], "edges": []}]
    place = {"sleap": ("data", "labels"), "sleap-nn": ("data_config",)}[kind]
    inner = document
    for name in place:
        inner = inner.setdefault(name, {})
    inner["skeletons"] = skeletons
    loaded = load(json.dumps(document), channels=1)
    assert loaded.architecture.heads
    plain = attrs.evolve(loaded.architecture, heads=())
    assert export(plain, kind, (None, None, None), loaded.document)


def test_a_stride_that_is_raised_drops_no_other_fields_account():
    heads = {"single_instance": {"confmaps": {"part_names": ["a", "b"], "output_stride": 32}}}
    names = [entry.name for entry in load(of_sleap_nn(heads=heads)).entries]
    assert "model_config.head_configs.single_instance.confmaps.part_names" in names


def test_dilation_is_told_where_there_is_some():
    assert CHEN.cited in methods(ResNet(encoder_stride=16), (64, 64, 3))
    plain = load(
        json.dumps(
            {
                "model": {
                    "heads": {"single_instance": {"part_names": ["a"], "output_stride": 16}},
                    "backbone": {"resnet": {"version": "ResNet50", "max_stride": 16}},
                }
            }
        ),
        channels=3,
    ).architecture
    assert CHEN.cited not in methods(plain, (64, 64, 3))
    assert CHEN.key not in bibtex(plain)


def test_a_home_that_there_is_not_is_said_in_a_sentence():
    with pytest.raises(ValueError, match="can't be opened"):
        load("~nosuchuser/x.json")


@pytest.mark.parametrize("folder", ["[run1]", "design=a"])
def test_a_file_is_opened_whatever_its_path_looks_like(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "c.json").write_text(of_sleap())
    assert load(f"{folder}/c.json").format == "SLEAP"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {x: 1}\np: {base: &base {<<: *a, x: 2}}\nchild: {<<: *base}\nmodel_config: 1",
        '1: a\n"1": b\nmodel_config: 1',
    ],
)
def test_what_overrides_what_it_merges_is_no_doubled_field(text):
    with pytest.raises(ValueError, match="model_config"):
        load(f"{text}\n")


def test_a_cell_is_no_formula_for_a_spreadsheet():
    assert _csv_cell(" =1+1") == "' =1+1"
    assert "\0" not in _csv_cell("=a\n\0b")
