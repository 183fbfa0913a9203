"""Designs as Python for PyTorch: a file that stands alone, imports PyTorch only, computes the same.

Features are `(batch, channels, height, width)` there. What PyTorch has in another way is written
out: "same" padding of strided and even windows, transposed convolutions, Keras' activations.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from explorer.core.exchange.code.flow import (
    TAKEN,
    Round,
    Written,
    flow_of,
    function_lines,
    main_lines,
    numbers,
    setting,
)
from explorer.core.exchange.code.forms import (
    Line,
    Loop,
    Maybe,
    lines_of,
    numbers_of,
    outer_refs,
    words_of,
)
from explorer.core.exchange.code.plan import Argument, Function, Plan, Unit, plan_of
from explorer.core.exchange.code.text import Call, assigned, identifier, quoted
from explorer.core.exchange.keras_code import definition, header, input_names, told
from explorer.core.families import Architecture
from explorer.core.network.errors import Refusal
from explorer.core.network.graph import Node
from explorer.core.network.layers import (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GroupNormalization,
    Layer,
    SeparableConv2D,
)
from explorer.core.network.layers.normalisation import EACH_CHANNEL

#: Keras' activations in PyTorch; sparsemax has no counterpart.
_ACTIVATIONS: Mapping[str, str] = {
    "relu": "F.relu({x})",
    "linear": "{x}",
    "sigmoid": "torch.sigmoid({x})",
    "tanh": "torch.tanh({x})",
    "elu": "F.elu({x})",
    "selu": "F.selu({x})",
    "gelu": "F.gelu({x})",
    "silu": "F.silu({x})",
    "swish": "F.silu({x})",
    "leaky_relu": "F.leaky_relu({x}, 0.2)",
    "relu6": "F.relu6({x})",
    "softplus": "F.softplus({x})",
    "softsign": "F.softsign({x})",
    "softmax": "F.softmax({x}, 1)",
    "exponential": "torch.exp({x})",
    "mish": "F.mish({x})",
    "celu": "F.celu({x})",
    "hard_sigmoid": "F.hardsigmoid({x})",
    "hard_silu": "F.hardswish({x})",
    "hard_swish": "F.hardswish({x})",
    "hard_tanh": "F.hardtanh({x})",
    "hard_shrink": "F.hardshrink({x})",
    "soft_shrink": "F.softshrink({x})",
    "tanh_shrink": "F.tanhshrink({x})",
    "log_sigmoid": "F.logsigmoid({x})",
    "log_softmax": "F.log_softmax({x}, 1)",
    "sparse_plus": "torch.where({x} < 1, (F.relu({x} + 1) / 2) ** 2, {x})",
    "sparse_sigmoid": "torch.clamp(({x} + 1) / 2, 0, 1)",
    "squareplus": "({x} + torch.sqrt({x} ** 2 + 4)) / 2",
}

#: Layers that are modules of PyTorch's; the others are functions.
_MODULES = (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GroupNormalization,
    SeparableConv2D,
)

#: Those functions: what `_applied` writes.
_FUNCTIONS = frozenset(
    """
    Activation Add AveragePooling2D Concatenate Cropping2D Dropout GlobalAveragePooling2D
    GlobalMaxPooling2D InputLayer LeakyReLU MaxPooling2D Multiply UpSampling2D ZeroPadding2D
    """.split()  # noqa: SIM905
)

_NORMALISING = (BatchNormalization, GroupNormalization)

#: What modules of PyTorch's are called by: no layer of theirs can have such a name.
_OF_MODULES = frozenset(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu
    cuda double dump_patches eval extra_repr float forward get_buffer get_extra_state
    get_parameter get_submodule half ipu items keys load_state_dict modules mtia named_buffers
    named_children named_modules named_parameters parameters pop register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty train
    training type update values xpu zero_grad
    """.split()  # noqa: SIM905
)

