"""How a phone experiment decodes, and what depends on its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from speechcnn.decoding.phone_ctc import NO_STATES
from speechcnn.recognizer import check_weight

# Language-model scales and insertion penalties tried on dev: of states, where neighbouring frames say much the same,
# and of CTC, where most frames are blank.
WEIGHTS_TRIED: Mapping[str, tuple[Sequence[float], Sequence[float]]] = {
    "frames": ((1.0, 2.0, 3.0, 4.0, 6.0, 8.0), (-12.0, -9.0, -6.0, -3.0, 0.0, 3.0)),
    "ctc": ((0.0, 0.25, 0.5, 0.75, 1.0, 1.5), (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5)),
}
N_STATES = {"frames": 3, "ctc": NO_STATES}  # of a phone, by task
DEFAULT_ROUNDS = {"frames": 1, "ctc": 0}  # of realignment


@dataclass(frozen=True)
class DecodingSettings:
    """The phone language model, and the values among which the decoder's weights are chosen on dev."""

    lm_order: Literal[1, 2, 3] = 2
    smoothing: Literal["witten_bell", "kneser_ney"] = "witten_bell"
    lm_scales: Sequence[float] | None = None  # None: those of WEIGHTS_TRIED
    insertion_penalties: Sequence[float] | None = None  # the same
    prior_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("lm_scales", "insertion_penalties"):
            values = getattr(self, name)
            if values is None:
                continue
            if not values:
                raise ValueError(f"{name} must list at least one value.")
            for value in values:
                check_weight(name, value)
        check_weight("prior_scale", self.prior_scale)
