import threading
from pathlib import Path

import attrs
import pytest

import explorer.worker.process
from explorer import (
    Custom,
    Hourglass,
    ResidualHourglass,
    SimpleConvBlock,
    SimpleUpsamplingBlock,
    UNet,
    trace,
)
from explorer.core.analysis.design import Design, Input
from explorer.core.asking.failures import WorkerDied
from explorer.core.asking.feature_maps import Channel, FeatureMap, LayerChannels
from explorer.core.asking.feature_maps import FeatureMaps as Maps
from explorer.core.asking.questions import DrawWeights, Features, LoadWeights
from explorer.core.asking.weights import Weights
from explorer.core.drawing.boxes import cards_of
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.network.names import block_id, layer_id
from explorer.keras_side.rebuild import WeightsError
from explorer.widget.messages import ChannelPicture, FilmFrame
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
