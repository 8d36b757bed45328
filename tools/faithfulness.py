#!/usr/bin/env python3
"""Whether explanations are true of a classifier: `tools/faithfulness.py MODEL CORPUS [--fold 1] [--most 40]`.

Of each clip the class that the model finds is explained by each method. Kept: clips of which the heard part alone has
at least half of the class's probability; lost: clips of which the ignored part has less than half. The mean
probabilities stand beside them. A method that knows nothing, noise for evidence, is the row to compare with.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from speechcnn.classifier import AudioClassifier
from speechcnn.corpora import folders
from speechcnn.explain import EXPLAINERS
from speechcnn.explain.targets import Target

METHODS = ("grad_cam", "integrated_gradients", "occlusion", "noise")


def noise(_model: nn.Module, features: Tensor, _target: Target = None) -> Tensor:
    """Return evidence drawn at random, as smooth as Grad-CAM's."""
    coarse = torch.rand(1, 1, 4, 10, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, features.shape[2:], mode="bilinear")[:, 0]


def row(classifier: AudioClassifier, paths: Sequence[Path], method: str) -> str:
    """Return one line of the table."""
    found = [classifier.explain(path, method=method) for path in paths]
    whole, heard, ignored = (
        np.array([getattr(one.listened, name) for one in found]) for name in ("whole", "heard", "ignored")
    )
    kept, lost = 100 * np.mean(heard >= whole / 2), 100 * np.mean(ignored < whole / 2)
    return f"{method:<22} {kept:5.0f} {lost:5.0f}   {whole.mean():.3f} {heard.mean():.3f} {ignored.mean():.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--fold", default=None, help="clips of this fold alone")
    parser.add_argument("--most", type=int, default=40, help="clips to explain, spread over the corpus (default: 40)")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=[*EXPLAINERS, "noise"])
    arguments = parser.parse_args()
    clips = [one for one in folders.read(arguments.corpus).clips if arguments.fold in (None, one.fold)]
    spread = np.linspace(0, len(clips) - 1, min(arguments.most, len(clips))).round().astype(int)
    paths = [clips[number].path for number in spread]
    classifier = AudioClassifier.load(arguments.model)
    EXPLAINERS["noise"] = noise
    print(f"{len(paths)} clips\n{'method':<22} {'kept':>5} {'lost':>5}   whole heard ignored")
    for method in arguments.methods:
        print(row(classifier, paths, method), flush=True)


if __name__ == "__main__":
    main()
