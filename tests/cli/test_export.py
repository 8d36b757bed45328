from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from speechcnn import load
from speechcnn.classifier import AudioClassifier
from speechcnn.cli import main
from speechcnn.export import (
    CLOSENESS,
    ExportError,
    KeywordStreamGraph,
    ScoreGraph,
    onnx_files,
    write_graph,
    write_int8,
)
from speechcnn.models.building import Recipe
from speechcnn.spotter import KeywordSpotter
from tests.classifier.conftest import small, tones

PHONES = Path(__file__).parents[1] / "data" / "format_1.speechcnn"


def keyword_model(path: Path, model: dict) -> KeywordSpotter:
    torch.manual_seed(1)
    recipe = Recipe({"name": "log_mel", "deltas": 0, "energy": False}, {"kind": "corpus"}, model)
    spotter = KeywordSpotter(recipe, ["yes", "no"])
    noise = 0.1 * torch.randn(1, 16000)
    spotter.chain.normalizer.fit([spotter.chain.features(noise)[0][0]])
    with torch.no_grad():
        spotter.chain.network.classes.weight.mul_(40)
    spotter.save(path)
    return spotter


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, KeywordSpotter]:
    folder = tmp_path_factory.mktemp("export")
    small = {"name": "keyword_tdnn", "channels": 8, "dilations": [1, 2], "lookahead_frames": 4}
    spotter = keyword_model(folder / "a.speechcnn", small)
    assert main(["export", str(folder / "a.speechcnn"), str(folder / "a.onnx"), "--int8"]) == 0
    return folder, spotter


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.slow
@pytest.mark.parametrize("n", [400, 4321, 30000])
def test_a_file_gives_what_torch_gives(exported: tuple[Path, KeywordSpotter], n: int) -> None:
    folder, spotter = exported
    samples = (0.1 * np.random.default_rng(n).standard_normal((3, n))).astype(np.float32)
    found = session(folder / "a.onnx").run(None, {"samples": samples})
    expected = [spotter.posteriors(one, spotter.rate) for one in samples]
    for number in (0, 1):
        np.testing.assert_allclose(found[number], np.stack([one[number] for one in expected]), atol=CLOSENESS)


@pytest.mark.slow
def test_the_streaming_file_gives_what_torch_gives_for_the_whole(exported: tuple[Path, KeywordSpotter]) -> None:
    """Run as a program without torch would: by what the file says of itself."""
    folder, spotter = exported
    stream = session(folder / "a.stream.onnx")
    facts = {key: json.loads(text) for key, text in stream.get_modelmeta().custom_metadata_map.items()}
    chunk, n = facts["chunk_samples"], 20001
    samples = (0.1 * np.random.default_rng(0).standard_normal(n)).astype(np.float32)
    padded = np.pad(samples, (0, -n % chunk + chunk * facts["chunks_after"])).reshape(-1, 1, chunk)
    state: dict[str, np.ndarray] = {}  # before the first chunk the file's own values
    found = []
    for number, piece in enumerate(padded):
        length = np.array([np.clip(n - number * chunk, 0, chunk)])
        keywords, _, *after = stream.run(None, {"samples": piece, "length": length, **state})
        state = dict(zip(facts["state"], after, strict=True))
        found.append(keywords[0])
    expected, _ = spotter.posteriors(samples, spotter.rate)
    joined = np.concatenate(found, 1)[:, facts["delay_frames"] :][:, : expected.shape[1]]
    np.testing.assert_allclose(joined, expected, atol=CLOSENESS)
    assert expected.std() > 0.01


@pytest.mark.slow
def test_the_file_says_what_it_is(exported: tuple[Path, KeywordSpotter]) -> None:
    facts = {one.key: json.loads(one.value) for one in onnx.load(exported[0] / "a.onnx").metadata_props}
    assert facts["labels"] == ["yes", "no"]
    assert (facts["rate"], facts["shift_seconds"], facts["first_seconds"]) == (16000, 0.02, 0.0125)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", ".stream"])
def test_eight_bits_quantise_every_convolution_but_that_of_log_posteriors(
    exported: tuple[Path, KeywordSpotter], kind: str
) -> None:
    folder, spotter = exported
    graph = onnx.load(folder / f"a{kind}.int8.onnx").graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("ConvInteger") == 3 + 1 + 3 + 2  # to the phones, phones, to the words, heads
    (left,) = (node for node in graph.node if node.op_type == "Conv")
    (weight,) = (numpy_helper.to_array(one) for one in graph.initializer if one.name == left.input[1])
    norm = spotter.chain.network.body[3]
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    expected = spotter.chain.network.body[2].layer.weight * scale[:, None, None]
    np.testing.assert_allclose(weight, expected.numpy(), atol=1e-6)


@pytest.mark.slow
def test_eight_bits_lose_little(exported: tuple[Path, KeywordSpotter]) -> None:
    folder, _ = exported
    samples = (0.1 * np.random.default_rng(0).standard_normal((1, 16000))).astype(np.float32)
    plain, small = (session(folder / name).run(None, {"samples": samples})[0] for name in ("a.onnx", "a.int8.onnx"))
    assert 0 < np.abs(plain - small).max() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", ".stream"])
