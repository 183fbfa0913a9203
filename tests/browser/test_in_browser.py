"""Networks that the page runs: they compute what Keras does, and their times come on screen."""

import base64
import io
import shutil

import attrs
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import expect

from explorer import (
    EncoderBlock,
    EncoderDecoder,
    Head,
    UNet,
    build,
    build_pretrained,
    layers,
    pretrained,
    trace,
)
from explorer.core.asking.position import center, signs
from explorer.core.asking.program import ACTIVATIONS, program_of
from explorer.core.network.errors import Refusal
from explorer.core.pictures.effective_field import EffectiveField
from explorer.core.pictures.heat_map import DECADES, OPACITY, RAMP, heat_png
from explorer.keras_side import backends
from explorer.widget.messages import FieldHere, LookHere
from explorer.widget.panels.keras.in_browser import runner_code
from tests.browser.conftest import BROWSERS
from tests.browser.test_explorer import (  # noqa: F401
    PATIENCE,
    expect_result,
    open_tab,
    opened,
    type_number,
)
from tests.core.exchange.test_keras_code import Circle
from tests.core.exchange.test_keras_code import Kinds as AllKinds
from tests.keras_helpers import draw_weight
from tests.keras_side.test_torch_code import AllWindows, ByGroups, Classifier
from tests.strategies import FAMILIES, listed, shapes_for, with_heads

#: Makes the worker, once, and asks it.
ASK = """
async ([code, question]) => {
    const bytes = text => Uint8Array.from(atob(text), one => one.charCodeAt(0));
    if (!globalThis.asked) {
        const [core, webgpu, backend, wasm, own] = code.map((part, place) => URL.createObjectURL(
            new Blob([bytes(part)], {type: place === 3 ? "application/wasm" : "text/javascript"})));
        const worker = new Worker(own);
        globalThis.asked = message => new Promise(resolve => {
            worker.onmessage = ({data}) => resolve(data);
            worker.onerror = event => resolve({error: event.message});
            worker.postMessage(message);
        });
        const ready = await globalThis.asked({scripts: [core, webgpu, backend], wasm});
        if (ready.error) return ready;
        globalThis.backend = ready.backend;
    }
    const floats = text => new Float32Array(bytes(text).buffer);
    question.weights &&= question.weights.map(floats);
    question.halves &&= bytes(question.halves).buffer;
    question.image = floats(question.image);
    const answer = await globalThis.asked(question);
    if (answer.error || answer.looked) return answer;
    if (answer.field) {
        const png = btoa(String.fromCharCode(...new Uint8Array(answer.pngs[0])));
        const {field, strength} = answer;
        return {field, png, strength: [...strength], backend: globalThis.backend};
    }
    return {backend: globalThis.backend, outputs: answer.outputs.map(output => [...output])};
}
"""


#: What makes Chromium offer WebGPU without a GPU.
SOFTWARE_GPU = (
    "--no-sandbox",
    "--enable-unsafe-swiftshader",
    "--use-angle=swiftshader",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
)
#: No server's: pages of it are what a test says. Browsers offer WebGPU to what is on this machine.
ADDRESS = "http://127.0.0.1:1/"


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page()
    yield page
    page.close()


@pytest.fixture
def page_with_gpu(browser):
    path = next(filter(None, map(shutil.which, BROWSERS)))
    with_gpu = browser.browser_type.launch(executable_path=path, args=SOFTWARE_GPU)
    page = with_gpu.new_page()
    page.route(ADDRESS, lambda route: route.fulfill(body="<!doctype html>"))
    page.goto(ADDRESS)
    yield page
    with_gpu.close()


def text(values) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.float32)).decode()


