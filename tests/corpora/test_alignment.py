"""Phones of recordings whose words are known, against voices whose phones are known and that were not compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import librosa
import numpy as np
import pytest

from speechcnn.corpora.keywords import alignment, recordings, script
from speechcnn.corpora.keywords.script import Keyword
from speechcnn.corpora.keywords.speaking import RATE, Line, Spoken, speak
from speechcnn.corpora.keywords.voices import Voice
from speechcnn.labels import Segment

WORDS = ("seven", "computer", "tomato")


@pytest.fixture(scope="module")
def keywords() -> list[Keyword]:
    return script.prepare(WORDS)


def as_recordings(accent: str = "en-us", words_per_minute: float = 190.0) -> list[Spoken]:
    """Have the words said by a voice that is not among the known ones, in the middle of clips of 2 s."""
    lines = [Line(word, Voice(accent, "m2", "formant", 1.2, 1.1, words_per_minute), "keyword", word) for word in WORDS]
    found = []
    for one in speak(lines, workers=1):
        assert one.span
        early = RATE // 2
        samples = np.pad(one.samples, (early, 2 * RATE - early - len(one.samples)))
        phones = tuple(Segment(p.label, p.start + 0.5, p.end + 0.5) for p in one.phones if p.label != "sil")
        span = (one.span[0] + 0.5, one.span[1] + 0.5)
        found.append(replace(one, samples=samples, phones=phones, speech=span, span=span))
    return found


def agreement(found: Sequence[Segment], true: Sequence[Segment]) -> float:
    times = np.arange(true[0].start, true[-1].end, 0.005)
    names = [[next((p.label for p in phones if p.start <= t < p.end), "") for t in times] for phones in (found, true)]
    return float(np.mean([a == b for a, b in zip(*names, strict=True)]))


def evenly(clip: Spoken) -> list[Segment]:
    """The phones spread evenly over the word: what one has without looking at the recording."""
    assert clip.span
    edges = np.linspace(*clip.span, len(clip.phones) + 1)
    return [Segment(p.label, start, end) for p, (start, end) in zip(clip.phones, pairwise(edges), strict=True)]


def test_phones_lie_where_the_voice_says_them(keywords: list[Keyword]) -> None:
    clips = as_recordings()
    aligned = alignment.aligned([replace(clip, phones=()) for clip in clips], keywords)
    reached = [agreement(one.phones, clip.phones) for one, clip in zip(aligned, clips, strict=True)]
    assert np.mean(reached) > 0.8
    assert np.mean(reached) > 0.1 + np.mean([agreement(evenly(clip), clip.phones) for clip in clips])
    for one, clip in zip(aligned, clips, strict=True):
        assert [phone.label for phone in one.phones] == [phone.label for phone in clip.phones]
        assert one.phones[0].start == pytest.approx(clip.span[0], abs=0.03)  # type: ignore[index]
        assert one.phones[-1].end == pytest.approx(clip.span[1], abs=0.03)  # type: ignore[index]


def test_the_nearest_accent_decides(keywords: list[Keyword]) -> None:
    british = [one for one in as_recordings("en-gb-x-rp") if one.line.keyword == "tomato"]
    american = [one for one in as_recordings("en-us") if one.line.keyword == "tomato"]
    tomatoes = alignment.aligned([*british, *american], keywords)
    assert [tomato.phones[3].label for tomato in tomatoes] == ["aa", "ey"]


def test_a_path_costs_what_a_search_through_all_of_them_finds() -> None:
    draw = np.random.default_rng(0)
    theirs, mine = draw.normal(size=(13, 6)).astype(np.float32), draw.normal(size=(13, 8)).astype(np.float32)
    apart = 1 - (theirs.T @ mine) / np.outer(np.linalg.norm(theirs, axis=0), np.linalg.norm(mine, axis=0))

    def cheapest(i: int, j: int) -> float:
        if i == j == 0:
            return float(apart[0, 0])
        steps = [((1, 1), 2.0), ((1, 2), 3.0), ((2, 1), 3.0)]
        return min(
            (cheapest(i - a, j - b) + weight * apart[i, j] for (a, b), weight in steps if i >= a and j >= b),
            default=np.inf,
        )

    path = alignment.warped(theirs, mine)
    assert path
    assert path[0] == pytest.approx(cheapest(5, 7) / 14, rel=1e-5)
    assert path[1][[0, -1]] == pytest.approx([0, 7 * 0.005])


def test_what_is_far_slower_than_all_voices_has_no_phones(keywords: list[Keyword]) -> None:
    seven = as_recordings()[0]
    assert seven.span
    slow = librosa.effects.time_stretch(seven.samples, rate=0.3)
    span = (seven.span[0] / 0.3, seven.span[1] / 0.3)
    (found,) = alignment.aligned([replace(seven, samples=slow, phones=(), speech=span, span=span)], keywords)
    assert found.phones == ()
    assert alignment.warped(np.ones((13, 10)), np.ones((13, 20))) is None
    assert alignment.warped(np.ones((13, 20)), np.ones((13, 10))) is None


def test_a_clip_without_a_keyword_stays_as_it_is(keywords: list[Keyword]) -> None:
    clip = Spoken(Line("hum", recordings.REAL, "other"), np.ones(RATE, np.float32), (), (), (0.0, 1.0), None)
    assert alignment.aligned([clip], keywords) == [clip]
    with_keyword = as_recordings()[0]
    assert alignment.aligned([clip, with_keyword], keywords)[0] is clip
