"""What a layer or a block does and why it stands there, in words."""

from collections.abc import Iterable, Sequence
from typing import Any

from explorer.figures import counted, product, share
from explorer.foreign_layers import Foreign
from explorer.formatting import step_text
from explorer.graph import Node, pixels_of, positions
from explorer.layers import (
    SLIDING,
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    InputLayer,
    MaxPooling2D,
    Multiply,
    SeparableConv2D,
    UpSampling2D,
    ZeroPadding2D,
    along,
)
from explorer.layers.resizing import Margins
from explorer.summaries import window_text
from explorer.wiring import Skip, Wiring, place_of, role_of

_ACTIVATIONS = {
    "relu": "It puts 0 in the place of negative values and passes the others on.",
    "linear": "It passes all values on unchanged.",
    "sigmoid": "It maps every value smoothly to between 0 and 1.",
    "tanh": "It maps every value smoothly to between −1 and 1.",
    "softmax": "At each position it turns the channels into shares of a whole: they add up to 1.",
    "log_softmax": "At each position it turns the channels into logarithms of shares of a whole.",
    "sparsemax": "At each position it turns the channels into shares of a whole, some of them 0.",
    "leaky_relu": "It passes positive values on and makes negative ones smaller.",
    "relu6": "It limits all values to between 0 and 6.",
    "elu": "It passes positive values on and bends negative ones towards −1.",
    "softplus": "It is relu with a rounded corner.",
    "silu": "It multiplies every value by its sigmoid: relu with a soft corner.",
    "swish": "It multiplies every value by its sigmoid: relu with a soft corner.",
}

_PREDICTS = "it makes the prediction: each channel is a map, such as of a class or a body part."

#: What convolutions are there for, by the role of their block.
_CONVOLUTIONS = {
    "stem": "In the stem it makes the first features of the image, which the encoder starts from.",
    "encoder": "The encoder’s convolutions recognise patterns: small ones in its first blocks, "
    "larger ones further on, where one position sees more of the image.",
    "middle": "At the lowest resolution of the network it combines what lies far apart in the "
    "image.",
    "decoder": "The decoder’s convolutions work out, at this resolution, what is where.",
    "merge": "It makes the stack’s output fit what went into the stack, to which it is added.",
    "head": f"As the head {_PREDICTS}",
}


def layer_text(node: Node, wiring: Wiring) -> str:
    """Return what a layer does, and why it stands where it stands.

    Args:
        node: The layer.
        wiring: That of its graph.
    """
    return _sentences(_does(node), _why(node, wiring), _is_output([node], wiring))


