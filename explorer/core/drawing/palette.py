"""The colours of the diagram, on light and on dark backgrounds."""

import attrs


@attrs.frozen
class Colours:
    """Colours of the diagram.

    Attributes:
        text: Of what is written.
        muted: Of what matters less.
        line: Of links.
        skip: Of skip connections.
        header_text: Of a card's title.
        cards: For each role a header and the card under it.
        families: For each family of layers the mark beside its name.
        scale: From a small share to a large one; text can be read on each.
        states: For what became of a card or a layer since another design: its frame, its mark.
        compared: For the same, and for what stayed, a header and the card under it. Beside another
            design colours tell this alone: roles and families of layers have none.
    """

    text: str
    muted: str
    line: str
    skip: str
    header_text: str
    cards: dict[str, tuple[str, str]]
    families: dict[str, str]
    scale: tuple[str, ...]
    states: dict[str, str]
    compared: dict[str, tuple[str, str]]


#: On a light background. Headers keep a contrast of at least 4.5 with their text, and hues that
#: colour-blind people can tell apart (after Okabe and Ito).
LIGHT = Colours(
    text="#1b1f24",
    muted="#59636e",
    line="#4c5661",
    skip="#8a6d00",
    header_text="#ffffff",
    cards={
        "input": ("#4b5563", "#f3f4f6"),
        "stem": ("#4b5564", "#f3f4f7"),
        "encoder": ("#0b62a6", "#eaf3fb"),
        "middle": ("#8e4585", "#f8eef7"),
        "decoder": ("#b34700", "#fdf1e8"),
        "merge": ("#5a5f00", "#f7f7e6"),
        "head": ("#00694f", "#e8f6f1"),
        "layer": ("#4b5566", "#f3f4f8"),
    },
    families={
        "convolution": "#0072b2",
        "transposed convolution": "#bd6295",
        "upsampling": "#d55e00",
        "pooling": "#009e73",
        "merging": "#a17f00",
        "normalisation": "#5f6b77",
        "activation": "#818c98",
        "other": "#6b4fa0",
    },
    scale=("#fbfcfd", "#e3eef8", "#c3dcf0", "#98c4e4", "#66a9d6"),
    states={"changed": "#6b5300", "only in A": "#b3360f", "only in B": "#0a5ba0"},
    compared={
        "same": ("#59626d", "#f5f6f7"),
        "changed": ("#4d3c00", "#fff1a8"),
        "only in A": ("#b33610", "#fdebe4"),
        "only in B": ("#0a5ba1", "#deecfa"),
    },
)

#: The same on a dark background; the front end exchanges the one for the other.
DARK = Colours(
    text="#e8eaed",
    muted="#a8b0b9",
    line="#b4bcc6",
    skip="#e0b93c",
    header_text="#fffffe",
    cards={
        "input": ("#4b5565", "#24282e"),
        "stem": ("#4b5566", "#24282f"),
        "encoder": ("#1565a8", "#182635"),
        "middle": ("#8a4482", "#2c1f2e"),
        "decoder": ("#a84a0c", "#33231a"),
        "merge": ("#5f640a", "#2a2b18"),
        "head": ("#0a7057", "#172c26"),
        "layer": ("#4b5567", "#242830"),
    },
    families={
        "convolution": "#4aa3dd",
        "transposed convolution": "#d98cb6",
        "upsampling": "#ea7a26",
        "pooling": "#1fb88c",
        "merging": "#d4ae2a",
        "normalisation": "#8d99a6",
        "activation": "#7c8794",
        "other": "#9f86d0",
    },
    scale=("#1d232a", "#1d2f40", "#204059", "#245377", "#2a6797"),
    states={"changed": "#ecd04a", "only in A": "#ff8e66", "only in B": "#6fb5f5"},
    compared={
        "same": ("#4f5762", "#24282d"),
        "changed": ("#6e5a00", "#3b3510"),
        "only in A": ("#ab3d14", "#3a2018"),
        "only in B": ("#1464a6", "#152b42"),
    },
)


def dark_theme() -> dict[str, str]:
    """Return for each colour of the drawing the one that takes its place on dark backgrounds."""
    pairs = {
        LIGHT.text: DARK.text,
        LIGHT.muted: DARK.muted,
        LIGHT.line: DARK.line,
        LIGHT.skip: DARK.skip,
    }
    for name in ("cards", "compared"):
        light, dark = getattr(LIGHT, name), getattr(DARK, name)
        for key, (header, body) in light.items():
            pairs[header], pairs[body] = dark[key]
    for name in ("families", "states"):
        light, dark = getattr(LIGHT, name), getattr(DARK, name)
        pairs.update((light[key], dark[key]) for key in light)
    pairs.update(zip(LIGHT.scale, DARK.scale, strict=True))
    return pairs
