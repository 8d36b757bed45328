"""What a keyword experiment leaves in its folder: figures, a page with pictures and sounds, and the model file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from speechcnn.corpora.keywords.recordings import Recordings
from speechcnn.corpora.keywords.script import Keyword, near_of
from speechcnn.corpora.keywords.speaking import RATE
from speechcnn.experiments.keyword_mining import Mined
from speechcnn.experiments.keyword_real import RealResult
from speechcnn.experiments.keyword_scoring import Scored, misses_by, near_misses, total
from speechcnn.metrics import HourlyRate, Outcomes, Share, detection_curve, localise
from speechcnn.metrics.detection import RATES, OperatingPoint
from speechcnn.report import (
    Picture,
    Sound,
    Table,
    curves_figure,
    detection_figure,
    figure_png,
    score_figure,
    write_report,
)
from speechcnn.spotter import KeywordSpotter
from speechcnn.training.position import EpochRecord

MOST_SOUNDS, MOST_NEAR = 12, 25
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
            "training": "synthetic speech by espeak-ng" + (" and own recordings" if settings["recordings"] else ""),
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
            "at": {f"{rate:g} per hour": plain_point(curve.at(rate), rate) for rate in RATES},
            "localisation": asdict(localise(pairs)),
            "misses": {name: {k: plain(v) for k, v in groups.items()} for name, groups in by_group(outcome).items()},
        },
        "near_misses": near_table(outcome),
        "real": {name: plain_result(one) for name, one in outcome.real.items()},
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
    return {"misses": plain(result.misses), "alarms": plain_rate(result.alarms)}


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


def headline(measured: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what stands at the top of the page."""
    chosen, places = measured["synthetic"]["chosen"], measured["synthetic"]["localisation"]
    cards = [
        ("Missed, synthetic voices", share_words(chosen["misses"]), f"at the threshold {measured['threshold']:.3f}"),
        ("False alarms per hour, synthetic", rate_words(chosen["alarms"]), hours_words(chosen["alarms"])),
        ("Onset and offset off by", f"{ms(places['onset'])} / {ms(places['offset'])}", "mean absolute error"),
    ]
    for name, real in measured["real"].items():
        if real["misses"]["total"]:
            cards.append((f"Missed, {name}", share_words(real["misses"]), "real voices, the same threshold"))
        if not real["misses"]["total"] or real["alarms"]["count"]:
            cards.append((f"False alarms per hour, {name}", rate_words(real["alarms"]), hours_words(real["alarms"])))
    return cards


def tables(measured: Mapping[str, Any]) -> list[Table]:
    """Return the tables of the page."""
    synthetic = measured["synthetic"]
    points = [
        (name, share_words(one["misses"]), f"{one['threshold']:.3f}", one["claim"])
        for name, one in synthetic["at"].items()
    ]
    real = [
        (name, share_words(one["misses"]) if one["misses"]["total"] else "-", rate_words(one["alarms"]),
         hours_words(one["alarms"]))
        for name, one in measured["real"].items()
    ]  # fmt: skip
    groups = [
        (group, name, f"{one['count']} of {one['total']}", share_words(one))
        for group, shares in synthetic["misses"].items()
        for name, one in shares.items()
    ]
    near = [
        (row["text"], f"{row['fired']['count']} of {row['fired']['total']}", share_words(row["fired"]),
         "yes" if row["trained_on"] else "no")
        for row in measured["near_misses"][:MOST_NEAR]
    ]  # fmt: skip
    note = "Voices of the test set are heard nowhere else; en-gb-scotland and klatt are heard in the test set alone."
    chosen = [
        Table("Synthetic voices", ("false alarms", "missed", "threshold", "what the hours support"), points, note),
        Table("Real recordings", ("set", "missed", "false alarms per hour", "from"), real),
        Table("Commissioning", ("held-out audio", "false alarms per hour", "from"), commissioning_rows(measured)),
        Table("Missed at the chosen threshold, synthetic", ("by", "group", "missed", "share"), groups),
        Table("What sounds like it and fires, synthetic", ("text", "fired", "share", "trained on"), near),
        Table("Times, synthetic", ("", "mean", "median", "90 % below"), time_rows(synthetic["localisation"])),
        Table("Advice", ("",), [(line,) for line in measured["advice"]]),
        Table("Notes on the recordings", ("",), [(line,) for line in measured["own_recordings"]["notes"]]),
    ]
    return [table for table in chosen if table.rows]


