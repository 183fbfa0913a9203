import contextlib
import io
import re
import struct
import zlib
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from explorer.core.pictures.images import (
    ImageError,
    default_photograph,
    note_of,
    read_image,
    see,
    strongest_channels,
    to_input,
    to_png,
)


def encoded(image: Image.Image, image_format: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=image_format)
    return buffer.getvalue()


def test_the_default_photograph_is_in_colour():
    photograph = default_photograph()

    assert photograph.mode == "RGB"
    assert photograph.size == (512, 512)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_of_common_formats_are_read(image_format, mode):
    image = read_image(encoded(Image.new(mode, (5, 4), 200), image_format))

    assert (image.size, image.mode) == ((5, 4), "RGB")


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_picture_is_refused(content):
    with pytest.raises(ImageError, match="not a picture"):
        read_image(content)


def test_a_picture_cut_short_is_refused():
    content = encoded(default_photograph())

    with pytest.raises(ImageError, match="not a picture"):
        read_image(content[: len(content) // 2])


@pytest.mark.parametrize("side", [7_100, 10_000, 20_000])
def test_a_huge_picture_is_refused_before_it_is_unpacked(side):
    content = encoded(Image.new("1", (side, side)))

    with pytest.raises(ImageError, match="at most 50 million"):
        read_image(content)


@pytest.mark.parametrize("size", [(1, 49_999_999), (30_000, 2)])
def test_a_thin_picture_is_refused_by_its_longer_side(size):
    with pytest.raises(ImageError, match=r"at most 20,000 to a side"):
        read_image(encoded(Image.new("1", size)))


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"


def test_what_a_file_is_called_or_how_else_it_begins_starts_no_other_decoder():
    others = [POSTSCRIPT, *(encoded(Image.new("RGB", (9, 9)), kind) for kind in ("PPM", "TGA"))]
    others += [encoded(Image.new("RGB", (32, 32)), kind) for kind in ("PCX", "ICO", "JPEG2000")]
    for content in others:
        with pytest.raises(ImageError, match="use a PNG, JPEG, WebP, GIF, BMP or TIFF"):
            read_image(content)


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image)[:, :, 0]


MICROSCOPE = np.linspace(112, 3040, 64 * 64).reshape(64, 64)


@pytest.mark.parametrize(
    ("values", "image_format", "kind"),
    [
        (MICROSCOPE.astype("uint16"), "PNG", "16 bit"),
        (MICROSCOPE.astype("uint16"), "TIFF", "16 bit"),
        (MICROSCOPE.astype(">u2"), "TIFF", "16 bit"),
        (MICROSCOPE.astype("int32"), "TIFF", "32 bit"),
        (MICROSCOPE.astype("float32"), "TIFF", "float"),
    ],
)
def test_more_than_8_bits_keep_their_range(values, image_format, kind):
    image = read_image(encoded(Image.fromarray(values), image_format))

    low, high = np.percentile(values, (0.1, 99.9))
    said = re.fullmatch(rf"{kind}, shown from ([\d.,]+) to ([\d.,]+)", note_of(image))
    np.testing.assert_allclose(
        [float(n.replace(",", "")) for n in said.groups()], (low, high), 0.01
    )
    shown = np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255
    assert np.abs(grey(image) - shown).max() <= 1


def test_small_floats_and_negative_ones_keep_their_range():
    image = read_image(encoded(Image.fromarray(np.float32([[-0.5, 0.0, 1.0]])), "TIFF"))

    assert note_of(image).startswith("float, shown from -0.49")
    assert grey(image).tolist() == [[0, 85, 255]]


@pytest.mark.parametrize(
    "said",
    [
        {270: "ImageJ=1.54f\nimages=1\nmin=200.0\nmax=1200.0\n"},
        {280: 200, 281: 1200},
    ],
)
def test_a_file_may_say_what_is_to_be_shown(said):
    values = np.array([[100, 200, 700, 1200, 3000]], "uint16")
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="TIFF", tiffinfo=said)

    image = read_image(buffer.getvalue())

    assert note_of(image) == "16 bit, shown from 200 to 1,200"
    assert grey(image).tolist() == [[0, 0, 128, 255, 255]]


@pytest.mark.parametrize("said", [{280: 0, 281: 65535}, {280: 9, 281: 3}, {270: "min=x\nmax=nan"}])
def test_what_a_file_says_is_ignored_where_it_tells_nothing(said):
    buffer = io.BytesIO()
    Image.fromarray(np.array([[100, 3000]], "uint16")).save(buffer, format="TIFF", tiffinfo=said)

    assert grey(read_image(buffer.getvalue())).tolist() == [[0, 255]]


def test_a_few_bright_pixels_in_the_dark_are_seen():
    values = np.zeros((100, 100), "uint16")
    values[3, 4] = 900

    image = read_image(encoded(Image.fromarray(values)))

    assert note_of(image) == "16 bit, shown from 0 to 900"
    assert grey(image)[3, 4] == 255


