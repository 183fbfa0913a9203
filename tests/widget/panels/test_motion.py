"""The widget of sliding windows holds all that its view shows, so that it needs no kernel."""

import json

import pytest

import explorer
from explorer.core.network.errors import Refusal
from explorer.lessons.pictures.grids import grid_picture
from explorer.lessons.pictures.sliding import sliding
from explorer.widget.panels.lessons.motion import Motion


def test_animate_shows_a_layer_at_work():
    layer = explorer.layers.Conv2DTranspose(name="up", filters=8)
    shown = explorer.animate(layer, size=2, seed="ada", kernel=[[1] * 3] * 3)
    try:
        assert shown.sliding == sliding(layer, 2, "ada", kernel=[[1] * 3] * 3)
        state = json.loads(json.dumps(shown.get_state(["sliding", "plays", "step"])))
    finally:
        shown.close()
    assert state["plays"] is True
    assert len(state["sliding"]["steps"]) == 4
    assert state["sliding"]["steps"][0]["reads"] == [{"row": 0, "column": 0, "note": ""}]
    assert state["sliding"]["kernel"] == [[1, 1, 1]] * 3


def test_pictures_are_sent_with_their_colours():
    shown = Motion(pictures=(grid_picture("Title", "Text", [[1, 2]], "pixels"),))
    try:
        [sent] = json.loads(json.dumps(shown.get_state(["pictures"])))["pictures"]
    finally:
        shown.close()
    assert sent["rows"] == [[0.0, 1.0]]
    assert sent["texts"] == [["1", "2"]]
    assert len(sent["ramp"]) > 2


def test_what_has_no_window_is_refused():
    with pytest.raises(Refusal, match="use a Conv2D"):
        explorer.animate(explorer.layers.Add(name="add"))
    with pytest.raises(Refusal, match="larger than its input of 2"):
        explorer.animate(explorer.layers.Conv2D(name="conv", filters=1, padding="valid"), size=2)