#: Helpers that are written where they are used, each after those that it uses.
_HELPERS: Mapping[str, str] = {
    "pad_same": '''
def pad_same(x, kernel, stride, dilation=(1, 1), value=0.0):
    """Pad as padding="same" of Keras does: what is odd goes below and to the right."""
    margins = []
    for axis in (1, 0):  # F.pad begins with the width
        size, step = x.shape[2 + axis], stride[axis]
        span = (kernel[axis] - 1) * dilation[axis] + 1
        total = max((-(-size // step) - 1) * step + span - size, 0)
        margins += [total // 2, total - total // 2]
    return F.pad(x, margins, value=value)
''',
    "pair": '''
def pair(size):
    """Return the size along the height and along the width."""
    return size if isinstance(size, tuple) else (size, size)
''',
    "max_pool": '''
def max_pool(x, size, stride):
    """Pool with padding="same"."""
    size, stride = pair(size), pair(stride)
    return F.max_pool2d(pad_same(x, size, stride, value=float("-inf")), size, stride)
''',
    "average_pool": '''
def average_pool(x, size, stride):
    """Pool with padding="same"; what is padded does not count."""
    size, stride = pair(size), pair(stride)
    inside = pad_same(torch.ones_like(x[:1, :1]), size, stride)
    total = F.avg_pool2d(pad_same(x, size, stride), size, stride)
    return total / F.avg_pool2d(inside, size, stride)
''',
    "SameConv2d": '''
class SameConv2d(nn.Conv2d):
    """A convolution with padding="same" and strides."""

    def forward(self, x):
        return super().forward(pad_same(x, self.kernel_size, self.stride, self.dilation))
''',
    "SeparableConv2d": '''
class SeparableConv2d(nn.Module):
    """A convolution of each channel on its own, then one across the channels."""

    def __init__(self, channels, filters, depth_multiplier, depthwise, bias=True):
        super().__init__()
        self._depthwise = depthwise
        self._pointwise = nn.Conv2d(channels * depth_multiplier, filters, 1, bias=bias)

    def forward(self, x):
        return self._pointwise(self._depthwise(x))
''',
    "ConvTranspose2d": '''
class ConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution whose output is cut as Keras cuts it."""

    def __init__(self, channels, filters, kernel_size, stride, same=True, bias=True):
        kernel_size, stride = pair(kernel_size), pair(stride)
        beyond = [size - step for size, step in zip(kernel_size, stride)]
        padding = tuple(max(more, 0) // 2 if same else 0 for more in beyond)
        missing = tuple(max(-more, 0) for more in beyond)
        super().__init__(channels, filters, kernel_size, stride, padding, missing, bias=bias)
        self.same = same

    def forward(self, x):
        height, width = (n * step for n, step in zip(x.shape[2:], self.stride))
        x = super().forward(x)
        return x[:, :, :height, :width] if self.same else x
''',
}

_COPY = '''

def copy_weights(model, keras_model):
    """Give the model the weights of the Keras model with the same layers."""
    modules = {path.replace(".", "_"): module for path, module in model.named_modules()}
    with torch.no_grad():
        for layer in keras_model.layers:
            weights = [torch.as_tensor(weight) for weight in layer.get_weights()]
            module = modules[layer.name] if weights else nn.Identity()
            for own, weight in zip([*module.parameters(), *module.buffers()], weights):
                if weight.ndim == 2:  # of a dense layer: channels in, channels out
                    weight = weight.T.reshape(own.shape)
                elif weight.ndim == 4:  # height, width, channels in, channels out
                    kernel = weight.permute(3, 2, 0, 1)
                    if kernel.shape != own.shape:  # of a depthwise convolution
                        kernel = weight.permute(2, 3, 0, 1).reshape(own.shape)
                    weight = kernel
                own.copy_(weight)
'''