def check(page, architecture, shape, backend="WebAssembly"):
    """Hold the outputs of the page against those of Keras, with the same weights."""
    generator = np.random.default_rng(0)
    model = build(architecture, shape)
    image = generator.normal(size=(1, *shape)).astype("float32")
    weights = []
    program = program_of(trace(architecture, shape))
    for step in program.steps:
        layer = model.get_layer(step.name)
        for weight, wanted in zip(layer.weights, step.weights, strict=True):
            assert tuple(weight.shape) == wanted, step
            weights.append(text(draw_weight(weight, generator)))
    outputs = model(image, training=False)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    question = {"program": attrs.asdict(program), "weights": weights, "image": text(image)}
    code = [base64.b64encode(content).decode() for content in runner_code()]
    answer = page.evaluate(ASK, [code, question])
    assert "error" not in answer, (answer, architecture)
    assert answer["backend"] == backend
    for expected, told in zip(outputs, answer["outputs"], strict=True):
        expected = keras.ops.convert_to_numpy(expected)
        told = np.reshape(told, expected.shape)
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(
            told / scale, expected / scale, atol=1e-4, err_msg=str(architecture)
        )
    keras.backend.clear_session(free_memory=False)


def test_what_layers_make_of_an_image_with_trained_weights(page):
    """Ranges, means and the strongest channels are those of Keras, of float16 weights as well."""
    example = pretrained["U-Net"]
    shape = (32, 48, 1)
    graph = trace(example.architecture, shape)
    program = program_of(graph)
    given = example.weights(graph)
    halves = b"".join(part for step in program.steps for _, part in given.get(step.name, ()))
    image = np.random.default_rng(0).random((1, *shape), dtype=np.float32)
    strip = (0, 4, 9, len(program.steps) - 1)
    question = attrs.asdict(LookHere(1, program, 0, strip, 9, 4, 256))
    question |= {"halves": base64.b64encode(halves).decode(), "image": text(image)}
    code = [base64.b64encode(content).decode() for content in runner_code()]
    answer = page.evaluate(ASK, [code, question])
    assert "error" not in answer, answer

    model = build_pretrained("U-Net", shape)
    wanted = [model.get_layer(program.steps[place].name).output for place in strip]
    outputs = keras.Model(model.inputs[0], wanted)(image, training=False)
    for told, output in zip(answer["looked"]["strip"], map(np.asarray, outputs), strict=True):
        expected = output.min(), output.max(), output.mean()
        scale = max(1, abs(output).max())
        found = [told[name] / scale for name in ("lowest", "highest", "mean")]
        assert found == pytest.approx([value / scale for value in expected], abs=1e-3)
    strength = abs(np.asarray(outputs[2])).mean(axis=(0, 1, 2))
    strongest = np.argsort(-strength)[:4]
    channels = answer["looked"]["channels"]
    assert [each["channel"] for each in channels] == list(strongest)
    assert [each["strength"] for each in channels] == pytest.approx(strength[strongest], rel=1e-3)
    assert len(answer["pngs"]) == len(strip) + 4


