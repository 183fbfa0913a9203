"""Whatever stands somewhere in a file: a design can be traced, or a sentence says what is wrong."""

from contextlib import suppress
from copy import deepcopy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from explorer import export, load, trace
from explorer.core.network.errors import Refusal
from tests.core.exchange import test_sleap, test_sleap_nn

DOCUMENTS = {
    "sleap": [
        test_sleap.profile(
            "multi_instance",
            {
                "confmaps": {"part_names": ["a", "b"], "output_stride": 2},
                "pafs": {"edges": [["a", "b"]], "output_stride": 4},
            },
        ),
        test_sleap.profile("centered_instance", crop_size=64),
        test_sleap.resnet(upsampling={"skip_connections": "add", "filters": 8, "block_stride": 2}),
        test_sleap.OLD,
    ],
    "sleap-nn": [
        test_sleap_nn.config("bottomup", {"confmaps": test_sleap_nn.CONFMAPS, "pafs": {}}, total=3),
        test_sleap_nn.config(unet={"stem_stride": 2}),
    ],
}
PLAIN = st.none() | st.booleans() | st.integers(-3, 70) | st.floats(-2, 4)
PLAIN |= st.sampled_from([10**17, -(10**17), 1e300, 8.0, "${a}", "", "a", "None"])
NAMES = st.sampled_from(["unet", "class", "", 1, None, True, "a" * 999])
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=4,
)


def places(value, path=()):
    """Yield the way to every value in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, key))


@pytest.mark.parametrize("kind", DOCUMENTS)
@given(data=st.data())
def test_a_damaged_document_is_read_or_refused_in_a_sentence(kind, data):
    document = deepcopy(data.draw(st.sampled_from(DOCUMENTS[kind])))
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(list(places(document))))
        fields = document
        for step in path:
            fields = fields[step]
        fields[last] = data.draw(VALUES)
    told = None
    try:
        found = load(yaml.safe_dump(document))
    except Refusal as error:
        told = str(error)
    if told is not None:
        assert told.startswith("The text")
        assert len(told) < 700
        return
    size = found.architecture.maximum_stride
    assert trace(found.architecture, (size, size, 1))
    assert all(side is None or side % size == 0 for side in found.input_shape[:2])
    text = None
    with suppress(Refusal):
        text = export(found.architecture, kind, found.input_shape, document=found.document)
    if text is not None:
        again = load(text)
        assert again.architecture == found.architecture
        assert again.input_shape[:2] == found.input_shape[:2]
