"""A profile of SLEAP's is opened, a parameter changed, and its PyTorch code run: as one story."""

import json

import attrs
import pytest

from explorer import Explorer, UNet, analyze, export, load, trace
from explorer.widget.messages import OpenText, WriteAs
from tests.keras_side.test_torch_code import check
from tests.still_worker import StillWorker

SHAPE = (64, 96, 1)
PROFILE = {
    "data": {
        "labels": {
            "skeletons": [
                {
                    "links": [],
                    "nodes": [{"id": {"py/object": "sleap.skeleton.Node", "py/state": {
                        "py/tuple": [name, 1.0]}}} for name in ("head", "thorax", "abdomen")],
                }
            ],
            "search_path_hints": [],
        },
        "preprocessing": {
            "ensure_grayscale": True,
            "ensure_rgb": False,
            "input_scaling": 0.5,
            "target_height": 128,
            "target_width": 192,
        },
    },
    "model": {
        "heads": {
            "single_instance": {
                "part_names": ["head", "thorax", "abdomen"],
                "sigma": 2.5,
                "output_stride": 2,
                "offset_refinement": False,
            },
            "centroid": None,
            "centered_instance": None,
            "multi_instance": None,
        },
        "backbone": {
            "leap": None,
            "unet": {
                "stem_stride": None,
                "max_stride": 8,
                "output_stride": 2,
                "filters": 6,
                "filters_rate": 1.5,
                "middle_block": True,
                "up_interpolate": True,
                "stacks": 1,
            },
            "hourglass": None,
            "resnet": None,
            "pretrained_encoder": None,
        },
    },
    "optimization": {"batch_size": 4, "initial_learning_rate": 0.0001},
    "name": "flies",
    "sleap_version": "1.3.4",
}  # fmt: skip
EDIT = {"up_interpolate": False}


def test_from_sleap_to_pytorch(tmp_path):
    file = tmp_path / "training_config.json"
    file.write_text(json.dumps(PROFILE), encoding="utf-8")
    loaded = load(file)
    assert loaded.missing == ()
    assert loaded.input_shape == SHAPE
    before = loaded.architecture
    assert (type(before), before.filters, [head.channels for head in before.heads]) == (
        UNet,
        6,
        [3],
    )
    after = attrs.evolve(before, **EDIT)
    assert params(after) != params(before)

    written = json.loads(export(after, "sleap", SHAPE, loaded.document))
    assert load(json.dumps(written)).architecture == after
    written["model"]["backbone"]["unet"] |= {"up_interpolate": True}
    assert written == PROFILE, "nothing else was changed"

    check([(after, loaded.input_shape)], tmp_path, lambda net, shape: export(net, "torch", shape))


@pytest.fixture
def widget(monkeypatch):
    worker = StillWorker()
    monkeypatch.setattr("explorer.worker.process.shared_worker", lambda: worker)
    widget = Explorer()
    yield widget
    assert widget._panels.problem.parts == ()
    widget.close()


def test_from_sleap_to_pytorch_on_the_screen(widget, tmp_path):
    panels = widget._panels
    panels.exchange._received(OpenText(json.dumps(PROFILE)), [])
    assert widget.input_shape == SHAPE
    assert widget.architecture == load(json.dumps(PROFILE)).architecture
    for name, value in EDIT.items():
        widget.controls[name].value = value
    assert widget.architecture == attrs.evolve(load(json.dumps(PROFILE)).architecture, **EDIT)
    panels.screen.side.choose("Code")
    view = panels.screen.side.views["Code"]
    view._chosen(WriteAs("torch"), [])
    code = view.code
    assert code.kind == "torch"
    assert f"{params(widget.architecture):,} parameters" in code.text
    check([(widget.architecture, SHAPE)], tmp_path, lambda *_: code.text)


def params(architecture):
    return analyze(trace(architecture, SHAPE)).total_params
