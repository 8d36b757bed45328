"""Real recordings in a keyword experiment: the user's own, part of them kept for the test, and whole test sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from speechcnn import audio, progress
from speechcnn.corpora import CorpusError
from speechcnn.corpora.keywords import recordings
from speechcnn.corpora.keywords.recordings import Recordings
from speechcnn.corpora.keywords.scenes import Said, Samples, Scene, rms
from speechcnn.corpora.keywords.speaking import RATE, Spoken
from speechcnn.experiments.keyword_data import NO_SAMPLES, Heard
from speechcnn.experiments.keyword_scoring import Scored, Scorer, total
from speechcnn.metrics import HourlyRate, Outcomes, Share
from speechcnn.training.loop import LoopSettings

PAD_SECONDS = 0.5  # around a clip that is cut close to its word, of noise like its softest part
SOFTEST_SHARE = 0.1  # of its frames
POSITIVES, NEGATIVES = "real positives", "real negatives"  # what the results call the test sets
BLOCK_SECONDS = 60.0  # of long audio, scored at a time


@dataclass(frozen=True)
class OwnSettings:
    """How much weight a user's own audio has."""

    weight: int = 15  # times that each clip, or each mined false alarm, comes among the training data
    test_share: float = 0.25  # of the positive and negative clips, kept for the test; none of fewer than four
    mining_epochs: int = 3  # of training on, after false alarms were mined
    rate_factor: float = 0.3  # of the learning rate then

    def __post_init__(self) -> None:
        if self.weight < 1 or self.mining_epochs < 1:
            raise ValueError(f"weight and mining_epochs must be at least 1; got {self.weight}, {self.mining_epochs}.")
        if not 0 <= self.test_share <= 0.9:
            raise ValueError(f"test_share must be from 0 to 0.9; got {self.test_share}.")
        if not 0 < self.rate_factor <= 1:
            raise ValueError(f"rate_factor must lie above 0 and be at most 1; got {self.rate_factor}.")

    def commissioning(self, loop: LoopSettings) -> LoopSettings:
        """Return the settings of the training after mining."""
        return replace(loop, epochs=self.mining_epochs)


@dataclass(frozen=True)
class RealSettings:
    """Real test sets that nothing is trained on: folders of clips with the keyword, and of audio without it.

    Clips of one keyword lie in `positives` itself, those of several in a folder for each; folders below these (one for
    each speaker, say) are told apart.
    """

    positives: str | None = None
    negatives: str | None = None

    def check(self, keywords: Sequence[str]) -> None:
        """Raise a CorpusError now rather than after the training when a folder cannot be used."""
        negative_files(self.negatives)
        self.clips(keywords)

    def clips(self, keywords: Sequence[str]) -> list[tuple[str, Path]]:
        """Return the clips with the keyword that each holds.

        Raises:
            CorpusError: a keyword without a folder, or a folder without a clip.
        """
        if self.positives is None:
            return []
        places = recordings.keyword_folders(Path(self.positives), keywords)
        missing = [str(place) for place in places.values() if not place.is_dir()]
        if missing:
            raise CorpusError(
                f"real.positives needs a folder of clips for each keyword; missing: {', '.join(missing)}."
            )
        return [(keyword, path) for keyword, place in places.items() for path in recordings.sound_files(place)]


@dataclass(frozen=True)
class Naming:
    """Which keyword a clip with one was taken for: that of its highest score, whatever the threshold; "" for none."""

    said: str
    named: str
    folder: str  # that the clip lies in


@dataclass(frozen=True)
class RealResult:
    """What was found in real recordings at the model's threshold."""

    misses: Share
    alarms: HourlyRate
    outcomes: Outcomes
    by_keyword: Mapping[str, Outcomes]  # the same for each keyword as if it were the only one
    namings: tuple[Naming, ...] = ()  # of clips with a keyword, one for each


def negative_files(folder: str | None) -> list[Path]:
    """Return the sound files of a folder; none without one.

    Raises:
        CorpusError: no such folder, or no sound file in it.
    """
    if folder is None:
        return []
    if not Path(folder).is_dir():
        raise CorpusError(f"{folder}: no such folder; it must hold sound files.")
    return recordings.sound_files(Path(folder))


def held_out(own: Recordings, share: float) -> tuple[Recordings, Recordings]:
    """Part a user's clips into those for training and those for the test: every n-th, in order of their names."""
    parts = [_parted(clips, share) for clips in (own.positives, own.negatives)]
    return Recordings(parts[0][0], parts[1][0], own.notes), Recordings(parts[0][1], parts[1][1], ())


def _parted(clips: tuple[Spoken, ...], share: float) -> tuple[tuple[Spoken, ...], tuple[Spoken, ...]]:
    count = int(len(clips) * share) if len(clips) >= 4 else 0
    places = {int((number + 0.5) * len(clips) / count) for number in range(count)}
    return (
        tuple(clip for place, clip in enumerate(clips) if place not in places),
        tuple(clip for place, clip in enumerate(clips) if place in places),
    )


