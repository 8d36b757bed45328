from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import welch
from torch import nn

from speechcnn.arguments import SettingsError
from speechcnn.configuration import compose
from speechcnn.corpora import CorpusError
from speechcnn.corpora.keywords import recordings, script
from speechcnn.corpora.keywords.scenes import Said, Scene
from speechcnn.corpora.keywords.speaking import RATE, Line, Spoken, speak
from speechcnn.corpora.keywords.voices import CHECKS
from speechcnn.corpora.synthesis import SynthesisError
from speechcnn.experiments import keyword, keyword_mining, keyword_real, keyword_results, keyword_tables, run_folder
from speechcnn.experiments.keyword_data import NO_SAMPLES, Heard, Studio
from speechcnn.experiments.keyword_scoring import EventSettings, Scored, criterion, misses_by, near_misses, shifts
from speechcnn.experiments.keyword_settings import ESPEAK_ALONE, FLITE_SHARE, SpeechSettings, with_flite
from speechcnn.metrics import HourlyRate, Outcomes, Reference, Share, localise, match
from speechcnn.models.keyword_nets import KeywordScores
from speechcnn.spotter import KeywordSpotter
from speechcnn.spotting import Detection

QUICK = ("experiment=keyword_quick", "keyword=hello")


def settings(folder: Path, *overrides: str) -> dict:
    return compose(keyword, [*QUICK, f"folder={folder}", *overrides])


def scored(name: str, said: list[Said], events: list[Detection], seconds: float = 36.0) -> Scored:
    heard = Heard(Scene(name, NO_SAMPLES, tuple(said), {"noise": "5 dB"}), None, seconds)
    return Scored(heard, events, match(events, heard.references), np.zeros((1, 1)))


def test_each_keyword_is_shifted_from_its_own_threshold_to_the_common_one() -> None:
    """ "yes" fires falsely at 0.4 and truly at 0.6, "no" at 0.8 and 0.9."""
    said = [Said("yes", "keyword", "yes", 1.0, 1.5), Said("no", "keyword", "no", 5.0, 5.5)]
    events = [Detection("yes", 1.0, 1.4, 0.6), Detection("no", 5.0, 5.4, 0.9)]
    alarms = [Detection("yes", 9.0, 9.4, 0.4), Detection("no", 12.0, 12.4, 0.8)]
    added = shifts([scored("a", said, [*events, *alarms])], ["yes", "no"], EventSettings(), 0.85)
    assert added.tolist() == pytest.approx([np.log(0.85 / 0.15), 0], abs=1e-5)  # from 0.5, and from 0.85


