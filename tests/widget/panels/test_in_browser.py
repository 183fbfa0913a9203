"""Forward passes that the page runs: what it is asked, and what becomes of its answers."""

import attrs
import pytest
from ipywidgets.widgets.widget import _instances

from explorer import Explorer, Head, UNet
from explorer.core.asking.measurement import IN_BROWSER
from explorer.core.asking.program import program_of
from explorer.core.network.errors import Refusal
from explorer.widget.messages import NotRunHere, RanHere, WantsCode
from explorer.widget.panels.keras.in_browser import runner_code

NET = UNet(filters=2, down_blocks=1, up_blocks=1)


@pytest.fixture
def keras(monkeypatch):
    """What asks the page, of an explorer whose design never settles."""
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    explorer = Explorer(NET, (32, 32, 1))
    keras = explorer._panels.keras
    keras.forward._form.controls["device"].holder.value = IN_BROWSER
    keras.explorer = explorer
    yield keras
    explorer.close()


def ran(number: int, **changes) -> RanHere:
    times = tuple(0.001 * k for k in range(1, 12))
    answer = RanHere(number, times, 0.5, 4, "WebGPU", "a GPU", "4.22.0", (1, 0))
    return attrs.evolve(answer, **changes)


def answer(keras, message) -> None:
    keras._browser._receive(message, [memoryview(b"input"), memoryview(b"one"), memoryview(b"two")])


def shown(keras) -> str:
    return str(keras.forward._said.parts) + str(keras.forward._result.parts)


def test_a_pass_is_asked_for_and_shown(keras):
    keras.forward.button.click()
    browser = keras._browser
    assert "Running in this browser" in shown(keras)
    assert browser.asked.program == program_of(keras.explorer.graph)
    assert browser.picture.startswith(b"\x89PNG")

    answer(keras, ran(browser.asked.number))
    ((timing, _),) = keras.forward._timed
    assert (timing.median, timing.p10, timing.p90) == pytest.approx((0.006, 0.002, 0.01))
    assert timing.warmup_runs == 4
    assert timing.flops == keras.explorer.report.flops
    assert "browser (a GPU, WebGPU)" in shown(keras)
    assert "channel 1" in shown(keras)
    assert browser.asked is None
    assert browser.picture == b""


def test_a_pass_is_not_run_again_when_keras_follows(keras, monkeypatch):
    monkeypatch.setattr(keras._asking, "submit", lambda *_, **__: None)
    keras.forward.after_every_change.value = True
    first = keras._browser.asked.number

    keras._settled()
    assert keras._browser.asked.number == first

    keras.design_changed()
    keras._settled()
    assert keras._browser.asked.number == first + 1


def test_nothing_of_it_stays_behind(monkeypatch):
    monkeypatch.setattr("explorer.core.settling.SETTLED", 3600)
    before = set(_instances)
    explorer = Explorer(NET, (32, 32, 1))
    explorer._panels.keras.forward._form.controls["device"].holder.value = IN_BROWSER
    explorer._panels.keras.forward.button.click()
    explorer.close()
    assert set(_instances) <= before


def test_the_code_is_given_when_it_is_wanted(keras, monkeypatch):
    keras.forward.button.click()
    sent = []
    monkeypatch.setattr(keras._browser, "send", lambda *message: sent.append(message))
    keras._browser._receive(WantsCode("runner"), [])
    ((_, buffers),) = sent
    assert buffers == runner_code()


def test_what_is_out_of_date_is_not_shown(keras):
    keras.forward.button.click()
    first = keras._browser.asked.number
    keras.forward.button.click()
    answer(keras, ran(first))
    assert keras.forward._timed == []
    second = keras._browser.asked.number

    keras.explorer.architecture = attrs.evolve(NET, filters=3)
    assert keras._browser.asked is None
    answer(keras, ran(second))
    assert keras.forward._timed == []


def test_a_pass_is_stopped(keras):
    keras.forward.button.click()
    keras.forward.stop.click()
    assert keras._browser.asked is None
    assert "Running" not in shown(keras)


def test_what_goes_wrong_is_said(keras):
    keras.forward.button.click()
    answer(keras, NotRunHere(keras._browser.asked.number, "out of memory"))
    assert "could not run it: out of memory. Use a smaller batch" in shown(keras)


@pytest.mark.parametrize(
    ("name", "value"), [("step", "training step"), ("precision", "mixed_float16")]
)
def test_what_a_page_cannot_measure_is_refused(keras, name, value):
    keras.forward._form.controls[name].holder.value = value
    keras.forward.button.click()
    assert f"{value!r} isn’t measured in this browser" in shown(keras)


def test_layers_that_no_page_runs_are_refused(keras):
    keras.explorer.architecture = attrs.evolve(NET, heads=(Head("a", activation="sparsemax"),))
    keras.forward.button.click()
    assert "has the activation 'sparsemax', which isn’t run in a browser" in shown(keras)
    with pytest.raises(Refusal, match="Conv2D layer 'a' has the activation"):
        program_of(keras.explorer.graph)


def test_it_follows_every_change_where_that_is_wished(keras):
    keras.forward.after_every_change.value = True
    assert keras._browser.asked
    keras.explorer.architecture = attrs.evolve(NET, filters=3)
    assert keras._browser.asked is None
    keras._settled()
    assert keras._browser.asked.program == program_of(keras.explorer.graph)
    keras._asking.drop()
