"""`speechcnn export MODEL OUT.onnx`: a model as ONNX graphs from samples to scores, compared with torch beforehand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from speechcnn.classifier import AudioClassifier
    from speechcnn.recognizer import PhoneRecognizer
    from speechcnn.spotter import KeywordSpotter

SUFFIX = ".onnx"
TRIAL_SECONDS = (0.5, 3.0)  # of the noise that torch and onnxruntime are compared on


def add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    purpose = "a model as ONNX, front end inside; of a keyword spotter also OUT.stream.onnx with its state"
    exporting = commands.add_parser("export", help=purpose, description=purpose.capitalize() + ".")
    exporting.set_defaults(run=export)
    option = exporting.add_argument
    option("model", help="a .speechcnn file, or a word that a model comes with the package for")
    option("out", type=Path, metavar="OUT.onnx")
    option("--chunk-ms", type=float, default=80.0, help="of the streaming graph (default: 80)")
    option("--int8", action="store_true", help="write OUT.int8.onnx too, and say how far its scores lie from torch's")


def export(arguments: argparse.Namespace) -> int:
    """Write the graphs, and say how far each is from torch and how large it is."""
    from speechcnn.classifier import AudioClassifier
    from speechcnn.export import require_onnx
    from speechcnn.spotter import KeywordSpotter

    require_onnx()
    out: Path = arguments.out
    if out.suffix != SUFFIX:
        raise ValueError(f"{out}: the name of an ONNX file ends in {SUFFIX}.")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"{out.parent}: no such folder to write to.")
    model = loaded(arguments.model)
    check_exportable(arguments.model, model)
    written: list[str] = []
    if isinstance(model, AudioClassifier):
        written += window_files(model, out, arguments.int8)
    else:
        whole = keyword_graph(model) if isinstance(model, KeywordSpotter) else phone_graph(model)
        written += whole_files(whole, facts_of(model), out, arguments.int8, model.rate)
    if isinstance(model, KeywordSpotter):
        written += stream_files(model, out.with_suffix(f".stream{SUFFIX}"), arguments.chunk_ms, arguments.int8)
    sys.stdout.writelines(f"{line}\n" for line in written)
    return 0


def check_exportable(path: str, model: Any) -> None:
    """Raise a ValueError for a model of a task whose graphs are not written yet."""
    from speechcnn.classifier import AudioClassifier
    from speechcnn.recognizer import PhoneRecognizer
    from speechcnn.spotter import KeywordSpotter

    if not isinstance(model, AudioClassifier | KeywordSpotter | PhoneRecognizer):
        kinds = "keyword models, phone models and classifiers"
        raise ValueError(f"{path}: {kinds} can be exported; this is of {type(model).__name__}.")


def loaded(model: str) -> Any:
    """Return the model of a file, or the shipped one of a word."""
    from speechcnn.loading import load
    from speechcnn.spotter.shipped import model_path

    return load(model_path(model))


def keyword_graph(spotter: KeywordSpotter) -> nn.Module:
    """Return what scans whole recordings."""
    from speechcnn.export import KeywordGraph

    return KeywordGraph(spotter.chain)


def phone_graph(recognizer: PhoneRecognizer) -> nn.Module:
    """Return what scores whole recordings, its network built again from torch's own operators."""
    from speechcnn.arguments import construct
    from speechcnn.export import ScoreGraph
    from speechcnn.models import MODELS
    from speechcnn.models.building import input_shape

    settings = {**recognizer.recipe.model, "backprop": "torch"}
    n_classes = recognizer.n_states * len(recognizer.labels)
    network = construct("model", MODELS, settings, n_classes=n_classes, **input_shape(recognizer.features))
    network.load_state_dict(recognizer.model.state_dict())
    return ScoreGraph(recognizer.features, recognizer.normalizer, network.requires_grad_(False))


