"""Verifies layers: `verify_layer` for anybody's, and `python -m speechcnn.layers.verify` for those of this package.

>>> from torch import nn
>>> report = verify_layer(nn.Conv1d(3, 4, 5), shapes=[(2, 3, 17)], torch_operator=nn.functional.conv1d)
>>> report.holds  # print(report) shows each check
True
"""

from __future__ import annotations

from speechcnn.layers.verify.report import Check, Report
from speechcnn.layers.verify.subject import Case, Loops
from speechcnn.layers.verify.verification import CHECKS, verify_layer

__all__ = ["CHECKS", "Case", "Check", "Loops", "Report", "verify_layer"]
