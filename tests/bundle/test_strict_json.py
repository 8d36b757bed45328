from __future__ import annotations

import json
import time

import pytest

from speechcnn.bundle import strict_json


@pytest.mark.parametrize("value", [None, [], {"a": [1, -2.5, 'x\n"[{,æ', True], "b": {"c": None}}, -(2**63), "\\"])
def test_what_json_has_is_read_as_the_standard_library_reads_it(value) -> None:
    assert strict_json.parse(json.dumps(value).encode(), "it") == value
    assert strict_json.parse(json.dumps(value, ensure_ascii=False, indent=2).encode(), "it") == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"[NaN]", "NaN is no JSON number"),
        (b"-Infinity", "-Infinity is no JSON number"),
        (b"[1e999]", "1e999 is no JSON number"),
        (b"9223372036854775808", "more than 64 bits"),
        (b"9" * 5000, "more than 64 bits"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b"[" * 17 + b"]" * 17, "nested deeper than 16"),
        (b"[" * 1_000_000, "holds more than 100000 values"),
        (b"[" + b"1," * 100_000 + b"1]", "holds more than 100000 values"),
        (b'["\\u001b[31m"]', "control characters"),
        (b'{"\\u202e": 1}', "control characters"),
        (b'"\\ud800"', "control characters"),
        (b"\xff\xfe", "it: 'utf-8' codec"),
        (b'"', "it: Unterminated"),
        (b"", "it: Expecting value"),
        (b"{'a': 1}", "it: "),
    ],
)
def test_what_json_has_not_is_refused(text: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        strict_json.parse(text, "it")


def test_brackets_in_texts_do_not_count() -> None:
    text = '["' + "[{" * 200_000 + '\\"[["]'
    assert strict_json.parse(text.encode(), "it") == json.loads(text)


@pytest.mark.parametrize("text", [b'"\\' * 1_000_000, b'"' * 999_999, b"\\" * 2_000_000, b'{"a":"' * 90_000])
def test_no_text_takes_more_than_linear_time(text: bytes) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match="it"):
        strict_json.parse(text, "it")
    assert time.perf_counter() - start < 2
