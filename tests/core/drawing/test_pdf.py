"""A PDF that is written without Graphviz has what the drawing has, where it has it."""

import io
import re
import struct
import zlib
from xml.etree import ElementTree

import pytest
from PIL import ImageFont

from explorer import Hourglass, diagram, presets, trace
from explorer.core.drawing import diagram as drawing
from explorer.core.drawing.fonts import width_of
from explorer.core.drawing.pdf import LONGEST, as_pdf

OPTIONS = (
    {},
    {"detail": "layers", "fold": True},
    {"detail": "outline", "direction": "left to right"},
    {"draw_sizes": True, "colour_by": "MACs"},
)
#: What is drawn, and by what.
DRAWN = {
    "polygon": {"fill", "stroke", "stroke-width", "points"},
    "polyline": {"fill", "stroke", "stroke-width", "points"},
    "path": {"fill", "stroke", "stroke-width", "stroke-dasharray", "d"},
    "text": {"text-anchor", "x", "y", "font-family", "font-size", "fill"},
    "g": {"id", "class", "transform"},
    "a": set(),
    "title": set(),
    "svg": {"width", "height", "viewBox"},
}


def svg_of(name: str, **options) -> str:
    drawn = diagram(trace(presets[name], (256, 256, 3)), **options)
    return drawing.laid_out(drawn.dot, "svg", "").decode()


def objects_of(pdf: bytes) -> list[bytes]:
    """The objects, each from where the file says that it is."""
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", pdf)[1])
    count = int(re.match(rb"xref\n0 (\d+)\n", pdf[start:])[1])
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n \n", pdf[start:])]
    assert len(places) == count - 1
    found = []
    for number, place in enumerate(places, 1):
        head, _, rest = pdf[place:].partition(b" 0 obj\n")
        assert int(head) == number
        found.append(rest[: rest.index(b"\nendobj\n")])
    return found


def content_of(each: bytes) -> bytes:
    head, _, rest = each.partition(b"stream\n")
    size = int(re.search(rb"/Length (\d+)", head)[1])
    assert rest[size:] == b"\nendstream"
    return zlib.decompress(rest[:size])


def written_in(page: str) -> list[str]:
    """The texts of a page."""
    symbols = {"ae": "→", "b3": "≥"}
    return [
        "".join(
            symbols[codes] if font == "Symbol" else bytes.fromhex(codes).decode("utf-16-be")
            for font, codes in re.findall(r"/(\w+) [0-9.]+ Tf <([0-9a-f]*)> Tj", text)
        )
        for text in re.findall(r"BT (.*?) ET", page.replace("\n", " "))
    ]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(map(str, options)))
@pytest.mark.parametrize("name", presets)
def test_all_that_is_drawn_and_written_is_there(name, options):
    svg = svg_of(name, **options)
    elements = list(ElementTree.fromstring(svg).iter())
    for element in elements:
        tag = element.tag.rpartition("}")[2]
        own = {each for each in element.attrib if "}" not in each}
        assert own <= DRAWN[tag], "nothing that a PDF would lack"
        moved = element.get("transform", "scale(1 1) rotate(0) translate(0 0)")
        assert re.fullmatch(r"scale\(1 1\) rotate\(0\) translate\([0-9.]+ [0-9.]+\)", moved)
        assert re.fullmatch(r"M[-0-9., ]+(C[-0-9., ]+)?", element.get("d", "M0,0"))

    objects = objects_of(as_pdf(svg))
    page = content_of(objects[3]).decode()
    assert written_in(page) == [each.text for each in elements if each.tag.endswith("}text")]
    shapes = [each for each in elements if each.tag.endswith(("}polygon", "}polyline", "}path"))]
    numbers = [re.findall(r"-?[0-9.]+", each.get("points") or each.get("d")) for each in shapes]
    drawn = re.findall(r"^(.* m .*)$", page, re.MULTILINE)
    assert [re.findall(r"-?[0-9.]+", each) for each in drawn] == numbers
    assert page.count("q\n") == page.count("Q")


