"""The worker process: reads one job a line (JSON) from standard input, answers one line for each utterance.

It runs as ``python -m speechcnn.corpora.synthesis.worker`` and holds the one espeak-ng of its process, so that a
crash of the library ends a worker and not the program.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from speechcnn.corpora.synthesis import utterance
from speechcnn.corpora.synthesis.espeak import Espeak
from speechcnn.corpora.synthesis.plan import Sentence, Speaker, SynthesisError, folder

_FAILED = 1


def main() -> None:
    """Answer jobs until standard input ends."""
    espeak: Espeak | None = None
    for line in sys.stdin:
        try:
            espeak = espeak or Espeak()
        except SynthesisError as error:
            _answer({"error": str(error), "disk": False})
            continue
        if _job(espeak, json.loads(line)):
            _answer({"finished": True})


def _job(espeak: Espeak, job: dict[str, Any]) -> bool:
    speaker = Speaker(**{**job["speaker"], "key": tuple(job["speaker"]["key"])})
    home = folder(Path(job["root"]), speaker)
    return all(_utterance(espeak, speaker, Sentence(**each), home) for each in job["sentences"])


def _utterance(espeak: Espeak, speaker: Speaker, sentence: Sentence, home: Path) -> bool:
    """Make one utterance in a fork, so that espeak starts each from the same state and the same bytes come out.

    False when it failed with a sentence, which is answered; a fork that died takes the worker with it. Without fork
    (Windows) the utterances follow each other in one process and bytes depend on their order.
    """
    if not hasattr(os, "fork"):
        return _attempt(espeak, speaker, sentence, home)
    child = os.fork()
    if child == 0:
        code = 2
        try:
            code = 0 if _attempt(espeak, speaker, sentence, home) else _FAILED
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, _FAILED):
        sys.exit(3)
    return code == 0


def _attempt(espeak: Espeak, speaker: Speaker, sentence: Sentence, home: Path) -> bool:
    try:
        utterance.write(utterance.make(espeak, speaker, sentence), home / sentence.id)
    except (OSError, SynthesisError) as error:
        _answer({"error": str(error), "disk": isinstance(error, OSError)})
        return False
    _answer({"made": sentence.id})
    return True


def _answer(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
