"""One line on what Keras is doing, and whether it agrees."""

from typing import TYPE_CHECKING

from explorer.core.analysis.report import Report
from explorer.core.formatting import duration
from explorer.widget.front.page import Page
from explorer.widget.parts import Line

if TYPE_CHECKING:
    from explorer.core.asking.forward_pass import Built


class KerasStatus(Page):
    """A line with a mark before it."""

    def show_busy(self, message: str) -> None:
        """Say what Keras is doing."""
        self.parts = (Line(message, "busy"),)

    def show_built(self, built: "Built", report: Report) -> None:
        """Say that the model was built, and how it compares with the report."""
        differences = compare(built, report)
        if differences:
            shown = "; ".join(differences[:3])
            more = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
            self.show_failure(f"Keras built another model than is shown: {shown}{more}.")
            return
        text = f"verified: Keras builds the same {len(built.layers)} layers"
        detail = f"with the same shapes and parameters, in {duration(built.seconds)}, on"
        self.parts = (Line(text, "good", detail=f"{detail} {built.environment}"),)

    def show_missing(self, message: str) -> None:
        """Say that Keras can't be had here."""
        self.parts = (Line(message, "muted"),)

    def show_failure(self, message: str) -> None:
        """Say what went wrong."""
        self.parts = (Line(message, "bad"),)


def compare(built: "Built", report: Report) -> list[str]:
    """Return a line for each difference between what Keras built and what is shown."""
    theirs = [(layer.name, layer.kind, layer.shape, layer.params) for layer in built.layers]
    ours = [(row.name, row.kind, row.shape, row.params) for row in report.layers]
    differences = [
        f"{mine[0]}: {mine[1:]} here, {', '.join(map(str, other))} in Keras"
        for mine, other in zip(ours, theirs, strict=False)
        if mine != other
    ]
    if len(ours) != len(theirs):
        differences.append(f"{len(ours)} layers here, {len(theirs)} in Keras")
    counts = (report.total_params, report.trainable_params)
    if counts != (built.total_params, built.trainable_params):
        differences.append(
            f"{counts[0]:,} parameters ({counts[1]:,} trainable) here, {built.total_params:,} "
            f"({built.trainable_params:,}) in Keras"
        )
    return differences
