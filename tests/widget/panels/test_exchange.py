"""The design is saved and shared, and others are opened, from the top bar."""

import json
import re
from pathlib import Path

import attrs
import pytest

from explorer import Budget, Explorer, Head, ReadModel, UNet, export, presets, to_json, trace
from explorer.core.analysis.design import Design, Input
from explorer.core.asking.failures import WorkerDied
from explorer.core.asking.keras_file import KerasFile
from explorer.core.asking.questions import ReadFile, SaveFile
from explorer.core.asking.weights import Weights
from explorer.core.exchange.exporting import WITH_WEIGHTS, WRITERS
from explorer.core.exchange.links import SharedDesign, from_link, to_link
from explorer.core.exchange.loaded import Answers, Entry, Loaded, LoadedThere
from explorer.core.network.errors import Refusal
from explorer.widget.messages import (
    Answer,
    CloseAccount,
    Configure,
    FilePart,
    OpenText,
    Question,
    SaveAs,
    SavedFile,
    Share,
)
from explorer.widget.panels.exchange import opening
from explorer.widget.panels.exchange.saving import NAMES
from tests.core.exchange.test_nnunet import NEW, VOLUME, plans
from tests.said import said
from tests.still_worker import StillWorker

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
OTHER = UNet(filters=4, down_blocks=3, up_blocks=3)


class Page:
    """The browser's half: sends messages, and keeps what comes."""

    def __init__(self, explorer):
        self.explorer = explorer
        self.panel = explorer._panels.exchange
        self.files = []
        self.panel.send_message = lambda message, buffers: self.files.append((message, buffers))

    def send(self, message, buffers=()):
        self.panel._received(message, list(map(memoryview, buffers)))

    def open(self, content, name="design.json", part=400):
        data = content if isinstance(content, bytes) else content.encode()
        pieces = [data[at : at + part] for at in range(0, len(data), part)] or [b""]
        for at, piece in enumerate(pieces):
            self.send(FilePart(name, at, len(pieces)), [piece])


@pytest.fixture
def worker(monkeypatch):
    worker = StillWorker()
    monkeypatch.setattr("explorer.worker.process.shared_worker", lambda: worker)
    return worker


@pytest.fixture
def page(worker):
    explorer = Explorer(SMALL, (64, 64, 1))
    yield Page(explorer)
    assert explorer._panels.problem.parts == ()
    explorer.close()


def undo(page):
    page.explorer._panels._actions.go(-1, True)


def test_the_link_is_that_of_what_is_on_screen(page):
    assert page.panel.link == ""
    page.send(Share(True))
    assert page.panel.link == page.explorer.link
    page.explorer.architecture = OTHER
    page.send(Share(True))
    assert from_link(page.panel.link).architecture == OTHER
    assert page.panel.about_link == ""


def test_a_model_has_no_link_and_that_is_said(page):
    page.explorer.architecture = ReadModel.of(trace(SMALL, (64, 64, 1)))
    page.send(Share(True))
    assert page.panel.link == ""
    assert "model.save()" in page.panel.about_link


def test_every_kind_of_file_is_offered_and_saved(page):
    page.send(Share(True))
    offered = {kind.kind: kind.label for kind in page.panel.kinds}
    assert offered.keys() == NAMES.keys() < WRITERS.keys()
    assert {kind.kind for kind in page.panel.kinds if kind.has_weights} == set(WITH_WEIGHTS)
    for kind in ("json", "keras", "torch", "csv", "markdown", "latex", "methods", "bibtex"):
        page.send(SaveAs(kind))
        message, (content,) = page.files.pop()
        assert message == SavedFile(f"UNet.{NAMES[kind][1]}", "text/plain;charset=utf-8")
        assert content.decode() == export(SMALL, kind, (64, 64, 1))
    assert page.panel.problem == ""


def test_what_cannot_be_saved_is_said_in_a_sentence(page):
    page.send(SaveAs("docx"))
    assert "'docx' is no kind" in page.panel.problem
    page.explorer.architecture = ReadModel.of(trace(SMALL, (64, 64, 1)))
    page.send(SaveAs("json"))
    assert page.panel.problem.startswith("<ReadModel 'UNet' of (64, 64, 1)> can't be written")
    page.send(SaveAs("csv"))
    assert page.panel.problem == ""
    assert len(page.files) == 1


FILE = KerasFile(b"x" * 2_000_000, Weights(seed=3, layers=5))


