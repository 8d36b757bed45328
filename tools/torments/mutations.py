"""Thousands of mutated files of every kind that is read here: each is read or refused with a sentence."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torture
from torments import _cases

from speechcnn import audio, bundle, transcripts
from speechcnn.bundle import archive
from speechcnn.corpora.timit_tree import read_phones
from speechcnn.labels import Segment
from speechcnn.recognizer import load

FULL, QUICK = 10_000, 220
HANG_SECONDS, MOST_BYTES = 2.0, 512 * 2**20
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
MODEL = Path(__file__).parents[2] / "tests" / "data" / "format_1.speechcnn"
SEGMENTS = [Segment("h#", 0.0, 0.125), Segment("sh", 0.125, 0.25), Segment("iy", 0.25, 0.5)]


def sound(form: str, subtype: str, n_channels: int = 1) -> bytes:
    samples = 0.3 * np.random.default_rng(1).standard_normal((8000, n_channels)).clip(-3, 3)
    file = io.BytesIO()
    soundfile.write(file, samples, 48000 if subtype == "OPUS" else 16000, subtype, format=form)
    return file.getvalue()


def sphere() -> bytes:
    fields = (
        "NIST_1A\n   1024\nsample_count -i 4000\nsample_rate -i 16000\nchannel_count -i 1\nsample_n_bytes -i 2\n"
        "sample_byte_format -s2 01\nsample_sig_bits -i 16\nsample_coding -s3 pcm\nend_head\n"
    )
    return fields.encode().ljust(1024) + np.random.default_rng(1).integers(-9999, 9999, 4000).astype("<i2").tobytes()


def hear(path: Path) -> None:
    samples, _ = audio.read(path)
    if not np.isfinite(samples).all():
        raise RuntimeError("samples that are not finite were read")


def read_text(read: Callable[[str], object]) -> Callable[[Path], None]:
    return lambda path: (read(path.read_text(encoding="utf-8", errors="replace")), None)[1]


def labels(path: Path) -> None:
    lines, faults = read_phones(path)
    if not lines and not faults:
        raise RuntimeError("neither lines nor faults")
    if faults:
        raise ValueError(faults[0][1])


def members() -> dict[str, bytes]:
    with MODEL.open("rb") as file:
        found = archive.locate(file, bundle.MOST_BYTES)
        return {name: archive.content(file, member) for name, member in found.items()}


def resealed(name: str) -> Callable[[bytes], bytes]:
    """Put a mutated member into a model file whose sums fit again, so that the mutation reaches the parsers."""

    def put(content: bytes) -> bytes:
        return seal(members() | {name: content})

    return put


def seal(parts: dict[str, bytes]) -> bytes:
    sums = {name: bundle.digest(parts[name]) for name in (bundle.CARD, bundle.WEIGHTS)}
    return b"".join(archive.pack(parts | {bundle.MANIFEST: bundle.manifest(sums)}))


def as_is(content: bytes) -> bytes:
    return content


def kinds() -> dict[str, tuple[list[bytes], Callable[[Path], object], Callable[[bytes], bytes]]]:
    """By name: whole files to start from, the reader, and what is done after mutating."""
    phn, grid = transcripts.write_phn(SEGMENTS).encode(), transcripts.write_textgrid(SEGMENTS).encode()
    listed = transcripts.write_json({"a": SEGMENTS, "b": SEGMENTS}).encode()
    found = {
        "WAV": ([sound("WAV", "PCM_16"), sound("WAV", "FLOAT", 2), sound("WAVEX", "PCM_24")], hear, as_is),
        "FLAC": ([sound("FLAC", "PCM_16"), sound("FLAC", "PCM_24", 8)], hear, as_is),
        "Ogg": ([sound("OGG", "VORBIS"), sound("OGG", "OPUS", 2)], hear, as_is),
        "SPHERE": ([sphere()], hear, as_is),
        "PHN": ([phn], labels, as_is),
        "JSON": ([listed], read_text(transcripts.read_json), as_is),
        "CTM": ([transcripts.write_ctm({"a": SEGMENTS}).encode()], read_text(transcripts.read_ctm), as_is),
        "TRN": ([b"h# sh iy (a)\nsh (b)\n"], read_text(transcripts.read_trn), as_is),
        "model zip": ([MODEL.read_bytes()], load, as_is),
        "model.json": ([members()[bundle.CARD]], load, resealed(bundle.CARD)),
        "weights": ([members()[bundle.WEIGHTS]], load, resealed(bundle.WEIGHTS)),
    }
    for name, read, content in (("TextGrid", "read_textgrid", grid), ("PHN text", "read_phn", phn)):
        if hasattr(transcripts, read):
            found[name] = ([content], read_text(getattr(transcripts, read)), as_is)
    return found


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three changes, half of them in the first bytes, where headers are."""
    data = bytearray(content)
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        reach = max(1, min(len(data), 64 if rng.random() < 0.5 else len(data)))
        place, length = int(rng.integers(reach)), int(rng.integers(1, 64))
        CHANGES[int(rng.integers(len(CHANGES)))](data, place, length, rng)
    return bytes(data)


