from __future__ import annotations

from pathlib import Path

import numpy as np

from speechcnn import audio, augment
from speechcnn.augment import Affine, Gain, SpecAugment


def test_each_augmentation_is_drawn_and_written(tmp_path: Path) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000).astype(np.float32)
    still = Affine(0, 0, 0, 1, 0, 0, 1)
    steps = {"gain": Gain(), "masks": SpecAugment(frequency_masks=1, most_bands=100), "still": still}
    figure = augment.show((tone, 8000), tmp_path, steps)
    assert {path.name for path in tmp_path.iterdir()} == {
        "augmented.png", "original.wav", "gain.wav", "masks.wav", "still.wav"
    }  # fmt: skip
    assert [axis.get_title(loc="left") for axis in figure.axes][:4] == ["original", "gain", "masks", "still"]
    samples, rate = audio.read(tmp_path / "still.wav")
    spectrum = np.abs(np.fft.rfft(samples[500:3500]))
    assert rate == 8000
    assert abs(spectrum.argmax() * 8000 / 3000 - 1000) < 3  # the tone is still the tone, found without its phases