def commissioning_rows(measured: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return false alarms before and after."""
    found = measured["commissioning"] or {}
    return [(name, rate_words(found[name]), hours_words(found[name])) for name in ("before", "after") if name in found]


def time_rows(places: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return errors of times and the overlap."""
    names = {"onset": "onset error", "offset": "offset error", "delay": "decision after the offset"}
    rows = [
        (title, *(f"{1000 * places[key][k]:.0f} ms" for k in ("mean", "median", "p90"))) for key, title in names.items()
    ]
    return [*rows, ("intersection over union", *(f"{places['iou'][k]:.2f}" for k in ("mean", "median", "p90")))]  # type: ignore[list-item]


def share_words(share: Mapping[str, Any]) -> str:
    """Return a share with its interval in words."""
    low, high = share["interval"]
    return f"{100 * share['rate']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def rate_words(rate: Mapping[str, Any]) -> str:
    """Return a rate with its interval in words."""
    low, high = rate["interval"]
    return f"{rate['rate']:.2f} [{low:.2f}, {high:.2f}]"


def hours_words(rate: Mapping[str, Any]) -> str:
    """Return what a rate rests on."""
    return f"{rate['count']} in {rate['hours']:.2f} h"


def ms(spread: Mapping[str, float]) -> str:
    """Return a mean in milliseconds."""
    return f"{1000 * spread['mean']:.0f} ms"


def draw(outcome: Outcome) -> dict[str, Picture]:
    """Draw misses against false alarms and the learning curves."""
    found = outcome.synthetic
    chosen = OperatingPoint(outcome.threshold, found.misses(outcome.threshold), found.alarms(outcome.threshold))
    curves = {"synthetic": detection_curve(found)}
    positives = [one.outcomes for name, one in outcome.real.items() if one.misses.total]
    alarms = [one.outcomes for name, one in outcome.real.items() if not one.misses.total]
    if positives and alarms:
        curves["real"] = detection_curve(sum([*positives, *alarms], Outcomes()))
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


def real_line(name: str, real: Mapping[str, Any]) -> str:
    """Return what was found in real recordings as a sentence."""
    total = real["misses"]["total"]
    missed = f"missed {share_words(real['misses'])} of {total}, " if total else ""
    return f"Real, {name}: {missed}{rate_words(real['alarms'])} false alarms per hour ({hours_words(real['alarms'])})."


def summary(outcome: Outcome, measured: Mapping[str, Any], model: Path, page: Path) -> str:
    """Return what is printed at the end."""
    chosen, places = measured["synthetic"]["chosen"], measured["synthetic"]["localisation"]
    at = measured["synthetic"]["at"].items()
    lines = [
        outcome.advice,
        f"Synthetic voices never heard before: missed {share_words(chosen['misses'])} of {chosen['misses']['total']}, "
        f"{rate_words(chosen['alarms'])} false alarms per hour ({hours_words(chosen['alarms'])}).",
        *(f"At {name}: missed {share_words(one['misses'])}; {one['claim']}" for name, one in at),
        f"Onset off by {ms(places['onset'])}, offset by {ms(places['offset'])} (mean), overlap "
        f"{places['iou']['mean']:.2f}, decided {ms(places['delay'])} after the word.",
        *(real_line(name, one) for name, one in measured["real"].items()),
    ]
    lines += [f"{'Before' if name == 'before' else 'After'} training on mined alarms: {rate} per hour ({hours})."
              for name, rate, hours in commissioning_rows(measured)]  # fmt: skip
    return "\n".join([*lines, *outcome.own.notes, f"Model: {model}", f"Report: {page}  ({outcome.seconds:.0f} s)"])