def asked_files(worker):
    return [work for _, work, *_ in worker.requests if isinstance(work, SaveFile)]


def finish(worker, result):
    """Give the last question for a file its answer, or an error."""
    *_, (_, _, done, failed) = [each for each in worker.requests if isinstance(each[1], SaveFile)]
    (failed if isinstance(result, Exception) else done)(result)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("keras-file", "UNet.keras"), ("weights", "UNet.weights.h5"), ("onnx", "UNet.onnx")],
)
def test_a_file_with_weights_comes_from_keras_whatever_is_on_screen_by_then(
    page, worker, kind, name
):
    page.send(SaveAs(kind))
    assert asked_files(worker) == [SaveFile(SMALL, (64, 64, 1), kind)]
    assert said(page.panel.saving) == f"[busy] Saving {name} …"
    assert page.files == []
    page.explorer.architecture = OTHER

    finish(worker, FILE)
    assert page.files == [(SavedFile(name, "application/octet-stream"), [FILE.content])]
    assert said(page.panel.saving) == f"[good] {name}: 1.91 MiB\nweights: random (seed 3)"
    page.send(Share(True))
    assert page.panel.saving == ()


def test_one_file_with_weights_is_made_at_a_time(page, worker):
    page.send(SaveAs("weights"))
    page.send(SaveAs("onnx"))
    assert [each.kind for each in asked_files(worker)] == ["weights"]
    page.send(SaveAs("json"))
    assert len(page.files) == 1
    assert page.panel.saving[0].mark == "busy"
    finish(worker, FILE)
    page.send(SaveAs("onnx"))
    assert [each.kind for each in asked_files(worker)] == ["weights", "onnx"]


def test_why_keras_cannot_save_it_is_said_until_the_next_file(page, worker):
    page.send(SaveAs("onnx"))
    finish(worker, ImportError("ONNX needs packages of its own: pip install 'explorer[onnx]'."))
    page.send(Share(True))
    assert "[bad] ONNX needs packages" in said(page.panel.saving)
    page.send(SaveAs("weights"))
    finish(worker, WorkerDied("The Keras process crashed."))
    assert "crashed. Saving again starts it again" in said(page.panel.saving)
    assert page.files == []
    page.send(SaveAs("weights"))
    assert page.panel.saving[0].mark == "busy"


def test_a_closed_explorer_saves_nothing(page, worker):
    page.send(SaveAs("weights"))
    page.explorer.close()
    finish(worker, FILE)
    assert page.files == []


@pytest.mark.parametrize("how", ["text", "file"])
def test_json_is_opened_and_undo_brings_the_old_design_back(page, how):
    text = to_json(OTHER)
    if how == "text":
        page.send(OpenText(text))
    else:
        page.open(text)
    assert page.explorer.architecture == OTHER
    assert page.explorer.input_shape == (64, 64, 1)
    step = page.explorer._state.history.steps[-1].label
    assert step == ("opened the text" if how == "text" else "opened design.json")
    assert page.panel.account[0].mark == "good"
    assert page.panel.problem == ""
    undo(page)
    assert page.explorer.architecture == SMALL


def test_a_link_brings_all_that_it_holds(page):
    shared = SharedDesign(OTHER, Input(128, 96, 3, 4), "block-stack0_enc1", Design(SMALL))
    page.send(OpenText(f"https://example.org/{to_link(shared)}"))
    explorer = page.explorer
    assert explorer.architecture == OTHER
    assert (explorer.input_shape, explorer.batch_size) == ((128, 96, 3), 4)
    assert explorer._panels.screen.scene.selected == "block-stack0_enc1"
    assert explorer._panels.screen.a == Design(SMALL)
    assert "0 not" in said(page.panel.account)
    undo(page)
    assert (explorer.architecture, explorer.batch_size) == (SMALL, 1)


def test_the_users_own_pinned_design_stays(page):
    page.explorer._panels.screen.pin(Design(OTHER))
    shared = SharedDesign(OTHER, pinned=Design(SMALL))
    page.send(OpenText(to_link(shared)))
    assert page.explorer._panels.screen.a == Design(OTHER)
    assert "another design is pinned" in said(page.panel.account)


