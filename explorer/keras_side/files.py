"""Keras' own files as architectures: `.keras`, whole models in HDF5, and a model's JSON.

Nothing that a file holds is run, imported or looked up by a name that the file gives, and nothing
of an archive is written to a place that it names: see `allowed` for what is made of it. Weights
come along where the whole model was read and they fit it; else they are random, and an entry says
so.
"""

import io
import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from explorer.core.analysis.report import analyze
from explorer.core.exchange.loaded import Answers, Entry, Loaded
from explorer.core.families.read_model import ReadModel, image_shape
from explorer.core.formatting import byte_size, counted
from explorer.core.network.errors import Refusal, first_line
from explorer.core.network.layers import Shape
from explorer.keras_side.build import read, without_values
from explorer.keras_side.given_models import ANY_SIZE, as_read_model, without_weights
from explorer.keras_side.machine_memory import check_weights_fit
from explorer.keras_side.rebuild import structure_problem, values_in_file
from explorer.keras_side.safe_models import Maker

#: Most bytes of a configuration, and of a file with weights; how deep objects may lie in it, and
#: how many there may be.
LONGEST, LARGEST, DEEPEST, MOST = 50_000_000, 2**32, 100, 1_000_000
#: By how much what an archive holds may grow: Keras compresses nothing, and weights hardly shrink.
_MOST_COMPRESSION = 100
#: How deep groups of HDF5 lie in each other in which weights are counted.
_DEEPEST_GROUP = 30

_ZIP, _HDF5, _PICKLE = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x80"
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_SAVE_AGAIN = "save the model again with model.save()"
_NO_WEIGHTS_IN_JSON = "a model's JSON holds none, so they are random"
_NO_ANSWERS = Answers()


@attrs.frozen
class _Opened:
    """What a file holds.

    Attributes:
        document: The model's class and configuration.
        weights: An open HDF5 file with its weights, or None.
        is_legacy: Whether the weights are laid out as in a whole model in HDF5.
        path: Where the weights lie, if in a file of their own.
        no_weights: Why there are none.
    """

    document: Any
    weights: Any = None
    is_legacy: bool = False
    path: Path | None = None
    no_weights: str = ""


def read_keras_file(source: str | Path | bytes, answers: Answers = _NO_ANSWERS) -> Loaded:
    """Return the model of a file that Keras wrote.

    Args:
        source: Path of a `.keras` file, a whole model in HDF5, or a model's JSON; or the bytes.
        answers: The channels of the image, where the model takes any number.

    Raises:
        Refusal: If it is no such file, or a model that can't be read.
    """
    with _opened(source) as opened:
        return _read(opened, answers)


def read_keras_text(text: str, answers: Answers = _NO_ANSWERS) -> Loaded:
    """Return the model of a configuration, as `model.to_json()` writes it.

    Args:
        text: The JSON.
        answers: The channels of the image, where the model takes any number.

    Raises:
        Refusal: If it is none, or of a model that can't be read.
    """
    opened = _Opened(
        _parsed(text.encode(errors="surrogatepass"), "this text"), no_weights=_NO_WEIGHTS_IN_JSON
    )
    return _read(opened, answers)


# Opening a file.


@contextmanager
def _opened(source: str | Path | bytes) -> Iterator[_Opened]:
    """Open a file, whatever it is called; closes it in the end."""
    if not isinstance(source, bytes):
        source = Path(source)
        if not source.is_file():  # a folder, or a pipe that would be waited for
            what = "is no file" if source.exists() else "does not exist"
            raise Refusal(f"{source.name} {what}: give the path of a .keras or HDF5 file.")
        size = source.stat().st_size
    else:
        size = len(source)
    name = "This file" if isinstance(source, bytes) else source.name
    if size > LARGEST:
        raise Refusal(f"{name} has {byte_size(size)}: at most {byte_size(LARGEST)} are read.")
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        start = file.read(8)
        file.seek(0)
        if start.startswith(_ZIP):
            with _archive(file, name) as opened:
                yield opened
        elif start == _HDF5:
            try:
                with _hdf5(file, name) as whole:
                    yield _whole_model(whole, name)
            except _Broken as error:
                raise Refusal(f"{error}: {_SAVE_AGAIN}.") from error
        elif start.startswith(_PICKLE):
            raise Refusal(
                f"{name} looks like a pickle, which can run code when it is read: save the model "
                "with model.save('NAME.keras') instead."
            )
        elif start.lstrip()[:1] == b"{":
            text = file.read(LONGEST + 1)
            yield _Opened(_parsed(text, name), no_weights=_NO_WEIGHTS_IN_JSON)
        else:
            raise Refusal(f"{name} is no .keras file, HDF5 file or JSON of a model: {_SAVE_AGAIN}.")


