"""scikit-learn's own checks, which hand in rows of a table: with `rate` each row is a clip of a few samples."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from speechcnn.classifier import AudioClassifier

# What audio input does not allow, by the check's name, and why.
FAILING = {
    "check_n_features_in": "clips have any length, so there is no number of features",
    "check_n_features_in_after_fitting": "clips have any length, so there is no number of features",
    "check_fit2d_predict1d": "one row is one clip, which is classified and not refused",
    "check_classifiers_train": "points of a plane are no sounds: their spectra do not tell their classes",
    "check_class_weight_classifiers": "points of a plane are no sounds: their spectra do not tell their classes",
    "check_sample_weight_equivalence_on_dense_data": "a clip given twice is drawn twice, at other places",
}
TINY = AudioClassifier(
    model={"name": "cnn8", "widths": [4], "hidden": 4},
    features={
        "name": "log_mel",
        "n_bands": 8,
        "deltas": 0,
        "energy": False,
        "rate": 4000,
        "window_ms": 8.0,
        "shift_ms": 4.0,
    },
    rate=4000,
    window_seconds=0.02,
    epochs=1,
    batch_size=64,
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([TINY], expected_failed_checks=lambda estimator: FAILING)
def test_scikit_learns_checks(estimator: AudioClassifier, check) -> None:
    check(estimator)
