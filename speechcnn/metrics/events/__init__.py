"""How well events are found: F1 with collars, by overlap and by segments, and average precision of boxes.

``docs/events.md`` defines every figure. Counts come first and add up over recordings and classes; rates come last.
"""

from __future__ import annotations

from speechcnn.metrics.events.boxes import average_precision, box_iou, iou, time_iou
from speechcnn.metrics.events.counts import ClassCounts, EventCounts
from speechcnn.metrics.events.matching import Rule, collar_rule, count_events, iou_rule, match
from speechcnn.metrics.events.scoring import EventScores, score_events
from speechcnn.metrics.events.segments import count_segments

__all__ = [
    "ClassCounts",
    "EventCounts",
    "EventScores",
    "Rule",
    "average_precision",
    "box_iou",
    "collar_rule",
    "count_events",
    "count_segments",
    "iou",
    "iou_rule",
    "match",
    "score_events",
    "time_iou",
]
