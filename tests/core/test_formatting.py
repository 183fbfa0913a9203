"""Names that can be shown anywhere."""

import pytest

from explorer.core.formatting import printable, sendable, shortened


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("conv 1", "conv 1"),
        ("日本語 🙂 👩\u200d🔬", "日本語 🙂 👩\u200d🔬"),
        ("\\N & <b>", "\\N & <b>"),
        ("a\nb\x07\x00", "a\\nb\\x07\\x00"),
        ("\ud800\u202e\ufffe", "\\ud800\\u202e\\ufffe"),
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_is_escaped_and_nothing_else(name, shown):
    assert printable(name) == shown


def test_what_no_message_can_hold_is_escaped_and_nothing_else():
    assert sendable("a\n\ud800é") == "a\n\\ud800é"


def test_long_texts_keep_their_start_and_their_end():
    text = "start" + "x" * 16_000 + "end"

    assert shortened("x" * 30, 30) == "x" * 30
    assert len(shortened(text, 30)) == 30
    assert shortened(text, 30).startswith("startxx")
    assert shortened(text, 30).endswith("xxend")
    assert "…" in shortened(text, 30)
