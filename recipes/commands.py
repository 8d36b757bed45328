#!/usr/bin/env python3
"""Accuracy on Speech Commands, 12 or 35 classes: `python recipes/commands.py corpus.root=DIR [corpus.classes=35]`."""

from speechcnn.configuration import launch
from speechcnn.experiments import commands

if __name__ == "__main__":
    launch(commands)
