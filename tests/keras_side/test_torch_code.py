"""Code for PyTorch computes what the Keras model computes, with its weights.

PyTorch runs in a process of its own, so that another Python can have it: that which
EXPLORER_TORCH_PYTHON names, this one, or the system's.
"""

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import attrs
import keras
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from explorer import (
    EncoderBlock,
    EncoderDecoder,
    Head,
    PlainConvUNet,
    ResidualHourglass,
    SimpleConvBlock,
    UNet,
    build,
    layers,
    presets,
    trace,
)
from explorer.core.exchange.torch_code import torch_code
from explorer.core.network.errors import Refusal
from explorer.core.network.layers import ACTIVATIONS
from tests.core.exchange.test_keras_code import (
    Circle,
    Every,
    GathersAll,
    GathersNot,
    OddNames,
    RepeatsAll,
    check_style,
)
from tests.core.exchange.test_keras_code import Kinds as KerasKinds
from tests.keras_helpers import draw_weight
from tests.strategies import FAMILIES, listed, shapes_for, with_heads

ANSWERS = Path(__file__).with_name("torch_outputs.py")


@lru_cache
def torch_python():
    """Return a Python that has PyTorch; None: there is none."""
    system = shutil.which("python3", path=os.defpath)
    for python in filter(None, [os.environ.get("EXPLORER_TORCH_PYTHON"), sys.executable, system]):
        code = "from importlib.util import find_spec; assert find_spec('torch')"
        if not subprocess.run([python, "-c", code], stderr=subprocess.DEVNULL).returncode:
            return python
    return None


