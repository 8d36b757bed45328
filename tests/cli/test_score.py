"""`speechcnn score` as a user runs it."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from pathlib import Path

import jiwer
import pytest

from speechcnn.cli import main
from speechcnn.corpora.timit_split import speaker_lists
from speechcnn.labels import Segment, timit_phones
from speechcnn.metrics import CONVENTIONS
from speechcnn.transcripts import write_segments, write_trn

REFERENCES = {
    "FABC0_SX1": ["h#", "sh", "iy", "hv", "ae", "h#"],
    "FABC0_SX2": ["h#", "ax", "q", "ao", "l", "h#", "pau"],
    "MABC0_SI3": ["h#", "d", "ow", "n", "h#"],
}
HYPOTHESES = {
    "FABC0_SX1": ["h#", "sh", "iy", "hv", "eh", "h#"],
    "FABC0_SX2": ["h#", "ax", "ao", "l", "h#"],
    "MABC0_SI3": ["h#", "t", "ow", "m", "h#"],
}


def _timed(transcripts):
    return {
        name: [Segment(label, n / 10, (n + 1) / 10) for n, label in enumerate(labels)]
        for name, labels in transcripts.items()
    }


def _random_set(rng, size, phones=61, longest=30):
    names = timit_phones(phones).names
    return {f"F{n:03d}": [names[i] for i in rng.integers(phones, size=rng.integers(8, longest))] for n in range(size)}


def _core_test():
    """References with the token totals of the licensed core test: 7215, 22 adjacent silences, 1461 silences."""
    sentences = [f"{speaker}_SX{n}" for speaker in sorted(speaker_lists()["core"]) for n in range(1, 9)]
    references = {}
    for number, name in enumerate(sentences):
        phones, silences = 29 + (number < 186), 7 + (number < 117)
        pairs = itertools.zip_longest(["s"] * phones, ["h#"] * silences)
        references[name] = [label for pair in pairs for label in pair if label]
    for name in sentences[:22]:
        own = references[name]
        own.remove("h#")
        own.insert(own.index("h#"), "h#")
    return references


def test_every_format_beside_every_other_gives_the_same_figures(data, tmp_path):
    expected = data("r.trn", "h.trn", r=REFERENCES, h=HYPOTHESES)["systems"][0]["per"]
    assert expected["kaldi"]["reference_tokens"] == 17
    for ending in ("ctm", "json", "phn", "TextGrid"):
        write_segments(tmp_path / f"ref.{ending}", _timed(REFERENCES))
        write_segments(tmp_path / f"hyp.{ending}", _timed(HYPOTHESES))
    endings = ("ctm", "json", "phn", "TextGrid")
    for left, right in zip(endings, endings[1:] + endings[:1], strict=True):
        assert data(f"ref.{left}", f"hyp.{right}")["systems"][0]["per"] == expected


@pytest.mark.parametrize("name", list(CONVENTIONS))
def test_rates_are_jiwers_on_random_sets(data, rng, name):
    references, hypotheses = _random_set(rng, 40), _random_set(rng, 40, longest=25)
    found = data("r.trn", "h.trn", r=references, h=hypotheses)["systems"][0]["per"][name]
    joined = [[" ".join(CONVENTIONS[name](one)) for one in side.values()] for side in (references, hypotheses)]
    peer = jiwer.process_words(*joined)
    assert found["rate"] == pytest.approx(peer.wer)
    keys = ("hits", "substitutions", "deletions", "insertions")
    assert [found[key] for key in keys] == [getattr(peer, key) for key in keys]


def test_ids_of_other_spellings_and_orders_are_matched(data, tmp_path):
    names = {"FABC0_SX1": "dr1-fabc0-sx1", "FABC0_SX2": "x/test/dr2/fabc0/sx2.wav", "MABC0_SI3": "mabc0_si3"}
    turned = {names[name]: " ".join(HYPOTHESES[name]) for name in reversed(HYPOTHESES)}
    (tmp_path / "h.json").write_text(json.dumps(turned))
    found = data("r.trn", "h.json", r=REFERENCES)["systems"][0]
    assert found["per"]["kaldi"]["substitutions"] == 3
    assert list(found["utterances"]) == list(REFERENCES)


def test_groups_come_from_the_ids(data):
    groups = data("r.trn", "h.trn", r=REFERENCES, h=HYPOTHESES)["systems"][0]["groups"]
    assert {group: one["rate"] for group, one in groups["sex"].items()} == {"f": 2 / 12, "m": 2 / 5}
    assert {group: one["reference_tokens"] for group, one in groups["speaker"].items()} == {"FABC0": 12, "MABC0": 5}
    assert "dialect" not in groups


def test_a_folder_of_a_timit_tree_tells_the_dialects(data, tmp_path):
    write_segments(tmp_path / "tree.phn", {f"dr{n}/{one.replace('_', '/')}": own for n, (one, own) in
                                           enumerate(_timed(REFERENCES).items(), 1)})  # fmt: skip
    groups = data("tree.phn", "h.trn", h=HYPOTHESES)["systems"][0]["groups"]
    assert {group: one["rate"] for group, one in groups["dialect"].items()} == {
        "DR1": 1 / 6,
        "DR2": 1 / 6,
        "DR3": 2 / 5,
    }


def test_a_corpus_tells_speakers_and_parts(data, tmp_path):
    tree = {f"{part}/dr{n}/{speaker}/sx{n}": ["h#", "aa", "h#"] for n, (part, speaker) in
            enumerate([("train", "mtra0"), ("dev", "mdev0"), ("test", "ftes0"), ("test", "mtes0")], 1)}  # fmt: skip
    write_segments(tmp_path / "c.phn", _timed(tree))
    hypotheses = {"FTES0_SX3": ["h#", "aa", "h#"], "MTES0_SX4": ["h#", "h#"]}
    found = data("c.phn", "h.trn", "--part", "test", h=hypotheses)["systems"][0]
    assert list(found["groups"]["dialect"]) == ["DR3", "DR4"]
    flat = {name: ["h#", "aa", "h#"] for name in hypotheses}
    found = data("r.trn", "h.trn", "--corpus", "c.phn", r=flat, h=hypotheses)["systems"][0]
    assert {group: one["rate"] for group, one in found["groups"]["dialect"].items()} == {"DR3": 0, "DR4": 1 / 3}


def test_a_table_of_utterances_names_any_group(data, tmp_path):
    (tmp_path / "t.tsv").write_text("utterance\tspeaker\tnoise\na\tann\tquiet\nb\tbob\tloud\nc.wav\tann\t\n")
    sides = {"r": {"a": ["aa"], "b": ["aa"], "c": ["aa"]}, "h": {"a": ["aa"], "b": ["ae"], "c": ["aa"]}}
    found = data("r.trn", "h.trn", "--speakers", "t.tsv", **sides)
    groups = found["systems"][0]["groups"]
    assert {kind: {group: one["rate"] for group, one in own.items()} for kind, own in groups.items()} == {
        "noise": {"(unknown)": 0, "loud": 1, "quiet": 0},
        "speaker": {"ann": 0, "bob": 1},
    }
    assert any("over 2 speakers" in note for note in found["notes"])


def test_a_table_of_speakers_is_joined_by_the_ids(data, tmp_path):
    (tmp_path / "t.tsv").write_text("speaker\tage\nfabc0\t30\nMABC0\t40\n")
    groups = data("r.trn", "h.trn", "--speakers", "t.tsv", r=REFERENCES, h=HYPOTHESES)["systems"][0]["groups"]
    assert {group: one["reference_tokens"] for group, one in groups["age"].items()} == {"30": 12, "40": 5}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("id\tage\nx\t3\n", "the first line must name a column utterance or speaker, got id, age"),
        ("speaker\tage\nx\t3\n", "no speaker in it is one of the references'"),
        ("speaker\tage\nx\t3\nX\t4\n", "every speaker must stand once, 1 lines repeat one"),
    ],
)
def test_a_table_without_a_key_or_with_repeated_keys_is_refused(run, tmp_path, table, sentence):
    (tmp_path / "t.tsv").write_text(table)
    status, _, error = run("r.trn", "h.trn", "--speakers", "t.tsv", r=REFERENCES, h=HYPOTHESES)
    assert status == 2
    assert sentence in error


def test_without_speakers_the_interval_is_over_utterances_and_says_so(data):
    sides = {"r": {"a": ["aa"], "b": ["aa"]}, "h": {"a": ["aa"], "b": ["ae"]}}
    found = data("r.trn", "h.trn", **sides)
    assert found["systems"][0]["groups"] == {}
    assert "intervals: 95 %, bootstrap over utterances" in found["notes"]
    assert any("not all speakers are known" in note for note in found["notes"])


def test_one_unknown_speaker_is_enough_for_an_interval_over_utterances(data):
    sides = {"r": {**REFERENCES, "other": ["aa"]}, "h": {**HYPOTHESES, "other": ["aa"]}}
    found = data("r.trn", "h.trn", **sides)
    assert "intervals: 95 %, bootstrap over utterances" in found["notes"]
    assert list(found["systems"][0]["groups"]) == ["sex"]
    assert list(found["systems"][0]["groups"]["sex"]) == ["(unknown)", "f", "m"]


def test_totals_of_the_licensed_core_test_agree_and_its_regions_are_known(data):
    references = _core_test()
    found = data("r.trn", "h.trn", r=references, h=references)
    totals = {name: one["reference_tokens"] for name, one in found["systems"][0]["per"].items()}
    assert totals == {"kaldi": 7215, "merged": 7193, "nosil": 5754, "61": 7215}
    assert any(note.endswith("as in the licensed corpus") for note in found["notes"])
    assert list(found["systems"][0]["groups"]["dialect"]) == [f"DR{n}" for n in range(1, 9)]


def test_a_table_may_spell_the_core_speakers_as_it_likes(data, tmp_path):
    (tmp_path / "t.tsv").write_text("utterance\tspeaker\na\tfelc0\n")
    found = data("r.trn", "h.trn", "--speakers", "t.tsv", r={"a": ["aa"]}, h={"a": ["aa"]})
    assert list(found["systems"][0]["groups"]["dialect"]) == ["DR1"]


def test_another_total_of_the_core_test_is_explained(data):
    references = _core_test()
    references["FELC0_SA1"] = ["h#", "sh"]
    notes = data("r.trn", "h.trn", r=references, h=references)["notes"]
    assert any("7217 (kaldi)" in note and "likely cause: 1 SA sentences" in note for note in notes)


def test_utterances_missing_on_both_sides_are_all_listed_at_once(run):
    references = {f"u{n:03d}": ["aa"] for n in range(40)}
    status, output, error = run("r.trn", "h.trn", r=references, h={"u007": ["aa"], "x": [], "y": []})
    assert (status, output) == (2, "")
    assert "39 have no hypothesis (--missing deletions counts them as deleted): u000, u001" in error
    assert all(name in error for name in references if name != "u007")
    assert "2 have no reference: x, y" in error


def test_missing_hypotheses_count_as_deletions_when_asked(data):
    found = data("r.trn", "h.trn", "--missing", "deletions", r=REFERENCES, h={"MABC0_SI3": REFERENCES["MABC0_SI3"]})
    assert (found["systems"][0]["per"]["kaldi"]["deletions"], found["systems"][0]["per"]["kaldi"]["hits"]) == (12, 5)
    assert any(
        "2 utterances without a hypothesis count as deletions: FABC0_SX1, FABC0_SX2" in n for n in found["notes"]
    )


def test_a_hypothesis_without_a_reference_is_an_error_all_the_same(run):
    status, _, error = run("r.trn", "h.trn", "--missing", "deletions", r={"a": []}, h={"b": []})
    assert status == 2
    assert "1 have no reference: b" in error


def test_empty_transcripts_are_named(data):
    found = data("r.trn", "h.trn", r={"a": [], "b": ["aa"], "c": ["aa"]}, h={"a": ["aa"], "b": [], "c": ["aa"]})
    assert found["systems"][0]["per"]["kaldi"]["rate"] == 1
    assert "r.trn: empty transcripts (1): a" in found["notes"]
    assert "h.trn: empty transcripts (1): b" in found["notes"]


def test_no_reference_token_at_all_is_no_number(data):
    found = data("r.trn", "h.trn", r={"a": []}, h={"a": ["aa"]})
    assert found["systems"][0]["per"]["kaldi"]["rate"] is None


def test_no_reference_is_an_error(run):
    status, _, error = run("r.trn", "h.trn", r={}, h={})
    assert (status, error) == (2, "speechcnn: r.trn: no reference in it\n")


def test_two_single_files_are_one_utterance_whatever_their_names(data, tmp_path):
    (tmp_path / "ref.phn").write_text("0 100 aa\n100 200 b\n")
    write_segments(tmp_path / "g.TextGrid", {"hyp": [Segment("aa", 0, 0.1)]})
    found = data("ref.phn", "g.TextGrid/hyp.TextGrid")
    assert found["systems"][0]["utterances"].keys() == {"ref"}
    assert found["systems"][0]["per"]["kaldi"]["deletions"] == 1


def test_a_second_system_is_tested_by_both_tests(data, run):
    worse = {name: [label for label in labels if label not in ("sh", "ow", "l")] for name, labels in HYPOTHESES.items()}
    found = data("r.trn", "h.trn", "--against", "w.trn", r=REFERENCES, h=HYPOTHESES, w=worse)
    assert [one["hypothesis"] for one in found["systems"]] == ["h.trn", "w.trn"]
    one = found["tests"]["kaldi"]
    rates = [system["per"]["kaldi"]["rate"] for system in found["systems"]]
    assert one["difference"] == pytest.approx(rates[1] - rates[0]) == pytest.approx(3 / 17)
    assert one["bootstrap"]["p_value"] < 0.05
    assert one["mapsswe"]["segments"] == 4
    _, output, _ = run("r.trn", "h.trn", "--against", "w.trn")
    assert "w.trn is 17.65 points worse than h.trn under kaldi" in output
    assert "MAPSSWE rests on 4 segments" in output


def test_a_system_against_itself_differs_by_nothing(data):
    found = data("r.trn", "h.trn", "--against", "h.trn", r=REFERENCES, h=HYPOTHESES)
    assert all(one["difference"] == 0 and one["mapsswe"]["p_value"] == 1 for one in found["tests"].values())


def test_text_and_markdown_hold_the_same_tables(run):
    _, text, _ = run("r.trn", "h.trn", "--utterances", "--top", "1", r=REFERENCES, h=HYPOTHESES)
    _, markdown, _ = run("r.trn", "h.trn", "--utterances", "--format", "markdown")
    titles = ["Error rates by convention", "By sex", "By speaker", "By phone", "Most frequent errors", "By utterance"]
    assert [line for line in text.splitlines() if line in titles] == titles
    assert [line[3:] for line in markdown.splitlines() if line.startswith("## ")] == titles
    assert "| kaldi | 23.53 |" in markdown
    assert text.splitlines()[0] == "h.trn against r.trn: 3 utterances"
    after = text.split("Most frequent errors\n")[1].split("\n\n")[0]
    assert len(after.splitlines()) == 2


def test_csv_is_one_table_of_counts(run):
    worse = {name: labels[:-1] for name, labels in HYPOTHESES.items()}
    _, output, _ = run("r.trn", "h.trn", "--against", "w.trn", "--format", "csv", r=REFERENCES, h=HYPOTHESES, w=worse)
    rows = list(csv.DictReader(io.StringIO(output)))
    whole = {(row["system"], row["convention"]): row for row in rows if row["table"] == "all"}
    assert whole["h.trn", "kaldi"]["tokens"] == "17"
    assert float(whole["h.trn", "kaldi"]["rate"]) == pytest.approx(4 / 17)
    for kind in ("sex", "speaker", "phone", "utterance"):
        errors = [int(row[key]) for row in rows if (row["table"], row["system"]) == (kind, "h.trn")
                  for key in ("substitutions", "deletions", "insertions")]  # fmt: skip
        assert sum(errors) == 4, kind
    pairs = {row["name"]: row for row in rows if (row["table"], row["system"]) == ("confusion", "h.trn")}
    assert pairs.keys() == {"ae > eh", "d > t", "n > m", "sil > -"}
    assert pairs["sil > -"]["deletions"] == "1"
    assert {row["name"] for row in rows if row["table"] == "test"} == {"bootstrap", "mapsswe"}


def test_files_that_are_not_there_end_with_one_sentence(run):
    status, output, error = run("r.trn", "nothing.trn", r=REFERENCES)
    assert (status, output, error) == (2, "", "speechcnn: nothing.trn: no such file\n")


def test_the_seed_moves_the_interval_only(data):
    first = data("r.trn", "h.trn", "--resamples", "50", r=REFERENCES, h=HYPOTHESES)["systems"][0]["per"]["kaldi"]
    other = data("r.trn", "h.trn", "--resamples", "50", "--seed", "1")["systems"][0]["per"]["kaldi"]
    assert first["rate"] == other["rate"]
    assert data("r.trn", "h.trn", "--resamples", "50")["systems"][0]["per"]["kaldi"] == first


def test_transcripts_are_converted_by_their_endings(tmp_path, capsys):
    write_segments(tmp_path / "a.ctm", _timed(HYPOTHESES))
    assert main(["convert", str(tmp_path / "a.ctm"), str(tmp_path / "grids.TextGrid")]) == 0
    assert main(["convert", str(tmp_path / "grids.TextGrid"), str(tmp_path / "a.trn")]) == 0
    assert (tmp_path / "a.trn").read_text() == write_trn(HYPOTHESES)
    assert main(["convert", str(tmp_path / "a.trn"), str(tmp_path / "b.ctm")]) == 2
    assert "a trn file has no times" in capsys.readouterr().err


def test_a_corpus_that_holds_none_of_the_references_is_told(run, tmp_path):
    write_segments(tmp_path / "c.phn", _timed({"train/dr1/mtra0/sx1": ["h#"]}))
    status, _, error = run("r.trn", "h.trn", "--corpus", "c.phn", r=REFERENCES, h=HYPOTHESES)
    assert (status, error) == (2, "speechcnn: c.phn: none of the references stands in this corpus\n")
    status, _, error = run("r.trn", "h.trn", "--part", "test")
    assert status == 2
    assert "r.trn: no TIMIT-style corpus" in error


def test_the_guides_example_is_what_the_command_prints(run, tmp_path):
    guide = Path(__file__).parents[2] / "docs" / "scoring.md"
    reference, first, second, printed = re.findall(r"```text\n(.*?)```", guide.read_text(), re.DOTALL)
    for name, text in (("ref", reference), ("hyp", first), ("old", second)):
        (tmp_path / f"{name}.trn").write_text(text)
    _, output, _ = run("ref.trn", "hyp.trn", "--against", "old.trn", "--top", "5")
    assert output.strip() == printed.strip()
