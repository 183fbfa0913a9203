"""What a notebook keeps of an explorer, for pages where nothing runs: picture, figures and table.

It is an output of its own, beneath the widget's. Of an output that has a widget in it, JupyterLab
shows nothing else, even where it finds no more than "model not found"; and an output of its own can
be brought up to date without making the widget's view anew. While there is such a view on the page,
that hides it (`names.js`).
"""

from base64 import b64encode
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element, SubElement

import attrs
import IPython.display

from explorer.core.analysis.tables import as_html, report_table
from explorer.core.drawing.diagram import Diagram
from explorer.core.editing.snapshot import Scene
from explorer.core.exchange.tables import in_markdown, report_markdown
from explorer.core.families.titles import title_of
from explorer.core.formatting import counted, printable, size_text
from explorer.core.network.errors import Refusal
from explorer.core.settling import Settling
from explorer.widget.messages import Figure
from explorer.worker import later

#: Seconds that a design must last until the notebook gets it.
CALM = 2.0
#: IPython has no types.
display: Callable[..., Any] = IPython.display.display
#: JupyterLab's line on a widget that is gone, which the picture beneath it does without.
GONE = (
    ".jp-OutputArea-child:has(+ .jp-OutputArea-child .{name})"
    " > .jp-OutputArea-output.jupyter-widgets {{ display: none; }}"
)
AGAIN = "As it was on screen last. To edit it, run this cell again"


@attrs.frozen
class Saved:
    """What is kept.

    Attributes:
        scene: What is on screen.
        figures: Those of the whole network.
        drawing: The diagram, without what only works on screen.
        link: The design as a link; empty where no link holds it.
    """

    scene: Scene
    figures: tuple[Figure, ...]
    drawing: Diagram
    link: str

    @property
    def title(self) -> str:
        """The network and its input."""
        design = self.scene.design
        name = printable(title_of(design.architecture))
        return f"{name}, input {size_text(design.input.shape)}"

    @property
    def totals(self) -> str:
        """The network's figures in a line."""
        return " · ".join(f"{figure.name} {figure.value}" for figure in self.figures)

    @property
    def code(self) -> str:
        """What brings the design back; empty where no link holds it."""
        if not self.link:
            return ""
        return f'from explorer import Explorer\nExplorer.from_link("{self.link}")'

    def outputs(self, name: str) -> dict[str, str]:
        """Return the same as each kind of output that a notebook can keep.

        Args:
            name: Class of the HTML, by which a view hides it.
        """
        again = f"{AGAIN}, or this code:" if self.link else f"{AGAIN}."
        code = f"```python\n{self.code}\n```\n" if self.link else ""
        title, table = in_markdown(self.title), report_markdown(self.scene.design.report)
        return {
            "text/html": as_html(self._element(name, again)),
            "text/markdown": f"**{title}**\n\n{self.totals}\n\n{table}\n{again}\n\n{code}",
            "text/plain": "\n".join(filter(None, (self.title, self.totals, again, self.code))),
        }

    def _element(self, name: str, again: str) -> Element:
        whole = Element("div", {"class": f"explorer-saved {name}"})
        # Of a notebook that is not trusted JupyterLab takes this away, and shows no such line.
        SubElement(whole, "style").text = GONE.format(name=name)
        SubElement(SubElement(whole, "p"), "b").text = self.title
        SubElement(whole, "p").text = self.totals
        if svg := self._svg():
            # As an image, which GitHub shows, too; it has its font with it.
            address = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
            picture = SubElement(whole, "p")
            SubElement(picture, "img", alt=f"Diagram of the {self.title}", src=address)
        layers = SubElement(whole, "details")
        report = self.scene.design.report
        SubElement(layers, "summary").text = counted(len(report.layers), "layer")
        layers.extend(report_table(report))
        SubElement(whole, "p").text = again
        if self.code:
            SubElement(SubElement(whole, "pre"), "code").text = self.code
        return whole

    def _svg(self) -> bytes:
        try:
            return self.drawing.content("svg")
        except Refusal:  # there is no Graphviz here: the table says all
            return b""


class SavedView:
    """Shows what is kept beneath the widget, and brings it up to date.

    Attributes:
        name: Class of its HTML, by which a view of the widget hides it.
    """

    def __init__(
        self,
        content: Callable[[], Saved],
        lock: AbstractContextManager[Any],
        alert: Callable[[str], None],
    ) -> None:
        """Begin with nothing shown.

        Args:
            content: Returns what is to be kept.
            lock: Held while the design changes.
            alert: Shows the text of an unforeseen error.
        """
        self.name = f"explorer-saved-{uuid4().hex[:12]}"
        self._content = content
        self._is_shown = False
        self._settling = Settling(later, lock, self._update, alert)

    def show(self, view: dict[str, Any]) -> None:
        """Show the widget as an output of the cell that is run, and what is kept beneath it.

        Args:
            view: The widget's own output.
        """
        content = self._content()
        display(view, raw=True)
        self._is_shown = True
        display(content.outputs(self.name), raw=True, display_id=self.name)

    def follow(self) -> None:
        """Bring it up to date in a moment: the design has changed."""
        if self._is_shown:
            self._settling.wait(CALM)

    def close(self) -> None:
        """Take it away."""
        self._settling.close()
        if self._is_shown:
            display({"text/plain": ""}, raw=True, display_id=self.name, update=True)

    def _update(self) -> None:
        display(self._content().outputs(self.name), raw=True, display_id=self.name, update=True)
