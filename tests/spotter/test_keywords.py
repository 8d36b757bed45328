from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from speechcnn import audio, bundle, load
from speechcnn.models.building import Recipe
from speechcnn.recognizer import PhoneRecognizer
from speechcnn.spotter import KeywordSpotter
from speechcnn.spotting import detect

from .conftest import RATE, RECIPE, with_beeps

STARTS = [0.7, 2.2, 12.9]  # none where training had them; the last lies behind the seam of two blocks


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    return with_beeps(14.0, STARTS)


def times(found: list) -> list[tuple[float, float]]:
    return [(one.start, one.end) for one in found]


def test_it_finds_what_is_there_and_when(spotter: KeywordSpotter, recording: np.ndarray) -> None:
    found = spotter.find((recording, RATE))
    assert [one.keyword for one in found] == ["beep"] * 3
    assert times(found) == [(pytest.approx(s, abs=0.06), pytest.approx(s + 0.3, abs=0.06)) for s in STARTS]
    assert spotter.find(recording[:8000], rate=RATE) == []


def test_block_by_block_is_the_whole_at_once(spotter: KeywordSpotter, recording: np.ndarray) -> None:
    posteriors, back = spotter.posteriors((recording, RATE))
    whole = detect(posteriors, back, spotter.rule, spotter.keywords, spotter.frames)
    found = spotter.find((recording, RATE))
    assert times(found) == [(pytest.approx(s, abs=1e-5), pytest.approx(e, abs=1e-5)) for s, e in times(whole)]


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_gives_the_same_posteriors_and_events(
    spotter: KeywordSpotter, recording: np.ndarray, seed: int
) -> None:
    rng, stream, at = np.random.default_rng(seed), spotter.stream(), 0
    state, heard = stream.start(), []
    while at < len(recording):
        size = int(rng.integers(1, 10240))
        one, state = stream.step(recording[at : at + size], state)
        heard, at = [*heard, one], at + size
    heard.append(stream.finish(state))
    posteriors, back = spotter.posteriors((recording, RATE))
    np.testing.assert_allclose(np.concatenate([one.posteriors for one in heard], 1), posteriors, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([one.times for one in heard], 1), back, atol=1e-5)
    found = [event for one in heard for event in one.detections]
    expected = spotter.find((recording, RATE))
    assert times(found) == [(pytest.approx(s, abs=1e-5), pytest.approx(e, abs=1e-5)) for s, e in times(expected)]


def test_a_stream_can_be_taken_up_from_any_of_its_states(spotter: KeywordSpotter, recording: np.ndarray) -> None:
    stream = spotter.stream()
    _, state = stream.step(recording[:9000], stream.start())
    first, again = (stream.step(recording[9000:20000], state)[0] for _ in range(2))
    assert np.array_equal(first.posteriors, again.posteriors)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_files_of_other_rates_and_channels(spotter: KeywordSpotter, tmp_path: Path, rate: int, channels: int) -> None:
    soundfile = pytest.importorskip("soundfile")
    samples = with_beeps(3.0, [1.1], rate)
    soundfile.write(tmp_path / "a.wav", np.stack([samples] * channels, 1), rate)
    found = spotter.find(tmp_path / "a.wav")
    assert found
    if rate > 8000:  # else the upper bands are empty, which training had not
        assert times(found) == [(pytest.approx(1.1, abs=0.06), pytest.approx(1.4, abs=0.06))]


@pytest.mark.parametrize("n", [1, 399, 400, 3000])
def test_less_than_the_receptive_field(spotter: KeywordSpotter, n: int) -> None:
    assert spotter.find(np.zeros(n, dtype=np.float32), RATE) == []


def test_a_beep_alone_is_found_though_shorter_than_the_receptive_field(spotter: KeywordSpotter) -> None:
    assert len(spotter.find(with_beeps(0.33, [0.02]), RATE)) == 1
    assert spotter.chain.context_seconds > 0.33


def test_the_threshold_can_be_another_for_once(spotter: KeywordSpotter, recording: np.ndarray) -> None:
    assert spotter.find((recording, RATE), threshold=1.0) == []
    assert spotter.rule.threshold == 0.5


def test_a_file_holds_everything(spotter: KeywordSpotter, model_file: Path, recording: np.ndarray) -> None:
    again = load(model_file)
    assert isinstance(again, KeywordSpotter)
    assert (again.keywords, again.rule, again.card) == (spotter.keywords, spotter.rule, {"licence": "MIT", "seed": 0})
    assert times(again.find((recording, RATE))) == times(spotter.find((recording, RATE)))


