"""Pictures of what a recogniser heard and a page that holds a run's results, both without a display."""

from __future__ import annotations

from speechcnn.report.confusion import confusion_figure
from speechcnn.report.curves import curves_figure
from speechcnn.report.page import Picture, Table, figure_png, write_report
from speechcnn.report.utterance import utterance_figure

__all__ = [
    "Picture",
    "Table",
    "confusion_figure",
    "curves_figure",
    "figure_png",
    "utterance_figure",
    "write_report",
]
