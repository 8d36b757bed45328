"""What the id of an utterance tells where it is made the TIMIT way: speaker, sex, sentence, dialect region.

Ids in the wild: ``FCJF0_SX37``, ``fcjf0-sx37``, ``dr1-fcjf0-sx37``, ``test/dr1/fcjf0/sx37``, ``.../SX37.WAV.wav``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from speechcnn.corpora.timit_split import speaker_lists
from speechcnn.corpora.timit_tree import without_audio_suffix

_ID = re.compile(
    r"(?:.*?[-_/\\.])??(?:(?P<dialect>dr[1-8])[-_/\\.])?(?P<speaker>[fm][a-z]{3}\d)[-_/\\.](?P<sentence>s[aix]\d+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TimitId:
    """The parts of a TIMIT-style id, upper case."""

    speaker: str
    sentence: str
    dialect: str  # DR1 ... DR8, "" where the id does not hold it

    @property
    def id(self) -> str:
        """Speaker and sentence, as `corpora.timit.read` names utterances."""
        return f"{self.speaker}_{self.sentence}"

    @property
    def sex(self) -> str:
        """``f`` or ``m``, the first letter of the speaker."""
        return self.speaker[0].lower()

    @property
    def shared(self) -> bool:
        """Whether this is an SA sentence, which every speaker reads."""
        return self.sentence.startswith("SA")


def timit_id(text: str) -> TimitId | None:
    """The parts of an utterance id or of a path, None where it is not made the TIMIT way.

    >>> timit_id("test/dr1/faks0/sx43.wav")
    TimitId(speaker='FAKS0', sentence='SX43', dialect='DR1')
    """
    found = _ID.fullmatch(without_audio_suffix(text))
    if found is None:
        return None
    return TimitId(found["speaker"].upper(), found["sentence"].upper(), (found["dialect"] or "").upper())


def common_ids(ids: Iterable[str]) -> dict[str, str]:
    """For each id the form in which ids of other files can be compared with it.

    TIMIT-style ids become speaker and sentence in upper case. Of other ids, the ending of a sound file is taken off,
    and where they are paths also the folders, as long as the names below differ.

    Raises:
        ValueError: ids that become the same; all are listed.

    >>> common_ids(["a/call.wav", "dr1/faks0/sx43"])
    {'a/call.wav': 'call', 'dr1/faks0/sx43': 'FAKS0_SX43'}
    """
    whole = {name: without_audio_suffix(name) for name in ids}
    stems = {name: re.split(r"[/\\]", plain)[-1] for name, plain in whole.items()}
    other = stems if len(set(stems.values())) == len(stems) else whole
    found = {name: known.id if (known := timit_id(name)) else other[name] for name in whole}
    named: dict[str, list[str]] = {}
    for name, common in found.items():
        named.setdefault(common, []).append(name)
    twice = [f"{' and '.join(names)} both name {common}" for common, names in named.items() if len(names) > 1]
    if twice:
        raise ValueError(f"every utterance must stand once, but {'; '.join(twice)}")
    return found


def named_set(speakers: Iterable[str]) -> str:
    """The TIMIT list that holds all these speakers: core, dev, test (all 168 of TEST), train; "" if none does."""
    names = {speaker.upper() for speaker in speakers}
    lists = speaker_lists()
    whole = {**lists, "test": lists["core"] | lists["dev"] | lists["other"]}
    order = ("core", "dev", "test", "train")
    return next((part for part in order if names and names <= whole[part]), "")
