import threading
from math import prod
from pathlib import Path

import attrs
import pytest

import explorer.worker.process
from explorer import (
    Custom,
    Explorer,
    Hourglass,
    ResidualHourglass,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    pretrained,
    trace,
)
from explorer.core.analysis.design import Design, Input
from explorer.core.asking.failures import NoKeras, WorkerDied
from explorer.core.asking.feature_maps import Channel, FeatureMap, LayerChannels
from explorer.core.asking.feature_maps import FeatureMaps as Maps
from explorer.core.asking.questions import DrawWeights, Features, LoadWeights, UsePretrained
from explorer.core.asking.weights import Weights
from explorer.core.drawing.boxes import cards_of
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.network.errors import Refusal
from explorer.core.network.names import block_id, layer_id
from explorer.keras_side.rebuild import WeightsError
from explorer.widget.messages import (
    ChannelPicture,
    ChannelStrength,
    FilmFrame,
    LookedHere,
    ValueRange,
)
from explorer.widget.panels.feature_maps.panel import MOST, FeatureMaps, strip_of
from tests.said import said
from tests.still_worker import StillWorker

SMALL = UNet(filters=2, down_blocks=2, up_blocks=2)
DESIGN = Design(SMALL, Input(32, 32, 1))
RANDOM = Weights(0, "", 0, 12)


class PicturingWorker(StillWorker):
    """Answers with pictures of nothing."""

    def next(self):
        """The work of the next request, which may come from a timer."""
        assert self.asked.acquire(timeout=5)
        return self.requests[-1][1]

    def answer(self, weights=RANDOM, place=-1) -> None:
        """Give a request for pictures the answer that the process would give."""
        _, work, done, _ = self.requests[place]
        assert isinstance(work, Features)
        architecture, shape, strip = work.architecture, work.input_shape, work.strip
        selected = work.selected
        graph = trace(architecture, shape)
        maps = tuple(
            FeatureMap(name, graph[name].shape, -1.0, 0.25, 0.125, name.encode()) for name in strip
        )
        channels = (Channel(3, 0.5, b"three"), Channel(0, 0.25, b"zero"))
        done(Maps(maps, LayerChannels(selected, graph[selected].shape, channels), weights))

    def fail(self, error: Exception) -> None:
        self.requests[-1][3](error)


@pytest.fixture
def worker(monkeypatch) -> PicturingWorker:
    made = PicturingWorker()
    monkeypatch.setattr(explorer.worker.process, "shared_worker", lambda: made)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 0)
    return made


@pytest.fixture
def state() -> State:
    return State(DESIGN, threading.RLock())


@pytest.fixture
def told() -> dict[str, list]:
    return {"selected": [], "alerts": []}


@pytest.fixture
def panel(worker, state, told):
    made = FeatureMaps(state, lambda: b"a picture", told["selected"].append, told["alerts"].append)
    yield made
    made.close()
    assert told["alerts"] == []


@pytest.fixture
def film(panel, worker):
    """The film strip, with the pictures of the design."""
    panel.show(Scene(DESIGN))
    worker.next()
    worker.answer()
    return panel.widget.film


def layer(name: str) -> str:
    return layer_id(DESIGN.graph[name])


def weights_line(panel) -> str:
    return said(panel.widget.children[0].children[0])


def problem(panel) -> str:
    return said(panel.widget.children[1])


def status(panel) -> str:
    return said(panel.widget.children[2])


def frames(film) -> list[FilmFrame]:
    return [frame for group in film.groups for frame in group.frames]


def test_once_shown_every_block_is_asked_for_and_the_output_s_channels(panel, worker):
    panel.show(Scene(DESIGN))

    architecture, shape, picture, strip, selected = attrs.astuple(worker.next(), recurse=False)
    assert (architecture, shape, picture) == (SMALL, (32, 32, 1), b"a picture")
    assert list(strip) == [card.output.name for card in cards_of(DESIGN.graph)]
    assert selected == DESIGN.graph.outputs[0].name
    assert "on its way" in status(panel)