@contextmanager
def _archive(file: Any, name: str) -> Iterator[_Opened]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Refusal(f"{name} is a broken archive, or cut short: {_SAVE_AGAIN}.") from error
    with archive, tempfile.TemporaryDirectory(prefix="explorer-") as folder:
        names = [each.filename for each in archive.infolist()]
        if names.count(_CONFIG) != 1 or names.count(_WEIGHTS) > 1:
            raise Refusal(
                f"{name} is an archive without one {_CONFIG}, so it is no .keras file: give one "
                "that model.save('NAME.keras') wrote."
            )
        config = io.BytesIO()
        _copy_member(archive, _CONFIG, config, LONGEST, name)
        document = _parsed(config.getvalue(), name)
        if _WEIGHTS not in names:
            yield _Opened(document, no_weights="the file holds none, so they are random")
            return
        path = Path(folder, f"own.{_WEIGHTS.partition('.')[2]}")
        with path.open("wb") as copy:
            _copy_member(archive, _WEIGHTS, copy, LARGEST, name)
        try:
            with path.open("rb") as weights, _hdf5(weights, f"{_WEIGHTS} of {name}") as opened:
                yield _Opened(document, opened, path=path)
        except _Broken as error:
            yield _Opened(document, no_weights=f"{error}, so they are random")


def _copy_member(archive: zipfile.ZipFile, member: str, to: Any, most: int, name: str) -> None:
    """Copy a file of an archive, no more of it than the archive says that there is."""
    info = archive.getinfo(member)
    if info.file_size > min(most, max(_MOST_COMPRESSION * info.compress_size, 1_000_000)):
        raise Refusal(
            f"{member} of {name} would grow from {byte_size(info.compress_size)} to "
            f"{byte_size(info.file_size)}: no file of Keras does, so it is not read."
        )
    try:
        with archive.open(info) as source:
            left = info.file_size
            while chunk := source.read(min(left + 1, 2**20)):
                left -= len(chunk)
                if left < 0:
                    raise Refusal(f"{member} of {name} is larger than it says: {_SAVE_AGAIN}.")
                to.write(chunk)
    except Refusal:
        raise
    except Exception as error:  # zlib and zipfile raise many kinds
        raise Refusal(f"{member} of {name} can't be read ({first_line(error)}).") from error


class _Broken(Exception):
    """A file in HDF5 that is not safe to read, or can't be; says why."""


@contextmanager
def _hdf5(file: Any, name: str) -> Iterator[Any]:
    import h5py  # type: ignore[import-untyped]

    try:
        opened = h5py.File(file, "r")
    except Exception as error:  # h5py raises many kinds
        raise _Broken(f"{name} is broken, or cut short ({first_line(error)})") from error
    with opened:
        try:
            problem = structure_problem(opened)
        except Exception as error:  # the same
            raise _Broken(f"{name} is broken, or cut short ({first_line(error)})") from error
        if problem:
            raise _Broken(f"{name} is not as Keras writes it, since {problem}")
        yield opened


def _whole_model(file: Any, name: str) -> _Opened:
    """Return what a whole model in HDF5 holds."""
    try:
        return _held(file, name)
    except Refusal:
        raise
    except Exception as error:  # h5py raises many kinds of a damaged one
        raise _Broken(f"{name} is broken ({first_line(error)})") from error


