"""The colours of the diagram, on light and on dark backgrounds."""

import attrs


@attrs.frozen
class Colours:
    """Colours of the diagram: text, lines, and for each role a header and the card under it."""

    text: str
    muted: str
    line: str
    skip: str
    header_text: str
    cards: dict[str, tuple[str, str]]


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
    for role, (header, body) in LIGHT.cards.items():
        pairs[header], pairs[body] = DARK.cards[role]
    return pairs
