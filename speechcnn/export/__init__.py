"""Models as ONNX graphs with the front end inside, compared with torch before a file is written."""

from __future__ import annotations

from speechcnn.export.graphs import ClassifierGraph, KeywordGraph, KeywordStreamGraph, ScoreGraph
from speechcnn.export.onnx_files import CLOSENESS, Exported, ExportError, require_onnx, write_graph, write_int8

__all__ = [
    "CLOSENESS",
    "ClassifierGraph",
    "ExportError",
    "Exported",
    "KeywordGraph",
    "KeywordStreamGraph",
    "ScoreGraph",
    "require_onnx",
    "write_graph",
    "write_int8",
]
