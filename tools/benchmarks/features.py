"""Features of one minute of sound, single utterance: 40 log-mel bands at a shift of 10 ms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import kaldi_native_fbank as knf
import librosa
import numpy as np
import torch
import torchaudio
from bench import Row, compare
from torchaudio.functional import compute_deltas

from speechcnn.features import LOG_FLOOR, LogMel

RATE, SECONDS = 16000, 60


def rows() -> Iterator[Row]:
    samples = torch.from_numpy(np.random.default_rng(0).standard_normal((1, RATE * SECONDS)).astype(np.float32) * 0.1)
    yield _torchaudio_row(samples)
    yield _librosa_row(samples)
    yield _kaldi_row(samples)


def _torchaudio_row(samples: torch.Tensor) -> Row:
    ours = LogMel(energy=False, preemphasis=0.0, remove_mean=False, triangles="hz")
    mel = torchaudio.transforms.MelSpectrogram(
        RATE, n_fft=512, win_length=400, hop_length=160, f_min=20.0, n_mels=40, center=False,
        window_fn=torch.hamming_window, wkwargs={"periodic": False},
    )  # fmt: skip
    # torchaudio centres the window of 400 samples in its spectrum's 512.
    padded = torch.nn.functional.pad(samples, (56, 56))

    def peer() -> torch.Tensor:
        static = mel(padded).clamp(min=LOG_FLOOR).log()
        first = compute_deltas(static)
        return torch.stack([static, first, compute_deltas(first)], 1)

    return _row("bands, deltas", lambda: ours(samples)[0], peer, "torchaudio MelSpectrogram, log, deltas")


def _librosa_row(samples: torch.Tensor) -> Row:
    ours = LogMel(deltas=0, energy=False, preemphasis=0.0, remove_mean=False, triangles="hz")
    padded, window = np.pad(samples[0].numpy(), 56), np.hamming(400)

    def peer() -> np.ndarray:
        mel = librosa.feature.melspectrogram(
            y=padded, sr=RATE, n_fft=512, win_length=400, hop_length=160, center=False, n_mels=40, fmin=20.0, htk=True,
            norm=None, window=window,
        )  # fmt: skip
        return np.log(np.maximum(mel, LOG_FLOOR))

    return _row("bands", lambda: ours(samples)[0][0, 0], peer, "librosa melspectrogram, log")


def _kaldi_row(samples: torch.Tensor) -> Row:
    ours, options = LogMel(deltas=0), knf.FbankOptions()
    options.frame_opts.dither, options.frame_opts.window_type = 0.0, "hamming"
    options.mel_opts.num_bins, options.use_energy, options.energy_floor = 40, True, 0.0
    options.htk_compat = True
    plain = samples[0].numpy()

    def peer() -> np.ndarray:
        found = knf.OnlineFbank(options)
        found.accept_waveform(RATE, plain)
        found.input_finished()
        return np.stack([found.get_frame(t) for t in range(found.num_frames_ready)]).T

    return _row("bands, energy", lambda: ours(samples)[0][0, 0], peer, "kaldi_native_fbank")


def _row(name: str, ours: Callable[[], torch.Tensor], peer: Callable[[], torch.Tensor | np.ndarray], rival: str) -> Row:
    difference = float(np.abs(ours().numpy() - np.asarray(peer())).max())
    row = compare(name, ours, peer, peer_name=rival, difference=difference)
    return replace(row, note=f"{1000 * SECONDS / row.ours_ms:.0f} times real time")
