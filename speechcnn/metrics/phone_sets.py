"""Which phone set transcripts are in, and maps from other labels to phones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from speechcnn.labels import canonical, timit_phones

_FOLDED_ONLY = {39: {"sil"}, 48: {"sil", "cl", "vcl"}}  # names by which a folded set shows itself


def phone_set(labels: Iterable[str]) -> int | None:
    """The TIMIT set that labels are in: 61, or 48 or 39 where silences are folded; None if no set holds them all.

    Labels without any silence count as 61: all their names stand there too.

    >>> phone_set(["h#", "sh", "ix"]), phone_set(["sil", "sh", "cl"]), phone_set(["sil", "sh"]), phone_set(["cl", "q"])
    (61, 48, 39, None)
    """
    names = {label.strip().lower() for label in labels}
    for size, marks in _FOLDED_ONLY.items():
        if names & marks and names <= set(timit_phones(size)):
            return size
    return 61 if all(map(_among_61, names)) else None


def read_phone_map(text: str, source: str = "the phone map") -> dict[str, str]:
    r"""What each label becomes, "" where it is dropped.

    A line holds the label first and what it becomes last, as in Kaldi's ``phones.60-48-39.map``; a label alone in its
    line is dropped. Lines that begin with ``;;`` are comments.

    Raises:
        ValueError: a label stands twice with different targets, or there is no line; all are listed.

    >>> read_phone_map("aa aa aa\nix ix ih\nq\n")
    {'aa': 'aa', 'ix': 'ih', 'q': ''}
    """
    found: dict[str, str] = {}
    twice = []
    for fields in (line.split() for line in text.splitlines() if not line.startswith(";;")):
        if fields:
            target = fields[-1] if len(fields) > 1 else ""
            if found.setdefault(fields[0], target) != target:
                twice.append(fields[0])
    if twice or not found:
        what = f"these stand twice with different targets: {', '.join(twice)}" if twice else "it holds no line"
        raise ValueError(f"{source} must have one line a label, {what}")
    return found


def mapped(transcripts: Mapping[str, Sequence[str]], table: Mapping[str, str]) -> dict[str, list[str]]:
    """Transcripts with every label replaced that the table holds; others stay as they are."""
    return {
        name: [new for new in (table.get(label, label) for label in labels) if new]
        for name, labels in transcripts.items()
    }


def _among_61(name: str) -> bool:
    try:
        canonical(name)
    except ValueError:
        return False
    return True