class Told(nn.Module):
    """A network that is told its class scores: they are the features' bands."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Conv1d(3, 3, 1)
        self.classes.load_state_dict({"weight": torch.eye(3)[..., None], "bias": torch.zeros(3)})

    def forward(self, features: torch.Tensor) -> KeywordScores:
        times = torch.tensor([0.2, 0.0])[None, :, None].expand(len(features), 2, features.shape[-1])
        return KeywordScores(self.classes(features[:, 0]), times)


@pytest.mark.parametrize(("level", "found"), [(True, ["yes", "no"]), (False, ["no"])])
def test_one_threshold_suits_all_keywords_once_their_scores_are_level(
    tmp_path: Path, level: bool, found: list[str]
) -> None:
    one = keyword.KeywordExperiment(
        settings(tmp_path, "keyword=[yes,no]", "normalisation.kind=none", f"events.level={level}")
    )
    one.network, hop = Told(), one.chain.hop_seconds

    def heard(name: str, peaks: list[tuple[str, int, float]], said: bool) -> Heard:
        rows = torch.full((1, 3, 400), -9.0)
        rows[:, 0] = 0
        for word, at, score in peaks:
            rows[0, one.keywords.index(word) + 1, at : at + 12] = score
        words = [Said(word, "keyword", word, at * hop, (at + 12) * hop) for word, at, _ in peaks if said]
        return Heard(Scene(name, NO_SAMPLES, tuple(words)), rows, 8.0)

    true, false = [("yes", 50, 1.0), ("no", 200, 4.0)], [("yes", 50, 0.0), ("no", 200, 3.0)]
    dev = {"keyword": [heard("true", true, said=True)], "near": [], "negative": [heard("false", false, said=False)]}
    threshold = one.settle(dev)
    events = [event.keyword for each in one.counted(dev) for event in each.events if event.score >= threshold]
    assert events == found


def test_the_shares_of_near_misses_that_fire() -> None:
    said = [
        Said("yellow", "near", "", 1.0, 1.5),
        Said("cello", "near", "", 3.0, 3.5),
        Said("yellow", "near", "", 5.0, 5.5),
    ]
    found = scored("a", said, [Detection("hello", 1.0, 1.4, 0.9), Detection("hello", 3.0, 3.5, 0.3)])
    assert near_misses([found], 0.5) == {"yellow": Share(1, 2), "cello": Share(0, 1)}
    assert near_misses([found], 0.2) == {"yellow": Share(1, 2), "cello": Share(1, 1)}


def test_misses_by_group() -> None:
    said = [Said("hello", "keyword", "hello", 1.0, 1.5, "en"), Said("hello", "with", "hello", 4.0, 4.5, "en-us")]
    found = scored("a", said, [Detection("hello", 1.0, 1.4, 0.9), Detection("hello", 4.0, 4.5, 0.3)])
    by_accent = misses_by([found], 0.5, lambda heard, n: heard.scene.said[n].accent)
    assert by_accent == {"en": Share(0, 1), "en-us": Share(1, 1)}


def test_the_criterion_prefers_fewer_misses_then_surer_hits() -> None:
    said = [Said("hello", "keyword", "hello", 1.0, 1.5), Said("hello", "keyword", "hello", 9.0, 9.5)]

    def of(*scores: float) -> float:
        events = [Detection("hello", 1.0, 1.5, scores[0])]
        events += [Detection("hello", 9.0, 9.5, one) for one in scores[1:2]]
        events += [Detection("hello", 20.0, 20.5, one) for one in scores[2:]]  # false alarms
        return criterion({"keyword": [scored("a", said, events)]})

    assert of(0.9, 0.8) < of(0.9, 0.7) < of(0.9)
    assert of(0.9, 0.8) < of(0.9, 0.8, 0.85)


def test_own_clips_are_parted() -> None:
    voice = script.plain_voice("en-us")
    clips = tuple(
        speak([Line(text, voice, "other") for text in ("one", "two", "three", "four", "five", "six", "no", "go")])
    )
    train, kept = keyword_real.held_out(recordings.Recordings(clips, clips[:3], ()), 0.25)
    assert len(kept.positives) == 2
    assert sorted((*train.positives, *kept.positives), key=clips.index) == list(clips)
    assert (len(train.negatives), len(kept.negatives)) == (3, 0)  # too few to keep one


@pytest.mark.parametrize(("seconds", "mined", "held"), [(30, 0, 1), (150, 2, 1), (600, 7, 3)])
def test_a_long_recording_is_parted_into_mined_and_held_out(
    tmp_path: Path, seconds: int, mined: int, held: int
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(seconds * 4000), 4000)
    training, proof = keyword_mining.parted(tmp_path / "a.wav", 0)
    assert (training.stop - training.first, proof.stop - proof.first) == (mined, held)
    assert (training.first, training.stop, proof.stop) == (0, proof.first, mined + held)
    if seconds == 30:  # the next short one goes to the other side
        training, proof = keyword_mining.parted(tmp_path / "a.wav", 1)
        assert (training.stop, proof.stop - proof.first) == (1, 0)


@pytest.mark.parametrize(("override", "sentence"), [
    ("keyword=h3llo", "must be a word or a phrase of Latin letters"),
    ("keyword=[]", "keyword must be a word or a list of 1 to 100"),
    ("seed=-1", "seed must be at least 0"),
    ("speech.copies=0", "copies must be at least 1"),
    ("speech.mbrola=2", "mbrola must be from 0 to 1"),
    ("acoustics.room=2", "room must be from 0 to 1"),
    ("events.alarms_per_hour=0", "alarms_per_hour must be above 0"),
    ("normalisation.kind=utterance", "normalisation.kind must be one of corpus, none"),
    ("minutes=0", "minutes must be above 0"),
    ("own.weight=0", "weight and mining_epochs must be at least 1"),
])  # fmt: skip
def test_settings_are_checked_before_the_folder_is_made(tmp_path: Path, override: str, sentence: str) -> None:
    with pytest.raises((SettingsError, *keyword.FAILURES), match=sentence):
        keyword.run(settings(tmp_path / "run", override))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("override", "sentence"), [
    ("recordings=nowhere", "nowhere: no such folder"),
    ("negatives=nowhere", "nowhere: no such folder"),
    ("real.negatives=nowhere", "nowhere: no such folder"),
])  # fmt: skip
def test_folders_are_looked_at_first(tmp_path: Path, override: str, sentence: str) -> None:
    with pytest.raises(CorpusError, match=sentence):
        keyword.run(settings(tmp_path / "run", override))
    assert not (tmp_path / "run" / run_folder.SETTINGS_FILE).exists()  # so that the mended command may take the folder


def test_a_folder_with_other_settings_is_refused(tmp_path: Path) -> None:
    run_folder.claim(tmp_path, {"seed": 1, "folder": "a"})
    run_folder.claim(tmp_path, {"seed": 1, "folder": "b"})
    with pytest.raises(SettingsError, match=r"holds a run with other settings \(seed\)"):
        run_folder.claim(tmp_path, {"seed": 2, "folder": "a"})
    (tmp_path / run_folder.SETTINGS_FILE).write_text('{"seed": ')
    with pytest.raises(SettingsError, match=r"settings\.json is damaged"):
        run_folder.claim(tmp_path, {"seed": 1})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A quick run with four own recordings and half a minute of long audio."""
    home = tmp_path_factory.mktemp("keyword")
    own = home / "own" / "positives"
    own.mkdir(parents=True)
    said = speak(
        [Line("hello", script.plain_voice(accent), "keyword") for accent in ("en-us", "en", "en-029", "en-us-nyc")]
    )
    for number, one in enumerate(said):
        soundfile.write(own / f"{number}.wav", one.samples, 16000)
    (home / "long").mkdir()
    for name in "ab":
        soundfile.write(home / "long" / f"{name}.wav", np.tile(said[0].samples, 40), 16000)
    folders = [f"recordings={home / 'own'}", f"negatives={home / 'long'}", f"real.positives={own}"]
    return home / "run", keyword.run(settings(home / "run", "own.weight=2", "own.mining_epochs=1", *folders))


