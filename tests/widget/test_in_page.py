"""The explorer where no thread starts, and what is compiled for a machine is not there."""

import json
import subprocess
import sys

from explorer import UNet, analyze, trace

#: Acts as Python in a web page does, as far as the explorer can tell.
IN_PAGE = """
import asyncio, json, sys, threading, types
from importlib.machinery import PathFinder
import ipywidgets
import plotly.graph_objects

MISSING = {MISSING!r}

find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *at: None if name.split(".")[0] in MISSING else find(name, *at)
for name in [name for name in sys.modules if name.split(".")[0] in MISSING]:
    del sys.modules[name]

def refuse(self):
    raise RuntimeError("can't start new thread")

threading.Thread.start = refuse
sys.platform = "emscripten"
js = sys.modules["js"] = types.ModuleType("js")

import explorer
from explorer.core.settling import SETTLED
from explorer.widget import saved_view

said = {"tabs": {}}
kept = []
saved_view.CALM = 0.1
saved_view.display = lambda data, **_: kept.append(data)

async def main():
    widget = explorer.Explorer()
    widget._ipython_display_()
    panels = widget._panels
    for tabs in (panels.screen.stage, panels.screen.side):
        for title in tabs.titles:
            tabs.choose(title)
            await asyncio.sleep(SETTLED + 0.3)
            said["tabs"][title] = [part.code for part in panels.problem.parts]
    panels.screen.stage.choose("Diagram")
    canvas = panels.screen.diagram.canvas
    widget.architecture = explorer.UNet(filters=4)
    await asyncio.sleep(SETTLED + 0.5)
    said["effective"] = panels.screen.views["Receptive field"].widget.effective
    [line] = panels.screen.views["Train"].widget._state.parts
    said["train"] = line.text
    search = panels.screen.views["Design"]
    search.form._handle_custom_msg({"vary": "filters", "on": True, "values": "2, 4"}, [])
    search.form._handle_custom_msg({"start_search": True}, [])
    while search.form.runs:
        await asyncio.sleep(0.01)
    said["searched"] = [search.form.done, search.form.count, len(search.table.rows) > 0]
    said["parameters"] = widget.report.total_params
    said["status"] = [part.text for part in panels.keras.status.parts]
    said["problems"] = [part.code for part in panels.problem.parts]
    said["laid out here"] = canvas.svg
    said["drawn"] = canvas.dot
    canvas._handle_custom_msg({"save": "pdf"}, [])
    said["saved"] = canvas.found
    said["told"] = []
    panels.keras.status.observe(lambda change: said["told"].append(repr(change.new)), "parts")
    widget.architecture = explorer.UNet(filters=5)
    said["saved then"] = canvas.found
    widget.architecture = explorer.UNet(filters=4)
    await asyncio.sleep(SETTLED + 0.5)
    sent = []
    canvas.send = lambda message, buffers=None: sent.append((message, *map(bytes, buffers)))
    canvas._handle_custom_msg({"lays_out": True}, [])
    canvas._handle_custom_msg({"save": "svg"}, [])
    canvas._handle_custom_msg({"laid_out": "<svg>drawn</svg>", "ending": "png"}, [])
    drawn = '<svg width="9pt" height="9pt"></svg>'
    canvas._handle_custom_msg({"laid_out": drawn, "ending": "pdf"}, [])
    [(asked, dot), (saved, svg), (pdf, content)] = sent
    said["laid out there"] = [asked, "× 4" in dot.decode(), saved, "@font-face" in svg.decode()]
    said["pdf"] = [pdf["file"], content[:4].decode()]
    panels.keras.forward.button.click()
    said["steps"] = len(panels.keras._browser.asked.program.steps)
    said["kept"] = [data["text/plain"] for data in kept]
    said["snapshot"] = ""
    try:
        widget.snapshot()
    except ValueError as error:
        said["snapshot"] = str(error)
    # As on the site (`boot.mjs`).
    js.explorerLayOut = lambda dot: '<!-- --><svg width="9pt" height="9pt">drawn here</svg>'
    said["snapshot there"] = widget.snapshot()[:15]
    said["kept there"] = "<img" in panels.saved().outputs("")["text/html"]
    widget.close()

asyncio.run(main())
diagram = explorer.diagram(explorer.trace(explorer.UNet(), (64, 64, 1)))
said["svg there"] = diagram.svg()
def refusal(ending):
    try:
        return diagram.content(ending)[:4].decode()
    except ValueError as error:
        return str(error)

said["pdf there"], said["png there"] = refusal("pdf"), refusal("png")
del js.explorerLayOut
said["svg"] = refusal("svg")
net, shape = explorer.UNet(), (64, 64, 1)
said["refused"] = []
for ask in (
    lambda: explorer.build(net, shape),
    lambda: explorer.time_forward(net, shape),
    lambda: explorer.save_keras(net, shape, "net.keras"),
    lambda: explorer.export(net, "weights", shape),
    lambda: explorer.load('{"class_name": "Functional", "config": {"layers": []}}'),
    lambda: explorer.analyze(explorer.trace(net, shape)).to_pandas(),
):
    try:
        ask()
    except ValueError as error:
        said["refused"].append(str(error))
print(json.dumps(said))
"""
MISSING = ["keras", "loky", "psutil", "pygraphviz", "ipykernel", "numpy", "pandas", "PIL"]


def test_all_but_keras_works_there():
    code = IN_PAGE.replace("{MISSING!r}", repr(MISSING))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])  # after what is displayed
    assert said["parameters"] == analyze(trace(UNet(filters=4), (256, 256, 1))).total_params
    [status] = said["status"]
    assert status.startswith("Keras does not run in this page")
    assert said["told"] == []  # nothing else meanwhile, or all would move where it has its own row
    assert said["train"] == status
    assert said["searched"] == [48, 48, True]
    assert len(said["tabs"]) == 11
    assert not any(said["tabs"].values())
    assert not said["problems"]
    assert ".dot" in said["svg"]
    assert said["svg there"] == '<svg width="9pt" height="9pt">drawn here</svg>'
    assert said["pdf there"] == "%PDF"
    assert ".svg or .pdf" in said["png there"]
    *of_keras, of_pandas = said["refused"]
    assert len(of_keras) == 5
    assert all("Binder" in refusal for refusal in of_keras)
    assert "pandas" in of_pandas
    assert ".dot" in said["saved"]
    assert said["saved then"] == ""
    assert "× 4" in said["drawn"]
    assert said["laid out here"] == ""
    assert "535 k" in said["kept"][1]
    assert "135 k" in said["kept"][-1]
    assert ".dot" in said["snapshot"]
    assert said["snapshot there"] == "<!doctype html>"
    assert said["kept there"]
    asked, saved = {"lay_out_for": "svg"}, {"picture": "UNet.png", "dpi": 200}
    assert said["laid out there"] == [asked, True, saved, True]
    assert said["pdf"] == ["UNet.pdf", "%PDF"]
    assert said["effective"] is True
    assert said["steps"] == len(trace(UNet(filters=4), (256, 256, 1)))
    assert not done.stderr
