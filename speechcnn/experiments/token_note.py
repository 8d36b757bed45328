"""The remark on reference token totals that results on TIMIT's named sets carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from speechcnn.corpora.timit_ids import named_set, timit_id
from speechcnn.metrics import check_tokens


def token_note(ids: Iterable[str], speakers: Iterable[str], tokens: Mapping[str, int]) -> str:
    """Say whether the totals (by convention) are those of the licensed corpus, if the speakers are a named set's."""
    part = named_set(speakers)
    if part not in ("core", "dev"):
        return "token totals not checked: these are not the speakers of TIMIT's core test or development set"
    names = list(ids)
    shared = sum(parts.shared for name in names if (parts := timit_id(name)))
    return check_tokens(part, tokens, len(names), shared).sentence
