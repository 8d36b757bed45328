"""Classes, shares and weights from labels as users give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from speechcnn.corpora.clips import check_classes

LEAST_CLIPS = 2  # of a class


@dataclass(frozen=True)
class Targets:
    """The classes in sorted order, and which of them each clip has.

    Shape: matrix [n, K] of 0 and 1.
    """

    classes: NDArray[Any]
    matrix: NDArray[np.float32]

    @property
    def names(self) -> list[str]:
        """The classes as text."""
        return [str(name) for name in self.classes.tolist()]


def single_targets(y: Any, n_clips: int) -> Targets:
    """Read one class for each clip.

    Raises:
        ValueError: another number of labels than clips, something that is no label, one class, a class of one clip.
    """
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None")
    check_length(y, n_clips, "y")
    labels = column_or_1d(y, warn=True)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ValueError("y holds NaN or infinity; labels are names or whole numbers.")
    if labels.dtype.kind not in "USO" or not all(isinstance(label, str) for label in labels.tolist()):
        check_classification_targets(labels)
    check_classes([[str(label)] for label in labels.tolist()], LEAST_CLIPS)
    classes, numbers = np.unique(labels, return_inverse=True)
    return Targets(classes, np.eye(len(classes), dtype=np.float32)[numbers])


def multi_targets(y: Any, n_clips: int) -> Targets:
    """Read any number of classes for each clip: rows of 0 and 1, or lists of names.

    Raises:
        ValueError: as `single_targets`.
    """
    check_length(y, n_clips, "y")
    if is_indicator(y):
        matrix = np.asarray(y, dtype=np.float32)
        classes: NDArray[Any] = np.arange(matrix.shape[1])
    else:
        rows = [[row] if isinstance(row, str) else list(row) for row in y]
        classes = np.unique([label for row in rows for label in row])
        matrix = encoded(rows, classes)
    check_classes([[str(classes[k]) for k in np.flatnonzero(row)] for row in matrix], LEAST_CLIPS)
    return Targets(classes, matrix)


def is_indicator(y: Any) -> bool:
    """Say whether labels are rows of 0 and 1, one column a class."""
    array = np.asarray(y) if isinstance(y, np.ndarray) else None
    return array is not None and array.ndim == 2 and type_of_target(array) == "multilabel-indicator"


def encoded(rows: Sequence[Sequence[Any]], classes: NDArray[Any]) -> NDArray[np.float32]:
    """Return rows of 0 and 1 for lists of classes.

    Raises:
        ValueError: classes that the model does not know; they are named.
    """
    place = {name: number for number, name in enumerate(classes.tolist())}
    unknown = sorted({str(label) for row in rows for label in row if label not in place})
    if unknown:
        known = ", ".join(map(str, classes[:8].tolist())) + (" ..." if len(classes) > 8 else "")
        raise ValueError(f"this model does not know {', '.join(unknown[:8])}; its {len(classes)} classes are {known}")
    matrix = np.zeros((len(rows), len(classes)), dtype=np.float32)
    for number, row in enumerate(rows):
        matrix[number, [place[label] for label in row]] = 1
    return matrix


def check_length(values: Any, n_clips: int, name: str) -> None:
    """Raise a ValueError unless there is one value for each clip."""
    listed = values if isinstance(values, list | tuple) else np.asarray(values)
    if isinstance(listed, np.ndarray) and listed.ndim == 0:
        raise ValueError(f"{name} must be a list with one entry for each of the {n_clips} clips, got {values!r}")
    if len(listed) != n_clips:
        raise ValueError(
            f"X and {name} must have the same length: {n_clips} clips came with {len(listed)} entries of {name}"
        )


def clip_weights(
    targets: Targets, class_weight: str | Mapping[Any, float] | None, sample_weight: Any
) -> NDArray[np.float32]:
    """Return how much each clip counts: the mean weight of its classes times its own weight.

    "balanced" gives a class the weight n / (K n_k) as scikit-learn does, n_k being the clips that have it.

    Raises:
        ValueError: another kind of weight, negative weights, or none above 0.
    """
    n_clips, n_classes = targets.matrix.shape
    weights = np.ones(n_clips) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    if weights.ndim == 0:
        weights = np.full(n_clips, float(weights))
    check_length(weights, n_clips, "sample_weight")
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got the shape {list(weights.shape)}")
    if not np.isfinite(weights).all() or weights.min() < 0 or weights.max() <= 0:
        raise ValueError("sample_weight must hold finite numbers of at least 0 that are not all zero")
    per_class = _per_class(targets, class_weight, n_clips, n_classes)
    of_classes = (targets.matrix * per_class).sum(1) / np.maximum(targets.matrix.sum(1), 1)
    of_classes[targets.matrix.sum(1) == 0] = 1.0
    return (of_classes * weights).astype(np.float32)


def _per_class(
    targets: Targets, class_weight: str | Mapping[Any, float] | None, n_clips: int, n_classes: int
) -> NDArray[np.float64]:
    if class_weight is None:
        return np.ones(n_classes)
    if class_weight == "balanced":
        return n_clips / (n_classes * np.maximum(targets.matrix.sum(0), 1))
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be None, 'balanced' or a weight for each class, got {class_weight!r}")
    encoded([[*class_weight]], targets.classes)
    values = np.array([float(class_weight.get(name, 1.0)) for name in targets.classes.tolist()])
    if not (values >= 0).all():
        raise ValueError("class_weight must hold numbers of at least 0")
    return values
