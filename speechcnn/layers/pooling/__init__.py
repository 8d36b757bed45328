"""Pooling with derivatives worked out by hand: maxima, means, norms and soft maxima of 1-D and 2-D maps."""

from speechcnn.layers.pooling.antialiased import AntiAliasedPool
from speechcnn.layers.pooling.heterogeneous import Assignment, HeterogeneousPool
from speechcnn.layers.pooling.maximum import MaxPool
from speechcnn.layers.pooling.mean import LpPool, MeanPool
from speechcnn.layers.pooling.soft import SoftPool

__all__ = ["AntiAliasedPool", "Assignment", "HeterogeneousPool", "LpPool", "MaxPool", "MeanPool", "SoftPool"]
