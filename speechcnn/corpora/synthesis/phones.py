"""From espeak's phonemes to contiguous TIMIT segments: the table, the context rules, closures and bursts.

espeak places a voiceless stop's event at its burst and leaves the closure as silence at the end of the phoneme
before; a voiced stop's event holds voice bar and release together. Both are found by measuring:

* a phoneme's silent tail (``silent_tail``) becomes the closure of a stop or affricate that follows, belongs to a
  pause that follows, and is ``epi`` between consonants; elsewhere it stays with its phoneme;
* a stop's burst is the largest rise of its high-frequency energy (``burst``); without a clear rise, a stop before
  a pause or a stop is unreleased (closure alone), elsewhere the release is the last third;
* a phoneme that espeak blended into its neighbour (an event of no length) takes the second half of the phoneme before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from speechcnn.corpora.synthesis.espeak import MARKS, RATE, STRESS, Event
from speechcnn.corpora.synthesis.plan import SynthesisError
from speechcnn.corpora.synthesis.sentences import table

FRAME = 55  # 2.5 ms at 22050 Hz
BURST_DB = 6.0  # a rise below it is no burst
SILENCE_DB = -45.0  # against the utterance's loudest frame
TAIL_DB = -40.0  # against the loudest sample: what lies below at an end, or before a stop, is silence or its closure
TAIL_FRAMES = 3  # a silence below 7.5 ms is not labelled

CLOSURES = {
    "b": "bcl", "d": "dcl", "g": "gcl", "p": "pcl", "t": "tcl", "k": "kcl", "ch": "tcl", "jh": "dcl",
}  # fmt: skip
_VOICELESS = frozenset(("p", "t", "k", "ch", "f", "th", "s", "sh", "hh", "pcl", "tcl", "kcl"))
_VOWELS = frozenset(
    ("iy", "ih", "eh", "ey", "ae", "aa", "aw", "ay", "ah", "ao", "oy", "ow", "uh", "uw", "ux", "er", "ax", "ix")
) | frozenset(("axr", "ax-h", "el", "en", "em", "eng"))
_FRONTING = frozenset(("t", "d", "n", "s", "z", "sh", "zh", "ch", "jh", "y", "dx", "th"))


@dataclass(frozen=True)
class Piece:
    """A label and its stretch of samples, `end` exclusive."""

    label: str
    start: int
    end: int


@dataclass(frozen=True)
class _Span:
    """One phoneme: its TIMIT symbols with their shares, its stress and its samples."""

    symbols: tuple[tuple[str, float], ...]
    stressed: bool
    start: int
    end: int

    @property
    def label(self) -> str:
        return self.symbols[0][0]


def segment(phonemes: Sequence[Event], samples: np.ndarray, rhotic: bool) -> list[Piece]:
    """TIMIT segments of an utterance, contiguous from 0 to its end, none empty, ``h#`` at both ends.

    Raises:
        SynthesisError: a phoneme that the table espeak_to_timit.tsv does not hold.
    """
    spans = _in_context(_spans(phonemes, len(samples), rhotic))
    first = spans[0].start if spans else len(samples)
    pieces = [Piece("h#", 0, first)]
    floor = _loudest(samples) * 10 ** (SILENCE_DB / 20)
    for number, span in enumerate(spans):
        following = spans[number + 1].label if number + 1 < len(spans) else "pau"
        pieces += _pieces(span, following, pieces[-1].label, samples, floor)
    return _ends(_joined(pieces))


def burst(samples: np.ndarray) -> int | None:
    """Start of the release within a stop: the frame of the largest rise in high-frequency energy.

    The second difference stands for the high frequencies, which a voice bar lacks; each frame of 2.5 ms is compared
    with the two before. None when no rise reaches 6 dB.

    Shape: [N] at 22050 Hz.
    """
    sharp = np.diff(samples, n=2, prepend=[0.0, 0.0])
    levels = _levels(sharp)
    if len(levels) < 3:
        return None
    before = np.concatenate([levels[:1], np.maximum(levels[:-1], np.concatenate([levels[:1], levels[:-2]]))])
    rises = levels - before
    best = int(rises.argmax())
    return best * FRAME if rises[best] >= BURST_DB else None


def silent_tail(samples: np.ndarray, floor: float) -> int:
    """Number of samples at the end, in whole frames of 2.5 ms, whose root mean square lies below `floor`."""
    n_frames = len(samples) // FRAME
    frames = samples[len(samples) - n_frames * FRAME :].reshape(n_frames, FRAME)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) >= floor)
    silent = n_frames - 1 - int(loud[-1]) if len(loud) else n_frames
    return silent * FRAME if silent >= TAIL_FRAMES else 0


def tail_floor(samples: np.ndarray) -> float:
    """Return the level below which an utterance's tails are silent."""
    return float(np.abs(samples).max()) * 10 ** (TAIL_DB / 20)


def onsets(phonemes: Sequence[Event], samples: np.ndarray, rhotic: bool) -> list[int]:
    """Return the samples at which phonemes begin: a stop with its closure, which espeak leaves to what was before."""
    starts = [event.start for event in phonemes]
    floor = tail_floor(samples)
    for n, (before, event) in enumerate(pairwise(phonemes), 1):
        if not (before.is_pause or event.is_pause) and symbols(event.name, rhotic)[0][0] in CLOSURES:
            starts[n] -= silent_tail(samples[before.start : event.start], floor)
    return starts


def _spans(phonemes: Sequence[Event], n_samples: int, rhotic: bool) -> list[_Span]:
    ends = [*(event.start for event in phonemes[1:]), n_samples]
    spans: list[_Span] = []
    for event, end in zip(phonemes, ends, strict=True):
        span = _Span(symbols(event.name, rhotic), event.name.startswith(STRESS), event.start, end)
        if span.end > span.start:
            spans.append(span)
        elif spans and span.label != "pau" and spans[-1].label != "pau":
            spans.extend(_halves(spans.pop(), span))
    return spans