@pytest.mark.slow
def test_a_word_becomes_a_detector(finished: tuple[Path, str]) -> None:
    folder, printed = finished
    measured = json.loads((folder / "metrics.json").read_text())
    assert measured["own_recordings"]["positives"] == 4
    assert measured["real"]["own recordings, kept"]["misses"]["total"] == 1
    assert measured["real"]["real positives"]["misses"]["total"] == 4
    assert measured["commissioning"]["before"]["hours"] > 0
    assert measured["synthetic"]["chosen"]["misses"]["total"] > 5
    assert "cannot be claimed" in measured["synthetic"]["at"]["0.1 per hour"]["claim"]
    assert "report.html" in printed
    assert ESPEAK_ALONE in printed
    page = (folder / "report.html").read_text()
    assert "Synthetic voices" in page
    assert "Real recordings" in page
    assert "<audio controls" in page


@pytest.mark.slow
def test_the_model_file_finds_words(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    spotter = KeywordSpotter.load(folder / "hello.speechcnn")
    measured = json.loads((folder / "metrics.json").read_text())
    assert spotter.rule.threshold == measured["threshold"]
    assert spotter.keywords == ("hello",)
    assert isinstance(spotter.find(folder.parent / "own" / "positives" / "0.wav"), list)


def test_flite_speaks_where_it_is_installed_unless_another_share_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise SynthesisError("no flite")

    def share_of(speech: dict[str, float | None]) -> float:
        return with_flite({"speech": speech, "seed": 0})["speech"]["flite"]

    monkeypatch.setitem(CHECKS, "flite", lambda: None)
    assert share_of({"keyword": 8}) == share_of({"flite": None}) == FLITE_SHARE
    assert (share_of({"flite": 0}), share_of({"flite": 0.1})) == (0, 0.1)
    monkeypatch.setitem(CHECKS, "flite", missing)
    assert share_of({"flite": None}) == 0
    assert share_of({"flite": 0.1}) == 0.1  # that flite is missing is said later


def test_the_card_says_what_was_trained_on() -> None:
    settings = {"speech": {"keyword": 8}, "recordings": None, "negatives": None}
    assert keyword_results.trained_also(settings) == ""
    everything = {"speech": {"flite": 0.4, "mbrola": 0.2}, "recordings": "mine", "negatives": "calls"}
    assert keyword_results.trained_also(everything) == " and Flite and MBROLA and own recordings and own long audio"


def named(said: str, name: str, folder: str) -> keyword_real.Naming:
    return keyword_real.Naming(said, name, folder)


def test_clips_are_named_by_keyword_and_by_folder() -> None:
    namings = (named("yes", "yes", "ann"), named("yes", "no", "bob"), named("no", "no", "bob"), named("no", "", "ann"))
    result = keyword_real.RealResult(Share(1, 4), HourlyRate(0, 0.1), Outcomes(), {}, namings)
    plain = keyword_results.plain_result(result)
    assert (plain["named"]["count"], plain["named"]["total"]) == (2, 4)
    assert {name: one["count"] for name, one in plain["named_by_folder"].items()} == {"ann": 1, "bob": 1}
    assert {"said": "yes", "named": "no", "count": 1} in plain["confusions"]
    nothing = keyword_real.RealResult(Share(), HourlyRate(0, 1), Outcomes(), {})
    assert "named" not in keyword_results.plain_result(nothing)


def test_a_clip_is_named_by_its_highest_score() -> None:
    said = [Said("yes", "keyword", "yes", 1.0, 1.5)]
    events = [Detection("no", 1.0, 1.4, 0.05), Detection("yes", 1.0, 1.4, 0.3), Detection("no", 3.0, 3.4, 0.2)]
    clip = scored("a", said, events)
    clip.heard.scene.tags["folder"] = "ann"
    assert keyword_real.naming(clip) == named("yes", "yes", "ann")
    silent = scored("a", said, [])
    silent.heard.scene.tags["folder"] = ""
    assert keyword_real.naming(silent).named == ""


def test_around_a_clip_is_its_own_noise() -> None:
    clip = np.concatenate([0.01 * np.random.default_rng(0).standard_normal(8000), np.ones(8000)]).astype(np.float32)
    pads = keyword_real.room_noise(clip, 16000)
    assert pads.shape == (2, 16000)
    assert pads.std() == pytest.approx(0.01, rel=0.2)
    assert not np.array_equal(pads[0], pads[1])


def test_the_noise_around_a_clip_has_the_spectrum_of_its_own() -> None:
    draw = np.random.default_rng(0)
    hum = 0.01 * np.sin(2 * np.pi * 400 * np.arange(8000) / RATE) + 1e-4 * draw.standard_normal(8000)
    word = draw.standard_normal(8000)
    pad = keyword_real.room_noise(np.concatenate([hum, word]).astype(np.float32), 16000)[1]
    hertz, power = welch(pad, RATE, nperseg=1600)
    low = (hertz > 200) & (hertz < 600)
    assert power[low].sum() > 100 * power[~low].sum()
    assert pad.std() == pytest.approx(0.01 / np.sqrt(2), rel=0.1)


def test_around_digital_silence_is_silence() -> None:
    clip = np.concatenate([np.zeros(8000), np.ones(8000)]).astype(np.float32)
    assert not keyword_real.room_noise(clip, 1000).any()
    assert np.isfinite(keyword_real.room_noise(clip[-50:], 1000)).all()


def real(found: Outcomes, **by_keyword: Outcomes) -> keyword_real.RealResult:
    return keyword_real.RealResult(found.misses(0.5), found.alarms(0.5), found, by_keyword)


def test_real_false_alarms_are_counted_on_audio_without_the_keyword_alone() -> None:
    clips, audio = real(Outcomes((0.9, 0.4), (0.95,), 2, 1.0)), real(Outcomes((), (0.5,), 0, 2.0))
    curves = keyword_results.real_curves({keyword_real.POSITIVES: clips, keyword_real.NEGATIVES: audio})
    assert list(curves) == [""]
    assert curves[""].at(0.1).misses == Share(1, 2)
    assert curves[""].at(0.5).misses == Share(0, 2)
    assert curves[""].hours == 2.0
    assert keyword_results.real_curves({keyword_real.POSITIVES: clips}) == {}


def test_each_keyword_alone_has_a_threshold_of_its_own() -> None:
    """ "yes" fires low and "no" high: one threshold without an alarm misses half, two miss nothing."""
    yes, no = Outcomes((0.4,), (), 1, 1.0), Outcomes((0.9,), (), 1, 1.0)
    alarms = Outcomes((), (0.2,), 0, 1.0), Outcomes((), (0.7,), 0, 1.0)
    found = {
        keyword_real.POSITIVES: real(yes + no, yes=yes, no=no),
        keyword_real.NEGATIVES: real(alarms[0] + alarms[1], yes=alarms[0], no=alarms[1]),
    }
    measured = keyword_results.real_figures(found)
    assert measured["real_at"]["0.1 per hour"]["misses"]["rate"] == 0.5
    alone = {name: points["0.1 per hour"]["misses"]["rate"] for name, points in measured["real_at_alone"].items()}
    assert alone == {"yes": 0.0, "no": 0.0}
    lines = "\n".join(keyword_tables.real_lines(measured))
    assert "Real at 0.1 per hour: missed 50.0 %" in lines
    assert "Real, yes alone at its own threshold, at 0.1 per hour: missed 0.0 %" in lines


def test_times_are_told_of_hits_and_not_where_there_is_none() -> None:
    truth, event = Reference("yes", 1.0, 1.5), Detection("yes", 1.02, 1.54, 0.6, 2.0)
    places = asdict(localise([(event, truth)]))
    words = "Onset off by 20 ms, offset by 40 ms (mean), overlap 0.89, decided 500 ms after the word."
    assert keyword_tables.time_words(places) == words
    assert [row[1] for row in keyword_tables.time_rows(places)] == ["20 ms", "40 ms", "500 ms", "0.89"]
    none = asdict(localise([]))
    assert keyword_tables.time_words(none) == "No keyword was found, so nothing is known of onsets and offsets."
    assert keyword_tables.time_rows(none) == []


def test_what_a_recording_is_for_one_of_its_keywords() -> None:
    said = [Said("yes", "keyword", "yes", 1.0, 1.5), Said("no", "keyword", "no", 3.0, 3.5)]
    both = scored("a", said, [Detection("no", 1.0, 1.4, 0.6), Detection("yes", 1.0, 1.4, 0.3)])
    assert both.of("yes").outcomes == replace(both.outcomes, hits=(0.3,), false_alarms=(), references=1)
    assert both.of("no").outcomes == replace(both.outcomes, hits=(), false_alarms=(0.6,), references=1)


def test_several_keywords_need_a_folder_each(tmp_path: Path) -> None:
    (tmp_path / "yes" / "ann").mkdir(parents=True)
    soundfile.write(tmp_path / "yes" / "ann" / "1.wav", np.zeros(8000), 16000)
    real = keyword_real.RealSettings(str(tmp_path))
    with pytest.raises(CorpusError, match="needs a folder of clips for each keyword; missing"):
        real.check(["yes", "no way"])
    assert real.clips(["yes"]) == [("yes", tmp_path / "yes" / "ann" / "1.wav")]


@pytest.fixture
def bare(tmp_path: Path) -> keyword.KeywordExperiment:
    """An experiment of one line."""
    return keyword.KeywordExperiment(settings(tmp_path, "speech.keyword=1", "speech.other=0", "speech.nonsense=0"))


@pytest.fixture
def own() -> Spoken:
    """A clip of a keyword that is somebody's own."""
    (hello,) = speak([Line("hello", script.plain_voice("en-us"), "keyword", "hello")])
    return replace(hello, line=replace(hello.line, voice=recordings.REAL), phones=())


def test_own_recordings_of_a_keyword_are_trained_on_with_their_phones(
    bare: keyword.KeywordExperiment, own: Spoken
) -> None:
    studio = Studio(script.prepare(["hello"]), bare.speech, bare.acoustics, bare.chain, seed=0)
    lines = [said for one in studio.train([own], weight=3) for said in one.scene.said]
    heard = [said for said in lines if said.accent == recordings.REAL.accent]
    assert len(heard) == 3 * bare.speech.copies
    assert all([phone.label for phone in said.phones] == ["hh", "ah", "l", "ow"] for said in heard)
    assert all(said.start <= said.phones[0].start < said.phones[-1].end <= said.end for said in heard)


def test_a_clip_is_judged_in_its_room(bare: keyword.KeywordExperiment, own: Spoken) -> None:
    assert own.span is not None
    clip = keyword_real.clip_heard(own, bare.scorer(0.5))
    assert clip.seconds == pytest.approx(len(own.samples) / RATE + 2 * keyword_real.PAD_SECONDS)
    (word,) = clip.references
    assert (word.start, word.end) == pytest.approx(tuple(time + keyword_real.PAD_SECONDS for time in own.span))


def test_other_programs_say_all_lines_at_most() -> None:
    assert SpeechSettings(keyword=8, flite=0.4, mbrola=0.6).shares == {"flite": 0.4, "mbrola": 0.6}
    with pytest.raises(ValueError, match="flite and mbrola must be at most 1 together"):
        SpeechSettings(keyword=8, flite=0.5, mbrola=0.6)


def test_fewer_minutes_speak_less() -> None:
    speech = SpeechSettings(keyword=1500, dev_negatives=900, test_negatives=6000)
    shorter = speech.within(5)
    assert (shorter.keyword, shorter.dev_negatives, shorter.test_negatives) == (210, 126, 840)
    assert speech.within(0.001).keyword == 40
    assert speech.within(1500 / 42) == speech