def _held(file: Any, name: str) -> _Opened:
    if "model_config" not in file.attrs:
        if "layers" in file or "layer_names" in file.attrs:
            raise Refusal(
                f"{name} holds weights alone, and not the model that they are of: make the model, "
                "and load them in the tab Feature maps."
            )
        raise Refusal(f"{name} is an HDF5 file without a Keras model: {_SAVE_AGAIN}.")
    text = file.attrs["model_config"]
    text = text.encode() if isinstance(text, str) else text
    if not isinstance(text, bytes):
        raise Refusal(f"The model_config of {name} is no text: {_SAVE_AGAIN}.")
    document = _parsed(text, name)
    if "model_weights" not in file:
        return _Opened(document, no_weights="the file holds none, so they are random")
    return _Opened(document, file["model_weights"], is_legacy=True)


def _parsed(text: bytes, name: str) -> Any:
    if len(text) > LONGEST:
        raise Refusal(f"The configuration in {name} has over {LONGEST:,} characters.")
    try:
        document = json.loads(text)
    except RecursionError as error:
        raise Refusal(f"The configuration in {name} has objects too deep in each other.") from error
    except ValueError as error:  # no JSON, no text, or a number of thousands of digits
        raise Refusal(
            f"The configuration in {name} is no JSON ({first_line(error)}): {_SAVE_AGAIN}."
        ) from error
    _check_document(document)
    return document


def _check_document(document: Any) -> None:
    """Raise an error if a configuration is deeper or has more in it than that of any model."""
    level, depth, count = [document], 0, 0
    while level := [
        each
        for value in level
        if isinstance(value, (dict, list))
        for each in (value.values() if isinstance(value, dict) else value)
        if isinstance(each, (dict, list))
    ]:
        depth, count = depth + 1, count + len(level)
        if depth > DEEPEST or count > MOST:
            raise Refusal(
                f"This configuration has objects in each other over {DEEPEST} deep, or more than "
                f"{MOST:,} of them: no Keras model that can be shown has."
            )


# From what it holds to an architecture.


def _read(opened: _Opened, answers: Answers) -> Loaded:
    try:
        return _loaded(opened, answers)
    except (Refusal, ImportError, MemoryError):
        raise
    except Exception as error:  # a layer's settings may be of any type, which Keras doesn't check
        raise Refusal(
            f"This Keras model can't be read, since a layer's settings make no sense: "
            f"{first_line(error)}."
        ) from error


def _loaded(opened: _Opened, answers: Answers) -> Loaded:
    document = opened.document
    wanted = (ANY_SIZE, ANY_SIZE, answers.channels or 1)
    maker = Maker(lambda: _weights_of_layers(opened))
    with without_values():
        model = maker.model(document)
    foreign = [each for each in maker.left_out if each.is_foreign]
    if foreign:
        image = max(model.inputs, key=lambda tensor: len(tensor.shape))
        own = image_shape(tuple(image.shape[1:]))
        pairs = zip(own, wanted, strict=True)
        found = read(model, tuple(size if size else any_ for size, any_ in pairs))
        found.model = None  # it can't be run
        architecture = ReadModel.of(found)
        about = "the model has layers that are not read, so that it can't be run here"
    else:
        architecture, about = _with_weights(model, opened, wanted)
    graph = architecture.own_graph
    assert graph is not None
    parameters = counted(analyze(graph).total_params, "parameter")
    layers = len(graph.nodes) - len(foreign)
    left_out = [
        Entry(each.layer if each.is_foreign else f"{each.layer}.{each.kind}", each.kind, each.why)
        for each in maker.left_out
    ]
    entries = (
        Entry("layers", counted(layers, "layer")),
        Entry("input", architecture.own_shape),
        *left_out,
        Entry("weights", parameters, about),
        *_of_training(document),
    )
    height, width, channels = architecture.own_shape
    missing = () if channels or answers.channels else ("channels",)
    return Loaded(architecture, (height, width, channels), "Keras", entries, missing)


def _of_training(document: Mapping[str, Any]) -> Iterator[Entry]:
    if document.get("compile_config"):
        yield Entry("compile_config", "loss and optimizer", "it is of training, not of the network")


