#!/usr/bin/env python3
"""Events in scenes, with onset, offset and band: `python recipes/localise.py corpus.root=/path/to/scenes`."""

from speechcnn.configuration import launch
from speechcnn.experiments import localise

if __name__ == "__main__":
    launch(localise)
