import pytest

from explorer import DeviceProfile, UNet, profile_device, search, time_best, trace
from explorer.core.analysis.device_profile import work_of
from explorer.core.network.errors import Refusal


def test_too_short_a_profile_says_so():
    with pytest.raises(Refusal, match="give more seconds"):
        profile_device(device="CPU:0", seconds=0)


def test_the_best_of_a_search_are_timed():
    kinds = work_of(trace(UNet(), (64, 64, 1)), 1)
    profile = DeviceProfile("CPU", "", "graph", "float32", dict.fromkeys(kinds, 1e-9), 0.1)
    found = search(
        UNet(down_blocks=2, up_blocks=2),
        minimise=("time", "parameters"),
        vary={"filters": (4, 8), "kernel_size": (3, 5), "skips": ("add", "none")},
        input_shape=(64, 64, 1),
        profile=profile,
    )
    times = [each.values["time"] for each in found.best]
    assert times == sorted(times)
    assert times[0] == profile.predict(found.best[0].design) > 0

    timed = time_best(found, 1, device="CPU:0")
    first, *others = timed.best
    assert 0 < first.measured < 10
    assert all(each.measured is None for each in others)
    assert timed.rows()[0]["measured time"] == first.measured
    assert "measured" in repr(timed)
    assert "measured time" not in found.rows()[0]
