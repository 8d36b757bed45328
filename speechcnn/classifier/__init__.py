"""Audio classification with scikit-learn's conventions.

estimator    `AudioClassifier`: fit, predict, score, save; works in cross_val_score, GridSearchCV and pipelines
parameters   what the estimator's parameters mean, and their defaults
inputs       what users hand in as clips, read and checked; every bad clip is named at once
targets      classes, shares and weights from labels
windows      clips of any length as windows of one length
network      features, network and normalisation as one, and the model file
fitting      training on a validated split, and the temperature of the probabilities
hearing      what a fitted model says of a recording over time: events
neighbours   the nearest training clips
ensemble     several models as one
"""

from __future__ import annotations

from speechcnn.classifier.ensemble import Ensemble
from speechcnn.classifier.estimator import AudioClassifier
from speechcnn.classifier.explanation import Explanation
from speechcnn.classifier.neighbours import Neighbour
from speechcnn.classifier.network import Requirements

__all__ = ["AudioClassifier", "Ensemble", "Explanation", "Neighbour", "Requirements"]
