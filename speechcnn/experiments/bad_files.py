"""What a run does with files of its corpus that cannot be used: stop, leave them out, or never read them again."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from speechcnn.corpora import CorpusError, Fault

log = logging.getLogger(__name__)

Policy = Literal["error", "skip", "quarantine"]
LIST_FILE, HEADER = "bad_files.tsv", ("file", "line", "cause")


class BadFiles:
    """Collects the faults of a corpus and judges them.

    Args:
        policy: "error" stops at the first judgement with any fault; "skip" leaves bad files out; "quarantine" also
            lists them in `bad_files.tsv` of the run folder, and a run that finds the list leaves them out unread.
        most_percent: of the utterances may be bad; beyond it every policy is an error.
        folder: the run folder.
    """

    def __init__(self, policy: Policy, most_percent: float, folder: Path) -> None:
        self.policy, self.most_percent, self.list = policy, most_percent, folder / LIST_FILE
        self.faults: list[Fault] = self.listed() if policy == "quarantine" else []
        self.told = 0

    def quarantined(self) -> list[Path]:
        """Return the files that earlier runs listed."""
        return [fault.path for fault in self.faults]

    def add(self, faults: Iterable[Fault]) -> None:
        """Take note of faults."""
        self.faults += faults

    def judge(self, n_good: int) -> None:
        """Go on, or raise a CorpusError that lists every fault; `n_good` utterances are left."""
        files = {fault.path for fault in self.faults}
        percent = 100 * len(files) / max(1, len(files) + n_good)
        if not files:
            return
        if self.policy == "error":
            advice = "Mend them (speechcnn corpus check lists all), or leave them out: corpus.bad_files=skip."
            raise CorpusError([f"{len(files)} files of the corpus cannot be used. {advice}", *map(str, self.faults)])
        if percent > self.most_percent:
            rule = f"corpus.most_bad_percent={self.most_percent:g} allows no more than that"
            headline = f"{len(files)} files of the corpus cannot be used, {percent:.1f} %; {rule}."
            raise CorpusError([headline, *map(str, self.faults)])
        if self.policy == "quarantine":
            self.write()
        if len(files) > self.told:
            log.warning("%d bad files left out (%.1f %%); the report lists them.", len(files), percent)
        self.told = len(files)

    def listed(self) -> list[Fault]:
        """Return the faults in the run folder's list.

        Raises:
            CorpusError: a line of the list cannot be read.
        """
        if not self.list.is_file():
            return []
        with self.list.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t"))[1:]
        bad = [number for number, row in enumerate(rows, 2) if len(row) != 3 or not row[1].isdigit()]
        if bad:
            raise CorpusError(f"{self.list}, line {bad[0]}: a line must hold {', '.join(HEADER)}, parted by tabs.")
        return [Fault(Path(path), int(line), cause) for path, line, cause in rows]

    def write(self) -> None:
        """Write the list whole or not at all."""
        part = self.list.with_suffix(".part")
        with part.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter="\t", lineterminator="\n")
            table.writerows([HEADER, *((fault.path.absolute(), fault.line, fault.what) for fault in self.faults)])
        part.replace(self.list)
