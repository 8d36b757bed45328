#!/usr/bin/env python3
"""A detector for a word or phrase, from its text: `python recipes/keyword.py keyword=hello recordings=DIR`."""

import os
import sys

# Python looks for modules beside the script it runs, where this file would hide Python's own module `keyword`.
sys.path[:] = [folder for folder in sys.path if folder != os.path.dirname(os.path.abspath(__file__))]

if __name__ == "__main__":
    from speechcnn.configuration import launch
    from speechcnn.experiments import keyword

    launch(keyword)
else:  # another recipe runs, and Python's own is wanted
    del sys.modules[__name__]
    from keyword import *  # noqa: F403
