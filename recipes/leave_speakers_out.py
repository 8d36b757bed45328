#!/usr/bin/env python3
"""Phone error rate of few speakers, each tested once: `python recipes/leave_speakers_out.py corpus.root=DIR`."""

from speechcnn.configuration import launch
from speechcnn.experiments import leave_speakers_out

if __name__ == "__main__":
    launch(leave_speakers_out)
