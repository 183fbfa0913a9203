"""Figures that others publish of their networks, or that their own tools count."""

import keras
import pytest
from keras import applications, layers

from explorer import UNet, analyze, read, trace

#: SLEAP's training profiles, on one channel: filters, rate, levels down and up, parameters.
SLEAP_PROFILES = [
    (16, 2.0, 4, 3, 1_953_072),  # centroid, and the bottom-up one of a medium field
    (32, 1.5, 6, 4, 6_784_287),  # bottom-up, large field
    (32, 1.5, 5, 3, 2_935_591),
    (24, 1.5, 5, 3, 1_644_692),
    (16, 2.0, 5, 3, 7_815_920),
    (24, 2.0, 4, 2, 4_310_184),  # top-down, medium field
]


@pytest.mark.parametrize(("filters", "rate", "down", "up", "params"), SLEAP_PROFILES)
def test_profiles_of_sleap(filters, rate, down, up, params):
    net = UNet(
        filters=filters, filters_rate=rate, down_blocks=down, up_blocks=up, up_interpolate=True
    )
    assert analyze(trace(net, (256, 256, 1))).total_params == params


def conv(x, filters: int, size: int = 3, **settings):
    return layers.Conv2D(filters, size, padding="same", **settings)(x)


def csbdeep_unet(x, depth: int, base: int = 32):
    """The U-Net of CSBDeep, which CARE and StarDist use."""
    skips = []
    for level in range(depth):
        x = conv(conv(x, base * 2**level), base * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = conv(conv(x, base * 2**depth), base * 2 ** (depth - 1))
    for level in reversed(range(depth)):
        x = layers.Concatenate()([layers.UpSampling2D()(x), skips[level]])
        x = conv(conv(x, base * 2**level), base * 2 ** max(0, level - 1))
    return x


def test_the_u_net_of_csbdeep():
    image = keras.Input((256, 256, 1))
    restored = layers.Add()([conv(csbdeep_unet(image, 2), 1, 1), image])

    report = analyze(read(keras.Model(image, restored)))

    assert (report.total_params, report.macs) == (332_641, 5_456_789_504)
    assert report.receptive_field == (44, 44)


def test_stardist():
    image = keras.Input((256, 256, 1))
    pooled = layers.MaxPooling2D()(conv(conv(image, 32), 32))
    features = conv(csbdeep_unet(pooled, 3), 128)
    model = keras.Model(image, [conv(features, 1, 1), conv(features, 32, 1)])

    report = analyze(read(model))

    assert (report.total_params, report.macs) == (1_425_185, 3_409_969_152)
    assert report.receptive_field == (204, 204)


@pytest.mark.parametrize(
    ("name", "macs", "field"),
    [("InceptionV3", 5_711_168_096, 1311), ("Xception", 8_355_355_496, None)],
)
def test_networks_of_oblong_and_separable_convolutions(name, macs, field):
    model = getattr(applications, name)(weights=None, include_top=False, input_shape=(299, 299, 3))
    report = analyze(read(model))
    assert (report.macs, report.macs_are_known) == (macs, True)
    assert report.receptive_field is not None
    assert field is None or report.receptive_field == (field, field)


def test_the_u_net_of_kerass_example_on_pets():
    def twice(layer, x, filters):
        for _ in range(2):
            x = layer(filters, 3, padding="same")(layers.Activation("relu")(x))
            x = layers.BatchNormalization()(x)
        return x

    image = keras.Input((160, 160, 3))
    x = before = layers.Activation("relu")(layers.BatchNormalization()(conv(image, 32, strides=2)))
    for filters in (64, 128, 256):
        x = layers.MaxPooling2D(3, strides=2, padding="same")(
            twice(layers.SeparableConv2D, x, filters)
        )
        x = before = layers.Add()([x, conv(before, filters, 1, strides=2)])
    for filters in (256, 128, 64, 32):
        x = layers.UpSampling2D(2)(twice(layers.Conv2DTranspose, x, filters))
        x = before = layers.Add()([x, conv(layers.UpSampling2D(2)(before), filters, 1)])
    model = keras.Model(image, conv(x, 3, activation="softmax"))

    report = analyze(read(model))

    assert (report.total_params, report.macs) == (2_058_979, 997_427_200)
