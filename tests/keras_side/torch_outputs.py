"""What a PyTorch file of ours computes with given weights: run by a Python that has PyTorch.

`python torch_outputs.py FOLDER` answers every `*.py` there, whose weights and image are in the
`.npz` of the same name, by an `.out.npz`; what went wrong is in an `.err`.
"""

import sys
import traceback
from pathlib import Path

import numpy as np
import torch


class Layer:
    """A layer of Keras', as far as its weights are copied."""

    def __init__(self, name, weights):
        self.name, self.weights = name, weights

    def get_weights(self):
        return self.weights


class Model:
    def __init__(self, layers):
        self.layers = layers


def answer(file):
    given = np.load(file.with_suffix(".npz"))
    weights = {}
    for key in given.files:
        if key != "image":
            place, name = key.split(":", 2)[1:]
            weights.setdefault(name, []).append((int(place), given[key]))
    layers = [
        Layer(name, [w for _, w in sorted(some, key=lambda x: x[0])])
        for name, some in weights.items()
    ]
    space = {"__name__": "made"}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), space)
    classes = [v for v in space.values() if isinstance(v, type) and v.__module__ == "made"]
    model = classes[-1]()
    space["copy_weights"](model, Model(layers))
    model.eval()
    image = torch.from_numpy(given["image"].transpose(0, 3, 1, 2))
    with torch.no_grad():
        outputs = model(image)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    arrays = [output.numpy() for output in outputs]
    trained = sum(p.numel() for p in model.parameters())
    np.savez(file.with_suffix(".out.npz"), *arrays, trained=trained)


for file in sorted(Path(sys.argv[1]).glob("*.py")):
    try:
        answer(file)
    except Exception:
        file.with_suffix(".err").write_text(traceback.format_exc(), encoding="utf-8")
