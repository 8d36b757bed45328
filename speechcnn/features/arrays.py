"""`LogMel` of a stream's small pieces, on plain arrays: what a torch operator costs to call is more than a frame costs.

Source: the same definition as in `log_mel`; the Fourier transform is torch's, so that both round alike.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from speechcnn.features.log_mel import LOG_FLOOR, LogMel
from speechcnn.shapes import frame_count

Array = NDArray[np.float32]


class ArrayLogMel:
    """Computes the static features of one recording's samples.

    Args:
        features: whose settings are taken; deltas are not computed.
    """

    def __init__(self, features: LogMel) -> None:
        self.size, self.shift = features.window_samples, features.shift_samples
        self.window = features.window.numpy().astype(np.float32)
        self.bands = features.bands.double().numpy()
        self.preemphasis, self.first = np.float32(features.preemphasis), np.float32(1 - features.preemphasis)
        self.remove_mean, self.energy, self.fft_size = features.remove_mean, features.energy, features.fft_size
        self.n_rows = features.n_bands + features.energy

    def __call__(self, samples: Array) -> Array:
        """Return the frames that lie in the samples as a whole.

        Shape: [N] -> [F (+1), T].
        """
        n_frames = frame_count(len(samples), self.size, self.shift)
        if not n_frames:
            return np.zeros((self.n_rows, 0), np.float32)
        step = samples.itemsize
        frames: Array = np.ndarray((n_frames, self.size), np.float32, samples, 0, (self.shift * step, step))
        if self.remove_mean:
            frames = frames - frames.mean(1, keepdims=True)
        weighted = np.zeros((n_frames, self.fft_size), np.float32)
        inner = weighted[:, : self.size]
        inner[:, 0] = frames[:, 0] * self.first
        np.multiply(frames[:, :-1], -self.preemphasis, out=inner[:, 1:])
        inner[:, 1:] += frames[:, 1:]
        inner *= self.window
        spectrum = torch.view_as_real(torch.fft.rfft(torch.from_numpy(weighted))).numpy()
        power = np.square(spectrum).sum(-1).astype(np.float64)
        rows = np.log(np.maximum((power @ self.bands).astype(np.float32), LOG_FLOOR))
        if self.energy:
            energies = np.square(frames).sum(1, keepdims=True)
            rows = np.concatenate([rows, np.log(np.maximum(energies, LOG_FLOOR))], 1)
        return rows.T
