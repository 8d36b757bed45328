"""What a keyword experiment leaves in its folder: figures, a page with pictures and sounds, and the model file."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from speechcnn.corpora.keywords.recordings import Recordings
from speechcnn.corpora.keywords.script import Keyword, near_of
from speechcnn.corpora.keywords.speaking import RATE
from speechcnn.experiments.keyword_mining import Mined
from speechcnn.experiments.keyword_real import NEGATIVES, POSITIVES, Naming, RealResult, RealSettings, judge
from speechcnn.experiments.keyword_scoring import Scored, Scorer, misses_by, near_misses, total
from speechcnn.experiments.keyword_settings import SpeechSettings
from speechcnn.experiments.keyword_tables import (
    MOST_NEAR,
    commissioning_rows,
    headline,
    hours_words,
    rate_words,
    real_lines,
    share_words,
    tables,
    time_words,
)
from speechcnn.metrics import HourlyRate, Outcomes, Share, detection_curve, localise
from speechcnn.metrics.detection import RATES, DetectionCurve, OperatingPoint
from speechcnn.report import (
    Picture,
    Sound,
    curves_figure,
    detection_figure,
    figure_png,
    score_figure,
    write_report,
)
from speechcnn.spotter import KeywordSpotter
from speechcnn.training.position import EpochRecord

MOST_SOUNDS = 12
# Settings that a card leaves out: places on a machine, and what it holds anyway.
OF_THE_MACHINE = ("folder", "threads", "recordings", "negatives", "real", "features", "normalisation", "model")
COUNTED = ("keyword", "negative")  # classes of recordings whose time counts


@dataclass(frozen=True)
class Commissioned:
    """What the user's long audio changed; see `keyword.Commissioning`."""

    mined: Mined
    before: RealResult
    after: RealResult


@dataclass(frozen=True)
class Outcome:
    """All that an experiment found."""

    keywords: Sequence[Keyword]
    advice: str
    test: Mapping[str, Sequence[Scored]]  # synthetic, by class of recordings
    threshold: float
    history: Sequence[EpochRecord]
    own: Recordings
    real: Mapping[str, RealResult]
    commissioning: Commissioned | None
    seconds: float

    @property
    def counted(self) -> list[Scored]:
        """The synthetic recordings whose time counts: all but those of near misses."""
        return [one for name in COUNTED for one in self.test[name]]

    @property
    def synthetic(self) -> Outcomes:
        """Hits and false alarms in them."""
        return total(self.counted)


def write_results(folder: Path, spotter: KeywordSpotter, settings: dict[str, Any], outcome: Outcome) -> str:
    """Write everything and return the summary."""
    measured = figures(outcome)
    spotter.card.update(
        {
            "measured": measured,
            "seed": settings["seed"],
            "settings": {key: value for key, value in settings.items() if key not in OF_THE_MACHINE},
            "training": "synthetic speech by espeak-ng" + trained_also(settings),
        }
    )
    model = folder / f"{'_'.join(spotter.keywords).replace(' ', '_')[:60]}.speechcnn"
    spotter.save(model)
    (folder / "metrics.json").write_text(json.dumps(finite(measured), indent=1) + "\n")
    pictures = draw(outcome)
    for name, picture in pictures.items():
        (folder / f"{name}.png").write_bytes(figure_png(picture.figure))
    page = write_report(
        folder / "report.html",
        f"Keyword: {', '.join(spotter.keywords)}",
        headline(measured),
        tables(measured),
        list(pictures.values()),
        json.dumps(settings, indent=1),
        sounds(spotter, outcome),
    )
    return summary(outcome, measured, model, page)


def trained_also(settings: Mapping[str, Any]) -> str:
    """Return what was trained on beside espeak's speech, in words."""
    others = {
        "Flite": settings["speech"].get("flite", SpeechSettings.flite),
        "MBROLA": settings["speech"].get("mbrola", SpeechSettings.mbrola),
        "own recordings": settings["recordings"],
        "own long audio": settings["negatives"],
    }
    return "".join(f" and {name}" for name, asked in others.items() if asked)


def figures(outcome: Outcome) -> dict[str, Any]:
    """Return every measured figure as plain data; synthetic and real ones stand apart."""
    found, threshold = outcome.synthetic, outcome.threshold
    curve = detection_curve(found)
    pairs = [pair for one in outcome.counted for pair in one.matching.pairs if pair[0].score >= threshold]
    chosen = OperatingPoint(threshold, found.misses(threshold), found.alarms(threshold))
    return {
        "threshold": threshold,
        "synthetic": {
            "chosen": plain_point(chosen),
            "at": plain_points(curve),
            "localisation": asdict(localise(pairs)),
            "misses": {name: {k: plain(v) for k, v in groups.items()} for name, groups in by_group(outcome).items()},
        },
        "near_misses": near_table(outcome),
        **real_figures(outcome.real),
        "commissioning": None if outcome.commissioning is None else plain_mined(outcome.commissioning),
        "own_recordings": {
            "positives": len(outcome.own.positives),
            "negatives": len(outcome.own.negatives),
            "notes": list(outcome.own.notes),
        },
        "advice": outcome.advice.splitlines(),
        "seconds": round(outcome.seconds, 1),
        "history": [asdict(record) for record in outcome.history],
    }


