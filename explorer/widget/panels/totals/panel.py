"""The totals of a report, large enough to read at a glance."""

from math import prod

from explorer.core.analysis.quantities import MACS, MEMORY, PARAMETERS, of_networks
from explorer.core.analysis.report import Report
from explorer.core.families import Architecture, ReadModel
from explorer.core.formatting import at_least, byte_size, short_count, step_text
from explorer.widget.front.page import Page
from explorer.widget.parts import Card, Cards


class Totals(Page):
    """A card for each total."""

    def show(self, report: Report, architecture: Architecture, batch_size: int) -> None:
        """Show a report.

        Args:
            report: The report.
            architecture: What it is about.
            batch_size: Images in one forward pass, for the memory.
        """
        field = report.receptive_field
        frozen = report.total_params - report.trainable_params
        activations = report.peak_activation_bytes * batch_size
        notes = {
            PARAMETERS: f"{report.trainable_params:,} trainable, {frozen:,} not{_in_heads(report)}",
            MACS: at_least(f"{short_count(report.flops)}FLOPs, per image", report.macs_are_known),
            MEMORY: f"{byte_size(report.weights_bytes)} weights, {byte_size(activations)} features",
        }
        titles = {
            PARAMETERS: f"{report.total_params:,} parameters in all",
            MEMORY: "Weights, and the features alive at once, in float32; libraries need more",
        }
        cards = []
        for quantity in of_networks():
            total = quantity.in_network(report, batch_size)
            title = titles.get(quantity, quantity.doc)
            title += "" if total.is_all else ". Those of some layers are not known"
            value = total.written(quantity.short)
            cards.append(Card(quantity.network_name, value, notes.get(quantity, ""), title))
        cards += [
            Card(
                "receptive field",
                "×".join(map(str, field)) if field else "unknown",
                "input pixels that one output pixel sees at most",
                "Smallest input window that can influence an output pixel away from the border",
            ),
            Card(
                "output",
                "×".join(map(str, report.output_shapes[-1])) or "a number",
                f"height × width × channels{_count_outputs(report)}",
                "Shape of the last output",
            ),
            Card(
                "stride",
                _strides(report, architecture),
                "maximum, and at the output",
                "Maximum stride: "
                + (
                    "the largest step of a feature's positions, in input pixels"
                    if isinstance(architecture, ReadModel)
                    else "the input's height and width must be its multiples"
                ),
            ),
        ]
        self.parts = (Cards(tuple(cards)),)


def _strides(report: Report, architecture: Architecture) -> str:
    if prod(report.output_shapes[-1][:-1]) == 1:
        return f"{architecture.maximum_stride} → one position"
    return f"{architecture.maximum_stride} → {step_text(architecture.output_stride)}"


def _in_heads(report: Report) -> str:
    return f"; {report.head_params:,} of all in heads" if report.head_params else ""


def _count_outputs(report: Report) -> str:
    count = len(report.output_shapes)
    return f"; the last of {count}" if count > 1 else ""
