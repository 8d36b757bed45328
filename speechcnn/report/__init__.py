"""Tables and pictures of what a recogniser heard, and a page that holds a run's results, without a display.

The names below are imported when they are first used: tables of text need no matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speechcnn.report.confusion import confusion_figure
    from speechcnn.report.curves import curves_figure
    from speechcnn.report.detection import detection_figure, score_figure
    from speechcnn.report.page import Picture, Sound, figure_png, write_report
    from speechcnn.report.sweep import RatePoint, sweep_figure
    from speechcnn.report.tables import Table
    from speechcnn.report.utterance import utterance_figure

__all__ = [
    "Picture",
    "RatePoint",
    "Sound",
    "Table",
    "confusion_figure",
    "curves_figure",
    "detection_figure",
    "figure_png",
    "score_figure",
    "sweep_figure",
    "utterance_figure",
    "write_report",
]

_MODULES = {
    "Picture": "page",
    "RatePoint": "sweep",
    "Sound": "page",
    "Table": "tables",
    "confusion_figure": "confusion",
    "curves_figure": "curves",
    "detection_figure": "detection",
    "score_figure": "detection",
    "figure_png": "page",
    "sweep_figure": "sweep",
    "utterance_figure": "utterance",
    "write_report": "page",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
