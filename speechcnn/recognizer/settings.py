"""How a recogniser decodes and normalises: plain settings, and the limits that they must keep."""

from __future__ import annotations

from dataclasses import asdict, dataclass

LARGEST_WEIGHT = 1000


@dataclass(frozen=True)
class Weighting:
    """How the decoder weighs its sources; tuned on dev data."""

    lm_scale: float = 1.0  # factor on the phone bigram's log probabilities
    insertion_penalty: float = 0.0  # subtracted, in nats, for each phone
    prior_scale: float = 1.0  # exponent of the state priors by which posteriors are divided

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            check_weight(name, value)


def check_weight(name: str, value: float) -> None:
    """Raise a ValueError unless a weight of the decoder is of a size that can mean something."""
    if not abs(value) <= LARGEST_WEIGHT:
        raise ValueError(f"{name} must be from -{LARGEST_WEIGHT} to {LARGEST_WEIGHT}; got {value}.")


@dataclass(frozen=True)
class Running:
    """How live audio is normalised, of which nobody knows the whole: by what was heard so far."""

    warm_up_seconds: float = 1.0  # of audio that must have come before anything is given out
    memory_seconds: float = 30.0  # after which what was heard counts for 1 / e

    def __post_init__(self) -> None:
        if not (self.warm_up_seconds > 0 and self.memory_seconds > 0):
            raise ValueError(f"the seconds of a running normalisation must be above 0; got {self}.")
