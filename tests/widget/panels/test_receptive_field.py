"""The panel shows the window at once, asks for the gradient once all has settled, and says it."""

import io
import math
import re
import threading
from types import MappingProxyType

import attrs
import numpy as np
import pytest
from PIL import Image, ImageColor

import explorer.core.pictures.images
import explorer.widget.panels.receptive_field.panel
import explorer.worker.process
from explorer import Custom, LeapCNN, UNet, analyze, pretrained, trace
from explorer.core.analysis.budgets import Budget
from explorer.core.analysis.design import Design, Input
from explorer.core.analysis.receptive_field import receptive_window
from explorer.core.asking.failures import NoKeras, WorkerDied
from explorer.core.asking.position import signs
from explorer.core.asking.questions import Gradient, See, UsePretrained
from explorer.core.editing.snapshot import Scene
from explorer.core.editing.store import State
from explorer.core.formatting import byte_size, product, short_count
from explorer.core.network.graph import Graph, input_feature
from explorer.core.network.layers.foreign import Foreign
from explorer.core.pictures.effective_field import EffectiveField
from explorer.core.pictures.heat_map import RAMP, heat_png
from explorer.core.pictures.images import Seen, picture_png, see
from explorer.widget.messages import FoundHere, Position, Rectangle, Size
from explorer.widget.panels.pretrained import TrainedExamples
from explorer.widget.panels.receptive_field.page import rectangle
from explorer.widget.panels.receptive_field.panel import ReceptiveField
from tests.core.pictures.test_images import encoded
from tests.still_worker import StillWorker

NET = UNet(filters=2, down_blocks=2, up_blocks=2)
DESIGN = Design(NET, Input(64, 96, 1))
LAST = DESIGN.graph.outputs[-1]
#: What the last block is called, whose output is the network's.
OUTPUT = "decoder 1"
MIDDLE = "stack0_enc2_last_pool"
FIRST = "stack0_enc0_conv0"


@pytest.fixture
def worker(monkeypatch) -> StillWorker:
    made = StillWorker()
    monkeypatch.setattr(explorer.worker.process, "shared_worker", lambda: made)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 0.001)
    return made


class Shown:
    """A panel with the pictures that it is given, and the alerts that it raised."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.alerts: list[str] = []
        self.state = State(DESIGN, threading.RLock())
        self.panel = ReceptiveField(self.state, lambda: self.content, self.alerts.append)
        self.widget = self.panel.widget

    def show(self, design=DESIGN, selected: str = "", **options) -> None:
        self.panel.show(Scene(design, selected, **options))

    def send(self, **message) -> None:
        self.widget._handle_custom_msg(message, [])

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.widget.lines)

    @property
    def offers(self) -> dict[str, str]:
        """What each change that is offered leads to and costs."""
        offers = [offer for line in self.widget.lines for offer in line.offers]
        kept = str.maketrans({"\N{NO-BREAK SPACE}": " ", "\N{NON-BREAKING HYPHEN}": "-"})
        return {offer.words: offer.cost.translate(kept) for offer in offers}

    def marks(self, word: str) -> list[str]:
        """The marks of the lines with a word."""
        return [line.mark for line in self.widget.lines if word in line.text]


def box(top, left, height, width) -> dict[str, int | None]:
    """Return an object's box as the browser sends it."""
    return {"top": top, "left": left, "height": height, "width": width}


@pytest.fixture
def shown(worker):
    made = Shown()
    yield made
    made.panel.close()
    assert made.alerts == []


def asked(worker) -> tuple:
    """The next request: what is asked, and how it is answered."""
    assert worker.asked.acquire(timeout=10)
    return worker.requests[-1][1:]


def settle(shown) -> None:
    """Wait for what follows a change."""
    shown.panel._settling.join(10)


