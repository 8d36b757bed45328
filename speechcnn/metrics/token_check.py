"""Whether reference token totals are those of the licensed TIMIT, and if not, what is likely the cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from speechcnn.metrics.conventions import expected_tokens

_TITLES = {"core": "core test set", "dev": "development set"}
_UTTERANCES = {"core": 192, "dev": 400}
# Totals that known preparations of the references give under `kaldi`.
_CAUSES = {
    ("core", 7193): "adjacent silences were merged in the references",
    ("core", 6831): "silences at the beginning and end were taken from the references",
    ("core", 5754): "silences were taken from the references",
    ("core", 7333): "q was kept in the references, folded to another class",
    ("dev", 15002): "adjacent silences were merged in the references",
    ("dev", 14257): "silences at the beginning and end were taken from the references",
    ("dev", 12049): "silences were taken from the references",
}


@dataclass(frozen=True)
class TokenCheck:
    """Whether all known totals agree, and the sentence that says so."""

    agrees: bool
    sentence: str


def check_tokens(part: str, tokens: Mapping[str, int], utterances: int, shared: int = 0) -> TokenCheck:
    """Compare the totals of TIMIT's ``core`` or ``dev`` set, by convention, with those of the licensed corpus.

    `utterances` is how many references there are, `shared` how many of them are SA sentences.

    >>> check_tokens("core", {"kaldi": 7215, "merged": 7193, "nosil": 5754, "61": 7333}, 192).agrees
    True
    """
    known = {name: expected_tokens(part, name) for name in tokens}
    counted = [f"{total} ({name})" for name, total in tokens.items() if known[name] is not None]
    due = [f"{total} ({name})" for name, total in known.items() if total is not None]
    have = f"reference tokens of the TIMIT {_TITLES[part]}: {', '.join(counted)}"
    if counted == due:
        return TokenCheck(True, f"{have}, as in the licensed corpus")
    cause = _cause(part, tokens.get("kaldi", 0), utterances, shared)
    return TokenCheck(False, f"{have}; the licensed corpus has {', '.join(due)}; likely cause: {cause}")


def _cause(part: str, tokens: int, utterances: int, shared: int) -> str:
    if shared:
        return f"{shared} SA sentences are among the references, which the standard set leaves out"
    if utterances != _UTTERANCES[part]:
        return f"the references hold {utterances} utterances, the standard set {_UTTERANCES[part]}"
    other = "the labels are not those of the licensed corpus (made speech, or labels that were changed)"
    return _CAUSES.get((part, tokens), other)
