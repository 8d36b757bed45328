from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from speechcnn.arguments import SettingsError, construct


class Layer:
    def __init__(self, n_classes: int, size: int, rate: float = 0.5, kind: Literal["a", "b"] = "a") -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1; got {size}.")
        self.size, self.rate, self.n_classes, self.kind = size, rate, n_classes, kind


class Stack:
    def __init__(self, sizes: Sequence[int] = (1,), name_of: str | None = None) -> None:
        self.sizes = sizes


TABLE = {"layer": Layer, "stack": Stack}


def test_builds_by_name_with_derived_arguments() -> None:
    layer = construct("model", TABLE, {"name": "layer", "size": 3}, n_classes=7, unused=1)
    assert (layer.size, layer.n_classes, layer.rate) == (3, 7, 0.5)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "lair"}, r"model.name must be one of layer, stack; got 'lair'"),
        ({"size": 1}, r"model.name must be one of layer, stack; got None"),
        ({"name": "layer", "sise": 1}, r"model.sise is not known. Did you mean size\? Known here: size, rate, kind"),
        ({"name": "layer", "size": 1, "n_classes": 2}, r"model.n_classes is not known"),
        ({"name": "layer", "size": "three"}, r"model.size must be int; got 'three'"),
        ({"name": "layer", "size": True}, r"model.size must be int; got True"),
        ({"name": "layer", "size": 1.5}, r"model.size must be int; got 1.5"),
        ({"name": "layer", "size": 1, "kind": "c"}, r"model.kind must be one of 'a', 'b'; got 'c'"),
        ({"name": "layer", "size": 0}, r"model: size must be at least 1; got 0"),
        ({"name": "stack", "sizes": [1, "x"]}, r"model.sizes must be .*Sequence.*; got \[1, 'x'\]"),
        ({"name": "stack", "name_of": 3}, r"model.name_of must be str or null; got 3"),
        ({"name": "layer"}, r"model: .*missing.*size"),
        ({"name": ["layer"]}, r"model.name must be one of layer, stack; got \['layer'\]"),
        ({"name": "layer", "size": 2**63}, "model.size must be a finite number of at most 64 bits; got 92233"),
        ({"name": "layer", "size": 1, "rate": float("nan")}, "model.rate must be a finite number"),
        ({"name": "layer", "size": 1, "rate": 10**400}, r"model.rate must be a finite number .*; got 10{190,}\.{4}$"),
        ({"name": "stack", "sizes": [1] * 10_001}, r"model.sizes must be .*; got \[1, 1.*\.\.\.$"),
        ({"name": "layer", "x" * 10_000: 1}, r"^model.x{200} is not known"),
        ("layer", "model must be keys with values; got 'layer'"),
    ],
)
def test_refuses_with_a_sentence_that_names_the_key(settings: dict, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        construct("model", TABLE, settings, n_classes=7)


def test_an_int_is_a_float_and_a_list_a_sequence() -> None:
    assert construct("m", Layer, {"size": 2, "rate": 1}, n_classes=1).rate == 1
    assert construct("m", Stack, {"sizes": [2, 3]}).sizes == [2, 3]
