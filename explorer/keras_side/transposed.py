"""Gradients of transposed convolutions whose kernel is smaller than their stride.

TensorFlow 2.21 with oneDNN overwrites memory when it computes the gradient of such a kernel on a
CPU. With zeros around it, to the size of the stride, the kernel gives the same output, and its
gradient, of which the zeros' part falls away, is right.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from explorer.keras_side.build import import_keras


def avoid_fault(model: Any) -> list[Any]:
    """Have those layers of a model compute with zeros around the kernel from now on; return them.

    Args:
        model: A `keras.Model`, whose outputs stay as they are.
    """
    keras = import_keras()
    found = []
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.Conv2DTranspose):
            lacking = [
                max(0, stride - size)
                for size, stride in zip(layer.kernel_size, layer.strides, strict=True)
            ]
            if any(lacking):
                layer.call = partial(_call_enlarged, layer, lacking)
                found.append(layer)
    return found


@contextmanager
def fault_avoided(model: Any) -> Iterator[None]:
    """Have them do so for a while."""
    found = avoid_fault(model)
    try:
        yield
    finally:
        for layer in found:
            del layer.call


def _call_enlarged(layer: Any, lacking: Sequence[int], inputs: Any) -> Any:
    """Return a transposed convolution's output, whose kernel gets so many rows and columns of 0."""
    ops = import_keras().ops
    kernel = ops.pad(layer.kernel, (*((0, more) for more in lacking), (0, 0), (0, 0)))
    output = ops.conv_transpose(
        inputs,
        kernel,
        layer.strides,
        layer.padding,
        layer.output_padding,
        layer.data_format,
        layer.dilation_rate,
    )
    if layer.use_bias:
        output = output + layer.bias
    return layer.activation(output)
