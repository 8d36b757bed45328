"""What a keyword network is trained for: the keyword's class at its end, its onset and offset in seconds, and phones.

A frame is of a keyword's class from shortly before its offset until shortly after, where the network has heard all of
it: "hell" is none. The frames at both edges of that stretch count for neither. Onset and offset are learnt in all
frames from the onset until the class ends, so that they mean something wherever the class may fire. Phones are learnt
by networks that name them on the way: a synthesizer's words have more marks than their phones to be known by, and what
is built of phones has to do without those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from speechcnn.training.batches import IGNORED, Batch, Example
from speechcnn.training.tasks import Tally

BEFORE_SECONDS, AFTER_SECONDS = 0.05, 0.15  # of the class, around the offset
EDGE_SECONDS = 0.06  # of frames that count for neither, on both sides
TIMED, ONSET, OFFSET, PHONE = 1, 2, 3, 4  # columns of the targets, after the class


class KeywordScores(Protocol):
    """What a keyword network returns: class scores [B, K + 1, T], seconds back to onset and offset [B, 2, T]."""

    @property
    def classes(self) -> Tensor:
        """Scores of none and each keyword."""

    @property
    def times(self) -> Tensor:
        """Seconds back to onset and offset."""

    @property
    def phones(self) -> Tensor | None:
        """Log posteriors of phones [B, P, T], of a network that names them."""


@dataclass(frozen=True)
class Spoken:
    """A keyword in a recording: its class, from 1, and its times in seconds; or a phone, from 0."""

    number: int
    start: float
    end: float


def frame_targets(
    spoken: Sequence[Spoken],
    n_frames: int,
    shift_seconds: float,
    first_seconds: float,
    phones: Sequence[Spoken] = (),
    rest: int = IGNORED,
) -> Tensor:
    """Return what each output frame is to say: class, whether its times count, seconds back to onset, to offset, phone.

    Args:
        spoken: keywords.
        n_frames: of the output.
        shift_seconds: between their centres.
        first_seconds: the centre of the first.
        phones: with their times; `IGNORED` where nobody knows what is said.
        rest: the phone of all other frames.

    Shape: -> [n_frames, 5].
    """
    centres = first_seconds + shift_seconds * torch.arange(n_frames, dtype=torch.float64)
    targets = torch.zeros(n_frames, 5, dtype=torch.float64)
    targets[:, PHONE] = rest
    for phone in phones:
        targets[(centres >= phone.start) & (centres < phone.end), PHONE] = phone.number
    for one in spoken:
        first, last = one.end - BEFORE_SECONDS, one.end + AFTER_SECONDS
        edge = (centres >= first - EDGE_SECONDS) & (centres <= last + EDGE_SECONDS) & (targets[:, 0] <= 0)
        targets[edge, 0] = IGNORED
        targets[(centres >= first) & (centres <= last), 0] = one.number
        inside = (centres >= one.start) & (centres <= last + EDGE_SECONDS)
        times = torch.stack([torch.ones_like(centres), centres - one.start, centres - one.end], 1)
        targets[inside, TIMED:PHONE] = times[inside]
    return targets.float()


class KeywordTask:
    """Cross-entropy of the class, squared error and overlap of the times, cross-entropy of the phone.

    Sources: multi-task training as in Ren et al. (2015), "Faster R-CNN", class and place at once; the overlap loss is
    that of Yu et al. (2016), "UnitBox", in its linear form, along one axis.

    Args:
        times_weight: of the squared error of onset and offset, in square tenths of a second.
        overlap_weight: of one minus intersection over union.
        keyword_weight: of a keyword's frame in the cross-entropy, where others count 1.
        phone_weight: of the cross-entropy of phones, in networks that name them.
        phone_smoothing: share of a frame's phone that is dealt out among all phones, so that none is ruled out (Szegedy
            et al., 2016, "Rethinking the inception architecture", section 7).
    """

    def __init__(
        self,
        times_weight: float = 0.02,
        overlap_weight: float = 0.05,
        keyword_weight: float = 2.0,
        phone_weight: float = 1.0,
        phone_smoothing: float = 0.05,
    ) -> None:
        weights = {"times_weight": times_weight, "overlap_weight": overlap_weight, "phone_weight": phone_weight}
        for name, value in weights.items():
            if not value >= 0:
                raise ValueError(f"{name} must be at least 0; got {value}.")
        if not keyword_weight > 0:
            raise ValueError(f"keyword_weight must be above 0; got {keyword_weight}.")
        if not 0 <= phone_smoothing < 1:
            raise ValueError(f"phone_smoothing must be at least 0 and below 1; got {phone_smoothing}.")
        self.times_weight, self.overlap_weight, self.phone_weight = times_weight, overlap_weight, phone_weight
        self.keyword_weight, self.phone_smoothing = keyword_weight, phone_smoothing

    def usable(self, examples: Sequence[Example]) -> list[Example]:
        """Return all examples: each frame has its target."""
        return list(examples)

    def loss(self, scores: KeywordScores, batch: Batch) -> Tensor:
        """Return the mean loss per frame and per frame with times.

        Shape: -> [].
        """
        classes, _, weights = self._classes(scores, batch)
        error, overlap, n_timed = self._times(scores, batch)
        timed = max(1, n_timed)
        cross_entropy = classes.sum() / weights.sum().clamp(min=1)
        timing = (self.times_weight * error + self.overlap_weight * overlap) / timed
        return cross_entropy + timing + self.phone_weight * self._phones(scores, batch)

    def tally(self, scores: KeywordScores, batch: Batch) -> Tally:
        """Return the loss, weighted by frames, and the frames whose best class is right."""
        losses, targets, _ = self._classes(scores, batch)
        best = scores.classes.argmax(1)[batch.targets[..., 0] != IGNORED]
        loss = float(self.loss(scores, batch)) * len(losses)
        return Tally(loss, int((best == targets).sum()), len(losses))

    def _classes(self, scores: KeywordScores, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        real = batch.targets[..., 0] != IGNORED
        targets = batch.targets[..., 0][real].long()
        weights = torch.where(targets > 0, self.keyword_weight, 1.0)
        rows = scores.classes.transpose(1, 2)[real].float()
        return F.cross_entropy(rows, targets, reduction="none") * weights, targets, weights

    @staticmethod
    def _times(scores: KeywordScores, batch: Batch) -> tuple[Tensor, Tensor, int]:
        """Return the summed squared error, in square tenths of a second, one minus overlap, and the frames summed."""
        timed = batch.targets[..., TIMED] == 1
        wanted = batch.targets[..., ONSET:PHONE][timed]
        found = scores.times.transpose(1, 2)[timed].float()
        error = (10 * (found - wanted)).square().mean(-1).sum()
        return error, (1 - overlaps(found, wanted)).sum(), len(wanted)

    def _phones(self, scores: KeywordScores, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of frames whose phone is known."""
        known = batch.targets[..., PHONE] != IGNORED
        if scores.phones is None or not known.any():
            return batch.features.new_zeros(())
        rows = scores.phones.transpose(1, 2)[known].float()
        return F.cross_entropy(rows, batch.targets[..., PHONE][known].long(), label_smoothing=self.phone_smoothing)


def overlaps(found: Tensor, wanted: Tensor) -> Tensor:
    """Return intersection over union of stretches given as seconds back to onset and offset.

    Shape: [N, 2], [N, 2] -> [N].
    """
    both = (torch.minimum(found[:, 0], wanted[:, 0]) - torch.maximum(found[:, 1], wanted[:, 1])).clamp(min=0)
    lengths = (found[:, 0] - found[:, 1]).clamp(min=0) + (wanted[:, 0] - wanted[:, 1])
    return both / (lengths - both).clamp(min=1e-6)
