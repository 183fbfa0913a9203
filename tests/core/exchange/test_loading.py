"""Files are told by what they say; what is damaged, too much or hostile is refused."""

import json

import pytest

import explorer
from explorer import LeapCNN, UNet, export, load, to_json
from explorer.core.exchange.loaded import Answers
from explorer.core.exchange.loading import read_text
from explorer.core.network.errors import Refusal

SLEAP = {"model": {"backbone": {"unet": {}}, "heads": {}}}
LAUGHS = "a: &a [l, l, l, l, l, l, l, l, l]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def test_our_own_json_is_read_from_text_and_from_a_file(tmp_path):
    text = to_json(LeapCNN(filters=8))
    (tmp_path / "net.txt").write_text(text, encoding="utf-8-sig")
    for source in (text, tmp_path / "net.txt", str(tmp_path / "net.txt")):
        loaded = load(source)
        assert loaded.architecture == LeapCNN(filters=8)
        assert loaded.format == "explorer"
    assert loaded.document == json.loads(text)


def test_formats_are_told_by_content_and_not_by_name(tmp_path):
    (tmp_path / "profile.yaml").write_text(json.dumps(SLEAP))
    assert load(tmp_path / "profile.yaml").format == "SLEAP"
    (tmp_path / "config.json").write_text("model_config:\n  backbone_config:\n    unet: {}\n")
    assert load(tmp_path / "config.json").format == "sleap-nn"


def test_what_is_imported_on_first_use_is_public():
    assert {"load", "Loaded", "export"} <= set(dir(explorer))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (" \n ", "empty"),
        ('{"model": {"backbone": {"unet"', r"ends too early \(line 1"),
        ('{"model": nothing}', "damaged"),
        ('{"a": 1, "a": 2}', "'a' is given twice"),
        ('{"a": NaN}', "NaN is not finite"),
        ('{"a": -Infinity}', "-Infinity is not finite"),
        ('{"a": 1e999}', "1e999 is not finite"),
        ('{"a": ' + "9" * 5_000 + "}", "5,000 digits"),
        ("[" * 100_000, "100,000 deep"),
        ('{"a":' * 99 + "1" + "}" * 99, "99 deep"),
        ("{" + " " * 2_000_001, "characters"),
        ("[" + "[]," * 20_000, "objects and lists"),
        ("[1, 2]", "no network in a format that is known"),
        ('{"net": 1}', "no network in a format that is known: give .*SLEAP"),
        ("Dear reader,\nhow are you?", "no network in a format"),
        ("a: 1\na: 2", "'a' is given twice"),
        ("a: {b: 1, b: 2}\n", "'b' is given twice"),
        ("a: .nan\n", ".nan is not finite"),
        ("a: -.inf\n", "-.inf is not finite"),
        ("a: 1.0e+999\n", r"1.0e\+999 is not finite"),
        ("a: " + "9" * 5_000 + "\n", "5,000 digits"),
        ("a: 0x" + "F" * 5_000 + "\n", "5,002 digits"),
        ("a: !!python/object/apply:os.system ['true']\n", "tag .*python"),
        ("a: 0b_\n", "has no digits"),
        ("a: !mine 3\n", "tag '!mine'"),
        ("a: &a [1, *a]\n", "alias .a stands within"),
        (LAUGHS, "more than 10,000 values"),
        ("- &a b\n" + "- *a\n" * 20_000, "more than 10,000 values"),
        ("".join(" " * i + "a:\n" for i in range(200)), "levels deep"),
        ("x: " + "[" * 10_000 + "\n", "levels deep"),
        ("? [1, 2]\n: 3\n", "as its name"),
        ("a: [1\nb: }\n", "neither JSON nor YAML"),
        ("a: 1\n---\nb: 2\n", "neither JSON nor YAML"),
        ("a: b: c\n", "neither JSON nor YAML"),
        ("a: '" + "x" * 300_000 + "'\n", "300,006 characters"),
        ("a: \x07\n", "neither JSON nor YAML"),
    ],
)
def test_text_that_no_network_needs_is_refused_in_a_sentence(text, told):
    with pytest.raises(
        ValueError, match=f"^The text: .*{told}|^The text (describes|is) .*{told}"
    ) as e:
        load(text if "\n" in text or text[:1] in "{[" else f"{text}\n")
    assert len(str(e.value)) < 250
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty: give JSON"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG picture, whatever its name"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"\x80\x04\x95", "is a pickle"),
        (b"MZ\x00\x01", "holds no text, whatever its name"),
        ('{"model": 1}'.encode("utf-16"), "no text in UTF-8: save"),
        (b'{"model": "\xff"}', "no text in UTF-8: save"),
        (b"{" + b" " * 9_000_000, "9,000,001 bytes"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, content, told):
    (tmp_path / "net.json").write_bytes(content)
    with pytest.raises(ValueError, match=f"^'net.json'.*{told}") as caught:
        load(tmp_path / "net.json")
    assert len(str(caught.value)) < 250
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing.json", "'missing.json' is not there"),
        (".", "is no file"),
        ("x" * 5_000, "can't be opened"),
        ("a\0b", "not there|can't be opened"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path, name, told):
    with pytest.raises(ValueError, match=told) as caught:
        load(f"{tmp_path}/{name}")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", ["parts", "edges", "classes", "channels"])