def window_files(classifier: AudioClassifier, out: Path, int8: bool) -> Iterator[str]:
    """Write the graph for windows of a classifier, and say what was written."""
    import torch

    from speechcnn.arguments import construct
    from speechcnn.classifier.network import shape_of
    from speechcnn.export import ClassifierGraph, write_graph, write_int8
    from speechcnn.models.image_nets import IMAGE_NETS

    fitted, policy, classes = classifier.network_, classifier.windows_, classifier.classes_.tolist()
    settings = {**fitted.recipe.model, "backprop": "torch"}
    network = construct("model", IMAGE_NETS, settings, n_classes=len(classes), **shape_of(fitted.features))
    network.load_state_dict(fitted.model.state_dict())
    graph = ClassifierGraph(
        fitted.features, policy.range_db, fitted.mean, fitted.std, network.requires_grad_(False).eval(),
        fitted.temperature, fitted.multi, policy.n_samples,
    )  # fmt: skip
    facts = {"labels": classes, "rate": fitted.rate, "samples": policy.n_samples}
    trials = [(noise(batch, policy.n_samples),) for batch in (1, 3)]
    free = {"samples": {0: torch.export.Dim("batch")}}
    yield said(write_graph(out, graph, (noise(2, policy.n_samples),), trials, facts, free))
    if int8:
        yield said(write_int8(out.with_suffix(f".int8{SUFFIX}"), out, graph, trials))


def facts_of(model: Any) -> dict[str, Any]:
    """Return what a graph's file says of itself: labels in the order of the scores, rate and frames."""
    if hasattr(model, "keywords"):
        from dataclasses import asdict

        frames = asdict(model.frames)
        return {"labels": model.keywords, "rate": model.rate, "rule": asdict(model.rule), **frames}
    shift, first = model.frame_times
    labels = [f"{phone}_{state}" for phone in model.labels for state in range(model.n_states)]
    return {"labels": labels, "rate": model.rate, "shift_seconds": shift, "first_seconds": first}


def whole_files(graph: nn.Module, facts: dict[str, Any], out: Path, int8: bool, rate: int) -> Iterator[str]:
    """Write the graph for whole recordings, and say what was written."""
    import torch

    from speechcnn.export import write_graph, write_int8

    fewest = int(graph.fewest_samples)  # type: ignore[arg-type]
    free = {"samples": {0: torch.export.Dim("batch"), 1: torch.export.Dim("n_samples", min=fewest)}}
    trials = [(noise(1, round(seconds * rate)),) for seconds in TRIAL_SECONDS]
    trials.append((noise(2, fewest),))
    yield said(write_graph(out, graph, (noise(2, rate),), trials, facts, free))
    if int8:
        yield said(write_int8(out.with_suffix(f".int8{SUFFIX}"), out, graph, trials))


def stream_files(spotter: KeywordSpotter, out: Path, chunk_ms: float, int8: bool) -> Iterator[str]:
    """Write the graph for streams, and say what was written."""
    import torch

    from speechcnn.export import KeywordStreamGraph, write_graph, write_int8
    from speechcnn.export.graphs import stream_facts

    graph = KeywordStreamGraph(spotter.chain, round(chunk_ms * spotter.rate / 1000))
    trials: list[Sequence[Tensor]] = []
    state = graph.start()
    for _ in range(8):
        trials.append((noise(1, graph.chunk), torch.tensor([graph.chunk]), *state))
        state = graph(*trials[-1])[2:]
    facts = {**facts_of(spotter), **stream_facts(graph)}
    start = dict(zip(graph.inputs[2:], graph.start(), strict=True))
    yield said(write_graph(out, graph, trials[0], trials, facts, defaults=start))
    if int8:
        yield said(write_int8(out.with_suffix(f".int8{SUFFIX}"), out, graph, trials))


def noise(batch: int, n_samples: int) -> Tensor:
    """Return noise of the level of speech, the same each time."""
    import torch

    return 0.1 * torch.randn(batch, n_samples, generator=torch.Generator().manual_seed(n_samples))


def said(written: Any) -> str:
    """Return a line on a written graph."""
    return f"{written.path}: {written.n_bytes} bytes, largest difference from torch {written.difference:.1e}"
