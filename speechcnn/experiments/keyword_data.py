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
from speechcnn.augment import Noise
from speechcnn.corpora.keywords import alignment, scenes, script, speaking
from speechcnn.corpora.keywords.scenes import Scene
from speechcnn.corpora.keywords.script import Keyword
from speechcnn.corpora.keywords.speaking import RATE, Spoken
from speechcnn.corpora.keywords.voices import SPLITS
from speechcnn.experiments.keyword_epochs import FreshEachEpoch
from speechcnn.experiments.keyword_settings import AcousticSettings, SpeechSettings
from speechcnn.labels import fold, timit_phones
from speechcnn.metrics import Reference
from speechcnn.models.keyword_chain import KeywordChain
from speechcnn.training.batches import IGNORED, Example, generator
from speechcnn.training.keyword_task import Spoken as Target
from speechcnn.training.keyword_task import frame_targets

NO_SAMPLES = np.zeros(0, np.float32)  # of a scene that was heard
NOISES = (("30 dB and more", 30.0, 45.0), ("20 dB", 17.0, 23.0), ("10 dB", 8.0, 12.0), ("5 dB", 4.0, 6.0))
PHONES = timit_phones(39)
(SILENCE,) = fold(["pau"], 39)
CLASSES = ("keyword", "near", "negative")  # of recordings: what is counted in them, see `Heard`
KINDS = {"keyword": ("keyword", "with"), "near": ("near", "part"), "negative": ("other", "sentence")}


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
