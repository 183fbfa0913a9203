"""Why a layer or a block stands where it stands, in words; what a layer does, it says itself."""

from collections.abc import Iterable, Sequence

from explorer.core.analysis.connections import Skip, Wiring, role_of
from explorer.core.formatting import counted, product, sentences, step_text
from explorer.core.network.graph import Node, pixels_of, positions
from explorer.core.network.layers import along

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
    return sentences(
        node.layer.does(node.input_shapes), _why(node, wiring), _is_output([node], wiring)
    )


def _is_output(nodes: Sequence[Node], wiring: Wiring) -> str:
    count = len(wiring.graph.outputs)
    what = "the network’s output" if count == 1 else f"one of the network’s {count} outputs"
    return f"This is {what}." if set(nodes) & set(wiring.graph.outputs) else ""


def _why(node: Node, wiring: Wiring) -> str:
    """Return what a layer is there for, by its kind and its place."""
    if node.layer.is_told:
        return ""
    return sentences(
        node.layer.why(is_output=node in wiring.graph.outputs),
        _why_joined(node, wiring) if node.layer.joined else "",
        _why_resized(node, wiring),
        _why_convolved(node, wiring),
    )


def _why_joined(node: Node, wiring: Wiring) -> str:
    skip = next((skip for skip in wiring.skips if skip.join is node), None)
    if skip and skip.passes_stack:
        return "So the next stack gets what went into this one, as well as what came out."
    if skip:
        return (
            f"Here the skip connection from {wiring.title(skip.source)} comes in: it brings fine "
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
        return sentences(
            f"One position takes the place of {product(*steps)}: what follows costs less there, "
            f"and the same window covers {step_text(layer.down)} times as much of the image each "
            "way.",
            f"A skip connection carries the detail lost here to {wiring.title(kept.join)}."
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
    if not node.layer.slides:
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
    alone = all(node.layer.taps(axis)[0] == 1 for axis in (0, 1))
    if alone and change and role_of(node) not in ("merge", "head"):
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
        sources = _names((skip.source for skip in arriving), wiring)
        came = (
            f"A skip connection from {sources} brings in detail that did "
            "not have to pass the lower resolutions."
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
        to = f"It also feeds {_names((skip.join for skip in parting), wiring)}, by skip connection."
    return sentences(texts.get(role, ""), came, to, _is_output(nodes, wiring))


def _names(nodes: Iterable[Node], wiring: Wiring) -> str:
    return ", ".join(dict.fromkeys(map(wiring.title, nodes)))


def skips_text(wiring: Wiring) -> str:
    """Return what the connections past other layers do in a network."""
    merging = [skip for skip in wiring.skips if skip.passes_stack]
    across = [skip for skip in wiring.skips if skip not in merging]
    texts = []
    if across:
        joining = {skip.join.kind: skip.join.layer for skip in across}
        how = " or ".join(joining[kind].joined or f"joined by {kind}" for kind in sorted(joining))
        carry = "skip carries" if len(across) == 1 else "skips carry"
        texts.append(
            f"{len(across):,} {carry} fine detail around the coarse levels; channels are {how}."
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
    return node.layer.pools and node.layer.down != 1
