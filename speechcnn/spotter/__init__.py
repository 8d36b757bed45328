"""The keyword spotter: does this recording contain the word, and from when to when."""

from __future__ import annotations

from speechcnn.spotter.keywords import KeywordSpotter
from speechcnn.spotter.shipped import shipped_words
from speechcnn.spotter.stream import Heard, KeywordStream, StreamState

__all__ = ["Heard", "KeywordSpotter", "KeywordStream", "StreamState", "shipped_words"]