def field(row: int = 32, column: int = 48) -> EffectiveField:
    """A gradient of 3 × 3 pixels."""
    strength = np.zeros((64, 96), "float32")
    strength[row - 1 : row + 2, column - 1 : column + 2] = 1
    return EffectiveField(strength, (row, column), "random (seed 0)", True)


# The theoretical window.


def test_with_nothing_selected_the_window_of_the_last_output_is_shown_at_once(shown):
    shown.show()

    widget, window = shown.widget, receptive_window(DESIGN.graph, LAST, 32, 48)
    assert (widget.size, widget.layer, widget.grid) == (Size(64, 96), OUTPUT, Size(64, 96))
    assert widget.position == Position(32, 48)
    assert widget.whole == rectangle(window.whole) == widget.inside
    most, own = product(*DESIGN.report.receptive_field), product(*window.whole.size)
    assert f"{OUTPUT} sees up to {most} px (this pixel: {own})." in shown.text


def test_the_selected_layer_is_shown_at_the_same_place(shown):
    shown.show(selected=f"layer-{FIRST}")
    assert shown.widget.whole == Rectangle(31, 47, 3, 3)
    shown.show(selected="block-stack0_enc2")

    assert shown.widget.layer == "last pooling"
    assert (shown.widget.grid, shown.widget.position) == (Size(16, 24), Position(8, 12))
    shown.show(selected="layer-of another network")
    assert shown.widget.layer == OUTPUT
    assert shown.widget.position == Position(32, 48)


def test_of_several_stacks_it_is_said_which(shown):
    net = attrs.evolve(NET, stacks=2)
    shown.show(Design(net, DESIGN.input), selected="block-stack1_enc1")
    assert shown.widget.layer == "encoder 1 of stack 1"  # as the inspector calls it


def test_at_the_border_the_part_outside_is_told_apart(shown):
    shown.show(selected=f"layer-{FIRST}")

    shown.send(at={"y": 0.0, "x": 1.0})

    assert shown.widget.position == Position(0, 95)
    assert shown.widget.whole == Rectangle(-1, 94, 3, 3)
    assert shown.widget.inside == Rectangle(0, 94, 2, 2)
    own = "this pixel: 2×2; the rest of its 3×3 window is padding"
    assert f"{FIRST} sees up to 3×3 px ({own})." in shown.text


def test_a_window_larger_than_the_image_is_said_to_see_all_of_it(shown):
    small = attrs.evolve(DESIGN, input=Input(16, 16, 1))
    shown.show(small)

    assert "(this pixel: the whole image, 16×16; the rest of its" in shown.text


def test_the_largest_window_of_the_layer_is_named_where_it_is_another(shown):
    largest = DESIGN.report.receptive_field
    shown.show()
    named = set()
    for at in range(28, 36):
        shown.send(row=at)
        shown.send(column=at)
        size = shown.widget.whole.height, shown.widget.whole.width
        told = f"{OUTPUT} sees up to {product(*largest)} px (this pixel: {product(*size)})."
        assert told in shown.text
        named.add(size == largest)
    assert named == {True, False}