def _sentences(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _is_output(nodes: Sequence[Node], wiring: Wiring) -> str:
    count = len(wiring.graph.outputs)
    what = "the network’s output" if count == 1 else f"one of the network’s {count} outputs"
    return f"This is {what}." if set(nodes) & set(wiring.graph.outputs) else ""


def _does(node: Node) -> str:
    """Return what a layer computes."""
    layer = node.layer
    match layer:
        case InputLayer():
            if len(node.shape) != 3:
                return "What is no image comes in here."
            return f"Images come in here, with {counted(node.shape[-1], 'channel')} each."
        case Conv2D():
            return _sentences(_convolves(node, layer), _dilates(layer), _activates(layer))
        case DepthwiseConv2D():
            window = window_text(layer.kernel_size)
            what = f"It slides a {window} window of weights over each channel by itself;"
            mixed = "channels are not mixed. Training sets the weights."
            return _sentences(what, mixed, _dilates(layer), _activates(layer))
        case SeparableConv2D():
            window, filters = window_text(layer.kernel_size), counted(layer.filters, "filter")
            what = f"It slides a {window} window of weights over each channel by itself, then mixes"
            mixed = f"the channels at each position alone, in {filters}. Training sets the weights."
            return _sentences(what, mixed, _dilates(layer), _activates(layer))
        case Dense():
            read = counted(node.inputs[0].shape[-1], "channel")
            what = f"In each of its {counted(layer.units, 'unit')} it adds up {read}"
            where = " at each position alone" if positions(node) > 1 else ""
            how = f"{what}{where}, each value times a weight that training sets."
            return _sentences(how, _activates(layer))
        case Conv2DTranspose():
            return _sentences(_spreads(layer), _activates(layer))
        case MaxPooling2D() | AveragePooling2D():
            taken = "largest value" if isinstance(layer, MaxPooling2D) else "mean"
            step = step_text(layer.strides)
            every = f"every {step} pixels" if layer.strides != 1 else "at every position"
            window = window_text(layer.pool_size)
            return f"It takes the {taken} of a {window} window, {every}, channel by channel."
        case GlobalMaxPooling2D() | GlobalAveragePooling2D():
            taken = "largest value" if isinstance(layer, GlobalMaxPooling2D) else "mean"
            return f"It takes the {taken} of each channel over all positions: one is left."
        case ZeroPadding2D():
            return f"It puts zeros around the feature: {_margins(layer.padding)}."
        case Cropping2D():
            return f"It cuts off the border of the feature: {_margins(layer.cropping)}."
        case UpSampling2D():
            how = (
                f"repeats every pixel {window_text(layer.size)} times"
                if layer.interpolation == "nearest"
                else f"enlarges the feature {step_text(layer.size)} times and fills in the new "
                "pixels by weighing those nearby (bilinear interpolation)"
            )
            return f"It {how}."
        case BatchNormalization():
            return (
                "In training it shifts and scales each channel to mean 0 and variance 1 over the "
                "batch; later it uses the running mean and variance that training gathered."
                + _scales(layer)
            )
        case Dropout():
            return (
                f"In training it sets {share(layer.rate, 1)} of all values, drawn at random, to 0 "
                "and enlarges the others to make up for it; later it does nothing."
            )
        case Activation():
            other = f"It applies the function {layer.activation} to every value."
            return _ACTIVATIONS.get(layer.activation, other)
        case Concatenate():
            return "It puts the channels of its inputs one after the other."
        case Add():
            return "It adds its inputs value by value; they must have the same shape."
        case Multiply():
            return "It multiplies its inputs value by value: one can be a gate for the other."
        case Foreign():
            return _foreign(layer)
        case _:
            return " ".join((type(layer).__doc__ or f"A layer of class {layer.kind}.").split())


def _convolves(node: Node, layer: Conv2D) -> str:
    read = counted(node.inputs[0].shape[2] // layer.groups, "channel")
    if layer.groups > 1:
        read += f" of its group (there are {layer.groups})"
    where = "at each position alone it adds up"
    if layer.kernel_size != 1:
        window = window_text(layer.kernel_size)
        where = f"a {window} window slides over the input and adds up what lies under it in"
    filters = counted(layer.filters, "filter")
    return (
        f"In each of its {filters}, {where} {read}, each value times a weight that training sets."
    )


def _scales(layer: BatchNormalization) -> str:
    parts = [*["a scale"] * layer.scale, *["an offset"] * layer.center]
    applied = f" Then it applies {' and '.join(parts)} to each channel, which training sets."
    return applied if parts else ""


def _margins(margins: Margins) -> str:
    (top, bottom), (left, right) = margins
    if top == bottom == left == right:
        return f"{counted(top, 'row')} or columns on each side"
    return f"{counted(top, 'row')} above, {bottom} below, {left} to the left, {right} to the right"


def _foreign(layer: Foreign) -> str:
    named = f"Keras’ own {layer.kind}"
    if layer.recipe is None and not layer.is_known:
        return f"A layer of class {layer.kind}: what it computes is not known here."
    if layer.like is not None and layer.like.kind == layer.kind:
        return f"{named}, with settings that are only known to Keras."
    if layer.pointwise:
        return f"{named}, which works on each position alone."
    if layer.rearranges:
        return f"{named}, which puts values in other places."
    return f"{named}: here it is only known what it costs and how far it looks."


def _dilates(layer: Conv2D | DepthwiseConv2D | SeparableConv2D) -> str:
    if layer.dilation_rate == 1:
        return ""
    spans = [
        (along(layer.kernel_size, axis) - 1) * along(layer.dilation_rate, axis) + 1
        for axis in (0, 1)
    ]
    apart = step_text(layer.dilation_rate)
    return (
        f"What it reads lies {apart} pixels apart, so it spans {product(*spans)} "
        "pixels and sees farther at no cost in weights or resolution."
    )


def _activates(layer: Any) -> str:
    return "" if layer.activation == "linear" else f"Then it applies {layer.activation}."


def _spreads(layer: Conv2DTranspose) -> str:
    kernel = window_text(layer.kernel_size)
    pairs = [(along(layer.kernel_size, axis), along(layer.strides, axis)) for axis in (0, 1)]
    apart = " or ".join(counted(step, "pixel") for step in dict.fromkeys(s for _, s in pairs))
    overlap = "where kernels overlap, they add up"
    if any(size < step for size, step in pairs):
        overlap = "output pixels between the kernels get no input"
    elif all(size == step for size, step in pairs):
        overlap = "the kernels lie side by side"
    return (
        f"Each input position spreads a {kernel} kernel over the output, "
        f"{apart} from its neighbour’s; {overlap}. Training sets its weights."
    )


def _why(node: Node, wiring: Wiring) -> str:
    """Return what a layer is there for, by its kind and its place."""
    layer = node.layer
    match layer:
        case InputLayer():
            return "All strides and receptive fields are counted in its pixels."
        case Concatenate() | Add():
            return _why_joined(node, wiring)
        case BatchNormalization():
            return "Features that stay in one range make deep networks easier to train."
        case Dropout():
            return "So the network cannot rely on single values, which lessens overfitting."
        case Activation():
            plain = layer.activation == "linear" or node in wiring.graph.outputs
            between = "Without such a function between them, convolutions in a row would amount"
            return "" if plain else f"{between} to a single one."
        case ZeroPadding2D():
            return "So the next window, which gets no padding of its own, fits at the border, too."
        case Foreign():
            return ""
    return _sentences(_why_resized(node, wiring), _why_convolved(node, wiring))


def _why_joined(node: Node, wiring: Wiring) -> str:
    skip = next((skip for skip in wiring.skips if skip.join is node), None)
    if skip and skip.passes_stack:
        return "So the next stack gets what went into this one, as well as what came out."
    if skip:
        return (
            f"Here the skip connection from {place_of(skip.source)} comes in: it brings fine "
            "detail of position, while the other input has seen more of the image."
        )
    if node in wiring.shortcuts:
        return (
            "This is a residual connection: what lies on the longer way only has to learn what to "
            "change, and gradients pass the sum unhindered."
        )
    return "So later layers can use features of several earlier ones."


def _why_resized(node: Node, wiring: Wiring) -> str:
    layer = node.layer
    if layer.down != 1:
        steps = along(layer.down, 0), along(layer.down, 1)
        kept = next((skip for skip in wiring.skips if skip.source in node.inputs), None)
        return _sentences(
            f"One position takes the place of {product(*steps)}: what follows costs less there, "
            f"and the same window covers {step_text(layer.down)} times as much of the image each "
            "way.",
            f"A skip connection carries the detail lost here to {place_of(kept.join)}."
            if kept
            else "",
        )
    if layer.up != 1:
        skip = next((skip for skip in wiring.skips if skip.join in wiring.part(node)), None)
        raises = "It brings back resolution that the encoder gave up"
        if role_of(node) != "decoder":
            return "It raises the resolution."
        return f"{raises}, up to that of the skip connection." if skip else f"{raises}."
    return ""


def _why_convolved(node: Node, wiring: Wiring) -> str:
    if not isinstance(node.layer, SLIDING):
        return ""
    if node in wiring.on_skips:
        return "It prepares what the skip connection brings for being joined."
    joins = {skip.join for skip in wiring.skips}
    if role_of(node) == "decoder" and joins & set(node.inputs):
        return (
            "It is the first to see both what came up and what the skip connection brought, and "
            "learns how to combine them."
        )
    change = node.shape[-1] - node.inputs[0].shape[-1]
    if node.layer.kernel_size == 1 and change and role_of(node) not in ("merge", "head"):
        return f"It {'widens' if change > 0 else 'narrows'} the feature for what follows."
    return _CONVOLUTIONS.get(role_of(node), "")


def block_text(nodes: Sequence[Node], wiring: Wiring, lacks_skip: bool = False) -> str:
    """Return what a block is there for.

    Args:
        nodes: Its layers; the last is what it returns.
        wiring: That of its graph.
        lacks_skip: Whether it asks for a skip connection which no feature can give.
    """
    role, output = role_of(nodes[0]), nodes[-1]
    before = (wiring.entering(nodes) or [output])[-1]
    size = product(*output.shape[:-1]) or "a single position"
    sizes = f"from {product(*before.shape[:-1])} to {size}"
    lowers, raises = _is_finer(before, output), _is_finer(output, before)
    resizes = f"{'lowers' if lowers else 'raises'} the resolution {sizes}"
    changes = resizes if lowers or raises else f"keeps the resolution of {size}"
    texts = {
        "stem": f"The stem comes before the encoder, once for all stacks; this block {changes}.",
        "encoder": f"This encoder block {changes}"
        + (": it gives up detail of where things are for a wider view." if lowers else "."),
        "middle": "The middle stands between encoder and decoder, at the network’s lowest "
        "resolution: small windows reach far across the image there.",
        "decoder": f"This decoder block {changes}"
        + (", so that the output can say where things are." if raises else "."),
        "merge": "The merge adds what went into a stack to what came out of it, for the next one.",
        "head": f"The head starts from a feature of the decoder; {_PREDICTS}",
    }
    arriving = [skip for skip in wiring.skips if skip.join in nodes]
    parting = [skip for skip in wiring.skips if skip.source in nodes]
    came = to = ""
    if arriving and role != "merge":
        came = (
            f"A skip connection from {_names(skip.source for skip in arriving)} brings in detail "
            "that did not have to pass the lower resolutions."
        )
    elif role == "decoder":
        came = "No skip connection comes in: all that it gets has come up from the block before."
        if lacks_skip:
            came = (
                "It asks for a skip connection, but none comes in: no block of stem or encoder "
                f"before the lowest resolution returns a feature of {size}. "
                "All that it gets has come up from the block before."
            )
    if parting:
        to = f"It also feeds {_names(skip.join for skip in parting)}, by skip connection."
    return _sentences(texts.get(role, ""), came, to, _is_output(nodes, wiring))


def _names(nodes: Iterable[Node]) -> str:
    return ", ".join(dict.fromkeys(map(place_of, nodes)))


def skips_text(wiring: Wiring) -> str:
    """Return what the connections past other layers do in a network."""
    merging = [skip for skip in wiring.skips if skip.passes_stack]
    across = [skip for skip in wiring.skips if skip not in merging]
    texts = []
    if across:
        joined = sorted({skip.join.kind for skip in across})
        how = " or ".join({"Add": "added", "Concatenate": "concatenated"}.get(k, k) for k in joined)
        texts.append(
            f"{counted(len(across), 'skip connection')} past the lower resolutions: detail of "
            "where things are, which those lose, reaches the decoder as it is where the connection "
            f"starts ({how})."
        )
        texts += _lost_before(across, wiring)
    else:
        several = [node for node in wiring.graph if positions(node) > 1] or list(wiring.graph)
        lowest = min(several, key=positions)
        texts.append(
            "There are none from encoder to decoder: all that the output shows has passed the "
            f"lowest resolution, {product(*lowest.shape[:-1])}."
        )
    if merging:
        texts.append(
            f"{counted(len(merging), 'connection')} past a whole stack: the next one gets what "
            "went into it, too."
        )
    if wiring.shortcuts:
        texts.append(
            f"{counted(len(wiring.shortcuts), 'residual connection')} inside blocks: layers learn "
            "what to change, which makes deep networks trainable."
        )
    if wiring.reused:
        texts.append(
            f"{counted(len(wiring.reused), 'concatenation')} inside blocks: layers read what all "
            "before them in the block have found, which is used again instead of learnt again."
        )
    return " ".join(texts)


def _lost_before(skips: Sequence[Skip], wiring: Wiring) -> list[str]:
    """Return what skip connections cannot bring, because it is lost before they start."""
    texts = []
    pooled = sum(_is_pooled(skip.source) for skip in skips)
    if pooled:
        start = "1 starts" if pooled == 1 else f"{pooled} start"
        texts.append(f"{start} right after a pooling and cannot bring what that lost.")
    finest = max((skip.source for skip in skips), key=positions)
    if _is_finer(wiring.graph.image, finest):
        texts.append(
            f"The finest detail that comes this way is that of {product(*finest.shape[:-1])}, "
            f"where the image has {product(*wiring.graph.input_shape[:-1])}."
        )
    return texts


def _is_finer(a: Node, b: Node) -> bool:
    """Return whether a feature has a higher resolution than another one.

    Without padding, features shrink at the same resolution: their strides count where known.
    """
    if a.stride is None or b.stride is None:
        return positions(a) > positions(b)
    return pixels_of(a.stride) < pixels_of(b.stride)


def _is_pooled(node: Node) -> bool:
    """Return whether a feature comes from a pooling, through pointwise layers at most."""
    while node.layer.pointwise and len(node.inputs) == 1:
        node = node.inputs[0]
    return isinstance(node.layer, (MaxPooling2D, AveragePooling2D)) and node.layer.down != 1
