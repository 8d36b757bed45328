"""The data of a keyword experiment: scenes spoken, heard in rooms and noise, and turned into features and targets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from speechcnn import progress
from speechcnn.augment import (
    BandGains,
    BandNoise,
    Chain,
    Clip,
    Equalizer,
    FormantWarp,
    FrequencyWarp,
    Gain,
    Noise,
    Room,
    SpecAugment,
)
from speechcnn.augment.chain import Augmentation
from speechcnn.corpora.keywords import alignment, scenes, script, speaking
from speechcnn.corpora.keywords.scenes import Scene
from speechcnn.corpora.keywords.script import Counts, Keyword
from speechcnn.corpora.keywords.speaking import RATE, Spoken
from speechcnn.corpora.keywords.voices import SPLITS
from speechcnn.experiments.keyword_epochs import FreshEachEpoch
from speechcnn.features import LogMel
from speechcnn.labels import fold, timit_phones
from speechcnn.metrics import Reference
from speechcnn.models.keyword_chain import KeywordChain
from speechcnn.training.batches import IGNORED, Example, generator
from speechcnn.training.keyword_task import Spoken as Target
from speechcnn.training.keyword_task import frame_targets

LINES_A_MINUTE = 42  # of the keyword, and all that goes by it, from speaking to judging on two cores
FEWEST_LINES = 40
NO_SAMPLES = np.zeros(0, np.float32)  # of a scene that was heard
NOISES = (("30 dB and more", 30.0, 45.0), ("20 dB", 17.0, 23.0), ("10 dB", 8.0, 12.0), ("5 dB", 4.0, 6.0))
PHONES = timit_phones(39)
(SILENCE,) = fold(["pau"], 39)
CLASSES = ("keyword", "near", "negative")  # of recordings: what is counted in them, see `Heard`
KINDS = {"keyword": ("keyword", "with"), "near": ("near", "part"), "negative": ("other", "sentence")}


@dataclass(frozen=True)
class SpeechSettings:
    """How much is spoken: lines for each keyword and in all, by split; see `script.Counts`."""

    keyword: int  # lines of the keyword alone in the training set; the other numbers go by it
    near: float = 0.5  # near misses for each keyword's line
    part: float = 0.3  # parts of the keyword and words that differ in one phone
    with_keyword: float = 0.8  # sentences with the keyword
    other: float = 4.0  # single words, for all keywords together
    sentence: float = 4.0  # sentences without it, for all keywords together
    nonsense: float = 4.0  # the same of words that do not exist, in training alone
    dev_share: float = 0.4  # keywords, near misses and parts of dev and test against the training set's
    dev_negatives: int = 3000  # other words, and half as many sentences
    test_negatives: int = 6000
    scene_seconds: float = 5.0  # length of a recording, about
    flite: float = 0.0  # share of the training lines that the voices of the program flite say
    mbrola: float = 0.0  # the same of the program mbrola
    copies: int = 2  # times that each training line of a keyword or near miss is heard; others are dealt to the copies

    def __post_init__(self) -> None:
        for name in ("keyword", "copies"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}.")
        for name in ("near", "part", "with_keyword", "other", "sentence", "nonsense", "dev_share"):
            if not 0 <= getattr(self, name) <= 100:
                raise ValueError(f"{name} must be from 0 to 100; got {getattr(self, name)}.")
        for program, share in self.shares.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{program} must be from 0 to 1; got {share}.")
        if sum(self.shares.values()) > 1:
            raise ValueError(f"flite and mbrola must be at most 1 together; got {self.flite} and {self.mbrola}.")
        if min(self.dev_negatives, self.test_negatives) < 2:
            raise ValueError("dev_negatives and test_negatives must be at least 2; the threshold is chosen on them.")
        if not 0.5 <= self.scene_seconds <= 60:
            raise ValueError(f"scene_seconds must be from 0.5 to 60; got {self.scene_seconds}.")

    @property
    def shares(self) -> dict[str, float]:
        """Shares of the training lines that other programs than espeak say."""
        return {"flite": self.flite, "mbrola": self.mbrola}

    @property
    def programs(self) -> tuple[str, ...]:
        """The programs other than espeak that say some of the training lines."""
        return tuple(program for program, share in self.shares.items() if share)

    def within(self, minutes: float) -> SpeechSettings:
        """Return the settings of a run that takes about so many minutes on two cores; all scales alike.

        Raises:
            ValueError: not above 0.
        """
        if not minutes > 0:
            raise ValueError(f"minutes must be above 0; got {minutes:g}.")
        share = minutes * LINES_A_MINUTE / self.keyword

        def scaled(count: int, least: int) -> int:
            return max(least, round(count * share))

        return replace(
            self,
            keyword=scaled(self.keyword, FEWEST_LINES),
            dev_negatives=scaled(self.dev_negatives, FEWEST_LINES),
            test_negatives=scaled(self.test_negatives, FEWEST_LINES),
        )

    def counts(self, split: str) -> Counts:
        """Return the lines of a split."""
        n = self.keyword if split == "train" else max(4, round(self.keyword * self.dev_share))
        near, part, inside = (round(n * share) for share in (self.near, self.part, self.with_keyword))
        if split == "train":
            others = (round(n * share) for share in (self.other, self.sentence, self.nonsense))
            return Counts(n, near, part, inside, *others)
        negatives = self.dev_negatives if split == "dev" else self.test_negatives
        return Counts(n, max(near, 8), part, inside, negatives, negatives // 2)


@dataclass(frozen=True)
class AcousticSettings:
    """Rooms, channels, noises and levels through which training data are heard; the test set has its own noises."""

    room: float = 0.6  # how often
    equalizer: float = 0.8
    telephone: float = 0.3  # a channel whose band ends early
    noise: float = 0.6
    low_snr_db: float = 3.0
    clip: float = 0.05
    # These are drawn anew in each epoch, on features:
    gains: float = 1.0  # another channel and level
    hiss: float = 0.6  # another noise
    warp: float = 1.0  # of frequencies, as another vocal tract
    formants: float = 1.0  # of frequencies, as another accent
    most_bands: float = 2.0  # that a formant is then moved by
    tempo: float = 1.0  # another speed at the same pitch
    masks: float = 0.5  # SpecAugment

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name not in ("low_snr_db", "most_bands") and not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1; got {value}.")

    def chain(self, noise: Noise, chance: float, training: bool) -> Chain:
        """Return what happens to a recording before its features are taken."""
        steps: list[tuple[float, Augmentation]] = [
            (self.room, Room()),
            (chance, noise),
            (self.equalizer, Equalizer(8.0)),
            (self.telephone, Equalizer(3.0, low_limit_hz=300.0, high_limit_hz=3400.0)),
            (1.0, Gain(-18.0, 12.0)),
        ]
        if training:
            steps.append((self.clip, Clip()))
        return Chain([step for _, step in steps], [chance for chance, _ in steps])

    def epoch_chain(self, log_mel: LogMel | None) -> Chain:
        """Return what happens to features anew in each epoch; cepstra (None) have no bands and are masked alone."""
        steps: list[tuple[float, Augmentation]] = [(self.masks, SpecAugment(1, 6, 1, 10))]
        if log_mel is not None:
            bands = log_mel.n_bands, log_mel.rate, log_mel.low_hz, log_mel.high_hz
            steps += [
                (self.warp, FrequencyWarp(*bands, 0.86, 1.16)),
                (self.formants, FormantWarp(log_mel.n_bands, self.most_bands)),
                (self.gains, BandGains(12.0, 10.0, n_bands=log_mel.n_bands)),
                (self.hiss, BandNoise(self.low_snr_db, n_bands=log_mel.n_bands)),
            ]
        return Chain([step for _, step in steps], [chance for chance, _ in steps])


@dataclass(frozen=True)
class Heard:
    """A recording as it is scored.

    In one of class "keyword" words are found and false alarms counted; so are they in "negative"; the "near" ones hold
    what sounds like the keyword, and fill the table of near misses.

    Shape: features [C, F, T], before normalisation; samples [N] where they are kept.
    """

    scene: Scene
    features: Tensor
    seconds: float
    samples: Tensor | None = None

    @property
    def references(self) -> list[Reference]:
        """The keywords in it."""
        return [Reference(one.keyword, one.start, one.end) for one in self.scene.said if one.keyword]


class Studio:
    """Makes the recordings of all splits.

    Args:
        keywords: what is to be found.
        speech: how much is spoken.
        acoustics: how it is heard.
        chain: features and network, for their frames.
        seed: decides everything.
        workers: processes and threads; None: all cores.
    """

    def __init__(
        self,
        keywords: Sequence[Keyword],
        speech: SpeechSettings,
        acoustics: AcousticSettings,
        chain: KeywordChain,
        seed: int,
        workers: int | None = None,
    ) -> None:
        self.keywords, self.speech, self.acoustics, self.chain = keywords, speech, acoustics, chain
        self.seed, self.workers = seed, workers or os.cpu_count() or 1

    def fresh_each_epoch(self) -> FreshEachEpoch:
        """Return what makes another example of one in each epoch."""
        log_mel = self.chain.log_mel if self.chain.features is self.chain.log_mel else None
        changes = self.acoustics.epoch_chain(log_mel)
        frames = self.chain.network.stride, self.chain.features.shift_seconds
        return FreshEachEpoch(changes, self.acoustics.tempo, self.chain.normalizer, *frames, self.seed)

    def speak(self, split: str) -> list[Spoken]:
        """Have a split's lines spoken."""
        lines = script.lines(split, self.keywords, self.speech.counts(split), self.seed, self.speech.shares)
        with progress.bar(f"speaking {split}") as update:
            return speaking.speak(lines, self.workers, update)

    def train(self, own: Sequence[Spoken] = (), weight: int = 1) -> list[Heard]:
        """Return the training set; the user's `own` clips come `weight` times in each copy."""
        own = alignment.aligned(own, self.keywords, self.speech.programs)
        spoken = [*self.speak("train"), *(clip for clip in own for _ in range(weight))]
        common = [one for one in spoken if one.line.kind in KINDS["negative"]]
        special = [one for one in spoken if one.line.kind not in KINDS["negative"]]
        n = self.speech.copies
        scene_lists = (
            self.lay_out([*special, *common[copy::n]], f"train{copy}", "train", copy) for copy in range(n)
        )  # fmt: skip
        every = (scene for each in scene_lists for scene in each)
        return list(self.hear(self.under(every, "train", spoken), "train", "hearing train"))

    def judged(self, split: str) -> dict[str, Iterator[Heard]]:
        """Return the recordings of dev or test, by class; they are made as they are asked for, for hours are many."""
        spoken, found = self.speak(split), {}
        for number, name in enumerate(CLASSES):
            mine = [one for one in spoken if one.line.kind in KINDS[name]]
            laid = self.lay_out(mine, f"{split}-{name}", split, 10 + number)
            tagged = map(partial(self.tag, split=split, name=name), laid)
            found[name] = self.hear(self.under(tagged, split, spoken), split, f"hearing {split}, {name}")
        return found

    def lay_out(self, spoken: Sequence[Spoken], name: str, split: str, branch: int) -> Iterator[Scene]:
        """Deal lines out to recordings."""
        path = [self.seed, SPLITS.index(split), branch]
        return scenes.lay_out(spoken, self.speech.scene_seconds, name, path)

    def tag(self, scene: Scene, split: str, name: str) -> Scene:
        """Give a recording of dev or test its class and its level of noise."""
        noise = NOISES[int(self.draw(scene, split, 1).integers(len(NOISES)))][0]
        return replace(scene, tags={"class": name, "noise": noise})

    def draw(self, scene: Scene, split: str, branch: int) -> np.random.Generator:
        """Return a recording's own generator."""
        return generator(self.seed, SPLITS.index(split), branch, *scene.id.encode())

    def under(self, every: Iterable[Scene], split: str, spoken: Sequence[Spoken]) -> Iterator[Scene]:
        """Put babble or music under some recordings."""
        voices = [one for one in spoken if one.line.kind in KINDS["negative"] and len(one.samples)]
        for scene in every:
            draw = self.draw(scene, split, 2)
            kind = scenes.BACKGROUNDS[int(draw.choice(3, p=(0.6, 0.2, 0.2)))]
            if kind == "none" or not voices:
                yield scene
                continue
            low, high = snr_range(scene, self.acoustics.low_snr_db)
            n = len(scene.samples)
            sound = scenes.babble(n, voices, draw) if kind == "babble" else scenes.music(n, draw, SPLITS.index(split))
            mixed = scenes.under(scene.samples, sound, float(draw.uniform(low, high)))
            yield replace(scene, samples=mixed)

    def hear(self, every: Iterable[Scene], split: str, title: str) -> Iterator[Heard]:
        """Play recordings in rooms and take their features, on all cores."""
        done = 0
        with progress.bar(title) as update, ThreadPoolExecutor(self.workers) as pool:
            for batch in portions(every, 64):
                yield from pool.map(lambda scene: self.heard(scene, split), batch)
                done += len(batch)
                update(done, done + 1)

    @torch.no_grad()
    def heard(self, scene: Scene, split: str) -> Heard:
        """Play one recording in a room and take its features."""
        training = split == "train"
        low, high = snr_range(scene, self.acoustics.low_snr_db)
        chain = self.acoustics.chain(Noise(low, high), self.acoustics.noise if training else 1.0, training)
        draw = self.draw(scene, split, 3)
        samples = chain(torch.from_numpy(scene.samples), RATE, draw).clamp(-1, 1)
        features = self.chain.features(samples[None])[0][0]
        kept = samples.half() if split == "test" and scene.tags["class"] != "negative" else None  # for the report
        return Heard(replace(scene, samples=NO_SAMPLES), features, scene.seconds, kept)

    def example(self, one: Heard, normalised: Tensor) -> Example:
        """Pair a recording's features with its targets.

        Shape: normalised [C, F, T].
        """
        names = [keyword.text for keyword in self.keywords]
        said = [Target(names.index(it.keyword) + 1, it.start, it.end) for it in one.scene.said if it.keyword]
        first = self.chain.features.first_centre_seconds
        n_frames = -(-one.features.shape[-1] // self.chain.network.stride)
        targets = frame_targets(said, n_frames, self.chain.hop_seconds, first, *phones_in(one.scene))
        return Example(one.scene.id, normalised, targets)


def phones_in(scene: Scene) -> tuple[list[Target], int]:
    """Return the phones of a recording with their times, and the phone between its lines; unknown is `IGNORED`."""
    if not scene.said:  # mined, or long: nobody knows what is said where
        return [], IGNORED
    found = []
    for line in scene.said:
        found.append(Target(IGNORED, line.start, line.end))
        found += [Target(PHONES.index(one.label), one.start, one.end) for one in line.phones]
    return found, PHONES.index(SILENCE)


def snr_range(scene: Scene, lowest: float) -> tuple[float, float]:
    """Return the noise of a recording: that of its tag in dev and test, anything in training."""
    ranges = {name: (low, high) for name, low, high in NOISES}
    return ranges.get(scene.tags.get("noise", ""), (lowest, 40.0))


def portions(every: Iterable[Scene], size: int) -> Iterator[list[Scene]]:
    """Yield lists of so many items."""
    batch: list[Scene] = []
    for one in every:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