@pytest.mark.parametrize(
    ("message", "position"),
    [
        ({"at": {"y": 0.5, "x": 0.25}}, [32, 24]),
        ({"at": {"y": 7.0, "x": -1.0}}, [63, 0]),
        ({"rows": 1, "columns": 0}, [33, 48]),
        ({"rows": 0, "columns": -10}, [32, 38]),
        ({"rows": -100, "columns": 100}, [0, 95]),
        ({"row": 5}, [5, 48]),
        ({"column": 95}, [32, 95]),
    ],
)
def test_the_position_is_moved(shown, message, position):
    shown.show()

    shown.send(**message)

    assert shown.widget.position == Position(*position)
    window = receptive_window(DESIGN.graph, LAST, *position)
    assert shown.widget.inside == rectangle(window.inside)


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        ({"row": 64}, "row=64 is not in the layer: give a whole number from 0 to 63"),
        ({"column": -1}, "column=-1 is not in the layer"),
        ({"row": 1.5}, "row=1.5 is not"),
        ({"column": None}, "column=None is not"),
        ({"object": box(64, 0, 1, 1)}, "object top=64 does not fit into the picture"),
        (
            {"object": box(4, 0, 61, 1)},
            "object height=61 does not fit into the picture: give a whole ",
        ),
        ({"object": box(4, 90, 1, 7)}, "from 1 to 6"),
        ({"object": box(4, 90, 1, None)}, "object width=None"),
    ],
)
def test_what_is_not_in_the_picture_is_refused_and_nothing_is_lost(shown, message, refusal):
    shown.show()
    shown.send(object=box(1, 2, 3, 4))
    before = shown.widget.position, shown.widget.object

    shown.send(**message)

    assert refusal in shown.text
    assert shown.marks(refusal) == ["bad"]
    assert (shown.widget.position, shown.widget.object) == before
    shown.send(row=1)
    assert refusal not in shown.text


def test_an_unknown_layer_and_an_output_without_pixels_are_said_so(shown, worker):
    image = input_feature((8, 8, 1))
    own = Foreign("Own", name="own", shape=(8, 8, 1), multiplications=0)(image)
    flat = Foreign("Flatten", name="flat", shape=(64,), multiplications=0)(own)
    design = Design(Custom())
    vars(design).update(graph=Graph([flat]), report=analyze(Graph([flat])))

    shown.show(design)
    assert "The output of flat has no pixels: select another layer." in shown.text
    assert (shown.widget.grid, shown.widget.whole) == (None, None)
    settle(shown)
    assert worker.requests == [], "of what should there be a gradient"
    shown.show(design, "layer-own")
    assert "What own can see is not known" in shown.text
    assert (shown.widget.grid, shown.widget.whole) == (Size(8, 8), None)
    assert asked(worker)[0].layer == "own", "its gradient is known all the same"


# The effective field.


def test_once_settled_the_gradient_is_asked_for_and_shown(shown, worker):
    shown.show(selected=f"layer-{MIDDLE}")

    work, done, _ = asked(worker)

    assert work == Gradient(NET, (64, 96, 1), MIDDLE, (8, 12), None)
    assert shown.marks("Effective: Computing") == ["busy"]
    assert shown.widget.heat == b""
    done(field())
    assert shown.widget.heat == heat_png(field().strength)
    assert shown.widget.most == Rectangle(31.0, 47.0, 3, 3)
    assert "95 % of the gradient within 3 × 3 pixels, half of it within 3 × 3" in shown.text
    assert "Weights: random (seed 0); training changes it" in shown.text
    settle(shown)
    assert len(worker.requests) == 1


def without_keras(shown, worker):
    """Say that Keras is not there; returns what asks the page."""
    asked(worker)[2](NoKeras("Keras is not here."))
    return shown.panel._browser


def found(browser, half=3, most=9) -> None:
    """Answer as the page would."""
    answer = {"number": browser.asked.number, "half": half, "most": most}
    browser._handle_custom_msg(answer, [memoryview(b"heat")] if half else [])


def test_without_keras_the_page_finds_the_gradient(shown, worker):
    shown.show(selected=f"layer-{MIDDLE}")
    browser = without_keras(shown, worker)
    question = browser.asked
    assert question.program.steps[question.place].name == MIDDLE
    assert (question.position, question.center) == ((8, 12), (33.5, 49.5))
    assert question.signs == signs(DESIGN.graph[MIDDLE].shape[-1])
    assert browser.weights == b""
    assert shown.marks("Effective: Computing") == ["busy"]
    found(browser)
    assert shown.widget.heat == b"heat"
    assert shown.widget.most == Rectangle(29.5, 45.5, 9, 9)
    assert "95 % of the gradient within 9 × 9 pixels, half of it within 3 × 3" in shown.text
    assert "random (seed 0); drawn in the browser" in shown.text
    assert (browser.asked, browser.picture) == (None, b"")


