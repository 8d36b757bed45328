from __future__ import annotations

import json
import struct

import pytest
import torch
from safetensors.torch import save
from torch import nn

from speechcnn.bundle import tensors

WHOLE = {"a.b": torch.arange(6.0).reshape(2, 3), "a.c": torch.tensor(7), "a.d": torch.ones(3, dtype=torch.bfloat16)}


def parse(content: bytes) -> dict[str, torch.Tensor]:
    tensors.outline(content[: tensors.MOST_HEAD_BYTES], len(content))
    return tensors.load(content)


def member(header: object, n_bytes: int = 8) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(n_bytes)


def entry(shape=(2,), dtype="F32", begin=0, end=8, **more) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end], **more}


def test_what_safetensors_writes_is_read() -> None:
    found = parse(save(WHOLE))
    assert found.keys() == WHOLE.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in WHOLE.items())
    tensors.check_fit(WHOLE, tensors.outline(save(WHOLE), len(save(WHOLE))))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cut off or too long"),
        (struct.pack("<Q", 2**63) + b"{}", "cut off or too long"),
        (struct.pack("<Q", 2**20 + 1) + bytes(2**21), "cut off or too long"),
        (member(b"[]", 0), "must be an object"),
        (member({f"a.{i}": 1 for i in range(10_001)}), "up to 10000 tensors"),
        (member(b'{"a.b": 1, "a.b": 2}'), "a key stands twice"),
        (member({"__metadata__": {"x": "y"}, "a.b": entry()}), "'__metadata__' is no name"),
        (member({"../etc": entry()}), "is no name of a tensor"),
        (member({"a": entry()}), "is no name of a tensor"),
        (member({"a.b": [1]}), "must have dtype, shape and data_offsets"),
        (member({"a.b": entry(code="x")}), "must have dtype, shape and data_offsets"),
        (member({"a.b": entry(dtype="OBJECT")}), "must be one of F64"),
        (member({"a.b": entry(dtype=["F32"])}), "must be one of F64"),
        (member({"a.b": entry(shape=[2.0])}), "whole numbers"),
        (member({"a.b": entry(shape=[-1, -2])}), "whole numbers"),
        (member({"a.b": entry(shape=[True, 2])}), "whole numbers"),
        (member({"a.b": entry(shape=[1] * 9)}), "up to 8 axes"),
        (member({"a.b": entry(shape=[2**31, 2**31])}), "needs 18446744073709551616 bytes"),
        (member({"a.b": entry(shape=[0, 2**31], end=0)}, 0), "more than none"),
        (member({"a.b": entry(), "a.c": entry()}), "must start at byte 8"),
        (member({"a.b": entry(), "a.c": entry(begin=12, end=20)}, 20), "must start at byte 8"),
        (member({"a.b": entry(begin=8, end=0)}), "must start at byte 0"),
        (member({"a.b": entry()}, 9), "need 8 bytes, 9 are there"),
        (member({"a.b": entry()}, 7), "need 8 bytes, 7 are there"),
        (save({"a.b": torch.tensor([1.0, float("nan")])}), "not finite in a.b"),
        (save({"a.b": torch.tensor(float("inf"), dtype=torch.float64)}), "not finite in a.b"),
    ],
)
def test_a_header_that_lies_is_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse(content)


def test_a_module_takes_exactly_its_tensors() -> None:
    with torch.device("meta"):
        module = nn.Linear(3, 2).state_dict()
    fitting = {"weight": torch.ones(2, 3), "bias": torch.ones(2)}
    tensors.check_fit(module, fitting)
    with pytest.raises(ValueError, match=r"^weight must be float32 \[2, 3\], is float64 \[2, 3\]$"):
        tensors.check_fit(module, fitting | {"weight": torch.ones(2, 3).double()})
    with pytest.raises(
        ValueError, match=r"bias must be float32 \[2\], is absent; more must be absent, is float32 \[1\]"
    ):
        tensors.check_fit(module, {"weight": torch.ones(2, 3), "more": torch.ones(1)})
