"""Several fitted classifiers as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechcnn.classifier.estimator import AudioClassifier


class Ensemble:
    """The mean of the probabilities of fitted classifiers that know the same classes.

    Args:
        members: fitted classifiers, of any networks and features.

    Raises:
        ValueError: none, or members whose classes differ.
    """

    def __init__(self, members: Sequence[AudioClassifier]) -> None:
        if not members:
            raise ValueError("an ensemble needs at least one classifier, got none")
        self.members, self.classes_ = list(members), members[0].classes_
        for number, member in enumerate(self.members):
            if not np.array_equal(member.classes_, self.classes_):
                raise ValueError(f"member {number} knows other classes than member 0; an ensemble needs the same ones")

    def predict_proba(self, X: Any, rate: int | None = None) -> NDArray[np.float64]:
        """Return the mean probability of each class.

        Shape: -> [n, K].
        """
        return np.mean([member.predict_proba(X, rate) for member in self.members], axis=0)

    def predict(self, X: Any, rate: int | None = None) -> NDArray[Any]:
        """Return the most probable class of each clip, or rows of 0 and 1 where clips have several."""
        return self.members[0].decide(self.predict_proba(X, rate))

    def score(self, X: Any, y: Any) -> float:
        """Return the share of clips whose classes are right."""
        return self.members[0].share_right(self.predict(X), y)
