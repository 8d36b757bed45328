"""A keyword experiment's figures as rows and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speechcnn.report import Table

MOST_NEAR = 25
POINT_HEAD = ("false alarms", "missed", "threshold", "what the hours support")


def headline(measured: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return what stands at the top of the page."""
    chosen, places = measured["synthetic"]["chosen"], measured["synthetic"]["localisation"]
    cards = [
        ("Missed, synthetic voices", share_words(chosen["misses"]), f"at the threshold {measured['threshold']:.3f}"),
        ("False alarms per hour, synthetic", rate_words(chosen["alarms"]), hours_words(chosen["alarms"])),
    ]
    if places["events"]:
        cards.append(
            ("Onset and offset off by", f"{ms(places['onset'])} / {ms(places['offset'])}", "mean absolute error")
        )
    for name, real in measured["real"].items():
        if real["misses"]["total"]:
            cards.append((f"Missed, {name}", share_words(real["misses"]), "real voices, the same threshold"))
        if not real["misses"]["total"] or real["alarms"]["count"]:
            cards.append((f"False alarms per hour, {name}", rate_words(real["alarms"]), hours_words(real["alarms"])))
    return cards


def tables(measured: Mapping[str, Any]) -> list[Table]:
    """Return the tables of the page."""
    synthetic = measured["synthetic"]
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
        Table("Synthetic voices", POINT_HEAD, point_rows(synthetic["at"]), note),
        Table("Real recordings", ("set", "missed", "false alarms per hour", "from"), real),
        Table("Real recordings, over all thresholds", POINT_HEAD, point_rows(measured["real_at"])),
        *(
            Table(f"Real recordings, {name} alone at a threshold of its own", POINT_HEAD, point_rows(points))
            for name, points in measured["real_at_alone"].items()
        ),
        Table("The right keyword of all, real", ("set", "group", "right", "share"), named_rows(measured["real"])),
        Table("Taken for another, real", ("set", "said", "taken for", "times"), confusion_rows(measured["real"])),
        Table("Commissioning", ("held-out audio", "false alarms per hour", "from"), commissioning_rows(measured)),
        Table("Missed at the chosen threshold, synthetic", ("by", "group", "missed", "share"), groups),
        Table("What sounds like it and fires, synthetic", ("text", "fired", "share", "trained on"), near),
        Table("Times, synthetic", ("", "mean", "median", "90 % below"), time_rows(synthetic["localisation"])),
        Table("Advice", ("",), [(line,) for line in measured["advice"]]),
        Table("Notes on the recordings", ("",), [(line,) for line in measured["own_recordings"]["notes"]]),
    ]
    return [table for table in chosen if table.rows]


def point_rows(points: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return misses at some rates of false alarms."""
    return [(name, share_words(one["misses"]), f"{one['threshold']:.3f}", one["claim"]) for name, one in points.items()]


def named_rows(real: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return how many clips had their keyword named, by keyword and by folder."""
    return [
        (name, group, f"{share['count']} of {share['total']}", share_words(share))
        for name, one in real.items()
        for key in ("named_by_keyword", "named_by_folder")
        for group, share in one.get(key, {}).items()
    ]


def confusion_rows(real: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return which keywords were taken for which."""
    return [
        (name, pair["said"], pair["named"] or "none", str(pair["count"]))
        for name, one in real.items()
        for pair in one.get("confusions", [])
    ]


def commissioning_rows(measured: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return false alarms before and after."""
    found = measured["commissioning"] or {}
    return [(name, rate_words(found[name]), hours_words(found[name])) for name in ("before", "after") if name in found]


def time_rows(places: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return errors of times and the overlap; nothing where no keyword was found."""
    if not places["events"]:
        return []
    columns = ("mean", "median", "p90")
    names = {"onset": "onset error", "offset": "offset error", "delay": "decision after the offset"}
    rows = [(title, *(ms(places[key], k) for k in columns)) for key, title in names.items()]
    return [*rows, ("intersection over union", *(f"{places['iou'][k]:.2f}" for k in columns))]


def time_words(places: Mapping[str, Any]) -> str:
    """Return the mean errors of times and the mean overlap as a sentence."""
    if not places["events"]:
        return "No keyword was found, so nothing is known of onsets and offsets."
    overlap, delay = f"{places['iou']['mean']:.2f}", ms(places["delay"])
    off = f"Onset off by {ms(places['onset'])}, offset by {ms(places['offset'])} (mean)"
    return f"{off}, overlap {overlap}, decided {delay} after the word."


def ms(spread: Mapping[str, float], column: str = "mean") -> str:
    """Return a time in milliseconds."""
    return f"{1000 * spread[column]:.0f} ms"


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


def real_line(name: str, real: Mapping[str, Any]) -> str:
    """Return what was found in real recordings as a sentence."""
    total = real["misses"]["total"]
    missed = f"missed {share_words(real['misses'])} of {total}, " if total else ""
    alarms = f"{rate_words(real['alarms'])} false alarms per hour ({hours_words(real['alarms'])})"
    named = f"; the right keyword of all {share_words(real['named'])}" if "named" in real else ""
    return f"Real, {name}: {missed}{alarms}{named}."


def real_lines(measured: Mapping[str, Any]) -> list[str]:
    """Return what was found in real recordings as sentences."""
    lines = [real_line(name, one) for name, one in measured["real"].items()]
    for one in measured["real"].values():
        lines += [f"  {group}: {share_words(share)} of {share['total']}" for group, share in groups_of(one)]
    for word, points in {"": measured["real_at"], **measured["real_at_alone"]}.items():
        alone = f", {word} alone at its own threshold," * bool(word)
        lines += [
            f"Real{alone} at {name}: missed {share_words(one['misses'])}; {one['claim']}"
            for name, one in points.items()
        ]
    return lines


def groups_of(one: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return how many clips had their keyword named, by folder where there are several, and by keyword."""
    folders = one.get("named_by_folder", {})
    several = list(folders.items()) if len(folders) > 1 and set(folders) != set(one["named_by_keyword"]) else []
    return [*several, *one.get("named_by_keyword", {}).items()]
