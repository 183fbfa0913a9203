"""The nearest other tools: they count the multiply-adds of a PyTorch model that is there already.

Prints, as JSON, the times of each and ours in turns. Nothing of this is a dependency:
`pip install torch ptflops torchinfo` brings all of it.
"""

import importlib.util
import json
from collections.abc import Callable

import attrs
from benchmarking import milliseconds

from explorer import Graph, UNet, analyze, trace

TOOLS = ("ptflops", "torchinfo")
SHAPE = (256, 256, 1)
WARM_UP, COUNTS = 10, 40


def main() -> None:
    missing = [name for name in ("torch", *TOOLS) if importlib.util.find_spec(name) is None]
    print(json.dumps({"missing": missing} if missing else measured()))


def measured() -> dict[str, dict]:
    """What each tool counts of a U-Net, and the milliseconds that this and ours take in turns."""
    net, found = UNet(), {}
    expected = analyze(trace(net, SHAPE))
    for tool, count in counters(trace(net, SHAPE)).items():
        macs, params = count()
        assert params == expected.total_params, (tool, params)
        # Ptflops counts biases, too; torchinfo has transposed convolutions multiply zeros.
        assert 1 <= macs / expected.macs < 1.3, (tool, macs)
        ours, theirs = [], []
        for _ in range(WARM_UP + COUNTS):
            theirs.append(milliseconds(count))
            # An edit makes a new value, which remembers nothing of the last one.
            ours.append(milliseconds(lambda: analyze(trace(attrs.evolve(net), SHAPE))))
        found[tool] = {
            "macs": macs,
            "params": params,
            "ours": ours[WARM_UP:],
            "theirs": theirs[WARM_UP:],
        }
    return found


def counters(graph: Graph) -> dict[str, Callable[[], tuple[int, int]]]:
    """Calls that count a network's multiply-adds and parameters, of each tool.

    The network is made once, on PyTorch's meta device, where tensors have no values.

    Args:
        graph: A network of convolutions, rectifiers, poolings and concatenations.
    """
    import torch
    from ptflops import get_model_complexity_info
    from torchinfo import summary

    height, width, channels = graph.input_shape

    def with_ptflops() -> tuple[int, int]:
        macs, params = get_model_complexity_info(
            by_ptflops, (channels, height, width), print_per_layer_stat=False, as_strings=False
        )
        return macs, params

    def with_torchinfo() -> tuple[int, int]:
        found = summary(
            by_torchinfo, (1, channels, height, width), verbose=0, device=torch.device("meta")
        )
        return found.total_mult_adds, found.total_params

    by_ptflops, by_torchinfo = torch_model(graph), torch_model(graph)
    return dict(zip(TOOLS, (with_ptflops, with_torchinfo), strict=True))


def torch_model(graph: Graph):
    """A graph's layers as a `torch.nn.Module` on the meta device."""
    import torch
    from torch import nn

    def made(node):
        layer = node.layer
        channels = node.inputs[0].shape[2]
        match node.kind:
            case "Conv2D":
                assert layer.strides == layer.dilation_rate == 1
                return nn.Conv2d(channels, layer.filters, layer.kernel_size, padding="same")
            case "Conv2DTranspose":
                # Keras' "same": the output is the input's size times the stride.
                return nn.ConvTranspose2d(
                    channels,
                    layer.filters,
                    layer.kernel_size,
                    layer.strides,
                    padding=layer.kernel_size // 2,
                    output_padding=layer.strides - 1,
                )
            case "MaxPooling2D":
                return nn.MaxPool2d(layer.pool_size, layer.strides)
            case "Activation" if layer.activation == "relu":
                return nn.ReLU()
        raise NotImplementedError(f"{layer} has no twin in PyTorch here")

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleDict(
                {node.name: made(node) for node in graph if len(node.inputs) == 1}
            )

        def forward(self, image):
            values = {}
            for node in graph:
                if not node.inputs:
                    values[node] = image
                elif len(node.inputs) == 1:
                    values[node] = self.layers[node.name](values[node.inputs[0]])
                else:
                    values[node] = torch.cat([values[source] for source in node.inputs], dim=1)
                assert values[node].shape[2:] == node.shape[:2]
            return values[node]

    with torch.device("meta"):
        model = Network()
        # PyTorch imports more in the first pass, which it cannot while ptflops has changed it.
        model(torch.empty(1, graph.input_shape[2], *graph.input_shape[:2]))
    return model


if __name__ == "__main__":
    main()
