"""The phone recogniser: audio in, phones with times and posteriors out."""

from __future__ import annotations

from speechcnn.models.building import Recipe
from speechcnn.recognizer.phones import PhoneRecognizer, load
from speechcnn.recognizer.settings import Running, Weighting, check_weight
from speechcnn.recognizer.stream import PhoneStream

__all__ = ["PhoneRecognizer", "PhoneStream", "Recipe", "Running", "Weighting", "check_weight", "load"]