def test_without_keras_only_the_answer_to_the_latest_question_counts(shown, worker):
    shown.show(selected=f"layer-{MIDDLE}")
    browser = without_keras(shown, worker)
    first = browser.asked
    shown.send(rows=1, columns=1)
    assert browser.asked is None
    without_keras(shown, worker)
    browser._receive(FoundHere(first.number, 1, 1), [memoryview(b"late")])
    assert shown.widget.heat == b""
    shown.panel.weights_changed()  # what is under way is of the former ones
    before = browser.asked
    without_keras(shown, worker)
    assert browser.asked.number > before.number
    found(browser, 0, 0)
    assert "Effective: none" in shown.text
    shown.send(rows=1, columns=1)
    found(without_keras(shown, worker), None, 0)
    assert "Effective: the gradient is too large for float32" in shown.text

    shown.send(rows=1, columns=1)
    without_keras(shown, worker)
    shown.panel.hide()
    assert browser.asked is None
    shown.show(selected=f"layer-{MIDDLE}")
    without_keras(shown, worker)
    assert browser.asked.position == (11, 15)


def test_without_keras_a_gradient_too_large_for_the_page_is_refused(shown, worker, monkeypatch):
    for limit in ("VALUES", "MACS"):
        with monkeypatch.context() as patch:
            patch.setattr(f"explorer.widget.panels.keras.page_questions._GRADIENT_{limit}", 1000)
            shown.show()
            without_keras(shown, worker)
        assert "in a browser at most 1" in shown.text
        assert f"use an image that is smaller than {product(64, 96)} pixels" in shown.text
        shown.panel._forget()
        shown.panel.hide()


def test_while_keras_starts_that_is_said(shown, worker):
    worker.is_ready = False
    shown.show()
    asked(worker)
    settle(shown)

    assert shown.marks("Keras is starting") == ["busy"]


@pytest.mark.parametrize(
    "change",
    [
        lambda shown: shown.send(rows=1, columns=1),
        lambda shown: shown.show(selected=f"layer-{FIRST}"),
        lambda shown: shown.show(attrs.evolve(DESIGN, architecture=attrs.evolve(NET, filters=3))),
        lambda shown: shown.panel.picture_changed(),
        lambda shown: shown.panel.hide(),
    ],
)
def test_an_answer_about_what_is_no_longer_shown_is_dropped(shown, worker, change):
    shown.show()
    _, done, failed = asked(worker)

    change(shown)
    done(field())
    failed(ValueError("late"))

    assert shown.widget.heat == b""
    assert "95 %" not in shown.text
    assert "late" not in shown.text


def test_a_new_place_takes_the_old_gradient_away_and_asks_again(shown, worker):
    shown.show()
    asked(worker)[1](field())

    shown.send(row=3)

    assert (shown.widget.heat, shown.widget.most) == (b"", None)
    assert asked(worker)[0].position == (3, 48)


def test_an_object_or_times_ask_nothing_again(shown, worker):
    shown.show()
    asked(worker)[1](field())
    heat = shown.widget.heat

    shown.send(object=box(1, 2, 3, 4))
    settle(shown)
    shown.show(times=MappingProxyType({FIRST: 1.0}))
    settle(shown)

    assert shown.widget.heat == heat
    assert len(worker.requests) == 1


def test_a_hidden_panel_gives_up_and_asks_again_when_it_is_back(shown, worker):
    shown.show()
    asked(worker)

    shown.panel.hide()
    assert worker.cancelled == [shown.panel._gradient]
    shown.panel.picture_changed()
    shown.show()
    asked(worker)[1](field())
    shown.panel.hide()

    assert worker.cancelled == [shown.panel._gradient], "what was answered needs no giving up"
    shown.show()
    settle(shown)
    assert len(worker.requests) == 2, "it has the answer still"
    assert shown.widget.heat


