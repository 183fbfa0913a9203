"""The explorer of a Keras model of the user's, or of a graph."""

import keras
import pytest

import explorer.worker.process
from explorer import Explorer, ReadModel, UNet, analyze, build, load, presets, read, trace
from explorer.core.asking.failures import WorkerDied
from explorer.core.asking.questions import ReadAt
from explorer.core.network.errors import Refusal
from explorer.widget.messages import TakeRemedy
from tests.said import is_refused, note_of, said
from tests.still_worker import StillWorker


@pytest.fixture(autouse=True)
def worker(monkeypatch) -> StillWorker:
    made = StillWorker()
    monkeypatch.setattr(explorer.worker.process, "shared_worker", lambda: made)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 0.001)
    return made


def model_to_show() -> keras.Model:
    return build(UNet(filters=2, down_blocks=2, up_blocks=2), (32, 48, 3))


@pytest.mark.parametrize("kind", ["model", "read", "graph"])
def test_a_model_or_graph_is_shown_as_it_is(kind):
    model = model_to_show()
    shown = {"model": model, "read": read(model), "graph": trace(UNet(filters=2), (32, 48, 3))}[
        kind
    ]

    explorer = Explorer(shown)

    assert isinstance(explorer.architecture, ReadModel)
    assert explorer.input_shape == (32, 48, 3)
    assert explorer.report.total_params == analyze(explorer.graph).total_params
    if kind == "graph":
        assert explorer.graph is shown
        assert explorer.model.count_params() == explorer.report.total_params
    else:
        assert explorer.model is model
        assert explorer.report.total_params == model.count_params()
    for tabs in (explorer._panels.screen.stage, explorer._panels.screen.side):
        for title in tabs.titles:
            tabs.choose(title)
        assert not said(explorer._panels.problem)
    explorer.close()


