"""The keyword models that come with the package, by word."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "shipped"
MOST_BYTES = 500_000  # of a model that comes with the package


def shipped_words() -> list[str]:
    """Return the words that a model comes with the package for."""
    return sorted(path.stem.replace("_", " ") for path in FOLDER.glob("*.speechcnn"))


def model_path(word_or_model: str) -> Path:
    """Return the model file that is meant: the file itself, or the one shipped for a word.

    Raises:
        FileNotFoundError: there is neither; the sentence gives the command that makes one.
    """
    given = Path(word_or_model)
    if given.suffix == ".speechcnn" or given.is_file():
        return given
    word = " ".join(word_or_model.lower().split())
    if word in shipped_words():
        return FOLDER / f"{word.replace(' ', '_')}.speechcnn"
    raise FileNotFoundError(no_model(word_or_model, word))


def no_model(given: str, word: str) -> str:
    """Return the sentence that says what there is and how to make what there is not."""
    known = ", ".join(shipped_words()) or "none"
    advice = ""
    if re.fullmatch(r"[^\W\d_]+(?:[ '-][^\W\d_]+)*", word):
        quoted = f'"keyword={word}"' if " " in word or "'" in word else f"keyword={word}"
        advice = f" Make one by: speechcnn train keyword {quoted}, then give its .speechcnn file in place of the word."
    return f"{given!r} is no model file, and no model for it comes with the package (words that do: {known}).{advice}"