def check_field(page, architecture, shape, layer="", trained="", backend="WebAssembly"):
    """Hold what a layer's position looks at against Keras, with the same weights."""
    generator = np.random.default_rng(0)
    graph = trace(architecture, shape)
    program = program_of(graph)
    node = graph[layer] if layer else graph.outputs[-1]
    model = build_pretrained(trained, shape) if trained else build(architecture, shape)
    halves = b""
    for step in program.steps:
        for weight in model.get_layer(step.name).weights if step.calls < 0 else ():
            if not trained:
                draw_weight(weight, generator)
            halves += keras.ops.convert_to_numpy(weight).astype("<f2").tobytes()
            weight.assign(keras.ops.convert_to_numpy(weight).astype("<f2"))
    image = generator.random((1, *shape), dtype=np.float32)
    position = node.shape[0] // 2, node.shape[1] // 3
    middle = center(position, node.shape[:2], shape[:2])
    weights = signs(node.shape[-1])
    place = [step.name for step in program.steps].index(node.name)
    question = attrs.asdict(
        FieldHere(1, program, 0, place, position, weights, middle, RAMP, DECADES, OPACITY)
    )
    question |= {"halves": base64.b64encode(halves).decode(), "image": text(image)}
    code = [base64.b64encode(content).decode() for content in runner_code()]
    answer = page.evaluate(ASK, [code, question])
    assert "error" not in answer, (answer, architecture)
    assert answer["backend"] == backend

    part = keras.Model(model.inputs[0], model.get_layer(node.name).output)
    given = np.float32(image), np.float32(weights)
    gradient = backends.backend().input_gradient(part, given[0], position, given[1]).run(*given)
    strength = np.abs(np.asarray(gradient))[0].sum(axis=-1)
    told = np.reshape(np.float32(answer["strength"]), strength.shape)
    scale = strength.max()
    assert scale > 0
    np.testing.assert_allclose(told / scale, strength / scale, atol=1e-3, err_msg=node.name)
    field = EffectiveField(strength, middle, "", True)
    assert answer["field"] == {"half": field.side(0.5), "most": field.side(0.95)}
    png = base64.b64decode(answer["png"])
    heat, expected = (
        np.asarray(Image.open(io.BytesIO(each)).convert("RGBA"), dtype=int)
        for each in (png, heat_png(strength))
    )
    np.testing.assert_allclose(heat[..., 3], expected[..., 3], atol=2)
    seen = expected[..., 3] > 100
    np.testing.assert_allclose(heat[seen], expected[seen], atol=4)
    keras.backend.clear_session(free_memory=False)


class Ways(EncoderBlock):
    """Each activation, and windows that reach beyond the border."""

    def make_block(self, x_in, prefix="ways"):
        x = layers.Conv2D(name=f"{prefix}_conv", filters=3, kernel_size=3, strides=2)(x_in)
        made = [layers.Activation(name=f"{prefix}_{a}", activation=a)(x) for a in ACTIVATIONS]
        x = layers.Concatenate(name=f"{prefix}_all")(made)
        x = layers.UpSampling2D(name=f"{prefix}_up", size=(2, 3), interpolation="bilinear")(x)
        for size, strides in ((2, 1), (3, 2), (1, 2)):
            options = {"padding": "same", "strides": strides}
            name = f"{prefix}_{size}"
            x = layers.AveragePooling2D(name=f"{name}_mean", pool_size=size, **options)(x)
            x = layers.UpSampling2D(name=f"{name}_near", size=2)(x)
            x = layers.MaxPooling2D(name=f"{name}_most", pool_size=size, **options)(x)
            x = layers.Conv2DTranspose(
                name=f"{name}_wide", filters=4, kernel_size=size, activation="tanh", **options
            )(x)
            x = layers.Conv2D(name=f"{name}_conv", filters=4, kernel_size=size, **options)(x)
        return x


class EveryWay(EncoderDecoder):
    encoder_stack = (Ways(pool=False),)
    decoder_stack = ()


def test_what_a_position_looks_at_is_that_of_keras(page):
    """By random and trained weights, and through each kind of layer that has a gradient."""
    example = pretrained["U-Net"].architecture
    check_field(page, example, (64, 64, 1), trained="U-Net")
    check_field(page, UNet(filters=4, down_blocks=2, up_blocks=2), (64, 48, 3))
    check_field(page, AllKinds(), (8, 8, 2), "stack0_enc1_cat")
    check_field(page, ByGroups(), (8, 8, 2))
    check_field(page, EveryWay(), (16, 12, 2))


def test_every_kind_of_layer_and_window(page):
    for design in (AllKinds(), Classifier(), Circle()):
        check(page, design, (8, 8, 2))
    check(page, AllWindows(), (7, 11, 3))
    check(page, ByGroups(), (8, 8, 2))


def test_every_activation(page):
    heads = [Head(f"head{i}", channels=3, activation=each) for i, each in enumerate(ACTIVATIONS)]
    check(page, UNet(filters=2, down_blocks=1, up_blocks=0, heads=heads), (4, 4, 1))


