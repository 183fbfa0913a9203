"""The whole design as a link, so that a message or a page can hold it.

A link's fragment has the design as JSON, in brief, compressed by zlib, in URL-safe base64. What has
its default is left out. So other defaults, or another meaning of a field, need another `VERSION`.
"""

import base64
import binascii
import re
import zlib

import attrs

from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input
from explorer.core.exchange import own_json
from explorer.core.exchange.loaded import Answers, Entry, Loaded, budgets_entry
from explorer.core.families import Architecture
from explorer.core.network.errors import Refusal

#: What links are written in, and the latest that is read.
VERSION = 1
#: Most characters of a link. Browsers take as many; no design of a family comes near.
LONGEST = 64_000
_DESIGN = re.compile(r"(?:^|[#?&])design=([A-Za-z0-9_-]*)(?:&v=([0-9]{1,9}))?")

_text = attrs.validators.instance_of(str)


@attrs.frozen
class SharedDesign:
    """What a link holds: what one sees.

    Attributes:
        architecture: The architecture.
        input: What it is given.
        selected: What is selected, as `explorer.core.network.names` names it.
        pinned: The design that it is compared with, A, or None.
        budgets: What it is to keep to.
    """

    architecture: Architecture
    input: Input = attrs.field(factory=Input)
    selected: str = attrs.field(default="", validator=_text)
    pinned: Design | None = None
    budgets: tuple[Budget, ...] = attrs.field(default=(), validator=own_json.few)

    @property
    def design(self) -> Design:
        """The architecture with its input."""
        return Design(self.architecture, self.input)


def to_link(shared: SharedDesign, base: str = "") -> str:
    """Return a link to a design.

    Args:
        shared: The design, and how it is looked at.
        base: Address of a page that opens such links, whose fragment is replaced; empty: none,
            which leaves "#design=…".

    Raises:
        Refusal: If it has a Keras model, or is too large.
    """
    try:
        text = own_json.written(shared, SharedDesign, brief=True, separators=(",", ":"))
        own_json.check_size(text)
    except own_json.NoJSON as error:
        raise Refusal(f"No link can be made: {error}") from error
    packed = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
    if len(packed) > LONGEST:
        raise Refusal(
            f"The link would have {len(packed):,} characters, and {LONGEST:,} are the most: save "
            "the design as JSON."
        )
    return f"{base.partition('#')[0]}#design={packed}&v={VERSION}"


def is_link(text: str) -> bool:
    """Return whether a text is a link to a design, or the fragment of one."""
    text = text.strip()
    return len(text.split(maxsplit=1)) == 1 and _DESIGN.search(text) is not None


def from_link(text: str) -> SharedDesign:
    """Return the design that a link holds; nothing in it is run or imported.

    Args:
        text: The address, or its fragment or query alone.

    Raises:
        Refusal: If it is damaged or too large, of a later version, or has what no design has.
    """
    found = list(_DESIGN.finditer(text.strip()))
    if not found:
        raise Refusal("This is no link to a design: there is no “design=” in it.")
    packed, version = found[-1].groups()  # the fragment follows the query
    newer = "open it with a newer explorer"
    if version and int(version) > VERSION:
        raise Refusal(
            f"This link is of version {int(version)}, and this explorer reads version {VERSION}: "
            f"{newer}."
        )
    shared: SharedDesign = own_json.read_back(_unpacked(packed), SharedDesign, "link", newer)
    return shared


def _unpacked(packed: str) -> str:
    """Return the JSON in a link, if it is no larger than a design's can be."""
    if len(packed) > LONGEST:
        raise Refusal(
            f"This link has {len(packed):,} characters: one to a design has at most {LONGEST:,}."
        )
    try:
        data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        unpacking = zlib.decompressobj()
        unpacked = unpacking.decompress(data, own_json.LONGEST + 1)
        if len(unpacked) > own_json.LONGEST:
            raise Refusal(
                f"This link holds more than {own_json.LONGEST:,} characters: no design has as many."
            )
        if not unpacking.eof:
            raise zlib.error("the end is missing")
        return unpacked.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError) as error:
        raise Refusal("This link is damaged or cut off: copy it again, whole.") from error


def read(text: str, answers: Answers) -> Loaded:
    """Return the architecture of a link, with its input and budgets.

    Args:
        text: The link.
        answers: Not needed: a link leaves nothing open.

    Raises:
        Refusal: As `from_link` does.
    """
    shared = from_link(text)
    apart = "it is how the design is looked at: Explorer.from_link(…) shows it"
    entries = [
        Entry("architecture", type(shared.architecture).__name__),
        Entry("input", " × ".join(map(str, shared.input.shape))),
    ]
    if shared.input.batch_size != Input().batch_size:
        entries.append(Entry("input.batch_size", shared.input.batch_size, apart))
    if shared.selected:
        entries.append(Entry("selected", shared.selected, apart))
    if shared.pinned:
        entries.append(Entry("pinned", type(shared.pinned.architecture).__name__, apart))
    if shared.budgets:
        entries.append(budgets_entry(shared.budgets))
    given = shared.input
    shape = given.height, given.width, given.channels
    return Loaded(shared.architecture, shape, "Link", tuple(entries), budgets=shared.budgets)
