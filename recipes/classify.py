#!/usr/bin/env python3
"""Accuracy of a classifier over the folds of a corpus: `python recipes/classify.py corpus.root=/path/to/ESC-50`."""

from speechcnn.configuration import launch
from speechcnn.experiments import classify

if __name__ == "__main__":
    launch(classify)
