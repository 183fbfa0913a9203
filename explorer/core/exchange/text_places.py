"""A design as text, and which of its lines say what of the network.

Code knows it as it is written; of JSON and YAML it is found out by what objects stand for.
"""

import re
from collections.abc import Mapping

from explorer.core.analysis.design import Design
from explorer.core.exchange import sleap, sleap_nn
from explorer.core.exchange.code.places import Places, places_in
from explorer.core.exchange.code.plan import plan_of
from explorer.core.exchange.exporting import export
from explorer.core.exchange.keras_code import keras_lines
from explorer.core.exchange.pose import Kinds
from explorer.core.exchange.torch_code import torch_lines
from explorer.core.families import Architecture, Custom
from explorer.core.network.encoder_decoder import EncoderDecoder, family_blocks_of
from explorer.core.network.graph import Block, Graph
from explorer.core.network.names import block_id

#: The way to an object or list: names of fields, and places in lists.
_Way = tuple[str | int, ...]

#: Where the backbone and the heads are, and what kinds of heads there are.
_POSE: Mapping[str, tuple[_Way, _Way, Kinds]] = {
    "sleap": (("model", "backbone"), ("model", "heads"), sleap.KINDS),
    "sleap-nn": (
        ("model_config", "backbone_config"),
        ("model_config", "head_configs"),
        sleap_nn.KINDS,
    ),
}


#: What writes code.
_CODE = {"keras": keras_lines, "torch": torch_lines}


def text_with_places(design: Design, kind: str) -> tuple[str, Places]:
    """Return what `export` writes of a design, and where that tells of each block.

    In a document that is the object that stands for the block, else the fields that give the whole
    backbone.

    Args:
        design: The design.
        kind: "keras", "torch", "json", "sleap" or "sleap-nn".

    Raises:
        Refusal: As `export` does.
    """
    if kind in _CODE:
        plan = plan_of(design.architecture, design.input.shape)
        lines = _CODE[kind](plan)
        return "\n".join([*lines, ""]), places_in(lines, plan.graph)
    height, width, channels = design.input.shape
    text = export(design.architecture, kind, (height, width, channels))
    assert isinstance(text, str)
    return text, _document_places(text, kind, design.architecture, design.graph)


def _document_places(text: str, kind: str, architecture: Architecture, graph: Graph) -> Places:
    assert isinstance(architecture, EncoderDecoder)
    lines = _lines_of(text)
    found = {}
    for node in graph:
        if node.block:
            ways = (
                _ways_in_pose(node.block, lines, *_POSE[kind])
                if kind in _POSE
                else _ways_in_own(node.block, lines, architecture)
            )
            found[block_id(node)] = tuple(place for way in ways for place in lines.get(way, ()))
    return {block: places for block, places in found.items() if places}


def _lines_of(text: str) -> dict[_Way, range]:
    """Return the lines of each field and each entry of a list, which are told by how deep they are.

    Fields of JSON and YAML that Python writes are two spaces deeper than what they are in.
    """
    lines = text.split("\n")
    found: dict[_Way, range] = {}
    above: list[tuple[int, _Way]] = []  # how deep it stands, and the way to it
    counts: dict[_Way, int] = {}
    for place, line in enumerate(lines):
        deep = len(line) - len(line.lstrip())
        bare = line.strip()
        if not bare:
            continue
        while above and above[-1][0] > deep:
            above.pop()
        while above and above[-1][0] == deep and not bare.startswith(("}", "]")):
            above.pop()
        for _, outer in above:
            found[outer] = range(found[outer].start, place + 1)
        if bare.startswith(("}", "]")):
            continue
        parent = above[-1][1] if above else ()
        named = re.match(r'"?([\w-]+)"?:', bare)
        way: _Way
        if named:
            way = (*parent, named[1])
        elif deep or parent:
            way = (*parent, counts.setdefault(parent, 0))
            counts[parent] += 1
        else:
            continue
        above.append((deep, way))
        found[way] = range(place, place + 1)
    return found


def _ways_in_own(
    block: Block, lines: Mapping[_Way, range], architecture: EncoderDecoder
) -> list[_Way]:
    if block.role == "head":
        return [("heads", block.index)]
    part = "encoder" if block.role == "middle" else block.role
    if block.role != "merge":
        if isinstance(architecture, Custom):
            return [(part, block.index)]
        wanted = family_blocks_of(architecture).place_of(part, block.index)
        for place, edit in enumerate(architecture.edits):
            if edit.place == wanted:
                return [("edits", place)]
    elsewhere = ("heads", "edits", "stem", "encoder", "decoder")
    return [way for way in lines if len(way) == 1 and way[0] not in elsewhere]


def _ways_in_pose(
    block: Block, lines: Mapping[_Way, range], backbone: _Way, heads: _Way, kinds: Kinds
) -> list[_Way]:
    if block.role == "head":
        name = re.sub(r"^stack\d+_", "", block.name)
        ways = [
            (*heads, kind, *([part.section] if part.section else []))
            for kind, parts in kinds.items()
            for part in parts
            if part.name == name and len(lines.get((*heads, kind), ())) > 1
        ]
        return ways[:1]
    return [way for way, found in lines.items() if way[:-1] == backbone and len(found) > 1]
