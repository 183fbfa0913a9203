"""A design from a file or a text, whose format is told by what it says."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from explorer.core.exchange import links, nnunet, sleap, sleap_nn
from explorer.core.exchange.loaded import Answers, Entry, Loaded, budgets_entry
from explorer.core.exchange.own_json import LONGEST, Document, is_document, read_back
from explorer.core.exchange.parsing import parsed
from explorer.core.formatting import listed
from explorer.core.network import hooks
from explorer.core.network.errors import Refusal

#: How files begin that hold no text; those of Keras are read by Keras.
_KERAS_BEGINNINGS = {b"PK\x03\x04": "a zip archive", b"\x89HDF\r\n\x1a\n": "an HDF5 file"}
#: Files of ONNX have no sign; the first field in them is their version, a small number.
_ONNX_BEGINNING = b"\x08"
_BEGINNINGS = _KERAS_BEGINNINGS | {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed by gzip",
    b"\x80": "a pickle, which could run code",
}
#: What texts are, by how they begin, that describe no network, and what to do.
_ADDRESS = re.compile(r"\s*(https?|ftp|file)://\S+\s*")
_OTHER_TEXTS = {
    _ADDRESS: "is an address, and nothing is fetched from there: save the file, and open that",
    re.compile(r"\s*([A-Za-z]:[\\/]|[~.]{0,2}/)[^\n]+\s*"): "is the path of a file: choose the "
    "file, or give what it says",
    re.compile(
        r"(.*^)?(import \w|from [\w.]+ import |def \w+\(|class \w+[(:]).*|\s*[A-Z]\w+\(.*",
        re.DOTALL | re.MULTILINE,
    ): "is Python: run it in a cell, and give what it makes to Explorer(…)",
    re.compile(r"\s*<.*", re.DOTALL): "is HTML or XML: give the file that it was made of",
}


@attrs.frozen
class Format:
    """A format of text files.

    Attributes:
        name: What it is called.
        fits: Whether a parsed document is of this format.
        read: Reads one.
    """

    name: str
    fits: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any], Answers], Loaded]


def _read_own(document: Mapping[str, Any], _: Answers) -> Loaded:
    found: Document = read_back(json.dumps(document), Document)
    entries: tuple[Entry, ...] = ()
    if found.budgets:
        name = type(found.architecture).__name__
        entries = Entry("architecture", name), budgets_entry(found.budgets)
    return Loaded(
        found.architecture,
        format="explorer",
        entries=entries,
        document=document,
        budgets=found.budgets,
    )


#: The formats of text files, the first that fits is read.
FORMATS = (
    Format("explorer", is_document, _read_own),
    Format("SLEAP", sleap.fits, sleap.read),
    Format("sleap-nn", sleap_nn.fits, sleap_nn.read),
    Format("nnU-Net", nnunet.is_plans, nnunet.read),
)


def is_model(name: str, content: bytes) -> bool:
    """Return whether a file holds a model of Keras or ONNX, which takes long to be read."""
    if _is_onnx(name, content) or any(map(content.startswith, _KERAS_BEGINNINGS)):
        return True
    return _is_text_of_keras(content[:8_000].decode(errors="replace"))


def _is_onnx(name: str, content: bytes) -> bool:
    return name.lower().endswith(".onnx") or content.startswith(_ONNX_BEGINNING)


def _is_text_of_keras(text: str) -> bool:
    """Return whether a text is the JSON of a Keras model, by its beginning."""
    return not links.is_link(text) and '"class_name"' in text[:2_000]


def load(
    source: str | Path,
    *,
    parts: int | None = None,
    edges: int | None = None,
    classes: int | None = None,
    channels: int | None = None,
    configuration: str | None = None,
) -> Loaded:
    """Return the design that a file describes, with an account of what was read and what was not.

    Nothing that the file holds is executed or imported, and what it leaves open isn't guessed: it
    is among `missing` and can be given.

    Args:
        source: A file, or text as it stands in one.
        parts: Number of body parts, where the file leaves it open.
        edges: Number of edges between them, likewise.
        classes: Number of classes, likewise.
        channels: Channels of the images, likewise.
        configuration: Which configuration of nnU-Net's plans; None: "2d", or the first of two axes
            if there is none of that name.

    Raises:
        Refusal: A `ValueError`, in one sentence, for what can't be read.
    """
    answers = Answers(parts, edges, classes, channels, configuration)
    if isinstance(source, str) and not _is_file(source):
        is_text = "\n" in source or source.lstrip()[:1] in ("{", "[")
        if is_text or links.is_link(source):
            return read_text(source, "The text", answers)
    if isinstance(source, str) and _ADDRESS.fullmatch(source):
        raise Refusal(f"{source.strip()[:100]} {_OTHER_TEXTS[_ADDRESS]}.")
    path = Path(source)
    name = repr(path.name)[:100]
    try:
        path = path.expanduser()
        if not path.is_file():
            what = "no file" if path.exists() else "not there"
            raise Refusal(f"{name} is {what}: give the path of a file, or what one says.")
        with path.open("rb") as file:
            content = file.read(4 * LONGEST)
            is_longer = bool(file.read(1))
    except (OSError, RuntimeError) as error:  # the latter of a home folder that there is not
        raise Refusal(f"{name} can't be opened: {getattr(error, 'strerror', error)}.") from error
    if hooks.load_onnx_file and _is_onnx(path.name, content):
        of_onnx: Loaded = hooks.load_onnx_file(path, answers)
        return of_onnx
    kind = next((kind for sign, kind in _BEGINNINGS.items() if content.startswith(sign)), None)
    if hooks.load_keras_file and any(map(content.startswith, _KERAS_BEGINNINGS)):
        try:
            loaded: Loaded = hooks.load_keras_file(path, answers)
        except Refusal as error:
            if path.name in str(error):
                raise
            raise Refusal(f"{name}: {error}") from error
        return loaded
    try:
        text = content.decode("utf-8-sig", errors="ignore" if is_longer else "strict")
    except UnicodeDecodeError as error:
        if not kind and (b"\0" not in content or content[:2] in (b"\xff\xfe", b"\xfe\xff")):
            raise Refusal(
                f"{name} is no text in UTF-8: save it as UTF-8, and open that."
            ) from error
        text = "\0"
    if kind or "\0" in text:
        raise Refusal(
            f"{name} holds no text{f', but is {kind}' if kind else ''}, whatever its name says: "
            f"give {_known()}."
        )
    if is_longer:
        raise Refusal(
            f"{name} has {path.stat().st_size:,} bytes, and text that describes a network has less "
            f"than {4 * LONGEST:,}: give the file that describes the network alone."
        )
    return read_text(text, name, answers)


def _is_file(source: str) -> bool:
    try:
        return Path(source).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null
        return False


def read_text(text: str, name: str, answers: Answers) -> Loaded:
    """Return the design in a text.

    Args:
        text: The text.
        name: What it is called in an error.
        answers: What it leaves open.

    Raises:
        Refusal: In one sentence, for what can't be read.
    """
    if not text.strip():
        raise Refusal(f"{name} is empty: give {_known()}.")
    document: object = None
    try:
        if links.is_link(text):
            return links.read(text, answers)
        # Before it is parsed, since there is more in it than in other files.
        if hooks.load_keras_text and _is_text_of_keras(text):
            loaded: Loaded = hooks.load_keras_text(text, answers)
            return loaded
        try:
            document = parsed(text)
        except Refusal:
            if not _other(text):
                raise
        if isinstance(document, dict):
            for candidate in FORMATS:
                if candidate.fits(document):
                    return candidate.read(document, answers)
    except Refusal as error:
        raise Refusal(f"{name}: {error}") from error
    raise Refusal(f"{name} {_what_else(text, document)}.")


def _other(text: str) -> str:
    """Return what a text is by its beginning and lines, and what to do; nothing for other texts."""
    return next((what for form, what in _OTHER_TEXTS.items() if form.fullmatch(text)), "")


def _what_else(text: str, document: object) -> str:
    """Return what a text is that describes no network, and what to do."""
    if what := _other(text):
        return what
    if isinstance(document, dict) and "nbformat" in document:
        return "is a notebook: open it in Jupyter, and give what a cell makes to Explorer(…)"
    if isinstance(document, dict) and document.keys() & {"channel_names", "modality"}:
        return "tells of nnU-Net's data, not of a network: give nnUNetPlans.json"
    return f"describes no network in a format that is known: give {_known()}"


def _known() -> str:
    return (
        f"JSON or YAML of {listed([each.name for each in FORMATS], 'or')}, or a Keras or ONNX model"
    )