def judge(
    scorer: Scorer, settings: RealSettings, kept: Recordings, keywords: Sequence[str], threshold: float
) -> dict[str, RealResult]:
    """Return what is found in the clips that were kept, and in the real test sets; by name, those that there are."""
    found = {}
    if kept.positives or kept.negatives:
        clips = [clip_heard(clip, scorer) for clip in [*kept.positives, *kept.negatives]]
        found["own recordings, kept"] = result(scorer, clips, threshold)
    if settings.positives:
        clips = [clip_heard(recordings.read_clip(path, keyword), scorer) for keyword, path in settings.clips(keywords)]
        found[POSITIVES] = result(scorer, clips, threshold)
    if settings.negatives:
        blocks = (heard for path in negative_files(settings.negatives) for heard in long_heard(path, scorer))
        found[NEGATIVES] = result(scorer, blocks, threshold)
    return found


def result(scorer: Scorer, every: Sequence[Heard] | Iterator[Heard], threshold: float) -> RealResult:
    """Score recordings and count at the threshold."""
    scored = scorer.score(every)
    counted = total(scored)
    namings = tuple(naming(one) for one in scored if len(one.heard.references) == 1)
    each = {keyword: total(one.of(keyword) for one in scored) for keyword in scorer.keywords}
    return RealResult(counted.misses(threshold), counted.alarms(threshold), counted, each, namings)


def naming(one: Scored) -> Naming:
    """Return what a clip with one keyword was taken for."""
    best = max(one.events, key=lambda event: event.score, default=None)
    return Naming(one.heard.references[0].keyword, best.keyword if best else "", one.heard.scene.tags["folder"])


def clip_heard(clip: Spoken, scorer: Scorer) -> Heard:
    """Return a clip with what its room sounds like around it."""
    pads = room_noise(clip.samples, int(PAD_SECONDS * RATE))
    start, end = clip.span or (0.0, 0.0)
    said = Said(clip.line.text, "keyword", clip.line.keyword, start + PAD_SECONDS, end + PAD_SECONDS)
    samples = np.concatenate([pads[0], clip.samples, pads[1]])
    tags = {"folder": Path(clip.line.text).parent.name}
    return heard(Scene(clip.line.text, samples, (said,) if clip.line.keyword else (), tags), scorer)


def room_noise(samples: Samples, n_samples: int) -> Samples:
    """Return two stretches of noise as loud as the softest frames of a clip, and of their spectrum.

    Rooms have little of the hiss that white noise has, which beside a word may be heard as an s.

    Shape: [N] -> [2, n_samples].
    """
    softest = softest_frames(samples)
    spectrum = np.square(np.abs(np.fft.rfft(softest * np.hanning(softest.shape[1])))).mean(0)
    power = np.interp(np.fft.rfftfreq(n_samples), np.fft.rfftfreq(softest.shape[1]), spectrum)
    white = np.fft.rfft(np.random.default_rng(0).standard_normal((2, n_samples)))
    noise = np.fft.irfft(white * np.sqrt(power), n_samples)
    return (noise * rms(softest) / (rms(noise) + 1e-12)).astype(np.float32)


def softest_frames(samples: Samples) -> NDArray[np.float64]:
    """Return the softest of a clip's frames, which are as good as its room gets without the word.

    Shape: [N] -> [M, FRAME].
    """
    frames = recordings.frames(samples).astype(np.float64)
    order = np.argsort(np.square(frames).mean(1), kind="stable")
    return frames[order[: max(1, int(SOFTEST_SHARE * len(frames)))]]


def long_heard(path: Path, scorer: Scorer) -> Iterator[Heard]:
    """Return a long recording in blocks, each a recording without a keyword."""
    for number, block in enumerate(audio.blocks(path, BLOCK_SECONDS, RATE)):
        yield heard(Scene(f"{path}, {number} min", block), scorer)


@torch.no_grad()
def heard(scene: Scene, scorer: Scorer) -> Heard:
    """Return the features of a recording as it is, and keep its samples for the report where a keyword is in it."""
    samples = torch.from_numpy(scene.samples)
    features = scorer.chain.features(scorer.chain.filled(samples[None]))[0][0]
    kept = samples.half() if scene.said else None
    return Heard(replace(scene, samples=NO_SAMPLES), features, scene.seconds, kept)


def read_all(paths: Sequence[Path], scorer: Scorer, title: str) -> Iterator[Heard]:
    """Return long recordings in blocks, with progress."""
    with progress.bar(title) as update:
        for done, path in enumerate(paths, 1):
            yield from long_heard(path, scorer)
            update(done, len(paths))
