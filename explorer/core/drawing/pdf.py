"""A drawing of Graphviz as a PDF, where Graphviz itself writes none.

It has what such drawings have: polygons, lines, curves, and text in the font that it was measured
with, to be searched and copied. The file is that of ISO 32000-1, the font's of WOFF 1.0.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree

from explorer.core.drawing.dot import BOLD
from explorer.core.drawing.fonts import FILES, width_of

#: Points that a side of a page has at most; of larger pages readers cut off the rest, or show none.
LONGEST = 14_400

_NUMBER = re.compile(r"-?[0-9.]+(?:e-?[0-9]+)?")
_NAMED = {"black": "#000000", "white": "#ffffff"}
#: Codes of what Arimo does not have, in a font that every reader of PDFs has.
_SYMBOLS = {"→": "ae", "≥": "b3"}
#: Ends a figure, by whether it is filled and whether it has a line.
_PAINTS = {(True, True): "B", (True, False): "f", (False, True): "S", (False, False): "n"}
_LETTERS = b"""/CIDInit /ProcSet findresource begin 12 dict begin begincmap
/CMapName /Letters def /CMapType 2 def 1 begincodespacerange <0000> <ffff> endcodespacerange
1 beginbfrange <0000> <ffff> <0000> endbfrange endcmap end end"""


def as_pdf(svg: str) -> bytes:
    """Return a drawing as a PDF of one page, of the same size, or as large as pages can be.

    Args:
        svg: As Graphviz writes it. Letters that the font doesn't have become boxes.
    """
    root = ElementTree.fromstring(svg)
    width, height = (float(root.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    scale = min(1, LONGEST / max(width, height))
    width, height = scale * width, scale * height
    drawn = "\n".join((f"{scale} 0 0 {-scale} 0 {height} cm", *_painted(root)))
    fonts = " ".join(f"/F{weight} {5 + 6 * i} 0 R" for i, weight in enumerate(FILES))
    fonts += " /Symbol << /Type /Font /Subtype /Type1 /BaseFont /Symbol >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents 4 0 R "
        f"/Resources << /Font << {fonts} >> >> >>".encode(),
        _stream(drawn.encode()),
    ]
    for weight in FILES:
        objects += _font(weight, first=len(objects) + 1)
    content, places = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n", b""
    for number, each in enumerate(objects, 1):
        places += b"%010d 00000 n \n" % len(content)
        content += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    count = len(objects) + 1
    return content + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer << /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (count, places, count, len(content))
    )


def _stream(content: bytes, more: str = "") -> bytes:
    packed = zlib.compress(content)
    head = f"<< /Length {len(packed)} /Filter /FlateDecode {more}>>\nstream\n"
    return head.encode() + packed + b"\nendstream"


def _painted(element: ElementTree.Element) -> Iterator[str]:
    """Yield what draws an element and those in it."""
    kind, given = element.tag.rpartition("}")[2], element.attrib
    yield "q"
    if "transform" in given:
        yield f"1 0 0 1 {' '.join(_NUMBER.findall(given['transform'])[-2:])} cm"
    fill, line = _colour(given.get("fill", "black")), _colour(given.get("stroke", "none"))
    if fill:
        yield f"{fill} rg"
    if line:
        dashes = given.get("stroke-dasharray", "").replace(",", " ")
        yield f"{line} RG {given.get('stroke-width', 1)} w [{dashes}] 0 d"
    if kind == "text" and element.text:
        text = "".join(each if each < "\U00010000" else "\ufffd" for each in element.text)
        weight = 700 if given["font-family"] == BOLD else 400
        size, x, y = (float(given[name]) for name in ("font-size", "x", "y"))
        part = {"start": 0, "middle": 0.5, "end": 1}[given.get("text-anchor", "start")]
        left = x - part * width_of(text, size, weight)
        yield f"BT 1 0 0 -1 {left:.2f} {y} Tm"
        for run in re.split(f"([{''.join(_SYMBOLS)}])", text):
            font = "Symbol" if run in _SYMBOLS else f"F{weight}"
            codes = _SYMBOLS.get(run) or run.encode("utf-16-be").hex()
            yield f"/{font} {size} Tf <{codes}> Tj"
        yield "ET"
    elif kind in ("polygon", "polyline", "path"):
        yield _outline(given.get("points") or given["d"])
        yield "h " * (kind == "polygon") + _PAINTS[bool(fill), bool(line)]
    for each in element:
        yield from _painted(each)
    yield "Q"


def _colour(name: str) -> str:
    """Return a colour's red, green and blue; empty: there is none."""
    if name in ("none", "transparent"):
        return ""
    digits = _NAMED.get(name, name)
    return " ".join(f"{int(digits[i : i + 2], 16) / 255:.3f}" for i in (1, 3, 5))


