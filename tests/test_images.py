import io

import numpy as np
import pytest
from PIL import Image

from explorer.images import (
    ImageError,
    default_photograph,
    read_image,
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
