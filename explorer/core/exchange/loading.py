"""A design from a file or a text, whose format is told by what it says."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from explorer.core.exchange import links, nnunet, sleap, sleap_nn
from explorer.core.exchange.loaded import Answers, Loaded
from explorer.core.exchange.own_json import LONGEST, from_json
from explorer.core.exchange.parsing import parsed
from explorer.core.formatting import listed
from explorer.core.network import hooks
from explorer.core.network.errors import Refusal

#: How files begin that hold no text; those of Keras are read by Keras.
_KERAS_BEGINNINGS = {b"PK\x03\x04": "a zip archive", b"\x89HDF\r\n\x1a\n": "an HDF5 file"}
_BEGINNINGS = _KERAS_BEGINNINGS | {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed by gzip",
    b"\x80": "a pickle, which could run code",
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
    return Loaded(from_json(json.dumps(document)), format="explorer", document=document)


#: The formats of text files, the first that fits is read.
FORMATS = (
    Format("explorer", lambda document: "class" in document, _read_own),
    Format("SLEAP", sleap.fits, sleap.read),
    Format("sleap-nn", sleap_nn.fits, sleap_nn.read),
    Format("nnU-Net", nnunet.is_plans, nnunet.read),
)


def load(
    source: str | Path,
    *,
    parts: int | None = None,
    edges: int | None = None,
    classes: int | None = None,
    channels: int | None = None,
    configuration: str = "2d",
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
        configuration: Which configuration of nnU-Net's plans.

    Raises:
        Refusal: A `ValueError`, in one sentence, for what can't be read.
    """
    answers = Answers(parts, edges, classes, channels, configuration)
    for name in ("parts", "edges", "classes", "channels"):
        answer = getattr(answers, name)
        if answer is not None and (type(answer) is not int or not 1 <= answer <= 10_000):
            raise Refusal(f"{name}={answer!r:.100} is no number of {name}: give 1 to 10,000.")
    if isinstance(source, str) and not _is_file(source):
        is_text = "\n" in source or source.lstrip()[:1] in ("{", "[")
        if is_text or links.is_link(source):
            return _read_text(source, "The text", answers)
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
    kind = next((kind for sign, kind in _BEGINNINGS.items() if content.startswith(sign)), None)
    if hooks.load_keras_file and any(map(content.startswith, _KERAS_BEGINNINGS)):
        loaded: Loaded = hooks.load_keras_file(path, answers)
        return loaded
    try:
        text = content.decode("utf-8-sig", errors="ignore" if is_longer else "strict")
    except UnicodeDecodeError:
        text = "\0"
    if kind or "\0" in text:
        raise Refusal(
            f"{name} holds no text{f', but is {kind}' if kind else ''}, whatever its name says: "
            f"what is read is {_known()}."
        )
    if is_longer:
        raise Refusal(
            f"{name} has {path.stat().st_size:,} bytes: text that describes a network has less."
        )
    return _read_text(text, name, answers)


def _is_file(source: str) -> bool:
    try:
        return Path(source).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null
        return False


def _read_text(text: str, name: str, answers: Answers) -> Loaded:
    """Return the design in a text.

    Args:
        text: The text.
        name: What it is called in an error.
        answers: What it leaves open.
    """
    try:
        if not text.strip():
            raise Refusal("It is empty.")
        if links.is_link(text):
            return links.read(text, answers)
        # Before it is parsed, since there is more in it than in other files.
        if hooks.load_keras_text and '"class_name"' in text[:2_000]:
            loaded: Loaded = hooks.load_keras_text(text, answers)
            return loaded
        document = parsed(text)
        if isinstance(document, dict):
            for candidate in FORMATS:
                if candidate.fits(document):
                    return candidate.read(document, answers)
    except Refusal as error:
        raise Refusal(f"{name}: {error}") from error
    raise Refusal(f"{name} describes no network in a format that is known: {_known()}.")


def _known() -> str:
    return f"JSON or YAML of {listed([each.name for each in FORMATS], 'or')}, or a Keras model"
