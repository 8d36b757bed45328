#!/usr/bin/env python3
"""A detector for a word or phrase, from its text: `python recipes/keyword.py keyword=hello recordings=DIR`."""

from speechcnn.configuration import launch
from speechcnn.experiments import keyword

if __name__ == "__main__":
    launch(keyword)