def check_if_run(page, design, shape):
    """Hold a design against Keras, unless it has what is refused by name."""
    graph = trace(design, shape)
    if {node.layer.activation for node in graph if hasattr(node.layer, "activation")} - ACTIVATIONS:
        with pytest.raises(Refusal, match=r"activation .* isn’t run in a browser"):
            program_of(graph)
    else:
        check(page, design, shape)


def test_on_a_gpu(page_with_gpu):
    """On WebGPU, if there is one: here it is software."""
    check(page_with_gpu, AllKinds(), (8, 8, 2), "WebGPU")
    check_field(page_with_gpu, ByGroups(), (8, 8, 2), backend="WebGPU")


@given(st.data())
@settings(
    max_examples=1,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_designs_of_every_family(page, data):
    for family in FAMILIES.values():
        for _ in range(2):
            design = data.draw(family() | family().flatmap(with_heads))
            check_if_run(page, design, data.draw(shapes_for(design)))
    for _ in range(4):
        design = data.draw(listed())
        check_if_run(page, design, data.draw(shapes_for(design)))


def test_the_forward_pass_runs_in_the_page_while_there_is_no_keras(opened):  # noqa: F811
    page = opened("widget = explorer.Explorer(input_shape=(64, 64, 1))\nwidget", keras=False)
    open_tab(page, "Run and time")
    page.get_by_label("device").select_option("this browser")
    page.get_by_role("button", name="▶ Run").click()
    expect_result(page, channels=8)
    facts = page.locator(".explorer-facts > *").all_text_contents()
    facts = dict(zip(facts[::2], facts[1::2], strict=True))
    assert facts["backend"] == "TensorFlow.js 4.22.0, float32"
    assert facts["device"] == "browser (CPU, one core, WebAssembly)"
    expect(page.get_by_text("browser, forward")).to_be_visible()

    # What can't be measured here is refused by name, and another design takes the result away.
    page.get_by_label("inference or training").select_option("training step")
    page.get_by_role("button", name="▶ Run").click()
    expect(page.locator(".explorer-bad:visible")).to_contain_text("isn’t measured in this browser")
    type_number(page, "filters", 8)
    expect(page.locator(".explorer-timing")).to_have_count(0)


WITHOUT_KERAS = """
from explorer.worker.page import PageAnswerer
widget = explorer.Explorer(explorer.UNet(filters=4), (64, 64, 1))
screen = widget._panels.screen
screen.stage.choose("Feature maps")
maps = screen.views["Feature maps"]
screen.stage.choose("Receptive field")
field = screen.views["Receptive field"]
for each in (maps._asking, maps._loading, screen._examples._asking, field._gradient):
    each.worker = PageAnswerer()
screen.stage.choose("Diagram")
widget
"""


def test_feature_maps_of_random_and_of_trained_weights_without_keras(opened):  # noqa: F811
    page = opened(WITHOUT_KERAS)
    open_tab(page, "Feature maps")
    weights = page.locator(".explorer-weights")
    expect(weights).to_contain_text("random (seed 0)", timeout=PATIENCE)
    frames = page.locator(".explorer-frame img")
    expect(frames.first).to_be_visible()
    count = frames.count()
    expect(page.get_by_text("All 4 channels of")).to_be_visible()

    page.get_by_label("trained example").select_option(index=1)
    expect(weights).to_contain_text("s of training on drawn pictures", timeout=PATIENCE)
    expect(frames).not_to_have_count(count)

    open_tab(page, "Receptive field")
    effective = page.get_by_role("status").filter(has_text="of the gradient within")
    expect(effective).to_contain_text("s of training on drawn pictures", timeout=PATIENCE)
    type_number(page, "filters", 5)
    expect(effective).to_contain_text("drawn in the browser", timeout=PATIENCE)
    open_tab(page, "Feature maps")
    type_number(page, "filters", 6)
    expect(weights).to_contain_text("random (seed 0)", timeout=PATIENCE)
    expect(page.get_by_label("trained example").locator(":checked")).to_have_text("none")
