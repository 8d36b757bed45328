"""Scoring a set the size of the complete TIMIT test: 1344 utterances of 38 phones, a fifth of them wrong."""

from __future__ import annotations

from collections.abc import Iterator

import jiwer
import numpy as np
from bench import Row, compare

from speechcnn.labels import timit_phones
from speechcnn.metrics import AS_WRITTEN, ErrorCounts, bootstrap_interval, count, score
from speechcnn.metrics import convention as named

N_UTTERANCES, N_PHONES, RESAMPLES = 1344, 38, 1000


def rows() -> Iterator[Row]:
    references, hypotheses = _transcripts()
    yield _count_row("count S, D, I", references, hypotheses)
    yield _score_row("score, kaldi convention, interval", references, hypotheses)
    yield _bootstrap_row("bootstrap interval, 1000 resamples", references, hypotheses)


def _transcripts() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    rng, names = np.random.default_rng(0), timit_phones(39).names
    references = {f"u{u}": [names[i] for i in rng.integers(len(names), size=N_PHONES)] for u in range(N_UTTERANCES)}
    hypotheses = {utterance: _heard(phones, names, rng) for utterance, phones in references.items()}
    return references, hypotheses


def _heard(phones: list[str], names: tuple[str, ...], rng: np.random.Generator) -> list[str]:
    kept = [phone for phone in phones if rng.random() > 0.05]
    return [phone if rng.random() > 0.15 else names[rng.integers(len(names))] for phone in kept]


def _jiwer(references: dict[str, list[str]], hypotheses: dict[str, list[str]]) -> tuple[int, int, int, int]:
    said = [" ".join(phones) for phones in references.values()]
    heard = [" ".join(hypotheses[utterance]) for utterance in references]
    found = jiwer.process_words(said, heard)
    return found.hits, found.substitutions, found.deletions, found.insertions


def _ours(references: dict[str, list[str]], hypotheses: dict[str, list[str]]) -> ErrorCounts:
    return sum((count(phones, hypotheses[one]) for one, phones in references.items()), ErrorCounts())


def _tuple(counts: ErrorCounts) -> tuple[int, int, int, int]:
    return counts.hits, counts.substitutions, counts.deletions, counts.insertions


def _count_row(name: str, references: dict[str, list[str]], hypotheses: dict[str, list[str]]) -> Row:
    ours, peer = _tuple(_ours(references, hypotheses)), _jiwer(references, hypotheses)
    apart = max(abs(a - b) for a, b in zip(ours, peer, strict=True))
    return compare(
        name,
        lambda: _ours(references, hypotheses),
        lambda: _jiwer(references, hypotheses),
        peer_name="jiwer.process_words",
        difference=apart,
    )


def _score_row(name: str, references: dict[str, list[str]], hypotheses: dict[str, list[str]]) -> Row:
    found = score(references, hypotheses, named("kaldi"))
    apart = max(abs(a - b) for a, b in zip(_tuple(found.counts), _jiwer(references, hypotheses), strict=True))
    return compare(
        name,
        lambda: score(references, hypotheses, "kaldi"),
        lambda: _jiwer(references, hypotheses),
        peer_name="jiwer.process_words",
        difference=apart,
        note="ours also folds and bootstraps",
    )


def _bootstrap_row(name: str, references: dict[str, list[str]], hypotheses: dict[str, list[str]]) -> Row:
    per_utterance = score(references, hypotheses, AS_WRITTEN).per_utterance
    speakers = {utterance: utterance[:-1] for utterance in per_utterance}

    def loop() -> tuple[float, float]:
        rng, by_speaker = np.random.default_rng(0), {}
        for utterance, counts in per_utterance.items():
            by_speaker.setdefault(speakers[utterance], []).append((counts.errors, counts.reference))
        groups = [np.array(own) for own in by_speaker.values()]
        rates = []
        for _ in range(RESAMPLES):
            drawn = [groups[i] for i in rng.integers(len(groups), size=len(groups))]
            errors, tokens = sum(own[rng.integers(len(own), size=len(own))].sum(axis=0) for own in drawn)
            rates.append(errors / tokens)
        return tuple(np.quantile(rates, [0.025, 0.975]))

    found, peer = bootstrap_interval(per_utterance, speakers), loop()
    return compare(
        name,
        lambda: bootstrap_interval(per_utterance, speakers),
        loop,
        peer_name="numpy, a loop over resamples",
        repeats=3,
        difference=max(abs(found.low - peer[0]), abs(found.high - peer[1])),
        note="both random",
    )
