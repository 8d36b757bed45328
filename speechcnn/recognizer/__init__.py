"""The phone recogniser: audio in, phones with times and posteriors out."""

from __future__ import annotations

from speechcnn.recognizer.phones import PhoneRecognizer, load
from speechcnn.recognizer.settings import Recipe, Weighting, check_weight

__all__ = ["PhoneRecognizer", "Recipe", "Weighting", "check_weight", "load"]
