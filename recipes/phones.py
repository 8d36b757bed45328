#!/usr/bin/env python3
"""Phone error rate of a recogniser trained here: `python recipes/phones.py model=dnn corpus.root=/path/to/TIMIT`."""

from speechcnn.configuration import launch
from speechcnn.experiments import phones

if __name__ == "__main__":
    launch(phones)
