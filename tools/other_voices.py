#!/usr/bin/env python3
"""Measures how often a keyword model hears voices of a program that did not train it: `tools/other_voices.py MODEL`.

MBROLA's or Flite's voices, which are made from real speakers, say its words alone and in sentences, almost without
noise, at pitches and speeds that are drawn. Told is, at the model's threshold, what is found, for each voice.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from speechcnn.bundle import BundleError
from speechcnn.corpora.keywords.script import Keyword, pick, prepare, put_in, texts_of
from speechcnn.corpora.keywords.speaking import RATE, Line, Spoken, speak
from speechcnn.corpora.keywords.voices import CHECKS, PROGRAMS, Speaker, Voice
from speechcnn.corpora.synthesis import SynthesisError
from speechcnn.metrics import Reference, Share, match
from speechcnn.spotter import KeywordSpotter

PLACES = {"keyword": "alone", "with": "in sentences"}
PITCHES, RATES = (0.85, 1.2), (120.0, 210.0)  # factors on the voice's own pitch; words per minute
SILENCE_SECONDS = 0.5  # before and behind
NOISE = 1e-3  # against full scale


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a .speechcnn file, or a word that a model comes with the package for")
    parser.add_argument("--program", choices=list(PROGRAMS), default="mbrola", help="whose voices speak")
    parser.add_argument("--voices", nargs="+", default=None, metavar="VOICE", help="these of its voices alone")
    parser.add_argument("--clips", type=int, default=20, help="of each word and voice, alone and in sentences each")
    arguments = parser.parse_args()
    known = {one.name: one for one in PROGRAMS[arguments.program]}
    if unknown := set(arguments.voices or ()) - set(known):
        parser.error(f"{arguments.program} has no voice {', '.join(sorted(unknown))}; it has {', '.join(known)}.")
    if arguments.clips < 1:
        parser.error(f"--clips must be at least 1; got {arguments.clips}.")
    try:
        CHECKS[arguments.program]()
        spotter = KeywordSpotter.load(arguments.model)
    except (SynthesisError, OSError, BundleError) as error:
        parser.error(str(error))
    speakers = [known[name] for name in arguments.voices or known]
    found = heard(spotter, speakers, arguments)
    for voice in (*(who.name for who in speakers), "all"):
        print(f"{voice:5}", "; ".join(f"{name}: {told(found[voice, kind])}" for kind, name in PLACES.items()))


def heard(
    spotter: KeywordSpotter, speakers: list[Speaker], arguments: argparse.Namespace
) -> dict[tuple[str, str], Share]:
    draw = np.random.default_rng(0)
    found: dict[tuple[str, str], Share] = {}
    for keyword in prepare(spotter.keywords):
        for one in speak([line for who in speakers for line in lines(keyword, who, arguments, draw)]):
            share = Share(int(is_found(spotter, one, draw)), 1)
            for voice in (one.line.voice.variant, "all"):
                key = voice, one.line.kind
                found[key] = found.get(key, Share()) + share
    return found


def lines(keyword: Keyword, who: Speaker, arguments: argparse.Namespace, draw: np.random.Generator) -> list[Line]:
    def voice() -> Voice:
        pitch, rate = draw.uniform(*PITCHES), draw.uniform(*RATES)
        return Voice(who.accent, who.name, arguments.program, float(pitch), 1.0, float(rate))

    made = []
    for text in texts_of("test", arguments.clips, 0, set(keyword.text.split()), 13):
        alone, inside = pick(keyword.spellings, draw), pick(keyword.spellings, draw)
        made.append(Line(alone, voice(), "keyword", keyword.text, alone))
        made.append(Line(put_in(text, inside, draw), voice(), "with", keyword.text, inside))
    return made


def is_found(spotter: KeywordSpotter, spoken: Spoken, draw: np.random.Generator) -> bool:
    around = round(SILENCE_SECONDS * RATE)
    samples = np.pad(spoken.samples / (2 * np.abs(spoken.samples).max()), around)
    start, end = (at + SILENCE_SECONDS for at in spoken.span)
    noisy = (samples + NOISE * draw.normal(size=len(samples))).astype(np.float32)
    return bool(match(spotter.find(noisy, RATE), [Reference(spoken.line.keyword, start, end)]).pairs)


def told(share: Share) -> str:
    low, high = share.interval()
    return f"{share.count} of {share.total}, {100 * share.rate:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


if __name__ == "__main__":
    main()
