"""Runs models in a control group of 2 GiB: what is allowed must run, and what is refused must not.

What the check takes to be possible is tried; what it costs then is a process.

python tests/measure_limited.py draw [count] [seed]   near the limit, and how often the check errs
python tests/measure_limited.py table                 peaks of what the explorer does, on one core

Each run has a process of its own. It needs Linux and the right to make control groups.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from explorer import EncoderDecoder, Hourglass, LeapCNN, UNet, analyze, presets, trace
from explorer.core.analysis.memory_need import needed_bytes
from explorer.core.asking.measurement import Measurement
from explorer.core.network.errors import ParameterError
from explorer.core.network.graph import Graph
from explorer.keras_side.backends import find_device
from explorer.keras_side.timing import compiler_for_memory

LIMIT = 2 * 2**30
#: What is free of it once TensorFlow is there, about.
FREE = 1.75e9
#: Most multiply-accumulates of a run, so that many can be drawn.
MOST_MACS = 60e9
KINDS = ["forward pass"] * 6 + ["training step"] * 5 + ["every layer"] * 3
KINDS += ["feature maps", "gradient", "comparison"] * 2
#: What stands in the table, by name, kind and preset.
TABLE = [
    ("first pass, U-Net (small)", "forward pass", "small"),
    ("first pass, U-Net", "forward pass", "U-Net"),
    ("first pass, FC-DenseNet103", "forward pass", "FC-DenseNet103"),
    ("training step, U-Net (small)", "training step", "small"),
    ("feature maps, U-Net", "feature maps", "U-Net"),
    ("gradient, U-Net", "gradient", "U-Net"),
    ("every layer, U-Net", "every layer", "U-Net"),
    ("comparing U-Net (small) with itself", "comparison", "small"),
]


#: What a process says before it goes on with what may be too much.
TRIED = "tried"


@attrs.frozen
class Case:
    """Something to run.

    Attributes:
        net: The architecture.
        shape: `(height, width, channels)`.
        batch: Images in a run.
        kind: One of `KINDS`.
        how: How it is measured.
    """

    net: object
    shape: tuple[int, int, int]
    batch: int
    kind: str
    how: Measurement = Measurement()  # noqa: RUF009

    @property
    def graph(self) -> Graph:
        return trace(self.net, self.shape)

    @property
    def needed(self) -> int:
        """What the check takes it to need."""
        needed = needed_bytes(
            analyze(self.graph),
            self.batch,
            precision=self.how.precision,
            step="gradient" if self.kind == "gradient" else self.how.step,
            compiler=compiler_for_memory(self.how, find_device()),
        )
        return needed * (2 if self.kind == "comparison" else 1)

    def __str__(self) -> str:
        how = f"{self.how.compiler} {self.how.precision}"
        return f"{self.kind}, {how}, {self.batch} × {self.shape}, {self.net}"[:200]

    def run(self) -> None:
        """Run it in this process, as the worker does."""
        from explorer.worker.tasks import features as feature_tasks
        from explorer.worker.tasks import forward as keras_tasks
        from explorer.worker.tasks import gradient as gradient_tasks
        from explorer.worker.tasks import pair as comparison_tasks

        net, shape, batch, how = self.net, self.shape, self.batch, self.how
        last = self.graph.outputs[-1]
        if self.kind in ("forward pass", "training step"):
            keras_tasks.run_forward(net, shape, batch, how=how)
        elif self.kind == "every layer":
            keras_tasks.run_layers(net, shape, batch, how)
        elif self.kind == "feature maps":
            names = [node.name for node in self.graph]
            feature_tasks.run_feature_maps(
                net, shape, None, names[:: len(names) // 12 + 1], names[-1]
            )
        elif self.kind == "gradient":
            middle = last.shape[0] // 2, last.shape[1] // 2
            gradient_tasks.effective_field(net, shape, last.name, middle)
        else:
            comparison_tasks.run_pair(net, shape, net, shape, batch, how, time_limit=0)


def draw(seed: int) -> Case:
    """Return a case that is about as large as what fits."""
    chance = random.Random(seed)
    while True:
        try:
            case = _drawn(chance)
            report, needed = analyze(case.graph), case.needed
        except ParameterError:
            continue
        passes = 3 if case.how.trains else 1
        slow = 4 if case.how.precision != "float32" else 1
        if report.macs * case.batch * passes * slow > MOST_MACS:
            continue
        if 0.7 * FREE < needed < 3.5 * FREE:
            return case


def drawn_network(chance: random.Random) -> EncoderDecoder:
    """Return a network of one of the families, small or large."""
    depth = chance.randint(1, 5)
    return chance.choice(
        (
            UNet(
                filters=chance.choice((4, 8, 16, 32, 64)),
                down_blocks=depth,
                up_blocks=chance.randint(depth - 1, depth),
                convs_per_block=chance.randint(1, 3),
                up_interpolate=chance.random() < 0.5,
                stacks=chance.choice((1, 1, 1, 2)) if depth > 1 else 1,
            )
            if depth > 1
            else UNet(filters=8, down_blocks=1, up_blocks=1),
            LeapCNN(filters=chance.choice((8, 16, 32, 64)), down_blocks=min(depth, 4), up_blocks=1),
            Hourglass(
                3, 3, stem_filters=chance.choice((8, 32)), filters=chance.choice((8, 32, 64))
            ),
            presets[chance.choice(list(presets))],
        )
    )


def _drawn(chance: random.Random) -> Case:
    net = drawn_network(chance)
    kind = chance.choice(KINDS)
    step = net.maximum_stride
    height = step * chance.randint(1, max(1, 2048 // step))
    width = step * max(1, round(height / step * chance.choice((1, 1, 1, 0.5))))
    single = kind in ("feature maps", "gradient")
    how = Measurement(
        precision="float32"
        if single
        else chance.choice(("float32", "float32", "mixed_float16", "mixed_bfloat16")),
        compiler="auto" if single else chance.choice(("graph", "auto", "XLA", "fastest")),
        step=kind if kind == "training step" else "forward pass",
    )
    batch = 1 if single else chance.choice((1, 1, 2, 4, 8))
    return Case(net, (height, width, chance.choice((1, 3))), batch, kind, how)


@contextmanager
def limited(limit: int = LIMIT) -> Iterator[Path]:
    """Make a control group with a limit, within this process' own.

    Raises:
        OSError: If that is not possible here.
    """
    root = Path("/sys/fs/cgroup")
    lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    own = {line.split(":")[1]: line.split(":")[2].lstrip("/") for line in lines}
    first = "memory" in own
    base = root / "memory" / own["memory"] if first else root / own.get("", "")
    group = base / f"explorer-{os.getpid()}-{time.monotonic_ns()}"
    group.mkdir()
    try:
        name = "memory.limit_in_bytes" if first else "memory.max"
        (group / name).write_text(str(limit), encoding="ascii")
        yield group
    finally:
        for _ in range(100):
            try:
                group.rmdir()
                break
            except OSError:  # the last process is still leaving
                time.sleep(0.05)


def run_limited(arguments: list[str], limit: int = LIMIT) -> dict[str, object]:
    """Run this script in a group; what it prints as JSON, or how it ended."""
    with limited(limit) as group:
        done = subprocess.run(
            [sys.executable, __file__, *arguments],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid()), "ascii"),
        )
    lines = done.stdout.splitlines()
    found: dict[str, object] = {"tried": TRIED in lines}
    if done.returncode == -signal.SIGKILL:
        return found | {"outcome": "killed"}
    if done.returncode:
        return found | {"outcome": "failed", "why": done.stderr[-600:]}
    return found | json.loads(lines[-1])


def one(case: Case, forced: bool) -> dict[str, object]:
    """Run a case in this process and say what became of it."""
    from explorer.keras_side import build, layer_timing, timing
    from explorer.keras_side.machine_memory import NotEnoughMemory
    from explorer.worker.tasks import forward as keras_tasks
    from explorer.worker.tasks import pair as comparison_tasks

    timing._peak_flops = lambda *_: 1.0  # whose matrices are larger than a small model
    timing.MINIMUM_RUNS = 1
    keras_tasks.TIME_LIMIT = 0
    measure = layer_timing.time_layers
    keras_tasks.time_layers = lambda *given, **options: measure(*given, time_limit=0, **options)
    keras_tasks.is_afresh = lambda: True  # this process is
    keras_tasks.is_tried = lambda: print(TRIED, flush=True) is None
    if forced:
        keras_tasks.check_or_give_back = comparison_tasks.check_or_give_back = lambda check: None
        build.check_weights_fit = lambda report: None
    try:
        case.run()
    except NotEnoughMemory as error:
        return {"outcome": "refused", "why": str(error)}
    except Exception as error:
        if "memory" not in str(error).lower() and "OOM" not in str(error):
            raise
        return {"outcome": "exhausted", "why": str(error)[:300]}
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return {"outcome": "ran", "peak": int(found[1]) * 1024}


def judge(seed: int) -> tuple[str, str]:
    """Return what the check made of a drawn case, and what really becomes of it."""
    checked = run_limited(["case", str(seed)])
    if checked["outcome"] != "refused":
        return TRIED if checked["tried"] else "allowed", str(checked["outcome"])
    return "refused", str(run_limited(["case", str(seed), "forced"])["outcome"])


def main() -> None:
    what, *given = sys.argv[1:]
    if what == "case":
        print(json.dumps(one(draw(int(given[0])), forced="forced" in given)))
    elif what == "row":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        _, kind, name = TABLE[int(given[0])]
        net = UNet(filters=16, down_blocks=3, up_blocks=3) if name == "small" else presets[name]
        how = Measurement(step=kind if kind == "training step" else "forward pass")
        case = Case(net, (256, 256, 1), 1, kind, how)
        print(json.dumps({"needed": case.needed, **one(case, forced=False)}))
    elif what == "table":
        for number, (name, _, _) in enumerate(TABLE):
            found = run_limited(["row", str(number)])
            peak = f"{int(found['peak']) / 2**20:,.0f} MiB" if "peak" in found else found
            print(f"| {name} | {peak} |", flush=True)
    else:
        count, seed = (int(text) for text in [*given, 200, 0][:2]) if given else (200, 0)
        tally = Counter()
        for number in range(seed, seed + count):
            judged = judge(number)
            tally[judged] += 1
            print(number, *judged, draw(number), flush=True)
        for (check, outcome), times in sorted(tally.items()):
            print(f"{check}, {outcome}: {times}")


if __name__ == "__main__":
    main()