def _with_weights(model: Any, opened: _Opened, wanted: Shape) -> tuple[ReadModel, str]:
    """Return the architecture, with its weights if they fit, and why they are not there."""
    made = without_weights(model, None, wanted)
    about = opened.no_weights
    if opened.weights is not None and model.weights:
        assert made.own_graph is not None
        try:
            check_weights_fit(analyze(made.own_graph))
            with_values = Maker(dict).model(opened.document)
            _assign(with_values, opened)
            return as_read_model(with_values, wanted), ""
        except Exception as error:  # h5py raises many kinds of what Keras did not write
            about = f"they can't be loaded, and are random: {first_line(error)}"
    made = attrs.evolve(made, model=None, about_weights=about)
    return made.with_what_is_fixed(), about


def _assign(model: Any, opened: _Opened) -> None:
    """Give a model the weights of a file: all of them, or none.

    Raises:
        Refusal: If they are not the model's.
    """
    if opened.is_legacy:
        values = list(_legacy_values(model, opened.weights))
    else:
        assert opened.path is not None
        values = values_in_file(model, opened.path)
    there = {id(variable) for variable, _ in values}
    lacking = [each.path for each in model.weights if id(each) not in there]
    if lacking:
        raise Refusal(f"there are none for {lacking[0]}")
    for variable, value in values:
        variable.assign(value)


def _legacy_values(model: Any, group: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the weights with their values in a whole model in HDF5, by the names of layers."""
    for layer in model.layers:
        if not layer.weights:
            continue
        own = group.get(layer.name)
        if own is None:
            raise Refusal(f"the file has no weights of the layer {layer.name!r}")
        names = [_text(name) for name in own.attrs.get("weight_names", ())]
        for leaf in _leaves(layer):
            here = [name for name in names if leaf is layer or leaf.name in name.split("/")[:-1]]
            variables = [*leaf.trainable_weights, *leaf.non_trainable_weights]
            shapes = [tuple(own[name].shape) for name in here]
            if shapes != [tuple(each.shape) for each in variables]:
                raise Refusal(f"those of the layer {leaf.name!r} have other shapes in the file")
            values = [own[name][()] for name in here]
            if not all(np.isfinite(value).all() for value in values):
                raise Refusal(f"those of the layer {leaf.name!r} are infinite or no number")
            yield from zip(variables, values, strict=True)


def _leaves(layer: Any) -> list[Any]:
    """Return the layers with weights of a model in a model, or the layer itself."""
    if not hasattr(layer, "layers"):
        return [layer]
    return [leaf for each in layer.layers if each.weights for leaf in _leaves(each)]


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _weights_of_layers(opened: _Opened) -> dict[str, int]:
    if opened.weights is None:
        return {}
    return (_legacy_counts if opened.is_legacy else _counts)(opened.weights)


def _legacy_counts(weights: Any) -> dict[str, int]:
    """Return how many weights a whole model in HDF5 has for each layer, by its name."""
    counts = {}
    for name, group in weights.items():
        arrays = [group.get(_text(each)) for each in group.attrs.get("weight_names", ())]
        if all(hasattr(array, "shape") for array in arrays):
            counts[name] = sum(prod(array.shape) for array in arrays)
    return counts


def _counts(weights: Any) -> dict[str, int]:
    """Return how many weights a file of Keras 3 has for each layer, by its name.

    A name that two groups have is left out.
    """
    sizes: Counter[tuple[str, ...]] = Counter()
    names: list[tuple[str, tuple[str, ...]]] = []
    waiting: list[tuple[tuple[str, ...], Any]] = [((), weights)]
    while waiting:
        place, group = waiting.pop()
        name = group.attrs.get("name") if place[-1:] == ("vars",) else None
        if isinstance(name, str):
            names.append((name, place[:-1]))
        for key, item in group.items():
            if hasattr(item, "shape"):
                for depth in range(len(place) + 1):
                    sizes[place[:depth]] += prod(item.shape)
            elif "seed_generator" not in key and len(place) < _DEEPEST_GROUP:
                waiting.append(((*place, key), item))
    count = Counter(name for name, _ in names)
    return {name: sizes[place] for name, place in names if count[name] == 1}