@pytest.mark.parametrize("answer", [0, -1, 1.5, True, "two", 10**9])
def test_an_answer_that_is_no_number_is_refused(name, answer):
    with pytest.raises(ValueError, match=f"{name}=.* is no number of {name}"):
        load(json.dumps(SLEAP), **{name: answer})


def test_aliases_of_yaml_are_read():
    text = "base: &base {filters: 8}\nmodel_config: {backbone_config: {unet: *base}}\n"
    assert load(text).architecture.filters == 8
    text = "base: &b {filters: 8}\nmodel_config: {backbone_config: {unet: {<<: *b, stacks: 1}}}\n"
    assert load(text).architecture.filters == 8


def test_a_keras_file_is_read_by_who_can(tmp_path, monkeypatch):
    from explorer.core.network import hooks

    (tmp_path / "net.keras").write_bytes(b"PK\x03\x04")
    monkeypatch.setattr(hooks, "load_keras_file", lambda path, answers: (path.name, answers.parts))
    assert load(tmp_path / "net.keras", parts=2) == ("net.keras", 2)
    monkeypatch.setattr(hooks, "load_keras_file", None)
    with pytest.raises(ValueError, match="is a zip archive"):
        load(tmp_path / "net.keras")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://example.org/net.json", "is an address, and nothing is fetched.*: save the file"),
        ("/data/net.json", "is the path of a file: choose the file"),
        (r"C:\\nets\\net.json", "is the path of a file"),
        ("import keras\n", "is Python: run it"),
        ("UNet(filters=16)", "is Python: run it"),
        ("# a net\nimport torch\n\nx = [1}", "is Python: run it"),
        (export(UNet(), "keras", (64, 64, 1)), "is Python: run it"),
        (export(UNet(), "torch", (64, 64, 1)), "is Python: run it"),
        ("<html>\n<body>", "is HTML or XML"),
        ('<html>\n<body class="a">: {[', "is HTML or XML"),
        ('{"cells": [], "nbformat": 4}', "is a notebook: open it"),
        (
            '{"channel_names": {"0": "CT"}, "labels": {}}',
            "tells of nnU-Net's data, .*: give nnUNetPlans.json",
        ),
        ("hello", "describes no network in a format that is known: give"),
        (" \n", "is empty: give"),
        ('{"class": "UNet", ', ": This JSON ends too early"),
        ("net: [\nimport: 3", ": This is neither JSON nor YAML"),
    ],
)
def test_what_a_text_is_instead_is_told(text, told):
    with pytest.raises(Refusal, match=f"^The text ?{told}"):
        read_text(text, "The text", Answers())


def test_an_address_is_not_taken_for_a_path():
    with pytest.raises(Refusal, match=r"^https://example.org/a.json is an address"):
        load("https://example.org/a.json")
