"""Designs as Python for Keras 3: a file that stands alone and imports Keras only."""

from collections.abc import Mapping, Sequence
from typing import Any

from explorer.core.exchange.code.bodies import (
    Written,
    definition,
    function_lines,
    input_names,
    setting,
    told,
)
from explorer.core.exchange.code.flow import flow_of
from explorer.core.exchange.code.forms import numbers_of, words_of
from explorer.core.exchange.code.parts import with_parts
from explorer.core.exchange.code.places import Line, placed
from explorer.core.exchange.code.plan import Argument, Function, Inner, Plan, header, plan_of
from explorer.core.exchange.code.rounds import Round, main_lines
from explorer.core.exchange.code.text import Call, assigned, literal, quoted
from explorer.core.families import Architecture
from explorer.core.network.layers import Layer

#: The settings of each kind that are given without their names, in the order in which Keras takes
#: them.
_IN_ORDER: Mapping[str, tuple[str, ...]] = {
    "Conv2D": ("filters", "kernel_size"),
    "Conv2DTranspose": ("filters", "kernel_size"),
    "SeparableConv2D": ("filters", "kernel_size"),
    "DepthwiseConv2D": ("kernel_size",),
    "Dense": ("units",),
    "GroupNormalization": ("groups",),
    "Activation": ("activation",),
    "LeakyReLU": ("negative_slope",),
    "Dropout": ("rate",),
    "MaxPooling2D": ("pool_size",),
    "AveragePooling2D": ("pool_size",),
    "UpSampling2D": ("size",),
    "ZeroPadding2D": ("padding",),
    "Cropping2D": ("cropping",),
}

#: What Keras takes where nothing is said.
_DEFAULTS: Mapping[str, Any] = {
    "strides": 1,
    "padding": "valid",
    "dilation_rate": 1,
    "groups": 1,
    "depth_multiplier": 1,
    "use_bias": True,
    "activation": "linear",
    "momentum": 0.99,
    "epsilon": 1e-3,
    "center": True,
    "scale": True,
    "interpolation": "nearest",
    "keepdims": False,
}


def keras_code(architecture: Architecture, input_shape: Sequence[int]) -> str:
    """Return Python that makes the Keras model of an architecture.

    The code has a function `make_model`, whose model has the layers, names and links that `build`
    gives.

    Args:
        architecture: An architecture, or a model that was read, of layers of which all is known.
        input_shape: `(height, width, channels)`.

    Raises:
        ParameterError: If the shape does not fit the architecture.
        Refusal: If it has layers that cannot be written as code, with their names.
    """
    return "\n".join(keras_lines(plan_of(architecture, input_shape))) + "\n"


def keras_lines(plan: Plan) -> list[str]:
    """Return the lines of what `keras_code` returns; those about blocks know of which."""
    plan = with_parts(plan)
    flow = flow_of(plan)
    image = plan.graph.inputs[0].layer
    lines = [f'"""{header(plan)}"""', "", "import keras"]
    main = main_lines(flow, _step)
    functions = [line for function in plan.functions for line in _function(function)]
    if any("layers." in line for line in [*functions, *main]):
        lines.append("from keras import layers")
    dtype = getattr(image, "dtype", "float32")
    options = [] if dtype == "float32" else [f"dtype={quoted(dtype)}"]
    called = Call("keras.Input", [literal(image.shape), f"name={quoted(image.name)}", *options])  # type: ignore[attr-defined]
    lines += [*functions, "", "", "def make_model():"]
    lines.append('    """Return the Keras model."""')
    lines += [Line.of(line, plan.graph.inputs) for line in assigned("x = image = ", called, 4)]
    if flow.results is None:
        lines.append("    outputs = []")
    results = "outputs"
    if flow.results is not None:
        results = flow.results[0] if len(flow.results) == 1 else f"[{', '.join(flow.results)}]"
    model = Call("keras.Model", ["image", results, f"name={quoted(plan.graph.name.lower())}"])
    lines += [*main, *assigned("return ", model, 4)]
    return [*lines, "", "", 'if __name__ == "__main__":', "    make_model().summary()"]


@placed
def _function(function: Function) -> list[str]:
    """Return the lines of a function for blocks of one form."""
    inputs = input_names(function)
    arguments = ", ".join([*inputs, "name", *function.arguments])

    def write(written: Written) -> list[str]:
        place, at = written.place
        texts = {
            field: (setting(value), None if isinstance(value, Argument) else value)
            for (item, line, field), value in function.settings.items()
            if (item, line) == (place, at)
        }
        words = dict(written.line.words)
        name = f"f{quoted('{name}' + written.line.name)}"
        layer = function.layer_at(written.place).layer
        if isinstance(layer, Inner):
            values = [f"{field}={text}" for field, (text, _) in texts.items()]
            call = Call(layer.function.name, [*written.inputs, name, *values])
        else:
            call = _layer(layer, words, texts, name, written.inputs)
        return assigned(written.start, call, written.indent)

    return [
        "",
        "",
        *definition(f"def {function.name}", arguments.split(", ")),
        f'    """{told(function)}"""',
        *function_lines(function, inputs, write),
    ]


@placed
def _step(round_: Round, indent: int) -> list[str]:
    """Return the line of steps that are alike."""
    step = round_.steps[0]
    function = step.unit.function
    if function:
        arguments = [
            f"{name}={round_.value([values[each.place] for each in round_.steps], name)}"
            for name, values in function.arguments.items()
        ]
        return assigned(
            f"{step.target} = ",
            Call(function.name, [*step.inputs, round_.name, *arguments]),
            indent,
        )
    layer = step.unit.output.layer
    configs = [numbers_of(each.unit.output.layer) for each in round_.steps]
    texts = {}
    for field in configs[0]:
        values = [config[field] for config in configs]
        same = all(value == values[0] for value in values)
        texts[field] = (round_.value(values, field), values[0] if same else None)
    words = dict(words_of(layer))
    call = _layer(layer, words, texts, round_.name, step.inputs)
    return assigned(f"{step.target} = ", call, indent)


def _layer(
    layer: Layer,
    words: Mapping[str, Any],
    numbers: Mapping[str, tuple[str, Any]],
    name: str,
    inputs: Sequence[str],
) -> Call:
    """Return the call that makes a layer and calls it.

    Args:
        layer: One of its form.
        words: Its settings that are words.
        numbers: Its other settings, as text and, where it is the same everywhere, as value.
        name: Its name, as text.
        inputs: What it is called on.
    """
    texts = {
        field: (quoted(v) if isinstance(v, str) else literal(v), v) for field, v in words.items()
    }
    texts.update(numbers)
    first = _IN_ORDER.get(layer.kind, ())
    arguments = [texts[field][0] for field in first]
    for field, (text, value) in texts.items():
        if field in first:
            continue
        default = _DEFAULTS.get(field)
        if layer.pools and field == "strides":
            if text == texts["pool_size"][0]:
                continue
            default = None
        if value is None or value != default:
            arguments.append(f"{field}={text}")
    joined: list[str | list[str]] = list(inputs) if len(inputs) == 1 else [list(inputs)]
    return Call(f"layers.{layer.kind}", [*arguments, f"name={name}"], joined)