def by_group(outcome: Outcome) -> dict[str, dict[str, Share]]:
    """Return the misses at the threshold by accent, kind of voice, noise, and place."""
    keys = {
        "accent": lambda heard, n: heard.scene.said[n].accent,
        "voice family": lambda heard, n: heard.scene.said[n].family,
        "noise": lambda heard, n: heard.scene.tags.get("noise", ""),
        "place": lambda heard, n: "in a sentence" if heard.scene.said[n].kind == "with" else "alone",
        "keyword": lambda heard, n: heard.scene.said[n].keyword,
    }
    return {name: misses_by(outcome.counted, outcome.threshold, key) for name, key in keys.items()}


def near_table(outcome: Outcome) -> list[dict[str, Any]]:
    """Return how often what sounds like a keyword fires, the worst first; trained on or not."""
    seen = {text for keyword in outcome.keywords for text in near_of(keyword, "train")}
    known = {one.text for keyword in outcome.keywords for one in keyword.near}
    rows = [
        {"text": text, "fired": plain(share), "trained_on": text in seen}
        for text, share in near_misses(outcome.test["near"], outcome.threshold).items()
        if text in known
    ]
    return sorted(rows, key=lambda row: (-row["fired"]["rate"], row["text"]))


def plain(share: Share) -> dict[str, Any]:
    """Return a share with its interval as plain data."""
    return {"count": share.count, "total": share.total, "rate": share.rate, "interval": list(share.interval())}


def plain_rate(rate: HourlyRate) -> dict[str, Any]:
    """Return a rate with its interval as plain data."""
    return {"count": rate.count, "hours": rate.hours, "rate": rate.rate, "interval": list(rate.interval())}


def plain_point(point: OperatingPoint, claimed: float | None = None) -> dict[str, Any]:
    """Return an operating point as plain data, with the sentence that may be said of the rate it stands for."""
    data = {"threshold": point.threshold, "misses": plain(point.misses), "alarms": plain_rate(point.alarms)}
    return data if claimed is None else {**data, "claim": point.alarms.claim(claimed)}


def plain_result(result: RealResult) -> dict[str, Any]:
    """Return what was found in real recordings as plain data."""
    found = {"misses": plain(result.misses), "alarms": plain_rate(result.alarms)}
    named = named_by(result.namings, lambda one: one.said)
    if len(named) < 2:
        return found
    wrong = Counter((one.said, one.named) for one in result.namings if one.named != one.said)
    return {
        **found,
        "named": plain(sum(named.values(), Share())),
        "named_by_keyword": {name: plain(share) for name, share in named.items()},
        "named_by_folder": {k: plain(v) for k, v in named_by(result.namings, lambda one: one.folder).items()},
        "confusions": [{"said": said, "named": name, "count": n} for (said, name), n in wrong.most_common(MOST_NEAR)],
    }


def judged(spotter: KeywordSpotter, real: RealSettings, threshold: float | None = None) -> dict[str, Any]:
    """Return what a finished model finds in real recordings, as plain data; nothing is trained on.

    Raises:
        CorpusError: a folder that is not there or holds nothing.
    """
    real.check(spotter.keywords)
    wanted = spotter.rule.threshold if threshold is None else threshold
    scorer = Scorer(spotter.chain, spotter.chain.network, spotter.keywords, spotter.rule)
    found = judge(scorer, real, Recordings((), (), ()), spotter.keywords, wanted)
    return {"threshold": wanted, **real_figures(found)}


def real_figures(found: Mapping[str, RealResult]) -> dict[str, Any]:
    """Return what was found in real recordings as plain data: set by set, and at rates of false alarms."""
    points = {name: plain_points(curve) for name, curve in real_curves(found).items()}
    return {
        "real": {name: plain_result(one) for name, one in found.items()},
        "real_at": points.pop("", {}),
        "real_at_alone": points,
    }


def plain_points(curve: DetectionCurve) -> dict[str, Any]:
    """Return a curve's points at some rates of false alarms as plain data."""
    return {f"{rate:g} per hour": plain_point(curve.at(rate), rate) for rate in RATES}


