"""The layers are the reference's, on symbolic features and on Keras tensors."""

import keras
import pytest

from explorer.core.network.graph import Graph, input_feature
from tests.keras_helpers import Row, rows_of_graph, rows_of_model
from tests.reference import CASES, architecture_of, run


@pytest.fixture(params=range(len(CASES)), ids=lambda i: f"{CASES[i]['kind']}{i}")
def case(request) -> dict:
    return CASES[request.param]


def expected(case: dict) -> list[tuple]:
    return [
        (name, kind, tuple(shape), params, tuple(links))
        for name, kind, shape, params, links in case["layers"]
    ]


def check(case: dict, rows: list[Row]) -> None:
    assert [(*row[:4], row.links) for row in rows] == expected(case)
    assert sum(row.params for row in rows) == case["total_params"]
    assert sum(row.trainable for row in rows) == case["trainable_params"]


def check_features(case: dict, features: list | None, name_of) -> None:
    found = features and [
        [
            {
                "stride": feature.stride,
                "shape": list(feature.tensor.shape),
                "layer": name_of(feature.tensor),
            }
            for feature in stack
        ]
        for stack in features
    ]
    assert found == case.get("intermediate_features")


def test_traced_layers_are_those_of_the_reference(case):
    _, outputs, features = run(case, input_feature)
    check(case, rows_of_graph(Graph(outputs)))
    check_features(case, features, lambda feature: feature.name)


def test_keras_layers_are_those_of_the_reference(case):
    inputs, outputs, features = run(case, keras.Input)
    check(case, rows_of_model(keras.Model(inputs, outputs)))
    check_features(case, features, lambda tensor: tensor._keras_history.operation.name)


@pytest.mark.parametrize(
    "case", [case for case in CASES if "strides" in case], ids=lambda case: case["kind"]
)
def test_strides_are_those_of_the_reference(case):
    architecture = architecture_of(case)
    assert {name: getattr(architecture, name) for name in case["strides"]} == case["strides"]
