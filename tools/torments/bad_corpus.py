"""A hundred of a thousand recordings damaged in ten ways: each must be named, and the rest trained on as if alone."""

from __future__ import annotations

import contextlib
import io
import shutil
import struct
import tempfile
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torture
from torments._small_run import weights_sum

from speechcnn import audio
from speechcnn.configuration import compose
from speechcnn.corpora import CorpusError, checksums, timit
from speechcnn.experiments import phones

RATE, PHONE_SAMPLES = 16000, 2400
TONES = {"iy": 2200, "aa": 900, "s": 5000, "m": 300}


def speak(path: Path, rng: np.random.Generator) -> None:
    """Write an utterance of four tones between silences, with its labels."""
    names = ["h#", *rng.choice(list(TONES), 4).tolist(), "h#"]
    seconds = np.arange(PHONE_SAMPLES) / RATE
    pieces = [0.2 * np.sin(2 * np.pi * TONES.get(name, 0) * seconds) for name in names]
    samples = np.concatenate(pieces) + 0.01 * rng.standard_normal(len(names) * PHONE_SAMPLES)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    lines = [f"{i * PHONE_SAMPLES} {(i + 1) * PHONE_SAMPLES} {name}\n" for i, name in enumerate(names)]
    path.with_suffix(".phn").write_text("".join(lines))


def plant(root: Path, n_files: int, rng: np.random.Generator) -> list[Path]:
    """Write a corpus of so many utterances: eight tenths for training, a tenth each for dev and test."""
    paths = []
    for number in range(n_files):
        part = ("dev", "test")[number % 10 - 8] if number % 10 >= 8 else "train"
        speaker = f"m{part[-1]}a{'abcdefghij'[number // 10 % 10]}0"
        paths.append(root / part / "dr1" / speaker / f"sx{number}.wav")
        speak(paths[-1], rng)
    return paths


def patched(path: Path, place: int, form: str, *values: int) -> None:
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, place, *values)
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 16
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_rate(path: Path) -> None:
    patched(path, 24, "<II", RATE // 2, RATE)


def other_channels(path: Path) -> None:
    patched(path, 22, "<HIIH", 2, RATE, 4 * RATE, 4)


def lying_header(path: Path) -> None:
    patched(path, 40, "<I", 2**30)


def not_a_number(path: Path) -> None:
    samples, _ = soundfile.read(path, dtype="float32")
    samples[100] = np.nan
    soundfile.write(path, samples, RATE, "FLOAT")


def text(path: Path) -> None:
    path.write_text("This page could not be found.\n")


def symlink_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def missing(path: Path) -> None:
    path.unlink()


WAYS: tuple[Callable[[Path], None], ...] = (
    truncate, flip, empty, other_rate, other_channels, lying_header, not_a_number, text, symlink_loop, missing,
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What training on a corpus left."""

    weights: str
    hypotheses: str
    named: set[str]


def train(root: Path, folder: Path, policy: str) -> Run:
    settings = compose(
        phones,
        [
            "experiment=quick", f"corpus.root={root}", f"folder={folder}", f"corpus.bad_files={policy}",
            "corpus.most_bad_percent=10", "training.epochs=1", "training.batch_frames=3000", "alignment.rounds=0",
            "decoding.lm_scales=[2.0]", "decoding.insertion_penalties=[-6.0]",
        ],
    )  # fmt: skip
    experiment = phones.PhoneExperiment(settings)
    with contextlib.redirect_stderr(io.StringIO()):
        experiment.run()
    left_out = {fault.path.stem for fault in experiment.bad.faults}
    return Run(weights_sum(experiment.recognizer.model.state_dict()), (folder / "hypotheses.ctm").read_text(), left_out)


def named_without_sums(root: Path) -> int:
    """How many damaged files are found where the corpus has no list of checksums."""
    (root / checksums.NAME).unlink()
    corpus = timit.read(root, keep_going=True)
    found = {fault.path.stem for fault in corpus.faults}
    for utterance in (*corpus.train, *corpus.dev, *corpus.test):
        try:
            audio.read(utterance.path)
        except audio.AudioError:
            found.add(utterance.path.stem)
    return len(found)


def refused(root: Path, folder: Path) -> bool:
    """Whether the default policy stops the run."""
    try:
        train(root, folder, "error")
    except CorpusError:
        return True
    return False


def trial(quick: bool) -> torture.Result:
    n_files, rng = (100 if quick else 1000), torture.rng("bad_corpus")
    with tempfile.TemporaryDirectory() as name:
        hurt, clean = Path(name) / "hurt", Path(name) / "clean"
        paths = plant(hurt, n_files, rng)
        checksums.write(hurt)
        chosen = [paths[i] for i in rng.permutation(n_files)[: n_files // 10]]
        shutil.copytree(hurt, clean)
        for path in chosen:
            for suffix in (".wav", ".phn"):
                (clean / path.relative_to(hurt)).with_suffix(suffix).unlink()
        checksums.write(clean)
        for number, path in enumerate(chosen):
            WAYS[number % len(WAYS)](path)
        stops = refused(hurt, Path(name) / "run-error")
        one, other = train(hurt, Path(name) / "run-hurt", "skip"), train(clean, Path(name) / "run-clean", "error")
        set_apart = train(hurt, Path(name) / "run-apart", "quarantine")
        again = train(hurt, Path(name) / "run-apart", "quarantine")
        without = named_without_sums(hurt)
    wanted = {path.stem for path in chosen}
    equal = [run.weights == other.weights and run.hypotheses == other.hypotheses for run in (one, set_apart, again)]
    all_named = all(run.named == wanted for run in (one, set_apart, again))
    passed = all_named and all(equal) and not other.named and stops
    reached = f"{len(one.named & wanted)} of {len(wanted)} named, result {'equal' if all(equal) else 'differs'}"
    detail = f"also under quarantine and from its list; by default the run stops; {without} found without checksums"
    wish = f"{len(wanted)} named, equal to {n_files - len(wanted)}"
    return torture.Result("bad_corpus", reached, wish, passed, 0, detail)


def trials() -> dict[str, torture.Trial]:
    return {"bad_corpus": trial}