def torch_code(architecture: Architecture, input_shape: Sequence[int]) -> str:
    """Return Python that makes the PyTorch module of an architecture.

    Its weights have the names of Keras' layers, with a dot after the block's name, and
    `copy_weights` takes them over from the Keras model; both then compute the same.

    Args:
        architecture: An architecture, or a model that was read, of layers of which all is known.
        input_shape: `(height, width, channels)`.

    Raises:
        ParameterError: If the shape does not fit the architecture.
        Refusal: If it has layers that cannot be written as code, or that PyTorch has not, with
            their names.
    """
    plan = plan_of(architecture, input_shape)
    _check(plan)
    flow = flow_of(plan)
    classes = [line for function in plan.functions for line in _class(function)]
    init = main_lines(flow, _made_step, with_results=False, indent=8)
    forward = main_lines(flow, _applied_step, indent=8)
    name = identifier(plan.graph.name)
    while name in {
        "copy_weights",
        *_HELPERS,
        *TAKEN,
        *(_class_name(function) for function in plan.functions),
    }:
        name += "_"
    body = [*classes, "", "", f"class {name}(nn.ModuleDict):", f'    """{header(plan)}"""', ""]
    body += ["    def __init__(self):", "        super().__init__()", *init, ""]
    body += ["    def forward(self, image):", "        x = image"]
    results = "outputs"
    if flow.results is None:
        body.append("        outputs = []")
    else:
        results = flow.results[0] if len(flow.results) == 1 else f"[{', '.join(flow.results)}]"
    body += [*forward, f"        return {results}"]
    used = "\n".join(body)
    helpers: list[str] = []
    for helper, text in reversed(list(_HELPERS.items())):
        if re.search(rf"(?<![\w.]){helper}\(", used):
            helpers.insert(0, text)
            used = text + used
    imports = ["import torch"]
    if "F." in used:
        imports.append("import torch.nn.functional as F")
    lines = [f'"""{header(plan)}', "", "Images are (batch, channels, height, width)."]
    if "nn.BatchNorm" in used:
        lines += [
            "In training, PyTorch's batch normalisation gathers the unbiased variance, Keras' the",
            "biased.",
        ]
    lines += ['"""', "", *imports, "from torch import nn", ""]
    text = "\n".join(lines) + "".join(f"\n{helper}" for helper in helpers)
    text += "\n".join(body) + "\n" + _COPY
    return text + f'\n\nif __name__ == "__main__":\n    print({name}())\n'


def _check(plan: Plan) -> None:
    """Raise an error that names the layers that PyTorch has not."""
    lacking = [
        f"{node.kind} {node.name!r} ({problem})"
        for unit in plan.units
        for node in unit.nodes
        if (problem := _problem(node))
    ]
    names = [unit.name for unit in plan.units]
    keys = names + [
        node.name[len(unit.name) + 1 :]
        for unit in plan.units
        for node in unit.nodes
        if unit.function and isinstance(node.layer, _MODULES)
    ]
    lacking += [
        f"{key!r} (PyTorch has no layers of that name)"
        for key in keys
        if "." in key or key in _OF_MODULES
    ]
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise Refusal(
            f"This network can't be written for PyTorch: {', '.join(lacking[:3])}{more}. Change "
            "them, or write it for Keras."
        )


def _problem(node: Node) -> str:
    layer = node.layer
    activation = getattr(layer, "activation", "linear")
    if activation not in _ACTIVATIONS:
        return f"PyTorch has no {activation}"
    if isinstance(layer, _NORMALISING) and layer.scale != layer.center:
        return "PyTorch has scale and offset together or neither"
    if not isinstance(layer, _MODULES) and layer.kind not in _FUNCTIONS:
        return "it can't be written in PyTorch yet"
    return "" if layer.trainable else "it isn't trained"


def _class_name(function: Function) -> str:
    return "".join(word.capitalize() for word in function.name.split("_"))


def _channel_names(function: Function) -> list[str]:
    return ["channels" if name == "x" else f"{name}_channels" for name in input_names(function)]


def _class(function: Function) -> list[str]:
    """Return the lines of a module for blocks of one form."""
    inputs = input_names(function)
    kept: dict[str, None] = {}
    made = (line for item in function.items for line in lines_of(item))
    keys = {line.name[1:] for line in made if issubclass(line.kind, _MODULES)}
    owner = "self.set_" if keys & set(function.arguments) else "self."

    def write(written: Written) -> list[str]:
        texts = {}
        is_module = issubclass(written.line.kind, _MODULES)
        for field, value in _settings_at(function, written.place).items():
            texts[field] = setting(value, owner)
            if isinstance(value, Argument) and not is_module:
                kept[value.name] = None
        item, at = written.place
        layer = next(form.layers[item][at] for form in function.forms if form.layers[item]).layer
        words = dict(written.line.words)
        key = _key(written.line.name)
        call = _applied(layer, words, texts, key, written.inputs)
        return _lines(written.target, call, written.indent)

    forward = function_lines(function, inputs, write, owner, indent=8)
    for place, item in enumerate(function.items):
        if isinstance(item, Maybe):
            kept[item.flag] = None
        elif isinstance(item, Loop) and isinstance(function.rounds[place], Argument):
            kept[function.rounds[place].name] = None
    arguments = ["self", *_channel_names(function), *function.arguments]
    return [
        "",
        "",
        f"class {_class_name(function)}(nn.ModuleDict):",
        f'    """{told(function)}"""',
        "",
        *definition("def __init__", arguments, 4),
        "        super().__init__()",
        *(f"        {owner}{name} = {name}" for name in function.arguments if name in kept),
        *_made_lines(function),
        "",
        f"    def forward(self, {', '.join(inputs)}):",
        *forward,
    ]