@pytest.mark.parametrize("is_link", [True, False])
def test_budgets_are_shown_and_the_users_own_stay(page, is_link):
    limits = Budget("memory", at_most=2 * 10**9), Budget("parameters", at_most=10**5)
    shared = SharedDesign(OTHER, budgets=limits)
    text = to_link(shared) if is_link else to_json(OTHER, limits)
    page.send(OpenText(text))
    assert page.explorer.budgets == limits
    assert "at most 1.86 GiB of memory" in said(page.panel.account)

    page.explorer.budgets = limits[1:]
    page.send(OpenText(text))
    assert page.explorer.budgets == limits[1:]
    assert "other budgets are set: remove them" in said(page.panel.account)
    page.send(OpenText(to_json(SMALL)))
    assert page.explorer.budgets == limits[1:]


def test_budgets_are_saved_with_the_design(page):
    page.explorer.budgets = [Budget("parameters", at_most=10**5)]
    page.send(SaveAs("json"))
    [(_, [content])] = page.files
    page.explorer.budgets = ()
    page.open(content)
    assert page.explorer.budgets == (Budget("parameters", at_most=10**5),)


def test_a_size_that_does_not_fit_is_made_the_next_that_does(page):
    page.explorer.input_shape = (36, 64, 1)
    page.send(OpenText(to_json(OTHER)))
    assert page.explorer.input_shape == (40, 64, 1)
    assert "40 × 64 × 1" in said(page.panel.account)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"nonsense", "describes no network"),
        (b'{"class": "UNet", "filters": 0}', r"filters=0 is too small"),
        (b'{"class": "UNot"}', "'UNot' is unknown"),
        (b"\x89PNG\r\n", "a PNG picture"),
        (b"\x80\x04\x95", "a pickle"),
        (b"#design=eJxx&v=1", "damaged or cut off"),
        (b"#design=eJxx&v=7", "version 7"),
        (b"{" * 99_999, "deep"),
        (to_link(SharedDesign(SMALL, Input(63, 64))).encode(), "63"),
        (to_link(SharedDesign(SMALL, pinned=Design(SMALL, Input(63, 64)))).encode(), "63"),
    ],
)
def test_what_cannot_be_opened_is_said_and_nothing_is_lost(page, content, told):
    page.send(OpenText(to_json(OTHER)))
    account, steps = page.panel.account, page.explorer._state.history.steps
    page.open(content, "../../etc/some file.bin")
    assert re.search(told, page.panel.problem)
    assert len(page.panel.problem) < 600
    assert page.explorer.architecture == OTHER
    assert page.explorer._state.history.steps == steps
    assert page.panel.account == account


def test_a_file_is_kept_within_its_folder(page, monkeypatch):
    seen = []

    def load(path, **answers):
        seen.append((path, path.read_bytes()))
        raise Refusal("no")

    monkeypatch.setattr(opening, "load", load)
    for name in ("../../up.json", "/abs/olute.json", r"C:\\dir\\win.json", "", ".."):
        page.open("{}", name)
    assert page.panel.problem == "no"
    assert [path.name for path, _ in seen] == [
        "up.json",
        "olute.json",
        "win.json",
        "the text",
        "the text",
    ]
    assert all(not path.exists() for path, _ in seen)


SLEAP_FILE = json.dumps(
    {
        "model": {
            "backbone": {"unet": {"filters": 8, "max_stride": 16, "output_stride": 1}},
            "heads": {"single_instance": {"part_names": None}},
        }
    }
)


def test_an_answer_keeps_what_was_edited_since(page):
    page.open(SLEAP_FILE, "fly.json")
    page.explorer.architecture = attrs.evolve(page.explorer.architecture, filters=11)
    page.send(Answer({"parts": 13}))
    assert page.panel.problem == ""
    assert page.explorer.architecture.filters == 11
    assert page.explorer.architecture.heads[0].channels == 13
    assert "stays" in said(page.panel.account)


def test_an_answer_does_not_replace_another_architecture(page):
    page.open(SLEAP_FILE, "fly.json")
    page.explorer.architecture = presets["LEAP CNN"]
    page.send(Answer({"parts": 13}))
    assert "open the file again" in page.panel.problem
    assert page.explorer.architecture == presets["LEAP CNN"]
    page.send(Share(True))
    assert all("with the rest of" not in kind.label for kind in page.panel.kinds)


def test_an_answer_to_what_was_closed_is_ignored(page):
    page.open(SLEAP_FILE, "fly.json")
    page.send(CloseAccount(True))
    page.send(Answer({"parts": 13}))
    assert page.panel.problem == ""


