"""Designs as Python for Keras 3: a file that stands alone and imports Keras only."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from explorer.core.exchange.code.flow import (
    Round,
    Written,
    flow_of,
    function_lines,
    literal,
    main_lines,
    setting,
)
from explorer.core.exchange.code.forms import numbers_of, words_of
from explorer.core.exchange.code.plan import Argument, Function, Plan, plan_of
from explorer.core.exchange.code.text import Call, assigned, quoted
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
    plan = plan_of(architecture, input_shape)
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
    lines += ['    """Return the Keras model."""', *assigned("x = image = ", called, 4)]
    if flow.results is None:
        lines.append("    outputs = []")
    results = "outputs"
    if flow.results is not None:
        results = flow.results[0] if len(flow.results) == 1 else f"[{', '.join(flow.results)}]"
    model = Call("keras.Model", ["image", results, f"name={quoted(plan.graph.name.lower())}"])
    lines += [*main, *assigned("return ", model, 4)]
    lines += ["", "", 'if __name__ == "__main__":', "    make_model().summary()"]
    return "\n".join(lines) + "\n"


def header(plan: Plan) -> str:
    """Return what a network is, in a sentence: name, input and parameters."""
    name = re.sub(r"[^\w .,()-]", "?", plan.graph.name, flags=re.ASCII)[:60]
    height, width, channels = plan.graph.input_shape
    params = sum(node.params for node in plan.graph)
    return f"{name} for images of {height}×{width}×{channels}: {params:,} parameters."


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
        name = quoted("{name}" + written.line.name)
        call = _layer(written.line.kind, words, texts, f"f{name}", written.inputs)
        return assigned(f"{written.target} = ", call, written.indent)

    return [
        "",
        "",
        *definition(f"def {function.name}", arguments.split(", ")),
        f'    """{told(function)}"""',
        *function_lines(function, inputs, write),
    ]


def definition(start: str, arguments: Sequence[str], indent: int = 0) -> list[str]:
    """Return the lines that begin a function."""
    return assigned("", Call(start, arguments), indent, end=":")


def input_names(function: Function) -> list[str]:
    """Return what a function calls the features that it reads."""
    role = function.units[0].role
    second = {"merge": "stack_input", "decoder": "skip"}.get(role, "other")
    more = [second if k == 1 else f"{second}{k}" for k in range(1, function.sources)]
    return ["x", *more]


def told(function: Function) -> str:
    """Return which blocks a function makes, in a sentence."""
    names = [unit.name for unit in function.units]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"What {names[0]}{more} of the diagram do{'' if more else 'es'}."


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
    call = _layer(type(layer), words, texts, round_.name, step.inputs)
    return assigned(f"{step.target} = ", call, indent)


def _layer(
    kind: type[Layer],
    words: Mapping[str, Any],
    numbers: Mapping[str, tuple[str, Any]],
    name: str,
    inputs: Sequence[str],
) -> Call:
    """Return the call that makes a layer and calls it.

    Args:
        kind: Its class.
        words: Its settings that are words.
        numbers: Its other settings, as text and, where it is the same everywhere, as value.
        name: Its name, as text.
        inputs: What it is called on.
    """
    texts = {
        field: (quoted(v) if isinstance(v, str) else literal(v), v) for field, v in words.items()
    }
    texts.update(numbers)
    first = _IN_ORDER.get(kind.__name__, ())
    arguments = [texts[field][0] for field in first]
    for field, (text, value) in texts.items():
        if field in first:
            continue
        default = _DEFAULTS.get(field)
        if kind.pools and field == "strides":
            if text == texts["pool_size"][0]:
                continue
            default = None
        if value is None or value != default:
            arguments.append(f"{field}={text}")
    joined: list[str | list[str]] = list(inputs) if len(inputs) == 1 else [list(inputs)]
    return Call(f"layers.{kind.__name__}", [*arguments, f"name={name}"], joined)