def test_hidden_before_the_next_question_it_gives_up_the_last_one(shown, worker, monkeypatch):
    shown.show()
    asked(worker)
    monkeypatch.setattr("explorer.core.settling.SETTLED", 60)

    shown.send(row=1)
    shown.panel.hide()

    assert worker.cancelled == [shown.panel._gradient]
    settle(shown)
    assert len(worker.requests) == 1


def test_switched_off_nothing_is_asked(shown, worker):
    shown.show()
    asked(worker)

    shown.widget.effective = False

    assert worker.cancelled == [shown.panel._gradient]
    assert "Effective" not in shown.text
    shown.send(row=1)
    settle(shown)
    assert len(worker.requests) == 1
    shown.widget.effective = True
    asked(worker)[1](field())
    assert "95 %" in shown.text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MemoryError("use fewer filters"), "Effective: use fewer filters"),
        (WorkerDied("It is gone."), "Effective: It is gone. The next change starts it again."),
        (ValueError(), "Effective: ValueError"),
    ],
)
def test_a_failure_is_a_line(shown, worker, error, text):
    shown.show()

    asked(worker)[2](error)

    assert shown.marks(text) == ["bad"]
    assert shown.widget.whole, "the window stays"


def test_a_pixel_without_gradient_and_one_beyond_all_bounds_are_said_so(shown, worker):
    shown.show()
    asked(worker)[1](EffectiveField(np.zeros((64, 96), "float32"), (3, 3), "random (seed 0)", True))
    assert "Effective: none. No change of the picture changes this pixel" in shown.text
    assert shown.widget.heat == b""
    shown.send(row=1)
    asked(worker)[1](
        EffectiveField(np.full((64, 96), np.inf, "float32"), (3, 3), "random (seed 0)", True)
    )
    assert shown.marks("too large for float32") == ["bad"]
    assert shown.widget.heat == b""


def test_unforeseen_errors_are_alerted(worker):
    shown = Shown()
    shown.show()

    shown.send(at={"y": math.nan, "x": 0.5})
    asked(worker)[1](None)
    shown.panel.close()

    assert len(shown.alerts) == 2
    assert all("Traceback" in alert for alert in shown.alerts)


# The object.


def test_an_object_that_fits_is_held_where_the_window_lies_around_it(shown, worker):
    shown.show()
    assert "Drag a box around an object" in shown.text
    height, width = receptive_window(DESIGN.graph, LAST, 32, 48).whole.size

    shown.send(object=box(28, 44, 8, 8))
    assert shown.widget.object == Rectangle(28, 44, 8, 8)
    assert f"The window ({height} × {width}) can hold the object (8 × 8)." in shown.text
    assert shown.marks("can hold") == ["good"]
    shown.send(object=box(0, 0, 8, 8))
    assert "From this pixel it does not: click the object's middle." in shown.text
    assert shown.marks("can hold") == [""]
    asked(worker)[1](field())
    both = f"The window ({height} × {width}) can hold the object (8 × 8), but 95 % of the gradient"
    assert f"{both} lies in 3 × 3. From this pixel it does not" in shown.text
    assert shown.marks("can hold") == ["bad"]
    shown.send(object=box(31, 47, 2, 2))
    assert "can hold the object (2 × 2), and 95 % of the gradient lies in 3 × 3." in shown.text
    assert shown.marks("can hold") == ["good"]
    shown.send(object=None)
    assert shown.widget.object is None
    assert "Drag a box" in shown.text