def _settings_at(function: Function, place: tuple[int, int]) -> dict[str, Any]:
    return {
        field: value
        for (item, line, field), value in function.settings.items()
        if (item, line) == place
    }


def _key(name: str) -> str:
    """Return the key of a layer in its block, as text."""
    return f"f{quoted(name[1:])}" if "{i}" in name else quoted(name[1:])


def _made_lines(function: Function) -> list[str]:
    """Return the lines that make the layers of a block; the channels are worked out on the way."""
    lines: list[str] = []
    channels: dict[Any, str] = {-1 - k: name for k, name in enumerate(_channel_names(function))}

    def made(line: Line, place: tuple[int, int], read: list[str], indent: int) -> str:
        """Add the line of a layer, and return the channels of its output."""
        item, at = place
        node = next(form.layers[item][at] for form in function.forms if form.layers[item])
        settings = _settings_at(function, place)
        if isinstance(node.layer, _MODULES):
            values = {k: None if isinstance(v, Argument) else v for k, v in settings.items()}
            texts = {k: setting(v) for k, v in settings.items()}
            call = _module(node, dict(line.words), texts, values, read[0])
            lines.extend(assigned(f"self[{_key(line.name)}] = ", call, indent))
        return _channels_after(node.layer, {k: setting(v) for k, v in settings.items()}, read)

    items = function.items
    for place, item in enumerate(items):
        if isinstance(item, Line):
            channels[place] = made(item, (place, 0), [channels[ref] for ref in item.inputs], 8)
            continue
        first = channels[item.first]
        before = len(lines)
        after = _round(item, place, channels, first, made, 12)
        begun = lines[before:]
        del lines[before:]
        head = _head(function, place, item)
        if after == first:
            channels[place] = first
            lines += [head, *begun] if begun else []
            continue
        later = {channels[r] for it in items[place + 1 :] for r in outer_refs(it) if r in channels}
        within = {channels[r] for line in item.body for r in line.inputs if isinstance(r, int)}
        held = set(re.findall(r"\w+", " ".join(later | within))) | set(function.arguments)
        names = ("channels", *(f"width{k}" for k in range(1, 100)))
        name = next(name for name in names if name not in held)
        if first != name:
            lines.append(f"        {name} = {first}")
        lines.append(head)
        after = _round(item, place, channels, name, made, 12)
        adds = after.startswith(f"{name} + ")
        lines.append(
            f"            {name} {'+=' if adds else '='} {after.removeprefix(f'{name} + ')}"
        )
        depends = isinstance(item, Maybe) or re.search(rf"\b{name}\b", after)
        channels[place] = name if depends else after
    return lines


def _head(function: Function, place: int, item: Loop | Maybe) -> str:
    if isinstance(item, Maybe):
        return f"        if {item.flag}:"
    return f"        for i in {numbers(item.start, setting(function.rounds[place]))}:"


def _round(
    item: Loop | Maybe, place: int, channels: dict[Any, str], first: str, made: Any, indent: int
) -> str:
    """Make the layers of a loop's body, and return the channels that go round."""
    inner: dict[Any, str] = {**channels, ("before",): first}
    for at, line in enumerate(item.body):
        read = [inner[ref] for ref in line.inputs]
        inner["in", at] = made(line, (place, at), read, indent)
    return inner["in", len(item.body) - 1]


def _channels_after(layer: Layer, texts: Mapping[str, str], read: Sequence[str]) -> str:
    """Return the channels of a layer's output, as text."""
    for field in ("filters", "units"):
        if field in texts:
            return texts[field]
    if isinstance(layer, DepthwiseConv2D) and texts["depth_multiplier"] != "1":
        return f"{_factor(read[0])} * {texts['depth_multiplier']}"
    return " + ".join(read) if layer.kind == "Concatenate" else read[0]


def _factor(text: str) -> str:
    return f"({text})" if " + " in text else text


