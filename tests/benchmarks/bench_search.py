"""How long 10,000 U-Nets take to judge, with their analysis and receptive fields.

One after the other in this process, in processes of this machine, and on a cluster of Dask's with
as many.
"""

from concurrent.futures import Executor
from functools import partial
from statistics import median
from typing import Literal

import distributed
from benchmarking import milliseconds, print_machine
from loky import cpu_count

from explorer import Budget, UNet, search

#: More than 10,000 combinations, every one a network.
VARY = {
    "filters": [4, 6, 8, 12, 16, 20, 24, 32, 40, 48],
    "filters_rate": [1.0, 1.4, 1.5, 2.0],
    "kernel_size": [3, 5],
    "convs_per_block": [1, 2, 3],
    "stem_blocks": [0, 1],
    "down_blocks": [2, 3, 4, 5],
    "middle_block": [False, True],
    "up_interpolate": [False, True],
    "skips": ["concatenate", "add", "none"],
}
CANDIDATES, RUNS, AIM, MOST_OVERHEAD = 10_000, 3, 6, 10


def main() -> None:
    print_machine()
    with (
        distributed.LocalCluster(
            n_workers=cpu_count(), threads_per_worker=1, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executors = {"this process": "serial", "processes": None, "Dask": client.get_executor()}
        seconds: dict[str, list[float]] = {name: [] for name in executors}
        found: dict[str, str] = {}
        for _ in range(RUNS):  # in turn, so that what else the machine does meets all
            for name, executor in executors.items():
                run = partial(judge_all, executor, found, name)
                seconds[name].append(milliseconds(run) / 1000)
    assert len(set(found.values())) == 1
    serial, processes, dask = (median(taken) for taken in seconds.values())
    first = seconds["processes"][0]
    print(f"{CANDIDATES:,} U-Nets in this process: {serial:.2f} s")
    print(f"in processes: {processes:.2f} s, {serial / processes:.2f} times as fast, aim < {AIM} s")
    print(f"the first time, when they are started: {first:.2f} s")
    overhead = 100 * (dask / processes - 1)
    print(f"on Dask: {dask:.2f} s, {overhead:+.0f} % to processes, aim < {MOST_OVERHEAD} %")


def judge_all(
    executor: Executor | Literal["serial"] | None, found: dict[str, str], name: str
) -> None:
    result = search(
        UNet,
        [Budget("receptive field", at_least=180)],
        vary=VARY,
        most=CANDIDATES,
        executor=executor,
        progress=lambda done, total, some: None,
    )
    assert result.tried == CANDIDATES
    assert not result.skipped
    found[name] = result.to_csv()


if __name__ == "__main__":
    main()
