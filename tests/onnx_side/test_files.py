"""ONNX files are read whole or refused in a sentence, and nothing in a hostile one is followed."""

import pickle
import random
import subprocess
import sys
import tracemalloc

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import explorer
from explorer import UNet, analyze, build, export, load, trace
from explorer.core.analysis.design import Input
from explorer.core.exchange.links import SharedDesign
from explorer.core.network.errors import Refusal
from explorer.onnx_side import files as module
from explorer.onnx_side.constants import worked_out
from explorer.widget.panels.exchange import opening
from tests.onnx_side.graphs import loaded, model, node, whole
from tests.still_worker import StillWorker


def unet(**settings):
    """Return a small U-Net as PyTorch exports it."""
    nodes = [
        node("Conv", "x w0 b0", "c0", pads=[1] * 4),
        node("Relu", "c0", "a0"),
        node("MaxPool", "a0", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p w1 b1", "c1", pads=[1] * 4),
        node("Relu", "c1", "a1"),
        node("ConvTranspose", "a1 w2 b2", "u", strides=[2, 2], kernel_shape=[2, 2]),
        node("Concat", "u a0", "j", axis=1),
        node("Conv", "j w3", "y"),
    ]
    constants = {
        "w0": (4, 2, 3, 3), "b0": (4,), "w1": (8, 4, 3, 3), "b1": (8,), "w2": (8, 4, 2, 2),
        "b2": (4,), "w3": (1, 8, 1, 1),
    }  # fmt: skip
    return model(nodes, constants, **{"shape": ("n", 2, "h", "w"), **settings})


PARAMETERS = 4 * 18 + 4 + 8 * 36 + 8 + 8 * 16 + 4 + 8


def test_a_network_comes_with_its_counts_and_an_account(tmp_path):
    found = loaded(unet(), tmp_path)
    assert (found.format, found.input_shape) == ("ONNX", (None, None, 2))
    report = analyze(found.architecture.own_graph)
    assert report.total_params == PARAMETERS
    assert report.layers[0].shape == (256, 256, 2)
    assert found.architecture.fixed == found.architecture.problem == ""
    assert [entry.name for entry in found.not_read] == ["weights"]
    assert found.architecture.name == "model"
    assert "any size, 2 channels; channels first" in next(
        e.value for e in found.read if e.name == "input"
    )


def test_the_size_can_be_changed_where_the_network_takes_others(tmp_path):
    architecture = loaded(unet(), tmp_path).architecture
    assert architecture.graph_at((32, 48, 2)).outputs[0].shape == (32, 48, 1)
    with pytest.raises(Refusal, match="use 32 or 34"):
        architecture.graph_at((33, 48, 2))
    with pytest.raises(Refusal, match="channels"):
        architecture.graph_at((32, 48, 3))


def test_what_is_of_keras_own_kinds_runs_there_and_travels(tmp_path):
    architecture = loaded(unet(), tmp_path).architecture
    again = pickle.loads(pickle.dumps(architecture))
    assert again == architecture
    assert again.graph_at((32, 32, 2)).outputs[0].shape == (32, 32, 1)
    built = build(architecture, (32, 32, 2))
    assert built.count_params() == PARAMETERS
    assert built(np.zeros((1, 32, 32, 2), np.float32)).shape == (1, 32, 32, 1)
    assert "Conv2DTranspose" in export(architecture, "keras", (32, 32, 2))


def test_what_keras_has_not_says_so(tmp_path):
    made = model([node("Conv", "x w", "y", strides=[2, 2], pads=[1] * 4)], {"w": (1, 2, 3, 3)})
    architecture = loaded(made, tmp_path).architecture
    with pytest.raises(Refusal, match=r"Keras has no layers like these.*Conv 'Conv_y'"):
        build(architecture, (32, 32, 2))
    assert not architecture.fixed
    assert architecture.graph_at((32, 48, 2)).outputs[0].shape == (16, 24, 1)


def test_sizes_that_the_file_works_out_follow_the_image(tmp_path):
    nodes = [
        node("MaxPool", "x", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", "x", "s"),
        node("Slice", "s two four zero", "hw"),
        node("Concat", "nc hw", "to", axis=0),
        node("Resize", "p   to", "u", mode="nearest"),
        node("Add", "u x", "y"),
    ]
    constants = {"two": whole(2), "four": whole(4), "zero": whole(0), "nc": whole(1, 2)}
    architecture = loaded(model(nodes, constants), tmp_path).architecture
    assert architecture.own_graph.outputs[0].shape == (10, 12, 2)
    assert architecture.graph_at((64, 32, 2)).outputs[0].shape == (64, 32, 2)


def test_a_layer_can_be_there_at_some_sizes_alone(tmp_path):
    nodes = [node("Slice", "x start end axis", "part"), node("Conv", "part w", "y")]
    nodes[1].name = ""
    constants = {"start": whole(0), "end": whole(10), "axis": whole(2), "w": (3, 2, 1, 1)}
    net = loaded(model(nodes, constants), tmp_path).architecture
    assert net.fixed == ""
    for height, kinds in ((10, ["Conv2D"]), (14, ["Cropping2D", "Conv2D"])):
        graph = trace(net, (height, 12, 2))
        assert [each.kind for each in graph.nodes[1:]] == kinds
        assert graph.outputs[0].shape == (10, 12, 3)
        assert analyze(graph).total_params == 6


def test_a_size_that_is_written_into_the_file_stays(tmp_path):
    nodes = [node("Reshape", "x to", "r"), node("Gemm", "r w", "y")]
    made = model(nodes, {"to": whole(1, 240), "w": (240, 3)}, shape=(1, 2, 10, 12))
    assert "is for one size" in loaded(made, tmp_path).architecture.fixed


def test_open_channels_are_those_of_the_first_convolution(tmp_path):
    nodes = [node("Conv", "x w", "y")]
    found = loaded(model(nodes, {"w": (1, 3, 1, 1)}, shape=("n", "c", "h", "w")), tmp_path)
    assert found.architecture.own_graph.input_shape == (256, 256, 3)


def test_it_is_shown_on_screen_and_by_the_explorer(tmp_path, monkeypatch):
    worker = StillWorker()
    monkeypatch.setattr("explorer.worker.process.shared_worker", lambda: worker)
    found = loaded(unet(), tmp_path)
    shown = explorer.Explorer(found)
    assert shown.input_shape == (256, 256, 2)
    assert shown.report.total_params == PARAMETERS
    shown.close()
    content, present = unet().SerializeToString(), SharedDesign(UNet(), Input())
    opened = opening.opened("model.onnx", content, {}, present)
    assert opened.loaded.architecture == found.architecture
    assert "leaves the input’s size open" in opened.note


def test_several_inputs_and_outputs(tmp_path):
    nodes = [node("Conv", "x w", "a"), node("Relu", "a", "y"), node("Add", "a second", "z")]
    made = model(
        nodes,
        {"w": (1, 2, 1, 1)},
        shape=(1, 2, 8, 8),
        outputs="y z",
        inputs={"second": (1, 1, 8, 8)},
    )
    architecture = loaded(made, tmp_path).architecture
    assert [each.shape for each in architecture.own_graph.outputs] == [(8, 8, 1)] * 2
    assert "2 inputs" in architecture.fixed


def test_weights_that_old_files_list_among_the_inputs(tmp_path):
    made = model([node("Conv", "x w", "y")], {"w": (1, 2, 1, 1)})
    value = helper.make_tensor_value_info("w", TensorProto.FLOAT, (1, 2, 1, 1))
    made.graph.input.append(value)
    assert analyze(loaded(made, tmp_path).architecture.own_graph).total_params == 2


def test_functions_of_a_file_are_read(tmp_path):
    body = [
        helper.make_node("Conv", ["a", "k"], ["t"], pads=[1] * 4),
        helper.make_node("Relu", ["t"], ["b"]),
    ]
    opsets = [helper.make_opsetid("", 18)]
    function = helper.make_function("own", "Block", ["a", "k"], ["b"], body, opsets)
    called = helper.make_node("Block", ["x", "w"], ["y"], domain="own")
    made = model([called], {"w": (3, 2, 3, 3)}, others=("own",))
    made.functions.append(function)
    graph = loaded(made, tmp_path).architecture.own_graph
    assert [each.kind for each in graph] == ["InputLayer", "Conv2D", "Activation"]


def test_functions_that_grow_without_end_are_refused(tmp_path):
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    made = model([helper.make_node("F40", ["x"], ["y"], domain="own")], others=("own",))
    for i in range(41):
        inner = ("Relu", "") if i == 0 else (f"F{i - 1}", "own")
        body = [
            helper.make_node(inner[0], ["a"], ["t"], domain=inner[1]),
            helper.make_node(inner[0], ["t"], ["b"], domain=inner[1]),
        ]
        made.functions.append(helper.make_function("own", f"F{i}", ["a"], ["b"], body, opsets))
    with pytest.raises(Refusal, match="functions hold over"):
        loaded(made, tmp_path)
    del made.functions[:]
    body = [helper.make_node("F40", ["a"], ["b"], domain="own")]
    made.functions.append(helper.make_function("own", "F40", ["a"], ["b"], body, opsets))
    with pytest.raises(Refusal, match="functions call themselves"):
        loaded(made, tmp_path)


def test_files_beside_it_are_never_opened(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(8))
    made = model([node("Conv", "x w", "y")], {"w": (1, 2, 1, 1)})
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    report = analyze(loaded(made, tmp_path).architecture.own_graph)
    assert report.total_params == 2
    # A shape that lies in a file beside it is not known, so what needs it is refused.
    made = model([node("Reshape", "x to", "y")], {"to": whole(1, 240)}, shape=(1, 2, 10, 12))
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    with pytest.raises(Refusal, match="Reshape"):
        loaded(made, tmp_path)


def refused(made, folder, words):
    with pytest.raises(Refusal, match=words) as error:
        loaded(made, folder)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_what_can_t_be_shown_is_named(tmp_path):
    branch = helper.make_graph([helper.make_node("Identity", ["x"], ["b"])], "b", [], [])
    condition = {"c": np.array(True)}
    made = helper.make_node(
        "If", ["c"], ["y"], name="choice", then_branch=branch, else_branch=branch
    )
    refused(model([made], condition), tmp_path, "graph within a graph.*'choice'")
    refused(model([node("QuantizeLinear", "x s", "y")], {"s": ()}), tmp_path, "quantized")
    refused(model([node("Relu", "x", "y")], shape=(1, 3, 8)), tmp_path, "no images")
    refused(model([node("Relu", "x", "y")], opset=6), tmp_path, "version 6")
    refused(model([node("Relu", "other", "y")]), tmp_path, "takes 'other', which nothing")
    refused(model([node("Identity", "x", "y")]), tmp_path, "makes nothing")
    wrong = model([node("Conv", "x w", "y")], {"w": (1, 5, 3, 3)})
    refused(wrong, tmp_path, r"Conv 'Conv_y' .* makes no sense")
    huge = model([node("Resize", "x  s", "y")], {"s": np.array([1, 1, 1e9, 1e9], np.float32)})
    refused(huge, tmp_path, "Resize")
    many = [node("Relu", "x", "v0"), *(node("Relu", f"v{i}", f"v{i + 1}") for i in range(3001))]
    refused(model(many, outputs="v3001"), tmp_path, "more than 3,000 layers")
    inputs = {"e": ("n", "m")}
    refused(model([node("Relu", "x", "y")], inputs=inputs), tmp_path, "its input 'e' open")


def test_arithmetic_of_shapes_is_bounded(tmp_path):
    nodes = [
        node("ConstantOfShape", "n", "big"),
        node("Gather", "big none", "more", axis=0),
        node("Mul", "x more", "y"),
    ]
    made = model(nodes, {"n": whole(2**40), "none": whole(*range(1000))})
    with pytest.raises(Refusal):
        loaded(made, tmp_path)


@pytest.mark.parametrize("kind", ["Where", "Add"])
def test_small_constants_make_no_large_one(kind):
    few = [np.ones(shape, np.int64) for shape in [(1, 900, 1), (900, 1, 1), (1, 1, 40)]]
    values = few if kind == "Where" else few[:2]
    tracemalloc.start()
    found = worked_out(kind, values, {})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is None
    assert most < 1_000_000


def test_what_a_file_says_of_its_image_marks_no_weights(tmp_path):
    made = unet()
    made.graph.input[0].doc_string = "weights"
    assert loaded(made, tmp_path).format == "ONNX"


def test_files_that_are_none(tmp_path, monkeypatch):
    path = tmp_path / "a.onnx"
    contents = [b"", b"text", b"\x08", b"\x08\x08" + b"\xff" * 100, pickle.dumps([1]), bytes(1000)]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(Refusal, match=r"'a\.onnx'.*no ONNX file"):
            load(path)
    path.write_bytes(unet().SerializeToString())
    assert load(path).format == "ONNX"
    path.rename(tmp_path / "b")  # it is told by its content, too
    assert load(tmp_path / "b").format == "ONNX"
    monkeypatch.setattr(module, "LARGEST", 100)
    with pytest.raises(Refusal, match="at most 100 B"):
        load(tmp_path / "b")


def test_without_the_package_it_says_how_to_install_it(tmp_path):
    (tmp_path / "a.onnx").write_bytes(unet().SerializeToString())
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "import explorer\n"
        "assert 'explorer.onnx_side' not in sys.modules\n"
        f"try: explorer.load({str(tmp_path / 'a.onnx')!r})\n"
        "except ValueError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'explorer[onnx]'" in told.stdout


def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path):
    content = unet(shape=(1, 2, 16, 16)).SerializeToString()
    drawn = random.Random(0)
    path = tmp_path / "a.onnx"
    outcomes, told = {"read": 0, "refused": 0}, []
    for i in range(300):
        damaged = bytearray(content)
        if i % 10 == 0:
            del damaged[drawn.randrange(len(damaged)) :]
        for _ in range(drawn.randint(1, 8)):
            if damaged:
                # Weights are most of a file: damage to what tells the layers is what matters.
                place = drawn.randrange(len(damaged) if i % 3 else min(900, len(damaged)))
                damaged[place] = drawn.randrange(256)
        path.write_bytes(damaged)
        try:
            found = load(path)
            analyze(found.architecture.own_graph)
            outcomes["read"] += 1
        except Refusal as error:
            told.append(str(error))
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20
    assert not any("\n" in sentence for sentence in told)


def test_each_field_changed_at_random_is_read_or_refused_in_a_sentence(tmp_path):
    drawn = random.Random(1)
    numbers = [-1, 0, 1, 2, 3, 7, 2**31, -(2**40), 2**62]
    outcomes, told = {"read": 0, "refused": 0}, []
    for _ in range(300):
        made = unet(shape=(1, 2, 16, 16))
        chosen = drawn.choice(made.graph.node)
        match drawn.randrange(5):
            case 0 if chosen.attribute:
                attribute = drawn.choice(chosen.attribute)
                if attribute.ints:
                    attribute.ints[drawn.randrange(len(attribute.ints))] = drawn.choice(numbers)
                else:
                    attribute.i = drawn.choice(numbers)
            case 1:
                chosen.input[drawn.randrange(len(chosen.input))] = drawn.choice(
                    ["", "x", "w1", "c0"]
                )
            case 2:
                kinds = [
                    "Conv",
                    "Reshape",
                    "Pad",
                    "Split",
                    "Tile",
                    "Gemm",
                    "Softmax",
                    "Odd",
                    "Slice",
                ]
                chosen.op_type = drawn.choice(kinds)
            case 3:
                tensor = drawn.choice(made.graph.initializer)
                tensor.dims[drawn.randrange(len(tensor.dims))] = drawn.choice(numbers)
            case _:
                sizes = made.graph.input[0].type.tensor_type.shape.dim
                drawn.choice(sizes).dim_value = drawn.choice(numbers)
        (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
        try:
            analyze(load(tmp_path / "a.onnx").architecture.own_graph)
            outcomes["read"] += 1
        except Refusal as error:
            told.append(str(error))
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20
    assert not any("\n" in sentence for sentence in told)


def test_nothing_but_the_type_of_weights_travels(tmp_path):
    made = model([node("Conv", "x w", "y")], {"w": (64, 2, 9, 9)})
    content = made.SerializeToString()
    architecture = loaded(made, tmp_path).architecture
    assert len(architecture.remake.stripped) < 1_000 < len(content)
    assert onnx.load_model_from_string(architecture.remake.stripped).graph.node