def test_the_strip_goes_from_input_through_bottleneck_to_output(film):
    assert [group.role for group in film.groups] == ["input", "encoder", "middle", "decoder"]
    sides = [frame.side for frame in frames(film)]
    assert sides[0] == max(sides) == sides[-1]
    tagged = [frame for frame in frames(film) if frame.tag]
    assert [frame.title for frame in tagged] == ["middle 1"]
    assert tagged[0].side == min(sides)
    assert tagged[0] == FilmFrame(
        id="block-stack0_enc4",
        title="middle 1",
        name="stack0_enc4",
        tag="bottleneck",
        lines=("8×8×8", "−1 to 0.25", "mean 0.12"),
        png=b"stack0_enc4_middle_contract_act0_relu",
        side=tagged[0].side,
    )
    assert film.note == ""


def test_channels_have_their_number_and_strength(film):
    name = DESIGN.graph.outputs[0].name
    assert film.channels.title == f"All 2 channels of {name}, 32 × 32 × 2"
    assert film.channels.pictures == (
        ChannelPicture("channel 3", "0.5", b"three"),
        ChannelPicture("channel 0", "0.25", b"zero"),
    )


def test_stacks_are_told_apart(panel, worker):
    design = Design(Hourglass(stacks=2, down_blocks=2, up_blocks=2), Input(64, 64, 1))
    panel.show(Scene(design))
    worker.next()
    worker.answer()

    titles = [group.title for group in panel.widget.film.groups]
    assert titles[:4] == ["input", "stem", "stack 1, encoder", "stack 1, decoder"]
    tags = [frame.id for frame in frames(panel.widget.film) if frame.tag]
    assert tags == ["block-stack0_enc1", "block-stack1_enc1"]


def test_of_many_changes_the_last_one_is_run(panel, worker, state):
    with state.lock:  # as the screen holds it
        for filters in (3, 4, 5):
            panel.show(
                Scene(attrs.evolve(DESIGN, architecture=attrs.evolve(SMALL, filters=filters)))
            )

    assert worker.next().architecture.filters == 5
    worker.answer()
    assert len(worker.requests) == 1


def test_a_selected_layer_is_asked_for_alone_and_the_strip_stays(panel, worker, film):
    before = film.groups
    panel.show(Scene(DESIGN, layer("stack0_enc0_conv0")))

    assert (film.film_is_old, film.channels_are_old) == (False, True)
    assert film.selected == "block-stack0_enc0"
    work = worker.next()
    assert (work.strip, work.selected) == ((), "stack0_enc0_conv0")
    worker.answer()
    assert not film.channels_are_old
    assert "stack0_enc0_conv0" in film.channels.title
    assert film.groups == before


def test_a_block_stands_for_its_output(panel, worker, film):
    panel.show(Scene(DESIGN, block_id(DESIGN.graph["stack0_enc1_conv0"])))

    assert worker.next().selected == "stack0_enc1_act1_relu"


def test_old_pictures_stay_and_are_marked_until_new_ones_come(panel, worker, film):
    before = film.groups
    edited = attrs.evolve(DESIGN, architecture=attrs.evolve(SMALL, filters=3))
    panel.show(Scene(edited))

    assert (film.film_is_old, film.channels_are_old, film.groups) == (True, True, before)
    assert worker.next().architecture.filters == 3
    worker.answer()
    assert (film.film_is_old, film.channels_are_old) == (False, False)
    assert film.groups != before
    assert status(panel) == ""


def test_an_answer_about_another_design_is_dropped(panel, worker, film):
    before = film.groups
    panel.show(Scene(attrs.evolve(DESIGN, architecture=attrs.evolve(SMALL, filters=3))))
    worker.next()
    panel.show(Scene(attrs.evolve(DESIGN, architecture=attrs.evolve(SMALL, filters=4))))
    worker.answer(place=1)

    assert (film.film_is_old, film.groups) == (True, before)
    worker.next()
    worker.answer()
    assert not film.film_is_old