def test_the_card_says_what_follows(spotter: KeywordSpotter, model_file: Path) -> None:
    card = bundle.read(model_file).card
    assert card["task"] == "keyword"
    assert card["labels"] == ["beep"]
    assert card["receptive_field_ms"] == 25 + 10 * (5 - 1 + 2 * 2 * (1 + 2 + 4))
    assert card["latency_ms"] == 12.5 + 160
    assert card["hop_ms"] == 20
    assert card["parameters"] == 40 * 16 * 5 + 2 * 16 * 16 * 3 + 17 * 39 + 39 * 16 * 3 + 4 * 32 + 17 * 4
    assert card["multiply_adds_per_second"] == 50 * (40 * 16 * 5 + 2 * 16 * 16 * 3 + 16 * 39 + 39 * 16 * 3 + 16 * 4)
    assert {key: card[key] for key in asdict(spotter.facts())} == asdict(spotter.facts())


def test_a_model_of_another_task_is_answered_by_a_sentence(model_file: Path, tmp_path: Path) -> None:
    content = bundle.read(model_file)
    other = tmp_path / "other.speechcnn"
    bundle.write(other, bundle.Bundle({**content.card, "task": "poems"}, content.tensors))
    with pytest.raises(bundle.BundleError, match="a model for 'poems'; a keyword spotter was asked for"):
        KeywordSpotter.load(other)
    with pytest.raises(
        bundle.BundleError, match="a model for 'poems'; this version knows classification, events, keyword, phones"
    ):
        load(other)
    with pytest.raises(bundle.BundleError, match="a model for 'keyword'; a phone recogniser was asked for"):
        PhoneRecognizer.load(model_file)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"labels": []}, "keywords must be a list of 1 to 1000"),
        ({"labels": ["a", "b"]}, r"classes\.bias must be float32"),
        ({"rule": {"threshold": 7}}, "threshold must lie above 0"),
        ({"model": {"name": "cnn_dnn", "pool": 1}}, "model.name must be one of keyword_bc_net"),
        ({"normalisation": {"kind": "none"}}, "mean"),
    ],
)
def test_cards_that_do_not_fit_are_refused(model_file: Path, tmp_path: Path, change: dict, sentence: str) -> None:
    content = bundle.read(model_file)
    path = tmp_path / "bad.speechcnn"
    bundle.write(path, bundle.Bundle({**content.card, **change}, content.tensors))
    with pytest.raises(bundle.BundleError, match=sentence):
        KeywordSpotter.load(path)


def test_a_word_without_a_model_is_told_how_to_make_one() -> None:
    with pytest.raises(FileNotFoundError, match=r"'Zebra' is no model file.* speechcnn train keyword keyword=zebra,"):
        KeywordSpotter.load("Zebra")
    with pytest.raises(FileNotFoundError, match='train keyword "keyword=smart mirror"'):
        KeywordSpotter.load("smart mirror")
    with pytest.raises(FileNotFoundError, match=r"no/such.speechcnn: no such model file"):
        KeywordSpotter.load("no/such.speechcnn")


@pytest.mark.parametrize("keywords", [[], ["a", "a"], [" "], "hello"])
def test_bad_keywords(keywords: list[str]) -> None:
    with pytest.raises(ValueError, match="keywords must"):
        KeywordSpotter(RECIPE, keywords)


def test_utterance_normalisation_is_refused() -> None:
    with pytest.raises(ValueError, match="utterance is not known before its end"):
        KeywordSpotter(Recipe(RECIPE.features, {"kind": "utterance"}, RECIPE.model), ["a"])


@pytest.mark.parametrize("bad", [np.zeros((4, 2)), [0.0, np.nan]])
def test_bad_chunks(spotter: KeywordSpotter, bad: np.ndarray) -> None:
    stream = spotter.stream()
    with pytest.raises(ValueError, match=r"mono samples|finite"):
        stream.step(bad, stream.start())


def test_nothing_asks_for_a_gradient(spotter: KeywordSpotter) -> None:
    assert not any(p.requires_grad for p in spotter.chain.parameters())
    assert not torch.is_grad_enabled() or spotter.chain(torch.zeros(1, 800)).keywords.grad_fn is None


def test_damaged_audio_is_named(spotter: KeywordSpotter, tmp_path: Path) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(b"RIFF nonsense")
    with pytest.raises(audio.AudioError, match=r"bad\.wav"):
        spotter.find(path)
