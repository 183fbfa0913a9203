"""What can be chosen about a measurement."""

import attrs

from explorer.core.network.parameters import parameter

#: The device of who looks at the page, which runs the forward pass without Keras.
IN_BROWSER = "this browser"


@attrs.frozen(kw_only=True)
class Measurement:
    """What is to be measured, and how."""

    device: str = parameter(
        "auto",
        doc="Where the model runs, such as CPU:0 or GPU:1. Auto: on a GPU if there is one. This "
        "browser: in the page, on its GPU if there is one, without Keras.",
    )
    precision: str = parameter(
        "float32",
        doc="Type of values: mixed types keep the weights in float32 and compute in 16 bits.",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
    )
    compiler: str = parameter(
        "auto",
        label="compiled by",
        doc="TensorFlow's graph, XLA, or the faster of the two. Auto: on a GPU the faster, on a "
        "CPU the graph, which compiles sooner.",
        choices=("auto", "graph", "XLA", "fastest"),
    )
    step: str = parameter(
        "forward pass",
        label="inference or training",
        doc="Inference alone, or a training step: forward, backward and the Adam optimiser.",
        choices=("forward pass", "training step"),
    )

    @property
    def is_in_browser(self) -> bool:
        """Whether the page runs the model."""
        return self.device == IN_BROWSER

    @property
    def trains(self) -> bool:
        """Whether a training step is measured."""
        return self.step == "training step"