def test_eight_bits_say_the_same_of_themselves(exported: tuple[Path, KeywordSpotter], kind: str) -> None:
    told = [
        {one.key: json.loads(one.value) for one in onnx.load(exported[0] / f"a{kind}{end}").metadata_props}
        for end in (".onnx", ".int8.onnx")
    ]
    assert told[0] == told[1]


@pytest.mark.slow
def test_the_loss_of_eight_bits_is_that_of_the_posteriors(
    exported: tuple[Path, KeywordSpotter], tmp_path: Path
) -> None:
    """Not that of a state, whose maps and log posteriors have other sizes, nor of times where no word is."""
    folder, spotter = exported
    graph = KeywordStreamGraph(spotter.chain, 1280).eval()
    trial = (0.1 * torch.randn(1, 1280), torch.tensor([1280]), *graph.start())
    written = write_int8(tmp_path / "b.onnx", folder / "a.stream.onnx", graph, [trial])
    inputs = {name: one.numpy() for name, one in zip(graph.inputs, trial, strict=True)}
    found, expected = session(written.path).run(None, inputs), graph(*trial)
    gaps = [float(np.abs(a - b.numpy()).max()) for a, b in zip(found, expected, strict=True)]
    assert written.difference == pytest.approx(gaps[0])
    assert max(gaps) > 2 * gaps[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        {"name": "keyword_ds_tcn", "channels": 4, "kernels": [3]},
        {"name": "keyword_bc_net", "channels": 2, "blocks": [1, 1, 1, 1]},
    ],
)
def test_every_network_is_exported(tmp_path: Path, model: dict, capsys: pytest.CaptureFixture[str]) -> None:
    keyword_model(tmp_path / "a.speechcnn", model)
    assert main(["export", str(tmp_path / "a.speechcnn"), str(tmp_path / "a.onnx")]) == 0
    assert capsys.readouterr().out.count("largest difference from torch") == 2


@pytest.mark.slow
def test_a_phone_model_is_exported(tmp_path: Path) -> None:
    assert main(["export", str(PHONES), str(tmp_path / "phones.onnx")]) == 0
    recognizer = load(PHONES)
    samples = (0.1 * np.random.default_rng(1).standard_normal(8000)).astype(np.float32)
    (scores,) = session(tmp_path / "phones.onnx").run(None, {"samples": samples[None]})
    expected = recognizer.log_posteriors(recognizer.extract(samples, recognizer.rate))
    found = torch.from_numpy(scores[0]).log_softmax(-1).numpy()
    np.testing.assert_allclose(found, expected, atol=10 * CLOSENESS)
    assert not (tmp_path / "phones.stream.onnx").exists()


@pytest.mark.slow
@pytest.mark.parametrize("task", ["single", "multi"])
def test_a_classifier_is_exported(tmp_path: Path, task: str) -> None:
    clips, labels = tones(9)
    wanted = labels if task == "single" else [[label] for label in labels]
    small(epochs=2, task=task).fit(clips, wanted).save(tmp_path / "a.speechcnn")
    assert main(["export", str(tmp_path / "a.speechcnn"), str(tmp_path / "a.onnx")]) == 0
    told = {one.key: json.loads(one.value) for one in onnx.load(tmp_path / "a.onnx").metadata_props}
    classifier = AudioClassifier.load(tmp_path / "a.speechcnn")
    windows = np.stack([samples[: told["samples"]] for samples, _ in clips])
    (found,) = session(tmp_path / "a.onnx").run(None, {"samples": windows})
    np.testing.assert_allclose(found, classifier.predict_proba(windows, told["rate"]), atol=CLOSENESS)
    assert told["labels"] == ["high", "low", "mid"]


class Odd(torch.nn.Module):
    """A graph that computes something else when it is traced."""

    inputs, outputs = ("samples",), ("scores",)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return samples + (1 if torch.compiler.is_exporting() else 0)


def test_a_graph_that_computes_something_else_is_not_written(tmp_path: Path) -> None:
    example = (torch.zeros(1, 3),)
    with pytest.raises(ExportError, match=r"not written, onnxruntime differs from torch by 1 > 0.0001"):
        write_graph(tmp_path / "a.onnx", Odd(), example, [example], {})
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(onnx_files, "find_spec", lambda name: None)
    assert main(["export", "a.speechcnn", "a.onnx"]) == 2
    assert "export needs onnx, onnxruntime, onnxscript: pip install 'speechcnn[export]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a.speechcnn", "b.pt"], "the name of an ONNX file ends in .onnx"),
        (["a.speechcnn", "none/b.onnx"], "no such folder to write to"),
        (["zebra", "b.onnx"], "no model for it comes with the package"),
    ],
)
def test_bad_input_is_answered_by_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_scores_of_any_network_take_at_least_a_window() -> None:
    recognizer = load(PHONES)
    graph = ScoreGraph(recognizer.features, recognizer.normalizer, recognizer.model)
    with torch.no_grad():
        assert graph(torch.zeros(1, graph.fewest_samples)).shape[:2] == (1, 1)
