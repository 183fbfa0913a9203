"""A search on a real cluster of Dask's: the same as here, whatever becomes of workers."""

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import Any

import pytest

from explorer import UNet
from explorer.searching.running import results
from explorer.searching.search import search

distributed = pytest.importorskip("distributed")

VARY = {"filters": [4, 6, 8], "down_blocks": [1, 2, 3], "kernel_size": [3, 5], "skips": ["none"]}


# Workers that end say so by warnings, which are errors here.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


@pytest.fixture
def executor(client: Any) -> Executor:
    return client.get_executor()


def test_gives_the_same_as_this_process(executor: Executor) -> None:
    given = {"vary": VARY, "input_shape": (32, 32, 1)}
    far = search(UNet, **given, executor=executor)
    assert repr(far) == repr(search(UNet, **given, executor="serial"))
    assert far.to_json() == search(UNet, **given, executor="serial").to_json()


def test_has_few_chunks_that_come_back_in_one_piece(
    client: Any, executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each costs the cluster as much as some combinations do, and so does each piece."""
    sizes: list[int] = []
    submit = client.submit

    def noting(call: Any, numbers: Any, **options: Any) -> Any:
        sizes.append(len(numbers))
        sent = distributed.protocol.Serialize(call(numbers[:9]))
        assert len(distributed.protocol.serialize(sent)[1]) == 1
        return submit(call, numbers, **options)

    monkeypatch.setattr(client, "submit", noting)
    given = {"vary": {"filters": [*range(4, 104)]}, "input_shape": (32, 32, 1)}
    assert search(UNet, **given, executor=executor).tried == 100
    assert sizes == [50, 50]


def end_once(given: tuple[str, int]) -> int:
    file, number = given
    if number == 7 and not os.path.exists(file):
        with open(file, "w") as noted:
            noted.write(str(os.getpid()))
        os._exit(1)
    return number * number


def test_a_worker_that_is_killed_costs_nothing_but_time(executor: Executor, tmp_path) -> None:
    file = tmp_path / "ended"
    chunks = [(str(file), number) for number in range(20)]
    found = sorted(each for each in results(end_once, chunks, executor) if each is not None)
    assert found == [number * number for number in range(20)]
    assert int(file.read_text()) != os.getpid()  # it did happen, elsewhere


def note(folder: str) -> str:
    return tempfile.mkdtemp(dir=folder)


def test_looks_for_no_result_of_the_same_work(executor: Executor, tmp_path) -> None:
    """It would compare all that is sent with each chunk."""
    for made in results(note, [str(tmp_path)] * 3, executor):
        assert made is None or os.path.isdir(made)
    assert len(os.listdir(tmp_path)) == 3


def slowly(given: tuple[str, int]) -> int:
    folder, number = given
    time.sleep(0.05)
    open(os.path.join(folder, str(number)), "w").close()
    return number


def test_who_stops_cancels_what_has_not_begun(client: Any, executor: Executor, tmp_path) -> None:
    coming = results(slowly, [(str(tmp_path), number) for number in range(200)], executor)
    next(each for each in coming if each is not None)
    coming.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 60
    while any(client.processing().values()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(client.processing().values())
    assert len(os.listdir(tmp_path)) < 150
