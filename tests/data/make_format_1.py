"""Wrote `format_1.speechcnn` when format 1 was the newest; the file is kept as it is, so that it can be read for ever.

Run from the checkout of that time: `python tests/data/make_format_1.py tests/data/format_1.speechcnn`
"""

import sys
from pathlib import Path

import numpy as np
import torch

from speechcnn.decoding.hmm import PhoneHmm, estimate_bigram
from speechcnn.labels import Labels
from speechcnn.recognizer import PhoneRecognizer, Recipe

LABELS = Labels(("h#", "aa", "s"))


def main() -> None:
    torch.manual_seed(1)
    features = {"name": "log_mel", "n_bands": 8, "deltas": 1, "rate": 8000}
    model = {"name": "cnn_dnn", "pool": 2, "maps": 2, "span": 3, "hidden": [4], "context": 3}
    states = np.repeat(np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2]), 3)
    hmm = PhoneHmm.estimate([states], LABELS, estimate_bigram([["h#", "aa", "s", "h#"]], LABELS))
    recognizer = PhoneRecognizer(
        Recipe(features, {"kind": "corpus"}, model), LABELS, hmm, card={"measured": {"per": 0.25}}
    )
    recognizer.save(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