def _made_step(round_: Round, indent: int) -> list[str]:
    """Return the line that makes the modules of steps that are alike."""
    unit = round_.steps[0].unit
    units = [step.unit for step in round_.steps]
    if not any(isinstance(node.layer, _MODULES) for node in unit.nodes) and not unit.function:
        return []
    target = f"self[{round_.name}] = "
    if unit.function:
        names = _channel_names(unit.function)
        read = [
            round_.value([_channels(each, k) for each in units], name)
            for k, name in enumerate(names)
        ]
        arguments = [
            f"{name}={round_.value([values[step.place] for step in round_.steps], name)}"
            for name, values in unit.function.arguments.items()
        ]
        return assigned(target, Call(_class_name(unit.function), [*read, *arguments]), indent)
    read = [round_.value([each.output.inputs[0].shape[-1] for each in units], "channels")]
    configs = [numbers_of(each.output.layer) for each in units]
    texts, values = {}, {}
    for field, value in configs[0].items():
        all_values = [config[field] for config in configs]
        texts[field] = round_.value(all_values, field)
        values[field] = value if all(each == value for each in all_values) else None
    words = dict(words_of(unit.output.layer))
    return assigned(target, _module(unit.output, words, texts, values, read[0]), indent)


def _channels(unit: Unit, source: int) -> int:
    return unit.sources[source].shape[-1]


def _applied_step(round_: Round, indent: int) -> list[str]:
    """Return the line that applies steps that are alike."""
    step = round_.steps[0]
    if step.unit.function:
        return assigned(f"{step.target} = ", Call(f"self[{round_.name}]", step.inputs), indent)
    layer = step.unit.output.layer
    texts = {}
    if not isinstance(layer, _MODULES):
        configs = [numbers_of(each.unit.output.layer) for each in round_.steps]
        texts = {
            field: round_.value([config[field] for config in configs], field)
            for field in configs[0]
        }
    call = _applied(layer, dict(words_of(layer)), texts, round_.name, step.inputs)
    return _lines(step.target, call, indent)


def _lines(target: str, call: "Call | str", indent: int) -> list[str]:
    """Return the lines of an assignment, none where it changes nothing."""
    if isinstance(call, Call):
        return assigned(f"{target} = ", call, indent)
    return [] if call == target else [f"{' ' * indent}{target} = {call}"]


def _applied(
    layer: Layer,
    words: Mapping[str, Any],
    texts: Mapping[str, str],
    key: str,
    inputs: Sequence[str],
) -> "Call | str":
    """Return what applies a layer.

    Args:
        layer: A layer of its form.
        words: Its settings that are words.
        texts: Its other settings, as text.
        key: The key of its module, as text.
        inputs: What it is applied to.
    """
    x = inputs[0]
    kind = layer.kind
    if isinstance(layer, _MODULES):
        activation = words.get("activation", "linear")
        called = f"self[{key}]({x})"
        if activation == "linear":
            return Call(f"self[{key}]", [x])
        return _activated(activation, called)
    if kind == "LeakyReLU":
        return Call("F.leaky_relu", [x, texts["negative_slope"]])
    if kind == "Activation":
        return _activated(words["activation"], x)
    if kind == "Dropout":
        return f"F.dropout({x}, {texts['rate']}, self.training)"
    if kind in ("MaxPooling2D", "AveragePooling2D"):
        return _pooled(kind, words["padding"], texts["pool_size"], texts["strides"], x)
    if kind in ("GlobalAveragePooling2D", "GlobalMaxPooling2D"):
        how = "mean" if kind == "GlobalAveragePooling2D" else "amax"
        keepdim = f", keepdim={texts['keepdims']}" if texts["keepdims"] != "False" else ""
        return f"{x}.{how}((2, 3){keepdim})"
    if kind == "UpSampling2D":
        mode = quoted(words["interpolation"])
        return Call("F.interpolate", [x, f"scale_factor={texts['size']}", f"mode={mode}"])
    if kind in ("ZeroPadding2D", "Cropping2D"):
        sign = 1 if kind == "ZeroPadding2D" else -1
        margins = words["padding"] if kind == "ZeroPadding2D" else words["cropping"]
        (top, bottom), (left, right) = margins
        return f"F.pad({x}, {tuple(sign * n for n in (left, right, top, bottom))})"
    if kind == "Concatenate":
        return Call("torch.cat", [list(inputs), "1"])
    return {"Add": " + ", "Multiply": " * "}[kind].join(inputs)


