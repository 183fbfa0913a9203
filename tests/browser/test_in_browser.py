"""Networks that the page runs: they compute what Keras does, and their times come on screen."""

import base64
import shutil

import attrs
import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect

from explorer import Head, UNet, build, trace
from explorer.core.asking.program import ACTIVATIONS, program_of
from explorer.core.network.errors import Refusal
from explorer.widget.panels.keras.in_browser import RUNNER_CODE
from tests.browser.conftest import BROWSERS
from tests.browser.test_explorer import expect_result, open_tab, opened, type_number  # noqa: F401
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
    question.weights = question.weights.map(floats);
    question.image = floats(question.image);
    const answer = await globalThis.asked(question);
    if (answer.error) return answer;
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
    code = [base64.b64encode(file.read_bytes()).decode() for file in RUNNER_CODE]
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
    expect(page.get_by_text("browser, median")).to_be_visible()

    # What can't be measured here is refused by name, and another design takes the result away.
    page.get_by_label("inference or training").select_option("training step")
    page.get_by_role("button", name="▶ Run").click()
    expect(page.locator(".explorer-bad:visible")).to_contain_text("isn’t measured in this browser")
    type_number(page, "filters", 8)
    expect(page.locator(".explorer-timing")).to_have_count(0)
