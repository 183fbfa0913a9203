"""The frame around all panels: what is hidden, the full window, help, a kernel that has gone."""

from pathlib import Path
from typing import Any, Literal

import traitlets

from explorer.widget.front.modules import module
from explorer.widget.front.widget import FrontWidget
from explorer.widget.messages import Reveal


class Window(FrontWidget):
    """Buttons that change how much of the explorer is on screen; which, the browser alone knows.

    Attributes:
        lessons: Whether the lessons' pane is there, which the kernel makes when it is asked for.
    """

    _esm = module(Path(__file__).with_name("panel.js"))
    _css = Path(__file__).with_name("panel.css")
    gets = Reveal

    lessons: Any = traitlets.Bool().tag(sync=True)

    def reveal(self, pane: Literal["controls", "side"], part: str = "") -> None:
        """Bring a pane that may be hidden.

        Args:
            pane: Its name.
            part: Class of the part that the pane is scrolled to; it may still be on its way. Empty:
                it stays where it is.
        """
        self.send_message(Reveal(pane, part))
