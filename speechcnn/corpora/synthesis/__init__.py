"""A generator of TIMIT-style corpora from text with espeak-ng.

``make`` writes a tree ``train|dev|test/dr1..dr8/SPEAKER/sx12.{wav,phn,wrd,txt}`` that the TIMIT reader reads like any
other. Sentences come from the project's own patterns and word lists, voices from espeak's accents and variants; no two
splits share a text or a voice. The sizes stand in ``plan.SIZES``; the label rules in ``phones``.
"""

from __future__ import annotations

from speechcnn.corpora.synthesis.plan import SIZES, SynthesisError
from speechcnn.corpora.synthesis.tree import make

__all__ = ["SIZES", "SynthesisError", "make"]
