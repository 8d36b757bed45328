"""What a keyword network finds in recordings, counted by the one definition of an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from speechcnn.experiments.keyword_data import Heard
from speechcnn.metrics import Outcomes, Reference, Share, choose_threshold, detection_curve, match, outcomes
from speechcnn.metrics.detection import COLLAR_SECONDS, Matching
from speechcnn.models.keyword_chain import KeywordChain, posteriors
from speechcnn.spotting import Detection, EventRule, FrameTimes, detect

LEAST_THRESHOLD = 0.01  # down to which events are looked for where thresholds are compared
EDGE = 1e-3  # of scores that are shifted: those nearer to 0 or 1 count as so far away
CRITERION_RATES = (1.0, 4.0, 16.0)  # false alarms per hour at which misses choose the checkpoint


@dataclass(frozen=True)
class EventSettings:
    """The event rule, but for its threshold, and what is asked of the threshold."""

    alarms_per_hour: float = 0.5  # on dev, near misses not counted
    least_threshold: float = 0.3  # no lower one is chosen, however few false alarms dev has
    level: bool = True  # of several keywords: the scores of each are shifted until one threshold suits all
    smoothing_seconds: float = 0.1
    patience_seconds: float = 0.04
    refractory_seconds: float = 0.35

    def __post_init__(self) -> None:
        if not self.alarms_per_hour > 0:
            raise ValueError(f"alarms_per_hour must be above 0; got {self.alarms_per_hour}.")
        self.rule(self.least_threshold)

    def rule(self, threshold: float) -> EventRule:
        """Return the rule with a threshold."""
        return EventRule(threshold, self.smoothing_seconds, self.patience_seconds, self.refractory_seconds)

    def choose(self, found: Outcomes) -> float:
        """Return the threshold that outcomes on dev ask for."""
        return choose_threshold(found, self.alarms_per_hour, self.least_threshold)


@dataclass(frozen=True)
class Scored:
    """A recording with its events, down to the least threshold, and how they match.

    Shape: posteriors [K, T'].
    """

    heard: Heard
    events: list[Detection]
    matching: Matching
    posteriors: np.ndarray

    @property
    def outcomes(self) -> Outcomes:
        """Its hits, false alarms, references and time."""
        return outcomes(self.matching, self.heard.seconds)

    def of(self, keyword: str) -> Scored:
        """Return what it is for a detector of one of the keywords."""
        pairs = tuple(pair for pair in self.matching.pairs if pair[1].keyword == keyword)
        alarms = tuple(one for one in self.matching.false_alarms if one.keyword == keyword)
        missed = tuple(one for one in self.matching.missed if one.keyword == keyword)
        return replace(self, matching=Matching(pairs, alarms, missed))


class Scorer:
    """Finds the events of recordings with a network as it is now.

    Args:
        chain: features, normalisation and network; the network may be another one of the same frames.
        keywords: in the order of the classes.
        rule: what makes an event; its threshold is replaced by the least.
    """

    def __init__(self, chain: KeywordChain, network: nn.Module, keywords: Sequence[str], rule: EventRule) -> None:
        self.chain, self.network, self.keywords = chain, network, tuple(keywords)
        self.rule = replace(rule, threshold=LEAST_THRESHOLD)
        self.times = FrameTimes(chain.hop_seconds, chain.features.first_centre_seconds)

    @torch.no_grad()
    def score(self, every: Iterable[Heard]) -> list[Scored]:
        """Return the events of each recording."""
        self.network.eval()
        return [self.one(heard) for heard in every]

    def one(self, heard: Heard) -> Scored:
        """Return the events of one recording."""
        found = posteriors(self.network(self.chain.normalized(heard.features[None].float())))
        rows, times = found.keywords[0].numpy(), found.times[0].numpy()
        events = detect(rows, times, self.rule, self.keywords, self.times)
        kept = replace(heard, features=heard.features[..., :0])  # hours of features are not kept
        return Scored(kept, events, match(events, heard.references), rows)


def total(every: Iterable[Scored]) -> Outcomes:
    """Return the summed outcomes."""
    parts = [one.outcomes for one in every]
    return Outcomes(
        tuple(score for one in parts for score in one.hits),
        tuple(score for one in parts for score in one.false_alarms),
        sum(one.references for one in parts),
        sum(one.hours for one in parts),
    )


def shifts(every: Sequence[Scored], keywords: Sequence[str], settings: EventSettings, threshold: float) -> Tensor:
    """Return what is to be added to each keyword's class score so that its own threshold becomes the common one.

    Its own one is chosen by the same rule among its own events. Words of different length differ in it, and one
    threshold for all would be too high for most.

    Shape: -> [K].
    """
    own = [settings.choose(total(one.of(keyword) for one in every)) for keyword in keywords]
    return torch.logit(torch.tensor(threshold), EDGE) - torch.logit(torch.tensor(own), EDGE)


def criterion(found: Mapping[str, Sequence[Scored]]) -> float:
    """Return the mean share of misses at some rates of false alarms, near misses counted among them.

    A small part of it is the mean score of what was missed or heard falsely, so that equal counts are told apart.
    """
    every = total(one for each in found.values() for one in each)
    curve = detection_curve(every)
    misses = float(np.mean([curve.at(rate).misses.rate for rate in CRITERION_RATES]))
    unsure = 1 - sum(every.hits) / max(1, every.references)
    return misses + 0.01 * unsure


def near_misses(found: Iterable[Scored], threshold: float) -> dict[str, Share]:
    """Return by text how often what sounds like a keyword fires."""
    table: dict[str, Share] = {}
    for one in found:
        alarms = [event for event in one.events if event.score >= threshold]
        for said in one.heard.scene.said:
            place = Reference("", said.start, said.end)
            fired = any(touches(event, place) for event in alarms)
            table[said.text] = table.get(said.text, Share()) + Share(int(fired), 1)
    return table


def touches(event: Detection, place: Reference) -> bool:
    """Say whether an event's end lies in a stretch of speech, the collar added behind it."""
    return place.start < event.end <= place.end + COLLAR_SECONDS


def misses_by(found: Iterable[Scored], threshold: float, key: Callable[[Heard, int], str]) -> dict[str, Share]:
    """Return the misses of groups of keywords; `key` names the group of a recording's said line number."""
    table: dict[str, Share] = {}
    for one in found:
        hit = {true for event, true in one.matching.pairs if event.score >= threshold}
        for number, said in enumerate(one.heard.scene.said):
            if said.keyword:
                missed = Reference(said.keyword, said.start, said.end) not in hit
                group = key(one.heard, number)
                table[group] = table.get(group, Share()) + Share(int(missed), 1)
    return dict(sorted(table.items()))
