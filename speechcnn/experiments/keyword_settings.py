"""The settings of what is spoken for a keyword network, by whom, and through what it is heard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

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
from speechcnn.corpora.keywords.script import Counts
from speechcnn.corpora.keywords.voices import CHECKS
from speechcnn.corpora.synthesis import SynthesisError
from speechcnn.features import LogMel

LINES_A_MINUTE = 42  # of the keyword, and all that goes by it, from speaking to judging on two cores
FEWEST_LINES = 40
FLITE_SHARE = 0.4  # of the training lines, where nothing else is asked for and the program is there
ESPEAK_ALONE = (
    "espeak-ng alone speaks: what is learnt from it hears real voices badly. Install flite (apt install flite, brew "
    "install flite), whose voices are made from real ones, and they speak too."
)


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


def with_flite(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with Flite's share of the lines: where none is given, it speaks if it is installed."""
    if settings["speech"].get("flite") is not None:
        return settings
    try:
        CHECKS["flite"]()
        share = FLITE_SHARE
    except SynthesisError:
        share = 0.0
    return {**settings, "speech": {**settings["speech"], "flite": share}}
