"""Where on the way from a recording to a network an augmentation acts."""

from __future__ import annotations

from typing import Literal, TypeAlias

# Samples [N]; features [C, F, T] before they are normalised; features [C, F, T] as the network reads them.
Stage: TypeAlias = Literal["waveform", "features", "normalised"]
