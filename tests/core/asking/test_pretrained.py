"""The files of the tiny trained networks: small, and read without NumPy."""

import pytest

from explorer import ParameterError, trace
from explorer.core.asking.pretrained import file_of, pretrained, pretrained_of


@pytest.mark.parametrize("name", pretrained)
def test_a_file_has_all_weights_of_its_network_at_any_size(name):
    example = pretrained[name]
    assert example.path.stat().st_size < 300_000
    stride = example.architecture.maximum_stride
    graph = trace(example.architecture, (2 * stride, 6 * stride, 1))
    weights = example.weights(graph)
    assert {node.name for node in graph if sum(node.weights)} == set(weights)
    for node in graph:
        sizes = [len(values) // 2 for _, values in weights.get(node.name, ())]
        assert sum(sizes) == sum(node.weights)
    assert example.seconds > 0
    assert example.training.task.metric.text(example.metric) in example.about


def test_what_is_written_is_read_again():
    content = file_of({"a/0": ((2, 1), b"\0\1\2\3"), "a/1": ((1,), b"\4\5")}, {"metric": "0.5"})
    assert content.endswith(b"\0\1\2\3\4\5")
    assert int.from_bytes(content[:8], "little") + 8 + 6 == len(content)


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ParameterError, match=r"choose one of U-Net, "):
        pretrained_of("VGG")