def test_going_back_to_what_is_shown_asks_for_nothing(panel, worker, state, film):
    with state.lock:
        panel.show(Scene(attrs.evolve(DESIGN, architecture=attrs.evolve(SMALL, filters=3))))
        panel.show(Scene(DESIGN))
        panel.show(Scene(DESIGN, times={"image_in": 1.0}))
    panel.show(Scene(attrs.evolve(DESIGN, input=attrs.evolve(DESIGN.input, batch_size=4))))

    assert (film.film_is_old, film.channels_are_old) == (False, False)
    panel.show(Scene(DESIGN, layer("stack0_enc0_conv0")))
    worker.next()
    assert len(worker.requests) == 2, "the first one, and that for the layer"


def test_what_is_hidden_asks_for_nothing_and_drops_what_comes(panel, worker, film):
    before = film.groups
    edited = Scene(attrs.evolve(DESIGN, architecture=attrs.evolve(SMALL, filters=3)))
    panel.show(edited)
    worker.next()
    panel.hide()
    assert worker.cancelled[-1] is panel._asking
    worker.answer()
    panel.picture_changed()
    assert film.groups == before

    panel.show(edited)
    worker.next()
    worker.answer()
    assert film.groups != before
    panel.hide()
    panel.show(edited)
    assert len(worker.requests) == 3
    assert not film.film_is_old


def test_another_picture_is_run(panel, worker, film):
    panel.picture_changed()

    assert film.film_is_old
    assert worker.next().strip != ()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError("needs <more> memory"), "needs <more> memory"),
        (WorkerDied("It ended."), "It ended. The next change starts it again"),
    ],
)
def test_a_failure_is_said_and_the_last_pictures_stay_marked(panel, worker, film, error, text):
    panel.show(Scene(attrs.evolve(DESIGN, architecture=attrs.evolve(SMALL, filters=3))))
    worker.next()
    worker.fail(error)

    assert text in status(panel)
    assert "[bad]" in status(panel)
    assert film.film_is_old
    panel.show(Scene(DESIGN))
    assert (status(panel), film.film_is_old) == ("", False)


def test_a_click_on_a_frame_selects_its_block(film, told):
    film._handle_custom_msg({"select": frames(film)[2].id}, [])

    assert told["selected"] == ["block-stack0_enc1"]


def test_it_is_said_plainly_where_the_weights_come_from(panel, worker, film):
    assert "weights: random (seed 0): the network is not trained" in weights_line(panel)

    panel.show(Scene(DESIGN, layer("stack0_enc0_conv0")))
    worker.next()
    some = Weights(0, "<a>.weights.h5", 3, 12)
    worker.answer(some)
    # They are not those of the strip: all is asked for again.
    assert len(worker.next().strip) > 0
    assert film.film_is_old
    worker.answer(some)
    assert "loaded from <a>.weights.h5: 3 of 12 layers" in weights_line(panel)
    assert "trained" not in weights_line(panel)