def test_what_a_file_leaves_open_is_asked_for(page, monkeypatch):
    def load(path, **given):
        answers = Answers(**given)
        heads = (Head("parts", channels=answers.parts),) if answers.parts else ()
        missing = tuple(name for name in ("channels", "parts") if getattr(answers, name) is None)
        net = UNet(filters=4, down_blocks=3, up_blocks=3, heads=heads)
        entries = (Entry("a.filters", 4), Entry("a.norm", {"x": 1}, "there is no such norm here"))
        document = json.loads(path.read_text())
        return Loaded(net, (128, 128, answers.channels), "SLEAP", entries, missing, document)

    monkeypatch.setattr(opening, "load", load)
    page.open("{}", "fly.json")
    assert page.panel.questions == (
        Question("parts", "body parts"),
        Question("channels", "channels of an image"),
    )
    assert page.explorer.input_shape == (128, 128, 1)
    text = said(page.panel.account)
    assert "SLEAP: 1 field read, 1 not" in text
    assert 'a.norm {"x": 1} – there is no such norm here' in text
    page.send(Answer({"parts": 13}))
    assert page.explorer.architecture.heads[0].channels == 13
    assert [question.name for question in page.panel.questions] == ["channels"]
    page.send(Answer({"channels": 3}))
    assert page.explorer.input_shape == (128, 128, 3)
    assert page.explorer.architecture.heads[0].channels == 13
    assert page.panel.questions == ()

    page.send(Share(True))
    assert "SLEAP JSON, with the rest of fly.json" in {kind.label for kind in page.panel.kinds}
    page.send(CloseAccount(True))
    assert (page.panel.account, page.panel.questions) == ((), ())
    assert page.explorer.architecture.heads[0].channels == 13


def test_another_configuration_of_plans_is_chosen(page):
    small = {"inherits_from": "2d", "patch_size": [256, 128]}
    page.open(json.dumps(plans(NEW, volume=VOLUME, small=small)), "plans.json")
    assert page.panel.configuration == "2d"
    assert [each.name for each in page.panel.configurations] == [
        "2d",
        "3d_fullres",
        "volume",
        "small",
    ]
    assert "3 axes" in page.panel.configurations[2].because
    assert "nnU-Net plans, 2d: " in said(page.panel.account)
    page.send(Answer({"classes": 3}))

    page.explorer.architecture = attrs.evolve(page.explorer.architecture, filters=8)
    page.send(Configure("small"))
    assert page.panel.problem == ""
    assert page.panel.configuration == "small"
    assert "nnU-Net plans, small: " in said(page.panel.account)
    assert page.explorer.input_shape == (256, 128, 1)
    assert page.explorer.architecture.filters == 32  # it is read again
    assert page.explorer.architecture.heads[0].channels == 3
    assert page.explorer._state.history.steps[-1].label == "opened plans.json, small"
    page.explorer.architecture = attrs.evolve(page.explorer.architecture, filters=8)
    page.send(Answer({"channels": 4}))
    assert page.explorer.input_shape == (256, 128, 4)
    assert page.explorer.architecture.filters == 8

    page.send(Configure("volume"))
    assert "configurations.volume is for patches of 3 axes" in page.panel.problem
    assert page.panel.configuration == "small"
    assert page.explorer.input_shape == (256, 128, 4)
    page.send(CloseAccount(True))
    assert (page.panel.configuration, page.panel.configurations) == ("", ())
    page.send(Configure("2d"))
    assert page.explorer.input_shape == (256, 128, 4)


def test_fields_of_one_place_are_told_beneath_it(page):
    page.open(json.dumps({"configurations": {"2d": NEW, "3d": VOLUME}}), "plans.json")
    place = "configurations.2d.architecture.arch_kwargs"
    (read,) = (each for each in page.panel.account if getattr(each, "title", "") == "Read")
    (at,) = (i for i, each in enumerate(read.parts) if said((each,)) == place)
    names = [runs[0].text for runs in read.parts[at + 1].items]
    assert "features_per_stage" in names
    assert said(page.panel.account).splitlines().count(place) == 1
    told = [runs[0].text for each in read.parts if hasattr(each, "items") for runs in each.items]
    assert len(told) == len(page.panel._opened.loaded.read)


