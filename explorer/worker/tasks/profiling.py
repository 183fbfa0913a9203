"""What the worker process does to know how long kinds of work take on a device."""

from explorer.core.analysis.device_profile import DeviceProfile
from explorer.core.asking.measurement import Measurement
from explorer.keras_side.profiling import measure_profile
from explorer.worker.in_process import expect, is_overtaken


def profile_device(how: Measurement, seconds: float) -> DeviceProfile:
    """Time small networks for so many seconds; runs in the worker."""
    expect(seconds)
    return measure_profile(how, seconds=seconds, is_stale=is_overtaken)