@pytest.mark.parametrize("net", [NET, LeapCNN(filters=2, down_blocks=2, up_blocks=2)])
def test_an_object_that_does_not_fit_brings_a_remedy_that_holds(shown, net):
    design = attrs.evolve(DESIGN, architecture=net)
    shown.show(design)
    largest = design.report.receptive_field

    shown.send(object=box(0, 0, 64, 96))
    settle(shown)

    assert shown.marks("is smaller than the object (64 × 96)") == ["bad"]
    assert f"{shown.widget.layer} can't see the whole object at once. It could with" in shown.text
    for steps in range(1, 4):
        deeper = attrs.evolve(net, down_blocks=2 + steps, up_blocks=2 + steps)
        field = analyze(trace(deeper, (64, 96, 1))).receptive_field
        if field[1] >= 96:
            break
    assert largest[1] < 96
    words = f"down blocks 2 → {2 + steps} and up blocks 2 → {2 + steps}"
    before, after = (analyze(trace(each, (64, 96, 1))) for each in (net, deeper))
    assert shown.offers[words] == (
        f"sees {field[0]} × {field[1]} · "
        f"parameters {short_count(before.total_params)} → {short_count(after.total_params)} · "
        f"multiply-adds {short_count(before.macs)} → {short_count(after.macs)} · "
        f"memory {byte_size(before.peak_memory(1))} → {byte_size(after.peak_memory(1))}"
    )

    shown.send(remedy="something else")
    assert shown.state.design.architecture == NET
    shown.state.update(architecture=net)
    shown.show(shown.state.design)
    settle(shown)
    shown.send(remedy=words)

    assert shown.state.design.architecture == deeper
    assert shown.state.history.steps[-1].label == words
    shown.state.move(-1, relative=True)
    assert shown.state.design.architecture == net


def test_a_change_that_was_offered_of_another_design_is_not_made(shown):
    shown.show()
    shown.send(object=box(0, 0, 64, 96))
    settle(shown)
    words = next(iter(shown.offers))
    shown.state.update(architecture=attrs.evolve(NET, filters=3))  # not shown yet

    shown.send(remedy=words)

    assert shown.state.design.architecture == attrs.evolve(NET, filters=3)


def test_a_remedy_for_another_object_is_not_shown(shown, monkeypatch):
    shown.show()
    shown.send(object=box(0, 0, 64, 96))
    settle(shown)
    assert "It could with" in shown.text
    monkeypatch.setattr("explorer.core.settling.SETTLED", 60)

    shown.send(object=box(0, 0, 64, 90))

    assert "is smaller than the object (64 × 90)" in shown.text
    assert "It could with" not in shown.text


def test_a_remedy_that_took_longer_does_not_replace_that_of_a_later_object(shown, monkeypatch):
    shown.show()
    settle(shown)
    begun, goes_on = threading.Event(), threading.Event()
    find = explorer.widget.panels.receptive_field.panel.remedies

    def slow(design, node, size):
        if size == (64, 90):
            begun.set()
            assert goes_on.wait(10)
        return find(design, node, size)

    monkeypatch.setattr(explorer.widget.panels.receptive_field.panel, "remedies", slow)
    shown.send(object=box(0, 0, 64, 90))
    first = shown.panel._settling._timer
    assert begun.wait(10)
    shown.send(object=box(0, 0, 64, 96))
    settle(shown)
    assert "down blocks" in str(shown.offers)

    goes_on.set()
    first.join(10)
    shown.send(rows=1, columns=0)

    assert "down blocks" in str(shown.offers)


def test_an_object_is_offered_as_a_budget_until_it_is_one(shown):
    least = Budget("receptive field", at_least=10)
    most = Budget("receptive field", at_most=300)
    shown.state.limit([least, most])
    shown.show()
    shown.send(object=box(0, 0, 20, 31))
    words = "Budget: receptive field at least 31 px"
    assert words in shown.offers

    shown.send(remedy=words)

    assert shown.state.budgets == (Budget("receptive field", at_least=31), most)
    assert shown.state.design == DESIGN
    assert words not in shown.offers
    shown.send(object=box(0, 0, 20, 40))
    assert "Budget: receptive field at least 40 px" in shown.offers


