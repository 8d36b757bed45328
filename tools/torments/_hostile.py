"""Hostile model files by name, each built from a good one with one thing wrong; sums fit wherever they can.

A payload that runs would leave something called marker in the working folder.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torments.mutations import MODEL, members, seal

from speechcnn import bundle
from speechcnn.bundle import archive

CARD, WEIGHTS, MANIFEST = bundle.CARD, bundle.WEIGHTS, bundle.MANIFEST
ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


class Marker:
    """Makes a folder called marker when it is unpickled."""

    def __reduce__(self) -> tuple:
        return (os.mkdir, ("marker",))


def pickled() -> bytes:
    return pickle.dumps({"model.first.weight": Marker()})


def saved_by_torch(zipped: bool) -> bytes:
    file = io.BytesIO()
    torch.save({"state": Marker()}, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def saved_by_numpy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Marker()], dtype=object), allow_pickle=True)
    return file.getvalue()


def zipped(parts: list[tuple[str | zipfile.ZipInfo, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as target:
        for name, content in parts:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            info.compress_type = compression
            target.writestr(info, content)
    return file.getvalue()


def with_member(name: str, content: bytes = b"x", mode: int = 0o600) -> bytes:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return zipped([*members().items(), (info, content)])


def with_card(change: Callable[[dict[str, Any]], object]) -> bytes:
    card = json.loads(members()[CARD])
    change(card)
    return with_text(json.dumps(card, indent=1))


def with_text(text: str | bytes) -> bytes:
    return seal(members() | {CARD: text if isinstance(text, bytes) else text.encode()})


def with_phrase(old: str, new: str) -> bytes:
    text = members()[CARD].decode()
    if old not in text:
        raise LookupError(f"the good card does not hold {old}")
    return with_text(text.replace(old, new, 1))


def with_header(header: object, n_bytes: int = 8, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = struct.pack("<Q", len(text) if length is None else length) + text + bytes(n_bytes)
    return seal(members() | {WEIGHTS: content})


def with_entries(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Change the header of the good tensors and keep their bytes."""
    content = members()[WEIGHTS]
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return seal(members() | {WEIGHTS: struct.pack("<Q", len(text)) + text + content[8 + length :]})


def patched(place: int, content: bytes) -> bytes:
    data = bytearray(MODEL.read_bytes())
    place %= len(data)
    data[place : place + len(content)] = content
    return bytes(data)


def first(header: dict[str, Any]) -> dict[str, Any]:
    return header[min(header)]