def flip(data: bytearray, place: int, length: int, rng: np.random.Generator) -> None:
    if data:
        data[place] ^= 1 << int(rng.integers(8))


def extreme(data: bytearray, place: int, length: int, rng: np.random.Generator) -> None:
    size = int(rng.choice([1, 2, 4, 8]))
    order = "little" if rng.random() < 0.5 else "big"
    data[place : place + size] = (EXTREMES[int(rng.integers(len(EXTREMES)))] % 256**size).to_bytes(size, order)


def noise(data: bytearray, place: int, length: int, rng: np.random.Generator) -> None:
    data[place : place + length] = rng.bytes(length)


def insert(data: bytearray, place: int, length: int, rng: np.random.Generator) -> None:
    data[place:place] = rng.bytes(length)


def repeat(data: bytearray, place: int, length: int, rng: np.random.Generator) -> None:
    data[place:place] = data[place : place + length] * int(rng.integers(1, 200))


def remove(data: bytearray, place: int, length: int, rng: np.random.Generator) -> None:
    del data[place : place + length]


def cut(data: bytearray, place: int, length: int, rng: np.random.Generator) -> None:
    del data[place:]


def number(data: bytearray, place: int, length: int, rng: np.random.Generator) -> None:
    """In texts: a digit becomes a number that is hard to read."""
    digits = [index for index, value in enumerate(data) if 0x30 <= value <= 0x39]
    if digits:
        index = digits[int(rng.integers(len(digits)))]
        data[index : index + 1] = [b"-1", b"1e999", b"NaN", b"\xb2", b"9" * 5000, b"0x1"][int(rng.integers(6))]


def nest(data: bytearray, place: int, length: int, rng: np.random.Generator) -> None:
    data[place:place] = [b"[", b"{", b'"', b"(", b'{"a":'][int(rng.integers(5))] * int(rng.integers(1, 5000))


CHANGES = (flip, flip, extreme, extreme, noise, insert, repeat, remove, cut, number, nest)
KINDS: dict[str, Any] = {}


def warm_up() -> None:
    """Read one whole file of each kind, so that imports and first calls count for no case."""
    KINDS.update(kinds())
    for starts, read, after in KINDS.values():
        for content in starts:
            Path("case").write_bytes(after(content))
            read(Path("case"))


def case(index: int) -> Callable[[], dict[str, Any]]:
    kind = list(KINDS)[index % len(KINDS)]
    starts, read, after = KINDS[kind]
    rng = np.random.default_rng([torture.seed, index])
    Path("case").write_bytes(after(mutated(starts[int(rng.integers(len(starts)))], rng)))

    def answer() -> dict[str, Any]:
        try:
            read(Path("case"))
        except ValueError as error:  # every refusal of the package is one
            return {"kind": kind, "outcome": "refused", "fault": "" if str(error) else "refused without a word"}
        except BaseException as error:
            return {"kind": kind, "outcome": "", "fault": f"{kind} {index}: {type(error).__name__}: {error}"[:200]}
        return {"kind": kind, "outcome": "read", "fault": ""}

    return answer


def mutated_files(quick: bool) -> torture.Result:
    wanted = QUICK if quick else FULL
    found = _cases.answers("mutations", wanted, HANG_SECONDS, MOST_BYTES)
    faults = [one["fault"] for one in found if one["fault"]]
    outcomes = Counter(one.get("outcome", "") for one in found)
    per_kind = Counter(one.get("kind", "crash") for one in found)
    slowest, most = max(one["seconds"] for one in found), max(one["bytes"] for one in found) // 2**20
    reached = f"{len(faults)} faults in {len(found)}; slowest {slowest:.2f} s; {most} MB"
    detail = f"{outcomes['read']} read, {outcomes['refused']} refused; {json.dumps(per_kind)}"
    return torture.Result(
        "mutated_files",
        reached,
        f"0 faults in {wanted}, each under {HANG_SECONDS:g} s",
        not faults and len(found) == wanted,
        detail="; ".join([*faults[:5], detail]),
    )


def trials() -> dict[str, torture.Trial]:
    return {"mutated_files": mutated_files}