def named_by(namings: Sequence[Naming], key: Callable[[Naming], str]) -> dict[str, Share]:
    """Return the share of clips whose keyword has the highest score, by group."""
    table: dict[str, Share] = {}
    for one in namings:
        table[key(one)] = table.get(key(one), Share()) + Share(int(one.named == one.said), 1)
    return dict(sorted(table.items()))


def real_curves(found: Mapping[str, RealResult]) -> dict[str, DetectionCurve]:
    """Return misses against false alarms in real recordings, where there are test sets of both kinds.

    Of all keywords together, named "", and where there are several, of each at a threshold of its own.
    """
    if not {POSITIVES, NEGATIVES} <= set(found):
        return {}
    clips, speech = found[POSITIVES], found[NEGATIVES]
    curves = {"": real_curve(clips.outcomes, speech.outcomes)}
    several = clips.by_keyword if len(clips.by_keyword) > 1 else {}
    return curves | {name: real_curve(one, speech.by_keyword[name]) for name, one in several.items()}


def real_curve(clips: Outcomes, speech: Outcomes) -> DetectionCurve:
    """Return the misses in clips of the keyword alone, which have no hours worth counting, against alarms in speech."""
    return detection_curve(Outcomes(clips.hits, speech.false_alarms, clips.references, speech.hours))


def plain_mined(found: Commissioned) -> dict[str, Any]:
    """Return what commissioning changed as plain data."""
    return {
        "mined": plain_rate(found.mined.rate),
        "before": plain_rate(found.before.alarms),
        "after": plain_rate(found.after.alarms),
    }


def finite(value: Any) -> Any:
    """Return plain data with None for numbers that are not finite, as JSON has none."""
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def draw(outcome: Outcome) -> dict[str, Picture]:
    """Draw misses against false alarms and the learning curves."""
    found = outcome.synthetic
    chosen = OperatingPoint(outcome.threshold, found.misses(outcome.threshold), found.alarms(outcome.threshold))
    curves = {"synthetic": detection_curve(found)}
    curves |= {f"real {name}".strip(): curve for name, curve in real_curves(outcome.real).items()}
    rounds = [{"epoch": n, "train_loss": one.train_loss, "dev_loss": one.dev_loss}
              for n, one in enumerate(outcome.history, 1)]  # fmt: skip
    return {
        "detection": Picture("Misses against false alarms, over all thresholds", detection_figure(curves, chosen)),
        "curves": Picture("Learning curves", curves_figure(rounds)),
    }


def sounds(spotter: KeywordSpotter, outcome: Outcome) -> list[Sound]:
    """Return misses and false alarms to listen to, with their scores."""
    found = []
    for one in [*outcome.test["keyword"], *outcome.test["near"]]:
        alarms = [event for event in one.matching.false_alarms if event.score >= outcome.threshold]
        hit = [true for event, true in one.matching.pairs if event.score >= outcome.threshold]
        missed = [true for true in one.heard.references if true not in hit]
        if one.heard.samples is None or not (alarms or missed):
            continue
        what = [f"missed at {true.start:.2f} s" for true in missed] + [f"false alarm at {e.end:.2f} s" for e in alarms]
        spans = [(true.start, true.end) for true in one.heard.references]
        hop = spotter.chain.hop_seconds
        figure = score_figure(one.posteriors, spotter.keywords, hop, outcome.threshold, spans)
        said = "; ".join(line.text for line in one.heard.scene.said)
        samples = one.heard.samples.float().numpy()
        found.append(Sound(f"{', '.join(what)}: {said}", samples, RATE, figure))
        if len(found) == MOST_SOUNDS:
            break
    return found


def summary(outcome: Outcome, measured: Mapping[str, Any], model: Path, page: Path) -> str:
    """Return what is printed at the end."""
    chosen = measured["synthetic"]["chosen"]
    at = measured["synthetic"]["at"].items()
    lines = [
        outcome.advice,
        f"Synthetic voices never heard before: missed {share_words(chosen['misses'])} of {chosen['misses']['total']}, "
        f"{rate_words(chosen['alarms'])} false alarms per hour ({hours_words(chosen['alarms'])}).",
        *(f"At {name}: missed {share_words(one['misses'])}; {one['claim']}" for name, one in at),
        time_words(measured["synthetic"]["localisation"]),
        *real_lines(measured),
    ]
    lines += [f"{'Before' if name == 'before' else 'After'} training on mined alarms: {rate} per hour ({hours})."
              for name, rate, hours in commissioning_rows(measured)]  # fmt: skip
    return "\n".join([*lines, *outcome.own.notes, f"Model: {model}", f"Report: {page}  ({outcome.seconds:.0f} s)"])