def sparse(path: Path, size: int) -> None:
    """A file that claims gigabytes of weights and holds a hole of that size."""
    text = json.dumps({"x.y": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    head = struct.pack("<Q", len(text)) + text
    card = members()[CARD]
    start = b"".join(archive.pack({CARD: card}))[: 30 + len(CARD) + len(card)]
    seals = {CARD: (zlib.crc32(card), len(card)), WEIGHTS: (0, len(head) + size), MANIFEST: (zlib.crc32(b"{}"), 2)}
    with path.open("wb") as file:
        file.write(start + archive._local(WEIGHTS, *seals[WEIGHTS]) + head)
        file.seek(size, os.SEEK_CUR)
        file.write(archive._local(MANIFEST, *seals[MANIFEST]) + b"{}" + archive._directory(seals))


def many_members() -> bytes:
    return zipped([*members().items(), *((f"{number}", b"") for number in range(20_000))])


ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
PICKLES: dict[str, Callable[[], bytes]] = {
    "a pickle": pickled,
    "a pickle of protocol 0": lambda: pickle.dumps(Marker(), protocol=0),
}
FILES: dict[str, Callable[[], bytes]] = {
    **PICKLES,
    "nothing": lambda: b"",
    "a text": lambda: b"This is no model.",
    "a torch.save archive": lambda: saved_by_torch(True),
    "a torch.save pickle of old": lambda: saved_by_torch(False),
    "a numpy object array": saved_by_numpy,
    "a pickle in place of the weights": lambda: seal(members() | {WEIGHTS: pickled()}),
    "a pickle in place of the card": lambda: seal(members() | {CARD: pickled()}),
    "a pickle beside the members": lambda: with_member("data.pkl", pickled()),
    "a pickle behind the archive": lambda: MODEL.read_bytes() + pickled(),
    "a script before the archive": lambda: b"#!/bin/sh\ntouch marker\n" + MODEL.read_bytes(),
    "a path that climbs": lambda: with_member("../marker"),
    "a path from the root": lambda: with_member("/tmp/marker"),
    "a path with a drive": lambda: with_member("C:\\marker"),
    "a symbolic link": lambda: with_member("link", b"/etc/passwd", 0o120777),
    "a member that stands twice": lambda: with_member(CARD, members()[CARD]),
    "a name with a zero byte": lambda: MODEL.read_bytes().replace(b"model.json", b"model\0json"),
    "a look-alike name": lambda: zipped([("mоdel.json", members()[CARD]), *list(members().items())[1:]]),
    "members in another order": lambda: zipped(list(members().items())[::-1]),
    "a member missing": lambda: zipped(list(members().items())[:2]),
    "twenty thousand members": many_members,
    "an archive in the archive": lambda: zipped([(CARD, MODEL.read_bytes()), *list(members().items())[1:]]),
    "compressed members": lambda: zipped(list(members().items()), zipfile.ZIP_DEFLATED),
    "a bomb of zeros": lambda: zipped([(CARD, bytes(2**26)), *list(members().items())[1:]], zipfile.ZIP_DEFLATED),
    "a bomb of bzip2": lambda: zipped([(CARD, bytes(2**26)), *list(members().items())[1:]], zipfile.ZIP_BZIP2),
    "a comment": lambda: patched(-2, struct.pack("<H", 5)) + b"touch",
    "an encryption flag": lambda: patched(6, b"\x01"),
    "a size of four gigabytes": lambda: patched(18, b"\xff" * 8),
    "a count of members that lies": lambda: patched(-14, b"\xff\xff\xff\xff"),
    "a directory elsewhere": lambda: patched(-6, struct.pack("<L", 2**32 - 1)),
    "half a file": lambda: MODEL.read_bytes()[:1500],
    "a manifest of other sums": lambda: b"".join(archive.pack(members() | {MANIFEST: b"{}"})),
    "a manifest that names more": lambda: b"".join(
        archive.pack(members() | {MANIFEST: members()[MANIFEST].replace(b"{", b'{"x": "y",')})
    ),
    "a card that is no JSON": lambda: with_text("__import__('os').system('touch marker')"),
    "a card of YAML with a tag": lambda: with_text("a: !!python/object/apply:os.system ['touch marker']"),
    "a card of YAML aliases": lambda: with_text(ALIASES),
    "a card that is a list": lambda: with_text("[]"),
    "a card in UTF-16": lambda: with_text(members()[CARD].decode().encode("utf-16")),
    "a card a hundred thousand deep": lambda: with_text("[" * 100_000 + "]" * 100_000),
    "a card of a million values": lambda: with_text("[" + "0," * 10**6 + "0]"),
    "a card above its size": lambda: with_text(b" " * (2**22 + 1)),
    "a key that stands twice": lambda: with_phrase('"task"', '"task": "phones", "task"'),
    "labels that are NaN": lambda: with_phrase('"h#"', "NaN"),
    "a weight that is infinite": lambda: with_phrase('"lm_scale": 1.0', '"lm_scale": Infinity'),
    "a weight that overflows": lambda: with_phrase('"lm_scale": 1.0', '"lm_scale": 1e999'),
    "a number of five thousand digits": lambda: with_phrase('"n_states": 3', '"n_states": ' + "3" * 5000),
    "a label that commands the terminal": lambda: with_phrase('"h#"', '"\\u001b]0;owned\\u0007"'),
    "half a surrogate pair": lambda: with_phrase('"h#"', '"\\ud800"'),
    "format 99": lambda: with_card(lambda c: c.update(format=99)),
    "format -1": lambda: with_card(lambda c: c.update(format=-1)),
    "a format that is a text": lambda: with_card(lambda c: c.update(format="1")),
    "a format that is true": lambda: with_card(lambda c: c.update(format=True)),
    "_target_ in the network": lambda: with_card(lambda c: c["model"].update(_target_="os.system")),
    "_target_ in a list": lambda: with_card(lambda c: c["model"].update(hidden=[{"_target_": "os.system"}])),
    "_target_ in the features": lambda: with_card(lambda c: c["features"].update(_target_="os.system", command="id")),
    "a network called os.system": lambda: with_card(lambda c: c["model"].update(name="os.system")),
    "a network called torch.load": lambda: with_card(lambda c: c["model"].update(name="torch.load")),
    "a network's name that is a list": lambda: with_card(lambda c: c["model"].update(name=["dnn"])),
    "a network's __init__": lambda: with_card(lambda c: c["model"].update(__init__="x", self=1)),
    "an environment variable": lambda: with_card(lambda c: c["model"].update(name="${oc.env:HOME}")),
    "settings that are a text": lambda: with_card(lambda c: c.update(model="dnn")),
    "a layer of a billion": lambda: with_card(lambda c: c["model"].update(hidden=[10**9])),
    "a quintillion maps": lambda: with_card(lambda c: c["model"].update(maps=10**18)),
    "ten thousand layers": lambda: with_card(lambda c: c["model"].update(hidden=[1] * 10_000)),
    "ninety thousand layers": lambda: with_card(lambda c: c["model"].update(hidden=[1] * 90_000)),
    "a context of a billion frames": lambda: with_card(lambda c: c["model"].update(context=10**9 + 1)),
    "a window of a year": lambda: with_card(lambda c: c["features"].update(window_ms=3e10)),
    "a shift of nothing": lambda: with_card(lambda c: c["features"].update(shift_ms=1e-300)),
    "a billion bands": lambda: with_card(lambda c: c["features"].update(n_bands=10**9)),
    "a billion deltas": lambda: with_card(lambda c: c["features"].update(deltas=10**9)),
    "a rate of a terahertz": lambda: with_card(lambda c: c["features"].update(rate=10**12)),
    "a billion states": lambda: with_card(lambda c: c.update(n_states=10**9)),
    "fewer states than none": lambda: with_card(lambda c: c.update(n_states=-3)),
    "no labels": lambda: with_card(lambda c: c.update(labels=[])),
    "ninety thousand labels": lambda: with_card(lambda c: c.update(labels=[str(i) for i in range(90_000)])),
    "labels that are objects": lambda: with_card(lambda c: c.update(labels=[{}, {}, {}])),
    "a decoder of other keys": lambda: with_card(lambda c: c.update(decoder={"eval": "1"})),
    "no decoder": lambda: with_card(lambda c: c.pop("decoder")),
    "another task": lambda: with_card(lambda c: c.update(task={"a": 1})),
    "a header of 2^63 bytes": lambda: with_header({}, length=2**63),
    "a header of a hundred megabytes": lambda: with_header({}, length=10**8),
    "a header that is no JSON": lambda: with_header(b"\xff" * 20),
    "a header of twenty thousand tensors": lambda: with_header({f"a.b{i}": ENTRY for i in range(20_000)}),
    "a tensor that stands twice": lambda: with_header(b'{"a.b": 1, "a.b": 1}'),
    "metadata in the header": lambda: with_entries(lambda h: h.update(__metadata__={"run": "touch marker"})),
    "a tensor named like a path": lambda: with_entries(lambda h: h.update({"../../marker": h.pop(min(h))})),
    "overlapping tensors": lambda: with_header({"a.b": ENTRY, "a.c": ENTRY}),
    "a hole between tensors": lambda: with_header({"a.b": ENTRY, "a.c": ENTRY | {"data_offsets": [16, 24]}}, 24),
    "offsets below zero": lambda: with_header({"a.b": ENTRY | {"data_offsets": [-8, 0]}}),
    "offsets beyond the end": lambda: with_header({"a.b": ENTRY | {"shape": [2**20], "data_offsets": [0, 2**22]}}),
    "a shape that overflows": lambda: with_header({"a.b": ENTRY | {"shape": [2**31, 2**31, 4]}}),
    "a shape of nothing times much": lambda: with_header({"a.b": ENTRY | {"shape": [0, 2**31]}}, 0),
    "a shape of a hundred axes": lambda: with_header({"a.b": ENTRY | {"shape": [1] * 100}}),
    "a shape of fractions": lambda: with_header({"a.b": ENTRY | {"shape": [2.0]}}),
    "objects as numbers": lambda: with_header({"a.b": ENTRY | {"dtype": "OBJECT"}}),
    "a type that is a list": lambda: with_header({"a.b": ENTRY | {"dtype": ["F32"]}}),
    "a weight that is NaN": lambda: seal(members() | {WEIGHTS: members()[WEIGHTS][:-4] + struct.pack("<f", np.nan)}),
    "a tensor of another shape": lambda: with_entries(lambda h: first(h).update(shape=[*first(h)["shape"], 1])),
    "a tensor of another group": lambda: with_entries(lambda h: h.update({"code.x": h.pop(min(h))})),
    "a tensor of another name": lambda: with_entries(lambda h: h.update({"model.x": h.pop("model.first.bias")})),
}


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


# Paths that are no plain files, or too large to build as bytes.
PATHS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "an endless device": device,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a hole of three gigabytes": lambda path: (path.touch(), os.truncate(path, 3 * 2**30)),
    "weights of two gigabytes": lambda path: sparse(path, 2**31 - 2**25),
}
