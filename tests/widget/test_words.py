"""The words on screen: each thing has one, and it is the one that the field uses."""

import json
from collections.abc import Iterator

import ipywidgets
import pytest

import explorer
import explorer.worker.process
from explorer import presets
from tests.still_worker import StillWorker

#: What the screen says, and no more the way that it said it before.
WORDS = (
    ("Coarsest grid 1/8 · output full size", "stride 8 → 1"),
    ("2.43 G multiply-adds, two FLOPs each", "GFLOPs, per image"),
    ("535,488, all trainable", "trainable, 0 not"),
    ("sees up to 108×108 px (this pixel: ", "pixels of the 256 × 256 image"),
    ("along the data flow", "way of the image"),
    ("Not applied: 4 up blocks upsample by 16", "do not describe a network yet"),
    ("filters × per level", "filters rate"),
    ("upsample by", "up interpolate"),
    ('"transposed conv"', '"transposed convolution"'),
    ("narrow at the end of a block", "block contraction"),
    ("U-Net, own settings", "(edited)"),
    ("Run and time", "In Keras"),
    ('"description": "inference or training"', '"description": "step"'),
    ('"description": "compiled by"', '"description": "compiler"'),
    ("off: stem blocks is 0", "no effect while stem"),
    (
        "3 skips carry fine detail around the coarse levels; channels are concatenated.",
        "past the lower resolutions",
    ),
    ("gradient strength (log)", "of the strongest pixel"),
    ("last pooling", "which is only a pooling"),
)


def texts(widget: ipywidgets.Widget) -> Iterator[str]:
    """What a widget, and all that it holds, sends to the browser: the words of its code, too."""
    waiting, seen = [widget.model_id], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = ipywidgets.widgets.widget._instances[name]
        left_out = "_css", "terms", "pattern"  # the glossary's words are those of no view
        state = {name: value for name, value in found.get_state().items() if name not in left_out}
        text = json.dumps(state, ensure_ascii=False, default=lambda _: "")
        yield text
        waiting += [part.partition('"')[0] for part in text.split("IPY_MODEL_")[1:]]


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """All that an explorer says whose tabs have been opened, and in which one was refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explorer.worker.process, "shared_worker", StillWorker)
        patch.setattr("explorer.core.settling.SETTLED", 3600)
        widget = explorer.Explorer(presets["U-Net (small)"])
        panels = widget._panels
        for tabs in (panels.screen.stage, panels.screen.side):
            for title in tabs.titles:
                if title != "Charts":  # plotly takes seconds, and has a test of its own
                    tabs.choose(title)
        said = [*texts(widget)]
        widget.controls["filters"].value = 20
        widget.controls["up_blocks"].value = 4
        said += texts(widget)
        yield "\n".join(said)
        widget.close()


@pytest.mark.parametrize(("now", "before"), WORDS, ids=[now for now, _ in WORDS])
def test_the_screen_has_the_fields_own_words(screen, now, before):
    assert now in screen
    assert before not in screen
