#!/usr/bin/env python3
"""The lecture's pooling table, with intervals: `python recipes/pooling_table.py corpus.root=/path/to/TIMIT`."""

from speechcnn.configuration import launch
from speechcnn.experiments import pooling_table

if __name__ == "__main__":
    launch(pooling_table)