@pytest.mark.parametrize("is_foreign", [False, True])
def test_a_model_from_a_file_is_shown_in_every_view(tmp_path, is_foreign):
    image = keras.Input((32, 48, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="first")(image)
    if is_foreign:
        x = keras.layers.Lambda(lambda values: values[:, ::2, ::2], name="code")(x)
    keras.Model(image, keras.layers.Conv2D(2, 3, name="last")(x)).save(tmp_path / "a.keras")
    given = load(tmp_path / "a.keras").architecture

    explorer = Explorer(given)

    assert explorer.input_shape == (32, 48, 3)
    assert explorer.report.total_params == (27 * 4 + 4) + (36 * 2 + 2)
    for tabs in (explorer._panels.screen.stage, explorer._panels.screen.side):
        for title in tabs.titles:
            tabs.choose(title)
            assert not said(explorer._panels.problem)
    for name in ("height", "width", "channels"):
        control = explorer._panels.parameters.input_form.controls[name]
        is_fixed = is_foreign or name == "channels"
        assert control._inputs[-1].disabled == is_fixed
    if is_foreign:
        with pytest.raises(ValueError, match="Lambda 'code'"):
            _ = explorer.model
    else:
        assert explorer.model is given.model
        assert explorer.report.receptive_field == (5, 5)
    explorer.close()


def test_the_size_of_a_model_can_be_changed_and_its_weights_stay():
    model = model_to_show()
    explorer = Explorer(model)

    explorer._panels.parameters.input_form.controls["height"]._inputs[-1].value = 64

    assert explorer.input_shape == (64, 48, 3)
    assert explorer.model.inputs[0].shape == (None, 64, 48, 3)
    for own, other in zip(model.get_weights(), explorer.model.get_weights(), strict=True):
        assert (own == other).all()

    explorer._panels.parameters.input_form.controls["height"]._inputs[-1].value = 65
    assert "use 64 or 68" in explorer._panels.refusal.text
    assert is_refused(explorer._panels.parameters.input_form.controls["height"])
    assert explorer._panels.refusal.remedies == ("Set height to 64", "Set height to 68")
    assert explorer.input_shape == (64, 48, 3)
    explorer.close()


def test_controls_that_a_model_does_not_have_are_inactive_with_the_reason():
    image = keras.Input((32, 32, 3))
    flat = keras.layers.Flatten()(image)
    explorer = Explorer(keras.Model(image, keras.layers.Dense(2, name="top")(flat)))

    for name, reason in (
        ("height", "'top' has weights for that size"),
        ("channels", "3"),
    ):
        control = explorer._panels.parameters.input_form.controls[name]
        assert all(made.disabled for made in control._inputs)
        assert reason in note_of(control)
    assert not explorer._panels.parameters.input_form.controls["batch_size"]._inputs[-1].disabled
    explorer._panels.blocks.head.folded = False
    assert "no blocks that can be edited" in said(explorer._panels.blocks._place.children[0])
    explorer.close()


def test_from_a_model_to_a_preset_and_back():
    explorer = Explorer(model_to_show())
    given = explorer.architecture

    explorer._panels.family.value = "U-Net (small)"
    assert explorer.architecture == presets["U-Net (small)"]
    assert not explorer._panels.parameters.input_form.controls["channels"]._inputs[-1].disabled
    explorer._panels.blocks.head.folded = False
    assert explorer._panels.blocks._editor.widget in explorer._panels.blocks._place.children

    explorer._panels.history._on_move(-1, True)
    assert explorer.architecture == given
    explorer._panels.family.value = "U-Net (small)"
    explorer._panels.family.value = "unet (as given)"
    assert explorer.architecture == given
    assert explorer.input_shape == (32, 48, 3)
    explorer.close()


def test_a_model_can_be_assigned():
    explorer = Explorer()
    model = model_to_show()

    explorer.architecture = model

    assert explorer.model is model
    assert explorer.input_shape == (32, 48, 3)
    explorer.close()


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("tf_keras.src.engine.functional", "Net, a model of tf_keras"),
        ("torch.nn.modules.container", "Net, a PyTorch module"),
        ("somewhere", "of the class Net"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence_that_says_what_can(module, sentence):
    value = type("Net", (), {"__module__": module})()

    with pytest.raises(TypeError, match="functional or sequential model of Keras 3") as error:
        Explorer(value)

    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [UNet, "model.keras", 3])
def test_values_of_other_types_are_refused(value):
    with pytest.raises(TypeError, match="Explorer can't show"):
        Explorer(value)


def model_without_rule() -> keras.Model:
    """A model that takes even sizes, with a layer whose shape is Keras' to say."""
    image = keras.Input((32, 48, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="first")(image)
    half = keras.layers.MaxPooling2D(name="half")(x)
    whole = keras.layers.UpSampling2D(name="whole")(half)
    both = keras.layers.Add(name="both")([x, whole])
    return keras.Model(image, keras.layers.RandomRotation(0.1, name="rotated")(both))


@pytest.fixture
def without_keras(monkeypatch):
    """Pretend that this process has not imported Keras."""
    monkeypatch.setattr("explorer.core.network.hooks.by_keras.is_imported", lambda: False)


def shown_without_rule(tmp_path):
    model_without_rule().save(tmp_path / "a.keras")
    return Explorer(load(tmp_path / "a.keras"))


def set_size(explorer, name, value):
    explorer._panels.parameters.input_form.controls[name]._inputs[-1].value = value


def sizes_asked(worker):
    return [each[1] for each in worker.requests if isinstance(each[1], ReadAt)]


def answer_last(worker):
    worker.requests[:] = [each for each in worker.requests if isinstance(each[1], ReadAt)]
    worker.answer()


def test_a_size_that_keras_has_to_say_is_asked_of_its_process(
    tmp_path, worker, without_keras, monkeypatch
):
    explorer = shown_without_rule(tmp_path)
    set_size(explorer, "height", 64)
    assert sizes_asked(worker)[-1].input_shape == (64, 48, 3)
    assert explorer.input_shape == (32, 48, 3)
    refusal = explorer._panels.refusal
    assert refusal.is_waiting
    assert refusal.text == "Reading the model at 64 × 48 × 3 …"

    answer_last(worker)
    assert explorer.input_shape == (64, 48, 3)
    assert explorer.graph["rotated"].shape == (64, 48, 4)
    assert (refusal.text, refusal.is_waiting) == ("", False)
    explorer._panels._actions.go(-1, True)
    explorer._panels._actions.go(1, True)
    assert explorer.input_shape == (64, 48, 3)
    assert len(sizes_asked(worker)) == 1

    set_size(explorer, "height", 65)
    answer_last(worker)
    monkeypatch.setattr("explorer.core.network.hooks.by_keras.read_again", None)
    assert refusal.remedies == ("Set height to 64", "Set height to 66")
    explorer._panels.refusal._chosen(TakeRemedy("Set height to 66"), None)
    assert explorer.input_shape == (66, 48, 3)
    explorer.close()


def test_a_size_that_is_asked_for_is_taken_back_or_overtaken(tmp_path, worker, without_keras):
    explorer = shown_without_rule(tmp_path)
    set_size(explorer, "height", 64)
    ((_, _, done, failed),) = (each for each in worker.requests if isinstance(each[1], ReadAt))
    explorer._panels._actions.go(-1, True)
    assert explorer._panels.parameters.input_form.controls["height"].value == 32
    assert explorer._panels.refusal.text == ""
    done({})
    failed(ValueError("late"))
    assert (explorer.input_shape, explorer._panels.refusal.text) == ((32, 48, 3), "")

    set_size(explorer, "width", 64)
    worker.requests[-1][3](WorkerDied("The Keras process crashed."))
    assert "The Keras process crashed. Changing the size again" in explorer._panels.refusal.text
    assert explorer.input_shape == (32, 48, 3)
    set_size(explorer, "width", 80)
    answer_last(worker)
    assert explorer.input_shape == (32, 80, 3)
    explorer.close()


def test_a_process_that_cannot_be_started_is_told_of(tmp_path, worker, without_keras, monkeypatch):
    explorer = shown_without_rule(tmp_path)
    refuse = lambda owner, work, done, failed: failed(Refusal("It cannot be started."))  # noqa: E731
    monkeypatch.setattr(worker, "submit", refuse)
    set_size(explorer, "height", 64)
    assert "It cannot be started." in explorer._panels.refusal.text
    assert not explorer._panels.refusal.is_waiting
    explorer.close()
