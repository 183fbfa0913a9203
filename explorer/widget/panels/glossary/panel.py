"""What the words on screen mean: a card beside a word, and the list of all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import traitlets

from explorer.core.words.glossary import GLOSSARY, pattern
from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget, shared
from explorer.widget.messages import OpenLesson, Term

TERMS = tuple(
    Term(**{field.name: getattr(entry, field.name) for field in attrs.fields(Term)})
    for entry in GLOSSARY
)


class Glossary(FrontWidget):
    """Explains the words that the views mark: see `front/terms.js`.

    Attributes:
        terms: What is explained.
        pattern: The regular expression of all their spellings.
    """

    _esm = module(Path(__file__).with_name("panel.js"), "terms", "pictures")
    _css = Path(__file__).with_name("panel.css")

    sends = OpenLesson

    terms = shared(tuple[Term, ...], TERMS)
    pattern: Any = traitlets.Unicode(pattern()).tag(sync=True)

    def __init__(self, open_lesson: Callable[[int], None], **options: Any) -> None:
        """Make the glossary.

        Args:
            open_lesson: Called with the number of the lesson that the user wants.
            **options: Of the widget.
        """
        super().__init__(**options)
        self.on_sent(lambda message, _: open_lesson(message.open_lesson))