def check(designs, folder, write=torch_code):
    """Hold the outputs of PyTorch against those of Keras, for architectures and input shapes.

    Args:
        designs: The architectures, each with its input's shape.
        folder: Where files can lie.
        write: Returns the code of a design.
    """
    python = torch_python()
    if python is None:
        pytest.skip("no Python with PyTorch was found: set EXPLORER_TORCH_PYTHON to one")
    expected = {}
    generator = np.random.default_rng(0)
    for k, (architecture, shape) in enumerate(designs):
        model = build(architecture, shape)
        given = {"image": generator.normal(size=(2, *shape)).astype("float32")}
        for layer in model.layers:
            for place, weight in enumerate(layer.weights):
                given[f"w:{place}:{layer.name}"] = draw_weight(weight, generator)
        outputs = model(given["image"], training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
        expected[k] = ([keras.ops.convert_to_numpy(output) for output in outputs], trained)
        (folder / f"{k}.py").write_text(write(architecture, shape), encoding="utf-8")
        with open(folder / f"{k}.npz", "wb") as file:
            np.savez(file, **given)
        keras.backend.clear_session(free_memory=False)
    subprocess.run([python, str(ANSWERS), str(folder)], check=True)
    for k, (outputs, trained) in expected.items():
        error = folder / f"{k}.err"
        code = (folder / f"{k}.py").read_text(encoding="utf-8")
        assert not error.exists(), f"{designs[k]}\n{error.read_text()}\n{code}"
        answers = np.load(folder / f"{k}.out.npz")
        assert int(answers["trained"]) == trained, f"{designs[k]}\n{code}"
        for at, output in enumerate(outputs):
            told = answers[f"arr_{at}"]
            told = told.transpose(0, 2, 3, 1) if told.ndim == 4 else told
            assert told.shape == output.shape
            scale = max(1, np.abs(output).max())
            np.testing.assert_allclose(told / scale, output / scale, atol=1e-4, err_msg=code)


def drawn(data, designs, count):
    """Return designs and input shapes, without those of the one activation that PyTorch has not."""
    found = []
    for _ in range(count):
        architecture = data.draw(designs)
        shape = data.draw(shapes_for(architecture))
        if "sparsemax" not in repr(architecture):
            found.append((architecture, shape))
    return found


@given(st.data())
@settings(max_examples=1, phases=[Phase.explicit, Phase.generate])
def test_designs_of_every_family(tmp_path_factory, data):
    designs = []
    for family in FAMILIES.values():
        designs += drawn(data, family() | family().flatmap(with_heads), 3)
    designs += drawn(data, listed(), 8)
    check(designs, tmp_path_factory.mktemp("torch"))


class Plain(Every):
    """A layer of each kind, as PyTorch has it."""

    of_norm: ClassVar = {"scale": False, "center": False}


class Kinds(EncoderDecoder):
    encoder_stack = (Plain(), Plain())
    decoder_stack = ()


class Classifier(EncoderDecoder):
    """What has no height and width."""

    encoder_stack = (SimpleConvBlock(batch_norm=True),)
    decoder_stack = ()

    def make_backbone(self, x_in, current_stride=1):
        x, features = super().make_backbone(x_in, current_stride)
        x = layers.GlobalAveragePooling2D(name="mean")(x)
        x = layers.Dense(name="dense", units=5)(x)
        x = layers.BatchNormalization(name="bn")(x)
        y = layers.Dense(name="more", units=3, use_bias=False)(x)
        x = layers.Concatenate(name="all")([x, y])
        return layers.Activation(name="act", activation="softmax")(x), features


@attrs.frozen
class Windows(EncoderBlock):
    """Windows of every size, with every stride, of features of odd sizes."""

    def make_block(self, x_in, prefix="windows"):
        made = []
        for size in (1, 2, 3, (2, 5)):
            for strides in (1, 2, 3, (3, 2)):
                name = f"{prefix}_{len(made)}"
                options = {"strides": strides, "padding": "same"}
                x = layers.Conv2D(name=f"{name}_conv", filters=2, kernel_size=size, **options)(x_in)
                x = layers.Conv2DTranspose(
                    name=f"{name}_up", filters=2, kernel_size=size, **options
                )(x)
                x = layers.MaxPooling2D(name=f"{name}_max", pool_size=size, **options)(x)
                x = layers.UpSampling2D(name=f"{name}_nearest", size=strides)(x)
                x = layers.AveragePooling2D(name=f"{name}_mean", pool_size=size, **options)(x)
                options = {"size": strides, "interpolation": "bilinear"}
                x = layers.UpSampling2D(name=f"{name}_bilinear", **options)(x)
                made.append(layers.GlobalMaxPooling2D(name=f"{name}_most", keepdims=True)(x))
                made.append(layers.GlobalAveragePooling2D(name=f"{name}_all", keepdims=True)(x))
        return layers.Concatenate(name=f"{prefix}_concat")(made)


class AllWindows(EncoderDecoder):
    encoder_stack = (Windows(pool=False),)
    decoder_stack = ()


def test_every_kind_of_layer_window_and_activation(tmp_path):
    names = [name for name in ACTIVATIONS if name != "sparsemax"]
    heads = [Head(f"head{i}", channels=3, activation=name) for i, name in enumerate(names)]
    acts = UNet(filters=2, down_blocks=1, up_blocks=0, heads=heads)
    designs = [(Kinds(), (8, 8, 2)), (Classifier(), (8, 8, 2)), (acts, (4, 4, 1))]
    designs += [(AllWindows(), shape) for shape in ((7, 11, 3), (1, 2, 1))]
    designs += [(OddNames(), (8, 8, 2)), (Circle(), (6, 8, 2))]
    designs += [(GathersAll(), (32, 32, 2)), (GathersNot(), (8, 8, 2))]
    designs += [(RepeatsAll(), (4, 4, 2))]
    check(designs, tmp_path)


@pytest.mark.parametrize("name", presets)
def test_presets_are_written_in_classes_and_loops(name, tmp_path):
    code = torch_code(presets[name], (64, 128, 3))
    check_style(code, tmp_path)
    assert len(code.splitlines()) < 1.5 * len(trace(presets[name], (64, 128, 3))) + 80


def test_dense_blocks_are_loops():
    code = torch_code(presets["FC-DenseNet103"], (64, 64, 3))
    assert len(code.splitlines()) <= 215
    assert "if i < self.num_dense - 1:" in code


def test_stages_of_many_settings_are_a_loop():
    code = torch_code(presets["ResNet50"], (64, 64, 3))
    assert code.count("ResnetStage(") == 2


def test_batch_normalisation_has_the_settings_of_keras():
    assert "nn.BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=False)" in torch_code(
        Kinds(), (8, 8, 2)
    )
    assert "eps=1.001e-05, momentum=0.01)" in torch_code(presets["ResNet50"], (64, 64, 3))


@attrs.frozen
class Groups(EncoderBlock):
    groups: int = 2

    def make_block(self, x_in, prefix="block"):
        x = layers.Conv2D(name=f"{prefix}_conv", filters=6, kernel_size=1)(x_in)
        return layers.GroupNormalization(name=f"{prefix}_norm", groups=self.groups)(x)


class ByGroups(EncoderDecoder):
    encoder_stack = (Groups(), Groups(groups=-1), Groups(groups=6))
    decoder_stack = ()


def test_group_and_instance_normalisation_compute_the_same(tmp_path):
    designs = [(PlainConvUNet(), (256, 256, 1)), (ByGroups(), (8, 8, 2))]
    for design in designs:
        assert "nn.GroupNorm(" in torch_code(*design)
        check_style(torch_code(*design), tmp_path)
    check(designs, tmp_path)


@pytest.mark.parametrize(
    "architecture",
    [Kinds(), Classifier(), AllWindows(), Circle(), GathersAll(), GathersNot(), RepeatsAll()],
)
def test_odd_designs_have_the_format_of_ruff(architecture, tmp_path):
    check_style(torch_code(architecture, (32, 32, 2)), tmp_path)


def test_stacks_with_heads_and_merges_are_a_loop(tmp_path):
    heads = (Head("parts", channels=3), Head("edges", channels=4, stride=8))
    net = ResidualHourglass(filters=6, stem_filters=2, stacks=3, down_blocks=2, heads=heads)
    code = torch_code(net, (64, 64, 1))
    check_style(code, tmp_path)
    assert code.count("for stack in range(3):") == 2
    check([(net, (64, 64, 1))], tmp_path)


@pytest.mark.parametrize(
    ("design", "words"),
    [
        (UNet(heads=(Head("a", activation="sparsemax"),)), "'a' .PyTorch has no sparsemax"),
        (UNet(heads=(Head("train"),)), "'train' .PyTorch has no layers of that name"),
        (KerasKinds(), "every_bn|enc0_bn' .PyTorch has scale and offset together"),
    ],
)
def test_what_pytorch_has_not_is_refused_by_name(design, words):
    with pytest.raises(Refusal, match=words):
        torch_code(design, (64, 64, 1))
