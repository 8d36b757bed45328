"""What a user should know of a keyword before training: how it is said, how long it is, what it is taken for."""

from __future__ import annotations

from speechcnn.corpora.keywords import sounds
from speechcnn.corpora.keywords.script import Keyword, prepare

FEW_PHONES, FEW_SYLLABLES = 6, 3
CLOSE = 1.0  # a word at most so far away is named as a danger
SHOWN = 12


def advise(text: str) -> str:
    """Return advice on a keyword.

    Raises:
        SynthesisError: espeak-ng cannot say it, or is missing.
    """
    return advice(prepare([text])[0])


def advice(keyword: Keyword) -> str:
    """Return pronunciations, warnings and near misses, a line each."""
    phones = keyword.phones[0]
    syllables = sum(sounds.kind_of(phone) == "v" for phone in phones)
    said = "; ".join(" ".join(one) for one in keyword.phones)
    lines = [f"{keyword.text}: {len(phones)} phones, {syllables} syllables. Pronounced: {said}."]
    if len(phones) < FEW_PHONES or syllables < FEW_SYLLABLES:
        lines.append(
            f"It is short: words of at least {FEW_SYLLABLES} syllables and {FEW_PHONES} phones are missed less and "
            "give fewer false alarms. Consider a phrase."
        )
    close = [one for one in keyword.near if one.distance <= CLOSE]
    single, pairs = ([one for one in close if (" " in one.text) == joined] for joined in (False, True))
    if close:
        shown = ", ".join(one.text for one in [*single[:SHOWN], *pairs[: SHOWN // 2]])
        lines.append(f"{len(close)} known texts sound much like it: {shown}.")
    else:
        nearest = ", ".join(one.text for one in keyword.near[:3])
        lines.append(f"No known word sounds much like it; the nearest are {nearest}.")
    return "\n".join(lines)
