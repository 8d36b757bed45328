"""Pooling with derivatives worked out by hand: maxima, means, norms and soft maxima over windows of 1-D and 2-D maps."""

from speechcnn.layers.pooling.maximum import MaxPool
from speechcnn.layers.pooling.mean import LpPool, MeanPool

__all__ = ["LpPool", "MaxPool", "MeanPool"]
