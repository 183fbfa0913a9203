"""From a control's new value to new views, in the kernel and without a browser.

The same edits are also done by hand: build the model in Keras, draw a node per layer, list the
layers. Then the cold start of both, each time in a fresh process.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import ipywidgets
import pygraphviz  # noqa: F401 — loaded before anything is timed
from benchmarking import Row, draw_layers, milliseconds, print_machine, print_table

from explorer import EncoderDecoder, Explorer, Hourglass, UNet, build
from explorer.core import settling as later
from explorer.widget.panels.charts import panel as charts
from explorer.widget.panels.diagram.panel import Canvas
from explorer.widget.panels.totals.panel import Totals

SHAPE = (256, 256, 1)
WARM_UP, EDITS, EDITS_BY_HAND = 10, 150, 12
STARTS, STARTS_BY_HAND = 9, 3

# Seconds since the process was asked for, and its memory, when all is there.
COLD = """
import sys, time
{work}
ready = time.time()
import json, os, psutil
used = psutil.Process().memory_full_info()
result = [ready - float(sys.argv[1]), used.rss / 2**20, used.uss / 2**20]
print(json.dumps(result), flush=True)
os._exit(0)
"""
COLD_EXPLORER = """
import explorer
explorer.Explorer(explorer.UNet())
"""
COLD_BY_HAND = """
import tensorflow, keras, plotly.graph_objects, pygraphviz, explorer
model = explorer.build(explorer.UNet(), (256, 256, 1))
"""


def main() -> None:
    print_machine()
    later.SETTLED = 3600.0  # else TensorFlow starts in the midst of the measurement
    charts.PAUSE = 0.0  # only the work is measured
    unet_by_hand = edits_by_hand(UNet())
    rows = [
        Row("edit, 53-layer U-Net", "ms", edits(UNet()), unet_by_hand, aim=16),
        *(
            Row(f"… {title} open", "ms", edits(UNet(), title), unet_by_hand, aim=16)
            for title in ("Charts", "Receptive field", "Feature maps", "Compare", "Code")
        ),
        Row("edit, 116-layer hourglass", "ms", edits(Hourglass()), edits_by_hand(Hourglass())),
    ]
    cold = zip(*(start(COLD_EXPLORER) for _ in range(STARTS)), strict=True)
    by_hand = zip(*(start(COLD_BY_HAND) for _ in range(STARTS_BY_HAND)), strict=True)
    names = (("cold start", "s"), ("memory, RSS", "MiB"), ("memory, USS", "MiB"))
    for (name, unit), ours, theirs in zip(names, cold, by_hand, strict=True):
        rows.append(Row(name, unit, ours, theirs))
    print_table(rows)
    # The timers of the settling designs are still waiting.
    sys.stdout.flush()
    os._exit(0)


def edits(architecture: EncoderDecoder, tab: str = "Layers") -> list[float]:
    """Milliseconds from each of many slider values until all views show it, with this tab open."""
    shown = Explorer(architecture, SHAPE)
    screen = shown._panels.screen
    screen.side.choose("Layers")
    table = screen.views["Layers"]
    screen.select("block-stack0_enc0")
    (screen.stage if tab in screen.stage.titles else screen.side).choose(tab)
    if tab == "Charts":
        screen.views[tab].loading.join()
    if tab == "Compare":
        screen.views[tab].widget.pin.click()
    found = list(descendants(shown))
    number = shown.controls["filters"]
    totals, diagram = (
        next(widget for widget in found if isinstance(widget, kind)) for kind in (Totals, Canvas)
    )

    def enter(value: int) -> None:
        number.value = value  # widgets call their observers before this returns
        if tab == "Charts":
            screen.views[tab]._settling.join()

    times = []
    for edit in range(WARM_UP + EDITS):
        filters = 17 + edit % 100  # each another than the last
        before, rows = (totals.figures, diagram.svg), table.rows
        times.append(milliseconds(lambda value=filters: enter(value)))
        after = totals.figures, diagram.svg
        assert shown.architecture.filters == filters
        changed = [one != other for one, other in zip(before, after, strict=True)]
        assert changed == [True, screen.stage.opened == "Diagram"], "a closed tab is shown nothing"
        assert (table.rows is not rows) == (screen.side.opened == "Layers")
    shown.close()
    return times[WARM_UP:]


def descendants(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from descendants(child)


def edits_by_hand(architecture: EncoderDecoder) -> list[float]:
    """Milliseconds to build, draw and list each of some models, as without the explorer."""
    import keras

    times = []
    for filters in range(17, 17 + 2 + EDITS_BY_HAND):
        edited = type(architecture)(filters=filters)
        times.append(milliseconds(lambda edited=edited: draw_layers(build(edited, SHAPE))))
        # Not counted, though without it models pile up.
        keras.backend.clear_session()
    return times[2:]


def start(work: str) -> tuple[float, float, float]:
    """Seconds, and memory in MiB (RSS, USS), of a fresh process that does some work."""
    command = [sys.executable, "-c", COLD.format(work=work), str(time.time())]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    output = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return tuple(json.loads(output.stdout))


if __name__ == "__main__":
    main()
