"""What a design can be saved as."""

from explorer.core.analysis.design import Design
from explorer.core.exchange.exporting import WITH_WEIGHTS, export
from explorer.core.exchange.links import SharedDesign
from explorer.core.exchange.loaded import Loaded
from explorer.core.exchange.own_json import to_json
from explorer.core.formatting import printable
from explorer.widget.messages import FileKind

#: What kinds of files are called that are offered, and how their names end.
NAMES = {
    "json": ("JSON", "json"),
    "keras": ("Python for Keras", "py"),
    "torch": ("Python for PyTorch", "py"),
    "csv": ("Layers as CSV", "csv"),
    "markdown": ("Layers in Markdown", "md"),
    "latex": ("Layers in LaTeX", "tex"),
    "methods": ("Methods paragraph", "txt"),
    "bibtex": ("Sources in BibTeX", "bib"),
    "sleap": ("SLEAP JSON", "json"),
    "sleap-nn": ("sleap-nn YAML", "yaml"),
    "keras-file": ("Keras model", "keras"),
    "weights": ("Keras weights", "weights.h5"),
    "onnx": ("ONNX", "onnx"),
}


def kinds(loaded: Loaded | None, name: str) -> tuple[FileKind, ...]:
    """Return the kinds of files, as they are offered.

    Args:
        loaded: What was opened last.
        name: The name of its file.
    """
    return tuple(
        FileKind(
            kind,
            label + (f", with the rest of {name}" if _keeps(kind, loaded) else ""),
            kind in WITH_WEIGHTS,
        )
        for kind, (label, _) in NAMES.items()
    )


def _keeps(kind: str, loaded: Loaded | None) -> bool:
    """Return whether a file that is saved keeps what the one that was opened says besides."""
    return loaded is not None and loaded.document is not None and loaded.format.lower() == kind


def saved(shared: SharedDesign, kind: str, loaded: Loaded | None) -> tuple[str, bytes]:
    """Return the name and the content of a file.

    Args:
        shared: What is on screen.
        kind: What it is saved as.
        loaded: What was opened last.

    Raises:
        ValueError: If no such file can hold the design.
    """
    design = shared.design
    if kind == "json":
        return file_name(design, kind), to_json(design.architecture, shared.budgets).encode()
    document = loaded.document if loaded and _keeps(kind, loaded) else None
    height, width, channels = design.input.shape
    made = export(design.architecture, kind, (height, width, channels), document)
    content = made if isinstance(made, bytes) else made.encode()
    return file_name(design, kind), content


def file_name(design: Design, kind: str) -> str:
    """Return what the file of a design is called."""
    return f"{printable(design.graph.name)}.{NAMES[kind][1]}"