def test_a_file_s_weights_are_loaded_from_where_the_kernel_runs(
    panel, worker, film, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    panel.widget.path.value = " runs/mine.weights.h5 "
    panel.widget.load.click()

    work = worker.next()
    path = str(Path.cwd() / "runs" / "mine.weights.h5")
    assert work == LoadWeights(SMALL, (32, 32, 1), path)
    assert "Loading mine.weights.h5" in problem(panel)
    owner, _, done, _ = worker.requests[-1]
    panel.show(Scene(attrs.evolve(DESIGN, architecture=attrs.evolve(SMALL, filters=3))))
    worker.next()
    assert owner not in worker.cancelled, "an edit does not stop the loading"

    done(Weights(0, "mine.weights.h5", 12, 12))
    assert problem(panel) == ""
    assert "from mine.weights.h5" in weights_line(panel)
    assert film.film_is_old
    worker.next()
    worker.answer()
    assert not film.film_is_old


def test_a_file_that_cannot_be_loaded_is_said_and_all_stays(panel, worker, film):
    panel.widget.path.value = "~/x.weights.h5"
    panel.widget.load.click()
    assert worker.next().path == str(Path.home() / "x.weights.h5")
    worker.fail(WeightsError("There is no file <x> in here."))

    assert "There is no file <x> in here." in problem(panel)
    assert not film.film_is_old
    for path, text in (("", "Give the path"), ("~nobody-of-this-name/x", "cannot be used")):
        panel.widget.path.value = path
        panel.widget.load.click()
        assert text in problem(panel)
    assert len(worker.requests) == 2


def test_random_again_draws_with_the_next_seed(panel, worker, film):
    panel.widget.redraw.click()

    work = worker.next()
    assert work == DrawWeights(1)
    worker.requests[-1][2](None)
    worker.next()
    worker.answer(Weights(1, "", 0, 12))
    assert "random (seed 1)" in weights_line(panel)
    panel.widget.redraw.click()
    assert worker.next() == DrawWeights(2)


def test_what_closes_drops_its_requests(worker, state):
    panel = FeatureMaps(state, lambda: None, lambda _: None, lambda _: None)
    panel.show(Scene(DESIGN))
    worker.next()
    panel.widget.redraw.click()
    panel.close()

    assert worker.cancelled == [panel._asking, panel._loading]
    worker.requests.pop()
    worker.answer()
    assert panel.widget.film.groups == ()


def test_an_unforeseen_error_is_shown(worker, state):
    alerts = []

    def broken() -> bytes:
        raise RuntimeError("no picture to be had")

    panel = FeatureMaps(
        state, broken, lambda _: None, lambda text: (alerts.append(text), told.set())
    )
    told = threading.Event()
    panel.show(Scene(DESIGN))
    assert told.wait(5)
    panel.close()

    assert "no picture to be had" in alerts[0]


def test_a_small_network_is_shown_whole():
    graph = trace(UNet(), (256, 256, 1))
    assert strip_of(graph) == cards_of(graph)


SAME = SimpleConvBlock(filters=2, pool=False)
REPEATED = Custom(
    encoder=(SAME,) * 20 + (SimpleConvBlock(filters=2),) + (SAME,) * 20,
    decoder=(SimpleUpsamplingBlock(),),
)


@pytest.mark.parametrize(
    ("architecture", "count"),
    [
        (REPEATED, 5),
        (ResidualHourglass(filters=8, stacks=8), 21),
        (UNet(filters=1, filters_rate=1, stacks=3, down_blocks=8, up_blocks=8), MOST),
    ],
    ids=["repeated blocks", "stacks", "many sizes in stacks"],
)
def test_of_a_large_network_the_telling_blocks_are_shown(architecture, count):
    graph = trace(architecture, (256, 256, 1))
    whole, shown = cards_of(graph), strip_of(graph)

    assert len(shown) == count < MOST + 1 < len(whole)
    assert [card for card in whole if card in shown] == shown
    assert (shown[0].role, shown[-1].output) == ("input", whole[-1].output)
    assert {card.role for card in shown} == {card.role for card in whole}


def test_what_is_left_out_of_the_strip_is_said(panel, worker):
    panel.show(Scene(Design(REPEATED, Input(64, 64, 1))))
    worker.next()
    worker.answer()

    assert panel.widget.film.note.startswith("5 of 43 blocks are shown")
    assert len(frames(panel.widget.film)) == 5


# Trained examples, and networks that the page runs.


@pytest.fixture
def shown(worker, monkeypatch):
    """An explorer with its feature maps open."""
    widget = Explorer(SMALL, (32, 48, 3))
    widget._panels.screen.stage.choose("Feature maps")
    yield widget
    widget.close()


def maps_of(shown) -> FeatureMaps:
    return shown._panels.screen.views["Feature maps"]


def asked(worker, kind) -> list:
    return [work for _, work, _, _ in worker.requests if isinstance(work, kind)]


def test_a_trained_example_is_one_step_and_asks_for_its_weights(shown, worker):
    choice = maps_of(shown).widget.examples
    assert "U-Net: Shapes → masks, IoU 0." in str(choice.options)
    choice.value = "U-Net"
    example = pretrained["U-Net"]
    assert shown.architecture == example.architecture
    assert shown.input_shape == (32, 48, 1)
    assert asked(worker, UsePretrained) == [UsePretrained("U-Net")]
    assert shown._panels.history.steps[-1] == "trained example: U-Net"

    shown.architecture = attrs.evolve(example.architecture, filters=4)
    assert choice.value == ""
    shown._panels._actions.go(-1, True)
    assert choice.value == "U-Net"
    shown._panels._actions.go(-1, True)
    assert (shown.architecture, shown.input_shape) == (SMALL, (32, 48, 3))
    assert choice.value == ""


def test_an_example_that_does_not_fit_the_size_brings_its_own(shown):
    shown.input_shape = (36, 36, 1)
    maps_of(shown).widget.examples.value = "ResNet"
    assert shown.input_shape == (64, 64, 1)


def test_other_weights_are_no_example_s(shown, worker):
    view = maps_of(shown).widget
    view.examples.value = "U-Net"
    view.redraw.click()
    assert view.examples.value == ""
    view.examples.value = "U-Net"
    assert asked(worker, UsePretrained) == [UsePretrained("U-Net")] * 2
    shown._panels.screen.stage.choose("Train")
    shown._panels.screen.views["Train"]._look_again()
    shown._panels.screen.stage.choose("Feature maps")
    assert view.examples.value == ""


def browser_of(shown, worker):
    """What asks the page, once Keras turns out not to be there."""
    told = worker.__dict__.setdefault("told", [])

    def is_new(request) -> bool:
        work = request[1]
        is_present = isinstance(work, Features) and work.architecture == shown.architecture
        return is_present and request not in told

    while not (new := list(filter(is_new, worker.requests))):
        assert worker.asked.acquire(timeout=5)
    told.append(new[-1])
    new[-1][3](NoKeras("Keras is not here."))
    return maps_of(shown)._browser


def looked(browser) -> None:
    """Answer as the page would."""
    asked = browser.asked
    answer = LookedHere(
        asked.number,
        tuple(ValueRange(-1.0, 0.5, None) for _ in asked.strip),
        (ChannelStrength(1, 0.25),),
    )
    pngs = [memoryview(b"picture%d" % place) for place in (*asked.strip, asked.selected)]
    browser._receive(answer, pngs)


def test_without_keras_the_page_draws_the_weights_and_shows_the_maps(shown, worker):
    browser = browser_of(shown, worker)
    panel = maps_of(shown)
    assert "in this browser" in status(panel)
    assert browser.weights == b""
    looked(browser)
    film = panel.widget.film
    assert frames(film)[0].png == b"picture0"
    assert "\N{MINUS SIGN}1 to 0.5" in str(frames(film)[0].lines)
    assert "nan" in str(frames(film)[0].lines)
    assert film.channels.pictures[0].title == "channel 1"
    assert "random (seed 0)" in weights_line(panel)
    assert (browser.asked, browser.picture) == (None, b"")

    panel.widget.redraw.click()
    next(r for r in reversed(worker.requests) if isinstance(r[1], DrawWeights))[3](NoKeras("No."))
    assert browser_of(shown, worker).asked.seed == 1


def test_without_keras_a_trained_example_has_its_weights(shown, worker):
    maps_of(shown).widget.examples.value = "U-Net"
    browser = browser_of(shown, worker)
    program = browser.asked.program
    wanted = sum(prod(shape) for step in program.steps for shape in step.weights)
    assert len(browser.weights) == 2 * wanted
    looked(browser)
    assert "s of training on drawn pictures" in weights_line(maps_of(shown))


def test_a_network_that_no_page_runs_is_said(shown, worker, monkeypatch):
    def refused(graph):
        raise Refusal("This layer isn’t run in a browser.")

    monkeypatch.setattr("explorer.widget.panels.keras.page_questions.program_of", refused)
    browser_of(shown, worker)
    assert "isn’t run in a browser" in status(maps_of(shown))
