"""Designs as Python for PyTorch: a file that stands alone, imports PyTorch only, computes the same.

Features are `(batch, channels, height, width)` there. What PyTorch has in another way is written
out: "same" padding of strided and even windows, transposed convolutions, Keras' activations.
"""

import re
from collections.abc import Sequence

from explorer.core.exchange.code.flow import flow_of
from explorer.core.exchange.code.forms import numbers_of, words_of
from explorer.core.exchange.code.parts import with_parts
from explorer.core.exchange.code.places import Line, placed
from explorer.core.exchange.code.plan import Plan, Unit, header, plan_of
from explorer.core.exchange.code.rounds import Round, main_lines
from explorer.core.exchange.code.text import TAKEN, Call, assigned, first_of, identifier
from explorer.core.exchange.code.torch_helpers import COPY_WEIGHTS, HELPERS, OF_MODULES
from explorer.core.exchange.code.torch_layers import MODULES, applied, module, problem
from explorer.core.exchange.code.torch_modules import (
    channel_names,
    class_lines,
    class_name,
    lines_of_call,
)
from explorer.core.families import Architecture
from explorer.core.network.errors import Refusal


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
    return "\n".join(torch_lines(plan_of(architecture, input_shape))) + "\n"


def torch_lines(plan: Plan) -> list[str]:
    """Return the lines of what `torch_code` returns; those about blocks know of which."""
    plan = with_parts(plan)
    _check(plan)
    flow = flow_of(plan)
    classes = [line for function in plan.functions for line in class_lines(function)]
    init = main_lines(flow, _made_step, with_results=False, indent=8)
    forward = main_lines(flow, _applied_step, indent=8)
    name = identifier(plan.graph.name)
    while name in {
        "copy_weights",
        *HELPERS,
        *TAKEN,
        *(class_name(function) for function in plan.functions),
    }:
        name += "_"
    body = [*classes, "", "", f"class {name}(nn.ModuleDict):", f'    """{header(plan)}"""', ""]
    body += ["    def __init__(self):", "        super().__init__()", *init, ""]
    is_read = any(re.search(r"\bimage\b", line) for line in [*forward, *(flow.results or [])])
    start = [f"    def forward(self, {'image' if is_read else 'x'}):"]
    if is_read:
        start.append("        x = image")
    body += [*start[:-1], Line.of(start[-1], plan.graph.inputs)]
    results = "outputs"
    if flow.results is None:
        body.append("        outputs = []")
    else:
        results = flow.results[0] if len(flow.results) == 1 else f"[{', '.join(flow.results)}]"
    body += [*forward, f"        return {results}"]
    used = "\n".join(body)
    helpers: list[str] = []
    for helper, text in reversed(list(HELPERS.items())):
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
    *before, last = text.split("\n")
    after = f'{COPY_WEIGHTS}\n\nif __name__ == "__main__":\n    print({name}())'
    return [*before, *([last] if last else []), *body, *after.split("\n")]


def _check(plan: Plan) -> None:
    """Raise an error that names the layers that PyTorch has not."""
    lacking = [
        f"{node.kind} {node.name!r} ({lack})"
        for unit in plan.units
        for node in unit.nodes
        if (lack := problem(node))
    ]
    names = [unit.name for unit in plan.units]
    keys = names + [
        node.name[len(unit.name) + 1 :]
        for unit in plan.units
        for node in unit.nodes
        if unit.function and isinstance(node.layer, MODULES)
    ]
    lacking += [
        f"{key!r} (PyTorch has no layers of that name)"
        for key in keys
        if "." in key or key in OF_MODULES
    ]
    if lacking:
        raise Refusal(
            f"This network can't be written for PyTorch: {first_of(lacking)}. Change them, or "
            "write it for Keras."
        )


@placed
def _made_step(round_: Round, indent: int) -> list[str]:
    """Return the line that makes the modules of steps that are alike."""
    unit = round_.steps[0].unit
    units = [step.unit for step in round_.steps]
    if not any(isinstance(node.layer, MODULES) for node in unit.nodes) and not unit.function:
        return []
    target = f"self[{round_.name}] = "
    if unit.function:
        names = channel_names(unit.function)
        read = [
            round_.value([_channels(each, k) for each in units], name)
            for k, name in enumerate(names)
        ]
        arguments = [
            f"{name}={round_.value([values[step.place] for step in round_.steps], name)}"
            for name, values in unit.function.arguments.items()
        ]
        return assigned(target, Call(class_name(unit.function), [*read, *arguments]), indent)
    read = [round_.value([each.output.inputs[0].shape[-1] for each in units], "channels")]
    configs = [numbers_of(each.output.layer) for each in units]
    texts, values = {}, {}
    for field, value in configs[0].items():
        all_values = [config[field] for config in configs]
        texts[field] = round_.value(all_values, field)
        values[field] = value if all(each == value for each in all_values) else None
    words = dict(words_of(unit.output.layer))
    return assigned(target, module(unit.output, words, texts, values, read[0]), indent)


def _channels(unit: Unit, source: int) -> int:
    return unit.sources[source].shape[-1]


@placed
def _applied_step(round_: Round, indent: int) -> list[str]:
    """Return the line that applies steps that are alike."""
    step = round_.steps[0]
    if step.unit.function:
        return assigned(f"{step.target} = ", Call(f"self[{round_.name}]", step.inputs), indent)
    layer = step.unit.output.layer
    texts = {}
    if not isinstance(layer, MODULES):
        configs = [numbers_of(each.unit.output.layer) for each in round_.steps]
        texts = {
            field: round_.value([config[field] for config in configs], field)
            for field in configs[0]
        }
    call = applied(layer, dict(words_of(layer)), texts, round_.name, step.inputs)
    return lines_of_call(f"{step.target} = ", call, indent)