def _halves(long: _Span, blended: _Span) -> list[_Span]:
    middle = (long.start + long.end) // 2
    halves = [
        _Span(long.symbols, long.stressed, long.start, middle),
        _Span(blended.symbols, blended.stressed, middle, long.end),
    ]
    return [span for span in halves if span.end > span.start]


@cache
def symbols(name: str, rhotic: bool) -> tuple[tuple[str, float], ...]:
    """Return the TIMIT phones that one of espeak's phonemes stands for, each with its share of the time.

    Raises:
        SynthesisError: a phoneme that the table lacks.
    """
    plain = name.lstrip(MARKS)
    column = "rhotic" if rhotic else "plain"
    for row in table("espeak_to_timit.tsv"):
        if row["espeak"] == plain:
            parts = [part.partition(":") for part in row[column].split()]
            return tuple((label, float(share or 1)) for label, _, share in parts)
    raise SynthesisError(
        f"espeak_to_timit.tsv has no row for espeak's phoneme {plain!r}: add one with its TIMIT symbol"
    )


@cache
def mnemonic_of(phone: str) -> str:
    """Return the first of espeak's phonemes that stands for a TIMIT phone alone.

    Raises:
        SynthesisError: none does.
    """
    for row in table("espeak_to_timit.tsv"):
        if row["plain"] == phone:
            return row["espeak"]
    raise SynthesisError(f"espeak_to_timit.tsv has no row for the TIMIT phone {phone!r} alone")


def _in_context(spans: list[_Span]) -> list[_Span]:
    labels = ["pau", *(span.label for span in spans), "pau"]
    return [
        _Span(
            ((_variant(labels[n : n + 3], span, spans[n + 1 : n + 2]), span.symbols[0][1]), *span.symbols[1:]),
            span.stressed, span.start, span.end,
        )
        for n, span in enumerate(spans)
    ]  # fmt: skip


def _variant(labels: Sequence[str], span: _Span, following: Sequence[_Span]) -> str:
    """The allophone that TIMIT writes for a phone between its neighbours."""
    before, label, after = labels
    voiced = before not in _VOICELESS and before != "pau"
    if label == "hh" and voiced and after in _VOWELS:
        return "hv"
    if label == "uw" and before in _FRONTING:
        return "ux"
    if label == "ih" and not span.stressed and len(span.symbols) == 1:
        return "ix"
    if label == "ax" and before in _VOICELESS and after in _VOICELESS and len(span.symbols) == 1:
        return "ax-h"
    flapped = before in _VOWELS and after in _VOWELS and not following[0].stressed
    if label == "n" and flapped and span.end - span.start < 0.06 * RATE:
        return "nx"
    return label


def _pieces(span: _Span, following: str, before: str, samples: np.ndarray, floor: float) -> list[Piece]:
    if span.label == "pau":
        return [Piece("pau", span.start, span.end)]
    silence = _label_of_silence(span.label, following)
    tail = silent_tail(samples[span.start : span.end], floor) if silence else 0
    end = span.end - tail
    body = _stop(span, end, following, before, samples) if span.label in CLOSURES else _shared(span, end)
    return [*body, Piece(silence, end, span.end)]


def _label_of_silence(label: str, following: str) -> str:
    if following in CLOSURES:
        return CLOSURES[following]
    if following == "pau":
        return "pau"
    return "" if label in _VOWELS or following in _VOWELS else "epi"


def _stop(span: _Span, end: int, following: str, before: str, samples: np.ndarray) -> list[Piece]:
    closure = CLOSURES[span.label]
    if span.label in _VOICELESS and before in {closure, "pau", "h#"}:
        return [Piece(span.label, span.start, end)]
    onset = burst(samples[span.start : end])
    if onset is None:
        unreleased = following == "pau" or following in CLOSURES
        onset = end - span.start if unreleased else (end - span.start) * 2 // 3
    release = span.start + onset
    return [Piece(closure, span.start, release), Piece(span.label, release, end)]


def _shared(span: _Span, end: int) -> list[Piece]:
    shares = np.cumsum([0.0, *(share for _, share in span.symbols)])
    cuts = (span.start + shares / shares[-1] * (end - span.start)).round().astype(int).tolist()
    names = [label for label, _ in span.symbols]
    return [Piece(label, start, stop) for label, start, stop in zip(names, cuts[:-1], cuts[1:], strict=True)]


def _joined(pieces: list[Piece]) -> list[Piece]:
    silences = {*CLOSURES.values(), "pau", "epi", "h#"}
    joined: list[Piece] = []
    for piece in pieces:
        if piece.end <= piece.start:
            continue
        if joined and joined[-1].label == piece.label and piece.label in silences:
            piece = Piece(piece.label, joined.pop().start, piece.end)
        joined.append(piece)
    return joined


def _ends(pieces: list[Piece]) -> list[Piece]:
    last = pieces[-1]
    return [*pieces[:-1], Piece("h#", last.start, last.end)] if last.label == "pau" else pieces


def _levels(samples: np.ndarray) -> np.ndarray:
    n_frames = len(samples) // FRAME
    frames = samples[: n_frames * FRAME].reshape(n_frames, FRAME)
    return 10 * np.log10((frames**2).mean(axis=1) + 1e-8)


def _loudest(samples: np.ndarray) -> float:
    n_frames = len(samples) // FRAME
    return float(np.sqrt((samples[: n_frames * FRAME].reshape(n_frames, FRAME) ** 2).mean(axis=1)).max())