def test_a_layer_before_the_output_is_told_that_the_output_sees_enough(shown):
    shown.show(selected=f"layer-{FIRST}")

    shown.send(object=box(0, 0, 30, 30))
    settle(shown)

    height, width = DESIGN.report.receptive_field
    assert f"The network's output can ({height} × {width})." in shown.text
    assert "down blocks" not in str(shown.offers), "they do not change what the first layer sees"
    assert "It would see more with:" in shown.text
    assert shown.offers["kernel size 3 → 9"].startswith("sees 9 × 9 · ")
    assert "stem" not in str(shown.offers), "behind a stem it would be a layer of another stride"


def test_where_no_few_steps_are_enough_the_way_is_named(shown):
    shown.show(selected=f"layer-{MIDDLE}")

    shown.send(object=box(0, 0, 64, 96))
    settle(shown)

    assert "It would see more with" in shown.text
    size = re.match(r"sees (\d+) × \d+ · ", shown.offers["convs per block 2 → 5"])[1]
    report = analyze(trace(attrs.evolve(NET, convs_per_block=5), (64, 96, 1)))
    assert report[MIDDLE].receptive_field[0] == int(size)


def test_where_no_number_helps_what_does_in_general_is_named(shown):
    shown.show(attrs.evolve(DESIGN, architecture=Custom.of(NET)), f"layer-{FIRST}")
    shown.send(object=box(0, 0, 64, 96))
    settle(shown)

    assert (
        "Choose a deeper layer, or add pooling, convolutions or dilation before it." in shown.text
    )


def test_the_object_keeps_its_place_in_another_input_size(shown):
    shown.show()
    shown.send(object=box(16, 24, 32, 48))

    shown.show(attrs.evolve(DESIGN, input=Input(128, 48, 1)))
    assert shown.widget.object == Rectangle(32, 12, 64, 24)
    shown.show(attrs.evolve(DESIGN, input=Input(4, 4, 1)))
    assert shown.widget.object == Rectangle(1, 1, 2, 2)
    shown.show()
    assert shown.widget.object == Rectangle(16, 24, 32, 48)


# The picture.


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def decode(shown, worker) -> None:
    """Wait until the worker is asked for the user's picture, and have it answer."""
    settle(shown)
    while not isinstance((request := asked(worker))[0], See):
        pass
    assert request[0].content == shown.content
    worker.answer()


def test_a_users_file_is_decoded_in_the_worker_alone(shown, worker, monkeypatch):
    shown.content = encoded(Image.new("L", (9, 9)))
    monkeypatch.setattr(explorer.core.pictures.images, "read_image", None)
    shown.show()
    settle(shown)

    work, done, _ = asked(worker)
    assert isinstance(work, See)
    done(Seen(b"small", "16 bit, shown from 112 to 3,040"))
    assert shown.widget.picture == b"small"
    assert "Picture: 16 bit, shown from 112 to 3,040." in shown.text
    assert asked(worker)[0].upload == shown.content, "the gradient is asked for afterwards"


def test_a_picture_that_came_too_late_is_not_shown(shown, worker):
    shown.content = encoded(Image.new("L", (9, 9)))
    shown.show()
    settle(shown)
    _, done, failed = asked(worker)
    shown.content = None
    shown.panel.picture_changed()
    settle(shown)
    before = shown.widget.picture

    done(Seen(b"late", ""))
    failed(ValueError("late"))

    assert shown.widget.picture == before
    assert "late" not in shown.text


def test_the_picture_is_what_the_network_sees(shown, worker):
    shown.content = encoded(Image.new("RGB", (7, 5), (255, 0, 0)))
    shown.show()
    decode(shown, worker)

    grey = decoded(shown.widget.picture)
    assert grey.shape == (64, 96)
    assert set(grey.ravel()) == {76}, "red, as a grey"
    assert asked(worker)[0].upload == shown.content
    shown.show(attrs.evolve(DESIGN, input=Input(32, 32, 4)))
    decode(shown, worker)
    assert decoded(shown.widget.picture).shape == (32, 32, 3)
    shown.content = None
    shown.panel.picture_changed()
    settle(shown)
    assert decoded(shown.widget.picture).std() > 10, "the photograph"