def test_pixels_without_a_number_are_black_and_counted():
    values = np.float32([[np.nan, np.inf, -np.inf, 1, 3]])

    image = read_image(encoded(Image.fromarray(values), "TIFF"))

    assert "3 pixels that are infinite or no number are black" in note_of(image)
    assert grey(image).tolist() == [[0, 0, 0, 0, 255]]
    with pytest.raises(ImageError, match="no value to show"):
        read_image(encoded(Image.fromarray(values[:, :3].copy()), "TIFF"))


def test_a_constant_picture_is_said_to_be():
    image = read_image(encoded(Image.fromarray(np.full((4, 4), 700, "uint16"))))

    assert note_of(image) == "16 bit, each value is 700"
    assert not grey(image).any()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I"])
def test_every_mode_that_can_be_written_is_read(mode):
    photograph = default_photograph().resize((24, 16)).convert("RGB")
    image = photograph.convert("L").convert(mode) if mode == "I" else photograph.convert(mode)
    for image_format in ("PNG", "TIFF", "BMP", "GIF", "WEBP", "JPEG"):
        buffer = io.BytesIO()
        try:
            image.save(buffer, format=image_format)
        except (OSError, ValueError):  # the format has no such mode
            continue
        found = read_image(buffer.getvalue())
        assert (found.mode, found.size) == ("RGB", (24, 16))
        assert np.asarray(found).std() > 10, (mode, image_format)


@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_of_several_pictures_the_first_is_taken_and_said_so(image_format):
    first, second = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    buffer = io.BytesIO()
    options = {"lossless": True} if image_format == "WEBP" else {}
    first.save(buffer, format=image_format, save_all=True, append_images=[second], **options)

    image = read_image(buffer.getvalue())

    assert image.getpixel((4, 4)) == (255, 0, 0)
    assert note_of(image) == "the first of several pictures in the file"


def test_colours_of_16_bits_are_said_to_be_cut():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    row = b"\0" + struct.pack(">6H", *[0x8000] * 3, *[0x40FF] * 3)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(row)), chunk(b"IEND", b"")

    image = read_image(b"\x89PNG\r\n\x1a\n" + b"".join(parts))

    assert note_of(image) == "16 bit a colour, of which the upper 8 are shown"
    assert grey(image).tolist() == [[0x80, 0x40]]


def test_files_cut_short_or_damaged_work_or_give_a_sentence():
    draw = np.random.default_rng(0)
    photograph = default_photograph().resize((40, 30))
    wholes = [encoded(photograph, kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")]
    wholes.append(encoded(Image.fromarray(MICROSCOPE.astype("float32")), "TIFF"))
    for whole in wholes:
        for _ in range(40):
            damaged = bytearray(whole[: draw.integers(1, len(whole) + 1)])
            for place in draw.integers(0, len(damaged), 4):
                damaged[place] = draw.integers(256)
            with contextlib.suppress(ImageError):
                assert read_image(bytes(damaged)).mode == "RGB"


def test_what_is_seen_is_small_whatever_the_picture_and_the_input():
    content = encoded(Image.effect_noise((3000, 2000), 90))

    seen = see(content, (4096, 2048, 3))

    assert max(Image.open(io.BytesIO(seen.png)).size) == 512
    assert len(seen.png) < 1_000_000
    assert seen.note == ""


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_an_input_has_the_asked_shape_and_lies_between_0_and_1(channels):
    values = to_input(default_photograph(), (24, 40, channels))

    assert values.shape == (24, 40, channels)
    assert values.dtype == np.float32
    assert 0 <= values.min() < values.max() <= 1


def test_further_channels_repeat_the_colours():
    values = to_input(default_photograph(), (16, 16, 4))

    np.testing.assert_array_equal(values[:, :, 3], values[:, :, 0])
    assert not np.array_equal(values[:, :, 1], values[:, :, 0])


def test_the_strongest_channels_come_first_whatever_their_sign():
    feature = np.zeros((4, 4, 3))
    feature[:, :, 1] = -5
    feature[:, :, 2] = 2

    assert strongest_channels(feature, count=2) == [1, 2]
    assert strongest_channels(feature, count=9) == [1, 2, 0]


def test_a_png_is_stretched_from_black_to_white():
    values = np.array([[-1.0, 0.0], [1.0, 3.0]])

    pixels = np.asarray(Image.open(io.BytesIO(to_png(values))))

    assert pixels.tolist() == [[0, 64], [128, 255]]


@pytest.mark.parametrize("values", [np.full((3, 3), 7.0), np.array([[np.nan, np.inf]])])
def test_a_flat_or_broken_feature_is_drawn_black(values):
    assert np.asarray(Image.open(io.BytesIO(to_png(values)))).max() == 0


def test_a_large_feature_is_drawn_small():
    image = Image.open(io.BytesIO(to_png(np.random.default_rng(0).random((300, 150, 3)))))

    assert image.size == (64, 128)