def _outline(points: str) -> str:
    """Return lines through points, or curves where there is a C: with three points each."""
    numbers = _NUMBER.findall(points)
    size, step = (6, "c") if "C" in points else (2, "l")
    steps = [f"{' '.join(numbers[i : i + size])} {step}" for i in range(2, len(numbers), size)]
    return " ".join((f"{numbers[0]} {numbers[1]} m", *steps))


def _font(weight: int, first: int) -> list[bytes]:
    """Return the six objects of a font, whose numbers begin with the first."""
    file, letters = _unpacked(weight)
    glyphs = _glyphs(letters)
    name = f"/Arimo-{weight}"
    widths = " ".join(f"{code} [{width_of(chr(code), 1000, weight):.0f}]" for code in glyphs)
    places = struct.pack(">65536H", *(glyphs.get(code, 0) for code in range(65536)))
    return [
        f"<< /Type /Font /Subtype /Type0 /BaseFont {name} /Encoding /Identity-H "
        f"/DescendantFonts [{first + 1} 0 R] /ToUnicode {first + 5} 0 R >>".encode(),
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont {name} /FontDescriptor {first + 2} 0 R "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
        f"/CIDToGIDMap {first + 4} 0 R /DW 1000 /W [{widths}] >>".encode(),
        f"<< /Type /FontDescriptor /FontName {name} /Flags 4 /FontBBox [-550 -303 2000 980] "
        "/ItalicAngle 0 /Ascent 905 /Descent -212 /CapHeight 716 /StemV 80 "
        f"/FontFile2 {first + 3} 0 R >>".encode(),
        _stream(file, f"/Length1 {len(file)} "),
        _stream(places),
        _stream(_LETTERS),
    ]


def _unpacked(weight: int) -> tuple[bytes, bytes]:
    """Return a font's file without WOFF's compression, and its table `cmap`."""
    woff = FILES[weight].read_bytes()
    count = int.from_bytes(woff[12:14])
    power = count.bit_length() - 1
    head = struct.pack(">I4H", 0x10000, count, 16 << power, power, 16 * count - (16 << power))
    body = letters = b""
    for i in range(count):
        tag, start, packed, size, checksum = struct.unpack_from(">4s4I", woff, 44 + 20 * i)
        content = woff[start : start + packed]
        if packed < size:
            content = zlib.decompress(content)
        if tag == b"cmap":
            letters = content
        head += struct.pack(">4s3I", tag, checksum, 12 + 16 * count + len(body), size)
        body += content + bytes(-size % 4)
    return head + body, letters


def _glyphs(table: bytes) -> dict[int, int]:
    """Return the number of each character's glyph, by the font's table `cmap`, of format 4."""
    start = int.from_bytes(table[8:12])
    (size,) = struct.unpack_from(">H", table, start + 6)
    arrays = [start + 14 + size * i + 2 * (i > 0) for i in range(4)]
    found = {}
    for i in range(0, size, 2):
        last, first, delta, offset = (
            struct.unpack_from(">H", table, each + i)[0] for each in arrays
        )
        for code in range(first, last + 1):
            place = arrays[3] + i + offset + 2 * (code - first)
            glyph = struct.unpack_from(">H", table, place)[0] if offset else code
            if glyph and (number := glyph + delta & 0xFFFF):
                found[code] = number
    return found