def _activated(activation: str, x: str) -> str:
    return _ACTIVATIONS[activation].format(x=x)


def _pooled(kind: str, padding: str, size: str, strides: str, x: str) -> str:
    how = "max" if kind == "MaxPooling2D" else "avg"
    if padding == "valid":
        step = "" if strides == size else f", {strides}"
        return f"F.{how}_pool2d({x}, {size}{step})"
    if how == "max" and size == strides == "2":  # what is odd is padded below and to the right
        return f"F.max_pool2d({x}, 2, ceil_mode=True)"
    return f"{'max' if how == 'max' else 'average'}_pool({x}, {size}, {strides})"


def _module(
    node: Node,
    words: Mapping[str, Any],
    texts: Mapping[str, str],
    values: Mapping[str, Any],
    channels: str,
) -> Call:
    """Return the call that makes a module.

    Args:
        node: A layer of its form.
        words: Its settings that are words.
        texts: Its other settings, as text.
        values: Those that are the same everywhere.
        channels: Channels that it reads, as text.
    """
    layer = node.layer
    if isinstance(layer, BatchNormalization):
        momentum = values.get("momentum")
        kept = f"1 - {texts['momentum']}" if momentum is None else repr(round(1 - momentum, 12))
        rank = "1d" if len(node.shape) == 1 else "2d"
        plain = [] if layer.scale else ["affine=False"]
        options = [f"eps={texts['epsilon']}", f"momentum={kept}", *plain]
        return Call(f"nn.BatchNorm{rank}", [channels, *options])
    if isinstance(layer, GroupNormalization):
        count, known = texts["groups"], values.get("groups")
        if known is None:
            count = f"{count} if {count} > 0 else {channels}"
        elif known == EACH_CHANNEL:
            count = channels
        options = [f"eps={texts['epsilon']}", *([] if layer.scale else ["affine=False"])]
        return Call("nn.GroupNorm", [count, channels, *options])
    bias = [] if values.get("use_bias") is True else [f"bias={texts['use_bias']}"]
    if isinstance(layer, Dense):
        if len(node.shape) == 1:
            return Call("nn.Linear", [channels, texts["units"], *bias])
        return Call("nn.Conv2d", [channels, texts["units"], "1", *bias])
    if isinstance(layer, Conv2DTranspose):
        size, step = values.get("kernel_size"), values.get("strides")
        read = [channels, texts["filters"], texts["kernel_size"]]
        if size is not None and size == step:
            return Call("nn.ConvTranspose2d", [*read, f"stride={texts['strides']}", *bias])
        same = [] if words["padding"] == "same" else ["same=False"]
        return Call("ConvTranspose2d", [*read, f"stride={texts['strides']}", *same, *bias])
    if isinstance(layer, Conv2D):
        groups = [] if values.get("groups") == 1 else [f"groups={texts['groups']}"]
        return _convolution(channels, texts["filters"], words, texts, values, [*groups, *bias])
    many = texts["depth_multiplier"]
    made = channels if many == "1" else f"{_factor(channels)} * {many}"
    if isinstance(layer, DepthwiseConv2D):
        return _convolution(channels, made, words, texts, values, [f"groups={channels}", *bias])
    alone = _convolution(channels, made, words, texts, values, [f"groups={channels}", "bias=False"])
    depthwise = f"{alone.head}({', '.join(map(str, alone.arguments))})"
    return Call("SeparableConv2d", [channels, texts["filters"], many, depthwise, *bias])


def _convolution(
    channels: str,
    filters: str,
    words: Mapping[str, Any],
    texts: Mapping[str, str],
    values: Mapping[str, Any],
    more: Sequence[str],
) -> Call:
    """Return the call that makes a convolution."""
    steps = [] if values.get("strides") == 1 else [f"stride={texts['strides']}"]
    taps = [] if values.get("dilation_rate") == 1 else [f"dilation={texts['dilation_rate']}"]
    head, padding = "nn.Conv2d", []
    if words["padding"] == "same" and values.get("kernel_size") != 1:
        if steps:
            head = "SameConv2d"
        else:
            padding = ['padding="same"']
    arguments = [channels, filters, texts["kernel_size"], *padding, *steps, *taps, *more]
    return Call(head, arguments)