def test_a_page_is_as_large_as_its_drawing_and_has_its_colours():
    svg = """<svg width="30pt" height="20pt" xmlns="http://www.w3.org/2000/svg">
    <g transform="scale(1 1) rotate(0) translate(4 16)">
    <polygon fill="#ff0000" stroke="none" points="0,0 0,-4 4,-4"/>
    <path fill="none" stroke="#0000ff" stroke-width="1.4" stroke-dasharray="5,2"
     d="M1,2C3,4 5,6 7,8"/>
    </g></svg>"""
    objects = objects_of(as_pdf(svg))
    assert b"/MediaBox [0 0 30.0 20.0]" in objects[2]
    assert content_of(objects[3]).decode().split("\n") == [
        "1 0 0 -1 0 20.0 cm",
        *("q", "0.000 0.000 0.000 rg"),
        *("q", "1 0 0 1 4 16 cm", "0.000 0.000 0.000 rg"),
        *("q", "1.000 0.000 0.000 rg", "0 0 m 0 -4 l 4 -4 l", "h f", "Q"),
        *("q", "0.000 0.000 1.000 RG 1.4 w [5 2] 0 d", "1 2 m 3 4 5 6 7 8 c", "S", "Q"),
        *("Q", "Q"),
    ]


@pytest.mark.parametrize(("width", "height", "scale"), [(28_800, 20, 0.5), (20, 57_600, 0.25)])
def test_what_no_page_can_hold_is_drawn_smaller(width, height, scale):
    svg = f"""<svg width="{width}pt" height="{height}pt" xmlns="http://www.w3.org/2000/svg">
    <polygon fill="none" stroke="black" points="0,0 {width},{height} 0,{height}"/></svg>"""
    objects = objects_of(as_pdf(svg))
    sides = [each * scale for each in (width, height)]
    assert f"/MediaBox [0 0 {sides[0]} {sides[1]}]".encode() in objects[2]
    first = content_of(objects[3]).decode().split("\n")[0]
    assert first == f"{scale} 0 0 -{scale} 0 {sides[1]} cm"


def test_graphviz_too_writes_no_page_larger_than_there_can_be():
    drawn = diagram(trace(Hourglass(stacks=7), (256, 256, 1)), "layers", direction="left to right")
    width = float(re.search(r'width="([0-9.]+)pt"', drawn.svg())[1])
    assert width > LONGEST
    sides = re.search(rb"/MediaBox \[ 0 0 ([0-9.]+) ([0-9.]+) \]", drawn.content("pdf")).groups()
    assert 0.98 * LONGEST < float(sides[0]) <= LONGEST


@pytest.mark.parametrize(("first", "weight"), [(4, 400), (10, 700)])
def test_the_font_is_there_with_a_glyph_for_each_letter(first, weight):
    objects = objects_of(as_pdf(svg_of("U-Net")))
    assert f"/F{weight} {first + 1} 0 R".encode() in objects[2]
    font, descendant, descriptor, file, places, _ = objects[first : first + 6]
    assert f"/DescendantFonts [{first + 2} 0 R] /ToUnicode {first + 6} 0 R".encode() in font
    assert f"/FontDescriptor {first + 3} 0 R".encode() in descendant
    assert f"/CIDToGIDMap {first + 5} 0 R".encode() in descendant
    assert f"/FontFile2 {first + 4} 0 R".encode() in descriptor

    content = content_of(file)
    readable = ImageFont.truetype(io.BytesIO(content), 2048, layout_engine=ImageFont.Layout.BASIC)
    assert readable.getname()[0] == "Arimo"
    (tables,) = struct.unpack_from(">H", content, 4)
    entries = [struct.unpack_from(">4s3I", content, 12 + 16 * i) for i in range(tables)]
    start = {tag: place for tag, _, place, _ in entries}
    widths = dict(re.findall(rb"(\d+) \[(\d+)\]", descendant))
    glyphs = struct.unpack(">65536H", content_of(places))
    letters = [code for code, glyph in enumerate(glyphs) if glyph]
    assert {*range(0x20, 0x7F), 0xD7} <= set(letters)
    assert set(map(int, widths)) == set(letters)
    for code in letters:
        (advance,) = struct.unpack_from(">H", content, start[b"hmtx"] + 4 * glyphs[code])
        assert advance == width_of(chr(code), 2048, weight)
        assert int(widths[b"%d" % code]) == pytest.approx(advance / 2.048, abs=0.5)
        assert advance == readable.getlength(chr(code))