def test_files_without_configurations_offer_none(page):
    page.open(SLEAP_FILE, "fly.json")
    assert page.panel.configurations == ()
    one = {"configurations": {"2d": NEW}}
    page.open(json.dumps(one), "plans.json")
    assert (page.panel.configuration, page.panel.configurations) == ("2d", ())


MODEL = b"PK\x03\x04 as zip archives begin"


def asked_to_read(worker):
    return [each for each in worker.requests if isinstance(each[1], ReadFile)]


def read_there(net=OTHER):
    graph = trace(net, (32, 32, 1))
    model = attrs.evolve(ReadModel.of(graph), own_graph=None)
    return LoadedThere(Loaded(model, (32, 32, 1), "Keras", (Entry("layers", "9"),)), graph)


def test_a_file_of_keras_is_read_by_the_keras_process_while_edits_are_answered(page, worker):
    page.open(MODEL, "../up/net.keras")
    ((_, question, done, _),) = asked_to_read(worker)
    path = Path(question.path)
    assert (path.name, path.read_bytes(), question.answers) == ("net.keras", MODEL, ())
    assert said(page.panel.reading) == "[busy] Reading ../up/net.keras …"
    page.explorer.architecture = attrs.evolve(SMALL, filters=7)
    assert page.explorer.report.total_params > 0

    done(read_there())
    assert page.panel.reading == ()
    assert isinstance(page.explorer.architecture, ReadModel)
    assert page.explorer.input_shape == (32, 32, 1)
    assert "Keras: 1 field read" in said(page.panel.account)
    undo(page)
    assert page.explorer.architecture.filters == 7


@pytest.mark.parametrize(
    ("name", "content"), [("net.onnx", b"\x12 as no file begins"), ("net.bin", b"\x08\x07\x12")]
)
def test_a_network_of_onnx_is_read_there_too(page, worker, name, content):
    page.open(content, name)
    ((_, question, done, _),) = asked_to_read(worker)
    assert (Path(question.path).name, question.is_pasted) == (name, False)
    done(read_there())
    assert page.explorer.input_shape == (32, 32, 1)


def test_why_keras_cannot_read_it_is_said_and_nothing_is_lost(page, worker):
    for error in (Refusal("net.keras is broken."), WorkerDied("The Keras process crashed.")):
        page.open(MODEL, "net.keras")
        *_, failed = asked_to_read(worker)[-1]
        failed(error)
        assert page.panel.problem.startswith(str(error))
        assert page.panel.reading == ()
        assert page.explorer.architecture == SMALL
    assert "Opening the file again" in page.panel.problem


@pytest.mark.parametrize("meanwhile", ["another", "a model", "closed", "explorer closed"])
def test_what_is_read_no_longer_counts_once_something_else_is_opened(page, worker, meanwhile):
    page.open(MODEL, "net.keras")
    ((_, _, done, failed),) = asked_to_read(worker)
    if meanwhile == "another":
        page.open(to_json(OTHER))
    elif meanwhile == "a model":
        page.open(MODEL, "other.keras")
    elif meanwhile == "closed":
        page.send(CloseAccount(True))
    else:
        page.explorer.close()
    shown = page.explorer.architecture
    done(read_there(presets["LEAP CNN"]))
    failed(Refusal("late"))
    assert page.explorer.architecture == shown
    assert page.panel.problem == ""
    assert worker.cancelled or meanwhile == "a model"
    if meanwhile != "explorer closed":
        assert bool(page.panel.reading) is (meanwhile == "a model")


def test_json_of_a_model_is_for_keras_and_what_it_leaves_open_is_asked_for(page, worker):
    page.send(OpenText('{"class_name": "Functional", "config": {}}'))
    ((_, question, done, _),) = asked_to_read(worker)
    assert question.is_pasted
    read = read_there()
    done(attrs.evolve(read, loaded=attrs.evolve(read.loaded, missing=("channels",))))
    assert [each.name for each in page.panel.questions] == ["channels"]
    page.send(Answer({"channels": 3}))
    assert asked_to_read(worker)[-1][1].answers == (("channels", 3),)


@pytest.mark.parametrize("name", ["😀" * 200 + ".json", "a\0b.json", "a\ud800.json", "x" * 999])
def test_any_name_of_a_file_will_do(page, name):
    page.open(to_json(OTHER), name)
    assert page.panel.problem == ""
    assert page.explorer.architecture == OTHER
    page.open("{}", name)
    assert "describes no network" in page.panel.problem