def test_a_picture_that_cannot_be_read_gives_the_photograph_and_says_so(shown, worker):
    shown.content = b"text"
    shown.show()
    decode(shown, worker)

    assert shown.marks("not a picture that can be read") == ["bad"]
    assert decoded(shown.widget.picture).shape == (64, 96)
    assert asked(worker)[0].upload is None
    shown.content = encoded(Image.new("L", (9, 9)))
    shown.panel.picture_changed()
    decode(shown, worker)
    assert "can be read" not in shown.text
    assert not decoded(shown.widget.picture).any()


def test_large_pictures_are_sent_small():
    values = np.zeros((1024, 2048, 1), "float32")
    values[:, 1024:] = 1

    assert decoded(picture_png(values)).shape == (256, 512)
    assert decoded(heat_png(values[:, :, 0])).shape == (256, 512)


def test_the_heat_map_is_clear_where_nothing_is_and_lighter_where_more_is():
    strength = np.array([[0.00009, 0.01, 1]], "float32")

    image = Image.open(io.BytesIO(heat_png(strength))).convert("RGBA")

    none, some, most = (image.getpixel((column, 0)) for column in range(3))
    assert none[3] == 0
    assert 0 < some[3] < most[3] < 255
    assert most[:3] == ImageColor.getrgb(RAMP[-1])
    weights = np.array([0.2126, 0.7152, 0.0722])
    lightness = [weights @ np.array(ImageColor.getrgb(color)) for color in RAMP]
    assert lightness == sorted(lightness)
    assert min(np.diff(lightness)) > 20, "each step is seen without its hue"


def test_of_an_input_beyond_all_bounds_a_small_picture_is_shown():
    seen = see(None, (10**9, 5 * 10**8, 10**6))

    with Image.open(io.BytesIO(seen.png)) as picture:
        assert picture.size == (256, 512)


def test_where_weights_are_random_a_trained_network_is_offered(worker, monkeypatch):
    state, steps = State(DESIGN, threading.RLock()), []
    examples = TrainedExamples(state, lambda *step: steps.append(step), lambda: None, pytest.fail)
    panel = ReceptiveField(state, lambda: None, pytest.fail, examples)
    panel.show(Scene(DESIGN))
    asked(worker)[1](field())
    [offer] = [offer for line in panel.widget.lines for offer in line.offers]
    assert offer.words == "Show a trained U-Net"
    assert offer.cost == f"a tiny example: {pretrained['U-Net'].about}"

    monkeypatch.setattr("explorer.widget.panels.keras.page_questions._GRADIENT_VALUES", 1000)
    panel.widget._handle_custom_msg({"columns": 1, "rows": 0}, [])
    asked(worker)[2](NoKeras("Keras is not here."))
    [refused] = [line for line in panel.widget.lines if "in a browser at most" in line.text]
    assert refused.offers == (offer,)  # which is small enough

    panel.widget._handle_custom_msg({"remedy": offer.words}, [])
    assert worker.requests[-1][1] == UsePretrained("U-Net")
    [(design, step)] = steps
    assert design == Design(pretrained["U-Net"].architecture, DESIGN.input)
    assert step == "trained example: U-Net"
    panel.show(Scene(design))
    while not isinstance(worker.requests[-1][1], Gradient):
        worker.asked.acquire(timeout=10)
    worker.requests[-1][3](NoKeras("Keras is not here."))
    assert not [offer for line in panel.widget.lines for offer in line.offers]  # it is on screen
    worker.requests[-1][2](attrs.evolve(field(), is_untrained=False))
    assert not [offer for line in panel.widget.lines for offer in line.offers]
    panel.close()
    examples.close()
